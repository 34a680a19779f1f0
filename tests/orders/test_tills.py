"""Sales over the counter: the goods are gone, whatever the system thought of them."""

import pytest

from channels.connectors.base import IncomingStatus
from inventory import queries as inventory_queries
from inventory.models import (
    ChannelStockSource,
    CountRequest,
    StockMovement,
    WithdrawnPromise,
)
from inventory.operations import close_period
from orders.operations import ingest_order, settle_withdrawn
from orders.queries import differences
from tests.factories.catalog import VariantFactory, bundle
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import incoming_line, incoming_order, open_order
from tests.inventory.shared import figures
from tests.orders.books import books

pytestmark = pytest.mark.django_db


@pytest.fixture
def till():
    return ChannelFactory(kind="POS")


def sell(channel, *lines, location=None, **values):
    incoming = incoming_order(*lines, status=IncomingStatus.SHIPPED, **values)
    return ingest_order(channel=channel, incoming=incoming, location=location, at=NOON).order


def all_differences():
    return [*differences(), *inventory_queries.differences()]


def test_till_sells_what_lies_there(till):
    level = stock(units=5)

    order = sell(till, incoming_line(sku=level.variant.sku, quantity=2), location=level.location)

    fulfillment = order.fulfillments.get()
    movement = StockMovement.objects.get(kind="SALE")
    assert (order.lifecycle, fulfillment.method, figures(level)) == ("COMPLETED", "COUNTER", (3, 0))
    assert (movement.source_kind, movement.source_id, movement.source_line_ids) == (
        "FULFILLMENT",
        fulfillment.pk,
        [fulfillment.lines.get().pk],
    )
    assert not CountRequest.objects.exists()


def test_till_sells_units_nobody_knew_of_and_asks_for_a_count(till):
    level = stock(units=1)

    order = sell(till, incoming_line(sku=level.variant.sku, quantity=3), location=level.location)

    moved = StockMovement.objects.exclude(kind="RECEIPT").order_by("pk")
    assert order.lifecycle == "COMPLETED"
    assert list(moved.values_list("kind", "quantity")) == [("ADJUSTMENT", 2), ("SALE", -3)]
    assert (figures(level), CountRequest.objects.get().level) == ((0, 0), level)
    assert all_differences() == []


def test_till_sells_what_was_promised_and_the_order_waits_again(till):
    level = stock(units=2)
    order = open_order(level=level, quantity=2)

    sale = sell(till, incoming_line(sku=level.variant.sku), location=level.location)
    units = settle_withdrawn(order_id=order.pk, at=NOON)

    number = sale.fulfillments.get().number
    order.refresh_from_db()
    assert (units, order.lifecycle, figures(level)) == (1, "PLACED", (1, 1))
    assert order.holds.open().get().reason == (
        f"1 unit of {level.variant.sku} was sold over the counter ({number})."
    )
    assert all_differences() == []


def test_till_sells_from_where_it_stands_though_more_lies_elsewhere(till):
    store = LocationFactory(kind="STORE", is_shipping=False)
    ChannelStockSource.objects.create(channel=till, location=store)
    warehouse = stock(units=9)

    order = sell(till, incoming_line(sku=warehouse.variant.sku))

    assert (order.location, figures(warehouse)) == (store, (9, 0))
    assert order.lifecycle == "COMPLETED"


def test_sale_that_nobody_can_say_where_it_was_made_is_held(till):
    variant = VariantFactory()

    order = sell(till, incoming_line(sku=variant.sku))

    assert order.holds.get().kind == "CHANNEL_CONFLICT"
    assert not StockMovement.objects.exists()


def test_web_shop_that_shipped_more_than_is_free_is_held_as_before():
    level = stock(units=2)
    open_order(level=level, quantity=2)
    shop = ChannelFactory()

    order = sell(shop, incoming_line(sku=level.variant.sku), location=level.location)

    assert order.holds.get().kind == "CHANNEL_CONFLICT"
    assert (figures(level), WithdrawnPromise.objects.count()) == ((2, 2), 0)


def test_same_receipt_again_changes_nothing(till):
    level = stock(units=1)
    line = incoming_line(sku=level.variant.sku, quantity=3)
    sell(till, line, location=level.location, external_id="receipt-1")
    before = books()

    sell(till, line, location=level.location, external_id="receipt-1")

    assert books() == before


def test_sale_told_after_its_books_were_closed_leaves_the_open_ones(till):
    level = stock(units=5)
    close_period(ends_at=NOON, at=NOON, by=UserFactory())
    line = incoming_line(sku=level.variant.sku)
    early = NOON.replace(hour=NOON.hour - 2)

    order = sell(till, line, location=level.location, updated_at=early, placed_at=early)

    assert order.lifecycle == "COMPLETED"
    assert StockMovement.objects.get(kind="SALE").moved_at == NOON
    assert order.fulfillments.get().shipped_at == NOON


def test_bundle_that_nobody_knew_of_is_taken_apart_by_a_till(till):
    """A till hands over whole bundles; what the system did not know is found at the sale."""
    pen, ink = stock(units=1, reference="GR-1"), stock(units=1, reference="GR-2")
    sku = bundle({pen.variant: 2, ink.variant: 1}).sku
    incoming = incoming_order(incoming_line(sku=sku), status=IncomingStatus.SHIPPED)

    order = ingest_order(channel=till, incoming=incoming, location=pen.location, at=NOON).order

    moved = StockMovement.objects.filter(level__location=pen.location).exclude(kind="RECEIPT")
    assert order.lifecycle == "COMPLETED"
    assert sorted(moved.values_list("kind", "level__variant", "quantity")) == sorted(
        [
            ("ADJUSTMENT", pen.variant_id, 1),
            ("ADJUSTMENT", ink.variant_id, 1),
            ("SALE", pen.variant_id, -2),
            ("SALE", ink.variant_id, -1),
        ]
    )
    assert all_differences() == []
