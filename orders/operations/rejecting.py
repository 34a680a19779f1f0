"""Pieces that a place cannot serve after all: given back, counted, and served from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from inventory.models import StockLevel
from inventory.operations import request_counts
from orders.models import (
    Fulfillment,
    FulfillmentItem,
    FulfillmentLine,
    Order,
    OrderEvent,
    OrderLine,
    RoutingRejection,
)
from orders.operations.begun import begun_pieces, free_pieces
from orders.operations.contents import Contents
from orders.operations.events import event, record_events
from orders.operations.packing import put_goods_back
from orders.operations.promised import Promises, Spot, give_back, lines_of, locked_promises_of
from orders.operations.rerouting import promise_anew, require_served
from orders.operations.routing import PLACE_REJECTED
from orders.operations.statuses import locked_order
from retail.common.errors import BusinessError
from retail.common.models import User

Reason = RoutingRejection.Reason

# The stock is not as the system says, so somebody has to look.
TO_BE_COUNTED = frozenset({Reason.NOT_FOUND, Reason.DAMAGED})


class InvalidRejection(BusinessError):
    """Pieces that are not there to be rejected, or a line or a reason that nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnservedPieces:
    """
    Pieces of a line that a place was to serve and cannot.

    fulfillment_id: the one they are taken out of; without it those go first that nobody picks yet.
    """

    line_id: int
    location_id: int
    quantity: int
    fulfillment_id: int | None = None


@transaction.atomic
def reject_pieces(
    *,
    pieces: UnservedPieces,
    reason: str,
    key: str,
    at: datetime,
    by: User | None = None,
    note: str = "",
) -> RoutingRejection:
    """
    Note that a place cannot serve pieces of a line after all, and serve them from elsewhere.

    The promise of them is given back, and a fulfillment that somebody is picking loses them; one
    of which nothing is left is put back. The place is not asked for the line again. What was not
    found or is damaged is to be counted there. Where no other place has it, the order waits for
    stock and is held.

    reason: of RoutingRejection.Reason. key: made by whoever asks; the same key again returns the
    first rejection of the line there.
    Locks: the order, then the stock levels.

    :raises InvalidRejection: no such line or reason; fewer pieces are promised there, or they
    were scanned into their parcel already.
    :raises WrongStatus: the order is completed or cancelled.
    """
    line_ids = OrderLine.objects.filter(pk=pieces.line_id)
    order_id = line_ids.values_list("order_id", flat=True).first()
    if order_id is None or reason not in Reason.values:
        raise InvalidRejection("There is no such line, or no such reason.", line=pieces.line_id)
    order = locked_order(order_id)
    found = RoutingRejection.objects.filter(
        line_id=pieces.line_id, location_id=pieces.location_id, key=key
    )
    if earlier := found.first():
        return earlier
    require_served(order)
    lines = lines_of(order)
    line = next(line for line in lines if line.pk == pieces.line_id)
    promises = locked_promises_of(order=order, lines=lines, at=at)
    contents = promises.contents.get(line.pk, {})
    rejection = RoutingRejection(
        line=line,
        location_id=pieces.location_id,
        key=key,
        quantity=pieces.quantity,
        reason=reason,
        note=note,
        rejected_at=at,
        rejected_by=by,
    )
    why = rejection.get_reason_display()
    taken = _pieces_to_reject(order, line, promises, pieces)
    _take_out_of_hands(order, taken, contents, reason=why, at=at, by=by)
    units = {
        Spot(line.pk, pieces.location_id, pk): pieces.quantity * each
        for pk, each in contents.items()
    }
    give_back(order=order, promises=promises, units=units, at=at, by=by, details={"reason": why})
    rejection.save()
    _tell(order, rejection)
    if reason in TO_BE_COUNTED:
        _ask_for_counts(order, rejection, contents)
    promise_anew(order, lines, PLACE_REJECTED, at=at, by=by)
    return rejection


def _pieces_to_reject(
    order: Order,
    line: OrderLine,
    promises: Promises,
    asked: UnservedPieces,
) -> list[tuple[FulfillmentLine, int]]:
    """Return which lines of fulfillments lose how many pieces; the rest is in nobody's hands."""
    here = free_pieces(promises, begun_pieces([order.pk]), asked.location_id)
    free = here.get(line.pk, 0)
    picked = (
        FulfillmentLine.objects.filter(
            line=line,
            fulfillment__location_id=asked.location_id,
            fulfillment__status=Fulfillment.Status.PICKING,
        )
        .select_related("fulfillment")
        .order_by("-pk")
    )
    if asked.fulfillment_id is not None:
        free, picked = 0, picked.filter(fulfillment_id=asked.fulfillment_id)
    rows = list(picked)
    most = free + sum(row.quantity for row in rows)
    if not 0 < asked.quantity <= most:
        raise InvalidRejection(
            f"{most} of {line} can be rejected there, not {asked.quantity}:"
            " what is packed was found.",
            line=line.pk,
            most=most,
        )
    left, taken = max(0, asked.quantity - free), []
    for row in rows:
        if pieces := min(left, row.quantity):
            taken.append((row, pieces))
            left -= pieces
    return taken


def _take_out_of_hands(
    order: Order,
    taken: Sequence[tuple[FulfillmentLine, int]],
    contents: Contents,
    *,
    reason: str,
    at: datetime,
    by: User | None,
) -> None:
    """Take pieces out of fulfillments that are being picked; put those back that have no others."""
    for row, pieces in taken:
        _take_out_items(row.fulfillment, {pk: pieces * each for pk, each in contents.items()})
        row.quantity -= pieces
        if row.quantity:
            row.save(update_fields=["quantity"])
            continue
        row.delete()
        if not row.fulfillment.lines.exists():
            put_goods_back(order=order, fulfillment=row.fulfillment, reason=reason, at=at, by=by)


def _take_out_items(fulfillment: Fulfillment, units: Mapping[int, int]) -> None:
    for item in list(fulfillment.items.filter(variant_id__in=list(units)).order_by("pk")):
        left = item.units - units[item.variant_id]
        if left < item.packed:
            raise InvalidRejection(
                f"{item.packed} units were scanned into {fulfillment} already: they are there.",
                fulfillment=fulfillment.number,
            )
        if left:
            FulfillmentItem.objects.filter(pk=item.pk).update(units=left)
        else:
            item.delete()


def _tell(order: Order, rejection: RoutingRejection) -> None:
    record_events(
        [
            event(
                order,
                OrderEvent.Kind.REJECTED,
                at=rejection.rejected_at,
                by=rejection.rejected_by,
                line=rejection.line_id,
                place=rejection.location.code,
                pieces=rejection.quantity,
                reason=rejection.reason,
            )
        ]
    )


def _ask_for_counts(order: Order, rejection: RoutingRejection, contents: Contents) -> None:
    levels = StockLevel.objects.filter(
        location_id=rejection.location_id, variant_id__in=list(contents)
    )
    request_counts(
        level_ids=list(levels.values_list("pk", flat=True)),
        reason=f"{rejection.get_reason_display()}: {rejection.quantity} of {rejection.line},"
        f" for {order}.",
        at=rejection.rejected_at,
        by=rejection.rejected_by,
    )
