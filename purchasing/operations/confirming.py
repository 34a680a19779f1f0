"""What suppliers say about when goods come, and who has to know when it is later."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from django.db import transaction

from purchasing.models import DeliverySlip, PurchaseOrder, PurchaseOrderLine
from purchasing.queries import Waiting, waiting_for_lines
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User


class UnknownOrderLine(BusinessError):
    """A day was confirmed for a line that the order does not have."""


@transaction.atomic
def confirm_order(
    *,
    order_id: int,
    dates: Mapping[int, date],
    supplier_reference: str,
    at: datetime,
    by: User | None,
) -> PurchaseOrder:
    """
    Note on which days a supplier says that lines come, and the supplier's number of the order.

    A day later than customers could count on becomes a DeliverySlip, with who waits for the line in
    this moment. The same days again change nothing.
    dates: line id -> day; lines that are not named keep theirs.
    Locks: the purchase order, its lines.

    :raises WrongStatus: the order was not sent, or has ended.
    :raises UnknownOrderLine: a line of another order.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    if order.status != PurchaseOrder.Status.SENT:
        msg = f"{order} is {order.get_status_display().lower()}: there is nothing to confirm."
        raise WrongStatus(msg, status=order.status)
    lines = {line.pk: line for line in order.lines.for_update()}
    if unknown := sorted(dates.keys() - lines.keys()):
        raise UnknownOrderLine(f"{order} has no such line.", lines=unknown)
    changed = [lines[pk] for pk, day in dates.items() if lines[pk].confirmed_on != day]
    reference = supplier_reference.strip() or order.supplier_reference
    is_the_same = not changed and reference == order.supplier_reference
    if is_the_same and order.confirmed_at is not None:
        return order
    note_slips(order=order, days={line.pk: dates[line.pk] for line in changed}, at=at, by=by)
    for line in changed:
        line.confirmed_on = dates[line.pk]
    PurchaseOrderLine.objects.bulk_update(changed, ["confirmed_on"])
    order.supplier_reference, order.confirmed_at = reference, at
    order.save(update_fields=["supplier_reference", "confirmed_at"])
    return order


def note_slips(
    *, order: PurchaseOrder, days: Mapping[int, date], at: datetime, by: User | None
) -> list[DeliverySlip]:
    """
    Write which lines of a locked order come later than customers could count on, before they move.

    days: line id -> the new day. Earlier days, first days and lines that have all come slip not.
    """
    lines = order.lines.filter(pk__in=list(days)).select_related("order")
    late = {
        line: before
        for line in lines
        if (before := counted_on(line)) and days[line.pk] > before and line.expected
    }
    waiting: dict[int, list[Waiting]] = defaultdict(list)
    for row in waiting_for_lines([line.pk for line in late]):
        waiting[row.purchase_line_id].append(row)
    return DeliverySlip.objects.bulk_create(
        DeliverySlip(
            line=line,
            from_on=before,
            to_on=days[line.pk],
            waiting_orders=len({row.order_id for row in waiting[line.pk]}),
            waiting_units=sum(row.units for row in waiting[line.pk]),
            noted_at=at,
            noted_by=by,
        )
        for line, before in late.items()
    )


def counted_on(line: PurchaseOrderLine) -> date | None:
    """Return the day on which customers could count: confirmed, else asked for, if any was said."""
    return line.confirmed_on or line.expected_on or line.order.expected_on


@transaction.atomic
def mark_slips_seen(*, slip_ids: Iterable[int], at: datetime, by: User) -> int:
    """
    Take slipped deliveries off the desk; return how many were on it.

    One that somebody has seen before stays theirs.
    """
    slips = DeliverySlip.objects.filter(pk__in=list(slip_ids), seen_at__isnull=True)
    return slips.update(seen_at=at, seen_by=by)
