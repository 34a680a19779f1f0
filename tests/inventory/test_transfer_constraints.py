"""Each rule of the tables of transfers, broken past every operation."""

from datetime import UTC, datetime

import pytest

from inventory.models import Transfer, TransferLine, TransferReceipt
from inventory.operations import cancel_transfer
from tests.factories.inventory import STOCKED_AT, LocationFactory
from tests.factories.inventory_transfers import (
    arrival,
    dispatched_transfer,
    drafted_transfer,
    transfer_line,
)
from tests.inventory.test_constraints import refused, run

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def change(row, **columns):
    """Write columns of a row as no operation does."""
    type(row).objects.filter(pk=row.pk).update(**columns)


def test_a_transfer_goes_from_one_place_to_another():
    transfer = drafted_transfer()

    with refused("inventory_transfer_between_two_places"):
        change(transfer, to_location_id=transfer.from_location_id)


def test_a_key_makes_one_transfer():
    transfer = drafted_transfer()

    with refused("inventory_transfer_key"):
        Transfer.objects.create(
            from_location=LocationFactory(),
            to_location=LocationFactory(),
            key=transfer.key,
            created_at=AT,
        )


@pytest.mark.parametrize("column", ["from_location_id", "to_location_id", "transit_id"])
def test_a_transfer_is_between_places_that_exist(column):
    transfer = dispatched_transfer()

    with refused("foreign key"):
        change(transfer, **{column: 4711})


def test_a_number_is_made_by_the_database():
    transfer = drafted_transfer()

    with refused("can only be updated to DEFAULT"):
        run("UPDATE inventory_transfer SET number = 'TR-1' WHERE id = %s", transfer.pk)


@pytest.mark.parametrize("columns", [{"dispatched_at": None}, {"transit": None}])
def test_what_was_sent_has_a_time_and_a_place_in_transit(columns):
    transfer = dispatched_transfer()

    with refused("inventory_transfer_dispatched_has_a_time"):
        change(transfer, **columns)


def test_a_draft_was_not_sent():
    transfer = drafted_transfer()

    with refused("inventory_transfer_dispatched_has_a_time"):
        change(transfer, dispatched_at=AT)


@pytest.mark.parametrize("make", [drafted_transfer, dispatched_transfer])
def test_what_is_open_has_no_end(make):
    transfer = make()

    with refused("inventory_transfer_closed_has_a_time"):
        change(transfer, closed_at=AT)


def test_what_is_over_has_an_end():
    transfer = drafted_transfer()
    cancel_transfer(transfer_id=transfer.pk, at=AT)

    with refused("inventory_transfer_closed_has_a_time"):
        change(transfer, closed_at=None)


def test_what_is_closed_short_says_why():
    transfer = dispatched_transfer()

    with refused("inventory_transfer_closed_short_says_why"):
        change(transfer, status="CLOSED_SHORT", closed_at=AT)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("DRAFT", "PARTLY_RECEIVED"),
        ("DRAFT", "RECEIVED"),
        ("DRAFT", "CLOSED_SHORT"),
        ("DISPATCHED", "DRAFT"),
        ("DISPATCHED", "CANCELLED"),
        ("RECEIVED", "DISPATCHED"),
        ("RECEIVED", "PARTLY_RECEIVED"),
        ("RECEIVED", "CLOSED_SHORT"),
        ("CANCELLED", "DRAFT"),
    ],
)
def test_a_status_moves_only_forward(begin, end):
    transfer = drafted_transfer() if begin in {"DRAFT", "CANCELLED"} else dispatched_transfer()
    if begin == "RECEIVED":
        arrival(transfer, units=3)
    if begin == "CANCELLED":
        cancel_transfer(transfer_id=transfer.pk, at=AT)

    with refused(f'Invalid transition of field "status" from "{begin}" to "{end}"'):
        change(transfer, status=end)


def test_a_transfer_names_an_article_once():
    line = transfer_line()

    with refused("inventory_transferline_variant_once"):
        TransferLine.objects.create(transfer=line.transfer, variant=line.variant, quantity=1)


def test_a_line_is_of_an_article_and_a_transfer_there_are():
    line = transfer_line()

    for column in ("variant_id", "transfer_id"):
        with refused("foreign key"):
            change(line, **{column: 4711})


@pytest.mark.parametrize("quantity", [0, -1, 1_000_000_000])
def test_a_line_moves_at_least_one_unit(quantity):
    line = transfer_line()

    with refused("inventory_transferline_(quantity_positive|no_more_than_was_sent)"):
        change(line, quantity=quantity)


@pytest.mark.parametrize(
    "columns",
    [
        {"received": -1},
        {"lost": -1},
        {"received": 4},
        {"lost": 4},
        {"received": 2, "lost": 2},
        {"received": 4, "lost": -1},
        {"quantity": 2, "received": 3},
    ],
)
def test_no_more_arrives_or_is_lost_than_was_sent(columns):
    line = transfer_line()

    with refused("inventory_transferline_no_more_than_was_sent"):
        change(line, **columns)


def test_a_line_keeps_what_was_scanned_onto_it():
    line = transfer_line()

    with refused("addition_keys"):
        change(line, addition_keys=None)


def test_an_arrival_is_written_down_once():
    receipt = arrival()

    with refused("inventory_transferreceipt_once_per_key"):
        TransferReceipt.objects.create(transfer=receipt.transfer, key=receipt.key, received_at=AT)


@pytest.mark.parametrize("role", ["origin", "replica"])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE inventory_transferreceipt SET key = 'other'",
        "UPDATE inventory_transferreceipt SET id = id",
        "DELETE FROM inventory_transferreceipt",
        "TRUNCATE inventory_transferreceipt",
        "TRUNCATE inventory_transfer CASCADE",
    ],
)
def test_an_arrival_is_never_changed(role, statement):
    receipt = arrival()
    run(f"SET LOCAL session_replication_role = {role}")

    with refused("is append-only"):
        run(statement)

    assert TransferReceipt.objects.values_list("key", flat=True).get(pk=receipt.pk) == "R-1"


def test_deleting_a_transfer_does_not_reach_its_arrivals():
    receipt = arrival()

    with refused("foreign key"):
        run("DELETE FROM inventory_transferline WHERE transfer_id = %s", receipt.transfer_id)
        run("DELETE FROM inventory_transfer WHERE id = %s", receipt.transfer_id)


def test_an_article_or_place_of_a_transfer_is_kept():
    line = transfer_line()

    with refused("foreign key"):
        run("DELETE FROM inventory_location WHERE id = %s", line.transfer.to_location_id)


def test_what_became_of_a_transfer_is_kept():
    transfer = dispatched_transfer(at=STOCKED_AT)

    statuses = list(transfer.events.order_by("pgh_id").values_list("status", flat=True))

    assert statuses == ["DRAFT"]
