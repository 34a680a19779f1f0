"""Packed goods leave: everything at once, once, and what the channel is told of their parcels."""

from decimal import Decimal

import pytest

from channels.models import Channel, OutboxEntry
from inventory.models import Allocation, StockMovement
from orders.models import Fulfillment
from orders.operations import (
    NewParcel,
    NotEnoughPromised,
    OrderOnHold,
    ParcelTwice,
    UnknownFulfillment,
    UnknownParcel,
    WrongMethod,
    correct_tracking,
    hold_order,
    ingest_order,
    pack,
    put_back,
    release_hold,
    settle_withdrawn,
    ship,
    ship_packed,
)
from orders.queries import differences
from orders.tasks import push_tracking
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.inventory_counts import submitted_sheet
from tests.factories.orders import (
    incoming_line,
    incoming_order,
    open_order,
    shipped_order,
)
from tests.factories.orders_fulfillment import DPD, packed, picked, scanned
from tests.orders.books import books

pytestmark = pytest.mark.django_db

UPS = NewParcel(carrier="UPS", tracking_number="1Z", tracking_url="https://ups.example/1Z")


def send(fulfillment, **values):
    return ship_packed(fulfillment_id=fulfillment.pk, at=NOON, **values)


def told():
    return [
        (entry.key, entry.payload["tracking_number"], entry.payload["lines"])
        for entry in OutboxEntry.objects.order_by("pk")
    ]


def test_sending_writes_everything_at_once():
    level = stock(units=10, value="40.00")
    fulfillment = packed(open_order(level=level, quantity=3))
    person = UserFactory()

    send(fulfillment, by=person)

    order = fulfillment.order
    order.refresh_from_db()
    fulfillment.refresh_from_db()
    level.refresh_from_db()
    movement = StockMovement.objects.get(kind="SHIPMENT")
    allocation = Allocation.objects.get()
    assert (order.lifecycle, order.fulfillment_status) == ("COMPLETED", "FULFILLED")
    assert (fulfillment.status, fulfillment.shipped_at, fulfillment.shipped_by) == (
        "SHIPPED",
        NOON,
        person,
    )
    assert (level.on_hand, level.allocated) == (7, 0)
    assert (movement.quantity, movement.cost_value, movement.reference) == (
        -3,
        Decimal("-12.00"),
        fulfillment.number,
    )
    assert (allocation.shipped, allocation.closed_at) == (3, NOON)
    assert order.lines.get().shipped == 3
    assert order.events.get(kind="SHIPPED").details == {
        "fulfillment": fulfillment.number,
        "pieces": 3,
    }
    assert OutboxEntry.objects.get().payload == {
        "external_order_id": order.external_id,
        "carrier": "DPD",
        "tracking_number": "TN-1",
        "shipped_at": NOON.isoformat(),
        "lines": {"1": 3},
    }
    assert differences() == []


def test_sending_twice_sends_once():
    fulfillment = packed()
    send(fulfillment)
    before = books()

    send(fulfillment, parcels=[UPS])

    assert books() == before


def test_several_parcels_are_told_one_by_one_and_their_pieces_once():
    fulfillment = packed(parcels=(DPD, UPS), quantity=2)

    send(fulfillment)

    number = fulfillment.number
    assert told() == [(number, "TN-1", {"1": 2}), (f"{number}/2", "1Z", {"1": 0})]
    assert OutboxEntry.objects.latest("pk").payload["tracking_url"] == UPS.tracking_url


def test_parcels_named_when_they_leave_take_the_place_of_those_packed():
    fulfillment = packed()

    send(fulfillment, parcels=[UPS])

    assert [str(parcel) for parcel in fulfillment.parcels.all()] == ["UPS 1Z"]
    assert [number for _, number, _ in told()] == ["1Z"]


def test_parcels_of_one_number_are_refused_and_nothing_leaves():
    fulfillment = packed()
    before = books()

    with pytest.raises(ParcelTwice):
        send(fulfillment, parcels=[UPS, UPS])

    assert books() == before


