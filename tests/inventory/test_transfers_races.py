"""Transfers beside each other and beside buyers: goods leave once and arrive once."""

from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from unittest import mock

import pytest
from django.db import IntegrityError, models
from django.db.models import QuerySet

from inventory.models import (
    StockLevel,
    StockLevelQuerySet,
    StockMovement,
    Transfer,
    TransferLine,
    TransferReceipt,
)
from inventory.models.transfers import TransferQuerySet
from inventory.operations import (
    InsufficientStock,
    LinesChanged,
    NotInTransit,
    add_to_transfer,
    allocate_stock,
    close_transfer,
    create_transfer,
    dispatch_transfer,
    posting,
    promises,
    receive_transfer,
    transfer_drafts,
    transfers,
)
from inventory.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.inventory import LocationFactory, stock
from tests.factories.inventory_transfers import (
    dispatched_transfer,
    drafted_transfer,
    transit_location,
)
from tests.inventory.shared import figures, pool_of
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def kinds(outcomes):
    return Counter(type(outcome) for outcome in outcomes)


def departure(transfer, **said):
    return partial(dispatch_transfer, transfer_id=transfer.pk, at=AT, **said)


def arrival_of(transfer, units=1, key="R-1"):
    lines = transfer.lines.values_list("pk", flat=True)
    return partial(
        receive_transfer,
        transfer_id=transfer.pk,
        received=dict.fromkeys(lines, units),
        key=key,
        at=AT,
    )


def giving_up(transfer):
    return partial(close_transfer, transfer_id=transfer.pk, reason="Stolen", at=AT)


def scan_onto(transfer, variant_id, key):
    return partial(add_to_transfer, transfer_id=transfer.pk, units={variant_id: 1}, key=key)


def claim(level, reference="SO-1", units=1):
    return partial(
        allocate_stock,
        location=level.location,
        units={level.variant_id: units},
        reference=reference,
        at=AT,
    )


def units_at(location, level):
    found = StockLevel.objects.filter(location=location, variant=level.variant_id)
    return sum(found.values_list("on_hand", flat=True))


@contextmanager
def without_locks():
    """Turn every lock of these operations into a mere reading."""
    with (
        mock.patch.object(StockLevelQuerySet, "for_update", QuerySet.all),
        mock.patch.object(TransferQuerySet, "for_update", QuerySet.all),
        mock.patch.object(models.QuerySet, "select_for_update", lambda rows, **_: rows),
    ):
        yield


def test_a_transfer_sent_many_times_at_once_leaves_once():
    transit_location()
    transfer = drafted_transfer(level := stock(units=9), units=3)

    outcomes = race(*[departure(transfer)] * 6)

    assert outcomes == [transfer] * 6
    assert figures(level) == (6, 0)
    assert StockMovement.objects.filter(kind="TRANSFER").count() == 2
    assert differences() == []


def test_the_race_of_two_departures_is_real_once_the_locks_are_gone():
    """Control: both find a draft and units that are free, so only the constraint is left."""
    transit_location()
    transfer = drafted_transfer(level := stock(units=9), units=3)
    for place in (transfer.from_location, transit_location()):
        StockLevel.objects.get_or_create(location=place, variant=level.variant)

    with without_locks(), both_read_before_either_writes((transfers, "post_transfer")):
        outcomes = race(departure(transfer), departure(transfer))

    assert kinds(outcomes) == {Transfer: 1, IntegrityError: 1}
    assert "inventory_stockmovement_reference_once_per_level_and_kind" in refusal_among(outcomes)


def test_a_receipt_posted_many_times_at_once_is_posted_once():
    transfer = dispatched_transfer(level := stock(units=9), units=5)

    outcomes = race(*[arrival_of(transfer, units=2)] * 8)

    receipt = TransferReceipt.objects.get()
    assert outcomes == [receipt] * 8
    assert TransferLine.objects.get().received == 2
    assert units_at(transfer.to_location, level) == 2
    assert differences() == []


