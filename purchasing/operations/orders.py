"""Raising purchase orders, having them approved, sending and ending them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from catalog.models import Variant
from inventory.models import Location
from purchasing.models import PurchaseOrder, PurchaseOrderLine, Supplier, SupplierProduct
from purchasing.queries import supplier_offers
from retail.common.errors import BusinessError, NotAllowed, WrongStatus
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.models import User
from retail.common.money import round_rate
from retail.common.status import check_move


class NoOrderLines(BusinessError):
    """An order without lines orders nothing."""


class InvalidOrderLine(BusinessError):
    """A line names an unknown variant, no units, or a cost that is not a price."""


class NoSupplierPrice(BusinessError):
    """The supplier has no price for a variant and none was given."""


class InactiveSupplier(BusinessError):
    """Nothing more is bought from this supplier."""


class SelfApproval(NotAllowed):
    """Nobody approves an order they raised."""


class GoodsAlreadyArrived(BusinessError):
    """Goods or an invoice came, so the order cannot be cancelled."""


class MissingReason(BusinessError):
    """The act needs a reason."""


@dataclass(frozen=True)
class NewLine:
    """A variant to order; without a unit cost the supplier's price of the day is taken."""

    variant_id: int
    units: int
    unit_cost: Decimal | None = None


@transaction.atomic
def create_purchase_order(
    *,
    supplier: Supplier,
    location: Location,
    lines: Sequence[NewLine],
    reference: str,
    at: datetime,
    by: User | None,
    expected_on: date | None = None,
    note: str = "",
) -> PurchaseOrder:
    """
    Raise a draft order in the supplier's currency.

    reference: key of this act; a second call with it returns the first order unchanged.

    :raises NoOrderLines, InvalidOrderLine, NoSupplierPrice, InactiveSupplier: nothing is stored.
    """
    order, is_new = PurchaseOrder.objects.get_or_create(
        reference=reference,
        defaults={
            "supplier": supplier,
            "location": location,
            "currency": supplier.currency,
            "expected_on": expected_on,
            "note": note,
            "raised_at": at,
            "raised_by": by,
        },
    )
    if not is_new:
        return order
    if not supplier.is_active:
        msg = f"{supplier.name} is no longer an active supplier."
        raise InactiveSupplier(msg, supplier=supplier.code)
    PurchaseOrderLine.objects.bulk_create(_order_lines(order=order, lines=lines, on=at.date()))
    return order


@transaction.atomic
def revise_draft(
    *,
    order_id: int,
    location: Location,
    lines: Sequence[NewLine],
    expected_on: date | None,
    note: str,
    at: datetime,
) -> PurchaseOrder:
    """
    Replace what a draft orders, where it goes and when.

    :raises WrongStatus: the order is no longer a draft.
    :raises NoOrderLines, InvalidOrderLine, NoSupplierPrice: the order stays as it was.
    """
    order = _lock(order_id)
    if order.status != PurchaseOrder.Status.DRAFT:
        msg = f"{order} is {order.get_status_display().lower()}: only a draft can be changed."
        raise WrongStatus(msg, status=order.status)
    order.location, order.expected_on, order.note = location, expected_on, note
    order.save(update_fields=["location", "expected_on", "note"])
    new_lines = _order_lines(order=order, lines=lines, on=at.date())
    order.lines.all().delete()
    PurchaseOrderLine.objects.bulk_create(new_lines)
    return order


@transaction.atomic
def submit(*, order_id: int) -> PurchaseOrder:
    """
    Put a draft before somebody who may approve it.

    :raises WrongStatus: the order is not a draft.
    :raises NoOrderLines: it orders nothing.
    """
    order = _lock(order_id)
    check_move(order, PurchaseOrder.Status.AWAITING_APPROVAL)
    if not order.lines.exists():
        raise _no_lines()
    order.status = PurchaseOrder.Status.AWAITING_APPROVAL
    order.save(update_fields=["status"])
    return order


@transaction.atomic
def return_to_draft(*, order_id: int) -> PurchaseOrder:
    """
    Take an order that was not sent back to be changed; an approval is void.

    :raises WrongStatus: the order was sent, ended, or is a draft.
    """
    order = _lock(order_id)
    check_move(order, PurchaseOrder.Status.DRAFT)
    order.status = PurchaseOrder.Status.DRAFT
    order.approved_at = order.approved_by = None
    order.save(update_fields=["status", "approved_at", "approved_by"])
    return order


