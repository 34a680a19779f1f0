from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from purchasing import operations, queries
from purchasing.models import MatchException, SupplierInvoice, SupplierInvoiceLine
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    TODAY,
    SupplierInvoiceFactory,
    SupplierInvoiceLineFactory,
    approved_bill,
    bill,
    printed,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def a_line(**values):
    stated = {"quantity": 1, "unit_price": Decimal(5), "net_amount": Decimal(5)}
    return operations.NewInvoiceLine(**(stated | values))


def test_capture_stores_the_document_as_printed():
    order = sent_order(supplier=SupplierFactory(payment_days=14))
    accountant = UserFactory()

    invoice = bill(
        printed(order.lines.get(), 3, "2.40", description="Cups", tax_rate=Decimal(20)),
        order=order,
        number=" R 2026/001 ",
        by=accountant,
        tax_total=Decimal("1.44"),
        total=Decimal("8.64"),
    )

    invoice.refresh_from_db()
    line = invoice.lines.get()
    assert (invoice.status, invoice.supplier_number) == ("CAPTURED", "R 2026/001")
    assert (invoice.number_normalised, invoice.captured_by) == ("R2026001", accountant)
    assert invoice.due_on == TODAY + timedelta(days=14)
    assert (line.position, line.quantity, line.unit_price) == (1, 3, Decimal("2.40"))
    assert (line.net_amount, line.order_number) == (Decimal("7.20"), order.number)
    assert not invoice.exceptions.exists()


@pytest.mark.parametrize("number", ["R-7", "r 7", "00R/7", "R7"])
def test_capture_refuses_the_same_number_however_it_is_written(number):
    order = sent_order()
    first = bill(order=order, number="R-7")

    with pytest.raises(operations.DuplicateInvoice, match=first.number) as refusal:
        bill(order=order, number=number)

    assert refusal.value.details["invoice_id"] == first.pk
    assert SupplierInvoice.objects.get() == first


def test_capture_takes_the_same_number_for_a_reason():
    order = sent_order()
    bill(order=order, number="R-7")

    bill(order=order, number="R-7", duplicate_reason="They number anew each year")

    assert SupplierInvoice.objects.count() == 2


def test_capture_takes_the_same_number_of_another_supplier_or_kind():
    order = sent_order()
    bill(order=order, number="R-7")

    bill(order=order, number="R-7", kind="CREDIT_NOTE")
    bill(number="R-7")

    assert SupplierInvoice.objects.count() == 3


def test_capture_takes_a_number_again_once_its_document_is_void():
    order = sent_order()
    first = bill(order=order, number="R-7")
    operations.void_invoice(invoice_id=first.pk, reason="Typed wrong", at=NOON, by=None)

    assert bill(order=order, number="R-7").pk != first.pk


def test_capture_keeps_a_document_that_does_not_add_up():
    order = sent_order()

    invoice = bill(order=order, total=Decimal("26.00"))

    row = invoice.exceptions.get()
    assert invoice.status == "CAPTURED"
    assert (row.kind, row.expected, row.actual, row.status) == ("HEADER", 25, 26, "OPEN")


@pytest.mark.parametrize(
    "values",
    [
        {"number": "--"},
        {"invoiced_on": date(1900, 1, 1)},
        {"invoiced_on": TODAY + timedelta(days=60)},
        {"currency": "Pounds"},
        {"currency": "gbp"},
        {"total": Decimal(-25)},
        {"total": Decimal("NaN")},
        {"lines": []},
        {"lines": [a_line(quantity=0)]},
        {"lines": [a_line(quantity=-3)]},
        {"lines": [a_line(net_amount=Decimal(-5))]},
        {"lines": [a_line(unit_price=Decimal("Infinity"))]},
        {"lines": [a_line(tax_rate=Decimal(-1))]},
    ],
)
def test_capture_refuses_what_no_invoice_says(values):
    order = sent_order()

    with pytest.raises(operations.InvalidInvoice):
        bill(order=order, **values)

    assert not SupplierInvoice.objects.exists()


def test_other_bills_over_the_same_total_within_a_month_are_found():
    order = sent_order()
    first = bill(order=order, number="R-1", invoiced_on=TODAY - timedelta(days=30))
    bill(order=order, number="R-2", invoiced_on=TODAY - timedelta(days=31))
    bill(number="R-3")

    invoice = bill(order=order, number="R-4")

    assert list(queries.invoices_like(invoice)) == [first]


