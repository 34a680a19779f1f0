"""Sales of the past in bulk: the same rows as one at a time."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count

import pytest

from channels.connectors.base import IncomingBuyer, IncomingRefundLine, IncomingStatus
from inventory.models import StockMovement
from inventory.operations import close_period
from orders.models import (
    CancelledLine,
    ChannelConflict,
    Fulfillment,
    FulfillmentLine,
    Order,
    OrderCancellation,
    OrderEvent,
    OrderHold,
    OrderLine,
    Payment,
    PaymentEvent,
    Refund,
    RefundLine,
    Return,
    ReturnLine,
)
from orders.operations import (
    BatchResult,
    IncomingReturn,
    IncomingReturnLine,
    ReturnedLine,
    close_return,
    ingest_order,
    ingest_orders,
    register_returns,
    take_back_blind,
)
from orders.operations.history.returns import OF_THE_PAST
from orders.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import BUYER, incoming_line, incoming_order
from tests.factories.orders_payments import told_payment, told_refund
from tests.orders.books import books

pytestmark = pytest.mark.django_db

# What is unlike between two equal orders by its nature.
OWN = {
    "id", "number", "order_id", "channel_id", "location_id", "level_id", "line_id", "reference",
    "fulfillment_id", "parent_id", "source_id", "source_line_ids", "payment_id", "refund_id",
    "cancellation_id",
}  # fmt: skip


_numbers = count(1)
BACK = IncomingRefundLine(external_line_id="1", quantity=1, amount=Decimal("5.00"))


def transactions(number):
    """Return an authorization that was charged in part, and a payment that failed."""
    card = told_payment("AUTHORIZED", "30.00", external_id=f"card-{number}", provider="practice")
    charged = told_payment("CHARGED", "20.00").events
    return (
        replace(card, events=card.events + charged),
        told_payment("FAILED", "30.00", external_id=f"voucher-{number}", method="voucher"),
    )


def sales(*levels):
    """Return orders of every sort that a file of the past may hold."""
    skus = [level.variant.sku for level in levels]
    days = [NOON - timedelta(days=days) for days in range(9, 0, -1)]
    plain = incoming_line(sku=skus[0], quantity=2)
    orders = [
        incoming_order(plain, note="Ring twice.", pickup_location=levels[0].location.code),
        incoming_order(
            plain, incoming_line(sku=skus[1], external_line_id="2"), buyer=None,
            delivery_address=None,
        ),
        incoming_order(
            plain, replace(plain, external_line_id="2", quantity=1, total=Decimal(10)),
            payment_method="card", payments=transactions(next(_numbers)),
        ),
        incoming_order(
            plain, incoming_line(sku="POST", external_line_id="2", is_stocked=False),
            refunds=(told_refund("5.00", lines=(BACK,)), told_refund("30.00", external_id="R-2")),
        ),
        incoming_order(plain, incoming_line(sku="NOBODY-KNOWS", external_line_id="2")),
        incoming_order(plain, incoming_line(sku=skus[1], quantity=-1, external_line_id="2")),
        incoming_order(
            plain, total=Decimal("20.02"), is_paid=False, pickup_location="Nowhere"
        ),
        incoming_order(plain, total=Decimal(99), buyer=IncomingBuyer(email="other@example.com")),
        incoming_order(incoming_line(sku="FEE", is_stocked=False)),
    ]  # fmt: skip
    return [
        replace(order, status=IncomingStatus.SHIPPED, placed_at=day, updated_at=day)
        for order, day in zip(orders, days, strict=True)
    ]


def rows(model, **where) -> list[dict]:
    return [
        {name: value for name, value in row.items() if name not in OWN}
        for row in model.objects.filter(**where).order_by("pk").values()
    ]


def movements_with_what_they_name(channel) -> list[dict]:
    """Return the movements of a channel's sales, and which lines they say caused them."""
    sent = {
        line.pk: (line.fulfillment_id, line.line.variant_id, line.quantity)
        for line in FulfillmentLine.objects.filter(line__order__channel=channel).select_related(
            "line"
        )
    }
    moved = StockMovement.objects.filter(
        reference__in=Fulfillment.objects.filter(order__channel=channel).values("number")
    ).select_related("level")
    named = [[sent[pk] for pk in movement.source_line_ids] for movement in moved.order_by("pk")]
    for movement, lines in zip(moved.order_by("pk"), named, strict=True):
        assert {line[:2] for line in lines} == {(movement.source_id, movement.level.variant_id)}
        assert sum(line[2] for line in lines) == -movement.quantity
    return [
        {**row, "lines": [line[1:] for line in lines]}
        for row, lines in zip(
            rows(StockMovement, pk__in=[movement.pk for movement in moved]), named, strict=True
        )
    ]


def payments_told(channel) -> list[dict]:
    """Return the payments of a channel's orders; one that nobody named is called by its order."""
    payments = rows(Payment, order__channel=channel)
    for payment in payments:
        payment["external_id"] = re.sub(r"^order-\d+$", "order", payment["external_id"])
    return payments


