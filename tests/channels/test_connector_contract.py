"""
What every connector must do, whatever it speaks: each test is a fault that real channels showed.

A connector joins by another entry in `CONNECTORS` (see `conftest`): a practice channel that can be
filled and made to fail, behind the same hand.
"""

import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import stamina

from channels.connectors.base import (
    CancellationPush,
    ChannelRefused,
    ChannelUnauthorized,
    ChannelUnavailable,
    IncomingAddress,
    IncomingBuyer,
    IncomingLine,
    IncomingOrder,
    IncomingStatus,
    PushResult,
    RemoteListing,
    StockPush,
    TrackingPush,
)
from tests.channels.shop_process import order_line, order_row, product_rows

pytestmark = pytest.mark.usefixtures("_no_waiting")


def read(connector, moment=None):
    return list(connector.orders_changed_since(moment))


def ids(orders):
    return [order.external_id for order in orders]


def at(clock: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-22T{clock}Z")


def test_order_is_read_whole(connector, practice):
    practice.seed(orders=[order_row(7)])

    order = connector.order("7")

    assert order == IncomingOrder(
        external_id="7",
        external_number="P7",
        status=IncomingStatus.OPEN,
        currency="GBP",
        total=Decimal("27.95"),
        placed_at=at("11:59:00"),
        updated_at=at("12:00:00"),
        lines=(
            IncomingLine(
                external_line_id="1",
                external_product_id="mug",
                external_variant_id="blue",
                sku="MUG-BLUE",
                gtin="4006381333931",
                name="Mug, blue",
                quantity=2,
                unit_price=Decimal("12.00"),
                total=Decimal("24.00"),
                tax=Decimal("4.00"),
            ),
        ),
        buyer=IncomingBuyer(account="b1", email="ann@example.com", name="Ann Example"),
        delivery_address=IncomingAddress(
            name="Ann Example",
            street="1 Mill Lane",
            postcode="LS6 2AB",
            city="Leeds",
            country="GB",
        ),
        shipping_total=Decimal("3.95"),
        tax_total=Decimal("4.66"),
        is_paid=True,
        ship_by=datetime(2026, 11, 24, 12, 0, tzinfo=UTC),
    )


def test_order_that_is_not_there_is_none(connector):
    assert connector.order("404") is None


def test_order_id_with_a_slash_reads_no_other_address(connector, practice):
    practice.seed(orders=[order_row(7)])

    assert connector.order("../orders/7") is None


def test_orders_come_oldest_change_first(connector, practice):
    practice.seed(
        orders=[
            order_row(1, updated_at="2026-11-22T12:00:03Z"),
            order_row(2, updated_at="2026-11-22T12:00:01Z"),
            order_row(3, updated_at="2026-11-22T12:00:02Z"),
        ]
    )

    assert ids(read(connector)) == ["2", "3", "1"]


def test_orders_of_the_asked_second_are_all_read(connector, practice):
    """The shop answers with what is strictly later, so the edge would lose its own second."""
    practice.seed(
        orders=[
            order_row(1, updated_at="2026-11-22T12:00:00Z"),
            order_row(2, updated_at="2026-11-22T12:00:01Z"),
            order_row(3, updated_at="2026-11-22T12:00:01Z"),
            order_row(4, updated_at="2026-11-22T12:00:02Z"),
        ]
    )

    assert ids(read(connector, at("12:00:01.400000"))) == ["2", "3", "4"]


@pytest.mark.parametrize("count", [99, 100, 101, 250])
def test_orders_of_one_second_are_read_whatever_the_page_holds(connector, practice, count):
    practice.seed(orders=[order_row(number) for number in range(1, count + 1)])

    found = ids(read(connector))

    assert sorted(found, key=int) == [str(number) for number in range(1, count + 1)]


def test_orders_that_move_while_being_read_lose_none(connector, practice):
    """An order cancelled after the first page moves to the end, and all behind it move up."""
    practice.seed(
        orders=[
            order_row(number, updated_at=f"2026-11-22T12:{number // 60:02}:{number % 60:02}Z")
            for number in range(1, 251)
        ]
    )
    reading = connector.orders_changed_since(None)

    found = [next(reading) for _ in range(100)]
    practice.cancel("1")
    practice.cancel("2")
    found += reading

    assert set(ids(found)) == {str(number) for number in range(1, 251)}
    assert [order.status for order in found[-2:]] == [IncomingStatus.CANCELLED] * 2


def test_order_shown_twice_is_read_once(connector, practice):
    practice.seed(orders=[order_row(1), order_row(2)])
    practice.fail("duplicate")

    assert ids(read(connector)) == ["1", "2"]


def test_filter_that_the_channel_ignores_is_noticed(connector, practice):
    practice.seed(orders=[order_row(1, updated_at="2026-01-01T00:00:00Z")])
    practice.fail("ignored_filter")

    with pytest.raises(ChannelRefused, match="from before"):
        read(connector, at("12:00:00"))


def test_wrong_credentials_do_not_read_as_no_orders(shop):
    connector = shop.connector(token="guessed")

    with pytest.raises(ChannelUnauthorized):
        read(connector)


@pytest.mark.parametrize("kind", ["error", "rate_limit", "html", "lost_answer"])
def test_trouble_that_passes_is_not_noticed(connector, practice, kind):
    practice.seed(orders=[order_row(1)])
    practice.fail(kind, times=3)

    assert ids(read(connector)) == ["1"]


@pytest.mark.parametrize("kind", ["error", "rate_limit", "html", "lost_answer"])
def test_trouble_that_stays_makes_the_channel_unavailable(connector, practice, kind):
    practice.seed(orders=[order_row(1)])
    practice.fail(kind, times=4)

    with pytest.raises(ChannelUnavailable):
        read(connector)
    assert ids(read(connector)) == ["1"]


def test_answer_that_takes_too_long_makes_the_channel_unavailable(shop, practice):
    practice.fail("slow", times=4, seconds=1)
    connector = shop.connector(seconds_to_answer=0.2)

    with pytest.raises(ChannelUnavailable):
        connector.order("1")


def test_order_with_unreadable_parts_is_read_with_the_rest_and_says_so(connector, practice):
    practice.seed(
        orders=[
            order_row(1),
            order_row(
                2,
                status="teleported",
                currency="pounds",
                total="a lot",
                lines=[order_line(1, quantity="two"), order_line(1, price="12,00")],
            ),
            order_row(3),
        ]
    )

    healthy, broken, later = read(connector)

    assert (healthy.problems, later.problems) == ((), ())
    assert broken.external_id == "2"
    assert broken.status == IncomingStatus.OPEN
    assert (broken.currency, broken.total) == ("", Decimal(0))
    assert [line.external_line_id for line in broken.lines] == ["1", "1#2"]
    assert [line.quantity for line in broken.lines] == [0, 2]
    assert [line.total for line in broken.lines] == [Decimal("24.00")] * 2
    assert broken.buyer == healthy.buyer
    assert broken.problems == (
        "The status 'teleported' is unknown.",
        "'pounds' is no currency.",
        "total cannot be read: 'a lot'",
        "lines 1 quantity cannot be read: 'two'",
        "Line 2 has no id of its own.",
        "lines 2 price cannot be read: '12,00'",
    )


def test_order_without_id_keeps_one_name_for_the_same_content(connector, practice):
    row = order_row(1)
    practice.seed(orders=[{**row, "id": None}, {**row, "id": None, "total": "1.00"}])

    first_reading, second_reading = ids(read(connector)), ids(read(connector))

    assert first_reading == second_reading
    assert len(set(first_reading)) == 2
    assert all(name.startswith("unreadable-") for name in first_reading)


@pytest.mark.parametrize(
    ("told", "understood"),
    [("8.1219513", "8.1219513"), (8.10, "8.1"), (8, "8"), ("0.1", "0.1"), (44.97, "44.97")],
)
def test_money_is_exact_whether_text_or_number(connector, practice, told, understood):
    practice.seed(orders=[order_row(1, total=told)])

    [order] = read(connector)

    assert order.total == Decimal(understood)


@pytest.mark.parametrize(
    "nonsense", ["NaN", "Infinity", "1e40", "1_0", "\uff11", 1e40, [], {"value": 1}, True]
)
def test_money_that_is_none_is_reported(connector, practice, nonsense):
    practice.seed(orders=[order_row(1, total=nonsense)])

    [order] = read(connector)

    assert order.total == 0
    assert [problem.split(":")[0] for problem in order.problems] == ["total cannot be read"]


def test_text_that_the_database_cannot_hold_is_made_storable(connector, practice):
    practice.seed(orders=[{**order_row(1), "number": "P\x001 "}])

    [order] = read(connector)

    assert order.external_number == "P1"


def test_lines_that_are_no_goods_are_told_apart(connector, practice):
    practice.seed(orders=[order_row(1, lines=[order_line(1), order_line(2, kind="gift wrap")])])

    [order] = read(connector)

    assert [line.is_stocked for line in order.lines] == [True, False]


@pytest.mark.parametrize("count", [0, 1, 100, 101])
def test_listings_are_read_over_all_pages(connector, practice, count):
    practice.seed(products=product_rows(count))

    listings = list(connector.listings())

    assert [listing.external_product_id for listing in listings] == [
        f"p{number}" for number in range(1, count + 1)
    ]


def test_listing_is_read_whole(connector, practice):
    [row] = product_rows(1)
    practice.seed(products=[{**row, "variant_id": "v", "gtin": "4006381333931"}])

    [listing] = connector.listings()

    assert listing == RemoteListing(
        external_product_id="p1",
        external_variant_id="v",
        sku="SKU-1",
        gtin="4006381333931",
        title="Article 1",
        quantity=5,
        price=Decimal("4.50"),
    )


def stock_push(product_id: str, quantity: int) -> StockPush:
    return StockPush(external_product_id=product_id, external_variant_id="", quantity=quantity)


def test_stock_is_set_in_batches_and_answered_in_order(connector, practice):
    practice.seed(products=product_rows(250))
    pushes = [stock_push(f"p{number}", number) for number in range(250, 0, -1)]

    results = connector.push_stock(pushes)

    assert results == [
        PushResult(external_product_id=f"p{number}", external_variant_id="")
        for number in range(250, 0, -1)
    ]
    assert practice.stock() == {(f"p{number}", ""): number for number in range(1, 251)}


def test_stock_errors_are_told_per_item_and_stop_no_other(connector, practice):
    practice.seed(products=product_rows(3))
    practice.fail("item_error", product_id="p2")

    results = connector.push_stock(
        [stock_push("p1", 1), stock_push("p2", 2), stock_push("gone", 3), stock_push("p3", -1)]
    )

    assert [result.error for result in results] == [
        "",
        "The article is being edited.",
        "There is no such article.",
        "A quantity is not negative.",
    ]
    assert practice.stock() == {("p1", ""): 1, ("p2", ""): 5, ("p3", ""): 5}


def test_stock_push_whose_answer_was_lost_is_made_again(connector, practice):
    practice.seed(products=product_rows(1))
    practice.fail("lost_answer")

    [result] = connector.push_stock([stock_push("p1", 2)])

    assert result.error == ""
    assert practice.stock() == {("p1", ""): 2}


def tracking(number: str, *, order_id: str = "1", lines: dict | None = None) -> TrackingPush:
    return TrackingPush(
        external_order_id=order_id,
        carrier="Royal Mail",
        tracking_number=number,
        shipped_at=at("13:00:00"),
        lines={"1": 2} if lines is None else lines,
    )


def test_tracking_reaches_the_channel_once_although_the_answer_was_lost(connector, practice):
    practice.seed(orders=[order_row(1)])
    practice.fail("lost_answer")

    connector.push_tracking(tracking("RM1"))
    connector.push_tracking(tracking("RM1"))

    assert practice.shipments("1") == [
        {
            "carrier": "Royal Mail",
            "tracking_number": "RM1",
            "shipped_at": "2026-11-22T13:00:00+00:00",
            "lines": {"1": 2},
        }
    ]
    assert connector.order("1").status == IncomingStatus.SHIPPED


def test_tracking_of_a_part_leaves_the_order_open(connector, practice):
    practice.seed(orders=[order_row(1)])

    connector.push_tracking(tracking("RM1", lines={"1": 1}))

    assert connector.order("1").status == IncomingStatus.OPEN


def test_tracking_of_several_parcels_counts_the_pieces_once(connector, practice):
    practice.seed(orders=[order_row(1)])

    connector.push_tracking(tracking("RM1", lines={"1": 1}))
    connector.push_tracking(tracking("RM2", lines={"1": 0}))

    assert [parcel["tracking_number"] for parcel in practice.shipments("1")] == ["RM1", "RM2"]
    assert connector.order("1").status == IncomingStatus.OPEN


def test_tracking_that_is_put_right_stays_one_parcel(connector, practice):
    practice.seed(orders=[order_row(1)])
    connector.push_tracking(tracking("RM1"))

    for _ in range(2):
        connector.push_tracking(replace(tracking("RM9"), replaces=("RM0", "RM1")))

    [parcel] = practice.shipments("1")
    assert (parcel["tracking_number"], parcel["lines"]) == ("RM9", {"1": 2})


@pytest.mark.parametrize("order_id", ["1", "2"])
def test_tracking_that_the_channel_does_not_want_is_refused(connector, practice, order_id):
    """Order 1 was cancelled by its buyer, order 2 was never there."""
    practice.seed(orders=[order_row(1)])
    practice.cancel("1")

    with pytest.raises(ChannelRefused):
        connector.push_tracking(tracking("RM1", order_id=order_id))


def cancellation(key: str = "SO-1/1", *, order_id: str = "1", lines: dict | None = None):
    return CancellationPush(
        external_order_id=order_id,
        key=key,
        reason="No stock.",
        lines={"1": 1} if lines is None else lines,
    )


def test_cancelled_pieces_are_taken_off_once_although_the_answer_was_lost(connector, practice):
    practice.seed(orders=[order_row(1)])
    practice.fail("lost_answer")

    connector.push_cancellation(cancellation())
    connector.push_cancellation(cancellation())

    order = connector.order("1")
    assert practice.cancellations("1") == [
        {"key": "SO-1/1", "reason": "No stock.", "lines": {"1": 1}}
    ]
    assert (order.status, order.lines[0].quantity) == (IncomingStatus.OPEN, 1)
    assert (order.lines[0].total, order.total) == (Decimal("12.00"), Decimal("15.95"))


def test_order_of_which_all_pieces_are_cancelled_is_cancelled(connector, practice):
    practice.seed(orders=[order_row(1)])

    connector.push_cancellation(cancellation(lines={"1": 2}))

    assert connector.order("1").status == IncomingStatus.CANCELLED


def test_cancellation_of_the_rest_completes_an_order(connector, practice):
    practice.seed(orders=[order_row(1)])
    connector.push_tracking(tracking("RM1", lines={"1": 1}))

    connector.push_cancellation(cancellation())

    assert connector.order("1").status == IncomingStatus.SHIPPED


def test_cancellation_of_a_cancelled_order_changes_nothing(connector, practice):
    practice.seed(orders=[order_row(1)])
    practice.cancel("1")

    connector.push_cancellation(cancellation())

    assert practice.cancellations("1") == []


@pytest.mark.parametrize(
    "push", [cancellation(lines={"1": 3}), cancellation(lines={"9": 1}), cancellation(order_id="2")]
)
def test_cancellation_of_what_is_not_there_is_refused(connector, practice, push):
    practice.seed(orders=[order_row(1)])

    with pytest.raises(ChannelRefused):
        connector.push_cancellation(push)


def test_pickup_note_and_merging_are_read(connector, practice):
    told = {"pickup_location": "store-1", "note": "Ring twice.", "merged_into": "9"}
    practice.seed(orders=[order_row(1, **told)])

    order = connector.order("1")

    assert (order.pickup_location, order.note, order.merged_into) == (
        "store-1",
        "Ring twice.",
        "9",
    )


def test_the_wait_a_channel_asks_for_is_kept(connector, practice):
    practice.seed(orders=[order_row(1)])
    practice.fail("rate_limit", seconds=2)
    begun = time.monotonic()

    with stamina.set_testing(False):
        orders = read(connector)

    assert ids(orders) == ["1"]
    assert time.monotonic() - begun >= 2
