"""What a supplier gets: the PDF, the CSV and the letter, in the supplier's language."""

import csv
from datetime import date, timedelta
from decimal import Decimal
from string import Formatter

import pytest
from django.core import mail

from purchasing import operations, wording
from purchasing.documents import order_csv, order_letter, order_pdf, order_subject, paper_of
from purchasing.models import PurchaseOrder
from purchasing.operations import NewCharge, NewLine
from purchasing.tasks import send_purchase_orders
from purchasing.wording import LANGUAGES, known_language, words
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.customers import AddressFactory
from tests.factories.inventory import LocationFactory
from tests.factories.orders import OrderFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierProductFactory,
    sent_order,
)
from tests.factories.purchasing_approvals import PurchaseApprovalRuleFactory
from tests.factories.purchasing_suppliers import SupplierContactFactory
from tests.printed import page_count, words_on
from tests.purchasing.amendments import amend, units

WANTED = NOON.date() + timedelta(days=9)


def places(text):
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_everything_with_the_same_figures(language):
    english = words("en")

    assert words(language).keys() == english.keys()
    assert {key: places(text) for key, text in words(language).items()} == {
        key: places(text) for key, text in english.items()
    }


@pytest.mark.parametrize(
    ("code", "language"),
    [("de", "de"), ("de-AT", "de"), ("FR", "fr"), ("pt", "en"), ("", "en"), ("en_GB", "en")],
)
def test_language_nobody_has_written_is_english(code, language):
    assert known_language(code) == language


@pytest.mark.parametrize(
    ("language", "amount", "day"),
    [
        ("en", "1,234,567.50 EUR", "5 Mar 2026"),
        ("de", "1.234.567,50 EUR", "5. März 2026"),
        ("fr", "1\xa0234\xa0567,50 EUR", "5 mars 2026"),
        ("es", "1\xa0234\xa0567,50 EUR", "5 de marzo de 2026"),
        ("it", "1.234.567,50 EUR", "05/03/2026"),
        ("pl", "1\xa0234\xa0567,50 EUR", "5 marca 2026"),
        ("lv", "1\xa0234\xa0567,50 EUR", "2026. gada 5. marts"),
    ],
)
def test_figures_and_days_are_written_as_the_language_does(language, amount, day):
    assert wording.amount(Decimal("1234567.5"), "EUR", language) == amount
    assert wording.day(date(2026, 3, 5), language) == day


@pytest.mark.parametrize(
    ("figure", "written"), [("7", "7.00"), ("0.0125", "0.0125"), ("2.5000", "2.50")]
)
def test_price_of_a_unit_has_the_decimals_it_needs(figure, written):
    assert wording.rate(Decimal(figure), "en") == written


def told(order):
    """Return the order as the task that mails it reads it."""
    return paper_of(PurchaseOrder.objects.get(pk=order.pk))


@pytest.fixture
def order(db):
    supplier = SupplierFactory(
        name="Töpferei Grün",
        street="Lehmgasse 4",
        postcode="01067",
        city="Dresden",
        country="DE",
        language="de",
        currency="EUR",
        delivery_terms="DAP",
        discount_percent=Decimal(2),
        discount_days=10,
    )
    mug = SupplierProductFactory(
        supplier=supplier,
        supplier_sku="TG-1",
        pack_size=12,
        variant__sku="MUG-1",
        variant__gtin="4006381333931",
        variant__product__name="Mug *blue*",
    )
    location = LocationFactory(
        name="Warehouse", street="12 Dock Road", postcode="LV-1010", city="Riga", country="LV"
    )
    draft = operations.create_purchase_order(
        supplier=supplier,
        location=location,
        lines=[
            NewLine(mug.variant_id, 1250, list_cost=Decimal(4), discount_percent=Decimal(10)),
            NewLine(VariantFactory(sku="VASE-1").pk, 2, unit_cost=Decimal("0.0125")),
        ],
        reference="order",
        at=NOON,
        by=UserFactory(),
        expected_on=WANTED,
        note="Ring first",
        discount_percent=Decimal(5),
        charges=[NewCharge(Decimal(45), "FREIGHT", "2 pallets")],
    )
    return sent_order_of(draft)


def sent_order_of(draft):
    operations.submit(order_id=draft.pk, at=NOON)
    operations.approve(order_id=draft.pk, at=NOON, by=UserFactory())
    return operations.send(order_id=draft.pk, at=NOON)


def test_pdf_says_in_the_suppliers_language_what_to_deliver(order, settings):
    settings.RETAIL_SHOP_NAME = "Kauplus"

    page = words_on(order_pdf(told(order)))

    for text in (
        f"Bestellung {order.number}, Version 1",
        "Kauplus",
        "Töpferei Grün",
        "Lehmgasse 4",
        "12 Dock Road",
        "22. November 2026",
        "1. Dezember 2026",
        "30 Tage ab Rechnungsdatum, 2 % Skonto innerhalb von 10 Tagen",
        "DAP (Incoterms 2020)",
        "Die Nettopreise enthalten 5 % Rabatt auf die ganze Bestellung.",
        "TG-1",
        "Unsere Nummer MUG-1",
        "GTIN 4006381333931",
        "Mug *blue*",
        "1.250",
        "104 x 12 + 2",
        "4,00",
        "10 %",
        "3,42",
        "4.275,00",
        "0,0125",
        "Fracht, 2 pallets",
        "45,00",
        "4.320,03 EUR",
        "Ring first",
    ):
        assert text in page
    assert page_count(order_pdf(told(order))) == 1


