from decimal import Decimal

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from purchasing.models import PayableExport, SupplierInvoice
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    TolerancePolicyFactory,
    approved_bill,
    bill,
    delivery,
    exported_batch,
    matched_bill,
    printed,
)
from tests.people import browser_of, confirm, person_who_may

pytestmark = pytest.mark.django_db

ENTER = reverse("admin:purchasing_supplierinvoice_page_act", args=["enter-invoice"])
EXPORT = reverse("admin:purchasing_supplierinvoice_page_act", args=["export"])
PAGE = {
    "kind": "INVOICE",
    "supplier_number": "R-1",
    "invoiced_on": "2026-07-01",
    "net_total": "20.00",
    "tax_total": "4.00",
    "total": "24.00",
    "key": "k",
}


def person(*acts):
    """Sign somebody in who sees invoices and may do these acts."""
    views = ("supplierinvoice", "matchexception", "payableexport", "purchaseorder")
    return person_who_may(
        *(f"purchasing.view_{model}" for model in views), *(f"purchasing.{act}" for act in acts)
    )


def act_url(invoice, name):
    return reverse("admin:purchasing_supplierinvoice_act", args=[invoice.pk, name])


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def bill_on_hold():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    return matched_bill(printed(order.lines.get(), 10, "3.00"), order=order)


def test_choosing_an_order_fills_in_what_was_received():
    order = sent_order(units=[10, 5], unit_cost="2.50")
    delivery(order, [8, 0])
    came, missing = order.lines.order_by("pk")
    browser = browser_of(person("add_supplierinvoice"))
    assert browser.get(ENTER).status_code == 200

    answer = browser.post(ENTER, {"order": order.pk, "key": "k"})

    form = answer.context["form"]
    assert (form[f"quantity_{came.pk}"].value(), form[f"price_{came.pk}"].value()) == (
        "8",
        "2.5000",
    )
    assert form[f"quantity_{missing.pk}"].value() == ""
    assert "correct them to the paper" in answer.text
    assert not SupplierInvoice.objects.exists()


def test_link_from_an_order_fills_in_its_lines():
    order = sent_order(units=[10])
    delivery(order)

    browser = browser_of(person("add_supplierinvoice"))
    link = reverse("admin:purchasing_purchaseorder_download", args=[order.pk, "enter-invoice"])

    page = browser.get(f"{browser.get(link).url}&key=old")

    form = page.context["form"]
    assert form[f"quantity_{order.lines.get().pk}"].value() == 10
    assert form["key"].value() != "old"


def test_entered_invoice_is_stored_as_printed_and_matched():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order, [8])
    line = order.lines.get()
    accountant = person("add_supplierinvoice")

    answer = browser_of(accountant).post(
        ENTER,
        PAGE
        | {
            "order": order.pk,
            f"quantity_{line.pk}": "8",
            f"price_{line.pk}": "2.50",
            f"net_{line.pk}": "",
            f"tax_{line.pk}": "20",
        },
    )

    invoice = SupplierInvoice.objects.get()
    (stored,) = invoice.lines.all()
    assert answer.url == reverse("admin:purchasing_supplierinvoice_change", args=[invoice.pk])
    assert (invoice.status, invoice.captured_by) == ("MATCHED", accountant)
    assert (invoice.supplier, invoice.currency) == (order.supplier, "GBP")
    assert (stored.quantity, stored.unit_price, stored.net_amount) == (8, Decimal("2.5"), 20)
    assert (stored.order_number, stored.tax_rate) == (order.number, 20)


def test_extra_line_is_a_charge_that_somebody_decides_about():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    line = order.lines.get()

    browser_of(person("add_supplierinvoice")).post(
        ENTER,
        PAGE
        | {
            "net_total": "29.00",
            "tax_total": "0",
            "total": "29.00",
            "order": order.pk,
            f"quantity_{line.pk}": "10",
            f"price_{line.pk}": "2.50",
            "kind_a": "FREIGHT",
            "sku_a": "Freight",
            "quantity_a": "1",
            "price_a": "4",
        },
    )

    invoice = SupplierInvoice.objects.get()
    assert invoice.status == "ON_HOLD"
    assert list(invoice.exceptions.values_list("kind", "actual")) == [("CHARGE", 4)]
    assert invoice.lines.get(kind="CHARGE").description == "Freight"


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "Choose the order, or the supplier"),
        ({"supplier": "theirs"}, "at least one line"),
        ({"supplier": "theirs", "quantity_a": "2"}, "What does one cost?"),
        ({"supplier": "theirs", "quantity_a": "-2", "price_a": "1"}, "greater than or equal to 0"),
        ({"supplier": "theirs", "order": "ours"}, "went to"),
    ],
)
def test_incomplete_invoice_is_not_stored(values, complaint):
    order = sent_order()
    line = order.lines.get()
    known = {"theirs": SupplierFactory().pk, "ours": order.pk}
    typed = {name: known.get(value, value) for name, value in values.items()}

    answer = browser_of(person("add_supplierinvoice")).post(
        ENTER, PAGE | typed | {f"quantity_{line.pk}": ""}
    )

    assert complaint in answer.text
    assert not SupplierInvoice.objects.exists()


def test_same_number_again_is_refused_in_words():
    order = sent_order()
    first = bill(order=order, number="R-1")

    answer = browser_of(person("add_supplierinvoice")).post(
        ENTER,
        PAGE | {"supplier": order.supplier_id, "quantity_a": "1", "price_a": "20", "sku_a": "X"},
    )

    assert f"was entered before as {first.number}" in said(answer)[0]
    assert SupplierInvoice.objects.count() == 1