@transaction.atomic
def approve(*, order_id: int, at: datetime, by: User) -> PurchaseOrder:
    """
    Release an order for sending.

    :raises SelfApproval: the same person raised it.
    :raises WrongStatus: it is not waiting for approval.
    """
    order = _lock(order_id)
    check_move(order, PurchaseOrder.Status.APPROVED)
    if order.raised_by_id == by.pk:
        msg = f"{order} was raised by you: somebody else has to approve it."
        raise SelfApproval(msg, order=order.number)
    order.status = PurchaseOrder.Status.APPROVED
    order.approved_at, order.approved_by = at, by
    order.save(update_fields=["status", "approved_at", "approved_by"])
    return order


@transaction.atomic
def send(*, order_id: int, at: datetime) -> PurchaseOrder:
    """
    Declare an approved order sent; `purchasing.tasks.send_purchase_orders` e-mails it.

    :raises WrongStatus: the order is not approved, or was sent before.
    """
    order = _lock(order_id)
    check_move(order, PurchaseOrder.Status.SENT)
    order.status = PurchaseOrder.Status.SENT
    order.sent_at = at
    order.save(update_fields=["status", "sent_at"])
    return order


@transaction.atomic
def cancel(*, order_id: int, reason: str, at: datetime, by: User | None) -> PurchaseOrder:
    """
    End an order of which nothing came; every unit counts as cancelled.

    :raises GoodsAlreadyArrived: something was received or invoiced: close it short instead.
    :raises WrongStatus: the order has ended.
    :raises MissingReason: the reason is empty.
    """
    order = _lock(order_id)
    check_move(order, PurchaseOrder.Status.CANCELLED)
    lines = list(order.lines.for_update())
    if any(line.received or line.invoiced for line in lines):
        msg = f"Goods or an invoice of {order} came already: close it short instead."
        raise GoodsAlreadyArrived(msg, order=order.number)
    for line in lines:
        line.cancelled = line.ordered
    PurchaseOrderLine.objects.bulk_update(lines, ["cancelled"])
    return _end(order, status=PurchaseOrder.Status.CANCELLED, reason=reason, at=at, by=by)


@transaction.atomic
def close_short(*, order_id: int, reason: str, at: datetime, by: User | None) -> PurchaseOrder:
    """
    End a sent order although not everything came; what is missing counts as cancelled.

    :raises WrongStatus: the order was not sent, or has ended.
    :raises MissingReason: the reason is empty.
    """
    order = _lock(order_id)
    check_move(order, PurchaseOrder.Status.CLOSED)
    lines = list(order.lines.for_update())
    for line in lines:
        line.cancelled += line.expected
    PurchaseOrderLine.objects.bulk_update(lines, ["cancelled"])
    _end(order, status=PurchaseOrder.Status.CLOSED, reason=reason, at=at, by=by)
    refresh_progress(order_ids=[order.pk], at=at)
    order.refresh_from_db()
    return order


@transaction.atomic
def refresh_progress(*, order_ids: Collection[int], at: datetime) -> None:
    """
    Derive receipt and invoice status from the lines; close what has wholly come and been billed.

    Every change of a line's received, invoiced or cancelled units ends with this. The caller
    holds the locks of the orders.
    """
    orders = list(PurchaseOrder.objects.for_update().filter(pk__in=list(order_ids)))
    lines_of = defaultdict(list)
    for order_id, *counts in (
        PurchaseOrderLine.objects.filter(order__in=orders)
        .order_by("pk")
        .values_list("order_id", F("ordered") - F("cancelled"), "received", "invoiced")
    ):
        lines_of[order_id].append(counts)

    done = {PurchaseOrder.Progress.COMPLETE, PurchaseOrder.Progress.OVER}
    for order in orders:
        lines = lines_of[order.pk]
        targets = [target for target, _, _ in lines]
        order.receipt_status = _progress([received for _, received, _ in lines], targets)
        order.invoice_status = _progress([invoiced for _, _, invoiced in lines], targets)
        if (
            order.status == PurchaseOrder.Status.SENT
            and {
                order.receipt_status,
                order.invoice_status,
            }
            <= done
        ):
            order.status, order.closed_at = PurchaseOrder.Status.CLOSED, at
    PurchaseOrder.objects.bulk_update(
        orders, ["receipt_status", "invoice_status", "status", "closed_at"]
    )


