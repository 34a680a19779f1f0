from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from purchasing import operations, queries
from purchasing.models import MatchException, TolerancePolicy
from purchasing.operations.findings import limits_for
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory, person_in
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    MatchExceptionFactory,
    TolerancePolicyFactory,
    bill,
    delivery,
    matched,
    matched_bill,
    printed,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def decide(exception, decision="ACCEPTED", *, reason="Agreed on the phone", by=None):
    return operations.decide_exception(
        exception_id=exception.pk,
        decision=decision,
        reason=reason,
        at=NOON,
        by=by or person_in("Manager"),
    )


def bill_with_two_exceptions():
    """10 ordered at 2.50 and received; 12 billed at 3.00."""
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    return matched_bill(printed(order.lines.get(), 12, "3.00"), order=order)


def test_bill_goes_on_once_a_second_person_accepted_every_exception():
    invoice = bill_with_two_exceptions()
    price, quantity = invoice.exceptions.order_by("kind")
    manager = person_in("Manager")

    decide(price, reason=" New price list ", by=manager)
    invoice.refresh_from_db()
    assert invoice.status == "ON_HOLD"
    decide(quantity, by=manager)

    invoice.refresh_from_db()
    price.refresh_from_db()
    assert (price.kind, quantity.kind) == ("PRICE", "QUANTITY")
    assert invoice.status == "MATCHED"
    assert (price.status, price.reason) == ("ACCEPTED", "New price list")
    assert (price.decided_at, price.decided_by) == (NOON, manager)


def test_decision_of_who_raised_the_order_is_refused():
    invoice = bill_with_two_exceptions()
    exception = invoice.exceptions.first()
    raiser = invoice.lines.get().matches.first().order_line.order.raised_by

    with pytest.raises(operations.OwnDocument):
        decide(exception, by=raiser)

    exception.refresh_from_db()
    assert (exception.status, exception.decided_by) == ("OPEN", None)


def test_decision_of_who_entered_the_bill_is_refused():
    invoice = bill_with_two_exceptions()

    with pytest.raises(operations.OwnDocument):
        decide(invoice.exceptions.first(), by=invoice.captured_by)

    assert not invoice.exceptions.exclude(status="OPEN").exists()


def test_decision_about_the_document_is_refused_to_who_raised_one_of_its_orders():
    order = sent_order()
    delivery(order)
    invoice = matched_bill(order=order, total=Decimal(99))

    with pytest.raises(operations.OwnDocument):
        decide(invoice.exceptions.get(), by=order.raised_by)


def test_second_decision_is_refused_and_the_first_stands():
    exception = bill_with_two_exceptions().exceptions.first()
    first = person_in("Manager")
    decide(exception, by=first)

    with pytest.raises(operations.AlreadyDecided):
        decide(exception, "DISPUTED")

    exception.refresh_from_db()
    assert (exception.status, exception.decided_by) == ("ACCEPTED", first)


@pytest.mark.parametrize(
    ("decision", "reason", "refusal"),
    [
        ("ACCEPTED", "  ", operations.MissingReason),
        ("RESOLVED", "Because", operations.UnknownDecision),
        ("maybe", "Because", operations.UnknownDecision),
    ],
)
def test_decision_without_reason_or_of_another_kind_is_refused(decision, reason, refusal):
    exception = bill_with_two_exceptions().exceptions.first()

    with pytest.raises(refusal):
        decide(exception, decision, reason=reason)

    exception.refresh_from_db()
    assert exception.status == "OPEN"


def test_accepted_difference_is_not_raised_again_unless_it_grows():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order, [8])
    line = order.lines.get()
    invoice = matched_bill(printed(line, 12, "2.50"), order=order)
    decide(invoice.exceptions.get(kind="QUANTITY"))
    matched(invoice)
    assert not invoice.exceptions.filter(kind="QUANTITY", status="OPEN").exists()

    operations.close_short(order_id=order.pk, reason="Sold out", at=NOON, by=None)
    matched(invoice)

    grown = invoice.exceptions.get(kind="QUANTITY", status="OPEN")
    assert (grown.expected, grown.actual) == (8, 12)


def test_disputed_difference_keeps_the_bill_on_hold_until_a_credit_note_makes_up_for_it():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    line = order.lines.get()
    invoice = matched_bill(printed(line, 12, "2.50"), order=order)
    decide(invoice.exceptions.get(), "DISPUTED")
    assert matched(invoice).status == "ON_HOLD"
    assert invoice.exceptions.count() == 1

    matched_bill(printed(line, 2, "2.50"), order=order, kind="CREDIT_NOTE")

    invoice.refresh_from_db()
    assert invoice.status == "MATCHED"
    assert list(invoice.exceptions.order_by("pk").values_list("status", flat=True)) == [
        "DISPUTED",
        "RESOLVED",
    ]


