"""What comes of goods that were sent back: credits and replacements, in any order."""

from functools import partial

import pytest
from django.db import IntegrityError

from purchasing import operations
from purchasing.models import SupplierReturnLine
from purchasing.operations import ReturnedGoods
from purchasing.queries import incoming_units, replaced_units
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing_returns import (
    approved_return,
    credited,
    drafted_return,
    received_line,
    shipped_return,
)
from tests.purchasing.returned_goods import (
    all_is_proved,
    everything,
    held,
    order_line_of,
    order_of,
    pay_all,
    receive,
    ship,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def note(returned, units, *, number="CN-1"):
    line = returned.lines.get()
    return operations.note_credit(
        return_id=returned.pk, number=number, credited={line.pk: units}, at=NOON, by=None
    )


def settle(returned, note="", **values):
    return operations.settle_return(
        return_id=returned.pk, note=note, at=NOON, by=UserFactory(), **values
    )


def came_again(returned):
    [line] = returned.lines.select_related("receipt_line")
    return replaced_units([line]).get(line.pk)


def test_credit_is_kept_by_its_number_and_settles_when_everything_is_credited():
    returned, clerk = shipped_return(units=4), UserFactory()
    line = returned.lines.get()

    operations.note_credit(
        return_id=returned.pk, number=" CN-1 ", credited={line.pk: 3}, at=NOON, by=clerk
    )

    returned.refresh_from_db()
    assert returned.status == "SHIPPED"
    assert list(line.credits.values_list("number", "units", "noted_at", "noted_by")) == [
        ("CN-1", 3, NOON, clerk.pk)
    ]
    note(returned, 1, number="CN-2")
    returned.refresh_from_db()
    line.refresh_from_db()
    assert (returned.status, returned.ended_at, line.credited) == ("SETTLED", NOON, 4)
    assert all_is_proved()


def test_same_credit_note_counts_once():
    returned = shipped_return(units=4)
    note(returned, 4)
    before = everything()

    note(returned, 4)

    assert everything() == before


def test_same_credit_note_with_other_units_is_refused():
    returned = shipped_return(units=4)
    note(returned, 2)
    before = everything()

    with pytest.raises(operations.CreditNoteUsed):
        note(returned, 1)

    assert everything() == before


def test_credit_note_may_come_before_the_goods_leave():
    returned = approved_return(units=4)
    note(returned, 4)
    returned.refresh_from_db()
    assert returned.status == "APPROVED"

    ship(returned)

    returned.refresh_from_db()
    assert returned.status == "SETTLED"
    assert all_is_proved()


@pytest.mark.parametrize(
    "undo",
    [
        operations.redraft_return,
        partial(operations.cancel_supplier_return, reason="x", at=NOON, by=None),
    ],
)
def test_return_that_was_credited_goes_back(undo):
    returned = approved_return(units=4)
    note(returned, 1)
    before = everything()

    with pytest.raises(operations.AlreadyCredited):
        undo(return_id=returned.pk)

    assert everything() == before


def test_more_is_not_credited_than_went_back():
    returned = shipped_return(units=4)
    note(returned, 3)
    before = everything()

    with pytest.raises(operations.MoreThanAwaited, match="1 of line 1") as refusal:
        note(returned, 2, number="CN-2")

    assert list(refusal.value.details["awaited"].values()) == [1]
    assert everything() == before
    with pytest.raises(IntegrityError, match="settled_within_units"):
        returned.lines.update(credited=5)


@pytest.mark.parametrize(
    ("number", "units", "words"),
    [("", 1, "number"), ("CN-1", 0, "one unit"), ("CN-1", -1, "one unit"), ("CN-1", None, "empty")],
)
def test_credit_that_says_nothing_is_refused(number, units, words):
    returned = shipped_return(units=4)
    line = returned.lines.get()
    before = everything()

    with pytest.raises(operations.InvalidCredit, match=words):
        operations.note_credit(
            return_id=returned.pk,
            number=number,
            credited={} if units is None else {line.pk: units},
            at=NOON,
            by=None,
        )

    assert everything() == before


def test_credit_of_another_return_is_refused():
    returned, other = shipped_return(), shipped_return()
    before = everything()

    with pytest.raises(operations.InvalidCredit, match="is not on"):
        operations.note_credit(
            return_id=returned.pk,
            number="CN-1",
            credited={other.lines.get().pk: 1},
            at=NOON,
            by=None,
        )

    assert everything() == before


def test_draft_is_not_credited():
    returned = drafted_return()
    before = everything()

    with pytest.raises(WrongStatus):
        note(returned, 1)

    assert everything() == before


def test_no_credit_is_noted_for_held_goods():
    line = received_line()
    goods = ReturnedGoods(held_goods_id=held(line).pk, units=1)
    returned = approved_return(goods, supplier=line.receipt.supplier)
    before = everything()

    with pytest.raises(operations.InvalidCredit, match="never ours"):
        note(returned, 1)

    assert everything() == before


def test_credit_note_is_never_changed():
    noted = credited()

    with pytest.raises(IntegrityError, match="append-only"):
        execute("UPDATE purchasing_supplierreturncredit SET units = 2 WHERE id = %s", [noted.pk])


def test_replacement_opens_the_closed_order_again():
    line = received_line(units=10)
    assert pay_all(line).status == "CLOSED"

    returned = shipped_return(line=line, units=4, expects="REPLACEMENT")

    order, order_line = order_of(line), order_line_of(line)
    assert (order.status, order.closed_at, order.receipt_status) == ("SENT", None, "PARTIAL")
    assert (order_line.returned, order_line.to_replace, order_line.expected) == (0, 4, 4)
    assert [one.units for one in incoming_units(variant_ids=[order_line.variant_id])] == [4]
    assert came_again(returned) == 0
    assert all_is_proved()


def test_replacement_that_came_is_counted_by_the_receipts_and_settles():
    line = received_line(units=10)
    pay_all(line)
    returned = shipped_return(line=line, units=4, expects="REPLACEMENT")

    receive(line, 3)
    assert came_again(returned) == 3
    receive(line, 1, key="replacement-2")
    assert came_again(returned) == 4
    settle(returned)

    returned.refresh_from_db()
    assert (returned.status, returned.lines.get().replaced) == ("SETTLED", 4)
    order = order_of(line)
    assert (order.status, order.receipt_status, order.invoice_status) == (
        "CLOSED",
        "COMPLETE",
        "COMPLETE",
    )
    assert order_line_of(line).expected == 0
    assert all_is_proved()


def test_what_came_again_goes_to_the_oldest_return_first():
    line = received_line(units=10)
    first = shipped_return(line=line, units=3, expects="REPLACEMENT")
    second = shipped_return(line=line, units=2, expects="REPLACEMENT")
    receive(line, 4)
    assert (came_again(first), came_again(second)) == (3, 1)

    settle(first)

    assert (came_again(first), came_again(second)) == (3, 1)
    receive(line, 1, key="replacement-2")
    assert came_again(second) == 2
    settle(second)
    assert all_is_proved()


def test_replacement_that_is_sent_back_again_is_replaced_again():
    line = received_line(units=10)
    first = shipped_return(line=line, units=2, expects="REPLACEMENT")
    again = receive(line, 2).lines.get()
    settle(first)

    second = shipped_return(line=again, units=2, expects="REPLACEMENT")

    assert (came_again(second), order_line_of(line).expected) == (0, 2)
    receive(line, 2, key="replacement-2")
    assert came_again(second) == 2
    assert all_is_proved()


def test_replacement_that_never_comes_is_given_up_with_a_reason():
    line = received_line(units=10)
    pay_all(line)
    returned = shipped_return(line=line, units=4, expects="REPLACEMENT")
    receive(line, 1)
    before = everything()
    with pytest.raises(operations.MissingReason, match="3 units are still awaited"):
        settle(returned)
    assert everything() == before

    settle(returned, "Out of production")

    returned.refresh_from_db()
    assert (returned.end_note, returned.lines.get().replaced) == ("Out of production", 1)
    order_line = order_line_of(line)
    assert (order_line.to_replace, order_line.returned, order_line.expected) == (1, 0, 0)
    assert order_of(line).status == "CLOSED"
    assert all_is_proved()


def test_replacement_may_be_credited_instead():
    line = received_line(units=10)
    returned = shipped_return(line=line, units=4, expects="REPLACEMENT")
    receive(line, 1)

    note(returned, 3)

    order_line = order_line_of(line)
    assert (order_line.to_replace, order_line.returned, order_line.expected) == (1, 3, 0)
    returned.refresh_from_db()
    assert returned.status == "SHIPPED"
    settle(returned)
    assert all_is_proved()


def test_what_came_again_is_not_credited_as_well():
    line = received_line(units=10)
    returned = shipped_return(line=line, units=4, expects="REPLACEMENT")
    receive(line, 3)
    before = everything()

    with pytest.raises(operations.MoreThanAwaited):
        note(returned, 2)

    assert everything() == before


def test_replacement_credited_before_it_left_is_not_expected():
    line = received_line(units=10)
    returned = approved_return(line=line, units=4, expects="REPLACEMENT")
    note(returned, 1)

    ship(returned)

    order_line = order_line_of(line)
    assert (order_line.to_replace, order_line.returned, order_line.expected) == (3, 1, 3)
    assert all_is_proved()


def test_no_more_is_settled_as_replaced_than_receipts_took_in():
    line = received_line(units=10)
    returned = shipped_return(line=line, units=4, expects="REPLACEMENT")
    receive(line, 1)
    row = returned.lines.get()
    before = everything()

    with pytest.raises(operations.MoreThanAwaited, match="post the receipt first"):
        settle(returned, "x", replaced={row.pk: 2})

    assert everything() == before
    settle(returned, "The one was an order of its own", replaced={row.pk: 0})
    assert SupplierReturnLine.objects.get(pk=row.pk).replaced == 0
    assert all_is_proved()


def test_credit_that_never_comes_is_given_up_with_a_reason():
    returned = shipped_return(units=4)
    note(returned, 1)
    before = everything()
    with pytest.raises(operations.MissingReason):
        settle(returned, "  ")
    assert everything() == before

    settle(returned, "Refused by the supplier")

    returned.refresh_from_db()
    assert (returned.status, returned.end_note) == ("SETTLED", "Refused by the supplier")
    assert all_is_proved()


@pytest.mark.parametrize("make", [drafted_return, approved_return])
def test_what_was_not_sent_is_not_settled(make):
    returned = make()
    before = everything()

    with pytest.raises(WrongStatus):
        settle(returned, "x")

    assert everything() == before


def test_settled_return_is_not_settled_again():
    returned = shipped_return()
    settle(returned, "x")
    before = everything()

    with pytest.raises(WrongStatus):
        settle(returned, "y")

    assert everything() == before
