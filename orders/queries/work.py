"""What waits to be done about orders."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import (
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
)
from django.db.models.lookups import IsNull

from inventory.models import Location, StockLevel, WithdrawnPromise
from orders.models import (
    LineAllocation,
    LineComponent,
    Order,
    OrderHold,
    OrderLine,
)
from orders.queries.payments import awaiting_payment_first
from orders.queries.terms import WANTED_FROM_STOCK, sum_of, units_in_one


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
    promised = sum_of(LineAllocation.objects.filter(line=OuterRef("pk")), "line", "units")
    lines = _open_lines()
    if variant_ids is not None:
        wanted = list(variant_ids)
        components = LineComponent.objects.filter(line=OuterRef("pk"), variant_id__in=wanted)
        lines = lines.filter(Q(variant_id__in=wanted) | Q(Exists(components), is_bundle=True))
    return lines.annotate(wanted=_wanted(), promised=promised).filter(wanted__gt=F("promised"))


def waiting_orders(*, variant_ids: Collection[int] | None = None) -> QuerySet[Order]:
    """Return open orders that want stock which is not promised to them yet."""
    lines = waiting_lines(variant_ids=variant_ids).filter(order=OuterRef("pk"))
    return Order.objects.open().filter(Exists(lines))


def _open_lines() -> QuerySet[OrderLine]:
    return OrderLine.objects.filter(
        order__in=Order.objects.open(), is_stocked=True, variant__isnull=False
    )


def _wanted() -> ExpressionWrapper:
    return ExpressionWrapper(WANTED_FROM_STOCK * units_in_one(), output_field=IntegerField())


def servable_orders(*, variant_ids: Collection[int] | None = None) -> QuerySet[Order]:
    """
    Return waiting orders that something is there for by now, that nobody holds by hand and that
    need not be paid first.

    What is there may still not be promised to them: by a rule of their channel, or as a place has
    enough to do for today.
    """
    stock = StockLevel.objects.filter(
        _is_serving("location", "location__"),
        variant=OuterRef("variant"),
        on_hand__gte=F("allocated") + OuterRef("pack_size"),
    )
    lines = (
        waiting_lines(variant_ids=variant_ids)
        .filter(order=OuterRef("pk"))
        .filter(Q(Exists(stock), is_bundle=False) | Q(Exists(_places_of_bundle()), is_bundle=True))
    )
    by_hand = OrderHold.objects.open().filter(order=OuterRef("pk"), kind=OrderHold.Kind.MANUAL)
    unpaid = awaiting_payment_first().filter(pk=OuterRef("pk"))
    return Order.objects.open().filter(Exists(lines), ~Exists(by_hand), ~Exists(unpaid))


def _places_of_bundle() -> QuerySet[Location]:
    """Return where every component of the outer line lies free, enough for one piece."""
    enough = StockLevel.objects.filter(
        variant=OuterRef("variant"),
        location=OuterRef(OuterRef("pk")),
        on_hand__gte=F("allocated") + OuterRef("units"),
    )
    lacking = LineComponent.objects.filter(~Exists(enough), line=OuterRef(OuterRef("pk")))
    return Location.objects.filter(~Exists(lacking)).filter(_is_serving("pk", ""))


def _is_serving(place: str, path: str) -> Q:
    """
    Return the condition that a place serves the order of the outer line.

    place: name of its key in the row at hand. path: to its columns.
    """
    pickup = OuterRef("order__pickup_location")
    is_collected_there = Q(**{place: pickup, f"{path}is_pickup": True})
    is_sent = Q(IsNull(pickup, True), **{f"{path}is_shipping": True})
    return is_collected_there | is_sent
