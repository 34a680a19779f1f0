"""Two bundles that share a component, of which there is one left."""

from threading import Barrier
from unittest import mock

import pytest
from django.db import IntegrityError, models

from channels.connectors.base import IncomingBuyer
from inventory import queries as inventory_queries
from inventory.models import StockLevelQuerySet
from inventory.operations import promises
from orders.models import Order
from orders.operations import Outcome, ingest_order
from orders.queries import differences
from tests.factories.catalog import bundle
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import incoming_line, incoming_order
from tests.inventory.shared import figures
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def shelf():
    """Return the levels of pens, notebooks and the last ink."""
    place = LocationFactory()
    return [
        stock(units=units, location=place, reference=f"GR-{number}")
        for number, units in enumerate([9, 9, 1])
    ]


def buying(channel, name, *skus):
    """Return a call that takes in an order of a buyer of its own."""
    lines = [
        incoming_line(sku=sku, external_line_id=str(position)) for position, sku in enumerate(skus)
    ]
    incoming = incoming_order(*lines, buyer=IncomingBuyer(email=f"{name}@example.com"))
    return lambda: ingest_order(channel=channel, incoming=incoming, at=NOON).outcome


def test_last_component_goes_into_one_of_two_bundles():
    pen, notebook, ink = shelf()
    channel = ChannelFactory()
    sets = [
        bundle({pen.variant: 1, ink.variant: 1}),
        bundle({ink.variant: 1, notebook.variant: 1}),
    ]

    outcomes = race(*[buying(channel, n, sets[n % 2].sku) for n in range(8)])

    assert outcomes == [Outcome.CREATED] * 8
    assert Order.objects.filter(lifecycle="CONFIRMED").count() == 1
    assert figures(ink) == (1, 1)
    assert figures(pen)[1] + figures(notebook)[1] == 1, "nothing is kept for half a bundle"
    assert [*differences(), *inventory_queries.differences()] == []


def test_the_race_for_the_last_component_is_real_once_the_lock_is_gone():
    """Control: both callers read before either writes, so only the constraint is left."""
    pen, _, ink = shelf()
    channel = ChannelFactory()
    sku = bundle({pen.variant: 1, ink.variant: 1}).sku
    both_have_read, write = Barrier(2), promises.write_promises

    def write_after_both_have_read(*changes):
        both_have_read.wait(timeout=5)
        return write(*changes)

    with (
        mock.patch.object(StockLevelQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(promises, "write_promises", write_after_both_have_read),
    ):
        outcomes = race(*[buying(channel, n, sku) for n in range(2)])

    (refused,) = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert "inventory_stocklevel_allocated_within_on_hand" in str(refused)


def test_bundles_and_their_components_in_any_order_do_not_block_each_other():
    place = LocationFactory()
    pen, ink = (stock(units=99, location=place, reference=f"GR-{n}") for n in range(2))
    channel = ChannelFactory()
    gift_set = bundle({pen.variant: 1, ink.variant: 1}).sku
    baskets = [
        [gift_set, ink.variant.sku],
        [ink.variant.sku, pen.variant.sku],
        [pen.variant.sku, gift_set],
    ]

    outcomes = race(*[buying(channel, n, *baskets[n % 3]) for n in range(12)])

    assert outcomes == [Outcome.CREATED] * 12
    assert (figures(pen)[1], figures(ink)[1]) == (16, 16)