def told(channel) -> dict[str, list[dict]]:
    """Return everything stored about the orders of a channel, but for what is their own."""
    of_order = {"order__channel": channel}
    events = rows(OrderEvent, **of_order)
    for event in events:
        event["details"] = {
            name: value
            for name, value in event["details"].items()
            if name not in {"fulfillment", "line"}
        }
    return {
        "orders": rows(Order, channel=channel),
        "lines": rows(OrderLine, **of_order),
        "holds": rows(OrderHold, **of_order),
        "cancellations": rows(OrderCancellation, **of_order),
        "cancelled": rows(CancelledLine, line__order__channel=channel),
        "conflicts": rows(ChannelConflict, **of_order),
        "events": events,
        "payments": payments_told(channel),
        "payment events": rows(PaymentEvent, payment__order__channel=channel),
        "refunds": rows(Refund, **of_order),
        "refunded lines": rows(RefundLine, refund__order__channel=channel),
        "fulfillments": rows(Fulfillment, **of_order),
        "sent": rows(FulfillmentLine, line__order__channel=channel),
        "movements": movements_with_what_they_name(channel),
    }


def test_bulk_writes_the_rows_of_one_at_a_time():
    slow, fast = ChannelFactory(), ChannelFactory()
    # Apart in time and each other's double, so that cost does not depend on who comes first.
    pen, ink = (VariantFactory() for _ in range(2))
    here, there = LocationFactory(), LocationFactory()
    levels = [
        stock(variant=variant, location=place, units=1000, value="5000", reference=f"GR-{n}-{m}")
        for n, variant in enumerate((pen, ink))
        for m, place in enumerate((here, there))
    ]
    batch = sales(levels[0], levels[2])

    for incoming in batch:
        ingest_order(channel=slow, incoming=incoming, location=here, at=NOON)
    result = ingest_orders(channel=fast, batch=batch, location=there, at=NOON)

    one_by_one, in_bulk = told(slow), told(fast)
    assert result == BatchResult(created=9, lines=13, lines_refused=1, lines_unknown=1, held=5)
    for name, stored in one_by_one.items():
        assert sorted(map(str, in_bulk[name])) == sorted(map(str, stored)), name
    assert differences() == []


def test_bulk_writes_the_rows_of_one_at_a_time_for_what_has_not_simply_left():
    """Cancelled, merged, open, and more than there is: each as by itself."""
    slow, fast = ChannelFactory(), ChannelFactory()
    pen = VariantFactory()
    here, there = LocationFactory(), LocationFactory()
    for place in (here, there):
        stock(variant=pen, location=place, units=5, value="50", reference=f"GR-{place.code}")
    line = incoming_line(sku=pen.sku, quantity=2)
    batch = [
        incoming_order(line, status=IncomingStatus.CANCELLED),
        incoming_order(line, status=IncomingStatus.SHIPPED, merged_into="elsewhere"),
        incoming_order(line, status=IncomingStatus.SHIPPED),
        incoming_order(replace(line, quantity=9), status=IncomingStatus.SHIPPED),
    ]

    for incoming in batch:
        ingest_order(channel=slow, incoming=incoming, location=here, at=NOON)
    ingest_orders(channel=fast, batch=batch, location=there, at=NOON)

    one_by_one, in_bulk = told(slow), told(fast)
    assert [row["kind"] for row in one_by_one["conflicts"]] == ["SHIPPED"]
    assert len(one_by_one["cancelled"]) == 2
    for name, stored in one_by_one.items():
        assert sorted(map(str, in_bulk[name])) == sorted(map(str, stored)), name
    assert differences() == []


def test_bulk_again_changes_nothing():
    pen, ink = stock(reference="GR-1", units=99), stock(reference="GR-2", units=99)
    channel, place = ChannelFactory(), pen.location
    stock(variant=ink.variant, location=place, reference="GR-3", units=99)
    batch = sales(pen, ink)
    ingest_orders(channel=channel, batch=batch, location=place, at=NOON)
    before = books()

    result = ingest_orders(channel=channel, batch=batch, location=place, at=NOON)

    assert result == BatchResult(known=9, lines_known=14)
    assert books() == before


def test_bulk_passes_over_what_is_known_and_takes_the_rest():
    level = stock(units=99)
    channel = ChannelFactory()
    batch = [
        incoming_order(incoming_line(sku=level.variant.sku), status=IncomingStatus.SHIPPED)
        for _ in range(3)
    ]
    ingest_order(channel=channel, incoming=batch[1], at=NOON)

    result = ingest_orders(channel=channel, batch=batch, location=level.location, at=NOON)

    level.refresh_from_db()
    assert result == BatchResult(created=2, known=1, lines=2, lines_known=1)
    assert level.on_hand == 96


def test_order_twice_in_a_batch_is_taken_once():
    level = stock(units=99)
    incoming = incoming_order(incoming_line(sku=level.variant.sku), status=IncomingStatus.SHIPPED)

    ingest_orders(
        channel=ChannelFactory(), batch=[incoming, incoming], location=level.location, at=NOON
    )

    level.refresh_from_db()
    assert (Order.objects.count(), level.on_hand) == (1, 98)


