"""Credit notes that answer for goods which were sent back settle the returns by themselves."""

from datetime import timedelta
from functools import partial

import pytest

from purchasing import operations, queries
from purchasing.models import SupplierReturnCredit
from purchasing.tasks import note_credits_of_returns
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing_invoices import bill, matched, matched_bill, printed
from tests.factories.purchasing_returns import approved_return, received_line, shipped_return
from tests.purchasing.returned_goods import order_line_of, order_of, pay_all
from tests.races import race

ONE_NOTED = {"noted": 1, "refused": 0}
NOTHING = {"noted": 0, "refused": 0}


def credit_note(line, units, *, number="CN-1", is_approved=True, at=NOON, **values):
    """Capture and match a credit note over units of a receipt line, and approve it."""
    invoice = matched_bill(
        printed(order_line_of(line), units, str(line.unit_cost), **values),
        order=order_of(line),
        kind="CREDIT_NOTE",
        number=number,
    )
    if is_approved:
        operations.approve_invoice(invoice_id=invoice.pk, at=at, by=UserFactory())
    return invoice


def noted():
    rows = SupplierReturnCredit.objects.order_by("pk")
    return list(rows.values_list("line__supplier_return", "number", "units"))


@pytest.mark.django_db
def test_return_is_settled_by_its_credit_note_once():
    line = received_line(units=10)
    pay_all(line)
    returned = shipped_return(line=line, units=2)
    assert order_of(line).invoice_status == "OVER"
    credit_note(line, 2)

    first, second = note_credits_of_returns(), note_credits_of_returns()

    returned.refresh_from_db()
    assert (first, second) == (ONE_NOTED, NOTHING)
    assert noted() == [(returned.pk, "CN-1", 2)]
    assert returned.status == "SETTLED"


@pytest.mark.django_db
def test_order_is_no_longer_billed_over_once_the_credit_note_is_matched():
    line = received_line(units=10)
    pay_all(line)
    shipped_return(line=line, units=2)

    invoice = credit_note(line, 2, is_approved=False)

    assert invoice.status == "MATCHED"
    assert (order_of(line).status, order_of(line).invoice_status) == ("CLOSED", "COMPLETE")
    assert queries.differences() == []


@pytest.mark.django_db
def test_credit_note_that_is_not_approved_yet_is_not_noted():
    line = received_line(units=10)
    pay_all(line)
    shipped_return(line=line, units=2)
    credit_note(line, 2, is_approved=False)

    assert note_credits_of_returns() == NOTHING


@pytest.mark.django_db
def test_credit_note_over_a_part_leaves_the_rest_awaited():
    line = received_line(units=10)
    pay_all(line)
    returned = shipped_return(line=line, units=4)
    credit_note(line, 1)
    note_credits_of_returns()
    returned.refresh_from_db()
    assert returned.status == "SHIPPED"

    credit_note(line, 3, number="CN-2")
    note_credits_of_returns()

    returned.refresh_from_db()
    assert returned.status == "SETTLED"
    assert noted() == [(returned.pk, "CN-1", 1), (returned.pk, "CN-2", 3)]


@pytest.mark.django_db
def test_one_credit_note_settles_several_returns_the_oldest_first():
    line = received_line(units=10)
    pay_all(line)
    older, younger = shipped_return(line=line, units=2), shipped_return(line=line, units=3)
    credit_note(line, 4)

    note_credits_of_returns()

    assert noted() == [(older.pk, "CN-1", 2), (younger.pk, "CN-1", 2)]


@pytest.mark.django_db
def test_what_a_person_noted_before_is_not_noted_again():
    line = received_line(units=10)
    pay_all(line)
    returned = shipped_return(line=line, units=4)
    operations.note_credit(
        return_id=returned.pk,
        number="cn 01",
        credited={returned.lines.get().pk: 2},
        at=NOON,
        by=UserFactory(),
    )
    credit_note(line, 2, number="CN-01")

    assert note_credits_of_returns() == NOTHING


@pytest.mark.django_db
@pytest.mark.parametrize("case", ["replacement", "raised later"])
def test_credit_note_says_nothing_of_other_returns(case):
    line = received_line(units=10)
    pay_all(line)
    if case == "replacement":
        shipped_return(line=line, units=2, expects="REPLACEMENT")
        credit_note(line, 2)
    else:
        credit_note(line, 2, at=NOON - timedelta(days=1))
        shipped_return(line=line, units=2)

    assert note_credits_of_returns() == NOTHING


@pytest.mark.django_db
def test_credit_comes_before_the_goods_leave():
    line = received_line(units=10)
    pay_all(line)
    returned = approved_return(line=line, units=2)
    credit_note(line, 2)

    note_credits_of_returns()

    assert noted() == [(returned.pk, "CN-1", 2)]
    settled = operations.ship_return(return_id=returned.pk, at=NOON, by=UserFactory())
    assert settled.status == "SETTLED"


@pytest.mark.django_db
def test_queries_do_not_grow_with_the_returns(django_assert_num_queries):
    for _ in range(3):
        line = received_line(units=10)
        pay_all(line)
        shipped_return(line=line, units=2)
        credit_note(line, 2, number=f"CN-{line.pk}")
        with django_assert_num_queries(3):
            queries.credits_to_note()


@pytest.mark.django_db(transaction=True)
def test_two_workers_note_a_credit_once():
    line = received_line(units=10)
    matched(bill(printed(order_line_of(line), 10, line.unit_cost), order=order_of(line)))
    returned = shipped_return(line=line, units=2)
    credit_note(line, 2)

    outcomes = race(*[partial(note_credits_of_returns)] * 2)

    assert all(isinstance(outcome, dict) for outcome in outcomes)
    assert noted() == [(returned.pk, "CN-1", 2)]
