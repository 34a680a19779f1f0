"""Whether orders agree with the rows they are derived from."""

from __future__ import annotations

from collections.abc import Iterator

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
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from inventory.models import StockMovement, WithdrawnPromise
from orders.models import (
    CancelledLine,
    Fulfillment,
    FulfillmentLine,
    LineAllocation,
    Order,
    OrderHold,
    OrderLine,
    Return,
    ReturnLine,
)
from orders.queries.integrity_fulfillment import fulfillment_differences
from orders.queries.integrity_payments import payment_differences
from orders.queries.integrity_pickups import pickup_differences
from orders.queries.terms import WANTED_FROM_STOCK, sum_of, units_in_one
from retail.common.integrity import Difference


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
        *fulfillment_differences(),
        *_returned_against_returns(),
        *_cancelled_against_cancellations(),
        *_returns_against_movements(),
        *_statuses_against_rows(),
        *payment_differences(),
        *pickup_differences(),
    ]


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
            + sum_of(withdrawn, "allocation", "units"),
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
            wanted=ExpressionWrapper(
                WANTED_FROM_STOCK * units_in_one(), output_field=IntegerField()
            ),
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
    """Pieces shipped are those on the fulfillments of the line that left."""
    gone = FulfillmentLine.objects.filter(fulfillment__status__in=Fulfillment.GONE)
    sent = sum_of(gone.filter(line=OuterRef("pk")), "line", "quantity")
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
    moved = sum_of(out.filter(reference=OuterRef("number")), "reference", "quantity")
    fulfillments = (
        Fulfillment.objects.annotate(
            units=Coalesce(
                Sum(
                    F("lines__quantity") * units_in_one("lines__line__"),
                    filter=Q(lines__line__is_stocked=True, status__in=Fulfillment.GONE),
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


def _cancelled_against_cancellations() -> Iterator[Difference]:
    """Pieces cancelled are those on the cancellations of the line."""
    off = sum_of(CancelledLine.objects.filter(line=OuterRef("pk")), "line", "quantity")
    lines = OrderLine.objects.annotate(off=off).exclude(cancelled=F("off")).order_by("pk")
    for line in lines:
        yield Difference(
            kind="pieces cancelled",
            key=f"line {line.pk}",
            expected=str(line.off),
            actual=str(line.cancelled),
        )


def _returned_against_returns() -> Iterator[Difference]:
    """Pieces returned are those on the returns of the line."""
    came = sum_of(ReturnLine.objects.filter(order_line=OuterRef("pk")), "order_line", "received")
    lines = OrderLine.objects.annotate(came=came).exclude(returned=F("came")).order_by("pk")
    for line in lines:
        yield Difference(
            kind="pieces returned",
            key=f"line {line.pk}",
            expected=str(line.came),
            actual=str(line.returned),
        )


def _returns_against_movements() -> Iterator[Difference]:
    """
    Units of a return that were put away are those that came in under its number.

    Only where the sale is known: what a bundle was made of when nobody knows the sale is not kept.
    """
    into = StockMovement.objects.filter(kind=StockMovement.Kind.RETURN)
    moved = sum_of(into.filter(reference=OuterRef("number")), "reference", "quantity")
    is_kept = ~Q(lines__disposition__in=["", "NOT_STOCKED"])
    returns = (
        Return.objects.filter(order__isnull=False, received_at__isnull=False)
        .annotate(
            units=Coalesce(
                Sum(
                    F("lines__received") * units_in_one("lines__order_line__"),
                    filter=is_kept,
                ),
                Value(0),
            ),
            moved=moved,
        )
        .exclude(units=F("moved"))
        .order_by("pk")
    )
    for returned in returns:
        yield Difference(
            kind="units of a return",
            key=returned.number,
            expected=str(returned.units),
            actual=str(returned.moved),
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
    expected = Return.objects.filter(
        order=OuterRef("pk"), status__in=["REQUESTED", "APPROVED", "IN_TRANSIT"]
    )
    left = Order.Lifecycle
    return Order.objects.annotate(
        goods=Coalesce(Sum("lines__ordered", filter=of_goods), Value(0)),
        open_pieces=Coalesce(Sum(open_pieces, filter=of_goods), Value(0)),
        shipped=Coalesce(Sum("lines__shipped", filter=of_goods), Value(0)),
        returned=Coalesce(Sum("lines__returned", filter=of_goods), Value(0)),
        is_held=ExpressionWrapper(Exists(held), output_field=BooleanField()),
        is_return_expected=ExpressionWrapper(Exists(expected), output_field=BooleanField()),
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
            When(returned=0, is_return_expected=True, then=Value(Order.ReturnStatus.REQUESTED)),
            When(returned=0, then=Value(Order.ReturnStatus.NONE)),
            When(returned__gte=F("shipped"), then=Value(Order.ReturnStatus.RETURNED)),
            default=Value(Order.ReturnStatus.PARTIAL),
        ),
    )
