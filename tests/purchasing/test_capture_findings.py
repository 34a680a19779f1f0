"""What is found on a document when it is captured, whatever its orders say."""

from datetime import timedelta
from decimal import Decimal

import pytest

from purchasing import operations
from purchasing.einvoices import RuleBreak
from purchasing.models import SupplierInvoice
from tests.factories.common import NOON
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    TODAY,
    TolerancePolicyFactory,
    bill,
    printed,
)

pytestmark = pytest.mark.django_db

IBAN, OTHER_IBAN = "GB29NWBK60161331926819", "DE89370400440532013000"


def rows(invoice):
    fields = ("kind", "subject", "is_blocking", "status")
    return list(invoice.exceptions.order_by("pk").values_list(*fields))


def charge(kind, amount, **values):
    return operations.NewInvoiceLine(
        quantity=1,
        unit_price=Decimal(amount),
        net_amount=Decimal(amount),
        kind="CHARGE",
        charge=kind,
        **values,
    )


def test_charges_discounts_taxes_and_what_is_paid_already_add_up():
    order = sent_order(units=[10], unit_cost="10")
    line = order.lines.get()

    invoice = bill(
        printed(line, 10, "10", tax_rate=Decimal(20)),
        printed(line, 1, "10", tax_rate=Decimal(20), is_deduction=True),
        charge("FREIGHT", "15", tax_rate=Decimal(5)),
        charge("DISCOUNT", "5", tax_rate=Decimal(20), is_deduction=True),
        order=order,
        net_total=Decimal(100),
        tax_total=Decimal("17.75"),
        total=Decimal("117.75"),
        taxes=[
            operations.NewInvoiceTax(rate=Decimal(20), taxable=Decimal(85), tax=Decimal(17)),
            operations.NewInvoiceTax(rate=Decimal(5), taxable=Decimal(15), tax=Decimal("0.75")),
        ],
        prepaid_total=Decimal("17.75"),
        rounding=Decimal("-0.01"),
        payable=Decimal("99.99"),
        note="Thank you",
        payment_reference="RF18",
    )

    invoice.refresh_from_db()
    assert rows(invoice) == []
    assert invoice.payable == Decimal("99.99")
    assert (invoice.note, invoice.payment_reference) == ("Thank you", "RF18")
    assert list(invoice.taxes.order_by("rate").values_list("rate", "tax")) == [
        (Decimal(5), Decimal("0.75")),
        (Decimal(20), Decimal(17)),
    ]
    assert list(
        invoice.lines.order_by("position").values_list("kind", "charge", "is_deduction")
    ) == [
        ("GOODS", "", False),
        ("GOODS", "", True),
        ("CHARGE", "FREIGHT", False),
        ("CHARGE", "DISCOUNT", True),
    ]


def test_tax_of_a_rate_is_off_beyond_the_suppliers_policy():
    order = sent_order(units=[10], unit_cost="10")
    TolerancePolicyFactory(supplier=order.supplier, tax_amount=Decimal("0.50"))
    line = printed(order.lines.get(), 10, "10", tax_rate=Decimal(20))

    def taxed(tax, number):
        tax = Decimal(tax)
        return bill(
            line,
            order=order,
            number=number,
            tax_total=tax,
            total=100 + tax,
            taxes=[operations.NewInvoiceTax(rate=Decimal(20), taxable=Decimal(100), tax=tax)],
        )

    exactly, beyond = taxed("20.50", "exactly"), taxed("20.51", "beyond")

    assert rows(exactly) == []
    assert rows(beyond) == [("TAX", "20 %", True, "OPEN")]
    row = beyond.exceptions.get()
    assert (row.expected, row.actual, row.at_stake) == (20, Decimal("20.51"), Decimal("0.51"))


def test_each_rule_is_one_exception_and_only_fatal_ones_stop_payment():
    order = sent_order()

    invoice = bill(
        order=order,
        breaks=[
            RuleBreak(rule="BR-16", message="No line.", is_fatal=True),
            RuleBreak(rule="BR-CL-17", message="No category A.", is_fatal=False),
            RuleBreak(rule="BR-CL-17", message="No category B.", is_fatal=False),
        ],
    )

    assert rows(invoice) == [
        ("RULE", "BR-16", True, "OPEN"),
        ("RULE", "BR-CL-17", False, "OPEN"),
    ]
    assert invoice.exceptions.get(subject="BR-CL-17").detail == "No category A. No category B."


@pytest.mark.parametrize(
    ("ours", "theirs", "is_ours"),
    [
        ("GB980780684", ("GB980780684",), True),
        ("GB 980 7806 84", ("980780684",), True),
        ("GB980780684", ("GB111111111", "GB980780684"), True),
        ("GB980780684", (), True),
        ("", ("GB111111111",), True),
        ("GB980780684", ("GB111111111",), False),
    ],
)
def test_document_to_somebody_else_waits(settings, ours, theirs, is_ours):
    settings.RETAIL_TAX_NUMBER = ours
    addressee = operations.Addressee(name="Another Shop", tax_numbers=theirs, country="GB")

    invoice = bill(addressee=addressee)

    assert rows(invoice) == ([] if is_ours else [("ADDRESSEE", "", True, "OPEN")])
    if not is_ours:
        row = invoice.exceptions.get()
        assert "Another Shop (GB111111111)" in row.detail
        assert row.at_stake == invoice.total


