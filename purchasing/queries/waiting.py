"""Which customers wait for what is on order, and when it comes for them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from django.db.models import Exists, F, OrderBy, OuterRef, Q
from django.db.models.functions import Coalesce

from orders.models import LineComponent, Order, OrderHold, OrderLine
from orders.queries import awaiting_payment_first, waiting_lines
from purchasing.models import OrderedFor, PurchaseOrder, PurchaseOrderLine
from purchasing.queries.incoming import STILL_TO_COME

Status = PurchaseOrder.Status
# Purchase orders of which something may still come.
OPEN_ORDERS = (Status.DRAFT, Status.AWAITING_APPROVAL, Status.APPROVED, Status.SENT)

# Pieces that the customer's line of a link still wants.
OPEN_PIECES_OF_LINE = (
    F("order_line__ordered") - F("order_line__cancelled") - F("order_line__shipped")
)


@dataclass(frozen=True, slots=True)
class Waiting:
    """
    Units that come on a purchase line for one line of a customer's order.

    is_tied: they were ordered for it, or are kept for it; else it would be served in its turn.
    day: when they are expected, None when nobody has said. is_drop_ship: the supplier sends them.
    """

    purchase_line_id: int
    purchase_order_id: int
    purchase_order: str
    order_id: int
    order: str
    order_line_id: int
    units: int
    ship_by: datetime | None
    day: date | None
    is_tied: bool
    is_drop_ship: bool = False


class _Turn(NamedTuple):
    """One line of a customer's order that waits, and the units of the article it still wants."""

    order: Order
    order_line_id: int
    each: int
    units: int


def waiting_for_lines(line_ids: Collection[int]) -> list[Waiting]:
    """
    Return who waits for purchase lines: those they were ordered for, then the others in turn.

    The turn is that in which they will be served: by the day they are to be shipped, then priority,
    then age. It is set against what is still to come of the article on all orders that were sent,
    the soonest first, so that each customer waits for one line, and whoever comes too late in the
    turn for all that is on order waits for none. Orders that are held by hand or have to be paid
    first are passed over, as they would be.
    """
    asked = list(
        PurchaseOrderLine.objects.filter(pk__in=list(line_ids)).values_list("pk", "variant_id")
    )
    wanted = {pk for pk, _ in asked}
    rows = _arrivals({variant_id for _, variant_id in asked}, also=wanted)
    return [row for row in rows if row.purchase_line_id in wanted]


def coming_for_order(order_id: int) -> list[Waiting]:
    """Return on which purchase orders what an order waits for comes, see `waiting_for_lines`."""
    lines = waiting_lines().filter(order=order_id)
    variant_ids = {pk for pk in lines.values_list("variant_id", flat=True) if pk}
    components = LineComponent.objects.filter(line__in=lines.filter(is_bundle=True).values("pk"))
    variant_ids |= set(components.values_list("variant_id", flat=True))
    tied = OrderedFor.objects.filter(
        order_line__order=order_id,
        served__lt=F("units"),
        purchase_line__order__status__in=OPEN_ORDERS,
    ).values_list("purchase_line_id", "purchase_line__variant_id")
    purchase_line_ids = {pk for pk, _ in tied}
    variant_ids |= {variant_id for _, variant_id in tied}
    rows = _arrivals(variant_ids, also=purchase_line_ids)
    return [row for row in rows if row.order_id == order_id]


def no_longer_wanted(purchase_order_id: int) -> list[OrderedFor]:
    """Return what was ordered for customers on a purchase order, more than they want by now."""
    wanted = OPEN_PIECES_OF_LINE * F("order_line__pack_size")
    return list(
        OrderedFor.objects.filter(
            purchase_line__order=purchase_order_id,
            purchase_line__order__status__in=OPEN_ORDERS,
            units__gt=F("served") + wanted,
        )
        .select_related("order_line__order", "purchase_line__variant")
        .order_by("pk")
    )


def expected_day() -> Coalesce:
    """Return the day a purchase line is expected on: confirmed, else asked for; may be NULL."""
    return Coalesce("confirmed_on", "expected_on", "order__expected_on")


def _arrivals(variant_ids: Collection[int], *, also: Collection[int]) -> list[Waiting]:
    """Set what is to come of articles, and on some lines in any case, against who waits for it."""
    if not variant_ids:
        return []
    lines = _supply(variant_ids, also)
    left = {line.pk: line.expected for line in lines}
    rows: list[Waiting] = []
    kept: dict[int, int] = defaultdict(int)
    by_pk = {line.pk: line for line in lines}
    for link in _links(by_pk):
        line = by_pk[link.purchase_line_id]
        still_open = link.order_line.open_quantity * link.order_line.pack_size
        units = min(link.units - link.served, left[line.pk], still_open)
        if units > 0:
            left[line.pk] -= units
            order = link.order_line.order
            rows.append(_waiting(line, order, link.order_line_id, units, is_tied=True))
            # What a supplier sends is none of what the customer's line wants from us.
            if line.order.drop_ship_order_id is None:
                kept[link.order_line_id] += units
    supply: dict[int, list[PurchaseOrderLine]] = defaultdict(list)
    for line in lines:
        if line.order.status == Status.SENT and line.order.drop_ship_order_id is None:
            supply[line.variant_id].append(line)
    for variant_id, turns in _turns(variant_ids).items():
        for turn in turns:
            units = turn.units - kept.get(turn.order_line_id, 0)
            rows.extend(_served(turn, units, supply[variant_id], left))
    return rows


