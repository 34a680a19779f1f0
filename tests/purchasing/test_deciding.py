"""Who may decide how much about a difference, and what each decision does to the bill."""

from datetime import date
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group

from purchasing import operations, queries
from purchasing.models import InvoiceStep, MatchException
from purchasing.operations import Decision
from retail.common.errors import WrongStatus
from tests.factories.catalog import ExchangeRateFactory
from tests.factories.common import NOON, UserFactory, person_in
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    MatchExceptionFactory,
    SupplierInvoiceFactory,
    bill,
    delivery,
    matched,
    matched_bill,
    printed,
)
from tests.factories.purchasing_matching import DecisionLimitFactory

pytestmark = pytest.mark.django_db

WAITING = ["CREDIT_ASKED", "ORDER_WRONG", "RECEIPT_WRONG", "DISPUTED"]


def decide(exception, decision="ACCEPTED", *, by, reason="They rang"):
    return operations.decide_exception(
        exception_id=exception.pk, decision=decision, reason=reason, at=NOON, by=by
    )


def on_hold(**values):
    """Return an open difference of a bill on hold: a buyer's, with 40 at stake."""
    stated = {"kind": "PRICE", "owner": "Buyer", "at_stake": Decimal("40.0000")}
    if "invoice" not in values:
        stated["invoice"] = SupplierInvoiceFactory(status="ON_HOLD")
    return MatchExceptionFactory(**(stated | values))


def limited(role, amount):
    DecisionLimitFactory(group=Group.objects.get(name=role), amount=amount)


def status_of(exception):
    exception.invoice.refresh_from_db()
    return exception.invoice.status


@pytest.mark.parametrize("decision", WAITING)
def test_decision_that_waits_keeps_the_bill_on_hold(decision):
    exception = on_hold()

    decided = decide(exception, decision, by=person_in("Buyer"))

    assert (decided.status, decided.is_blocking) == (decision, True)
    assert status_of(exception) == "ON_HOLD"
    assert queries.exceptions_to_decide().count() == 0


def test_accepting_the_last_difference_lets_the_bill_go_on():
    exception = on_hold()

    decide(exception, by=person_in("Buyer"))

    assert status_of(exception) == "MATCHED"


@pytest.mark.parametrize(
    ("decision", "due_on"), [("ACCEPTED", date(2026, 12, 1)), ("DISPUTED", date(2026, 12, 20))]
)
def test_accepting_earlier_payment_has_the_bill_paid_by_the_day_it_asks_for(decision, due_on):
    invoice = SupplierInvoiceFactory(
        status="ON_HOLD", due_on=date(2026, 12, 20), stated_due_on=date(2026, 12, 1)
    )

    decide(on_hold(invoice=invoice, kind="TERMS"), decision, by=person_in("Buyer"))

    invoice.refresh_from_db()
    assert invoice.due_on == due_on


@pytest.mark.parametrize(
    ("role", "owner"), [("Buyer", "Warehouse"), ("Warehouse", "Accountant"), ("Store", "Buyer")]
)
def test_difference_of_another_role_is_refused(role, owner):
    exception = on_hold(owner=owner)

    with pytest.raises(operations.NotYourDecision, match=f"for the {owner.lower()} to decide"):
        decide(exception, by=person_in(role))

    exception.refresh_from_db()
    assert (exception.status, status_of(exception)) == ("OPEN", "ON_HOLD")


@pytest.mark.parametrize("owner", MatchException.Owner.values)
def test_manager_decides_for_every_role(owner):
    assert decide(on_hold(owner=owner), by=person_in("Manager")).status == "ACCEPTED"


def test_person_of_two_roles_decides_for_both():
    person = person_in("Buyer")
    person.groups.add(Group.objects.get(name="Warehouse"))

    assert decide(on_hold(owner="Warehouse"), by=person).decided_by == person


def test_accepting_exactly_the_limit_is_allowed():
    limited("Buyer", 40)

    assert decide(on_hold(), by=person_in("Buyer")).status == "ACCEPTED"


def test_accepting_above_the_limit_is_refused_with_both_amounts():
    limited("Buyer", Decimal("39.99"))
    exception = on_hold()

    with pytest.raises(operations.OverLimit, match=r"costs 40.00 .*up to 39.99") as refused:
        decide(exception, by=person_in("Buyer"))

    exception.refresh_from_db()
    assert dict(refused.value.details) == {
        "exception": exception.pk,
        "limit": "39.9900",
        "amount": "40.0000",
    }
    assert (exception.status, InvoiceStep.objects.count()) == ("OPEN", 0)


