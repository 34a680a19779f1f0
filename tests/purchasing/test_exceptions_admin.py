"""The list of what does not agree, its acts, and the limits and policies behind it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.contrib.messages import get_messages
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone

from purchasing import operations, queries
from purchasing.models import DecisionLimit
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, person_in
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    MatchExceptionFactory,
    SupplierInvoiceFactory,
    SupplierInvoiceLineFactory,
    TolerancePolicyFactory,
    approved_bill,
    delivery,
    exported_batch,
    matched_bill,
    printed,
)
from tests.factories.purchasing_matching import DecisionLimitFactory, InvoiceStepFactory
from tests.people import browser_of
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db

LIST = reverse("admin:purchasing_matchexception_changelist")


def on_hold(**values):
    line = SupplierInvoiceLineFactory(invoice=SupplierInvoiceFactory(status="ON_HOLD"))
    stated = {"kind": "PRICE", "owner": "Buyer", "at_stake": Decimal(40)}
    return MatchExceptionFactory(invoice=line.invoice, invoice_line=line, **(stated | values))


def act_url(exception, name):
    return reverse("admin:purchasing_matchexception_act", args=[exception.pk, name])


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


@pytest.mark.parametrize("rows", [1, 3])
def test_list_shows_whose_it_is_how_old_and_what_it_costs(rows, django_assert_num_queries):
    for _ in range(rows):
        on_hold(
            raised_at=timezone.now() - timedelta(days=5), due_on=timezone.localdate(), subject="X"
        )
    browser = browser_of(person_in("Buyer"))
    browser.get(LIST)

    with django_assert_num_queries(6):
        page = browser.get(LIST)

    assert page.text.count("5 days") == rows
    assert "Unit price X, line" in page.text
    assert "40.00" in page.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, 2),
        ({"owner__exact": "Warehouse"}, 1),
        ({"is_blocking__exact": "0"}, 1),
        ({"age": "7"}, 1),
        ({"age": "nonsense"}, 2),
    ],
)
def test_list_is_filtered(query, found):
    on_hold(raised_at=timezone.now())
    on_hold(owner="Warehouse", is_blocking=False, raised_at=timezone.now() - timedelta(days=9))

    page = browser_of(person_in("Buyer")).get(LIST, query)

    assert page.context["cl"].result_count == found


@pytest.mark.parametrize(
    "decision", ["ACCEPTED", "CREDIT_ASKED", "ORDER_WRONG", "RECEIPT_WRONG", "DISPUTED"]
)
def test_each_decision_is_offered_with_its_consequence_and_taken(decision):
    exception = on_hold(detail="Per piece.", expected=Decimal("2.50"), actual=Decimal("3.00"))
    browser = browser_of(person_in("Buyer"))

    page = browser.get(act_url(exception, "decide"))
    browser.post(act_url(exception, "decide"), {"key": "k", "decision": decision, "reason": "Why"})

    exception.refresh_from_db()
    assert "Accepting it costs 40.00 GBP." in page.text
    assert "Per piece." in page.text
    assert "payment waits until the order was amended" in page.text
    assert f'value="{decision}"' in page.text
    assert exception.status == decision


def test_refused_decision_is_told_on_the_form_with_both_amounts():
    DecisionLimitFactory(group=Group.objects.get(name="Buyer"), amount=10)
    exception = on_hold()

    answer = browser_of(person_in("Buyer")).post(
        act_url(exception, "decide"), {"key": "k", "decision": "ACCEPTED", "reason": "Cheap"}
    )

    exception.refresh_from_db()
    assert said(answer) == ["Accepting this costs 40.00 GBP; you may accept up to 10.00 GBP."]
    assert 'value="Cheap"' in answer.text
    assert exception.status == "OPEN"


def test_decision_that_waits_is_opened_again_once():
    exception = on_hold()
    browser = browser_of(person_in("Buyer"))
    form = {"key": "k", "decision": "ORDER_WRONG", "reason": "Old price"}
    browser.post(act_url(exception, "decide"), form)

    for _ in range(2):
        browser.post(act_url(exception, "reconsider"), {"key": "k"})

    statuses = exception.invoice.exceptions.order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["ORDER_WRONG", "OPEN"]


def test_nobody_without_the_permission_decides():
    exception = on_hold()

    answer = browser_of(person_in("Auditor")).post(
        act_url(exception, "decide"), {"key": "k", "decision": "ACCEPTED", "reason": "Why"}
    )

    assert answer.status_code == 403


def test_manager_sets_limits_as_a_form():
    group = Group.objects.get(name="Buyer")
    browser = browser_of(person_in("Manager"))

    browser.post(
        reverse("admin:purchasing_decisionlimit_add"), {"group": group.pk, "amount": "250"}
    )
    DecisionLimitFactory(group=Group.objects.get(name="Manager"), amount=None)

    page = browser.get(reverse("admin:purchasing_decisionlimit_changelist"))
    assert DecisionLimit.objects.get(group=group).amount == 250
    assert "250.00 GBP" in page.text
    assert "Whatever it costs" in page.text


@pytest.mark.parametrize("amount", ["-1", "NaN"])
def test_database_refuses_a_limit_below_zero_or_of_no_number(amount):
    limit = DecisionLimitFactory(amount=10)

    with pytest.raises(IntegrityError, match="purchasing_decisionlimit_not_negative"):
        execute("UPDATE purchasing_decisionlimit SET amount = %s", [amount])

    limit.refresh_from_db()
    assert limit.amount == 10


def test_policies_say_what_they_hold_for():
    supplier, article = SupplierFactory(name="Acme"), VariantFactory(sku="A-1")
    TolerancePolicyFactory(supplier=None)
    TolerancePolicyFactory(supplier=supplier)
    TolerancePolicyFactory(supplier=None, variant=article)
    TolerancePolicyFactory(supplier=supplier, variant=article)
    browser = browser_of(person_in("Manager"))

    page = browser.get(reverse("admin:purchasing_tolerancepolicy_changelist"))

    assert "Whatever has no policy of its own" in page.text
    assert "A-1 of any supplier" in page.text
    assert f"A-1 of {supplier}" in page.text
    assert page.context["cl"].result_count == 4


def test_what_waits_is_counted_by_role_and_age():
    on_hold(raised_at=NOON, due_on=NOON.date())
    on_hold(raised_at=NOON - timedelta(days=8), due_on=NOON.date() - timedelta(days=1))
    on_hold(raised_at=NOON - timedelta(days=40), owner="Accountant", at_stake=1)
    on_hold(is_blocking=False)

    buyer, accountant = queries.exceptions_by_owner(at=NOON)

    assert (buyer.owner, buyer.count, buyer.overdue, buyer.at_stake) == ("Buyer", 2, 1, 80)
    assert (buyer.up_to_week, buyer.up_to_month, buyer.older) == (1, 1, 0)
    assert (accountant.older, accountant.oldest_at) == (1, NOON - timedelta(days=40))
    assert queries.exceptions_to_decide("Accountant").count() == 1


def test_timeline_tells_a_bill_from_its_capture_to_its_payment():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    invoice = matched_bill(printed(order.lines.get(), 10, "3.00"), order=order)
    manager = person_in("Manager", first_name="Mira", last_name="Long")
    operations.decide_exception(
        exception_id=invoice.exceptions.get().pk,
        decision="ACCEPTED",
        reason="New prices",
        at=NOON,
        by=manager,
    )
    operations.approve_invoice(invoice_id=invoice.pk, at=NOON, by=manager)
    exported_batch(invoice)
    operations.record_payment(invoice_id=invoice.pk, paid_on=NOON.date(), at=NOON, by=manager)

    steps = queries.invoice_timeline(invoice.pk)

    assert [step.kind for step in steps] == [
        *("CAPTURED", "MATCHED", "DECIDED", "MATCHED", "APPROVED", "EXPORTED", "PAID")
    ]
    assert [step.done_by for step in steps[1:4]] == ["", "Mira Long", ""]
    assert steps[1].text == "On hold: Unit price, line 1."
    assert "New prices" in steps[2].text


def test_timeline_is_one_query(django_assert_num_queries):
    invoice = approved_bill()
    InvoiceStepFactory(invoice=invoice)

    with django_assert_num_queries(1):
        steps = queries.invoice_timeline(invoice.pk)

    assert (steps[-1].label, steps[-1].text) == ("Note", "They called.")
