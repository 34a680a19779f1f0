"""Where orders are collected: places of ours by the names that channels have for them."""

from __future__ import annotations

from collections.abc import Iterable

from channels.connectors.base import IncomingOrder
from channels.models import Channel
from inventory.models import ChannelStockSource, Location
from orders.models import OrderHold
from orders.operations.holds import NewHold
from orders.operations.reading import LONGEST_ID, fitted


def pickup_places(*, channel: Channel, orders: Iterable[IncomingOrder]) -> dict[str, int]:
    """
    Return the ids of the locations where orders are to be collected, by what the channel says.

    The channel's own id of a place counts before a code of ours. What means no place is left out.
    """
    told = {told_place(order) for order in orders} - {""}
    if not told:
        return {}
    places = dict(Location.objects.filter(code__in=told).values_list("code", "pk"))
    sources = ChannelStockSource.objects.filter(channel=channel, external_location_id__in=told)
    # Several places may carry one id, when stock of all of them is sold as one.
    ranked = sources.order_by("-location__priority", "-pk")
    return places | dict(ranked.values_list("external_location_id", "location_id"))


def place_holds(*, incoming: IncomingOrder, place_id: int | None) -> list[NewHold]:
    """Return the hold of an order that is collected at a place nobody knows."""
    told = told_place(incoming)
    if not told or place_id is not None:
        return []
    reason = f"It is collected at {told}, which is no place of ours that we know."
    return [NewHold(kind=OrderHold.Kind.ADDRESS, reason=reason)]


def told_place(incoming: IncomingOrder) -> str:
    """Return what the channel calls the place where an order is collected; empty when sent."""
    return fitted(incoming.pickup_location, LONGEST_ID)
