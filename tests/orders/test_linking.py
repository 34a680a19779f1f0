"""Unknown articles: linked once, for every order that waits and from then on."""

from datetime import timedelta

import pytest

from channels.models import Listing
from channels.operations import link_listing
from orders.operations import (
    AlreadyLinked,
    Linked,
    UnknownArticle,
    cancel_order,
    ingest_order,
    link_article,
    link_waiting,
    mark_line_non_stock,
    mark_non_stock,
)
from orders.queries import UnknownCode, differences, unknown_articles, unknown_lines
from retail.common.errors import WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import incoming_line, incoming_order
from tests.orders.books import books

pytestmark = pytest.mark.django_db


@pytest.fixture
def channel():
    return ChannelFactory()


def waiting(channel, *, sku="NEW-PEN", quantity=2, hours=1, line=None, **values):
    """Take in an order for an article nobody knows, placed so many hours ago."""
    told = line or incoming_line(sku=sku, quantity=quantity, **values)
    incoming = incoming_order(told, placed_at=NOON - timedelta(hours=hours))
    return ingest_order(channel=channel, incoming=incoming, at=NOON).order


def link(channel, level, **values):
    told = {"sku": "NEW-PEN", "at": NOON, **values}
    return link_article(channel=channel, variant_id=level.variant_id, **told)


def open_holds(order):
    order.refresh_from_db()
    return sorted(order.holds.open().values_list("kind", flat=True))


def test_one_unknown_line_of_three_waits_and_linking_it_releases_three_orders(channel):
    """Two lines are promised, one waits; linking serves the two other waiting orders too."""
    pen, ink = stock(units=9, reference="GR-pen"), stock(units=9, reference="GR-ink")
    new = stock(units=5, reference="GR-new")
    incoming = incoming_order(
        incoming_line(sku=pen.variant.sku, external_line_id="1"),
        incoming_line(sku=ink.variant.sku, external_line_id="2"),
        incoming_line(sku="NEW-PEN", quantity=2, external_line_id="3"),
        placed_at=NOON - timedelta(hours=3),
    )
    order = ingest_order(channel=channel, incoming=incoming, at=NOON).order
    older, newer = waiting(channel, hours=2), waiting(channel, hours=1)
    pen.refresh_from_db()
    ink.refresh_from_db()
    assert (pen.allocated, ink.allocated, open_holds(order)) == (1, 1, ["UNKNOWN_ITEM"])

    linked = link(channel, new)

    new.refresh_from_db()
    assert linked == Linked(lines=3, orders=3, released=2)
    assert (open_holds(order), open_holds(older)) == ([], [])
    # The last one placed is the one for which no stock is left.
    assert (open_holds(newer), new.allocated) == (["STOCK"], 5)
    assert differences() == []


def test_the_next_order_finds_the_article_by_itself(channel):
    level = stock(units=9)
    waiting(channel)
    link(channel, level, pack_size=3)

    order = waiting(channel, sku="NEW-PEN", quantity=1)

    assert (order.lines.get().variant, order.lines.get().pack_size) == (level.variant, 3)
    assert open_holds(order) == []


def test_listing_that_the_unknown_line_came_from_is_linked(channel):
    level = stock(units=9)
    ids = {"external_product_id": "p-1", "external_variant_id": "v-1"}
    order = waiting(channel, **ids)
    listing = Listing.objects.get()
    assert (listing.external_sku, listing.status) == ("NEW-PEN", "UNLINKED")

    link(channel, level)

    listing.refresh_from_db()
    assert (listing.variant, listing.status, open_holds(order)) == (
        level.variant,
        "PUBLISHED",
        [],
    )


def test_article_is_the_same_whatever_the_case_and_only_on_its_channel(channel):
    level = stock(units=9)
    same = waiting(channel, sku="new-pen")
    other_sku, elsewhere = waiting(channel, sku="NEW-PENCIL"), waiting(ChannelFactory())

    assert link(channel, level) == Linked(lines=1, orders=1, released=1)

    assert [open_holds(order) for order in (same, other_sku, elsewhere)] == [
        [],
        ["UNKNOWN_ITEM"],
        ["UNKNOWN_ITEM"],
    ]


def test_article_without_sku_is_told_by_its_gtin(channel):
    level = stock(units=9)
    order = waiting(channel, sku="", gtin="4006381333931")
    waiting(channel, sku="OTHER", gtin="4006381333931")

    linked = link(channel, level, sku="", gtin="4006381333931")

    assert (linked.orders, open_holds(order)) == (1, [])


def test_linking_again_finds_nothing_left_to_do(channel):
    level = stock(units=9)
    waiting(channel)
    link(channel, level)
    before = books()

    assert link(channel, level) == Linked()
    assert books() == before


