"""Rules of routing, and what the operations wrote when an order was routed or rejected."""

from itertools import count

import factory
from factory.django import DjangoModelFactory

from orders.models import PostcodeCentroid, RoutingDecision, RoutingRejection, RoutingRule
from orders.operations import UnservedPieces, reject_pieces
from tests.factories.common import NOON
from tests.factories.orders import open_order

_keys = count(1)


class RoutingRuleFactory(DjangoModelFactory):
    """A rule for the orders of every channel."""

    class Meta:
        model = RoutingRule

    rank = factory.Sequence(lambda n: n % 10_000)
    kind = RoutingRule.Kind.LOCATION_PRIORITY


class PostcodeCentroidFactory(DjangoModelFactory):
    """Somewhere in Westminster, and always a prefix of its own."""

    class Meta:
        model = PostcodeCentroid

    country = "GB"
    prefix = factory.Sequence(lambda n: f"SW{n}")
    latitude = "51.50000"
    longitude = "-0.13000"


def reject(order, level, *, quantity=1, reason="NOT_FOUND", key=None, **values):
    """Let the place of a level reject pieces of the one line of an order."""
    return reject_pieces(
        pieces=UnservedPieces(
            line_id=order.lines.get().pk,
            location_id=level.location_id,
            quantity=quantity,
            fulfillment_id=values.pop("fulfillment_id", None),
        ),
        reason=reason,
        key=key or f"rejection-{next(_keys)}",
        at=values.pop("at", NOON),
        **values,
    )


def rejected():
    order = open_order()
    promise = order.lines.get().line_allocations.get()
    return reject(order, promise.allocation.level)


def decided():
    return open_order().routing_decisions.get()


MAKERS = {
    RoutingDecision: decided,
    RoutingRejection: rejected,
}
