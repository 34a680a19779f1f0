"""The scheduled tasks of buying: safe twice, safe late, safe beside themselves."""

import smtplib

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from purchasing import operations
from purchasing.tasks import match_waiting_invoices, send_purchase_orders
from purchasing.waking import wake_matching
from retail.common.models import TaskRun
from tests.factories.common import NOON
from tests.factories.purchasing import SupplierFactory, approved_order, sent_order
from tests.factories.purchasing_invoices import bill, delivery
from tests.races import race


class RefusingBackend(EmailBackend):
    """A mail server that knows none of the addresses."""

    def send_messages(self, messages):
        raise smtplib.SMTPRecipientsRefused({messages[0].to[0]: (550, b"unknown")})


class AbsentBackend(EmailBackend):
    """A mail server that is away."""

    def open(self):
        raise ConnectionRefusedError


def emailed(order):
    order.refresh_from_db()
    return order.email_started_at is not None, order.emailed_at is not None


@pytest.mark.django_db
def test_sent_orders_are_emailed_once():
    order = sent_order()
    approved_order()

    first, second = send_purchase_orders(), send_purchase_orders()

    assert (first, second) == ({"emailed": 1, "refused": 0}, {"emailed": 0, "refused": 0})
    [message] = mail.outbox
    assert (message.to, message.subject) == (
        [order.supplier.email],
        f"Purchase order {order.number}",
    )
    assert [attached.filename for attached in message.attachments] == [
        f"{order.number}-v1.pdf",
        f"{order.number}-v1.csv",
    ]
    assert emailed(order) == (True, True)


@pytest.mark.django_db
def test_order_for_a_supplier_without_address_is_not_emailed():
    order = sent_order(supplier=SupplierFactory(email=""))

    send_purchase_orders()

    assert (mail.outbox, emailed(order)) == ([], (False, False))


@pytest.mark.django_db
def test_refused_email_waits_for_a_person_and_stops_no_other(settings):
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    order, other = sent_order(), sent_order()

    counts = send_purchase_orders()

    assert counts == {"emailed": 0, "refused": 2}
    assert emailed(order) == emailed(other) == (True, False)


@pytest.mark.django_db
def test_absent_mail_server_leaves_no_order_in_doubt(settings):
    settings.EMAIL_BACKEND = f"{__name__}.AbsentBackend"
    order = sent_order()

    with pytest.raises(ConnectionRefusedError):
        send_purchase_orders()

    assert emailed(order) == (False, False)
    assert TaskRun.objects.get().status == "FAILED"


@pytest.mark.django_db
def test_email_that_left_is_not_sent_again_on_a_whim():
    order = sent_order()
    send_purchase_orders()

    with pytest.raises(operations.EmailNotInDoubt):
        operations.retry_email(order_id=order.pk)

    assert emailed(order) == (True, True)


@pytest.mark.django_db(transaction=True)
def test_two_workers_email_an_order_once():
    order = sent_order()

    outcomes = race(send_purchase_orders, send_purchase_orders)

    assert sorted(outcome["emailed"] for outcome in outcomes) == [0, 1]
    assert [message.to for message in mail.outbox] == [[order.supplier.email]]


@pytest.mark.django_db
def test_waiting_bill_is_matched_when_its_goods_have_come():
    order = sent_order()
    invoice = operations.match_invoice(invoice_id=bill(order=order).pk, at=NOON)
    before = invoice.status
    delivery(order)

    match_waiting_invoices()

    invoice.refresh_from_db()
    assert (before, invoice.status) == ("MATCHING", "MATCHED")


@pytest.mark.django_db
def test_goods_that_came_wake_matching(monkeypatch, django_capture_on_commit_callbacks):
    woken = []
    monkeypatch.setattr(match_waiting_invoices, "delay", lambda: woken.append("matching"))

    with django_capture_on_commit_callbacks(execute=True):
        wake_matching()

    assert woken == ["matching"]


@pytest.mark.django_db
def test_one_bill_that_cannot_be_matched_keeps_no_other_back(monkeypatch):
    order, other = sent_order(), sent_order()
    bills = [bill(order=order), bill(order=other)]
    match_one = operations.match_invoice

    def refuse_the_first(*, invoice_id, at):
        if invoice_id == bills[0].pk:
            raise operations.StillBeingMatched("Try again.")
        return match_one(invoice_id=invoice_id, at=at)

    def refuse_together(**_):
        raise operations.StillBeingMatched("Try again.")

    monkeypatch.setattr(operations, "match_invoices", refuse_together)
    monkeypatch.setattr(operations, "match_invoice", refuse_the_first)

    assert match_waiting_invoices() == {"matched": 1, "refused": 1}