@pytest.mark.parametrize("decision", WAITING)
def test_what_is_not_accepted_has_no_limit(decision):
    limited("Buyer", 1)

    assert decide(on_hold(), decision, by=person_in("Buyer")).status == decision


def test_highest_limit_of_a_persons_roles_counts():
    limited("Buyer", 10)
    limited("Warehouse", 50)
    person = person_in("Buyer")
    person.groups.add(Group.objects.get(name="Warehouse"), Group.objects.get(name="Support"))

    assert queries.decision_limit(person) == 50
    assert decide(on_hold(), by=person).status == "ACCEPTED"


def test_role_with_an_empty_amount_accepts_whatever_it_costs():
    limited("Buyer", 10)
    limited("Manager", None)
    person = person_in("Buyer")
    person.groups.add(Group.objects.get(name="Manager"))

    assert queries.decision_limit(person) is None


def test_nobody_is_limited_without_a_row_for_their_roles():
    limited("Warehouse", 10)

    assert queries.decision_limit(person_in("Buyer")) is None


def foreign_bill():
    """10 ordered at 2.50 dollars and received, 10 billed at 3.00."""
    order = sent_order(units=[10], unit_cost="2.50", supplier=SupplierFactory(currency="USD"))
    return order, printed(order.lines.get(), 10, "3.00")


def test_cost_without_an_exchange_rate_is_for_somebody_without_a_limit():
    limited("Buyer", 1000)
    exception = on_hold(
        invoice=SupplierInvoiceFactory(status="ON_HOLD", currency="USD"),
        at_stake=0,
        detail="What is at stake is not known: no exchange rate of USD on 2026-11-22.",
    )

    with pytest.raises(operations.UnknownStake):
        decide(exception, by=person_in("Buyer"))

    exception.refresh_from_db()
    assert exception.status == "OPEN"
    assert decide(exception, by=person_in("Manager")).status == "ACCEPTED"


def test_several_differences_are_decided_at_once():
    price, units = on_hold(), None
    units = MatchExceptionFactory(invoice=price.invoice, kind="QUANTITY", owner="Warehouse")
    manager = person_in("Manager")

    decided = operations.decide_exceptions(
        decisions=[
            Decision(price.pk, "ACCEPTED", "New prices"),
            Decision(units.pk, "ACCEPTED", "Two more came"),
        ],
        at=NOON,
        by=manager,
    )

    assert [row.status for row in decided] == ["ACCEPTED", "ACCEPTED"]
    assert status_of(price) == "MATCHED"
    assert list(InvoiceStep.objects.order_by("pk").values_list("kind", "done_by")) == [
        ("DECIDED", manager.pk),
        ("DECIDED", manager.pk),
        ("MATCHED", None),
    ]


def test_one_refusal_among_several_decides_nothing():
    price = on_hold()
    units = MatchExceptionFactory(invoice=price.invoice, kind="QUANTITY", owner="Warehouse")

    with pytest.raises(operations.NotYourDecision):
        operations.decide_exceptions(
            decisions=[
                Decision(price.pk, "ACCEPTED", "New prices"),
                Decision(units.pk, "ACCEPTED", "Two more came"),
            ],
            at=NOON,
            by=person_in("Buyer"),
        )

    assert set(MatchException.objects.values_list("status", flat=True)) == {"OPEN"}
    assert not InvoiceStep.objects.exists()


def test_number_of_queries_does_not_grow_with_the_decisions(django_assert_num_queries):
    manager = person_in("Manager")
    manager.has_perm("purchasing.decide_matchexception")

    for size in (1, 6):
        rows = [on_hold() for _ in range(size)]
        with django_assert_num_queries(15):
            operations.decide_exceptions(
                decisions=[Decision(row.pk, "ACCEPTED", "Agreed") for row in rows],
                at=NOON,
                by=manager,
            )


def test_decision_is_written_on_the_timeline_with_its_figures():
    exception = on_hold(expected=Decimal("2.50"), actual=Decimal("3.00"))

    decide(exception, by=person_in("Buyer"), reason="New price list")

    step = InvoiceStep.objects.get(kind="DECIDED")
    assert step.text == (
        "Unit price (expected 2.50, billed 3.00, 40.00 GBP at stake): accepted. New price list"
    )


