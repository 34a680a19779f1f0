"""Orders that customers collect: made ready, handed over, kept, or put back on the shelf."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from channels.connectors.base import IncomingStatus
from channels.models import OutboxEntry
from inventory.models import StockLevel, StockMovement
from inventory.operations import adjust_stock
from orders.models import FulfillmentItem, Order, Payment, Pickup
from orders.operations import (
    InvalidCancellation,
    InvalidPayment,
    KeptTooShort,
    NotAllPacked,
    NotAllThere,
    OrderOnHold,
    PaidAtPickup,
    PaymentDue,
    ProofMissing,
    UnknownPickup,
    WrongCode,
    WrongMethod,
    cancel_order,
    decide_conflict,
    expire_pickup,
    hand_over,
    hold_order,
    ingest_order,
    keep_longer,
    mark_ready,
    note_arrival,
    pack,
    propose_expired,
    release_hold,
    scan_unit,
    ship,
    start_picking,
)
from orders.queries import (
    differences,
    pickups_arrived,
    pickups_overdue,
    pickups_ready,
    pickups_to_put_back,
    pickups_waiting,
)
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import bundle_order, incoming_line, incoming_order, open_order
from tests.factories.orders_payments import PaymentRuleFactory
from tests.factories.orders_pickups import (
    collected_order,
    pickup_order,
    pickup_place,
    ready_order,
)
from tests.orders.books import books

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)
LATER = NOON + timedelta(hours=1)


def status_of(order) -> str:
    return Pickup.objects.get(order=order).status


def level_of(order) -> StockLevel:
    return StockLevel.objects.get(location=order.pickup_location, variant=order.lines.get().variant)


def stock_of(order) -> tuple[int, int]:
    level = level_of(order)
    return level.on_hand, level.allocated


def everything() -> dict:
    return {
        **books(),
        "Pickup": list(Pickup.objects.order_by("pk").values()),
        "FulfillmentItem": list(FulfillmentItem.objects.order_by("pk").values()),
        "Payment": list(Payment.objects.order_by("pk").values()),
    }


def refused(error, act, **values):
    """Do an act and see it refused with nothing changed; return the refusal."""
    before = everything()
    with pytest.raises(error) as caught:
        act(at=LATER, **values)
    assert everything() == before
    return caught.value


def wave(order, key="wave-1"):
    begun = start_picking(location=order.pickup_location, order_ids=[order.pk], key=key, at=NOON)
    return begun.pick_list.fulfillments.get()


def scan_all(fulfillment):
    for item in fulfillment.items.order_by("pk"):
        scan_unit(
            fulfillment_id=fulfillment.pk,
            code=item.variant.sku,
            units=item.units,
            key=f"scan-{item.pk}",
            at=NOON,
        )


def test_order_to_be_collected_is_promised_at_its_place_only():
    elsewhere = stock(units=50)
    here = stock(units=3, variant=elsewhere.variant, location=pickup_place(), reference="GR-2")

    order = pickup_order(level=here, quantity=5)

    here.refresh_from_db()
    elsewhere.refresh_from_db()
    assert (here.allocated, elsewhere.allocated) == (3, 0)
    assert (order.delivery, order.lifecycle) == ("PICKUP", "PLACED")
    assert order.holds.get().kind == "STOCK"


def test_pickup_is_promised_in_the_minutes_of_its_place():
    order = pickup_order(place=pickup_place(pickup_ready_minutes=45), quantity=1)

    pickup = order.pickup
    assert (pickup.status, pickup.promised_at) == ("WAITING", NOON + timedelta(minutes=45))
    assert (len(pickup.code), pickup.code.isdigit()) == (6, True)
    assert pickup.collector_name == "Ada Lovelace"
    assert list(pickups_waiting()) == [pickup]
    assert list(pickups_overdue(at=NOON + timedelta(minutes=45))) == []
    assert list(pickups_overdue(at=NOON + timedelta(minutes=46))) == [pickup]


def test_held_order_is_not_to_be_made_ready_but_is_overdue():
    order = pickup_order(units=1, quantity=2)

    assert list(pickups_waiting()) == []
    assert list(pickups_overdue(at=NOON + WEEK)) == [order.pickup]


def test_goods_are_made_ready_straight_from_the_shelf():
    order, person = pickup_order(quantity=2), UserFactory()

    pickup = mark_ready(order_id=order.pk, key="ready", at=NOON, by=person)

    fulfillment = order.fulfillments.get()
    assert (pickup.status, pickup.ready_at, pickup.expires_at) == ("READY", NOON, NOON + WEEK)
    assert (fulfillment.status, fulfillment.method) == ("READY", "PICKUP")
    assert (fulfillment.packed_at, fulfillment.packed_by) == (NOON, person)
    assert [row.quantity for row in fulfillment.lines.all()] == [2]
    event = order.events.get(kind="READY")
    assert event.details == {"kept_until": (NOON + WEEK).isoformat()}
    assert stock_of(order) == (10, 2)
    assert list(pickups_ready()) == [pickup]
    assert differences() == []


def test_order_that_is_ready_stays_ready():
    order = ready_order()
    before = everything()

    assert mark_ready(order_id=order.pk, key="again", at=LATER) == order.pickup
    assert everything() == before


def test_goods_that_were_picked_and_scanned_are_made_ready():
    order = pickup_order(quantity=3)
    fulfillment = wave(order)
    refusal = refused(NotAllPacked, mark_ready, order_id=order.pk, key="ready")
    scan_all(fulfillment)

    mark_ready(order_id=order.pk, key="ready", at=NOON)

    fulfillment.refresh_from_db()
    assert refusal.details == {"lacking": {order.lines.get().variant.sku: 3}}
    assert (fulfillment.status, fulfillment.method) == ("READY", "PICKUP")
    assert order.fulfillments.get() == fulfillment
    assert differences() == []


def test_goods_that_are_packed_are_made_ready():
    order = pickup_order(quantity=1)
    fulfillment = wave(order)
    scan_all(fulfillment)
    pack(fulfillment_id=fulfillment.pk, parcels=[], key="pack", at=NOON)

    mark_ready(order_id=order.pk, key="ready", at=NOON)

    assert order.fulfillments.get().status == "READY"


def test_bundles_are_made_ready_and_handed_over_as_what_they_are_made_of():
    place = pickup_place()
    pen, ink = (stock(location=place, reference=f"GR-{n}") for n in range(2))
    order = bundle_order(
        components={pen.variant: 2, ink.variant: 1}, quantity=3, pickup_location=place.code
    )

    mark_ready(order_id=order.pk, key="ready", at=NOON)
    hand_over(order_id=order.pk, code=order.pickup.code, at=LATER)

    for level in (pen, ink):
        level.refresh_from_db()
    assert (pen.on_hand, pen.allocated, ink.on_hand, ink.allocated) == (4, 0, 7, 0)
    assert differences() == []


def test_order_that_waits_for_goods_is_not_ready():
    order = pickup_order(units=1, quantity=2)
    refused(OrderOnHold, mark_ready, order_id=order.pk, key="ready")
    release_hold(hold_id=order.holds.get().pk, note="They come for one.", at=NOON)

    refusal = refused(NotAllThere, mark_ready, order_id=order.pk, key="ready")

    assert refusal.details == {"lines": [order.lines.get().pk]}
    assert "1 of 2" in refusal.message


def test_order_that_is_sent_is_not_collected():
    order = open_order()

    refused(UnknownPickup, mark_ready, order_id=order.pk, key="ready")
    refused(UnknownPickup, hand_over, order_id=order.pk, code="1")
    refused(UnknownPickup, note_arrival, order_id=order.pk)
    refused(UnknownPickup, keep_longer, order_id=order.pk, until=LATER + WEEK)
    refused(UnknownPickup, expire_pickup, order_id=order.pk, reason="Nobody came.")


def test_order_is_handed_over_to_who_tells_its_code():
    order, person = ready_order(quantity=2), UserFactory()

    pickup = hand_over(order_id=order.pk, code=f" {order.pickup.code} ", at=LATER, by=person)

    order.refresh_from_db()
    assert (pickup.status, pickup.proof, pickup.handed_to) == ("COLLECTED", "CODE", "")
    assert (pickup.collected_at, pickup.handed_over_at) == (LATER, LATER)
    assert pickup.handed_over_by == person
    assert (order.lifecycle, order.fulfillment_status) == ("COMPLETED", "FULFILLED")
    fulfillment = order.fulfillments.get()
    assert (fulfillment.status, fulfillment.shipped_at) == ("COLLECTED", LATER)
    movement = StockMovement.objects.get(reference=fulfillment.number)
    assert movement.quantity == -2
    assert stock_of(order) == (8, 0)
    assert order.events.filter(kind="COLLECTED").count() == 1
    told = OutboxEntry.objects.get(channel=order.channel, kind="TRACKING")
    assert told.payload["external_order_id"] == order.external_id
    assert differences() == []


def test_order_is_handed_over_to_who_shows_the_name():
    order = ready_order()

    pickup = hand_over(order_id=order.pk, handed_to="Ada Lovelace", at=LATER)

    assert (pickup.proof, pickup.handed_to) == ("NAME", "Ada Lovelace")


def test_order_is_handed_over_once():
    order = collected_order()
    before = everything()

    assert hand_over(order_id=order.pk, code="000000x", at=LATER) == order.pickup
    assert everything() == before


def test_wrong_code_hands_nothing_over():
    order = ready_order()

    refused(WrongCode, hand_over, order_id=order.pk, code="x", handed_to="Ada Lovelace")
    refused(WrongCode, hand_over, order_id=order.pk, code=f"{order.pickup.code}0")
    refused(WrongCode, hand_over, order_id=order.pk, code="\N{SNOWMAN}")
    refused(ProofMissing, hand_over, order_id=order.pk, code=" ", handed_to=" ")


def test_order_that_is_not_ready_is_not_handed_over():
    order = pickup_order()

    refused(WrongStatus, hand_over, order_id=order.pk, code=order.pickup.code)


def test_held_order_is_not_handed_over():
    order = ready_order()
    hold_order(order_id=order.pk, reason="The buyer asked us to wait.", at=NOON)

    refused(OrderOnHold, hand_over, order_id=order.pk, code=order.pickup.code)


def cash(amount="20.00", **values) -> PaidAtPickup:
    told = {"method": "CASH", "register": "till-2", "receipt": "4711", **values}
    return PaidAtPickup(amount=Decimal(amount), **told)


def test_unpaid_order_is_paid_at_the_till_and_handed_over():
    order = ready_order(is_paid=False, quantity=2)
    code = order.pickup.code
    refused(PaymentDue, hand_over, order_id=order.pk, code=code)
    refused(PaymentDue, hand_over, order_id=order.pk, code=code, payment=cash("19.99"))
    refused(InvalidPayment, hand_over, order_id=order.pk, code=code, payment=cash(register=""))
    refused(WrongCode, hand_over, order_id=order.pk, code="x", payment=cash())

    pickup = hand_over(order_id=order.pk, code=code, payment=cash(), at=LATER)

    order.refresh_from_db()
    payment = order.payments.get()
    assert (pickup.status, order.payment_status) == ("COLLECTED", "PAID")
    assert (payment.charged, payment.method, payment.register) == (20, "CASH", "till-2")
    assert payment.external_id == "till-2/4711"
    assert payment.events.get().reference == "4711"
    assert differences() == []


def test_what_is_paid_at_hand_over_is_paid_once():
    order = ready_order(is_paid=False, quantity=2)
    for _ in range(2):
        hand_over(order_id=order.pk, code=order.pickup.code, payment=cash(), at=LATER)

    assert Payment.objects.get(order=order).charged == 20
    another = cash(receipt="4712")
    refused(WrongStatus, hand_over, order_id=order.pk, code="x", payment=another)


def test_order_on_account_is_handed_over_unpaid():
    order = ready_order(is_paid=False, payment_method="INVOICE")
    PaymentRuleFactory(channel=order.channel, method="INVOICE", releases="NOTHING")

    hand_over(order_id=order.pk, code=order.pickup.code, at=LATER)

    order.refresh_from_db()
    assert (order.lifecycle, order.payment_status) == ("COMPLETED", "UNPAID")


def test_goods_that_a_count_did_not_find_are_not_handed_over():
    order = ready_order(units=2, quantity=2)
    level = level_of(order)
    adjust_stock(
        location=level.location,
        quantities={level.variant_id: -1},
        reference="AD-1",
        reason="Not found.",
        at=NOON,
    )

    refusal = refused(OrderOnHold, hand_over, order_id=order.pk, code=order.pickup.code)

    assert "STOCK" in refusal.details["holds"]


def test_line_that_the_channel_added_is_made_ready_too():
    pen = stock(location=pickup_place())
    ink = stock(location=pen.location, reference="GR-ink")
    first = incoming_order(incoming_line(sku=pen.variant.sku), pickup_location=pen.location.code)
    channel = ChannelFactory()
    order = ingest_order(channel=channel, incoming=first, at=NOON).order
    mark_ready(order_id=order.pk, key="ready", at=NOON)
    added = incoming_line(sku=ink.variant.sku, external_line_id="2")
    newer = replace(
        first,
        lines=(*first.lines, added),
        total=Decimal(20),
        updated_at=NOON + timedelta(minutes=5),
    )
    ingest_order(channel=channel, incoming=newer, at=LATER)
    for conflict in order.conflicts.open():
        decide_conflict(conflict_id=conflict.pk, decision="TAKE_THEIRS", at=LATER)
    order.refresh_from_db()
    assert order.lines.count() == 2

    code = order.pickup.code
    if status_of(order) == "READY":
        refused(NotAllThere, hand_over, order_id=order.pk, code=code, payment=cash("10"))
    mark_ready(order_id=order.pk, key="ready-2", at=LATER)
    hand_over(order_id=order.pk, code=code, payment=cash("10"), at=LATER)

    order.refresh_from_db()
    assert (order.lifecycle, order.fulfillment_status) == ("COMPLETED", "FULFILLED")
    assert differences() == []


def test_arrival_at_the_curb_is_noted():
    order = ready_order()

    pickup = note_arrival(order_id=order.pk, vehicle="red van", bay="3", at=LATER)

    assert pickup.is_curbside
    assert (pickup.arrived_at, pickup.vehicle, pickup.bay) == (LATER, "red van", "3")
    assert order.events.get(kind="ARRIVED").details == {"bay": "3"}
    assert list(pickups_arrived()) == [pickup]
    before = everything()
    note_arrival(order_id=order.pk, vehicle="red van", bay="3", at=LATER)
    assert everything() == before


def test_nobody_arrives_for_what_is_collected():
    refused(WrongStatus, note_arrival, order_id=collected_order().pk)


def test_ready_order_is_kept_longer():
    order = ready_order()
    propose_expired(at=NOON + WEEK)
    until = NOON + 2 * WEEK

    pickup = keep_longer(order_id=order.pk, until=until, at=NOON + WEEK)

    assert (pickup.expires_at, pickup.expiry_proposed_at) == (until, None)
    assert list(pickups_to_put_back()) == []
    before = everything()
    keep_longer(order_id=order.pk, until=until, at=NOON + WEEK)
    assert everything() == before


def test_only_what_is_ready_is_kept_until_a_moment_to_come():
    refused(KeptTooShort, keep_longer, order_id=ready_order().pk, until=LATER)
    refused(WrongStatus, keep_longer, order_id=pickup_order().pk, until=LATER + WEEK)


def test_order_that_nobody_collected_is_proposed_then_put_back():
    order, person = ready_order(quantity=2), UserFactory()
    assert propose_expired(at=NOON + WEEK - timedelta(seconds=1)) == 0
    assert propose_expired(at=NOON + WEEK) == 1
    assert propose_expired(at=NOON + WEEK) == 0
    assert list(pickups_to_put_back()) == [order.pickup]
    assert status_of(order) == "READY"

    cancellation = expire_pickup(
        order_id=order.pk, reason="Nobody came.", at=NOON + WEEK, by=person
    )

    order.refresh_from_db()
    assert (status_of(order), order.lifecycle) == ("EXPIRED", "CANCELLED")
    assert (cancellation.cause, cancellation.cancelled_by) == ("NOT_COLLECTED", person)
    assert order.fulfillments.get().status == "CANCELLED"
    assert stock_of(order) == (10, 0)
    proposed, expired = order.events.filter(kind="PICKUP_EXPIRED").order_by("pk")
    assert (proposed.details, expired.details) == (
        {"proposed": True},
        {"reason": "Nobody came."},
    )
    assert OutboxEntry.objects.filter(channel=order.channel, kind="CANCELLATION").count() == 1
    assert differences() == []


def test_order_is_put_back_once():
    order = ready_order()
    first = expire_pickup(order_id=order.pk, reason="Nobody came.", at=NOON + WEEK)
    before = everything()

    assert expire_pickup(order_id=order.pk, reason="Nobody came.", at=NOON + WEEK) == first
    assert everything() == before


def test_only_what_is_ready_is_put_back():
    refused(WrongStatus, expire_pickup, order_id=pickup_order().pk, reason="Nobody came.")
    refused(WrongStatus, expire_pickup, order_id=collected_order().pk, reason="Nobody came.")
    refused(InvalidCancellation, expire_pickup, order_id=ready_order().pk, reason=" ")


@pytest.mark.parametrize("made", [pickup_order, ready_order])
def test_cancelled_order_is_not_collected(made):
    order = made(quantity=2)

    cancel_order(order_id=order.pk, reason="Changed their mind.", key="cancel", at=LATER)

    order.refresh_from_db()
    assert (status_of(order), order.lifecycle) == ("CANCELLED", "CANCELLED")
    assert not order.fulfillments.begun().exists()
    assert stock_of(order) == (10, 0)
    refused(WrongStatus, hand_over, order_id=order.pk, code=order.pickup.code)
    refused(WrongStatus, mark_ready, order_id=order.pk, key="again")


def test_pickup_waits_again_when_pieces_of_it_are_called_off():
    order = ready_order(quantity=3)
    line = order.lines.get()

    cancel_order(
        order_id=order.pk, reason="One less.", key="less", quantities={line.pk: 1}, at=LATER
    )

    pickup = Pickup.objects.get(order=order)
    assert (pickup.status, pickup.ready_at, pickup.expires_at) == ("WAITING", None, None)
    assert stock_of(order) == (10, 2)
    mark_ready(order_id=order.pk, key="ready-again", at=LATER)
    hand_over(order_id=order.pk, code=pickup.code, at=LATER)
    assert stock_of(order) == (8, 0)
    assert differences() == []


def test_other_goods_that_lie_ready_wait_for_those_that_were_put_back():
    pen = stock(location=pickup_place())
    ink = stock(location=pen.location, reference="GR-ink")
    order = ingest_order(
        channel=ChannelFactory(),
        incoming=incoming_order(
            incoming_line(sku=pen.variant.sku, quantity=2),
            incoming_line(sku=ink.variant.sku, external_line_id="2"),
            pickup_location=pen.location.code,
        ),
        at=NOON,
    ).order
    pens, inks = order.lines.order_by("pk")
    fulfillment = wave(order)
    fulfillment.lines.filter(line=inks).delete()
    fulfillment.items.filter(variant=ink.variant).delete()
    scan_all(fulfillment)
    mark_ready(order_id=order.pk, key="ready", at=NOON)
    assert order.fulfillments.filter(status="READY").count() == 2

    cancel_order(order_id=order.pk, reason="Less.", key="less", quantities={pens.pk: 1}, at=LATER)

    assert status_of(order) == "WAITING"
    mark_ready(order_id=order.pk, key="ready-again", at=LATER)
    hand_over(order_id=order.pk, code=order.pickup.code, at=LATER)
    order.refresh_from_db()
    assert order.lifecycle == "COMPLETED"
    assert differences() == []


def told_again(**changed):
    """Let an order lie ready; return it and what its channel tells of it then."""
    place, channel = pickup_place(), ChannelFactory()
    level = stock(location=place)
    first = incoming_order(incoming_line(sku=level.variant.sku), pickup_location=place.code)
    order = ingest_order(channel=channel, incoming=first, at=NOON).order
    mark_ready(order_id=order.pk, key="ready", at=NOON)
    return order, replace(first, updated_at=NOON + timedelta(minutes=5), **changed)


def cancelled_there() -> Order:
    """Cancel an order on its channel that lies ready with us."""
    order, newer = told_again(status=IncomingStatus.CANCELLED)
    ingest_order(channel=order.channel, incoming=newer, at=LATER)
    return order


def test_order_cancelled_there_while_ready_is_not_handed_over_before_somebody_decides():
    order = cancelled_there()
    conflict = order.conflicts.get()
    assert (conflict.kind, status_of(order)) == ("CANCELLED", "READY")
    refused(OrderOnHold, hand_over, order_id=order.pk, code=order.pickup.code)

    decide_conflict(conflict_id=conflict.pk, decision="TAKE_THEIRS", at=LATER)

    order.refresh_from_db()
    assert (status_of(order), order.lifecycle) == ("CANCELLED", "CANCELLED")
    assert stock_of(order) == (10, 0)


def test_order_cancelled_there_is_handed_over_once_ours_is_kept():
    order = cancelled_there()
    decide_conflict(conflict_id=order.conflicts.get().pk, decision="KEEP_OURS", at=LATER)

    hand_over(order_id=order.pk, code=order.pickup.code, at=LATER)

    assert status_of(order) == "COLLECTED"


def test_order_that_is_collected_is_not_sent():
    order = pickup_order()

    refused(WrongMethod, ship, order_id=order.pk, key="parcel")


@pytest.mark.parametrize("decision", ["TAKE_THEIRS", "KEEP_OURS"])
def test_order_that_its_channel_says_it_has_handed_over(decision):
    order, newer = told_again(status=IncomingStatus.SHIPPED)
    ingest_order(channel=order.channel, incoming=newer, at=LATER)
    conflict = order.conflicts.get()
    assert (conflict.kind, status_of(order)) == ("SHIPPED", "READY")

    decide_conflict(conflict_id=conflict.pk, decision=decision, at=LATER)

    order.refresh_from_db()
    gone = ("CANCELLED", "COMPLETED", (9, 0))
    expected = gone if decision == "TAKE_THEIRS" else ("READY", "CONFIRMED", (10, 1))
    assert (status_of(order), order.lifecycle, stock_of(order)) == expected
    assert differences() == []


def test_pickup_that_is_awaited_of_an_order_that_is_closed_is_a_difference():
    order = ready_order()
    Pickup.objects.filter(order=collected_order()).update(vehicle="red van")
    Order.objects.filter(pk=order.pk).update(lifecycle="COMPLETED")

    found = [difference for difference in differences() if difference.kind == "pickup"]

    assert [(difference.key, difference.actual) for difference in found] == [
        (order.number, "READY")
    ]
