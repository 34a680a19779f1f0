"""What waits to be picked, packed and sent."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone

from inventory.models import Location
from orders.models import Fulfillment, FulfillmentLine, LineAllocation, Order, OrderHold
from orders.queries.terms import sum_of, units_in_one


def orders_to_pick(*, location: Location | None = None) -> QuerySet[Order]:
    """
    Return open orders with promised goods that nobody picks yet, at one location or at any.

    Annotated: `is_held`, as what is held is not picked.
    """
    promised = LineAllocation.objects.filter(line__order=OuterRef("pk"), units__gt=0)
    begun = FulfillmentLine.objects.filter(
        fulfillment__order=OuterRef("pk"), fulfillment__status__in=Fulfillment.BEGUN
    )
    if location is not None:
        promised = promised.filter(allocation__level__location=location)
        begun = begun.filter(fulfillment__location=location)
    begun = begun.annotate(units=F("quantity") * units_in_one("line__"))
    holds = OrderHold.objects.open().filter(order=OuterRef("pk"))
    return (
        Order.objects.open()
        .filter(Exists(promised))
        .annotate(
            units_promised=sum_of(promised, "line__order", "units"),
            units_begun=sum_of(begun, "fulfillment__order", "units"),
            is_held=Exists(holds),
        )
        .filter(units_promised__gt=F("units_begun"))
    )


def orders_begun_today(*, location: Location, at: datetime) -> int:
    """
    Count the orders to be sent that waves of the day have begun at a location.

    The day is that of the shop's time zone.
    """
    midnight = timezone.localtime(at).replace(hour=0, minute=0, second=0, microsecond=0)
    begun = Fulfillment.objects.filter(
        pick_list__location=location,
        pick_list__started_at__gte=midnight,
        pick_list__started_at__lt=midnight + timedelta(days=1),
        method=Fulfillment.Method.SHIP,
    ).exclude(status=Fulfillment.Status.CANCELLED)
    return begun.values("order_id").distinct().count()
