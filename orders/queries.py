"""Reads over orders: what waits to be done, and whether the rows agree with each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from inventory.models import Location, StockLevel, StockMovement, WithdrawnPromise
from orders.models import (
    Fulfillment,
    FulfillmentLine,
    LineAllocation,
    LineComponent,
    Order,
    OrderHold,
    OrderLine,
    ReturnLine,
)
from retail.common.integrity import Difference

OPEN_PIECES = F("ordered") - F("cancelled") - F("shipped")


def orders_to_ship() -> QuerySet[Order]:
    """Return orders that nothing holds back and that have promised goods, to be picked."""
    promised = LineAllocation.objects.filter(line__order=OuterRef("pk"), units__gt=0)
    return Order.objects.filter(Exists(promised), lifecycle=Order.Lifecycle.CONFIRMED)


def orders_on_hold() -> QuerySet[Order]:
    """Return orders that a person has to look at before, or after, they go on."""
    return Order.objects.filter(Exists(OrderHold.objects.open().filter(order=OuterRef("pk"))))


def orders_to_settle() -> QuerySet[Order]:
    """Return orders whose promises were taken back and that do not know it yet."""
    withdrawn = WithdrawnPromise.objects.filter(settled_at__isnull=True)
    lines = LineAllocation.objects.filter(allocation__in=withdrawn.values("allocation"))
    return Order.objects.filter(pk__in=lines.values("line__order"))


def waiting_lines(*, variant_ids: Collection[int] | None = None) -> QuerySet[OrderLine]:
    """
    Return lines of open orders with fewer units promised than they want.

    variant_ids: only lines that want these, as they are or in a bundle. Annotated: `wanted` and
    `promised`, in units of the variant, of a bundle in units of all its components.
    """
    promised = _sum_of(LineAllocation.objects.filter(line=OuterRef("pk")), "line", "units")
    lines = OrderLine.objects.filter(
        order__in=Order.objects.open(), is_stocked=True, variant__isnull=False
    )
    if variant_ids is not None:
        wanted = list(variant_ids)
        components = LineComponent.objects.filter(line=OuterRef("pk"), variant_id__in=wanted)
        lines = lines.filter(Q(variant_id__in=wanted) | Q(Exists(components), is_bundle=True))
    return lines.annotate(
        wanted=ExpressionWrapper(OPEN_PIECES * _units_in_one(), output_field=IntegerField()),
        promised=promised,
    ).filter(wanted__gt=F("promised"))


def waiting_orders(*, variant_ids: Collection[int] | None = None) -> QuerySet[Order]:
    """Return open orders that want stock which is not promised to them yet."""
    lines = waiting_lines(variant_ids=variant_ids).filter(order=OuterRef("pk"))
    return Order.objects.open().filter(Exists(lines))


def servable_orders(*, variant_ids: Collection[int] | None = None) -> QuerySet[Order]:
    """Return waiting orders that something is there for by now and that nobody holds by hand."""
    stock = StockLevel.objects.filter(
        variant=OuterRef("variant"),
        location__is_shipping=True,
        on_hand__gte=F("allocated") + OuterRef("pack_size"),
    )
    lines = (
        waiting_lines(variant_ids=variant_ids)
        .filter(order=OuterRef("pk"))
        .filter(Q(Exists(stock), is_bundle=False) | Q(Exists(_places_of_bundle()), is_bundle=True))
    )
    by_hand = OrderHold.objects.open().filter(order=OuterRef("pk"), kind=OrderHold.Kind.MANUAL)
    return Order.objects.open().filter(Exists(lines), ~Exists(by_hand))


def _places_of_bundle() -> QuerySet[Location]:
    """Return where every component of the outer line lies free, enough for one piece."""
    enough = StockLevel.objects.filter(
        variant=OuterRef("variant"),
        location=OuterRef(OuterRef("pk")),
        on_hand__gte=F("allocated") + OuterRef("units"),
    )
    lacking = LineComponent.objects.filter(~Exists(enough), line=OuterRef(OuterRef("pk")))
    return Location.objects.filter(~Exists(lacking), is_shipping=True)


def differences() -> list[Difference]:
    """
    Return what does not agree between orders and the rows they are derived from.

    The caller opens a snapshot first, else work between two queries looks like a mistake.
    """
    return [
        *_promises_against_allocations(),
        *_promises_against_lines(),
        *_shipped_against_fulfillments(),
        *_fulfillments_against_movements(),
        *_returned_against_returns(),
        *_statuses_against_rows(),
    ]


def _sum_of(rows: QuerySet[Any], by: str, field: str) -> Coalesce:
    sums = rows.values(by).order_by().annotate(sum_of_rows=Sum(field)).values("sum_of_rows")
    return Coalesce(Subquery(sums), Value(0), output_field=IntegerField())


def _units_in_one(line: str = "") -> Case:
    """Return the units of all articles in one piece of a line; `line`: path to it, with its __."""
    components = LineComponent.objects.filter(line=OuterRef(f"{line}pk"))
    return Case(
        When(**{f"{line}is_bundle": True}, then=_sum_of(components, "line", "units")),
        default=F(f"{line}pack_size"),
    )


def _promises_against_allocations() -> Iterator[Difference]:
    """
    Units promised to lines add up to what their allocation still holds.

    What was withdrawn from it is no longer held, and still stands at the lines until the order
    settles it.
    """
    withdrawn = WithdrawnPromise.objects.filter(
        allocation=OuterRef("allocation"), settled_at__isnull=True
    )
    allocations = (
        LineAllocation.objects.values("allocation_id", "allocation__reference")
        .order_by("allocation_id")
        .annotate(
            of_lines=Sum("units"),
            still_open=F("allocation__units")
            - F("allocation__shipped")
            - F("allocation__released")
            + _sum_of(withdrawn, "allocation", "units"),
        )
        .exclude(of_lines=F("still_open"))
    )
    for row in allocations:
        yield Difference(
            kind="units promised to lines",
            key=row["allocation__reference"],
            expected=str(row["still_open"]),
            actual=str(row["of_lines"]),
        )


def _promises_against_lines() -> Iterator[Difference]:
    """No line is promised more than it still wants."""
    lines = (
        OrderLine.objects.filter(line_allocations__units__gt=0)
        .annotate(
            promised=Sum("line_allocations__units"),
            wanted=ExpressionWrapper(OPEN_PIECES * _units_in_one(), output_field=IntegerField()),
        )
        .filter(promised__gt=F("wanted"))
        .order_by("pk")
    )
    for line in lines:
        yield Difference(
            kind="units promised beyond what is wanted",
            key=f"line {line.pk}",
            expected=str(line.wanted),
            actual=str(line.promised),
        )


def _shipped_against_fulfillments() -> Iterator[Difference]:
    """Pieces shipped are those on the fulfillments of the line."""
    sent = _sum_of(FulfillmentLine.objects.filter(line=OuterRef("pk")), "line", "quantity")
    lines = OrderLine.objects.annotate(sent=sent).exclude(shipped=F("sent")).order_by("pk")
    for line in lines:
        yield Difference(
            kind="pieces shipped",
            key=f"line {line.pk}",
            expected=str(line.sent),
            actual=str(line.shipped),
        )


def _fulfillments_against_movements() -> Iterator[Difference]:
    """
    Units on a fulfillment are those that left stock under its number.

    What a sale found first came in under its number, too.
    """
    out = StockMovement.objects.exclude(kind=StockMovement.Kind.ADJUSTMENT)
    moved = _sum_of(out.filter(reference=OuterRef("number")), "reference", "quantity")
    fulfillments = (
        Fulfillment.objects.annotate(
            units=Coalesce(
                Sum(
                    F("lines__quantity") * _units_in_one("lines__line__"),
                    filter=Q(lines__line__is_stocked=True),
                ),
                Value(0),
            ),
            moved=moved,
        )
        .exclude(units=-F("moved"))
        .order_by("pk")
    )
    for fulfillment in fulfillments:
        yield Difference(
            kind="units of a fulfillment",
            key=fulfillment.number,
            expected=str(fulfillment.units),
            actual=str(-fulfillment.moved),
        )


def _returned_against_returns() -> Iterator[Difference]:
    """Pieces returned are those on the returns of the line."""
    came = _sum_of(ReturnLine.objects.filter(order_line=OuterRef("pk")), "order_line", "quantity")
    lines = OrderLine.objects.annotate(came=came).exclude(returned=F("came")).order_by("pk")
    for line in lines:
        yield Difference(
            kind="pieces returned",
            key=f"line {line.pk}",
            expected=str(line.came),
            actual=str(line.returned),
        )


def _statuses_against_rows() -> Iterator[Difference]:
    """
    The statuses are those that lines and holds lead to.

    Said here a second time, in SQL, on purpose: a check that calls the code it checks would
    repeat its mistakes.
    """
    orders = (
        _orders_with_statuses_worked_out()
        .exclude(
            lifecycle=F("worked_out_lifecycle"),
            fulfillment_status=F("worked_out_fulfillment"),
            return_status=F("worked_out_return"),
        )
        .order_by("pk")
        .values_list(
            "number",
            *("worked_out_lifecycle", "worked_out_fulfillment", "worked_out_return"),
            *("lifecycle", "fulfillment_status", "return_status"),
        )
    )
    for number, *statuses in orders:
        yield Difference(
            kind="statuses of an order",
            key=number,
            expected=" ".join(statuses[:3]),
            actual=" ".join(statuses[3:]),
        )


def _orders_with_statuses_worked_out() -> QuerySet[Order]:
    of_goods = Q(lines__is_stocked=True)
    open_pieces = F("lines__ordered") - F("lines__cancelled") - F("lines__shipped")
    held = OrderHold.objects.open().filter(order=OuterRef("pk"))
    left = Order.Lifecycle
    return Order.objects.annotate(
        goods=Coalesce(Sum("lines__ordered", filter=of_goods), Value(0)),
        open_pieces=Coalesce(Sum(open_pieces, filter=of_goods), Value(0)),
        shipped=Coalesce(Sum("lines__shipped", filter=of_goods), Value(0)),
        returned=Coalesce(Sum("lines__returned", filter=of_goods), Value(0)),
        is_held=ExpressionWrapper(Exists(held), output_field=BooleanField()),
    ).annotate(
        worked_out_lifecycle=Case(
            When(lifecycle__in=[left.DRAFT, left.CANCELLED], then=F("lifecycle")),
            When(goods__gt=0, open_pieces=0, shipped__gt=0, then=Value(left.COMPLETED)),
            When(goods__gt=0, open_pieces=0, then=Value(left.CANCELLED)),
            When(goods=0, lifecycle=left.COMPLETED, then=Value(left.COMPLETED)),
            When(is_held=True, then=Value(left.PLACED)),
            When(goods__gt=0, then=Value(left.CONFIRMED)),
            default=Value(left.COMPLETED),
        ),
        worked_out_fulfillment=Case(
            When(goods=0, then=Value(Order.FulfillmentStatus.NOT_REQUIRED)),
            When(shipped=0, then=Value(Order.FulfillmentStatus.UNFULFILLED)),
            When(open_pieces__gt=0, then=Value(Order.FulfillmentStatus.PARTIAL)),
            default=Value(Order.FulfillmentStatus.FULFILLED),
        ),
        worked_out_return=Case(
            When(returned=0, then=Value(Order.ReturnStatus.NONE)),
            When(returned__gte=F("shipped"), then=Value(Order.ReturnStatus.RETURNED)),
            default=Value(Order.ReturnStatus.PARTIAL),
        ),
    )
