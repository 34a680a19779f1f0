"""Saying which order line a line of a supplier's document belongs to."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from purchasing.models import InvoiceStep, PurchaseOrderLine, SupplierInvoice, SupplierInvoiceLine
from purchasing.operations.matching import work_out
from purchasing.operations.pools import BILLED_ORDERS, MATCHABLE, lock_pool
from purchasing.operations.steps import note_step
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User


class NotAssignable(BusinessError):
    """A charge belongs to no order line, and only what gives back can be money alone."""


class NotTheirOrder(BusinessError):
    """The order line is of another supplier, or of an order that was never sent."""


@transaction.atomic
def assign_line(
    *,
    invoice_line_id: int,
    order_line_id: int | None,
    is_price_only: bool = False,
    at: datetime,
    by: User | None,
) -> SupplierInvoiceLine:
    """
    Say which order line a line of a bill belongs to, and match the bill anew.

    What a person says goes before all that is printed, until they say otherwise.
    order_line_id: None lets the program find it again. is_price_only: the line gives back money
    for units that stay billed. The same again changes nothing.
    Locks: as `match_invoice`.

    :raises WrongStatus: the bill is payable already, or void.
    :raises NotTheirOrder: that order line is none of this supplier's sent orders.
    :raises NotAssignable: it is a charge, or money alone on a line that asks for money.
    """
    # Of which document a line is never changes, nor of which supplier a document or an order is.
    line = SupplierInvoiceLine.objects.select_related("invoice").get(pk=invoice_line_id)
    order_line = _order_line(line, order_line_id)
    pool = lock_pool(line.invoice_id, also=[order_line.pk] if order_line else [])
    invoice = pool.invoices[line.invoice_id]
    if invoice.status not in MATCHABLE:
        msg = f"{invoice} is {invoice.get_status_display().lower()}: its lines stay where they are."
        raise WrongStatus(msg, status=invoice.status)
    line.refresh_from_db()
    _require_assignable(line, invoice, is_price_only=is_price_only)
    if (line.assigned_line_id, line.is_price_only) == (order_line_id, is_price_only):
        return line

    line.assigned_line, line.is_price_only = order_line, is_price_only
    line.save(update_fields=["assigned_line", "is_price_only"])
    note_step(invoice.pk, InvoiceStep.Kind.ASSIGNED, text=_said(line, order_line), at=at, by=by)
    pool.lines[line.pk] = pool.lines[line.pk]._replace(
        assigned_line_id=order_line_id, is_price_only=is_price_only
    )
    work_out(pool, at=at)
    return line


def _order_line(line: SupplierInvoiceLine, order_line_id: int | None) -> PurchaseOrderLine | None:
    if order_line_id is None:
        return None
    found = PurchaseOrderLine.objects.select_related("order", "variant").get(pk=order_line_id)
    if found.order.supplier_id != line.invoice.supplier_id:
        msg = f"{found.order} is an order of another supplier."
        raise NotTheirOrder(msg, order=found.order.number)
    if found.order.status not in BILLED_ORDERS:
        status = found.order.get_status_display().lower()
        msg = f"{found.order} is {status}: bills belong to orders that were sent."
        raise NotTheirOrder(msg, order=found.order.number)
    return found


def _require_assignable(
    line: SupplierInvoiceLine, invoice: SupplierInvoice, *, is_price_only: bool
) -> None:
    if line.kind == SupplierInvoiceLine.Kind.CHARGE:
        msg = f"{line} of {invoice} is a charge: it belongs to no order line."
        raise NotAssignable(msg, invoice_line=line.pk)
    gives_back = (invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE) != line.is_deduction
    if is_price_only and not gives_back:
        msg = f"{line} of {invoice} asks for money: only what gives back can be money alone."
        raise NotAssignable(msg, invoice_line=line.pk)


def _said(line: SupplierInvoiceLine, order_line: PurchaseOrderLine | None) -> str:
    if order_line is None:
        what = f"{line} is found by what is printed on it again"
    else:
        what = f"{line} belongs to {order_line} of {order_line.order}, {order_line.variant.sku}"
    return f"{what}; money alone, no units." if line.is_price_only else f"{what}."
