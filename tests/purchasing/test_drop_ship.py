"""Goods that a supplier sends straight to a customer."""

from datetime import timedelta
from decimal import Decimal

import pytest

from channels.models import OutboxEntry
from inventory.models import CostMovement, Location, StockLevel, StockMovement
from inventory.queries import differences as stock_differences
from orders.models import Fulfillment, Order, OrderHold
from orders.operations import (
    NoLongerWanted,
    OrderOnHold,
    allocate_order,
    allocate_waiting,
    cancel_order,
    hold_order,
    ingest_order,
    ship,
)
from orders.queries import differences, waiting_orders
from purchasing import operations
from purchasing.models import GoodsReceipt, OrderedFor, PurchaseOrder
from purchasing.operations import (
    CannotBeOrderedFor,
    MoreThanOrdered,
    NotADropShipment,
    NothingSent,
    TiedToCustomer,
)
from purchasing.queries import coming_for_order
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import incoming_line, incoming_order, open_order
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.orders.books import books
from tests.purchasing.waiting import dropped, promised, send_purchase, sold_out

pytestmark = pytest.mark.django_db


@pytest.fixture
def level():
    return sold_out()


@pytest.fixture
def order(level):
    return open_order(level=level, quantity=3)


def note_sent(purchase, units, *, key="sent", **values):
    return operations.confirm_drop_shipment(
        order_id=purchase.pk,
        units={purchase.lines.get().pk: units},
        carrier=values.pop("carrier", "DPD"),
        tracking_number=values.pop("tracking_number", f"TN-{key}"),
        key=key,
        at=NOON,
        by=None,
    )


def figures(order):
    """Return what a supplier sends, what has left, and what is promised of an order's one line."""
    line = order.lines.get()
    return line.from_supplier, line.shipped, promised(order)


def test_draft_for_the_customer_takes_the_order_off_the_queue_for_stock(level, order):
    purchase = dropped(order, 3)

    order.refresh_from_db()
    link = OrderedFor.objects.get()
    assert (purchase.status, purchase.drop_ship_order) == (PurchaseOrder.Status.DRAFT, order)
    assert purchase.location.kind == Location.Kind.SUPPLIER
    assert (link.purchase_line.ordered, link.units, link.served) == (3, 3, 0)
    assert figures(order) == (3, 0, 0)
    assert order.lifecycle == Order.Lifecycle.CONFIRMED
    assert not waiting_orders().filter(pk=order.pk).exists()
    (row,) = coming_for_order(order.pk)
    assert (row.units, row.is_drop_ship) == (3, True)


def test_none_of_ours_is_promised_to_what_the_supplier_sends(level, order):
    dropped(order, 2)
    stock(variant=level.variant, location=level.location, units=5, reference="GR-more")

    allocate_waiting(at=NOON)
    allocate_order(order_id=order.pk, at=NOON)

    assert figures(order) == (2, 0, 1)
    assert differences() == []


def test_act_done_twice_raises_one_order(order):
    purchase = dropped(order, 3)
    before = books()

    assert dropped(order, 3) == purchase

    assert books() == before
    assert PurchaseOrder.objects.count() == OrderedFor.objects.count() == 1


def test_parcel_of_the_supplier_ships_the_order_at_cost():
    order = open_order(level=sold_out(value="4.00"), quantity=3)
    purchase = send_purchase(dropped(order, 3, cost="4.00"))

    receipt = note_sent(purchase, 3)

    order.refresh_from_db()
    fulfillment = Fulfillment.objects.get(order=order)
    assert figures(order) == (0, 3, 0)
    assert order.lifecycle == Order.Lifecycle.COMPLETED
    assert (fulfillment.location, fulfillment.status) == (
        purchase.location,
        Fulfillment.Status.SHIPPED,
    )
    assert str(fulfillment.parcels.get().tracking_number) == "TN-sent"
    assert (receipt.location, receipt.lines.get().value) == (purchase.location, Decimal(12))
    kinds = StockMovement.objects.filter(level__location=purchase.location)
    assert list(kinds.order_by("pk").values_list("kind", "quantity")) == [
        (StockMovement.Kind.RECEIPT, 3),
        (StockMovement.Kind.SALE, -3),
    ]
    there = StockLevel.objects.get(location=purchase.location)
    assert (there.on_hand, there.allocated) == (0, 0)
    costs = CostMovement.objects.order_by("pk").values_list("value", flat=True)
    assert list(costs) == [Decimal(4), Decimal(12), Decimal(-12)]
    assert (differences(), stock_differences()) == ([], [])