def test_order_that_was_cancelled_meanwhile_is_left_alone(channel):
    level, order = stock(units=9), waiting(channel)
    cancel_order(order_id=order.pk, reason="No longer wanted.", key="call", at=NOON)

    assert link(channel, level) == Linked()
    assert order.lines.get().variant is None


@pytest.mark.parametrize("wrong", [{"sku": " "}, {"pack_size": 0}, {"variant_id": 0}])
def test_nonsense_is_refused_and_nothing_is_changed(channel, wrong):
    level = stock(units=9)
    waiting(channel)
    before = books()

    with pytest.raises(UnknownArticle):
        link_article(
            **{
                "channel": channel,
                "variant_id": level.variant_id,
                "sku": "NEW-PEN",
                "at": NOON,
                **wrong,
            }
        )

    assert books() == before
    assert not Listing.objects.exists()


def test_article_that_needs_no_stock_goes_along(channel):
    level = stock(units=9)
    wrap = {"sku": "GIFT-WRAP", "external_line_id": "2"}
    incoming = incoming_order(incoming_line(sku=level.variant.sku), incoming_line(**wrap))
    order = ingest_order(channel=channel, incoming=incoming, at=NOON).order
    alone = waiting(channel, sku="GIFT-WRAP")

    marked = mark_non_stock(channel=channel, sku="GIFT-WRAP", at=NOON)

    assert (marked.lines, marked.orders) == (2, 2)
    assert open_holds(order) == []
    order.refresh_from_db()
    alone.refresh_from_db()
    assert (order.lifecycle, alone.lifecycle) == ("CONFIRMED", "COMPLETED")
    assert differences() == []


def test_line_without_a_code_is_marked_alone_and_once(channel):
    order = waiting(channel, sku="", name="A tip")
    line = order.lines.get()

    mark_line_non_stock(line_id=line.pk, at=NOON)
    before = books()
    mark_line_non_stock(line_id=line.pk, at=NOON)

    assert (open_holds(order), books()) == ([], before)


def test_line_of_a_known_article_needs_its_stock(channel):
    line = waiting(channel, sku=stock(units=9).variant.sku).lines.get()
    before = books()

    with pytest.raises(AlreadyLinked):
        mark_line_non_stock(line_id=line.pk, at=NOON)
    with pytest.raises(UnknownArticle):
        mark_line_non_stock(line_id=0, at=NOON)
    with pytest.raises(UnknownArticle):
        mark_non_stock(channel=channel, at=NOON)

    assert books() == before


def test_line_of_a_cancelled_order_stays_as_it_is(channel):
    order = waiting(channel)
    cancel_order(order_id=order.pk, reason="No longer wanted.", key="call", at=NOON)

    with pytest.raises(WrongStatus):
        mark_line_non_stock(line_id=order.lines.get().pk, at=NOON)


def test_article_that_has_become_known_is_linked_by_the_clock(channel):
    created, listed, unknown = (
        waiting(channel),
        waiting(channel, sku="B"),
        waiting(channel, sku="C"),
    )
    listed_as = stock(units=9, reference="GR-listed")
    by_id = waiting(channel, sku="B", external_product_id="p-1")
    stock(units=9, variant=VariantFactory(sku="new-pen"), reference="GR-created")
    link_listing(listing_id=Listing.objects.get().pk, variant_id=listed_as.variant_id, pack_size=2)

    linked = link_waiting(at=NOON, limit=99)

    assert linked == Linked(lines=3, orders=3, released=3)
    assert created.lines.get().variant.sku == "new-pen"
    assert [order.lines.get().pack_size for order in (listed, by_id)] == [2, 2]
    assert open_holds(unknown) == ["UNKNOWN_ITEM"]


def test_unknown_articles_are_listed_with_what_waits_for_them(channel, django_assert_num_queries):
    waiting(channel, hours=5, quantity=3)
    waiting(channel, sku="new-pen", quantity=1)
    waiting(channel, sku="", gtin="4006381333931", hours=9)
    stock_known = stock(units=9)
    waiting(channel, sku=stock_known.variant.sku)

    with django_assert_num_queries(1):
        by_gtin, by_sku = unknown_articles()

    assert (by_gtin["sku"], by_gtin["gtin"], by_gtin["lines"]) == ("", "4006381333931", 1)
    assert (by_sku["sku"], by_sku["channel_name"]) == ("NEW-PEN", channel.name)
    assert (by_sku["lines"], by_sku["orders"], by_sku["pieces"]) == (2, 2, 4)
    assert by_sku["since"] == NOON - timedelta(hours=5)
    assert unknown_lines(channel=channel, code=UnknownCode(sku="NEW-PEN")).count() == 2
