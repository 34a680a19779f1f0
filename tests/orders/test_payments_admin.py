"""Payments and refunds in the admin: recorded, granted, approved and paid by who may."""

import re
from decimal import Decimal

import pytest
from django.urls import reverse

from channels.models import Channel
from orders.models import Payment, PaymentRule, Refund, RefundLine
from orders.queries import differences
from tests.factories.channels import ChannelFactory
from tests.factories.orders import open_order
from tests.factories.orders_payments import (
    connected_order,
    grant,
    refund_at,
    refund_to_approve,
)
from tests.orders.books import books
from tests.people import browser_of, confirm, person_who_may, superuser

pytestmark = pytest.mark.django_db

REFUNDS = reverse("admin:orders_refund_changelist")


@pytest.fixture
def browser():
    return browser_of(superuser())


def act_url(row, name) -> str:
    model = type(row).__name__.lower()
    return reverse(f"admin:orders_{model}_act", args=[row.pk, name])


def act_on(browser, row, name, **data) -> list[str]:
    """Send the form of an act and confirm its plan; return what the page says then."""
    response = confirm(browser, act_url(row, name), {"key": "form-1", **data})
    if response.status_code == 302:
        response = browser.get(response.url)
    row.refresh_from_db()
    return [str(message) for message in response.context["messages"]]


def buttons(browser, row) -> set[str]:
    model = type(row).__name__.lower()
    page = browser.get(reverse(f"admin:orders_{model}_change", args=[row.pk])).content.decode()
    return set(re.findall(rf"/orders/{model}/{row.pk}/act/([a-z-]+)/", page))


PAYMENT = {
    "kind": "CHARGED", "amount": "20.00", "method": "TRANSFER", "transaction": "bank-1",
    "reference": "statement 7",
}  # fmt: skip


def test_payment_is_recorded_on_the_page_of_the_order(browser):
    order = open_order(is_paid=False, payment_method="bank")
    form = browser.get(act_url(order, "payment")).content.decode()

    said = act_on(browser, order, "payment", **PAYMENT)

    assert re.search(r'name="amount"[^>]*value="20.00', form)
    assert said == [f"20.00 GBP of {order} is written down as charged."]
    assert (order.payment_status, Payment.objects.get().external_id) == ("PAID", "bank-1")
    assert differences() == []


def test_form_of_a_payment_sent_twice_counts_once(browser):
    order = open_order(is_paid=False)
    act_on(browser, order, "payment", **PAYMENT)

    act_on(browser, order, "payment", **PAYMENT)

    assert Payment.objects.get().charged == 20


def test_payment_that_is_refused_changes_nothing(browser):
    order = open_order(is_paid=False)
    before = books()

    said = confirm(
        browser, act_url(order, "payment"), {"key": "f", **PAYMENT, "method": "CASH"}
    ).content.decode()  # fmt: skip

    assert "Say which till took the cash." in said
    assert books() == before


def test_refund_is_granted_for_pieces_at_what_was_paid(browser):
    order = connected_order(quantity=2, total=Decimal("19.00"), discount_total=Decimal("1.00"))
    line = order.lines.get()

    said = act_on(browser, order, "refund", reason="Torn", **{f"pieces_{line.pk}": "1"})

    refund = Refund.objects.get()
    assert said == [f"{refund} over 9.50 GBP is granted and may be paid out."]
    assert RefundLine.objects.values("line", "quantity", "amount").get() == {
        "line": line.pk, "quantity": 1, "amount": Decimal("9.50"),
    }  # fmt: skip


def test_refund_of_another_amount_is_granted_as_given(browser):
    order = connected_order()

    act_on(browser, order, "refund", reason="Late", amount="3.00")

    assert (Refund.objects.get().amount, RefundLine.objects.count()) == (3, 0)


def test_plan_of_a_refund_says_what_it_is_for_and_who_decides(browser):
    order = connected_order(quantity=20, units=50)
    line = order.lines.get()

    page = browser.post(
        act_url(order, "refund"), {"key": "f", "reason": "Torn", f"pieces_{line.pk}": "15"}
    ).content.decode()  # fmt: skip

    assert f"150.00 GBP is granted for {order}." in page
    assert f"15 of {line}: 150.00." in page
    assert "Above 100.00 GBP somebody else approves it." in page
    assert Refund.objects.count() == 0


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"amount": "20.01"}, "20.00 GBP of what was paid for"),
        ({}, "Give an amount, or pieces that something was paid for."),
    ],
)
def test_refund_that_is_refused_says_why(browser, data, words):
    order = connected_order()

    page = confirm(
        browser, act_url(order, "refund"), {"key": "f", "reason": "Late", **data}
    ).content.decode()  # fmt: skip

    assert words in page
    assert Refund.objects.count() == 0


