"""Where goods that came back are put, and what becomes of those that were set apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from inventory.models import Location, StockMovement
from inventory.operations import Source, issue_stock, put_away, put_on_shelf
from orders.models import Order, OrderEvent, OrderLine, Return, ReturnLine
from orders.operations.contents import Articles, Contents, articles_of, contents_of, ids_by_variant
from orders.operations.events import event, record_events
from orders.operations.returned_rows import InvalidReturn
from orders.operations.returns import locked_return
from orders.operations.shipping import UnknownLine
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User

_Disposition = ReturnLine.Disposition
SET_APART = frozenset({_Disposition.QUARANTINE, _Disposition.TO_SUPPLIER})


class NoQuarantine(BusinessError):
    """Goods were to be set apart, and no location is there for that."""


class NotSetApart(BusinessError):
    """Nothing is left to be decided: the goods of the line are not set apart, or no longer."""


@transaction.atomic
def decide_quarantined(
    *, return_line_id: int, disposition: str, key: str, at: datetime, by: User | None = None
) -> ReturnLine:
    """
    Decide what becomes of goods that were set apart: RESTOCK where they came in, or SCRAP.

    key: made by whoever asks; the same key again changes nothing.
    Locks: the order, then cost pools and stock levels.

    :raises InvalidReturn: neither RESTOCK nor SCRAP.
    :raises NotSetApart: the goods are not set apart, or no longer.
    :raises InsufficientStock: they are not where they were set apart.
    """
    if disposition not in {_Disposition.RESTOCK, _Disposition.SCRAP}:
        raise InvalidReturn("Goods set apart go on the shelf or are thrown away.")
    found = ReturnLine.objects.filter(pk=return_line_id).values_list("parent_id", flat=True)
    if not found:
        raise UnknownLine("There is no such line.", lines=[return_line_id])
    order, returned = locked_return(found[0])
    row = next(row for row in rows_of(returned) if row.pk == return_line_id)
    reference = f"{returned.number} {key}"
    if StockMovement.objects.filter(reference=reference).exists():
        return row
    if row.disposition not in SET_APART:
        raise NotSetApart(f"{row} of {returned} is not set apart.", returned=returned.number)
    parts = _contents([row], articles=None)[row]
    _move_from_quarantine(
        returned,
        units={variant_id: each * row.received for variant_id, each in parts.items()},
        is_scrapped=disposition == _Disposition.SCRAP,
        reference=reference,
        at=at,
        by=by,
        source=_source(returned, {row: parts}),
    )
    row.disposition = disposition
    row.save(update_fields=["disposition"])
    if order:
        note_returned(order, returned, at=at, by=by, decided=row.get_disposition_display())
    return row


def put_rows_away(
    *,
    returned: Return,
    rows: Sequence[ReturnLine],
    order_lines: Mapping[int, OrderLine],
    articles: Articles,
    at: datetime,
    by: User | None,
) -> None:
    """
    Put the received pieces of rows in stock, each where its disposition says.

    What is good for nothing comes in and goes out at once, under the number of the return.
    order_lines: line id -> line of the order; articles: how the others are kept.

    :raises NoQuarantine: goods are to be set apart, and no location is there for that.
    """
    kept = [row for row in rows if row.disposition != _Disposition.NOT_STOCKED]
    if not kept:
        return
    for row in kept:
        row.order_line = order_lines.get(row.order_line_id or 0)
    here = _receiving_location(returned)
    is_any_apart = any(row.disposition in SET_APART for row in kept)
    apart = quarantine_of(here) if is_any_apart else here
    contents = _contents(kept, articles=articles)
    units: dict[tuple[int, int], int] = defaultdict(int)
    scrapped: dict[tuple[int, int], int] = defaultdict(int)
    for row in kept:
        place = apart if row.disposition in SET_APART else here
        for variant_id, each in contents[row].items():
            units[place.pk, variant_id] += each * row.received
            if row.disposition == _Disposition.SCRAP:
                scrapped[place.pk, variant_id] += each * row.received
    put_away(
        units=units,
        scrapped=scrapped,
        reason=_why_scrapped(kept),
        reference=returned.number,
        at=at,
        by=by,
        source=_source(returned, contents),
    )


def quarantine_of(location: Location) -> Location:
    """
    Return where goods that came in at a location are set apart: the place nearest by address.

    The one with the same street, else postcode, else country; of several the first by priority.

    :raises NoQuarantine: there is none at all.
    """
    kind = Location.Kind.QUARANTINE
    if location.kind == kind:
        return location
    places = Location.objects.filter(kind=kind).order_by("priority", "pk")
    nearest = sorted(places, key=lambda place: -_shared_address(place, location))
    if not nearest:
        raise NoQuarantine(
            "There is no location where goods are set apart: add one of the kind quarantine."
        )
    return nearest[0]


def rows_of(returned: Return) -> list[ReturnLine]:
    """Return the lines of a locked return, in the order they were written."""
    rows = list(returned.lines.select_related("order_line").order_by("pk"))
    for row in rows:
        row.parent = returned
    return rows


def note_returned(
    order: Order, returned: Return, *, at: datetime, by: User | None, **details: str | int
) -> None:
    """Write on the timeline of the order that goods came back, and where."""
    told = event(
        order,
        OrderEvent.Kind.RETURNED,
        at=at,
        by=by,
        **{"return": returned.number, "place": _receiving_location(returned).code, **details},
    )
    record_events([told])


def _move_from_quarantine(
    returned: Return,
    *,
    units: Mapping[int, int],
    is_scrapped: bool,
    reference: str,
    at: datetime,
    by: User | None,
    source: Source,
) -> None:
    here = _receiving_location(returned)
    # Where they were put, not where the nearest place for it is today.
    put = StockMovement.objects.filter(
        reference=returned.number,
        kind=StockMovement.Kind.RETURN,
        level__variant_id__in=list(units),
        level__location__kind=Location.Kind.QUARANTINE,
    )
    apart = Location.objects.get(pk__in=put.values("level__location_id"))
    if is_scrapped:
        issue_stock(
            location=apart,
            units=units,
            kind=StockMovement.Kind.ADJUSTMENT,
            reference=reference,
            reason=f"Returned with {returned}, thrown away",
            at=at,
            by=by,
            source=source,
        )
        return
    put_on_shelf(
        from_location=apart,
        to_location=here,
        units=units,
        reference=reference,
        at=at,
        by=by,
        source=source,
    )


def _shared_address(one: Location, other: Location) -> int:
    """Count how much of two addresses is the same, from the country down."""
    shared = 0
    for part in ("country", "postcode", "street"):
        if not getattr(one, part) or getattr(one, part) != getattr(other, part):
            break
        shared += 1
    return shared


def _receiving_location(returned: Return) -> Location:
    if returned.location is None:
        raise WrongStatus(f"{returned} was not received anywhere.", status=returned.status)
    return returned.location


def _why_scrapped(rows: Sequence[ReturnLine]) -> str:
    conditions = {
        row.get_condition_display() for row in rows if row.disposition == _Disposition.SCRAP
    }
    return f"Returned and thrown away: {', '.join(sorted(conditions))}" if conditions else ""


def _contents(
    rows: Sequence[ReturnLine], *, articles: Articles | None
) -> dict[ReturnLine, Contents]:
    """Return what one piece of each row is made of: as it was sold, or, sold unknown, is today."""
    sold = contents_of(row.order_line for row in rows if row.order_line is not None)
    blind = [row.variant_id for row in rows if row.order_line is None and row.variant_id]
    articles = articles or articles_of(blind)
    return {
        row: articles.contents(row.variant_id)
        if row.order_line_id is None
        else sold[row.order_line_id]
        for row in rows
        if row.variant_id is not None
    }


def _source(returned: Return, contents: Mapping[ReturnLine, Contents]) -> Source:
    return Source(
        kind=StockMovement.SourceKind.CUSTOMER_RETURN,
        document_id=returned.pk,
        lines=ids_by_variant((row.pk, parts.keys()) for row, parts in contents.items()),
    )
