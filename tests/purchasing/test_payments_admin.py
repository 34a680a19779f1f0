import re
from datetime import date

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from purchasing.models import (
    Handover,
    MatchException,
    PayableExport,
    PaymentBatch,
    PaymentItem,
    PaymentNotice,
    SupplierInvoice,
)
from tests.factories.catalog import ExchangeRateFactory
from tests.factories.common import UserFactory
from tests.factories.purchasing_invoices import MatchExceptionFactory, SupplierInvoiceFactory
from tests.factories.purchasing_payments import (
    FRIDAY,
    HandoverFactory,
    PaymentBatchFactory,
    PaymentNoticeFactory,
    SupplierInEuroFactory,
    exported,
    owed,
    payment_batch,
)
from tests.people import browser_of, confirm, person_who_may

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("our_account")]

INVOICES = reverse("admin:purchasing_supplierinvoice_changelist")
APPROVE = reverse("admin:purchasing_supplierinvoice_page_act", args=["approve-chosen"])
EXPORT = reverse("admin:purchasing_payableexport_page_act", args=["export"])
PAY = reverse("admin:purchasing_paymentbatch_page_act", args=["pay"])
READ = reverse("admin:purchasing_paymentnotice_page_act", args=["read"])
VIEWS = ("supplierinvoice", "payableexport", "paymentbatch", "handover", "paymentnotice")


@pytest.fixture
def our_account(settings):
    settings.RETAIL_SHOP_NAME, settings.RETAIL_HANDOVER_DIR = "Aurum", ""
    settings.RETAIL_IBAN, settings.RETAIL_BIC = "DE02120300000000202051", "BYLADEM1001"


def browser(*acts):
    return browser_of(
        person_who_may(
            *(f"purchasing.view_{model}" for model in VIEWS), *(f"purchasing.{act}" for act in acts)
        )
    )


def said(answer):
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def matched(**values):
    return SupplierInvoiceFactory(status="MATCHED", captured_by=UserFactory(), **values)


def test_chosen_invoices_are_approved_after_their_totals_were_shown():
    ExchangeRateFactory(currency="EUR", valid_on=date(2026, 1, 1))
    supplier = SupplierInEuroFactory(name="Nordlicht")
    invoice, other = (
        matched(supplier=supplier, net_total="0.00", total="0.00"),
        matched(supplier=supplier, net_total="0.00", total="0.00", kind="CREDIT_NOTE"),
    )
    MatchExceptionFactory(
        invoice=invoice, kind="ALIKE", is_blocking=False, detail="SI-1 is over the same total."
    )
    accountant = browser("approve_supplierinvoice")

    led = accountant.post(
        INVOICES, {"action": "open_approval", "_selected_action": [invoice.pk, other.pk]}
    )
    assert led.url == f"{APPROVE}?chosen={invoice.pk},{other.pk}"
    page = accountant.get(led.url)
    assert page.context["form"]["invoices"].initial.count() == 2
    form = {"invoices": [invoice.pk, other.pk], "key": "k"}
    plan = accountant.post(APPROVE, form).context["plan"]
    assert plan[:2] == ["Nordlicht: 0.00 EUR, 2 documents.", "Together: 0.00 EUR."]
    assert plan[2].endswith("another over the same total. SI-1 is over the same total.")
    assert set(SupplierInvoice.objects.values_list("status", flat=True)) == {"MATCHED"}

    confirm(accountant, APPROVE, form)

    assert set(SupplierInvoice.objects.values_list("status", flat=True)) == {"APPROVED"}


def test_one_that_cannot_be_approved_stops_all_and_is_named():
    fine, blocked = matched(total="0"), matched(supplier_number="R-bad", total="0")
    MatchExceptionFactory(invoice=blocked, kind="RULE", subject="BR-1")

    answer = confirm(
        browser("approve_supplierinvoice"),
        APPROVE,
        {"invoices": [fine.pk, blocked.pk], "key": "k"},
    )

    assert "R-bad cannot be paid yet" in answer.content.decode()
    assert set(SupplierInvoice.objects.values_list("status", flat=True)) == {"MATCHED"}
    assert MatchException.objects.get().status == "OPEN"


def test_nothing_ready_leads_nowhere():
    accountant = browser("approve_supplierinvoice")
    invoice = owed()

    answer = accountant.post(
        INVOICES, {"action": "open_approval", "_selected_action": [invoice.pk]}, follow=True
    )

    assert "None of these is ready for it." in answer.content.decode()


def test_export_shows_totals_first():
    invoice = owed("12.00")
    accountant, form = browser("export_supplierinvoice"), {"invoices": [invoice.pk], "key": "k"}

    assert "Together: 12.00 EUR." in accountant.post(EXPORT, form).context["plan"]
    assert not PayableExport.objects.exists()
    confirm(accountant, EXPORT, form)

    assert PayableExport.objects.get().invoices.get() == invoice


def test_payment_shows_each_transfer_first():
    supplier = SupplierInEuroFactory(name="Nordlicht", discount_percent=2, discount_days=900)
    invoice = owed("100.00", supplier=supplier, supplier_number="R-1")
    owed(currency="PLN")
    accountant = browser("make_paymentbatch")
    page = accountant.get(PAY)
    assert [one.pk for one in page.context["form"].fields["invoices"].queryset] == [invoice.pk]
    day = page.context["form"]["execution_on"].value()
    form = {"invoices": [invoice.pk], "execution_on": day.isoformat(), "key": "k"}

    plan = accountant.post(PAY, form).context["plan"]

    assert plan == [
        "Nordlicht: 98.00 EUR to DE89370400440532013000 for R-1, less 2.00 EUR for paying early.",
        f"Together: 98.00 EUR in 1 transfer on {day} from DE02120300000000202051, 2.00 EUR saved.",
    ]
    assert not PaymentBatch.objects.exists()
    confirm(accountant, PAY, form)
    accountant.post(PAY, form)
    batch = PaymentBatch.objects.get()
    assert PaymentItem.objects.get().invoice == invoice
    xml = accountant.get(reverse("admin:purchasing_paymentbatch_download", args=[batch.pk, "xml"]))
    assert xml.content.decode() == batch.content
    shown = accountant.get(reverse("admin:purchasing_paymentbatch_change", args=[batch.pk]))
    assert f"{batch.number}-1" in shown.content.decode()


