"""Terms that several reads over orders share."""

from __future__ import annotations

from typing import Any

from django.db.models import (
    Case,
    F,
    IntegerField,
    OuterRef,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest

from orders.models import LineComponent

OPEN_PIECES = F("ordered") - F("cancelled") - F("shipped")
# Of these, what we send ourselves; see `OrderLine.wanted_from_stock`.
WANTED_FROM_STOCK = Greatest(
    OPEN_PIECES - F("from_supplier"), Value(0), output_field=IntegerField()
)


def sum_of(rows: QuerySet[Any], by: str, field: str) -> Coalesce:
    sums = rows.values(by).order_by().annotate(sum_of_rows=Sum(field)).values("sum_of_rows")
    return Coalesce(Subquery(sums), Value(0), output_field=IntegerField())


def units_in_one(line: str = "") -> Case:
    """Return the units of all articles in one piece of a line; `line`: path to it, with its __."""
    components = LineComponent.objects.filter(line=OuterRef(f"{line}pk"))
    return Case(
        When(**{f"{line}is_bundle": True}, then=sum_of(components, "line", "units")),
        default=F(f"{line}pack_size"),
    )
