"""What suppliers still owe."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from django.db.models import F, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from purchasing.models import PurchaseOrder, PurchaseOrderLine

# Units of an order line that the supplier still owes.
STILL_TO_COME = F("ordered") - F("cancelled") + F("to_replace") - F("received")


@dataclass(frozen=True, slots=True)
class Incoming:
    """Units of one variant that a supplier still owes to a location."""

    variant_id: int
    location_id: int
    location: str
    order_id: int
    number: str
    supplier: str
    units: int
    expected_on: date | None


def incoming_units(*, variant_ids: Collection[int]) -> list[Incoming]:
    """
    Return what is still to come of these variants on orders that were sent, the soonest first.

    Several lines of an order are one row. What is not sent yet nobody delivers.
    """
    rows = (
        still_to_come()
        .filter(variant_id__in=list(variant_ids))
        .values("variant_id", "order_id")
        .annotate(units=Sum(STILL_TO_COME))
        .order_by(F("order__expected_on").asc(nulls_last=True), "order_id", "variant_id")
        .values_list(
            "variant_id",
            "order__location_id",
            "order__location__name",
            "order_id",
            "order__number",
            "order__supplier__name",
            "units",
            "order__expected_on",
        )
    )
    return [Incoming(*row) for row in rows]


def incoming_to_level() -> Coalesce:
    """Return the units that are still to come to a stock level, to annotate levels with."""
    lines = still_to_come().filter(
        variant=OuterRef("variant"), order__location=OuterRef("location")
    )
    return Coalesce(
        Subquery(lines.values("variant").annotate(units=Sum(STILL_TO_COME)).values("units")), 0
    )


def still_to_come() -> QuerySet[PurchaseOrderLine]:
    """Return the lines of sent orders of which units are still to come."""
    """Return lines of which something comes to us: what goes to a customer is none of it."""
    return PurchaseOrderLine.objects.filter(
        order__status=PurchaseOrder.Status.SENT,
        order__drop_ship_order__isnull=True,
        ordered__gt=F("cancelled") + F("received") - F("to_replace"),
    )
