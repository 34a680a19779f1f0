"""Suppliers' bills as they are entered and matched, and the rows only operations write."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from uuid import uuid4

import factory
from factory.django import DjangoModelFactory

from purchasing import operations
from purchasing.models import (
    GoodsReceipt,
    MatchAllocation,
    MatchException,
    PayableExport,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierInvoiceLine,
    TolerancePolicy,
)
from retail.common.models import User
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import SupplierFactory, sent_order

TODAY = NOON.date()
_numbers = count(1)


class TolerancePolicyFactory(DjangoModelFactory):
    """The supplier's own policy; `supplier=None` is the company's."""

    class Meta:
        model = TolerancePolicy

    supplier = factory.SubFactory(SupplierFactory)


class SupplierInvoiceFactory(DjangoModelFactory):
    """The paper only; `bill` captures one with lines, `matched_bill` matches it too."""

    class Meta:
        model = SupplierInvoice

    supplier = factory.SubFactory(SupplierFactory)
    supplier_number = factory.Sequence(lambda n: f"R-{n + 1}")
    invoiced_on = TODAY
    due_on = TODAY + timedelta(days=30)
    currency = factory.SelfAttribute("supplier.currency")
    net_total = Decimal("25.0000")
    total = Decimal("25.0000")
    captured_at = NOON


class SupplierInvoiceLineFactory(DjangoModelFactory):
    class Meta:
        model = SupplierInvoiceLine

    invoice = factory.SubFactory(SupplierInvoiceFactory)
    position = factory.Sequence(lambda n: n + 1)
    quantity = 10
    unit_price = Decimal("2.5000")
    net_amount = Decimal("25.0000")


class MatchExceptionFactory(DjangoModelFactory):
    class Meta:
        model = MatchException

    invoice = factory.SubFactory(SupplierInvoiceFactory)
    kind = MatchException.Kind.HEADER
    expected = Decimal("25.0000")
    actual = Decimal("26.0000")
    tolerance = factory.LazyFunction(dict)
    raised_at = NOON


def printed(
    order_line: PurchaseOrderLine, units: int, unit_price: str, **values
) -> operations.NewInvoiceLine:
    """Return a line that bills units of an order line and names the order."""
    price = Decimal(unit_price)
    stated = {
        "quantity": units,
        "unit_price": price,
        "net_amount": units * price,
        "order_number": order_line.order.number,
        "supplier_sku": order_line.variant.sku,
    }
    return operations.NewInvoiceLine(**(stated | values))


def bill(
    *lines: operations.NewInvoiceLine,
    order: PurchaseOrder | None = None,
    number: str = "",
    by: User | None = None,
    **values,
) -> SupplierInvoice:
    """Capture a bill with these lines; without any, for all that the order ordered at its cost."""
    order = order or sent_order()
    lines = lines or tuple(
        printed(line, line.ordered, str(line.unit_cost)) for line in order.lines.order_by("pk")
    )
    net_total = sum(line.net_amount for line in lines)
    stated = {
        "supplier": order.supplier,
        "kind": SupplierInvoice.Kind.INVOICE,
        "supplier_number": number or f"R-{next(_numbers)}",
        "invoiced_on": TODAY,
        "currency": order.currency,
        "lines": lines,
        "net_total": net_total,
        "tax_total": Decimal(0),
        "total": net_total,
        "at": NOON,
        "by": by or UserFactory(),
    }
    return operations.capture_invoice(**(stated | values))


def matched(invoice: SupplierInvoice, *, at: datetime = NOON) -> SupplierInvoice:
    return operations.match_invoice(invoice_id=invoice.pk, at=at)


def matched_bill(*lines: operations.NewInvoiceLine, **values) -> SupplierInvoice:
    """Capture a bill as `bill` does and match it."""
    return matched(bill(*lines, **values))


def delivery(
    order: PurchaseOrder, accepted: Sequence[int] | None = None, *, at: datetime = NOON
) -> GoodsReceipt:
    """Receive units of the order's lines, by default all that were ordered."""
    lines = list(order.lines.order_by("pk"))
    units = accepted or [line.ordered for line in lines]
    return operations.receive_goods(
        order_id=order.pk,
        lines=[
            operations.ReceivedLine(order_line_id=line.pk, accepted=count)
            for line, count in zip(lines, units, strict=True)
        ],
        delivery_note="",
        key=uuid4().hex,
        at=at,
        by=None,
    )


def approved_bill(*lines: operations.NewInvoiceLine, **values) -> SupplierInvoice:
    """Capture, match and approve a bill for goods that all came."""
    order = values.pop("order", None) or sent_order()
    if not GoodsReceipt.objects.filter(lines__order_line__order=order).exists():
        delivery(order)
    invoice = matched_bill(*lines, order=order, **values)
    return operations.approve_invoice(invoice_id=invoice.pk, at=NOON, by=UserFactory())


def exported_batch(*invoices: SupplierInvoice, key: str = "") -> PayableExport:
    """Export approved bills, by default a new one."""
    batch = invoices or (approved_bill(),)
    return operations.export_payables(
        invoice_ids=[invoice.pk for invoice in batch],
        key=key or uuid4().hex,
        at=NOON,
        by=UserFactory(),
    )


def _some_match() -> MatchAllocation:
    order = sent_order()
    delivery(order)
    return MatchAllocation.objects.get(invoice_line__invoice=matched_bill(order=order))


MAKERS = {MatchAllocation: _some_match, PayableExport: exported_batch}