def test_bulk_that_stock_is_too_short_for_goes_one_by_one():
    level = stock(units=3)
    channel = ChannelFactory()
    batch = [
        incoming_order(
            incoming_line(sku=level.variant.sku, quantity=2), status=IncomingStatus.SHIPPED
        )
        for _ in range(2)
    ]

    result = ingest_orders(channel=channel, batch=batch, location=level.location, at=NOON)

    level.refresh_from_db()
    assert result == BatchResult(created=2, lines=2, held=1)
    assert level.on_hand == 1
    assert OrderHold.objects.get().kind == "CHANNEL_CONFLICT"
    assert differences() == []


def test_bulk_of_closed_books_leaves_the_open_ones():
    level, channel = stock(units=9), ChannelFactory()
    close_period(ends_at=NOON - timedelta(days=5), at=NOON, by=UserFactory())
    days = (NOON - timedelta(days=6), NOON - timedelta(days=4))
    batch = [
        replace(
            incoming_order(incoming_line(sku=level.variant.sku)),
            status=IncomingStatus.SHIPPED,
            placed_at=day,
            updated_at=day,
        )
        for day in days
    ]

    result = ingest_orders(channel=channel, batch=batch, location=level.location, at=NOON)

    moved = StockMovement.objects.filter(kind="SALE").order_by("pk")
    assert (result.created, result.held) == (2, 0)
    assert list(moved.values_list("moved_at", flat=True)) == [NOON, days[1]]


def test_open_order_in_a_batch_is_promised():
    level = stock(units=3)
    incoming = incoming_order(incoming_line(sku=level.variant.sku))

    ingest_orders(channel=ChannelFactory(), batch=[incoming], location=level.location, at=NOON)

    level.refresh_from_db()
    assert (level.on_hand, level.allocated) == (3, 1)


def test_bulk_takes_as_many_queries_whatever_the_size(django_assert_max_num_queries):
    pen, ink = stock(reference="GR-1", units=999), stock(reference="GR-2", units=999)
    place = pen.location
    stock(variant=ink.variant, location=place, reference="GR-3", units=999)
    channel = ChannelFactory()

    with django_assert_max_num_queries(50):
        ingest_orders(channel=channel, batch=sales(pen, ink), location=place, at=NOON)
    many = [order for _ in range(10) for order in sales(pen, ink)]
    with django_assert_max_num_queries(50):
        ingest_orders(channel=channel, batch=many, location=place, at=NOON)


def returned(level, external_id="C-1", quantity=2, **values):
    return IncomingReturn(
        external_id=external_id,
        received_at=NOON - timedelta(days=1),
        buyer=BUYER,
        lines=(
            IncomingReturnLine(
                external_line_id="1",
                variant_id=level.variant_id,
                sku=level.variant.sku,
                name="Article",
                quantity=quantity,
                unit_price=Decimal("10.00"),
            ),
        ),
        **values,
    )


def came(channel) -> list[dict]:
    """Return all that is stored of the returns of a channel, but for who and which article."""
    unlike = {"customer_id", "variant_id", "raw_sku", "name"}
    stored = [*rows(Return, channel=channel), *rows(ReturnLine, parent__channel=channel)]
    return [{name: value for name, value in row.items() if name not in unlike} for row in stored]


def test_returns_in_bulk_come_back_as_one_at_a_time():
    slow, fast = ChannelFactory(), ChannelFactory()
    here, there = stock(units=10, value="50"), stock(units=10, value="50", reference="GR-2")

    day_before = NOON - timedelta(days=1)
    single = take_back_blind(
        channel=slow,
        location=here.location,
        lines=[ReturnedLine(variant_id=here.variant_id, quantity=2, unit_price=Decimal(10))],
        note=OF_THE_PAST,
        key="C-1",
        at=day_before,
    )
    close_return(return_id=single.pk, note=OF_THE_PAST, at=day_before)
    result = register_returns(
        channel=fast, batch=[returned(there)], location=there.location, at=NOON
    )

    one, other = (
        StockMovement.objects.filter(kind="RETURN", level=level)
        .values("quantity", "cost_value", "moved_at")
        .get()
        for level in (here, there)
    )
    there.refresh_from_db()
    back = ReturnLine.objects.get(parent__channel=fast)
    assert result == BatchResult(created=1, lines=1)
    assert one == other
    assert came(slow) == came(fast)
    assert list(
        StockMovement.objects.filter(kind="RETURN", level=there).values_list(
            "source_kind", "source_id", "source_line_ids"
        )
    ) == [("CUSTOMER_RETURN", back.parent_id, [back.pk])]
    assert there.on_hand == 12
    assert Return.objects.get(channel=fast).customer.name == "Ada Lovelace"
    assert back.disposition == "RESTOCK"


def test_returns_in_bulk_again_change_nothing():
    level, channel = stock(), ChannelFactory()
    batch = [returned(level), returned(level, "C-2")]
    register_returns(channel=channel, batch=batch, location=level.location, at=NOON)
    before = books()

    result = register_returns(channel=channel, batch=batch, location=level.location, at=NOON)

    assert result == BatchResult(known=2, lines_known=2)
    assert books() == before