def test_the_race_of_one_receipt_is_real_once_the_locks_are_gone():
    """Control: neither finds the other's receipt, so only the constraint is left."""
    transfer = dispatched_transfer(stock(units=9), units=5)

    with without_locks(), both_read_before_either_writes((transfers, "_arriving")):
        outcomes = race(arrival_of(transfer), arrival_of(transfer))

    assert kinds(outcomes) == {TransferReceipt: 1, IntegrityError: 1}
    assert "inventory_transferreceipt_once_per_key" in refusal_among(outcomes)


def test_the_last_units_on_the_way_arrive_once():
    transfer = dispatched_transfer(level := stock(units=3), units=3)

    outcomes = race(
        arrival_of(transfer, units=2, key="R-1"), arrival_of(transfer, units=2, key="R-2")
    )

    assert kinds(outcomes) == {TransferReceipt: 1, NotInTransit: 1}
    assert units_at(transfer.to_location, level) == 2
    assert units_at(transfer.transit, level) == 1
    assert differences() == []


def test_the_race_for_the_last_units_on_the_way_is_real_once_the_locks_are_gone():
    """Control: both find all units on the way, so only the constraint is left."""
    transfer = dispatched_transfer(level := stock(units=3), units=3)
    StockLevel.objects.create(location=transfer.to_location, variant=level.variant)

    with without_locks(), both_read_before_either_writes((transfers, "post_transfer")):
        outcomes = race(
            arrival_of(transfer, units=2, key="R-1"), arrival_of(transfer, units=2, key="R-2")
        )

    assert kinds(outcomes) == {TransferReceipt: 1, IntegrityError: 1}
    assert "inventory_stocklevel_" in refusal_among(outcomes)


def test_many_parts_of_one_transfer_arrive_at_once_and_end_it():
    transfer = dispatched_transfer(level := stock(units=6), units=6)

    outcomes = race(*(arrival_of(transfer, key=f"R-{n}") for n in range(8)))

    assert kinds(outcomes)[TransferReceipt] == 6
    assert kinds(outcomes)[WrongStatus] == 2
    assert Transfer.objects.get().status == "RECEIVED"
    assert units_at(transfer.to_location, level) == 6
    assert differences() == []


def test_what_arrives_is_not_written_off():
    transfer = dispatched_transfer(level := stock(units=3, value="9.00"), units=3)

    arrived, closed = race(arrival_of(transfer, units=3), giving_up(transfer))

    # Whoever is second finds the transfer finished.
    assert isinstance(arrived, WrongStatus) != isinstance(closed, WrongStatus)
    left = 3 if isinstance(arrived, TransferReceipt) else 0
    assert units_at(transfer.to_location, level) == left
    assert pool_of(level) == (left, 3 * left)
    assert differences() == []


def test_a_transfer_given_up_twice_at_once_is_written_off_once():
    transfer = dispatched_transfer(level := stock(units=5, value="10.00"), units=3)

    outcomes = race(*[giving_up(transfer)] * 4)

    assert outcomes == [transfer] * 4
    assert pool_of(level) == (2, 4)
    assert differences() == []


def test_the_last_unit_is_sent_away_or_promised_and_never_both():
    transit_location()
    transfer = drafted_transfer(level := stock(units=1), units=1)

    sent, claimed = race(departure(transfer), claim(level))

    is_sent = isinstance(sent, Transfer)
    assert isinstance(claimed, InsufficientStock) == is_sent
    assert isinstance(sent, InsufficientStock) != is_sent
    assert figures(level) == ((0, 0) if is_sent else (1, 1))
    assert differences() == []


def test_the_race_of_departure_and_promise_is_real_once_the_locks_are_gone():
    """Control: both find the unit free, so only the constraint is left."""
    transit = transit_location()
    transfer = drafted_transfer(level := stock(units=1), units=1)
    StockLevel.objects.create(location=transit, variant=level.variant)
    places = [(promises, "write_promises"), (posting, "add_to_levels")]

    with without_locks(), both_read_before_either_writes(*places):
        outcomes = race(departure(transfer), claim(level))

    assert "allocated_within_on_hand" in refusal_among(outcomes)


