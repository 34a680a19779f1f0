"""The e-mail that says what waits for whose decision."""

import smtplib
import socketserver
from datetime import timedelta
from decimal import Decimal
from threading import Thread
from unittest import mock

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from purchasing.models import MatchException
from purchasing.tasks import mail_exception_digest
from retail.common.models import TaskRun
from tests.factories.common import NOON, person_in
from tests.factories.purchasing import SupplierFactory
from tests.factories.purchasing_invoices import MatchExceptionFactory, SupplierInvoiceFactory
from tests.races import race

NOTHING = {"emailed": 0, "refused": 0}
ONE = {"emailed": 1, "refused": 0}


class AbsentBackend(EmailBackend):
    """A mail server that is away."""

    def open(self):
        raise ConnectionRefusedError


class RefusingBackend(EmailBackend):
    """A mail server that knows none of the addresses."""

    def send_messages(self, messages):
        raise smtplib.SMTPRecipientsRefused({messages[0].to[0]: (550, b"unknown")})


def waiting(owner="Buyer", **values):
    """Return an open difference that blocks a bill on hold."""
    invoice = SupplierInvoiceFactory(status="ON_HOLD", supplier=SupplierFactory(name="Acme & Co"))
    today = timezone.localdate()
    stated = {"kind": "PRICE", "owner": owner, "due_on": today, "raised_at": timezone.now()}
    return MatchExceptionFactory(invoice=invoice, **(stated | values))


def buyer(**values):
    return person_in("Buyer", **({"email": "bea@shop.example", "first_name": "Bea"} | values))


@pytest.mark.django_db
def test_digest_says_what_waits_and_where(settings):
    settings.RETAIL_URL = "https://office.example/"
    buyer()
    today = timezone.localdate()
    late = waiting(
        due_on=today - timedelta(days=2),
        raised_at=timezone.now() - timedelta(days=5),
        at_stake=Decimal(40),
        expected=Decimal("2.50"),
        actual=Decimal("3.00"),
    )
    waiting(kind="CHARGE", subject="FREIGHT")

    assert mail_exception_digest() == ONE

    [message] = mail.outbox
    assert message.to == ["bea@shop.example"]
    assert message.subject == "2 differences wait for your decision, 1 overdue"
    assert message.content_subtype == "plain"
    assert message.attachments == []
    body = message.body
    assert body.startswith("Good morning, Bea,\n\n2 differences on suppliers' bills wait")
    assert "(Buyer).\nThe oldest was found on" in body
    assert "5 days ago.\nOverdue: 1." in body
    assert f"{late.invoice.number}, Acme & Co {late.invoice.supplier_number}" in body
    assert "Unit price: expected 2.50, billed 3.00; 40.00 GBP at stake" in body
    address = f"https://office.example/purchasing/supplierinvoice/{late.invoice_id}/desk/"
    assert address in body
    assert body.index("Unit price") < body.index("Charge FREIGHT")
    assert "supplierinvoice/desk/?role=Buyer" in body


@pytest.mark.django_db
def test_mail_without_an_address_of_ours_names_the_documents_only(settings):
    settings.RETAIL_URL = ""
    buyer()
    row = waiting()

    mail_exception_digest()

    assert row.invoice.number in mail.outbox[0].body
    assert "http" not in mail.outbox[0].body


@pytest.mark.django_db
def test_second_run_of_the_day_sends_nothing_and_tomorrow_says_it_again():
    buyer()
    waiting()
    assert mail_exception_digest() == ONE

    assert mail_exception_digest() == NOTHING
    tomorrow = timezone.now() + timedelta(days=1)
    with mock.patch.object(timezone, "now", return_value=tomorrow):
        assert mail_exception_digest() == ONE

    assert len(mail.outbox) == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [
        {"is_blocking": False},
        {"owner": "Warehouse"},
        {"status": "RESOLVED", "decided_at": NOON},
    ],
)
def test_nobody_is_told_when_nothing_waits_for_them(values):
    buyer()
    waiting(**values)

    assert mail_exception_digest() == NOTHING
    assert mail.outbox == []


@pytest.mark.django_db
def test_goods_on_their_way_are_nobodys_to_decide():
    person_in("Warehouse", email="wim@shop.example")
    invoice = SupplierInvoiceFactory(status="MATCHING")
    MatchExceptionFactory(invoice=invoice, kind="NOT_RECEIVED", owner="Warehouse")

    assert mail_exception_digest() == NOTHING