def test_csv_is_the_same_in_every_language(order):
    rows = list(csv.reader(order_csv(told(order)).removeprefix("\ufeff").splitlines()))

    assert rows == [
        [
            *("order", "version", "position", "supplier_sku", "our_sku", "gtin", "name"),
            *("quantity", "pack_size", "list_cost", "discount_percent", "unit_cost", "amount"),
            *("currency", "wanted_on"),
        ],
        [
            *(order.number, "1", "1", "TG-1", "MUG-1", "4006381333931", "Mug *blue*"),
            *("1250", "12", "4.0000", "10.000", "3.4200", "4275.00", "EUR", "2026-12-01"),
        ],
        [
            *(order.number, "1", "2", "", "VASE-1", "", order.lines.last().variant.full_name),
            *("2", "1", "", "0.000", "0.0125", "0.03", "EUR", "2026-12-01"),
        ],
        [order.number, "1", "", "", "", "", "2 pallets", *[""] * 5, "45.00", "EUR", ""],
    ]


def test_total_on_the_paper_is_that_of_the_order(order):
    assert told(order).total == PurchaseOrder.objects.with_totals().get().total


def test_new_version_says_what_has_changed_and_leaves_out_what_is_not_ordered(order):
    PurchaseApprovalRuleFactory(from_amount=1_000_000)
    amend(order, lines=units(order, l1=1200, l2=0), note="")

    paper = told(order)

    assert order_subject(paper) == f"Bestellung {order.number}, Version 2"
    assert paper.name == f"{order.number}-v2"
    assert paper.changes == [
        "Position 1, TG-1: 1.250 -> 1.200 Stück.",
        "Position 2, VASE-1: nicht mehr bestellt (bisher 2 Stück).",
        "Der Hinweis entfällt.",
    ]
    page, letter = words_on(order_pdf(paper)), order_letter(paper)
    assert "Diese Version ersetzt alle früheren." in page
    assert "Position 1, TG-1: 1.250 -> 1.200 Stück." in page
    assert "- Position 1, TG-1: 1.250 -> 1.200 Stück." in letter
    assert "0,0125" not in page
    assert len(paper.lines) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_papers_are_made_in_every_language(order, language):
    order.supplier.language = language
    order.supplier.save()
    PurchaseApprovalRuleFactory(from_amount=1_000_000)
    amend(order, lines=units(order, l1=1200, l2=0), expected_on=None, charges=[])

    paper = told(order)

    page = words_on(order_pdf(paper))
    assert f"{words(language)['title']} {order.number}" in page
    assert all(change in page for change in paper.changes)
    assert len(paper.changes) == 4


@pytest.mark.django_db
def test_drop_shipment_names_the_customer_and_no_more_than_a_parcel_needs():
    address = AddressFactory(
        name="Ada Wolf", street="Elm Street 5", postcode="E1 6AN", city="London", country="GB"
    )
    order = sent_order()
    order.drop_ship_order = OrderFactory(delivery_address=address)
    order.save()

    paper = told(order)

    page, letter = words_on(order_pdf(paper)), order_letter(paper)
    assert "Ada Wolf" in page
    assert "Elm Street 5" in page
    assert "straight to our customer, without any prices" in page
    assert "Deliver to: Ada Wolf, Elm Street 5, E1 6AN London" in letter


@pytest.mark.django_db
def test_copies_go_to_the_contacts_who_want_them():
    order = sent_order()
    for name, is_copied in (("Ann", True), ("Bob", False)):
        SupplierContactFactory(
            supplier=order.supplier,
            email=f"{name}@potters.example",
            is_copied_on_orders=is_copied,
        )
    SupplierContactFactory(
        supplier=order.supplier, email=order.supplier.email, is_copied_on_orders=True
    )

    send_purchase_orders()

    [message] = mail.outbox
    assert (message.to, message.cc) == ([order.supplier.email], ["Ann@potters.example"])
    pdf, table = message.attachments
    assert order.number in words_on(pdf.content)
    assert table.content == order_csv(told(order))


@pytest.mark.django_db
def test_new_version_is_emailed_after_the_first_one():
    PurchaseApprovalRuleFactory(from_amount=1_000_000)
    order = sent_order()
    send_purchase_orders()
    amend(order, lines=units(order, l1=9))

    counts = send_purchase_orders(), send_purchase_orders()

    assert [count["emailed"] for count in counts] == [1, 0]
    assert [message.subject for message in mail.outbox] == [
        f"Purchase order {order.number}",
        f"Purchase order {order.number}, version 2",
    ]
    order.refresh_from_db()
    assert order.emailed_at is not None
