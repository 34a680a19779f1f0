"""Goods sent from one place to another, from the draft until all has arrived or is given up."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from inventory.models import (
    CostMovement,
    Location,
    StockLevel,
    StockMovement,
    Transfer,
    TransferLine,
    TransferReceipt,
    WithdrawnPromise,
)
from inventory.operations import (
    EmptyTransfer,
    InactiveVariant,
    InsufficientStock,
    InvalidQuantity,
    LinesChanged,
    NotInTransit,
    NoTransitLocation,
    NotStocked,
    PeriodClosed,
    ReasonMissing,
    ReferenceUsed,
    SamePlace,
    UnknownLocation,
    UnknownVariant,
    add_to_transfer,
    adjust_stock,
    cancel_transfer,
    change_transfer_lines,
    close_transfer,
    create_transfer,
    dispatch_transfer,
    receive_transfer,
    sell_stock,
)
from inventory.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.common import UserFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_promises import close_books, put_aside
from tests.factories.inventory_transfers import (
    arrival,
    dispatched_transfer,
    drafted_transfer,
    transit_location,
)
from tests.inventory.shared import everything, figures, pool_of

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
MAX_UNITS = 1_000_000_000


def all_rows():
    """Return every row of stock, cost and transfers, to compare before and after a refusal."""
    models = (Transfer, TransferLine, TransferReceipt)
    return [*everything(), *(list(model.objects.order_by("pk").values_list()) for model in models)]


def units_at(location, variant_id):
    """Return how many units of an article lie at a location, 0 where it never was."""
    level = StockLevel.objects.filter(location=location, variant_id=variant_id).first()
    return level.on_hand if level else 0


def lines_of(transfer):
    """Return variant id -> units sent, received and lost, as they are stored now."""
    return {
        line.variant_id: (line.quantity, line.received, line.lost)
        for line in TransferLine.objects.filter(transfer=transfer)
    }


def state_of(transfer):
    return Transfer.objects.values_list("status", flat=True).get(pk=transfer.pk)


def send(transfer, **said):
    return dispatch_transfer(transfer_id=transfer.pk, at=AT, **said)


def receive(transfer, received, key="R-1", **said):
    """Receive variant id -> units of a transfer."""
    lines = dict(transfer.lines.values_list("variant_id", "pk"))
    return receive_transfer(
        transfer_id=transfer.pk,
        received={lines[pk]: units for pk, units in received.items()},
        key=key,
        **{"at": AT} | said,
    )


def close(transfer, reason="Fell off the truck", **said):
    return close_transfer(transfer_id=transfer.pk, reason=reason, **{"at": AT} | said)


def add(transfer, units, key="A-1"):
    return add_to_transfer(transfer_id=transfer.pk, units=units, key=key)


def change(transfer, units, taken_off=()):
    return change_transfer_lines(transfer_id=transfer.pk, units=units, taken_off=taken_off)


# Writing a draft


def test_create_transfer_writes_down_what_goes_where_and_moves_nothing():
    level, goal, clerk = stock(units=5), LocationFactory(), UserFactory()
    before = everything()

    transfer = create_transfer(
        from_location=level.location,
        to_location=goal,
        units={level.variant_id: 4},
        key="T-1",
        note="For the fair",
        expected_on=date(2026, 11, 23),
        at=AT,
        by=clerk,
    )

    transfer.refresh_from_db()
    assert (transfer.status, transfer.number) == ("DRAFT", f"TR-{100_000 + transfer.pk}")
    assert (transfer.from_location, transfer.to_location) == (level.location, goal)
    assert (transfer.note, transfer.expected_on) == ("For the fair", date(2026, 11, 23))
    assert (transfer.created_at, transfer.created_by, transfer.dispatched_at) == (AT, clerk, None)
    assert lines_of(transfer) == {level.variant_id: (4, 0, 0)}
    assert everything() == before


def test_create_transfer_may_ask_for_more_than_is_there():
    level = stock(units=1)

    transfer = drafted_transfer(level, units=5)

    assert lines_of(transfer) == {level.variant_id: (5, 0, 0)}


def test_create_transfer_again_returns_the_first():
    level, goal = stock(), LocationFactory()
    first = drafted_transfer(level, to_location=goal, key="T-1")
    before = all_rows()

    assert drafted_transfer(level, to_location=goal, key="T-1") == first
    assert all_rows() == before


def test_create_transfer_again_returns_the_first_even_when_the_article_was_given_up():
    level, goal = stock(), LocationFactory()
    first = drafted_transfer(level, to_location=goal, key="T-1")
    give_up(level.variant)

    assert drafted_transfer(level, to_location=goal, key="T-1") == first


@pytest.mark.parametrize("other", ["units", "goods", "place"])
def test_create_transfer_keeps_a_key_to_its_goods_and_places(other):
    level, goal = stock(), LocationFactory()
    transfer = drafted_transfer(level, units=3, to_location=goal, key="T-1")
    units = {
        "units": {level.variant_id: 4},
        "goods": {stock(location=level.location).variant_id: 3},
        "place": {level.variant_id: 3},
    }[other]
    place = LocationFactory() if other == "place" else goal
    before = all_rows()

    with pytest.raises(ReferenceUsed, match=f"This is {transfer} already") as refusal:
        drafted_transfer(level, units=units, to_location=place, key="T-1")

    assert refusal.value.details == {"reference": transfer.number}
    assert all_rows() == before


@pytest.mark.parametrize("wrong", ["same", "from transit", "to transit"])
def test_create_transfer_refuses_places_that_make_no_sense(wrong):
    level, transit = stock(), transit_location()
    places = {
        "same": (level.location, level.location),
        "from transit": (transit, level.location),
        "to transit": (level.location, transit),
    }
    origin, goal = places[wrong]
    before = all_rows()

    with pytest.raises(SamePlace, match="from one location to another, neither of them in transit"):
        create_transfer(
            from_location=origin, to_location=goal, units={level.variant_id: 1}, key="T-1", at=AT
        )

    assert all_rows() == before


@pytest.mark.parametrize("end", ["from_location", "to_location"])
def test_create_transfer_refuses_a_place_that_does_not_exist(end):
    level = stock()
    places = {"from_location": level.location, "to_location": LocationFactory()}
    before = all_rows()

    with pytest.raises(UnknownLocation, match="The location does not exist, or no longer"):
        create_transfer(
            **places | {end: Location(pk=4711, kind="STORE")},
            units={level.variant_id: 1},
            key="T-1",
            at=AT,
        )

    assert all_rows() == before


def give_up(variant):
    variant.is_active = False
    variant.save(update_fields=["is_active"])


def written(act, transfer, units):
    """Do one of the acts that put articles on a transfer."""
    if act == "create":
        return create_transfer(
            from_location=transfer.from_location,
            to_location=transfer.to_location,
            units=units,
            key="T-2",
            at=AT,
        )
    return {"change": change, "add": add}[act](transfer, units)


@pytest.mark.parametrize("act", ["create", "change", "add"])
@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "Units are counted from 1; 0 cannot be moved."),
        (-1, "Units are counted from 1; -1 cannot be moved."),
        (MAX_UNITS, "Fewer than 1,000,000,000 units can be moved at once."),
    ],
)
def test_a_draft_refuses_units_that_cannot_be_moved(act, count, said):
    level = stock()
    transfer = drafted_transfer(level)
    other = stock(location=level.location)
    before = all_rows()

    with pytest.raises(InvalidQuantity, match=said):
        written(act, transfer, {other.variant_id: 1, level.variant_id: count})

    assert all_rows() == before


@pytest.mark.parametrize("act", ["create", "change", "add"])
@pytest.mark.parametrize("wrong", ["unknown", "service", "inactive"])
def test_a_draft_refuses_articles_that_cannot_be_sent(act, wrong):
    transfer = drafted_transfer()
    variant_id, refusal, said = {
        "unknown": lambda: (4711, UnknownVariant, "no article with the number 4711"),
        "service": lambda: (
            VariantFactory(is_stocked=False, sku="POST").pk,
            NotStocked,
            "Not kept in stock: POST",
        ),
        "inactive": lambda: (
            VariantFactory(is_active=False, sku="OLD").pk,
            InactiveVariant,
            "No longer dealt in: OLD",
        ),
    }[wrong]()
    before = all_rows()

    with pytest.raises(refusal, match=said):
        written(act, transfer, {variant_id: 1})

    assert all_rows() == before


def test_change_transfer_lines_sets_units_and_leaves_what_is_not_named():
    location = LocationFactory()
    changed, kept, dropped, new = (stock(location=location) for _ in range(4))
    transfer = drafted_transfer(changed, kept, dropped)

    change(
        transfer,
        {changed.variant_id: 7, new.variant_id: 1},
        taken_off=[dropped.variant_id],
    )

    assert lines_of(transfer) == {
        changed.variant_id: (7, 0, 0),
        kept.variant_id: (3, 0, 0),
        new.variant_id: (1, 0, 0),
    }


def test_change_transfer_lines_twice_is_the_same_as_once():
    transfer = drafted_transfer(level := stock())
    change(transfer, {level.variant_id: 7})
    before = all_rows()

    change(transfer, {level.variant_id: 7})

    assert all_rows() == before


def test_change_transfer_lines_may_empty_a_draft():
    transfer = drafted_transfer(level := stock())

    change(transfer, {}, taken_off=[level.variant_id])

    assert lines_of(transfer) == {}


def test_add_to_transfer_adds_to_what_is_there():
    location = LocationFactory()
    known, new = stock(location=location), stock(location=location)
    transfer = drafted_transfer(known)

    add(transfer, {known.variant_id: 2, new.variant_id: 1})

    assert lines_of(transfer) == {known.variant_id: (5, 0, 0), new.variant_id: (1, 0, 0)}


def test_add_to_transfer_again_adds_nothing():
    transfer = drafted_transfer(level := stock())
    add(transfer, {level.variant_id: 2}, key="A-1")
    add(transfer, {level.variant_id: 2}, key="A-2")
    before = all_rows()

    assert add(transfer, {level.variant_id: 2}, key="A-1") == transfer
    assert all_rows() == before
    assert lines_of(transfer) == {level.variant_id: (7, 0, 0)}


def test_add_to_transfer_again_changes_nothing_once_it_was_sent():
    transit_location()
    transfer = drafted_transfer(level := stock())
    add(transfer, {level.variant_id: 2})
    send(transfer)
    before = all_rows()

    assert add(transfer, {level.variant_id: 2}) == transfer
    assert all_rows() == before


def test_add_to_transfer_keeps_a_key_to_its_articles():
    location = LocationFactory()
    level, other = stock(location=location), stock(location=location)
    transfer = drafted_transfer(level)
    add(transfer, {level.variant_id: 2})
    before = all_rows()

    with pytest.raises(ReferenceUsed, match="before, of other articles"):
        add(transfer, {other.variant_id: 2})

    assert all_rows() == before


def test_add_to_transfer_refuses_what_becomes_too_much_in_all():
    transfer = drafted_transfer(level := stock(), units=MAX_UNITS - 1)
    before = all_rows()

    with pytest.raises(InvalidQuantity, match="Fewer than 1,000,000,000 units"):
        add(transfer, {level.variant_id: 1})

    assert all_rows() == before


@pytest.mark.parametrize("act", [change, add])
@pytest.mark.parametrize("end", ["sent", "cancelled"])
def test_the_lines_of_what_was_sent_or_cancelled_stay_as_they_are(act, end):
    level = stock()
    if end == "sent":
        transfer, said = dispatched_transfer(level), "is on the way"
    else:
        transfer, said = drafted_transfer(level), "is cancelled"
        cancel_transfer(transfer_id=transfer.pk, at=AT)
    before = all_rows()

    with pytest.raises(WrongStatus, match=f"{said}: its lines stay as they are"):
        act(transfer, {level.variant_id: 1})

    assert all_rows() == before


# Cancelling


def test_cancel_transfer_drops_a_draft():
    transfer, clerk = drafted_transfer(), UserFactory()
    before = everything()

    cancel_transfer(transfer_id=transfer.pk, at=AT, by=clerk)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.closed_at, transfer.closed_by) == ("CANCELLED", AT, clerk)
    assert everything() == before


def test_cancel_transfer_twice_changes_nothing():
    transfer = drafted_transfer()
    cancel_transfer(transfer_id=transfer.pk, at=AT)
    before = all_rows()

    cancel_transfer(transfer_id=transfer.pk, at=AT + timedelta(days=1))

    assert all_rows() == before


def test_cancel_transfer_refuses_what_has_left():
    transfer = dispatched_transfer()
    before = all_rows()

    with pytest.raises(WrongStatus, match="is on the way and cannot become cancelled"):
        cancel_transfer(transfer_id=transfer.pk, at=AT)

    assert all_rows() == before


# Sending


def test_dispatch_transfer_moves_the_goods_to_the_location_in_transit():
    transit, location, clerk = transit_location(), LocationFactory(), UserFactory()
    first, second = (stock(units=10, location=location) for _ in range(2))
    transfer = drafted_transfer(first, second, units={first.variant_id: 3, second.variant_id: 10})

    send(transfer, by=clerk)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.transit) == ("DISPATCHED", transit)
    assert (transfer.dispatched_at, transfer.dispatched_by) == (AT, clerk)
    assert (figures(first), figures(second)) == ((7, 0), (0, 0))
    assert units_at(transit, first.variant_id) == 3
    assert units_at(transit, second.variant_id) == 10
    assert lines_of(transfer) == {first.variant_id: (3, 0, 0), second.variant_id: (10, 0, 0)}
    assert differences() == []


def test_dispatch_transfer_writes_what_left_and_what_is_on_the_way_with_their_source():
    transit, level, clerk = transit_location(), stock(units=10, value="50"), UserFactory()
    transfer = drafted_transfer(level, units=3, note="For the fair")

    send(transfer, by=clerk)

    movements = StockMovement.objects.filter(kind="TRANSFER").select_related("level")
    line = transfer.lines.get()
    assert {(m.level.location, m.quantity) for m in movements} == {
        (level.location, -3),
        (transit, 3),
    }
    for movement in movements:
        assert (movement.reference, movement.reason) == (transfer.number, "For the fair")
        assert (movement.source_kind, movement.source_id) == ("TRANSFER", transfer.pk)
        assert movement.source_line_ids == [line.pk]
        assert (movement.moved_at, movement.moved_by, movement.cost_value) == (AT, clerk, 0)


def test_dispatch_transfer_tells_the_channels():
    transit_location()
    level = stock()
    transfer = drafted_transfer(level)
    level.variant.availability_changes.all().delete()

    send(transfer)

    assert level.variant.availability_changes.count() == 1


def test_dispatch_transfer_twice_changes_nothing():
    transfer = dispatched_transfer(by=UserFactory())
    before = all_rows()

    assert send(transfer, by=UserFactory()) == transfer
    assert all_rows() == before


def test_dispatch_transfer_uses_the_location_in_transit_that_is_tried_first():
    late = transit_location()
    first = LocationFactory(kind="TRANSIT", is_shipping=False, priority=-1)
    transfer = drafted_transfer()

    send(transfer)

    transfer.refresh_from_db()
    assert (transfer.transit, late.priority) == (first, 0)


def test_dispatch_transfer_needs_a_location_in_transit():
    transfer = drafted_transfer()
    before = all_rows()

    with pytest.raises(NoTransitLocation, match="Set up a location of the kind In transit first"):
        send(transfer)

    assert all_rows() == before


def test_dispatch_transfer_needs_lines():
    transit_location()
    transfer = drafted_transfer(units={})
    before = all_rows()

    with pytest.raises(EmptyTransfer, match="has no lines: there is nothing to send"):
        send(transfer)

    assert all_rows() == before


def test_dispatch_transfer_names_every_shortage_and_sends_nothing():
    transit_location()
    location = LocationFactory()
    short, promised, ample = (stock(units=units, location=location) for units in (1, 3, 9))
    promise(level=promised, units=2)
    never_here = VariantFactory()
    transfer = drafted_transfer(
        short,
        units={
            short.variant_id: 3,
            promised.variant_id: 3,
            ample.variant_id: 3,
            never_here.pk: 1,
        },
    )
    before = all_rows()

    with pytest.raises(InsufficientStock) as refusal:
        send(transfer)

    assert refusal.value.shortages == {
        short.variant_id: 2,
        promised.variant_id: 2,
        never_here.pk: 1,
    }
    assert all_rows() == before


def test_dispatch_transfer_takes_what_reservations_that_are_over_held():
    transit_location()
    level = stock(units=3)
    put_aside(level=level, units=2, expires_at=STOCKED_AT + timedelta(hours=1))
    transfer = drafted_transfer(level, units=3)

    send(transfer)

    withdrawn = WithdrawnPromise.objects.get()
    assert (withdrawn.cause, withdrawn.units) == ("EXPIRED", 2)
    assert figures(level) == (0, 0)
    assert differences() == []


def test_dispatch_transfer_leaves_reservations_alone_that_still_hold():
    transit_location()
    level = stock(units=3)
    put_aside(level=level, units=1, expires_at=AT + timedelta(hours=1))
    transfer = drafted_transfer(level, units=3)
    before = all_rows()

    with pytest.raises(InsufficientStock):
        send(transfer)

    assert all_rows() == before


def test_dispatch_transfer_refuses_an_article_given_up_meanwhile():
    transit_location()
    transfer = drafted_transfer(level := stock())
    give_up(level.variant)
    before = all_rows()

    with pytest.raises(InactiveVariant, match=f"No longer dealt in: {level.variant.sku}"):
        send(transfer)

    assert all_rows() == before


def test_dispatch_transfer_sends_only_what_was_seen():
    transit_location()
    transfer = drafted_transfer(level := stock(), units=3)
    add(transfer, {level.variant_id: 1})
    before = all_rows()

    with pytest.raises(LinesChanged, match="were changed meanwhile: look at them again"):
        send(transfer, seen={level.variant_id: 3})

    assert all_rows() == before
    assert send(transfer, seen={level.variant_id: 4}).status == "DISPATCHED"


def test_dispatch_transfer_refuses_what_was_cancelled():
    transit_location()
    transfer = drafted_transfer()
    cancel_transfer(transfer_id=transfer.pk, at=AT)
    before = all_rows()

    with pytest.raises(WrongStatus, match="is cancelled and cannot become on the way"):
        send(transfer)

    assert all_rows() == before


# Receiving


def test_receive_transfer_puts_a_part_on_the_shelf():
    location, goal, clerk = LocationFactory(), LocationFactory(), UserFactory()
    first, second = (stock(units=10, location=location) for _ in range(2))
    transfer = dispatched_transfer(first, second, units=3, to_location=goal)

    receipt = receive(transfer, {first.variant_id: 2}, by=clerk)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.closed_at) == ("PARTLY_RECEIVED", None)
    assert lines_of(transfer) == {first.variant_id: (3, 2, 0), second.variant_id: (3, 0, 0)}
    assert units_at(goal, first.variant_id) == 2
    assert units_at(transfer.transit, first.variant_id) == 1
    assert units_at(transfer.transit, second.variant_id) == 3
    assert (receipt.number, receipt.key) == (f"TI-{100_000 + receipt.pk}", "R-1")
    assert (receipt.received_at, receipt.received_by) == (AT, clerk)
    assert differences() == []


def test_receive_transfer_ends_it_when_all_has_arrived():
    goal, clerk = LocationFactory(), UserFactory()
    transfer = dispatched_transfer(level := stock(units=10), units=3, to_location=goal)
    receive(transfer, {level.variant_id: 1}, key="R-1")
    receive(transfer, {level.variant_id: 1}, key="R-2")
    assert state_of(transfer) == "PARTLY_RECEIVED"

    receive(transfer, {level.variant_id: 1}, key="R-3", by=clerk)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.closed_at, transfer.closed_by) == ("RECEIVED", AT, clerk)
    assert lines_of(transfer) == {level.variant_id: (3, 3, 0)}
    assert (units_at(goal, level.variant_id), units_at(transfer.transit, level.variant_id)) == (
        3,
        0,
    )
    assert differences() == []


def test_receive_transfer_writes_movements_with_their_source():
    goal, clerk = LocationFactory(), UserFactory()
    transfer = dispatched_transfer(level := stock(), units=3, to_location=goal)

    receipt = receive(transfer, {level.variant_id: 2}, by=clerk)

    movements = StockMovement.objects.filter(reference=receipt.number).select_related("level")
    line = transfer.lines.get()
    assert {(m.level.location, m.quantity) for m in movements} == {
        (transfer.transit, -2),
        (goal, 2),
    }
    for movement in movements:
        assert (movement.kind, movement.cost_value) == ("TRANSFER", 0)
        assert (movement.source_kind, movement.source_id) == ("TRANSFER", transfer.pk)
        assert movement.source_line_ids == [line.pk]
        assert (movement.moved_at, movement.moved_by) == (AT, clerk)


def test_receive_transfer_again_returns_the_first_receipt():
    transfer = dispatched_transfer(level := stock())
    first = receive(transfer, {level.variant_id: 2})
    before = all_rows()

    assert receive(transfer, {level.variant_id: 2}) == first
    assert all_rows() == before


def test_receive_transfer_again_returns_the_first_receipt_when_all_has_arrived():
    transfer = dispatched_transfer(level := stock(), units=2)
    first = receive(transfer, {level.variant_id: 2})

    assert receive(transfer, {level.variant_id: 2}) == first


def test_receive_transfer_keeps_a_key_to_its_units():
    transfer = dispatched_transfer(level := stock())
    receive(transfer, {level.variant_id: 2})
    before = all_rows()

    with pytest.raises(ReferenceUsed, match="were received before, in other numbers"):
        receive(transfer, {level.variant_id: 1})

    assert all_rows() == before


def test_receive_transfer_takes_the_same_key_for_another_transfer():
    location = LocationFactory()
    level = stock(location=location)
    first, second = dispatched_transfer(level), dispatched_transfer(level)

    assert receive(first, {level.variant_id: 1}) != receive(second, {level.variant_id: 1})


def test_receive_transfer_names_every_line_of_which_too_much_came():
    location = LocationFactory()
    first, second, right = (stock(location=location) for _ in range(3))
    transfer = dispatched_transfer(first, second, right, units=3)
    before = all_rows()

    with pytest.raises(NotInTransit) as refusal:
        receive(transfer, {first.variant_id: 4, second.variant_id: 9, right.variant_id: 3})

    assert refusal.value.message == (
        f"Cannot arrive: 4 of {first.variant.sku} (3 on the way), 9 of {second.variant.sku}"
        " (3 on the way). Book what came too much as an adjustment."
    )
    assert all_rows() == before


def test_receive_transfer_refuses_a_line_of_another_transfer():
    transfer, other = dispatched_transfer(), dispatched_transfer()
    before = all_rows()

    with pytest.raises(NotInTransit, match="A line is not one of this transfer"):
        receive_transfer(
            transfer_id=transfer.pk, received={other.lines.get().pk: 1}, key="R-1", at=AT
        )

    assert all_rows() == before


@pytest.mark.parametrize("units", [0, -1, MAX_UNITS])
def test_receive_transfer_refuses_units_that_cannot_arrive(units):
    transfer = dispatched_transfer(level := stock())
    before = all_rows()

    with pytest.raises(InvalidQuantity):
        receive(transfer, {level.variant_id: units})

    assert all_rows() == before


def test_receive_transfer_asks_what_arrived():
    transfer = dispatched_transfer()
    before = all_rows()

    with pytest.raises(InvalidQuantity, match="Say how many units of what arrived"):
        receive(transfer, {})

    assert all_rows() == before


def not_on_the_way(state):
    """Return a transfer of which nothing can arrive, and how that is said."""
    if state == "draft":
        return drafted_transfer(), "is draft: nothing can arrive"
    if state == "cancelled":
        transfer = drafted_transfer()
        cancel_transfer(transfer_id=transfer.pk, at=AT)
        return transfer, "is cancelled: nothing can arrive"
    transfer = dispatched_transfer()
    if state == "received":
        arrival(transfer, units=3)
        return transfer, "is received: nothing can arrive"
    close(transfer)
    return transfer, "is closed short: nothing can arrive"


@pytest.mark.parametrize("state", ["draft", "cancelled", "received", "closed"])
def test_receive_transfer_refuses_what_is_not_on_the_way(state):
    transfer, said = not_on_the_way(state)
    line = transfer.lines.get()
    before = all_rows()

    with pytest.raises(WrongStatus, match=said):
        receive_transfer(transfer_id=transfer.pk, received={line.pk: 1}, key="R-9", at=AT)

    assert all_rows() == before


def test_receive_transfer_takes_in_what_is_no_longer_dealt_in():
    goal = LocationFactory()
    transfer = dispatched_transfer(level := stock(), to_location=goal)
    give_up(level.variant)

    receive(transfer, {level.variant_id: 3})

    assert units_at(goal, level.variant_id) == 3


def test_receive_transfer_refuses_what_was_taken_off_the_location_in_transit():
    transfer = dispatched_transfer(level := stock())
    adjust_stock(
        location=transfer.transit,
        quantities={level.variant_id: -2},
        reference="ADJ-1",
        reason="Found broken on the way",
        at=AT,
    )
    before = all_rows()

    with pytest.raises(InsufficientStock):
        receive(transfer, {level.variant_id: 3})

    assert all_rows() == before


# Closing short


def test_close_transfer_writes_off_what_never_came():
    location, clerk = LocationFactory(), UserFactory()
    first, second, arrived = (stock(units=10, location=location) for _ in range(3))
    transfer = dispatched_transfer(first, second, arrived, units=3)
    receive(transfer, {first.variant_id: 1, arrived.variant_id: 3})

    close(transfer, reason=" Fell off the truck ", by=clerk)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.close_reason) == ("CLOSED_SHORT", "Fell off the truck")
    assert (transfer.closed_at, transfer.closed_by) == (AT, clerk)
    assert lines_of(transfer) == {
        first.variant_id: (3, 1, 2),
        second.variant_id: (3, 0, 3),
        arrived.variant_id: (3, 3, 0),
    }
    lost = StockMovement.objects.filter(kind="ADJUSTMENT").select_related("level")
    assert {(m.level.location, m.level.variant_id, m.quantity) for m in lost} == {
        (transfer.transit, first.variant_id, -2),
        (transfer.transit, second.variant_id, -3),
    }
    lines = dict(transfer.lines.values_list("variant_id", "pk"))
    for movement in lost:
        assert (movement.reference, movement.reason) == (transfer.number, "Fell off the truck")
        assert (movement.source_kind, movement.source_id) == ("TRANSFER", transfer.pk)
        assert movement.source_line_ids == [lines[movement.level.variant_id]]
        assert movement.moved_by == clerk
    assert not StockLevel.objects.filter(location=transfer.transit, on_hand__gt=0).exists()
    assert differences() == []


def test_close_transfer_gives_up_all_of_what_was_sent():
    transfer = dispatched_transfer(level := stock(), units=3)

    close(transfer)

    assert state_of(transfer) == "CLOSED_SHORT"
    assert lines_of(transfer) == {level.variant_id: (3, 0, 3)}


def test_close_transfer_twice_changes_nothing():
    transfer = dispatched_transfer()
    close(transfer)
    before = all_rows()

    assert close(transfer, reason="Stolen") == transfer
    assert all_rows() == before


@pytest.mark.parametrize("reason", ["", "  "])
def test_close_transfer_asks_for_a_reason(reason):
    transfer = dispatched_transfer()
    before = all_rows()

    with pytest.raises(ReasonMissing, match="Say what became of the goods"):
        close(transfer, reason=reason)

    assert all_rows() == before


@pytest.mark.parametrize("state", ["draft", "cancelled", "received"])
def test_close_transfer_refuses_what_is_not_on_the_way(state):
    transfer, _said = not_on_the_way(state)
    before = all_rows()

    with pytest.raises(WrongStatus, match="and cannot become closed short"):
        close(transfer)

    assert all_rows() == before


def test_close_transfer_refuses_what_was_taken_off_the_location_in_transit():
    transfer = dispatched_transfer(level := stock())
    sell_stock(location=transfer.transit, units={level.variant_id: 1}, reference="POS-1", at=AT)
    before = all_rows()

    with pytest.raises(InsufficientStock):
        close(transfer)

    assert all_rows() == before


# What it is worth


def test_goods_on_the_way_are_stock_of_the_company_and_keep_its_value():
    level = stock(units=3, value="10.00")
    before = list(CostMovement.objects.values_list())

    transfer = dispatched_transfer(level, units=2)
    assert (units_at(transfer.transit, level.variant_id), pool_of(level)) == (2, (3, 10))
    receive(transfer, {level.variant_id: 1})

    assert pool_of(level) == (3, Decimal("10.00"))
    assert list(CostMovement.objects.values_list()) == before


def test_closing_short_costs_what_was_lost_at_the_average_of_the_day():
    level = stock(units=3, value="10.00")
    transfer = dispatched_transfer(level, units=2)
    stock(units=1, value="2.00", variant=level.variant, location=level.location, reference="GR-2")
    receive(transfer, {level.variant_id: 1})

    close(transfer)

    [lost] = StockMovement.objects.filter(kind="ADJUSTMENT")
    assert pool_of(level) == (3, Decimal("9.00"))
    assert lost.cost_value == Decimal("-3.00")
    assert differences() == []


def test_the_last_units_on_the_way_take_what_is_left_of_the_value():
    level = stock(units=3, value="10.00")
    transfer = dispatched_transfer(level, units=3)

    close(transfer)

    assert pool_of(level) == (0, 0)
    assert differences() == []


# Closed books


@pytest.mark.parametrize("act", ["dispatch", "receive", "close"])
def test_nothing_moves_into_closed_books(act):
    transit_location()
    level = stock(at=STOCKED_AT - timedelta(days=30))
    early = STOCKED_AT - timedelta(days=20)
    transfer = drafted_transfer(level, at=early)
    if act != "dispatch":
        dispatch_transfer(transfer_id=transfer.pk, at=early)
    close_books(ends_at=STOCKED_AT)
    late = STOCKED_AT - timedelta(microseconds=1)
    before = all_rows()

    with pytest.raises(PeriodClosed, match="The books of stock are closed until"):
        {
            "dispatch": lambda: dispatch_transfer(transfer_id=transfer.pk, at=late),
            "receive": lambda: receive(transfer, {level.variant_id: 1}, at=late),
            "close": lambda: close(transfer, at=late),
        }[act]()

    assert all_rows() == before
