"""Whether what is picked and packed agrees with the lines it is for."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, OuterRef

from orders.models import Fulfillment, FulfillmentItem, FulfillmentLine
from orders.queries.terms import sum_of, units_in_one
from retail.common.integrity import Difference


def fulfillment_differences() -> Iterator[Difference]:
    """Units to be scanned into a parcel are those its lines are made of."""
    items = FulfillmentItem.objects.filter(fulfillment=OuterRef("pk"))
    lines = FulfillmentLine.objects.filter(
        fulfillment=OuterRef("pk"), line__is_stocked=True
    ).annotate(units=F("quantity") * units_in_one("line__"))
    picked = Fulfillment.objects.filter(pick_list__isnull=False).annotate(
        units=sum_of(items, "fulfillment", "units"),
        of_lines=sum_of(lines, "fulfillment", "units"),
    )
    for fulfillment in picked.exclude(units=F("of_lines")).order_by("pk"):
        yield Difference(
            kind="units to be packed",
            key=fulfillment.number,
            expected=str(fulfillment.of_lines),
            actual=str(fulfillment.units),
        )
