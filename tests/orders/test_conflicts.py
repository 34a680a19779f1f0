"""What cannot be taken over any more: kept with both versions, and decided by a person."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from channels.connectors.base import IncomingStatus
from channels.models import OutboxEntry
from inventory.models import StockLevel
from orders.models import ChannelConflict
from orders.operations import (
    AlreadyDecided,
    CannotTakeTheirs,
    Outcome,
    ParcelStopped,
    UnknownConflict,
    cancel_order,
    decide_conflict,
    ingest_order,
    join_merged,
    scan_unit,
    ship,
)
from orders.operations.changes import Event
from orders.operations.updating import RULES, Progress, Rule
from orders.queries import differences
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import ADDRESS, incoming_line, incoming_order
from tests.factories.orders_changes import begin_packed, begin_picking, disputed_order
from tests.orders.books import books

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(minutes=5)


class Told:
    """An order of four pieces at ten each, and its channel, which says more about it later."""

    def __init__(self, begin=None, **values):
        self.channel = ChannelFactory()
        self.level = stock(units=20)
        self.sku = self.level.variant.sku
        self.incoming = incoming_order(incoming_line(sku=self.sku, quantity=4), **values)
        self.minutes = 0
        self.order = self._deliver(self.incoming).order
        if begin is not None:
            begin(self.order)

    def say(self, **changed):
        """Tell a newer version, with something changed; return what became of it."""
        self.minutes += 1
        moment = NOON + timedelta(minutes=self.minutes)
        self.incoming = replace(self.incoming, updated_at=moment, **changed)
        outcome = self._deliver(self.incoming).outcome
        self.order.refresh_from_db()
        self.level.refresh_from_db()
        return outcome

    def _deliver(self, incoming):
        return ingest_order(channel=self.channel, incoming=incoming, at=incoming.updated_at)

    def with_line(self, quantity=4, **changed):
        line = replace(self.incoming.lines[0], quantity=quantity, **changed)
        line = replace(line, total=line.unit_price * quantity)
        return {"lines": (line,), "total": line.total}

    def open(self):
        return list(self.order.conflicts.open().order_by("pk").values_list("kind", flat=True))

    def decide(self, decision="TAKE_THEIRS", **values):
        conflict = self.order.conflicts.open().get()
        decided = decide_conflict(
            conflict_id=conflict.pk,
            decision=decision,
            **{"at": LATER, "note": "So be it.", **values},
        )
        self.order.refresh_from_db()
        self.level.refresh_from_db()
        return decided

    def holds(self):
        return sorted(self.order.holds.open().values_list("kind", flat=True))


def shipped(order):
    ship(order_id=order.pk, key="parcel", at=NOON)


def partly_shipped(order):
    ship(order_id=order.pk, key="first", quantities={order.lines.get().pk: 1}, at=NOON)


def test_every_event_has_a_rule_for_how_far_an_order_got():
    assert {event.kind for event in RULES} == {event.kind for event in Event.__subclasses__()}
    assert all(set(row) == set(Progress) for row in RULES.values())


def test_nothing_about_packed_goods_is_done_by_itself():
    done = {Rule.APPLY, Rule.PUT_BACK}
    harmless = {"buyer_told", "due_changed", "paid", "refunded", "note_added"}

    assert {
        event.kind
        for event, row in RULES.items()
        if {row[Progress.PACKED], row[Progress.SHIPPED]} & done
    } == harmless


def test_smaller_quantity_while_picking_puts_the_goods_back():
    told = Told(begin_picking)

    told.say(**told.with_line(3))

    assert told.order.fulfillments.get().status == "CANCELLED"
    assert (told.open(), told.level.allocated, told.order.total) == ([], 3, 30)
    assert begin_picking(told.order).lines.get().quantity == 3
    assert differences() == []


def test_cancelled_while_picking_puts_the_goods_back():
    told = Told(begin_picking)

    told.say(status=IncomingStatus.CANCELLED)

    assert told.order.fulfillments.get().status == "CANCELLED"
    assert (told.order.lifecycle, told.level.allocated, told.open()) == ("CANCELLED", 0, [])
    assert told.order.cancellations.get().cause == "CHANNEL"
    assert differences() == []


def test_cancelled_after_packing_is_a_conflict_that_stops_the_parcel():
    told = Told(begin_packed, ship_by=NOON + timedelta(hours=6))

    told.say(status=IncomingStatus.CANCELLED)

    conflict = told.order.conflicts.get()
    assert (conflict.kind, conflict.ours, conflict.theirs) == (
        "CANCELLED",
        {"status": "Confirmed"},
        {"status": "Cancelled"},
    )
    assert conflict.due_at == NOON + timedelta(hours=6)
    assert (told.holds(), told.level.allocated) == (["CHANNEL_CONFLICT"], 4)
    with pytest.raises(ParcelStopped):
        scan_unit(
            fulfillment_id=told.order.fulfillments.get().pk, code=told.sku, key="late", at=LATER
        )


def test_order_without_a_day_to_ship_is_decided_within_a_day():
    told = Told(begin_packed)

    told.say(status=IncomingStatus.CANCELLED)

    assert told.order.conflicts.get().due_at == NOON + timedelta(minutes=1, hours=24)


def test_taking_the_cancellation_puts_back_the_parcel_and_cancels():
    told, person = Told(begin_packed), UserFactory()
    told.say(status=IncomingStatus.CANCELLED)

    decided = told.decide(by=person)

    assert (decided.decision, decided.decided_by, decided.note) == (
        "TAKE_THEIRS",
        person,
        "So be it.",
    )
    assert (told.order.lifecycle, told.level.allocated, told.holds()) == ("CANCELLED", 0, [])
    assert told.order.fulfillments.get().status == "CANCELLED"
    assert not OutboxEntry.objects.exists()
    assert differences() == []


def test_keeping_ours_lets_the_order_go_on_and_the_same_again_is_not_asked():
    told = Told(begin_packed)
    told.say(**told.with_line(6))

    told.decide("KEEP_OURS")
    again = told.say(note="By the way.")

    assert (told.open(), told.holds(), told.order.lines.get().ordered) == ([], [], 4)
    assert again == Outcome.UPDATED
    assert told.order.conflicts.count() == 1


def test_newer_word_takes_the_place_of_the_one_not_decided():
    told = Told(begin_packed)
    told.say(**told.with_line(6))

    told.say(**told.with_line(7))

    conflict = told.order.conflicts.get()
    assert (conflict.kind, conflict.theirs["quantity"]) == ("QUANTITY", 7)
    assert told.order.holds.open().count() == 1


def test_what_is_said_anew_after_a_decision_is_asked_again():
    told = Told(begin_packed)
    told.say(**told.with_line(6))
    told.decide("KEEP_OURS")

    told.say(**told.with_line(7))

    assert (told.open(), told.holds()) == (["QUANTITY"], ["CHANNEL_CONFLICT"])


@pytest.mark.parametrize(("quantity", "status"), [(6, "PACKED"), (3, "CANCELLED")])
def test_taking_another_quantity_of_packed_goods(quantity, status):
    told = Told(begin_packed)
    told.say(**told.with_line(quantity))

    told.decide()

    line = told.order.lines.get()
    assert (line.ordered, line.total, told.order.total) == (quantity, 10 * quantity, 10 * quantity)
    assert (told.order.fulfillments.get().status, told.level.allocated) == (status, quantity)
    assert differences() == []


def test_fewer_pieces_than_have_left_cannot_be_taken():
    told = Told(partly_shipped)
    told.say(lines=(), total=Decimal(0))
    before = books()

    with pytest.raises(CannotTakeTheirs, match="left already"):
        told.decide()

    assert books() == before


def test_taking_a_line_that_was_added_reopens_a_completed_order():
    told = Told(shipped)
    added = incoming_line(sku=told.sku, external_line_id="9", quantity=2)
    told.say(lines=(*told.incoming.lines, added), total=Decimal(60))
    assert (told.open(), told.order.lines.count()) == (["LINE_ADDED"], 1)

    told.decide()

    assert (told.order.lifecycle, told.order.total, told.level.allocated) == ("CONFIRMED", 60, 2)
    assert differences() == []


def test_taking_another_article_of_packed_goods():
    told, other = Told(begin_packed), stock(units=9, reference="GR-other")
    told.say(**told.with_line(sku=other.variant.sku))

    told.decide()

    other.refresh_from_db()
    assert (told.order.lines.get().variant, other.allocated) == (other.variant, 4)
    assert (told.level.allocated, told.order.fulfillments.get().status) == (0, "CANCELLED")
    assert differences() == []


def test_packed_article_that_is_only_called_otherwise_is_no_conflict():
    told = Told(begin_packed)

    told.say(**told.with_line(sku=told.sku.lower()))

    assert (told.open(), told.order.lines.get().raw_sku) == ([], told.sku.lower())
    assert told.order.fulfillments.get().status == "PACKED"


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"unit_price": Decimal(9)}, "PRICE"),
        ({}, "TOTAL"),
    ],
)
def test_taking_other_money_of_shipped_goods(changed, kind):
    told = Told(shipped)
    said = told.with_line(**changed) if changed else {"total": Decimal("40.02")}
    told.say(**said)
    assert told.open() == [kind]

    told.decide()

    assert told.order.total == said["total"]
    assert told.order.lines.get().unit_price == changed.get("unit_price", 10)


def test_taking_another_address_of_a_packed_order():
    told = Told(begin_packed)
    told.say(delivery_address=replace(ADDRESS, city="Leeds"))
    assert (told.open(), told.order.delivery_address.city) == (["ADDRESS"], "London")

    told.decide()

    assert told.order.delivery_address.city == "Leeds"


def test_taking_that_the_channel_has_shipped_books_what_was_promised():
    told = Told(begin_picking)
    told.say(status=IncomingStatus.SHIPPED)

    told.decide()

    assert (told.order.lifecycle, told.level.on_hand, told.level.allocated) == ("COMPLETED", 16, 0)
    assert sorted(told.order.fulfillments.values_list("status", flat=True)) == [
        "CANCELLED",
        "SHIPPED",
    ]
    assert differences() == []


def test_order_shipped_there_without_stock_is_booked_once_the_stock_is_found():
    channel, level = ChannelFactory(), stock(units=1)
    line = incoming_line(sku=level.variant.sku, quantity=3)
    incoming = incoming_order(line, status=IncomingStatus.SHIPPED)
    order = ingest_order(channel=channel, incoming=incoming, at=NOON).order
    conflict = order.conflicts.get()
    with pytest.raises(CannotTakeTheirs, match="no such stock"):
        decide_conflict(conflict_id=conflict.pk, decision="TAKE_THEIRS", at=LATER)

    stock(units=5, variant=level.variant, location=level.location, reference="GR-found")
    decide_conflict(conflict_id=conflict.pk, decision="TAKE_THEIRS", at=LATER)

    order.refresh_from_db()
    assert (order.lifecycle, order.holds.open().count()) == ("COMPLETED", 0)
    assert StockLevel.objects.get().on_hand == 3
    assert differences() == []


def test_order_cancelled_here_and_open_there_is_told_again_when_ours_counts():
    told = Told(is_paid=False)
    cancel_order(order_id=told.order.pk, reason="The buyer rang.", key="call", at=NOON)
    OutboxEntry.objects.update(status="DONE", done_at=NOON)
    told.say(is_paid=True)
    assert told.open() == ["REOPENED"]
    with pytest.raises(CannotTakeTheirs, match="stays cancelled"):
        told.decide()

    told.decide("KEEP_OURS")

    assert (told.order.lifecycle, told.holds()) == ("CANCELLED", [])


def test_pieces_called_off_here_are_no_conflict_when_the_channel_takes_them_off():
    told = Told()
    line = told.order.lines.get()
    cancel_order(
        order_id=told.order.pk, quantities={line.pk: 1}, reason="One less.", key="call", at=NOON
    )
    shipped(told.order)

    told.say(**told.with_line(3))

    assert (told.open(), told.order.lifecycle) == ([], "COMPLETED")
    assert told.order.lines.get().ordered == 4


def test_merged_order_is_called_off_and_points_to_the_new_one():
    told = Told()
    new = incoming_order(incoming_line(sku=told.sku, quantity=6))
    target = ingest_order(channel=told.channel, incoming=new, at=NOON).order

    told.say(merged_into=target.external_id, status=IncomingStatus.CANCELLED)

    assert (told.order.lifecycle, told.order.merged_into) == ("CANCELLED", target)
    assert told.level.allocated == 6


def test_merged_order_keeps_its_goods_until_the_new_one_has_come():
    told = Told()
    told.say(merged_into="new", status=IncomingStatus.CANCELLED)
    assert (told.open(), told.level.allocated) == (["MERGED"], 4)
    assert join_merged(at=LATER, limit=9) == 0

    new = incoming_order(incoming_line(sku=told.sku, quantity=6), external_id="new")
    target = ingest_order(channel=told.channel, incoming=new, at=NOON).order
    assert join_merged(at=LATER, limit=9) == 1

    told.order.refresh_from_db()
    assert (told.order.lifecycle, told.order.merged_into, told.open()) == ("CANCELLED", target, [])
    assert differences() == []


def test_packed_order_that_was_merged_is_for_a_person_to_decide():
    told = Told(begin_packed)
    target = ingest_order(channel=told.channel, incoming=incoming_order(), at=NOON).order

    told.say(merged_into=target.external_id, status=IncomingStatus.CANCELLED)

    assert join_merged(at=LATER, limit=9) == 0
    assert told.open() == ["MERGED"]


def test_the_same_decision_again_changes_nothing_and_another_is_refused():
    conflict = disputed_order().conflicts.get()
    decide_conflict(conflict_id=conflict.pk, decision="KEEP_OURS", at=LATER)
    before = books()

    decide_conflict(conflict_id=conflict.pk, decision="KEEP_OURS", at=LATER)
    with pytest.raises(AlreadyDecided):
        decide_conflict(conflict_id=conflict.pk, decision="TAKE_THEIRS", at=LATER)

    assert books() == before


def test_decision_about_nothing_is_refused():
    with pytest.raises(UnknownConflict):
        decide_conflict(conflict_id=0, decision="KEEP_OURS", at=LATER)


BROKEN = [{"decision": "KEEP_OURS"}, {"decided_at": NOON}, {"note": "So be it."}]


@pytest.mark.parametrize("half", BROKEN)
def test_database_refuses_half_a_decision(half):
    disputed_order()

    with pytest.raises(IntegrityError, match="decided_whole"), transaction.atomic():
        ChannelConflict.objects.update(**half)


def test_database_refuses_a_second_open_conflict_of_a_kind():
    conflict = disputed_order().conflicts.get()
    conflict.pk = None

    with pytest.raises(IntegrityError, match="one_open_per_kind"), transaction.atomic():
        conflict.save(force_insert=True)