def test_twenty_transfers_of_the_last_unit_send_one():
    transit_location()
    level = stock(units=1)
    drafts = [drafted_transfer(level, units=1) for _ in range(20)]

    outcomes = race(*(departure(draft) for draft in drafts))

    assert kinds(outcomes) == {Transfer: 1, InsufficientStock: 19}
    assert figures(level) == (0, 0)
    assert differences() == []


def test_transfers_in_opposite_directions_do_not_deadlock():
    transit_location()
    here, there = LocationFactory(), LocationFactory()
    first = [stock(units=9, location=here) for _ in range(4)]
    for level in first:
        stock(units=9, location=there, variant=level.variant, reference="GR-2")
    second = list(StockLevel.objects.filter(location=there).order_by("-pk"))
    drafts = [
        *(drafted_transfer(*first, units=1, to_location=there) for _ in range(3)),
        *(drafted_transfer(*second, units=1, to_location=here) for _ in range(3)),
    ]

    outcomes = race(*(departure(draft) for draft in drafts))
    assert kinds(outcomes) == {Transfer: 6}
    outcomes = race(*(arrival_of(draft) for draft in outcomes))

    assert kinds(outcomes) == {TransferReceipt: 6}
    assert {figures(level) for level in [*first, *second]} == {(9, 0)}
    assert differences() == []


def test_transfers_to_places_that_never_had_the_goods_do_not_deadlock():
    transit_location()
    here, there = LocationFactory(), LocationFactory()
    levels = [stock(units=9, location=here) for _ in range(4)]
    drafts = [
        drafted_transfer(*(levels if n % 2 else levels[::-1]), units=1, to_location=there)
        for n in range(6)
    ]

    outcomes = race(*(departure(draft) for draft in drafts))
    outcomes = race(*(arrival_of(draft) for draft in outcomes))

    assert kinds(outcomes) == {TransferReceipt: 6}
    assert [units_at(there, level) for level in levels] == [6] * 4
    assert differences() == []


def test_scans_at_once_all_count():
    transfer = drafted_transfer(level := stock(), units=1)

    outcomes = race(*(scan_onto(transfer, level.variant_id, f"A-{n}") for n in range(8)))

    assert outcomes == [transfer] * 8
    assert TransferLine.objects.get().quantity == 9


def test_one_scan_sent_many_times_at_once_counts_once():
    transfer = drafted_transfer(level := stock(), units=1)

    race(*[scan_onto(transfer, level.variant_id, "A-1")] * 6)

    assert TransferLine.objects.get().quantity == 2


def test_the_race_of_scans_is_real_once_the_locks_are_gone():
    """Control: both add to the same figure, so one of the scans is lost."""
    transfer = drafted_transfer(level := stock(), units=1)

    with without_locks(), both_read_before_either_writes((transfer_drafts, "_write_lines")):
        race(*(scan_onto(transfer, level.variant_id, key) for key in ("A-1", "A-2")))

    assert TransferLine.objects.get().quantity == 2


def test_a_scan_beside_the_departure_travels_or_is_refused():
    transit_location()
    transfer = drafted_transfer(level := stock(units=9), units=1)

    sent, scanned = race(
        departure(transfer, seen={level.variant_id: 1}),
        scan_onto(transfer, level.variant_id, "A-1"),
    )

    # What was not seen on the transfer does not leave with it.
    assert isinstance(sent, LinesChanged) != isinstance(scanned, WrongStatus)
    assert figures(level) == ((9, 0) if isinstance(sent, LinesChanged) else (8, 0))


def test_a_transfer_drafted_many_times_at_once_is_drafted_once():
    level, goal = stock(), LocationFactory()
    draft = partial(
        create_transfer,
        from_location=level.location,
        to_location=goal,
        units={level.variant_id: 3},
        key="T-1",
        at=AT,
    )

    outcomes = race(*[draft] * 6)

    assert outcomes == [Transfer.objects.get()] * 6
    assert TransferLine.objects.get().quantity == 3