def test_payment_that_is_not_set_up_says_what_is_missing(settings):
    settings.RETAIL_IBAN = ""
    form = {"invoices": [owed().pk], "execution_on": FRIDAY.isoformat(), "key": "k"}

    answer = browser("make_paymentbatch").post(PAY, form)

    assert "RETAIL_IBAN is missing in the settings" in said(answer)


def test_batch_is_taken_back_with_a_reason():
    batch = payment_batch(owed())
    url = reverse("admin:purchasing_paymentbatch_act", args=[batch.pk, "cancel"])
    accountant = browser("cancel_paymentbatch")
    assert "paid twice" in accountant.get(url).content.decode()

    accountant.post(url, {"reason": "Wrong day", "key": "k"})

    batch.refresh_from_db()
    assert (batch.status, batch.cancel_reason) == ("CANCELLED", "Wrong day")


def test_failed_handover_is_tried_again_by_a_person():
    handover = HandoverFactory(state="FAILED", tries=8, error="No space")
    url = reverse("admin:purchasing_handover_act", args=[handover.pk, "retry"])

    browser("retry_handover").post(url, {"key": "k"})

    handover.refresh_from_db()
    assert (handover.state, handover.tries) == ("DUE", 0)


@pytest.mark.parametrize(
    ("url", "acts"),
    [
        (APPROVE, "approve_supplierinvoice"),
        (EXPORT, "export_supplierinvoice"),
        (PAY, "make_paymentbatch"),
        (READ, "pay_supplierinvoice"),
    ],
)
def test_act_is_closed_without_its_permission(url, acts):
    assert browser(acts).get(url).status_code == 200
    assert browser().get(url).status_code == 403


def hidden(page):
    form = page.context["form"]
    return {name: form[name].value() for name in form.fields if form[name].value() is not None}


def test_file_of_payments_is_proposed_planned_and_taken():
    invoice = owed("1234.50")
    exported(invoice)
    content = f"Buchungstag;Betrag;Verwendungszweck\n22.11.2026;-1.234,50;{invoice.number}\n"
    accountant = browser("pay_supplierinvoice")
    assert accountant.get(READ).status_code == 200

    upload = SimpleUploadedFile("bank.csv", content.encode())
    proposed = accountant.post(READ, {"file": upload, "key": "k"})
    form = hidden(proposed) | {"file": ""}
    assert "Look at the first rows" in proposed.content.decode()
    assert (
        "1,234.50 EUR" in proposed.content.decode() or "1,234.50 GBP" in proposed.content.decode()
    )
    assert (form["column_paid_on"], form["column_amount"], form["sign"]) == (
        "Buchungstag",
        "Betrag",
        "negative",
    )
    form["usual_currency"] = "EUR"
    plan = accountant.post(READ, form).context["plan"]
    assert plan == ["1 document is noted as paid, over 1,234.50 EUR."]
    assert not PaymentNotice.objects.exists()
    done = confirm(accountant, READ, form)

    assert "1 documents are paid" in done.content.decode()
    invoice.refresh_from_db()
    assert (invoice.status, str(invoice.paid_on)) == ("PAID", "2026-11-22")
    again = confirm(accountant, READ, form)
    assert "already taken in" in again.content.decode()
    assert PaymentNotice.objects.count() == 1


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"a,b\n1,2\n"])
def test_file_that_is_none_is_refused_in_words(content):
    upload = SimpleUploadedFile("bank.csv", content)

    answer = browser("pay_supplierinvoice").post(READ, {"file": upload, "key": "k"})

    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert not PaymentNotice.objects.exists()


@pytest.mark.parametrize("content", ["!", "AAAA", "eJw="])
def test_form_that_was_tampered_with_is_refused(content):
    answer = browser("pay_supplierinvoice").post(READ, {"content": content, "key": "k"})

    assert "Choose the file." in answer.content.decode()


def test_notices_are_filtered_by_what_came_of_them():
    PaymentNoticeFactory(reference="Rent")
    PaymentNoticeFactory(outcome="OTHER_AMOUNT", reference="R-1")
    url = reverse("admin:purchasing_paymentnotice_changelist")

    page = browser().get(url, {"outcome__exact": "OTHER_AMOUNT"})

    text = re.sub(r"\s+", " ", page.content.decode())
    assert "R-1" in text
    assert "Rent" not in text


def test_page_of_a_handover_of_a_batch_that_was_taken_back_offers_no_retry():
    batch = PaymentBatchFactory()
    handover = HandoverFactory(batch=batch, state="FAILED")
    PaymentBatch.objects.filter(pk=batch.pk).update(
        status="CANCELLED", cancelled_at=batch.made_at, cancel_reason="No"
    )

    page = browser("retry_handover").get(
        reverse("admin:purchasing_handover_change", args=[handover.pk])
    )

    assert "Try again" not in page.content.decode()
    assert Handover.objects.get().state == "FAILED"