@pytest.mark.parametrize(
    ("on_file", "asked", "is_other"),
    [
        (IBAN, IBAN, False),
        (IBAN, "gb29 nwbk 6016 1331 9268 19", False),
        (IBAN, "31926819", False),
        (IBAN, "", False),
        ("", OTHER_IBAN, False),
        (IBAN, OTHER_IBAN, True),
    ],
)
def test_another_bank_account_stops_payment(on_file, asked, is_other):
    order = sent_order(supplier=SupplierFactory(iban=on_file))

    invoice = bill(order=order, iban=asked)

    assert rows(invoice) == ([("BANK_ACCOUNT", "", True, "OPEN")] if is_other else [])
    if is_other:
        detail = invoice.exceptions.get().detail
        assert "…3000" in detail
        assert "…6819" in detail
        assert OTHER_IBAN not in detail
        assert IBAN not in detail


def test_due_day_before_the_agreed_one_is_told_and_ours_counts():
    order = sent_order(supplier=SupplierFactory(payment_days=30))
    agreed = TODAY + timedelta(days=30)

    as_agreed = bill(order=order, stated_due_on=agreed)
    early = bill(order=order, stated_due_on=agreed - timedelta(days=1))

    assert not as_agreed.exceptions.filter(kind="TERMS").exists()
    row = early.exceptions.get(kind="TERMS")
    assert (row.expected, row.actual) == (30, 29)
    assert (early.due_on, early.stated_due_on) == (agreed, agreed - timedelta(days=1))


def test_quantity_that_is_no_number_of_units_waits():
    order = sent_order(units=[10], unit_cost="3")
    line = order.lines.get()

    invoice = bill(
        printed(line, 1, "4.50", stated_quantity=Decimal("1.5"), unit_code="KGM"),
        printed(line, 24, "3", stated_quantity=Decimal(2), unit_code="PK"),
        order=order,
    )

    row = invoice.exceptions.get()
    assert (row.kind, row.invoice_line.position, row.actual) == ("UNIT", 1, Decimal("1.5"))
    assert row.detail == "1.5 KGM is no number of whole units."


def test_another_over_the_same_total_is_said_and_stops_nothing():
    order = sent_order()
    first = bill(order=order, number="R-1", invoiced_on=TODAY - timedelta(days=30))

    invoice = bill(order=order, number="R-2")

    assert rows(first) == []
    assert rows(invoice) == [("ALIKE", "", False, "OPEN")]
    assert first.number in invoice.exceptions.get().detail


@pytest.mark.parametrize("currency", ["XYZ", "XXX", "XTS", "eur", "", "EURO"])
def test_currency_that_there_is_not_is_refused(currency):
    order = sent_order()

    with pytest.raises(operations.InvalidInvoice, match="no currency"):
        bill(order=order, currency=currency)

    assert not SupplierInvoice.objects.exists()


@pytest.mark.parametrize(
    "values",
    [
        {
            "taxes": [
                operations.NewInvoiceTax(rate=Decimal(120), taxable=Decimal(1), tax=Decimal(1))
            ]
        },
        {"prepaid_total": Decimal(-1)},
        {"rounding": Decimal("NaN")},
        {"number": "9" * 101},
        {"lines": [operations.NewInvoiceLine(1, Decimal(1), Decimal(1), charge="FREIGHT")]},
    ],
)
def test_what_no_document_says_is_refused_whole(values):
    with pytest.raises(operations.InvalidInvoice):
        bill(**values)

    assert not SupplierInvoice.objects.exists()


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ("RE-0099", "re 0099"),
        ("INV#100/A", "inv100a"),
        ("0001", "1"),
        ("ÄÖ-7", "äö7"),
    ],
)
def test_number_is_the_same_across_years_and_ways_of_writing(first, again):
    order = sent_order()
    earlier = bill(order=order, number=first, invoiced_on=TODAY - timedelta(days=400))

    with pytest.raises(operations.DuplicateInvoice) as refusal:
        bill(order=order, number=again)

    assert refusal.value.details["invoice_id"] == earlier.pk
    assert SupplierInvoice.objects.get() == earlier


def test_zeros_within_a_number_are_part_of_it():
    order = sent_order()
    bill(order=order, number="2024-0017")

    bill(order=order, number="2024/17")

    assert SupplierInvoice.objects.count() == 2


def test_number_of_a_void_document_is_free_and_then_taken_again():
    order = sent_order()
    first = bill(order=order, number="R-7")
    operations.void_invoice(invoice_id=first.pk, reason="Typed wrong", at=NOON, by=None)
    second = bill(order=order, number="r7")

    with pytest.raises(operations.DuplicateInvoice) as refusal:
        bill(order=order, number="00R-7")

    assert refusal.value.details["invoice_id"] == second.pk


def test_capturing_is_the_first_step_of_the_timeline():
    invoice = bill()

    step = invoice.steps.get()
    assert (step.kind, step.happened_at, step.done_by) == ("CAPTURED", NOON, invoice.captured_by)