def test_page_shows_each_line_beside_its_order():
    invoice = bill_on_hold()

    page = browser_of(person()).get(
        reverse("admin:purchasing_supplierinvoice_change", args=[invoice.pk])
    )

    assert "desk-bad" in page.text
    assert invoice.lines.get().order_number in page.text
    assert act_url(invoice, "decide") not in page.text


def test_manager_accepts_and_approves_and_accountant_hands_over():
    invoice = bill_on_hold()
    exception = invoice.exceptions.get()
    manager = browser_of(
        person("decide_matchexception", "decide_any_matchexception", "approve_supplierinvoice")
    )
    accountant = browser_of(person("export_supplierinvoice", "pay_supplierinvoice"))
    assert "Leave open" in manager.get(act_url(invoice, "decide")).text

    manager.post(
        act_url(invoice, "decide"),
        {
            "key": "k",
            f"decision_{exception.pk}": "ACCEPTED",
            f"reason_{exception.pk}": "New price list",
        },
    )
    manager.post(act_url(invoice, "approve"), {"key": "k"})
    confirm(accountant, EXPORT, {"key": "batch", "invoices": [invoice.pk]})
    batch = PayableExport.objects.get()
    file = accountant.get(
        reverse("admin:purchasing_payableexport_download", args=[batch.pk, "csv"])
    )
    accountant.post(act_url(invoice, "record-payment"), {"key": "k", "paid_on": "2026-11-22"})

    invoice.refresh_from_db()
    assert invoice.status == "PAID"
    assert file.content.decode() == batch.content
    assert file["Content-Disposition"] == f'attachment; filename="{batch.number}.csv"'


def test_decision_without_a_reason_is_asked_for_again():
    invoice = bill_on_hold()
    exception = invoice.exceptions.get()

    answer = browser_of(person("decide_matchexception")).post(
        act_url(invoice, "decide"), {"key": "k", f"decision_{exception.pk}": "ACCEPTED"}
    )

    exception.refresh_from_db()
    assert "Say why." in answer.text
    assert exception.status == "OPEN"


def test_decision_of_the_raiser_is_refused_in_words():
    invoice = bill_on_hold()
    exception = invoice.exceptions.get()
    buyer = person("decide_matchexception")
    exception_row = type(exception).objects.filter(pk=exception.pk)
    exception_row.update(order_raised_by=buyer)

    answer = browser_of(buyer).post(
        reverse("admin:purchasing_matchexception_act", args=[exception.pk, "decide"]),
        {"key": "k", "decision": "ACCEPTED", "reason": "Mine"},
    )

    exception.refresh_from_db()
    assert "somebody else has to decide" in said(answer)[0]
    assert exception.status == "OPEN"


def test_disputed_exception_is_reconsidered_from_the_queue():
    invoice = bill_on_hold()
    exception = invoice.exceptions.get()
    browser = browser_of(person("decide_matchexception", "decide_any_matchexception"))
    url = reverse("admin:purchasing_matchexception_act", args=[exception.pk, "decide"])
    browser.post(url, {"key": "k", "decision": "DISPUTED", "reason": "Too dear"})

    browser.post(
        reverse("admin:purchasing_matchexception_act", args=[exception.pk, "reconsider"]),
        {"key": "k"},
    )

    assert list(invoice.exceptions.order_by("pk").values_list("status", flat=True)) == [
        "DISPUTED",
        "OPEN",
    ]


def test_match_and_void_from_the_page():
    order = sent_order()
    delivery(order)
    invoice = bill(order=order)
    browser = browser_of(person("match_supplierinvoice", "void_supplierinvoice"))

    browser.post(act_url(invoice, "match"), {"key": "k"})
    invoice.refresh_from_db()
    assert invoice.status == "MATCHED"
    browser.post(act_url(invoice, "void"), {"key": "k", "reason": "Not ours"})

    invoice.refresh_from_db()
    assert (invoice.status, invoice.void_reason) == ("VOID", "Not ours")


def test_batch_is_offered_with_all_approved_invoices():
    invoice, gone = approved_bill(), approved_bill()
    exported_batch(gone)

    page = browser_of(person("export_supplierinvoice")).get(EXPORT)

    assert list(page.context["form"]["invoices"].value()) == [invoice.pk]
    assert invoice.number in page.text
    assert gone.number not in page.text


@pytest.mark.parametrize("name", ["match", "decide", "approve", "void", "record-payment"])
def test_acts_are_closed_to_who_may_only_look(name):
    invoice = bill_on_hold()

    assert browser_of(person()).post(act_url(invoice, name)).status_code == 403


def test_policy_is_edited_as_a_form():
    policy = TolerancePolicyFactory(supplier=None)
    editor = person_who_may(
        "purchasing.view_tolerancepolicy",
        "purchasing.change_tolerancepolicy",
        "purchasing.view_supplier",
    )

    browser_of(editor).post(
        reverse("admin:purchasing_tolerancepolicy_change", args=[policy.pk]),
        {
            "unit_price_percent": "5",
            "quantity_percent": "2",
            "total_amount": "50",
            "below": "BLOCK",
            "exception_days": "5",
        },
    )

    policy.refresh_from_db()
    assert (policy.unit_price_percent, policy.total_amount) == (5, 50)
    assert (policy.below, policy.exception_days) == ("BLOCK", 5)


@pytest.mark.parametrize("days", ["", "7", "30", "nonsense"])
def test_list_is_filtered_by_age(days):
    bill()

    url = reverse("admin:purchasing_supplierinvoice_changelist")

    assert browser_of(person()).get(url, {"age": days}).status_code == 200