def test_warning_does_not_block_until_somebody_asks_for_a_credit():
    invoice = SupplierInvoiceFactory(status="MATCHED")
    warning = MatchExceptionFactory(invoice=invoice, is_blocking=False, owner="Accountant")

    decide(warning, "CREDIT_ASKED", by=person_in("Accountant"))

    invoice.refresh_from_db()
    assert invoice.status == "ON_HOLD"


def test_nothing_is_decided_about_an_approved_bill():
    invoice = SupplierInvoiceFactory(status="APPROVED", approved_at=NOON, approved_by=UserFactory())
    warning = MatchExceptionFactory(invoice=invoice, is_blocking=False)

    with pytest.raises(WrongStatus):
        decide(warning, by=person_in("Manager"))

    warning.refresh_from_db()
    assert warning.status == "OPEN"


@pytest.mark.parametrize("decision", WAITING)
def test_difference_that_waits_is_opened_again(decision):
    exception = on_hold(detail="Line 3", subject="FREIGHT", tolerance={"exception_days": "5"})
    buyer = person_in("Buyer")
    decide(exception, decision, by=buyer)

    again = operations.reconsider_exception(exception_id=exception.pk, at=NOON, by=buyer)

    assert (again.status, again.owner, again.at_stake) == ("OPEN", "Buyer", 40)
    assert (again.subject, again.detail, again.due_on) == ("FREIGHT", "Line 3", date(2026, 11, 27))
    assert (status_of(exception), queries.exceptions_to_decide().get()) == ("ON_HOLD", again)
    assert InvoiceStep.objects.get(kind="RECONSIDERED").done_by == buyer
    with pytest.raises(WrongStatus):
        operations.reconsider_exception(exception_id=exception.pk, at=NOON, by=buyer)


def test_what_is_open_or_accepted_is_not_opened_again():
    open_one, accepted = on_hold(), on_hold()
    buyer = person_in("Buyer")
    decide(accepted, by=buyer)

    for row in (open_one, accepted):
        with pytest.raises(WrongStatus):
            operations.reconsider_exception(exception_id=row.pk, at=NOON, by=buyer)

    assert MatchException.objects.count() == 2


def test_difference_of_another_role_is_not_opened_again():
    exception = on_hold()
    decide(exception, "DISPUTED", by=person_in("Buyer"))

    with pytest.raises(operations.NotYourDecision):
        operations.reconsider_exception(
            exception_id=exception.pk, at=NOON, by=person_in("Warehouse")
        )

    assert MatchException.objects.count() == 1


def test_who_raised_the_assigned_order_does_not_decide_about_the_line():
    order = sent_order(units=[10])
    buyer = order.raised_by
    buyer.groups.add(Group.objects.get(name="Buyer"))
    delivery(order)
    invoice = bill(printed(order.lines.get(), 10, "3.00", order_number="", supplier_sku="?"))
    line = invoice.lines.get()
    line.assigned_line = order.lines.get()
    line.save(update_fields=["assigned_line"])
    exception = MatchExceptionFactory(
        invoice=invoice, invoice_line=line, kind="PRICE", owner="Buyer"
    )

    with pytest.raises(operations.OwnDocument):
        decide(exception, by=buyer)

    exception.refresh_from_db()
    assert exception.status == "OPEN"


def test_owner_due_day_and_cost_are_set_when_a_difference_is_found():
    order, line = foreign_bill()
    ExchangeRateFactory(currency="USD", rate=Decimal("0.8"), valid_on=date(2026, 11, 1))
    delivery(order)

    invoice = matched_bill(line, order=order)

    row = invoice.exceptions.get()
    assert (row.kind, row.owner, row.due_on) == ("PRICE", "Buyer", date(2026, 11, 25))


def test_second_matching_writes_no_step():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    invoice = matched_bill(printed(order.lines.get(), 10, "3.00"), order=order)
    before = list(InvoiceStep.objects.values_list("kind", "text"))

    matched(invoice)

    assert before[-1] == ("MATCHED", "On hold: Unit price, line 1.")
    assert list(InvoiceStep.objects.values_list("kind", "text")) == before
