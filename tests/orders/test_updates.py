"""What becomes of an order that changes on its channel, by how far it got here."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from channels.connectors.base import IncomingStatus
from orders.models import Order
from orders.operations import Outcome, cancel_order, ingest_order, ship
from orders.queries import differences
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import ADDRESS, BUYER, incoming_line, incoming_order

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def channel():
    return ChannelFactory()


def tell(channel, incoming, **changed) -> tuple[Order, Outcome]:
    """Tell the order again, later and with something changed."""
    told = replace(incoming, updated_at=LATER, **changed)
    ingested = ingest_order(channel=channel, incoming=told, at=LATER)
    ingested.order.refresh_from_db()
    return ingested.order, ingested.outcome


def told_first(channel, *, units=10, quantity=4, **values):
    level = stock(units=units)
    incoming = incoming_order(incoming_line(sku=level.variant.sku, quantity=quantity), **values)
    order = ingest_order(channel=channel, incoming=incoming, at=NOON).order
    return level, incoming, order


def open_holds(order) -> list[str]:
    return sorted(order.holds.open().values_list("kind", flat=True))


def with_quantity(incoming, quantity):
    line = incoming.lines[0]
    total = line.unit_price * quantity
    return {"lines": (replace(line, quantity=quantity, total=total),), "total": total}


def test_another_day_to_ship_by_is_taken_over_while_goods_are_here(channel):
    _, incoming, _ = told_first(channel, ship_by=NOON + timedelta(days=2))
    sooner = NOON + timedelta(days=1)

    order, outcome = tell(channel, incoming, ship_by=sooner)
    _, again = tell(channel, incoming, ship_by=sooner)

    [change] = order.events.get(kind="UPDATED").details["changes"]
    assert (outcome, again) == (Outcome.UPDATED, Outcome.UNCHANGED)
    assert order.ship_by == sooner
    assert change == {"change": "due_changed", "after": sooner.isoformat()}


def test_day_to_ship_by_is_of_no_interest_once_the_goods_are_gone(channel):
    due = NOON + timedelta(days=2)
    _, incoming, order = told_first(channel, ship_by=due)
    ship(order_id=order.pk, key="parcel", at=NOON)

    order, outcome = tell(channel, incoming, ship_by=NOON + timedelta(days=1))

    assert (outcome, order.ship_by) == (Outcome.UNCHANGED, due)


def test_cancelled_before_shipping_frees_the_stock(channel):
    level, incoming, _ = told_first(channel)

    order, outcome = tell(channel, incoming, status=IncomingStatus.CANCELLED)

    level.refresh_from_db()
    assert outcome == Outcome.UPDATED
    assert (order.lifecycle, level.allocated, open_holds(order)) == ("CANCELLED", 0, [])
    assert order.lines.get().cancelled == 4
    assert differences() == []


def test_cancelled_after_shipping_is_a_conflict_and_changes_no_goods(channel):
    level, incoming, order = told_first(channel)
    ship(order_id=order.pk, key="parcel", at=NOON)

    order, _ = tell(channel, incoming, status=IncomingStatus.CANCELLED)

    level.refresh_from_db()
    assert (order.lifecycle, open_holds(order)) == ("COMPLETED", ["CHANNEL_CONFLICT"])
    assert (level.on_hand, order.lines.get().cancelled) == (6, 0)
    assert differences() == []


@pytest.mark.parametrize(
    ("quantity", "promised", "holds"), [(6, 6, []), (2, 2, []), (12, 10, ["STOCK"])]
)
def test_another_quantity_before_shipping_is_promised_anew(channel, quantity, promised, holds):
    level, incoming, _ = told_first(channel)

    order, outcome = tell(channel, incoming, **with_quantity(incoming, quantity))

    level.refresh_from_db()
    line = order.lines.get()
    assert outcome == Outcome.UPDATED
    assert (line.ordered, line.total) == (quantity, Decimal(10 * quantity))
    assert (order.total, level.allocated, open_holds(order)) == (
        Decimal(10 * quantity),
        promised,
        holds,
    )
    assert differences() == []


def test_smaller_quantity_ends_the_wait_for_stock(channel):
    level, incoming, order = told_first(channel, units=3)
    assert open_holds(order) == ["STOCK"]

    order, _ = tell(channel, incoming, **with_quantity(incoming, 3))

    level.refresh_from_db()
    assert (order.lifecycle, open_holds(order), level.allocated) == ("CONFIRMED", [], 3)


def test_line_taken_out_is_cancelled(channel):
    pen, ink = stock(reference="GR-pen"), stock(reference="GR-ink")
    incoming = incoming_order(
        incoming_line(sku=pen.variant.sku, external_line_id="1"),
        incoming_line(sku=ink.variant.sku, external_line_id="2"),
    )
    ingest_order(channel=channel, incoming=incoming, at=NOON)

    order, _ = tell(channel, incoming, lines=incoming.lines[:1], total=Decimal(10))

    pen.refresh_from_db()
    ink.refresh_from_db()
    assert list(order.lines.order_by("pk").values_list("cancelled", flat=True)) == [0, 1]
    assert (pen.allocated, ink.allocated, open_holds(order)) == (1, 0, [])
    assert differences() == []


def test_last_line_taken_out_cancels_the_order(channel):
    level, incoming, _ = told_first(channel)

    order, _ = tell(channel, incoming, lines=(), total=Decimal(0))

    level.refresh_from_db()
    assert (order.lifecycle, level.allocated) == ("CANCELLED", 0)
    assert differences() == []


def test_another_quantity_after_shipping_is_a_conflict(channel):
    _, incoming, order = told_first(channel)
    ship(order_id=order.pk, key="parcel", at=NOON)

    order, _ = tell(channel, incoming, **with_quantity(incoming, 6))

    assert order.lines.get().ordered == 4
    assert open_holds(order) == ["CHANNEL_CONFLICT"]


def test_another_address_before_shipping_is_taken(channel):
    _, incoming, order = told_first(channel)
    before = order.delivery_address

    order, outcome = tell(channel, incoming, delivery_address=replace(ADDRESS, city="Leeds"))

    assert outcome == Outcome.UPDATED
    assert (before.city, order.delivery_address.city) == ("London", "Leeds")
    assert open_holds(order) == []


def test_another_address_after_shipping_is_a_conflict(channel):
    _, incoming, order = told_first(channel)
    ship(order_id=order.pk, key="parcel", at=NOON)

    order, _ = tell(channel, incoming, delivery_address=replace(ADDRESS, city="Leeds"))

    assert order.delivery_address.city == "London"
    assert open_holds(order) == ["CHANNEL_CONFLICT"]


def test_payment_is_noted(channel):
    _, incoming, order = told_first(channel, is_paid=False)
    assert order.payment_status == "UNPAID"

    order, outcome = tell(channel, incoming, is_paid=True)

    assert (outcome, order.payment_status) == (Outcome.UPDATED, "PAID")


def test_buyer_told_later_releases_the_hold(channel):
    _, incoming, order = told_first(channel, buyer=None)
    assert open_holds(order) == ["NO_BUYER"]

    order, outcome = tell(channel, incoming, buyer=BUYER)

    assert outcome == Outcome.UPDATED
    assert (order.customer.name, order.lifecycle) == ("Ada Lovelace", "CONFIRMED")


def test_shipped_on_the_channel_but_not_here_is_a_conflict(channel):
    level, incoming, _ = told_first(channel)

    order, _ = tell(channel, incoming, status=IncomingStatus.SHIPPED)

    level.refresh_from_db()
    assert (order.lifecycle, open_holds(order)) == ("PLACED", ["CHANNEL_CONFLICT"])
    assert (level.on_hand, level.allocated) == (10, 4)


def test_line_added_before_picking_is_promised_too(channel):
    level, incoming, _ = told_first(channel)
    added = incoming_line(sku=level.variant.sku, external_line_id="9", quantity=2)

    order, outcome = tell(channel, incoming, lines=(*incoming.lines, added), total=Decimal(60))

    level.refresh_from_db()
    assert (outcome, open_holds(order), level.allocated) == (Outcome.UPDATED, [], 6)
    assert list(order.lines.order_by("pk").values_list("ordered", flat=True)) == [4, 2]
    assert differences() == []


def test_another_price_before_picking_is_taken_verbatim(channel):
    level, incoming, _ = told_first(channel)
    line = replace(incoming.lines[0], unit_price=Decimal(9), total=Decimal(36))

    order, _ = tell(channel, incoming, lines=(line,), total=Decimal(36))

    level.refresh_from_db()
    stored = order.lines.get()
    assert (stored.unit_price, stored.total, order.total) == (9, 36, 36)
    assert (open_holds(order), level.allocated) == ([], 4)


@pytest.mark.parametrize("is_known", [True, False])
def test_another_article_before_picking_is_promised_instead_or_held(channel, is_known):
    level, incoming, _ = told_first(channel)
    other = stock(units=9, reference="GR-other")
    sku = other.variant.sku if is_known else "NOBODY-KNOWS"

    order, _ = tell(channel, incoming, lines=(replace(incoming.lines[0], sku=sku),))

    level.refresh_from_db()
    other.refresh_from_db()
    line = order.lines.get()
    assert (line.raw_sku, line.variant) == (sku, other.variant if is_known else None)
    assert (level.allocated, other.allocated) == (0, 4 if is_known else 0)
    assert open_holds(order) == ([] if is_known else ["UNKNOWN_ITEM"])
    assert differences() == []


def test_total_that_no_longer_adds_up_is_taken_and_held(channel):
    _, incoming, _ = told_first(channel)

    order, _ = tell(channel, incoming, total=Decimal(41))

    assert (order.total, open_holds(order)) == (Decimal(41), ["PRICE_MISMATCH"])


def test_what_the_buyer_wrote_later_is_kept(channel):
    _, incoming, _ = told_first(channel)

    order, outcome = tell(channel, incoming, note="Ring twice.")

    assert (outcome, order.buyer_note) == (Outcome.UPDATED, "Ring twice.")


def test_line_that_makes_no_sense_in_a_newer_version_holds_the_order(channel):
    _, incoming, _ = told_first(channel)
    nonsense = incoming_line(sku="X", quantity=-1, external_line_id="9")

    order, _ = tell(channel, incoming, lines=(*incoming.lines, nonsense), total=Decimal(30))

    assert open_holds(order) == ["LINE_REFUSED"]


def test_order_cancelled_here_and_open_there_is_a_conflict(channel):
    _, incoming, order = told_first(channel, is_paid=False)
    cancel_order(order_id=order.pk, reason="The buyer rang.", key="call", at=NOON)

    order, _ = tell(channel, incoming, is_paid=True)

    assert (order.lifecycle, open_holds(order)) == ("CANCELLED", ["CHANNEL_CONFLICT"])


def test_conflict_told_twice_opens_one_hold(channel):
    _, incoming, _ = told_first(channel)
    tell(channel, incoming, status=IncomingStatus.SHIPPED)

    order, _ = tell(channel, incoming, status=IncomingStatus.SHIPPED, total=Decimal(41))

    assert order.holds.filter(kind="CHANNEL_CONFLICT").count() == 1
    assert order.conflicts.get().kind == "SHIPPED"
