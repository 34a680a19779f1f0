"""What documents and snapshots claim, broken past every operation and found by its key."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection

from channels.models import Listing
from inventory.models import Allocation, TransferLine
from inventory.operations import (
    adjust_stock,
    close_transfer,
    create_transfer,
    dispatch_transfer,
    hand_over_reserved,
    open_count,
    post_count,
    receive_transfer,
    record_counts,
    release_allocation,
    ship_allocated,
)
from inventory.queries import differences
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_offers import offer
from tests.factories.inventory_periods import end_of_day
from tests.factories.inventory_promises import put_aside, withdraw
from tests.inventory.shared import everything

pytestmark = pytest.mark.django_db
LATER = STOCKED_AT + timedelta(hours=1)
TOMORROW = STOCKED_AT + timedelta(days=1)


def run(statement, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def found():
    return [(row.kind, row.key, row.expected, row.actual) for row in differences()]


def place_of(level):
    return f"{level.variant.sku} at {level.location.code}"


def on_the_road(units=4):
    """Send units of a new article off; return the transfer."""
    level = stock(units=10)
    LocationFactory(code="road", kind="TRANSIT", is_shipping=False)
    transfer = create_transfer(
        from_location=level.location,
        to_location=LocationFactory(),
        units={level.variant_id: units},
        key="T-1",
        at=STOCKED_AT,
    )
    return dispatch_transfer(transfer_id=transfer.pk, at=LATER)


def counted(figure):
    """Post a sheet that found so many of ten units; return its number and the level."""
    level = stock(units=10)
    count = open_count(
        location=level.location,
        variant_ids=[level.variant_id],
        key="C-1",
        at=STOCKED_AT,
    )
    line = count.lines.get()
    record_counts(count_id=count.pk, counted={line.pk: figure}, counted_at=LATER, at=LATER)
    return post_count(count_id=count.pk, at=LATER).count, level


def test_a_shipped_promise_and_its_movement_agree():
    allocation = promise(level=stock(units=6), units=4)
    ship_allocated(units={allocation.pk: 3}, reference="F-1", at=LATER)

    assert found() == []


def test_shipped_promises_are_held_against_what_left():
    allocation = promise(level=stock(units=6), units=4)
    ship_allocated(units={allocation.pk: 3}, reference="F-1", at=LATER)
    Allocation.objects.filter(pk=allocation.pk).update(shipped=2, released=1)

    assert found() == [("units shipped of promises", place_of(allocation.level), "3", "2")]


def test_goods_handed_over_are_held_against_what_was_put_aside():
    aside = put_aside(level=stock(units=6), units=4)
    hand_over_reserved(units={aside.pk: 3}, reference="SALE-1", at=LATER)
    agreed = found()
    Allocation.objects.filter(pk=aside.pk).update(shipped=2, released=1)

    assert agreed == []
    assert found() == [("units shipped of promises", place_of(aside.level), "3", "2")]


def test_a_shipped_promise_without_any_movement_is_found():
    allocation = promise(level=stock(units=6), units=4)
    release_allocation(units={allocation.pk: 4}, at=LATER)
    Allocation.objects.filter(pk=allocation.pk).update(shipped=4, released=0)

    assert found() == [("units shipped of promises", place_of(allocation.level), "0", "4")]


def test_no_more_is_taken_back_than_a_promise_released():
    withdrawn = withdraw()
    agreed = found()
    run("UPDATE inventory_withdrawnpromise SET units = 2")

    allocation = withdrawn.allocation
    assert agreed == []
    assert found() == [
        (
            "units taken back of a promise",
            f"{allocation.reference}: {place_of(allocation.level)}",
            "at most 1",
            "2",
        )
    ]


def test_goods_on_the_way_agree_with_their_transfers():
    transfer = on_the_road()
    line = transfer.lines.get()
    sent = found()
    receive_transfer(transfer_id=transfer.pk, received={line.pk: 3}, key="R-1", at=LATER)
    received_in_part = found()
    close_transfer(transfer_id=transfer.pk, reason="Lost", at=LATER)

    assert (sent, received_in_part, found()) == ([], [], [])


def test_a_line_that_claims_other_units_on_the_way_is_found():
    line = on_the_road().lines.get()
    TransferLine.objects.filter(pk=line.pk).update(received=1)

    assert found() == [("units on the way", f"{line.variant.sku} at road", "3", "4")]


def test_goods_on_the_way_without_a_transfer_are_found():
    road = LocationFactory(code="road", kind="TRANSIT", is_shipping=False)
    level = stock(units=2, location=road)

    assert found() == [("units on the way", f"{level.variant.sku} at road", "0", "2")]


def test_an_adjustment_on_the_road_is_a_difference_until_it_is_put_back():
    transfer = on_the_road()
    line = transfer.lines.get()

    def adjust(units):
        adjust_stock(
            location=transfer.transit,
            quantities={line.variant_id: units},
            reference=f"ADJ{units:+}",
            reason="Looked into the van",
            at=LATER,
        )

    adjust(-1)
    afterwards = found()
    adjust(1)

    assert afterwards == [("units on the way", f"{line.variant.sku} at road", "4", "3")]
    assert found() == []


@pytest.mark.parametrize("figure", [8, 10, 11])
def test_a_posted_sheet_and_its_movements_agree(figure):
    counted(figure)

    assert found() == []


def test_a_posted_line_without_its_movement_is_found():
    count, level = counted(10)
    count.lines.update(expected=12)

    key = f"{count.number}: {place_of(level)}"
    assert found() == [("units put right by a count", key, "-2", "0")]


def test_a_movement_that_no_posted_line_explains_is_found():
    count, level = counted(8)
    count.lines.update(level=stock(reference="GR-2"), expected=8)

    key = f"{count.number}: {place_of(level)}"
    assert found() == [("units put right by a count", key, "0", "-2")]


def test_a_posted_line_of_another_figure_than_its_movement_is_found():
    count, level = counted(8)
    count.lines.update(counted=7)

    key = f"{count.number}: {place_of(level)}"
    assert found() == [("units put right by a count", key, "-3", "-2")]


def test_the_newest_snapshot_agrees_with_the_ledgers():
    level = stock(units=6, value="10.00")
    end_of_day(ends_at=TOMORROW)
    promise(level=level)

    assert found() == []


def test_units_of_the_newest_snapshot_are_held_against_the_ledger():
    kept_otherwise, left_out = stock(units=6), stock(units=2, reference="GR-2")
    end_of_day(ends_at=TOMORROW)
    run(
        "UPDATE inventory_levelsnapshot SET on_hand = 7 WHERE level_id = %s",
        kept_otherwise.pk,
    )
    run("DELETE FROM inventory_levelsnapshot WHERE level_id = %s", left_out.pk)

    end = "before 2026-11-02 08:00 UTC"
    assert sorted(found()) == sorted(
        [
            ("units at the end of a day", f"{place_of(kept_otherwise)} {end}", "6", "7"),
            ("units at the end of a day", f"{place_of(left_out)} {end}", "2", "0"),
        ]
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [("value = 11", "6 units, 11.0000"), ("units = 7", "7 units, 10.0000")],
)
def test_value_of_the_newest_snapshot_is_held_against_the_ledger(change, said):
    level = stock(units=6, value="10.00")
    end_of_day(ends_at=TOMORROW)
    run(f"UPDATE inventory_poolsnapshot SET {change}")  # noqa: S608 - one of the two above

    key = f"{level.variant.sku} before 2026-11-02 08:00 UTC"
    assert found() == [("value at the end of a day", key, "6 units, 10.0000", said)]


def test_a_movement_slipped_in_behind_a_snapshot_is_found():
    level = stock(units=6, value="12.00")
    end_of_day(ends_at=TOMORROW)
    run(
        """
        INSERT INTO inventory_stockmovement
               (level_id, kind, quantity, cost_value, reference, reason, moved_at)
        VALUES (%s, 'SALE', -1, -2, 'S-1', '', %s)
        """,
        level.pk,
        LATER,
    )
    run(
        """
        INSERT INTO inventory_costmovement
               (pool_id, kind, units, value, expensed, units_before, reference, moved_at)
        SELECT id, 'ISSUE', -1, -2, 0, 6, 'S-1', %s FROM inventory_costpool
        """,
        LATER,
    )
    run("UPDATE inventory_stocklevel SET on_hand = 5")
    run("UPDATE inventory_costpool SET units = 5, value = 10")

    assert found() == [
        (
            "units at the end of a day",
            f"{place_of(level)} before 2026-11-02 08:00 UTC",
            "5",
            "6",
        ),
        (
            "value at the end of a day",
            f"{level.variant.sku} before 2026-11-02 08:00 UTC",
            "5 units, 10.0000",
            "6 units, 12.0000",
        ),
    ]


@pytest.mark.parametrize(("offered", "terms"), [(9, "10"), (0, "10")])
def test_an_offer_is_held_against_its_newest_terms(offered, terms):
    listing = offer().listing
    agreed = found()
    Listing.objects.filter(pk=listing.pk).update(offered_quantity=offered)

    assert agreed == []
    assert [(row[0], row[2], row[3]) for row in found()] == [
        ("offer without its terms", terms, str(offered))
    ]


@pytest.mark.django_db(transaction=True)
def test_check_integrity_names_what_documents_claim_and_changes_nothing(capsys):
    line = on_the_road().lines.get()
    end_of_day(ends_at=TOMORROW)
    call_command("check_integrity")
    TransferLine.objects.filter(pk=line.pk).update(received=1)
    before = everything()

    with pytest.raises(SystemExit) as stopped:
        call_command("check_integrity")

    answer = capsys.readouterr()
    assert stopped.value.code == 1
    assert f"units on the way: {line.variant.sku} at road should be 3 and is 4\n" in answer.out
    assert answer.err == "1 totals differ from their ledgers.\n"
    assert everything() == before
    assert TransferLine.objects.get().received == 1