def test_void_says_who_when_and_why_and_closes_what_was_open():
    order = sent_order()
    invoice = bill(order=order, total=Decimal("26.00"))
    accountant = UserFactory()

    operations.void_invoice(invoice_id=invoice.pk, reason=" Typed wrong ", at=NOON, by=accountant)

    invoice.refresh_from_db()
    assert (invoice.status, invoice.void_reason) == ("VOID", "Typed wrong")
    assert (invoice.voided_at, invoice.voided_by) == (NOON, accountant)
    assert invoice.exceptions.get().status == "RESOLVED"


def test_void_needs_a_reason():
    invoice = bill()

    with pytest.raises(operations.MissingReason):
        operations.void_invoice(invoice_id=invoice.pk, reason=" ", at=NOON, by=None)

    invoice.refresh_from_db()
    assert invoice.status == "CAPTURED"


BROKEN_INVOICES = {
    "purchasing_supplierinvoice_number_once_per_supplier": "supplier_number = 'first'",
    "purchasing_supplierinvoice_supplier_number_not_empty": "supplier_number = ''",
    "purchasing_supplierinvoice_amounts_not_negative": "total = -1",
    "purchasing_supplierinvoice_approved_by_someone_else": "approved_by_id = captured_by_id",
    "purchasing_supplierinvoice_payable_was_approved": "status = 'APPROVED'",
    "purchasing_supplierinvoice_paid_has_a_day": "paid_on = '2026-11-22'",
    "purchasing_supplierinvoice_void_says_why": "status = 'VOID', voided_at = now()",
}


@pytest.mark.parametrize(("constraint", "change"), BROKEN_INVOICES.items())
def test_database_refuses_an_invoice_that(constraint, change):
    accountant = UserFactory()
    first = SupplierInvoiceFactory(supplier_number="First")
    invoice = SupplierInvoiceFactory(
        supplier=first.supplier, status="MATCHED", captured_by=accountant
    )

    with pytest.raises(IntegrityError, match=constraint):
        execute(
            f"UPDATE purchasing_supplierinvoice SET {change} WHERE id = %s",  # noqa: S608 - words of this test
            [invoice.pk],
        )


def test_database_refuses_an_exported_invoice_without_a_batch():
    invoice = approved_bill()

    with (
        pytest.raises(IntegrityError, match="purchasing_supplierinvoice_exported_in_a_batch"),
        transaction.atomic(),
    ):
        SupplierInvoice.objects.filter(pk=invoice.pk).update(status="EXPORTED")


@pytest.mark.parametrize(
    ("constraint", "values"),
    [
        ("purchasing_supplierinvoiceline_quantity_positive", {"quantity": 0}),
        ("purchasing_supplierinvoiceline_amounts_are_numbers", {"net_amount": Decimal(-1)}),
        ("purchasing_supplierinvoiceline_position_once", {"position": 1}),
    ],
)
def test_database_refuses_an_invoice_line_that(constraint, values):
    first = SupplierInvoiceLineFactory(position=1)

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        SupplierInvoiceLineFactory(invoice=first.invoice, **values)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE purchasing_supplierinvoiceline SET quantity = 99",
        "DELETE FROM purchasing_supplierinvoiceline",
        "TRUNCATE purchasing_supplierinvoiceline CASCADE",
    ],
)
def test_database_keeps_a_line_as_it_was_printed(statement):
    line = SupplierInvoiceLineFactory(quantity=10)

    with pytest.raises(IntegrityError):
        execute(statement)

    line.refresh_from_db()
    assert line.quantity == 10
    assert SupplierInvoiceLine.objects.filter(pk=line.pk).update(variance_posted=1) == 1


def test_wrong_sums_stay_an_exception_when_the_bill_is_matched():
    invoice = bill(order=sent_order(), total=Decimal("26.00"))

    operations.match_invoice(invoice_id=invoice.pk, at=NOON)

    invoice.refresh_from_db()
    assert invoice.status == "ON_HOLD"
    assert MatchException.objects.filter(kind="HEADER", status="OPEN").count() == 1