def test_disputed_difference_can_be_reconsidered_and_accepted():
    invoice = bill_with_two_exceptions()
    price, quantity = invoice.exceptions.order_by("kind")
    decide(price, "DISPUTED")
    decide(quantity)

    again = operations.reconsider_exception(exception_id=price.pk, at=NOON, by=person_in("Manager"))
    decide(again)

    invoice.refresh_from_db()
    assert invoice.status == "MATCHED"
    assert list(invoice.exceptions.filter(kind="PRICE").values_list("status", flat=True)) == [
        "DISPUTED",
        "ACCEPTED",
    ]
    with pytest.raises(WrongStatus):
        operations.reconsider_exception(exception_id=price.pk, at=NOON, by=person_in("Manager"))


def test_exception_that_no_longer_holds_is_resolved():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    invoice = matched_bill(printed(order.lines.get(), 10, "2.60"), order=order)
    TolerancePolicyFactory(supplier=order.supplier, unit_price_percent=5)

    invoice = matched(invoice)

    exception = invoice.exceptions.get()
    assert invoice.status == "MATCHED"
    assert (exception.status, exception.decided_by) == ("RESOLVED", None)


def test_decision_before_matching_leaves_the_bill_captured():
    invoice = bill(total=Decimal(99))

    decide(invoice.exceptions.get())

    invoice.refresh_from_db()
    assert invoice.status == "CAPTURED"


def test_suppliers_policy_goes_before_the_companys():
    supplier = SupplierFactory()
    assert limits_for(supplier.pk).policy == "none"
    TolerancePolicyFactory(supplier=None, unit_price_percent=3)
    assert limits_for(supplier.pk).unit_price_percent == 3
    TolerancePolicyFactory(supplier=supplier, unit_price_percent=1)

    assert limits_for(supplier.pk).policy == "supplier"
    assert limits_for(supplier.pk).unit_price_percent == 1


def test_queue_leaves_out_goods_that_are_on_their_way():
    order = sent_order(units=[10])
    matched_bill(order=order)
    on_hold = bill_with_two_exceptions()

    assert {exception.invoice for exception in queries.exceptions_to_decide()} == {on_hold}


BROKEN_EXCEPTIONS = {
    "purchasing_matchexception_one_open_per_kind": {},
    "purchasing_matchexception_decision_is_complete": {"status": "ACCEPTED", "decided_at": NOON},
}


@pytest.mark.parametrize(("constraint", "values"), BROKEN_EXCEPTIONS.items())
def test_database_refuses_an_exception_that(constraint, values):
    first = MatchExceptionFactory()

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        MatchExceptionFactory(invoice=first.invoice, **values)


def test_database_refuses_an_exception_over_no_number():
    MatchExceptionFactory()

    with pytest.raises(IntegrityError, match="purchasing_matchexception_amounts_are_numbers"):
        execute("UPDATE purchasing_matchexception SET actual = 'NaN'")


def test_database_refuses_a_decision_of_who_raised_the_order():
    buyer = UserFactory()

    with (
        pytest.raises(IntegrityError, match="purchasing_matchexception_decided_by_someone_else"),
        transaction.atomic(),
    ):
        MatchExceptionFactory(
            order_raised_by=buyer, status="ACCEPTED", decided_by=buyer, decided_at=NOON, reason="!"
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE purchasing_matchexception SET status = 'DISPUTED'",
        "UPDATE purchasing_matchexception SET reason = 'Another'",
        "DELETE FROM purchasing_matchexception",
        "TRUNCATE purchasing_matchexception",
        "SET LOCAL session_replication_role = replica; DELETE FROM purchasing_matchexception",
    ],
)
def test_database_keeps_a_decision_as_it_was_made(statement):
    exception = decide(bill_with_two_exceptions().exceptions.first())
    MatchException.objects.filter(status="OPEN").update(status="RESOLVED", decided_at=NOON)
    before = list(MatchException.objects.order_by("pk").values())

    with pytest.raises(IntegrityError):
        execute(statement)

    assert list(MatchException.objects.order_by("pk").values()) == before
    assert exception.status == "ACCEPTED"


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("purchasing_tolerancepolicy_not_negative", {"unit_price_percent": -1}),
        ("purchasing_tolerancepolicy_not_negative", {"total_amount": Decimal(-1)}),
        ("purchasing_tolerancepolicy_one_for_each", {"supplier": None}),
    ],
)
def test_database_refuses_a_tolerance_policy_that(constraint, values):
    TolerancePolicyFactory(supplier=None)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        TolerancePolicyFactory(**values)

    assert TolerancePolicy.objects.count() == 1