def test_order_shows_its_payments_and_refunds(browser):
    refund = grant()

    page = browser.get(
        reverse("admin:orders_order_change", args=[refund.order_id])
    ).content.decode()  # fmt: skip

    assert f"order-{refund.order_id}" in page
    assert refund.number in page


def test_refund_is_approved_by_another_and_paid(browser):
    refund = refund_to_approve()
    granter = browser_of(refund.granted_by)
    refund.granted_by.is_superuser = True
    refund.granted_by.save()

    refused = granter.post(act_url(refund, "approve"), {"key": "f"}).content.decode()
    assert "Somebody else has to approve what you granted." in refused
    act_on(browser, refund, "approve")
    assert refund.status == "GRANTED"
    act_on(browser, refund, "pay", route="BANK_TRANSFER")

    assert (refund.status, refund.route) == ("SETTLED", "BANK_TRANSFER")
    assert differences() == []


def test_refund_is_declined_and_cancelled_with_a_reason(browser):
    declined, cancelled = refund_to_approve(), grant()

    act_on(browser, declined, "decline", note="Not ours.")
    act_on(browser, cancelled, "cancel", note="By mistake.")

    assert (declined.status, cancelled.status) == ("DECLINED", "CANCELLED")


def test_cash_is_paid_by_who_may_pay_cash():
    refund = grant()
    without = browser_of(person_who_may("orders.view_refund", "orders.execute_refund"))
    cashier = browser_of(person_who_may("orders.view_refund", "orders.pay_cash_refund"))

    assert without.post(act_url(refund, "cash"), {"register": "1"}).status_code == 403
    by_the_other_form = without.post(act_url(refund, "pay"), {"key": "f", "route": "CASH"})
    refund.refresh_from_db()
    assert (by_the_other_form.status_code, refund.status) == (200, "GRANTED")

    said = act_on(cashier, refund, "cash", register="Till 2")

    assert said == ["Hand over 5.00 GBP from till Till 2."]
    assert (refund.status, refund.route) == ("SETTLED", "CASH")


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("AWAITING_APPROVAL", {"approve", "decline", "cancel"}),
        ("GRANTED", {"pay", "cash", "cancel"}),
        ("SENT", set()),
        ("SETTLED", set()),
    ],
)
def test_acts_follow_the_status(browser, status, offered):
    assert buttons(browser, refund_at(status)) == offered


@pytest.mark.parametrize("name", ["payment", "refund"])
def test_acts_on_money_need_their_permission(name):
    order = connected_order()
    reader = browser_of(person_who_may("orders.view_order"))

    assert buttons(reader, order) == set()
    assert reader.get(act_url(order, name)).status_code == 403


@pytest.mark.parametrize("name", ["approve", "decline", "pay", "cash", "cancel"])
def test_acts_on_refunds_need_their_permission(name):
    refund = refund_to_approve()
    reader = browser_of(person_who_may("orders.view_refund"))

    assert reader.get(act_url(refund, name)).status_code == 403


def test_queues_of_refunds_show_what_waits(browser):
    waiting, granted, failed = refund_to_approve(), grant(), refund_at("SENT")
    refund_at("SETTLED")
    failed.status, failed.error = "FAILED", "Refused."
    failed.save()

    def found(queue):
        return set(browser.get(REFUNDS, {"queue": queue}).context["cl"].result_list)

    assert (found("approve"), found("pay"), found("failed")) == ({waiting}, {granted}, {failed})
    assert "Refused." in browser.get(act_url(failed, "pay")).content.decode()


def test_rule_is_written_down_in_a_form(browser):
    channel = ChannelFactory(mode=Channel.Mode.FULL)

    browser.post(
        reverse("admin:orders_paymentrule_add"),
        {
            "channel": channel.pk, "method": "bank", "promises": "NOTHING", "releases": "PAID",
            "unpaid_hours": "48",
        },
    )  # fmt: skip
    again = browser.post(
        reverse("admin:orders_paymentrule_add"),
        {"channel": channel.pk, "method": "bank", "promises": "PAID", "releases": "PAID"},
    ).content.decode()

    assert PaymentRule.objects.get().unpaid_hours == 48
    assert "There is a rule for this channel and method already." in again


def test_lists_of_money_are_read_over_the_api(browser):
    refund = refund_at("SETTLED")

    payments = browser.get("/api/v1/payments/", {"order": refund.order_id}).json()["results"]
    refunds = browser.get("/api/v1/refunds/", {"status": "SETTLED"}).json()["results"]

    assert [event["kind"] for event in payments[0]["events"]] == ["CHARGED", "REFUNDED"]
    assert (refunds[0]["number"], refunds[0]["amount"]) == (refund.number, "5.0000")