def test_channel_is_told_of_the_parcel(order):
    purchase = send_purchase(dropped(order, 3))

    note_sent(purchase, 3)

    (told,) = OutboxEntry.objects.filter(kind=OutboxEntry.Kind.TRACKING)
    assert "TN-sent" in str(told.payload)


def test_several_parcels_ship_in_part(order):
    purchase = send_purchase(dropped(order, 3))

    note_sent(purchase, 1, key="one")
    order.refresh_from_db()
    assert (figures(order), order.fulfillment_status) == (
        (2, 1, 0),
        Order.FulfillmentStatus.PARTIAL,
    )
    note_sent(purchase, 2, key="two")

    order.refresh_from_db()
    assert (figures(order), order.fulfillment_status) == (
        (0, 3, 0),
        Order.FulfillmentStatus.FULFILLED,
    )
    assert OrderedFor.objects.get().served == 3
    assert Fulfillment.objects.filter(order=order).count() == 2


def test_parcel_noted_twice_ships_once(order):
    purchase = send_purchase(dropped(order, 3))
    receipt = note_sent(purchase, 1)
    before = books()

    assert note_sent(purchase, 1) == receipt

    assert books() == before
    assert GoodsReceipt.objects.count() == 1


def test_more_than_is_to_come_is_refused(order):
    purchase = send_purchase(dropped(order, 2))
    before = books()

    with pytest.raises(MoreThanOrdered):
        note_sent(purchase, 3)
    with pytest.raises(NothingSent):
        note_sent(purchase, 0)

    assert books() == before
    assert not GoodsReceipt.objects.exists()


def test_what_the_customer_has_cancelled_is_refused_and_named(order):
    purchase = send_purchase(dropped(order, 3))
    line = order.lines.get()
    cancel_order(order_id=order.pk, quantities={line.pk: 2}, reason="No.", key="off", at=NOON)
    before = books()

    with pytest.raises(NoLongerWanted, match="1 of"):
        note_sent(purchase, 2)

    assert books() == before
    note_sent(purchase, 1, key="rest")
    order.refresh_from_db()
    assert order.lifecycle == Order.Lifecycle.COMPLETED


def test_nothing_of_an_order_that_was_cancelled_whole_is_sent(order):
    purchase = send_purchase(dropped(order, 3))
    cancel_order(order_id=order.pk, reason="No.", key="off", at=NOON)

    with pytest.raises(NoLongerWanted):
        note_sent(purchase, 1)

    assert not Fulfillment.objects.filter(order=order).exists()


def test_parcel_is_booked_whatever_holds_the_order(order):
    purchase = send_purchase(dropped(order, 3))
    hold_order(order_id=order.pk, reason="Ask.", at=NOON)

    note_sent(purchase, 3)

    order.refresh_from_db()
    assert order.lifecycle == Order.Lifecycle.COMPLETED


def test_order_that_something_holds_is_not_given_to_a_supplier(order):
    hold_order(order_id=order.pk, reason="Ask about the address.", at=NOON)

    with pytest.raises(OrderOnHold):
        dropped(order, 3)

    assert figures(order) == (0, 0, 0)
    assert not PurchaseOrder.objects.exists()


def test_more_than_the_order_waits_for_is_refused(order):
    with pytest.raises(CannotBeOrderedFor):
        dropped(order, 4)
    with pytest.raises(NothingSent):
        dropped(order, 0)

    assert figures(order) == (0, 0, 0)
    assert not PurchaseOrder.objects.exists()


