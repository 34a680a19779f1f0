"""A supplier's page: contacts, measured figures and what was changed."""

from datetime import timedelta

import pytest
from django.utils import timezone

from purchasing.admin.supplier_form import SupplierForm
from purchasing.models import Supplier, SupplierContact
from purchasing.operations import ReceivedLine, receive_goods
from tests.admin_forms import form_of
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_suppliers import SupplierContactFactory
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db


def page_of(supplier):
    return f"/purchasing/supplier/{supplier.pk}/change/"


def test_contacts_are_entered_on_the_page_of_the_supplier():
    supplier, browser = SupplierFactory(), browser_of(superuser())
    filled = form_of(browser.get(page_of(supplier))) | {
        "contacts-TOTAL_FORMS": 1,
        "contacts-0-purpose": "ACCOUNTS",
        "contacts-0-name": "Ann Bell",
        "contacts-0-email": "ann@potters.example",
        "contacts-0-is_copied_on_orders": "on",
    }

    answer = browser.post(page_of(supplier), filled)

    assert answer.status_code == 302
    contact = SupplierContact.objects.get()
    assert (contact.supplier, contact.name, contact.purpose) == (supplier, "Ann Bell", "ACCOUNTS")


def test_contact_who_gets_copies_needs_an_address():
    contact, browser = SupplierContactFactory(email=""), browser_of(superuser())
    page = page_of(contact.supplier)
    filled = form_of(browser.get(page)) | {"contacts-0-is_copied_on_orders": "on"}

    answer = browser.post(page, filled)

    assert "A copy needs an e-mail address." in answer.content.decode()
    contact.refresh_from_db()
    assert not contact.is_copied_on_orders


def test_supplier_is_found_by_a_contact():
    contact = SupplierContactFactory(name="Ann Bell")
    SupplierFactory(name="Somebody else")

    found = browser_of(superuser()).get("/purchasing/supplier/", {"q": "ann bell"})

    assert list(found.context["cl"].result_list) == [contact.supplier]


def test_page_shows_how_the_supplier_kept_its_word_and_how_that_is_measured():
    order = sent_order(units=[10])
    line = order.lines.get()
    now = timezone.now()
    type(order).objects.filter(pk=order.pk).update(sent_at=now - timedelta(days=9))
    receive_goods(
        order_id=order.pk,
        lines=[ReceivedLine(line.pk, accepted=8, rejected=2, reject_reason="DAMAGED")],
        delivery_note="",
        key="1",
        at=now - timedelta(days=4),
        by=None,
    )

    page = browser_of(superuser()).get(page_of(order.supplier)).content.decode()

    assert "median 5.0 days, mean 5.0 (1 delivery)" in page
    assert "20.0 % (2 of 10 units)" in page
    assert "Units refused at the door" in page


def test_page_shows_no_figures_of_orders_to_who_may_not_see_orders():
    supplier = SupplierFactory()

    page = browser_of(person_who_may("purchasing.view_supplier")).get(page_of(supplier))

    assert "How they kept their word" not in page.content.decode()


def test_page_shows_what_was_changed_and_by_whom():
    supplier, owner = SupplierFactory(iban="GB33BUKB20201555555555"), superuser()
    browser = browser_of(owner)
    # Before the browser's change: the history's word on who it was holds to the transaction's end.
    Supplier.objects.filter(pk=supplier.pk).update(is_active=False)
    browser.post(
        page_of(supplier),
        form_of(browser.get(page_of(supplier)))
        | {"iban": "DE89 3704 0044 0532 0130 00", "discount_percent": 2, "discount_days": 14},
    )

    page = browser.get(page_of(supplier)).content.decode()

    for text in ("GB33BUKB20201555555555", "DE89370400440532013000", owner.username, "the system"):
        assert text in page
    assert "Is active" in page


@pytest.mark.parametrize(
    ("field", "typed", "stored"),
    [
        ("bic", "agri frpp", "AGRIFRPP"),
        ("bic", "AGRIFRPX1", None),
        ("electronic_address", " 0088: 5798000000001 ", "0088:5798000000001"),
        ("electronic_address", "em:bills@potter.example", "EM:bills@potter.example"),
        ("electronic_address", "5798000000001", None),
        ("electronic_address", "88:5798000000001", None),
    ],
)
def test_electronic_address_and_bic_are_checked_by_their_shape(field, typed, stored):
    form = SupplierForm(data={field: typed})
    form.is_valid()

    if stored is None:
        assert field in form.errors
    else:
        assert form.cleaned_data[field] == stored