def test_two_parts_of_an_order_leave_one_after_the_other():
    level = stock(units=10)
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, quantity=5, external_line_id="pen"),
        incoming_line(sku="POSTAGE", external_line_id="post", is_stocked=False),
    )
    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order
    pens = order.lines.get(external_line_id="pen")
    first = ship(order_id=order.pk, key="part", quantities={pens.pk: 2}, at=NOON)
    second = packed(order)

    order.refresh_from_db()
    assert order.fulfillment_status == "PARTIAL"
    send(second)

    order.refresh_from_db()
    pens.refresh_from_db()
    assert (pens.shipped, order.lifecycle) == (5, "COMPLETED")
    assert [row.quantity for row in first.lines.order_by("pk")] == [2, 1]
    assert [row.quantity for row in second.lines.all()] == [3]
    assert differences() == []


def test_postage_leaves_with_the_first_that_leaves():
    level = stock(units=10)
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, external_line_id="pen"),
        incoming_line(sku="POSTAGE", external_line_id="post", is_stocked=False),
    )
    fulfillment = packed(ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order)
    assert fulfillment.lines.count() == 1

    send(fulfillment)

    assert told() == [(fulfillment.number, "TN-1", {"pen": 1, "post": 1})]
    assert differences() == []


def refused(error, fulfillment, match):
    before = books()
    with pytest.raises(error, match=match):
        send(fulfillment)
    assert books() == before


def test_what_is_not_packed_does_not_leave():
    refused(WrongStatus, picked(), "is being picked and cannot become shipped")


def test_what_was_put_back_does_not_leave():
    fulfillment = packed()
    put_back(fulfillment_id=fulfillment.pk, reason="Damaged.", at=NOON)

    refused(WrongStatus, fulfillment, "is put back and cannot become shipped")


def test_held_order_does_not_leave():
    fulfillment = packed()
    hold_order(order_id=fulfillment.order_id, reason="Fraud.", at=NOON)

    refused(OrderOnHold, fulfillment, "Held by hand: Fraud")


def test_order_to_be_collected_is_not_sent():
    fulfillment = packed()
    Fulfillment.objects.filter(pk=fulfillment.pk).update(method="PICKUP")

    refused(WrongMethod, fulfillment, "is handed over to its customer")


def test_no_fulfillment_is_refused():
    with pytest.raises(UnknownFulfillment):
        ship_packed(fulfillment_id=0, at=NOON)


def test_units_that_a_count_does_not_find_are_not_sent():
    level = stock(units=3)
    fulfillment = packed(open_order(level=level, quantity=3))
    submitted_sheet({level: 2})

    refused(OrderOnHold, fulfillment, "was not found in a count")


def test_what_is_short_after_a_release_is_named_and_is_picked_anew():
    level = stock(units=3)
    fulfillment = packed(open_order(level=level, quantity=3))
    submitted_sheet({level: 2})
    order = fulfillment.order
    settle_withdrawn(order_id=order.pk, at=NOON)
    for hold in order.holds.open():
        release_hold(hold_id=hold.pk, note="Send what is there.", at=NOON)

    refused(NotEnoughPromised, fulfillment, "2 of Article .* instead of 3")

    put_back(fulfillment_id=fulfillment.pk, reason="One is missing.", at=NOON)
    again = scanned(order)
    pack(fulfillment_id=again.pk, parcels=[], key="pack", at=NOON)
    send(again)
    assert order.lines.get().shipped == 2
    assert differences() == []


def test_sending_takes_as_many_queries_whatever_the_number_of_articles(django_assert_num_queries):
    channel = ChannelFactory()
    levels = [stock(units=9)]
    levels += [
        stock(units=9, location=levels[0].location, reference=f"GR-{n}") for n in range(2, 6)
    ]
    orders = [
        ingest_order(
            channel=channel,
            incoming=incoming_order(
                *(
                    incoming_line(sku=level.variant.sku, external_line_id=str(n))
                    for n, level in enumerate(chosen)
                )
            ),
            at=NOON,
        ).order
        for chosen in (levels[:1], levels[1:])
    ]
    parcels = [packed(order) for order in orders]

    for fulfillment in parcels:
        with django_assert_num_queries(36):
            send(fulfillment)