@pytest.mark.django_db
@pytest.mark.parametrize("values", [{"email": ""}, {"is_active": False}])
def test_people_without_address_or_who_left_are_not_mailed(values):
    buyer(**values)
    waiting()

    assert mail_exception_digest() == NOTHING


@pytest.mark.django_db
def test_person_of_two_roles_gets_one_mail_with_both():
    person = buyer()
    person.groups.add(Group.objects.get(name="Accountant"), Group.objects.get(name="Store"))
    waiting()
    waiting("Accountant")
    waiting("Warehouse")

    assert mail_exception_digest() == ONE

    assert mail.outbox[0].subject == "2 differences wait for your decision"
    assert "(Accountant and Buyer)" in mail.outbox[0].body


@pytest.mark.django_db
def test_only_ten_are_listed():
    buyer()
    for _ in range(12):
        waiting()

    mail_exception_digest()

    assert mail.outbox[0].body.count("Unit price") == 10
    assert "And 2 more." in mail.outbox[0].body


@pytest.mark.django_db
def test_mail_server_that_is_away_loses_nothing(settings):
    buyer()
    waiting()
    settings.EMAIL_BACKEND = f"{__name__}.AbsentBackend"
    with pytest.raises(ConnectionRefusedError):
        mail_exception_digest()
    assert not TaskRun.objects.exclude(slot="").exists()

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    assert mail_exception_digest() == ONE


@pytest.mark.django_db
def test_mail_that_was_refused_is_tried_by_the_next_run(settings):
    buyer()
    waiting()
    settings.EMAIL_BACKEND = f"{__name__}.RefusingBackend"
    assert mail_exception_digest() == {"emailed": 0, "refused": 1}
    run = TaskRun.objects.exclude(slot="").get()
    assert (run.status, run.error[:21]) == ("FAILED", "SMTPRecipientsRefused")

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    assert mail_exception_digest() == ONE
    run.refresh_from_db()
    assert (run.status, run.summary, run.error) == ("DONE", {"differences": 1}, "")


@pytest.mark.django_db
def test_mail_whose_worker_died_is_not_sent_twice():
    person = buyer()
    waiting()
    TaskRun.objects.create(
        name="purchasing.mail_exception_digest",
        slot=f"{timezone.localdate()}/{person.pk}",
        started_at=timezone.now(),
    )

    assert mail_exception_digest() == NOTHING


@pytest.mark.django_db
def test_queries_do_not_grow_with_the_people(django_assert_max_num_queries):
    waiting()
    counts = []
    for _ in range(2):
        buyer(email="one@shop.example")
        TaskRun.objects.all().delete()
        with django_assert_max_num_queries(40) as taken:
            mail_exception_digest()
        counts.append(len(taken))

    # A claim and its end for each person, with the savepoint of the claim.
    assert counts[1] - counts[0] == 4


class _Postbox(socketserver.StreamRequestHandler):
    """As much of SMTP as it takes to accept a mail."""

    def handle(self):
        self.wfile.write(b"220 here\r\n")
        is_text, text = False, []
        for raw in self.rfile:
            line = raw.decode().rstrip("\r\n")
            if is_text:
                text.append(line)
                if line != ".":
                    continue
                is_text = False
                self.server.mails.append("\n".join(text))
            word = line[:4].upper()
            is_text = word == "DATA"
            self.wfile.write(
                {"DATA": b"354 go on\r\n", "QUIT": b"221 bye\r\n"}.get(word, b"250 ok\r\n")
            )


@pytest.mark.django_db
def test_digest_goes_out_by_smtp(settings):
    buyer()
    waiting()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Postbox) as server:
        server.mails = []
        Thread(target=server.serve_forever, daemon=True).start()
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False

        assert mail_exception_digest() == ONE

        server.shutdown()
    [text] = server.mails
    assert "Subject: 1 difference waits for your decision" in text
    assert "Content-Type: text/plain" in text


@pytest.mark.django_db(transaction=True)
def test_two_workers_send_one_mail():
    buyer()
    waiting()

    outcomes = race(mail_exception_digest, mail_exception_digest)

    assert sorted(outcome["emailed"] for outcome in outcomes) == [0, 1]
    assert MatchException.objects.count() == 1
