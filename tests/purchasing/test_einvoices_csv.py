"""Tables of invoices: what their rows become, and that every bad one is named."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.einvoices import Kind, Syntax, UnreadableDocument, read_document
from purchasing.einvoices.csv_columns import NAMES, columns_of
from purchasing.einvoices.csv_invoices import SAMPLE
from purchasing.einvoices.csv_rows import BadRows

TITLES = "supplier,invoice number,date,currency,supplier sku,quantity,unit price,tax rate"


def table(*rows, titles=TITLES):
    return "\n".join([titles, *rows]).encode()


def read(content):
    return read_document(content, filename="invoices.csv")


def refusal_of(content):
    with pytest.raises(UnreadableDocument) as refusal:
        read(content)
    return refusal.value


def test_sample_is_two_invoices_without_a_fault():
    document = read(SAMPLE.encode())

    assert document.syntax == Syntax.CSV
    assert document.breaks == ()
    assert [
        (one.number, len(one.lines), one.net_total, one.tax_total, one.total)
        for one in document.invoices
    ] == [
        ("2026-118", 2, Decimal("84.00"), Decimal("15.96"), Decimal("99.96")),
        ("2026-119", 1, Decimal("15.00"), Decimal("2.85"), Decimal("17.85")),
    ]
    [first, *_] = document.invoices
    assert first.seller.tax_numbers == ("DE136695976",)
    assert (first.issued_on, first.due_on) == (date(2026, 11, 20), date(2026, 12, 20))
    [line, _] = first.lines
    assert (line.order_number, line.supplier_sku, line.gtin, line.unit_price, line.quantity) == (
        "PO-1001",
        "K-100",
        "4006381333931",
        Decimal("1.25"),
        Decimal(48),
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_german_table_with_lines_above_its_titles_is_read(encoding):
    content = (
        "Rechnungen Oktober\n\n"
        "Lieferant;USt-IdNr.;Rechnungs-Nr.;Rechnungsdatum;Fällig am;Währung;Bestellnummer;"
        "Art.-Nr.;Bezeichnung;Menge;Einzelpreis;Nettobetrag;MwSt. %\n"
        "Müller;DE 136695976;R1;01.10.2026;31.10.2026;EUR;PO-1;A-1;Glas;10;1,25;12,50;19 %\n"
        ";;;;;;PO-1;A-2;Becher;1.000;0,50;500,00;7 %\n"
    )

    [invoice] = read(content.encode(encoding)).invoices

    assert invoice.seller.name == "Müller"
    assert invoice.due_on == date(2026, 10, 31)
    assert [(line.supplier_sku, line.quantity, line.net_amount) for line in invoice.lines] == [
        ("A-1", 10, Decimal("12.50")),
        ("A-2", 1000, Decimal("500.00")),
    ]
    assert invoice.total == Decimal("549.88")


@pytest.mark.parametrize(
    "titles",
    [
        "dostawca;numer faktury;data wystawienia;waluta;ilość;cena netto;stawka VAT;wartość netto",
        "piegādātājs;rēķina numurs;rēķina datums;valūta;daudzums;cena bez PVN;PVN;summa bez PVN",
        "tiekėjas;sąskaitos numeris;sąskaitos data;valiuta;kiekis;kaina be PVM;PVM;suma be PVM",
        "fornitore;numero fattura;data fattura;valuta;quantità;prezzo netto;aliquota IVA;importo",
        "proveedor;número de factura;fecha factura;divisa;cantidad;precio neto;IVA;importe neto",
        "fournisseur;numéro de facture;date de facture;devise;quantité;prix HT;TVA;montant HT",
        "постачальник;номер рахунку;дата рахунку;валюта;кількість;ціна;ПДВ;сума без ПДВ",
        "поставщик;номер счета;дата счета;валюта;количество;цена;НДС;сумма без НДС",
    ],
)
def test_titles_are_known_in_every_language(titles):
    found = columns_of(titles.split(";"))

    assert list(found) == [
        "supplier",
        "number",
        "issued_on",
        "currency",
        "quantity",
        "unit_price",
        "tax_rate",
        "net_amount",
    ]


def test_every_column_has_a_title_of_its_own():
    titles = [name.replace("_", " ") for name in NAMES]
    named = {"number": "invoice number", "issued_on": "date", "net_total": "total net"}

    assert set(columns_of([*titles, *named.values()])) == set(NAMES)


def test_rows_of_one_invoice_need_not_follow_one_another():
    document = read(
        table(
            "Wolf,R1,2026-10-01,EUR,A,1,2.00,19",
            "Wolf,R2,2026-10-01,EUR,B,1,3.00,19",
            "Wolf,R1,2026-10-01,EUR,C,1,4.00,19",
            "Bär,R1,2026-10-01,EUR,D,1,5.00,19",
        )
    )

    assert [
        (one.seller.name, one.number, [line.supplier_sku for line in one.lines])
        for one in document.invoices
    ] == [("Wolf", "R1", ["A", "C"]), ("Wolf", "R2", ["B"]), ("Bär", "R1", ["D"])]


def test_amounts_below_zero_and_the_word_for_it_make_a_credit_note():
    negative = read(table("Wolf,R1,2026-10-01,EUR,A,-2,2.00,19"))
    named = read(
        table("Wolf,R2,2026-10-01,EUR,A,2,2.00,19,Gutschrift", titles=f"{TITLES},document type")
    )

    for document in (negative, named):
        [invoice] = document.invoices
        assert invoice.kind is Kind.CREDIT_NOTE
        assert invoice.net_total == Decimal("4.00")
        assert invoice.lines[0].quantity == 2


def test_totals_that_are_stated_are_kept_and_looked_at():
    document = read(
        table(
            "Wolf,R1,2026-10-01,EUR,A,10,2.00,19,20.00,3.80,99.00",
            titles=f"{TITLES},total net,total tax,total",
        )
    )

    [invoice] = document.invoices
    assert invoice.total == Decimal("99.00")
    assert ("BR-CO-15", True) in {(one.rule, one.is_fatal) for one in document.breaks}


@pytest.mark.parametrize(
    ("written", "category", "rate"),
    [("19", "S", 19), ("19 %", "S", 19), ("0.19", "S", 19), ("zw", "E", 0), ("exempt", "E", 0)],
)
def test_rate_is_understood_as_people_write_it(written, category, rate):
    [invoice] = read(table(f"Wolf,R1,2026-10-01,EUR,A,10,2.00,{written}")).invoices

    [line] = invoice.lines
    assert (line.tax_category, line.tax_rate) == (category, rate)


def test_month_first_is_told_from_a_day_above_twelve():
    document = read(
        table("Wolf,R1,10/02/2026,EUR,A,1,2.00,19", "Wolf,R2,10/31/2026,EUR,A,1,2.00,19")
    )

    assert [one.issued_on for one in document.invoices] == [date(2026, 10, 2), date(2026, 10, 31)]


def test_day_that_could_be_a_month_is_taken_as_the_day_and_said():
    document = read(table("Wolf,R1,02/10/2026,EUR,A,1,2.00,19"))

    assert document.invoices[0].issued_on == date(2026, 10, 2)
    assert ("CSV-UNCLEAR", False) in {(one.rule, one.is_fatal) for one in document.breaks}


def test_every_bad_row_is_named_at_once():
    refusal = refusal_of(
        table(
            "Wolf,R1,2026-10-01,EUR,A,ten,2.00,19",
            "Wolf,R1,2026-10-02,EUR,4.00638E+12,1,2.00,190",
            "Wolf,R2,yesterday,Euro,A,1,,19",
        )
    )

    assert isinstance(refusal, BadRows)
    assert refusal.code == "BAD_ROWS"
    assert refusal.errors == (
        "Line 2: the quantity “ten” is no number",
        "Line 3: 4.00638E+12 was a code before a spreadsheet rounded it",
        "Line 3: the date is 2026-10-02, but 2026-10-01 on line 2 of the same invoice",
        "Line 3: the tax rate “190” is no percentage",
        "Line 4: it has neither a net amount nor a unit price",
        "Line 4: the date “yesterday” is no day",
        "Line 4: “Euro” is no currency code such as EUR",
    )
    assert all(error in refusal.message for error in refusal.errors)


def test_ragged_rows_are_named_at_once():
    refusal = refusal_of(
        table(
            "Wolf,R1,2026-10-01,EUR,A,1,2.00",
            "Wolf,R1,2026-10-01,EUR,A,1,2.00,19,more",
            *["Wolf,R1,2026-10-01,EUR,A,1,2.00,19"] * 5,
        )
    )

    assert refusal.code == "BAD_ROWS"
    assert refusal.errors == (
        "Line 2: it has 7 columns instead of 8",
        "Line 3: it has 9 columns instead of 8",
    )


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("UNKNOWN_SYNTAX", b"sku;name;price\nA;Glass;1.00\n"),
        ("UNKNOWN_SYNTAX", b"just some words"),
        ("UNKNOWN_SYNTAX", b"PK\x03\x04 no table"),
        ("INCOMPLETE", b"invoice number,date\nR1,2026-10-01\n"),
        ("INCOMPLETE", table()),
        ("BAD_ROWS", table(",,2026-10-01,EUR,A,1,2.00,19")),
        ("TABLE_BROKEN", table('Wolf,R1,2026-10-01,EUR,"A,1,2.00,19')),
    ],
)
def test_what_is_no_table_of_invoices_is_refused_by_name(code, content):
    assert refusal_of(content).code == code


def test_missing_columns_are_named():
    refusal = refusal_of(b"invoice number,date,total\nR1,2026-10-01,5.00\n")

    assert refusal.message == (
        "The table lacks columns: currency; supplier tax number or supplier; net amount, or "
        "quantity and unit price. It has: invoice number, date, total."
    )


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode("utf-16")))
def test_arbitrary_bytes_below_the_titles_never_crash(content):
    for start in (b"", f"{TITLES}\n".encode()):
        try:
            invoices = read(start + content).invoices
        except UnreadableDocument:
            continue
        assert invoices