def _served(
    turn: _Turn, units: int, supply: Iterable[PurchaseOrderLine], left: dict[int, int]
) -> Iterator[Waiting]:
    """Take the units that somebody waits for off what is to come, the soonest first."""
    for line in supply:
        if units <= 0:
            return
        if not _is_served_from(line, turn.order):
            continue
        taken = min(units, left[line.pk])
        if taken > 0:
            units -= taken
            left[line.pk] -= taken
            yield _waiting(line, turn.order, turn.order_line_id, taken, is_tied=False)


def _is_served_from(line: PurchaseOrderLine, order: Order) -> bool:
    place = line.order.location
    if order.delivery == Order.Delivery.PICKUP:
        return place.is_pickup and place.pk == order.pickup_location_id
    return place.is_shipping


def _supply(variant_ids: Collection[int], also: Collection[int]) -> list[PurchaseOrderLine]:
    """Return the lines with something to come, the soonest first, days nobody knows last."""
    return list(
        PurchaseOrderLine.objects.filter(
            Q(variant_id__in=list(variant_ids), order__status=Status.SENT)
            | Q(pk__in=list(also), order__status__in=OPEN_ORDERS)
        )
        .annotate(still_to_come=STILL_TO_COME, day=expected_day())
        .filter(still_to_come__gt=0)
        .select_related("order__location")
        .order_by(F("day").asc(nulls_last=True), "pk")
    )


def _links(line_ids: Collection[int]) -> list[OrderedFor]:
    """Return what is tied to purchase lines of orders that are still open, in their turn."""
    return list(
        OrderedFor.objects.filter(
            purchase_line_id__in=list(line_ids),
            served__lt=F("units"),
            order_line__order__in=Order.objects.open(),
        )
        .select_related("order_line__order")
        .order_by(*_turn_of("order_line__order__"), "pk")
    )


def _turns(variant_ids: Collection[int]) -> dict[int, list[_Turn]]:
    """Return variant id -> who waits for it, in turn; of bundles the units of that component."""
    by_hand = OrderHold.objects.open().filter(order=OuterRef("order"), kind=OrderHold.Kind.MANUAL)
    unpaid = awaiting_payment_first().filter(pk=OuterRef("order"))
    lines = list(
        waiting_lines(variant_ids=variant_ids)
        .filter(~Exists(by_hand), ~Exists(unpaid))
        .select_related("order")
        .order_by(*_turn_of("order__"), "pk")
    )
    components = _components([line for line in lines if line.is_bundle])
    turns: dict[int, list[_Turn]] = defaultdict(list)
    for line in lines:
        parts = components[line.pk] if line.is_bundle else {line.variant_id: line.pack_size}
        pieces = -(-_lacking(line) // max(sum(parts.values()), 1))
        for variant_id, each in parts.items():
            if variant_id in variant_ids and variant_id is not None:
                turns[variant_id].append(_Turn(line.order, line.pk, each, pieces * each))
    return turns


def _lacking(line: OrderLine) -> int:
    return int(line.wanted - line.promised)  # type: ignore[attr-defined]  # annotated


def _components(lines: Sequence[OrderLine]) -> Mapping[int, dict[int, int]]:
    components: dict[int, dict[int, int]] = defaultdict(dict)
    rows = LineComponent.objects.filter(line__in=[line.pk for line in lines])
    for line_id, variant_id, units in rows.values_list("line_id", "variant_id", "units"):
        components[line_id][variant_id] = units
    return components


def _turn_of(path: str) -> tuple[OrderBy | str, ...]:
    """Return how orders that wait are sorted; path: to the order, with its __."""
    ship_by = F(f"{path}ship_by").asc(nulls_last=True)
    return (ship_by, f"-{path}priority", f"{path}placed_at", f"{path}pk")


def _waiting(
    line: PurchaseOrderLine, order: Order, order_line_id: int, units: int, *, is_tied: bool
) -> Waiting:
    return Waiting(
        purchase_line_id=line.pk,
        purchase_order_id=line.order_id,
        purchase_order=line.order.number,
        order_id=order.pk,
        order=order.number,
        order_line_id=order_line_id,
        units=units,
        ship_by=order.ship_by,
        day=line.day,  # type: ignore[attr-defined]  # annotated
        is_tied=is_tied,
        is_drop_ship=line.order.drop_ship_order_id is not None,
    )