def test_cancelled_drop_shipment_lets_the_order_wait_for_our_stock(level, order):
    purchase = dropped(order, 3)
    stock(variant=level.variant, location=level.location, units=1, reference="GR-more")

    operations.cancel(order_id=purchase.pk, reason="Cannot.", at=NOON, by=None)

    order.refresh_from_db()
    assert figures(order) == (0, 0, 1)
    assert order.holds.open().get().kind == OrderHold.Kind.STOCK


def test_drop_shipment_closed_short_leaves_the_rest_to_us(level, order):
    purchase = send_purchase(dropped(order, 3))
    note_sent(purchase, 1)

    operations.close_short(order_id=purchase.pk, reason="Out of it.", at=NOON, by=None)

    order.refresh_from_db()
    assert figures(order) == (0, 1, 0)
    assert order.holds.open().get().kind == OrderHold.Kind.STOCK


def test_goods_that_come_to_us_are_not_sent_to_a_customer():
    purchase = sent_order()

    with pytest.raises(NotADropShipment):
        note_sent(purchase, 1)

    assert not GoodsReceipt.objects.exists()


def test_draft_was_not_sent_yet(order):
    purchase = dropped(order, 3)

    with pytest.raises(WrongStatus):
        note_sent(purchase, 1)

    assert not GoodsReceipt.objects.exists()


def test_our_own_pieces_leave_beside_those_of_the_supplier(level):
    pen = stock(units=5, reference="GR-pen", location=level.location)
    order = open_order_of(level, pen)
    dropped(order, 1, line=order.lines.get(variant=level.variant))

    order.refresh_from_db()
    assert order.lifecycle == Order.Lifecycle.CONFIRMED
    ship(order_id=order.pk, key="ours", at=NOON)

    order.refresh_from_db()
    assert order.fulfillment_status == Order.FulfillmentStatus.PARTIAL


def open_order_of(*levels):
    lines = [
        incoming_line(sku=level.variant.sku, external_line_id=str(number))
        for number, level in enumerate(levels)
    ]
    incoming = incoming_order(*lines, placed_at=NOON - timedelta(hours=1))
    return ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order


def test_supplier_without_a_price_takes_the_cost_that_is_given(order):
    purchase = dropped(order, 1, cost="9.90", supplier=SupplierFactory(), by=UserFactory())

    assert purchase.lines.get().unit_cost == Decimal("9.90")


def test_draft_for_a_customer_is_not_rewritten(order):
    purchase = dropped(order, 3)
    before = list(purchase.lines.values())

    with pytest.raises(TiedToCustomer):
        operations.revise_draft(
            order_id=purchase.pk,
            location=purchase.location,
            lines=[operations.NewLine(purchase.lines.get().variant_id, 5, Decimal(1))],
            expected_on=None,
            note="",
            at=NOON,
        )

    assert list(purchase.lines.values()) == before


def test_goods_that_go_to_a_customer_are_not_received_by_us(order):
    purchase = send_purchase(dropped(order, 3))

    with pytest.raises(WrongStatus, match="goes to a customer"):
        operations.receive_goods(
            order_id=purchase.pk,
            lines=[operations.ReceivedLine(order_line_id=purchase.lines.get().pk, accepted=1)],
            delivery_note="",
            key="desk",
            at=NOON,
            by=None,
        )

    assert not GoodsReceipt.objects.exists()


def test_more_for_the_customer_is_an_order_of_its_own(order):
    purchase = send_purchase(dropped(order, 2))
    line = purchase.lines.get()

    with pytest.raises(TiedToCustomer):
        operations.amend(
            order_id=purchase.pk,
            change=operations.OrderChange(lines=[operations.LineChange(line.pk, units=3)]),
            reason="More.",
            key="more",
            at=NOON,
            by=None,
        )
    operations.amend(
        order_id=purchase.pk,
        change=operations.OrderChange(lines=[operations.LineChange(line.pk, units=1)]),
        reason="Less.",
        key="less",
        at=NOON,
        by=None,
    )

    assert figures(order) == (1, 0, 0)
