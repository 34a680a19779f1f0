"""Goods in somebody's hands: pieces of fulfillments that are begun and have not left."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from django.db.models import Sum

from orders.models import Fulfillment, FulfillmentLine
from orders.operations.promised import Promises, Spot

# (line id, location id) -> pieces.
BegunPieces = Mapping[tuple[int, int], int]


def begun_pieces(order_ids: Collection[int]) -> BegunPieces:
    """Return the pieces of these orders that are in begun fulfillments, by line and location."""
    rows = FulfillmentLine.objects.filter(
        fulfillment__order_id__in=list(order_ids), fulfillment__status__in=Fulfillment.BEGUN
    ).values_list("line_id", "fulfillment__location_id")
    return {
        (line_id, location_id): pieces
        for line_id, location_id, pieces in rows.annotate(pieces=Sum("quantity"))
    }


def free_pieces(promises: Promises, begun: BegunPieces, location_id: int) -> dict[int, int]:
    """
    Return line id -> pieces that are promised at a location and in nobody's hands yet.

    Those are the pieces that may be picked, sent, or promised somewhere else instead.
    """
    free = {
        line_id: pieces - begun.get((line_id, location_id), 0)
        for line_id, pieces in promises.at_location(location_id).pieces().items()
    }
    return {line_id: pieces for line_id, pieces in free.items() if pieces > 0}


def free_units(promises: Promises, begun: BegunPieces) -> dict[Spot, int]:
    """Return the units of those pieces wherever they are promised, whole pieces only."""
    places = dict.fromkeys(spot.location_id for spot in promises.units())
    return {
        Spot(line_id, location_id, variant_id): pieces * each
        for location_id in places
        for line_id, pieces in free_pieces(promises, begun, location_id).items()
        for variant_id, each in promises.contents[line_id].items()
    }