def correct(parcel, number, **values):
    return correct_tracking(
        parcel_id=parcel.pk, carrier="DPD", tracking_number=number, at=NOON, **values
    )


def test_corrected_number_is_told_as_the_same_parcel():
    channel = ChannelFactory()
    order = shipped_order(channel=channel)
    parcel = order.fulfillments.get().parcels.get()
    OutboxEntry.objects.update(status="DONE", done_at=NOON)
    person = UserFactory()

    correct(parcel, "TN-9", by=person)
    correct(parcel, "TN-9")

    parcel.refresh_from_db()
    first, second = OutboxEntry.objects.order_by("pk")
    assert parcel.tracking_number == "TN-9"
    assert second.key == first.key
    assert second.payload == first.payload | {"tracking_number": "TN-9", "replaces": ["TN-1"]}
    told_of = order.events.filter(details__corrected=True).get()
    assert (told_of.caused_by, told_of.details["before"]) == (person, "TN-1")
    assert order.fulfillments.count() == 1


def test_number_corrected_before_the_channel_was_told_goes_out_once():
    order = shipped_order()
    parcel = order.fulfillments.get().parcels.get()

    correct(parcel, "TN-8")
    correct(parcel, "TN-9")

    entry = OutboxEntry.objects.get()
    assert (entry.payload["tracking_number"], entry.payload["replaces"]) == (
        "TN-9",
        ["TN-1", "TN-8"],
    )


def test_number_of_the_second_parcel_is_corrected_under_its_own_key():
    fulfillment = packed(parcels=(DPD, UPS), quantity=2)
    send(fulfillment)

    correct(fulfillment.parcels.get(carrier="UPS"), "2Z")

    assert told() == [
        (fulfillment.number, "TN-1", {"1": 2}),
        (f"{fulfillment.number}/2", "2Z", {"1": 0}),
    ]


def test_number_of_another_box_is_refused():
    fulfillment = packed(parcels=(DPD, NewParcel(carrier="DPD", tracking_number="TN-2")))
    send(fulfillment)

    with pytest.raises(ParcelTwice):
        correct(fulfillment.parcels.get(tracking_number="TN-2"), "TN-1")


def test_number_of_a_parcel_that_has_not_left_is_not_corrected():
    with pytest.raises(WrongStatus, match="packing it again"):
        correct(packed().parcels.get(), "TN-9")


def test_unknown_parcel_is_refused():
    with pytest.raises(UnknownParcel):
        correct_tracking(parcel_id=0, carrier="DPD", tracking_number="1", at=NOON)


def test_corrected_number_of_a_silent_channel_is_told_nobody():
    order = shipped_order(channel=ChannelFactory(kind=Channel.Kind.MANUAL))

    correct(order.fulfillments.get().parcels.get(), "TN-9")

    assert not OutboxEntry.objects.exists()


def test_task_sends_each_parcel_with_what_it_replaces(monkeypatch):
    pushed = []

    class Connector:
        def push_tracking(self, push):
            pushed.append(push)

    monkeypatch.setattr("orders.tasks.tracking.connector_for", lambda _channel: Connector())
    fulfillment = packed(parcels=(DPD, UPS), quantity=2)
    send(fulfillment)
    correct(fulfillment.parcels.get(carrier="UPS"), "2Z")

    assert push_tracking() == {"sent": 2, "failed": 0}
    assert [(push.tracking_number, push.replaces, push.lines) for push in pushed] == [
        ("TN-1", (), {"1": 2}),
        ("2Z", ("1Z",), {"1": 0}),
    ]


@pytest.mark.parametrize("made", [picked, packed])
def test_units_of_a_parcel_that_are_not_those_of_its_lines_are_found(made):
    fulfillment = made(quantity=2)
    assert differences() == []
    fulfillment.items.update(units=5)

    [difference] = differences()

    assert (difference.kind, difference.key, difference.expected, difference.actual) == (
        "units to be packed",
        fulfillment.number,
        "2",
        "5",
    )
