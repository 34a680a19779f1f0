"""The rules an invoice may break, in words for an accountant, and how grave each is."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.einvoices import (
    Charge,
    Kind,
    Party,
    ReadCharge,
    ReadInvoice,
    ReadLine,
    ReadTax,
    Syntax,
)
from purchasing.einvoices.rules import broken_rules
from purchasing.models import InvoiceDocument, SupplierInvoice, SupplierInvoiceLine
from retail.common.money import round_amount

LINE = ReadLine(
    position="1",
    quantity=Decimal(10),
    unit_code="H87",
    unit_price=Decimal(10),
    net_amount=Decimal(100),
    tax_category="S",
    tax_rate=Decimal(19),
)
RIGHT = ReadInvoice(
    kind=Kind.INVOICE,
    type_code="380",
    number="R-1",
    issued_on=date(2026, 3, 2),
    due_on=date(2026, 4, 1),
    currency="EUR",
    seller=Party(name="Topf", tax_numbers=("DE123456789",), country="DE"),
    buyer=Party(name="Laden"),
    lines=(LINE,),
    charges=(
        ReadCharge(
            is_allowance=False,
            amount=Decimal(5),
            charge=Charge.FREIGHT,
            tax_category="S",
            tax_rate=Decimal(19),
        ),
    ),
    taxes=(ReadTax(category="S", rate=Decimal(19), taxable=Decimal(105), tax=Decimal("19.95")),),
    line_total=Decimal(100),
    charge_total=Decimal(5),
    net_total=Decimal(105),
    tax_total=Decimal("19.95"),
    total=Decimal("124.95"),
    payable=Decimal("124.95"),
    iban="DE89370400440532013000",
)


def broken(syntax=Syntax.UBL, **changes):
    return {
        row.rule + "!" * row.is_fatal: row.message
        for row in broken_rules(replace(RIGHT, **changes), syntax)
    }


def test_an_invoice_that_is_right_breaks_no_rule():
    assert broken() == {}


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"line_total": Decimal(90)}, {"BR-CO-10!", "BR-CO-13!"}),
        ({"allowance_total": Decimal(7)}, {"BR-CO-11!", "BR-CO-13!"}),
        ({"charge_total": Decimal(6)}, {"BR-CO-12!", "BR-CO-13!"}),
        ({"net_total": Decimal(104)}, {"BR-CO-13!", "BR-CO-15!"}),
        ({"tax_total": Decimal(20)}, {"BR-CO-14!", "BR-CO-15!"}),
        ({"total": Decimal(125)}, {"BR-CO-15!", "BR-CO-16!"}),
        ({"payable": Decimal(100)}, {"BR-CO-16!"}),
        ({"prepaid": Decimal(24)}, {"BR-CO-16!"}),
        ({"rounding": Decimal("0.05")}, {"BR-CO-16!"}),
        ({"prepaid": Decimal(-1), "payable": Decimal("125.95")}, {"PREPAID-BELOW-ZERO!"}),
        ({"total": Decimal("124.96"), "payable": Decimal("124.96")}, {"BR-CO-15"}),
        ({"due_on": None}, {"BR-CO-25"}),
        ({"due_on": None, "payment_terms": "30 days"}, set()),
        ({"due_on": date(2026, 3, 1)}, {"DUE-BEFORE-DATE"}),
        ({"issued_on": date(1900, 1, 1)}, {"DATE-OUT-OF-REACH!"}),
        ({"due_on": date(2100, 1, 1)}, {"DATE-OUT-OF-REACH!"}),
        ({"currency": "EUX"}, {"BR-CL-04!"}),
        ({"currency": "XXX"}, {"BR-CL-04!"}),
        ({"type_code": "999"}, {"BR-CL-01"}),
        ({"seller": Party(name="Topf", country="QX")}, {"BR-CL-14"}),
        ({"seller": Party(name="", tax_numbers=("1",))}, {"BR-06"}),
        ({"seller": Party(name="")}, {"BR-06!"}),
        ({"buyer": Party(name="")}, {"BR-07"}),
        ({"iban": "DE89370400440532013001"}, {"IBAN"}),
        ({"charges": (), "charge_total": None}, {"BR-CO-13!", "BR-S-08!"}),
    ],
)
def test_what_is_wrong_of_the_document_is_named(changes, rules):
    assert set(broken(**changes)) == rules


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"quantity": Decimal(11)}, {"PEPPOL-EN16931-R120!"}),
        ({"unit_price": Decimal("10.004")}, {"PEPPOL-EN16931-R120"}),
        ({"adjustment": Decimal(-1)}, {"PEPPOL-EN16931-R120!"}),
        ({"quantity": Decimal(-10), "unit_price": Decimal(-10)}, {"BR-27!"}),
        ({"unit_code": "PIECES"}, {"BR-CL-23"}),
        ({"tax_category": "Q"}, {"BR-CL-17", "BR-S-08!", "BR-Q-08!"}),
        ({"tax_rate": Decimal(0)}, {"BR-S-05", "BR-S-08!"}),
        ({"tax_rate": None}, set()),
        ({"net_amount": Decimal("100.001")}, {"BR-DEC-23"}),
    ],
)
def test_what_is_wrong_of_a_line_is_named(changes, rules):
    assert set(broken(lines=(replace(LINE, **changes),))) == rules


@pytest.mark.parametrize(
    ("changes", "rules"),
    [
        ({"tax": Decimal(15)}, {"BR-CO-14!", "BR-CO-17!"}),
        ({"tax": Decimal("19.45")}, {"BR-CO-14!", "BR-CO-17"}),
        ({"taxable": Decimal(95)}, {"BR-CO-17!", "BR-S-08!"}),
        ({"category": "AE"}, {"BR-AE-09!", "BR-S-08!", "BR-AE-08!"}),
    ],
)
def test_what_is_wrong_of_a_tax_is_named(changes, rules):
    assert set(broken(taxes=(replace(RIGHT.taxes[0], **changes),))) == rules


def test_the_sentence_says_both_amounts():
    sentence = broken(total=Decimal(125))["BR-CO-15!"]

    assert sentence == (
        "Net total and tax make 124.95 EUR, but the total with tax is given as 125.00 EUR."
    )


def test_a_rounded_price_is_told_but_blocks_nothing():
    """A price printed as 4.10 that is 4.095: 20 of them come to 81.90."""
    line = replace(
        LINE, quantity=Decimal(20), unit_price=Decimal("4.10"), net_amount=Decimal("81.90")
    )

    rules = broken(lines=(line,))

    assert "PEPPOL-EN16931-R120" in rules


def test_a_document_without_lines_is_told():
    assert set(broken(lines=(), line_total=None, charges=(), charge_total=None)) == {"BR-16"}


def test_codes_are_those_of_the_syntax():
    line = replace(LINE, unit_code="PIECES")

    assert broken(Syntax.KSEF, type_code="VAT", lines=(line,)) == {}


def test_a_discount_below_zero_is_how_other_syntaxes_write_it():
    line = replace(LINE, quantity=Decimal(-10), unit_price=Decimal(-10))

    assert set(broken(Syntax.FATTURA_PA, lines=(line,))) == {"BR-27"}


def test_the_words_are_those_of_the_models():
    assert {str(value) for value in Syntax} == set(InvoiceDocument.Syntax.values)
    assert {str(value) for value in Kind} == set(SupplierInvoice.Kind.values)
    assert {str(value) for value in Charge} == set(SupplierInvoiceLine.Charge.values)


CENTS = st.integers(1, 500_000).map(lambda cents: Decimal(cents) / 100)


@st.composite
def right_invoices(draw):
    """Return an invoice of some lines, charges and rates whose every sum is right."""
    rates = st.sampled_from([("S", Decimal(19)), ("S", Decimal(7)), ("E", Decimal(0))])
    lines, charges = [], []
    for position in range(1, draw(st.integers(1, 5)) + 1):
        category, rate = draw(rates)
        quantity, price = Decimal(draw(st.integers(1, 999))), draw(CENTS)
        adjustment = draw(st.sampled_from([Decimal(0), Decimal("-0.01"), Decimal("2.50")]))
        lines.append(
            ReadLine(
                position=str(position),
                quantity=quantity,
                unit_price=price,
                net_amount=quantity * price + adjustment,
                adjustment=adjustment,
                tax_category=category,
                tax_rate=rate,
            )
        )
    for _ in range(draw(st.integers(0, 2))):
        category, rate = draw(rates)
        charges.append(
            ReadCharge(
                is_allowance=draw(st.booleans()),
                amount=draw(CENTS),
                tax_category=category,
                tax_rate=rate,
            )
        )
    return totalled(tuple(lines), tuple(charges), prepaid=draw(CENTS))


def totalled(lines, charges, *, prepaid):
    signed = [(line.tax_category, line.tax_rate, line.net_amount) for line in lines] + [
        (row.tax_category, row.tax_rate, -row.amount if row.is_allowance else row.amount)
        for row in charges
    ]
    taxes = []
    for category, rate in dict.fromkeys((category, rate) for category, rate, _ in signed):
        taxable = sum(amount for *key, amount in signed if tuple(key) == (category, rate))
        tax = round_amount(taxable * rate / 100, "EUR")
        taxes.append(ReadTax(category=category, rate=rate, taxable=taxable, tax=tax))
    net_total = sum(amount for *_, amount in signed)
    tax_total = sum(row.tax for row in taxes)
    total = net_total + tax_total
    return replace(
        RIGHT,
        lines=lines,
        charges=charges,
        taxes=tuple(taxes),
        line_total=sum(line.net_amount for line in lines),
        allowance_total=sum(row.amount for row in charges if row.is_allowance),
        charge_total=sum(row.amount for row in charges if not row.is_allowance),
        net_total=net_total,
        tax_total=tax_total,
        total=total,
        prepaid=prepaid,
        payable=total - prepaid,
    )


ARITHMETIC = ("BR-CO-1", "BR-S-", "BR-E-", "PEPPOL-EN16931-R120")


def arithmetic_of(invoice):
    return {
        row.rule for row in broken_rules(invoice, Syntax.CSV) if row.rule.startswith(ARITHMETIC)
    }


@settings(max_examples=60, deadline=None)
@given(right_invoices())
def test_right_sums_break_no_rule_of_arithmetic(invoice):
    assert arithmetic_of(invoice) == set()


@settings(max_examples=100, deadline=None)
@given(right_invoices(), st.data())
def test_one_changed_amount_breaks_at_least_one(invoice, data):
    off = data.draw(CENTS | CENTS.map(lambda amount: -amount), label="off by")
    places = [
        *("line_total", "allowance_total", "charge_total", "net_total", "tax_total", "total"),
        *("prepaid", "payable", "rounding"),
        *(("lines", i, "net_amount") for i in range(len(invoice.lines))),
        *(("lines", i, "adjustment") for i in range(len(invoice.lines))),
        *(("charges", i, "amount") for i in range(len(invoice.charges))),
        *(("taxes", i, "taxable") for i in range(len(invoice.taxes))),
        *(("taxes", i, "tax") for i in range(len(invoice.taxes))),
    ]
    place = data.draw(st.sampled_from(places), label="place")
    if isinstance(place, str):
        changed = replace(invoice, **{place: getattr(invoice, place) + off})
    else:
        kind, index, name = place
        rows = list(getattr(invoice, kind))
        rows[index] = replace(rows[index], **{name: getattr(rows[index], name) + off})
        changed = replace(invoice, **{kind: tuple(rows)})

    assert arithmetic_of(changed)