def _progress(units: Sequence[int], targets: Sequence[int]) -> PurchaseOrder.Progress:
    """Compare line by line, so that one line with too much cannot hide another with too little."""
    if not any(units):
        return PurchaseOrder.Progress.NONE
    pairs = list(zip(units, targets, strict=True))
    if any(came < target for came, target in pairs):
        return PurchaseOrder.Progress.PARTIAL
    if any(came > target for came, target in pairs):
        return PurchaseOrder.Progress.OVER
    return PurchaseOrder.Progress.COMPLETE


def _lock(order_id: int) -> PurchaseOrder:
    return PurchaseOrder.objects.for_update().get(pk=order_id)


def _end(
    order: PurchaseOrder, *, status: str, reason: str, at: datetime, by: User | None
) -> PurchaseOrder:
    if not reason.strip():
        msg = "Say why: the reason is kept with the order."
        raise MissingReason(msg, order=order.number)
    order.status, order.close_reason = status, reason.strip()
    order.closed_at, order.closed_by = at, by
    order.save(update_fields=["status", "close_reason", "closed_at", "closed_by"])
    return order


def _order_lines(
    *, order: PurchaseOrder, lines: Sequence[NewLine], on: date
) -> list[PurchaseOrderLine]:
    """Return the unsaved lines in the given order, each with a cost."""
    if not lines:
        raise _no_lines()
    skus = _checked_skus(lines)
    offers = supplier_offers(
        supplier_id=order.supplier_id,
        wanted={(line.variant_id, line.units) for line in lines},
        on=on,
    )
    unpriced = [
        skus[line.variant_id]
        for line in lines
        if line.unit_cost is None and (line.variant_id, line.units) not in offers
    ]
    if unpriced:
        msg = f"No price of this supplier for {', '.join(unpriced)}: enter the cost."
        raise NoSupplierPrice(msg, skus=unpriced)

    supplier_skus = _supplier_skus(order.supplier_id, variant_ids=set(skus))
    return [
        PurchaseOrderLine(
            order=order,
            position=position,
            variant_id=line.variant_id,
            supplier_sku=offer.supplier_sku if offer else supplier_skus.get(line.variant_id, ""),
            ordered=line.units,
            unit_cost=round_rate(
                # A line without a cost has an offer, as checked above.
                offer.unit_cost if line.unit_cost is None else line.unit_cost  # type: ignore[union-attr]
            ),
        )
        for position, line in enumerate(lines, start=1)
        for offer in [offers.get((line.variant_id, line.units))]
    ]


def _checked_skus(lines: Sequence[NewLine]) -> dict[int, str]:
    """Return variant id -> SKU when every line can be ordered."""
    skus = dict(
        Variant.objects.filter(pk__in={line.variant_id for line in lines}).values_list("pk", "sku")
    )
    for position, line in enumerate(lines, start=1):
        if line.variant_id not in skus:
            problem = "the article is not in the catalog"
        elif not 1 <= line.units < MAX_UNITS:
            problem = "at least one unit is ordered"
        elif line.unit_cost is not None and not _is_price(line.unit_cost):
            problem = "the unit cost is not a price"
        else:
            continue
        msg = f"Line {position}: {problem}."
        raise InvalidOrderLine(msg, position=position, variant=line.variant_id, units=line.units)
    return skus


def _is_price(amount: Decimal) -> bool:
    return amount.is_finite() and 0 <= amount < MAX_AMOUNT


def _supplier_skus(supplier_id: int, *, variant_ids: Collection[int]) -> dict[int, str]:
    """Return variant id -> the supplier's SKU, where the supplier lists the variant."""
    return dict(
        SupplierProduct.objects.filter(supplier_id=supplier_id, variant_id__in=variant_ids)
        .order_by("is_active", "-pk")
        .values_list("variant_id", "supplier_sku")
    )


def _no_lines() -> NoOrderLines:
    return NoOrderLines("An order needs at least one line.")
