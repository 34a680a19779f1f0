"""Every Italian, Polish and EDIFACT document of the sample data: read, or refused by name."""

import base64
import csv
import re
from decimal import Decimal

import pytest

from purchasing.einvoices import UnreadableDocument, read_document
from tests.shared_data import SHARED_DATA, needs_shared_data

pytestmark = needs_shared_data

EINVOICES = SHARED_DATA / "einvoices"
FAMILIES = ("edifact-invoic", "fatturapa", "ksef")


class Read:
    """A file that is read: one line for each invoice in it, and rules that it has to be told of."""

    def __init__(self, *invoices, flagged=()):
        self.invoices, self.flagged = list(invoices), set(flagged)


class Refused:
    """A file that is refused with this code."""

    def __init__(self, code):
        self.code = code


# Flagged are all rules that block, and of a document its source calls invalid what is wrong.
DOCUMENTS = {
    "edifact-invoic/valid/EDIFACT_EXAMPLE0.TXT": Refused("EDIFACT"),
    "edifact-invoic/valid/EDIFACT_EXAMPLE2.TXT": Refused("EDIFACT"),
    "edifact-invoic/valid/EDIFACT_EXAMPLE3.TXT": Refused("EDIFACT"),
    "edifact-invoic/valid/EDIFACT_EXAMPLE6.TXT": Refused("EDIFACT"),
    "edifact-invoic/valid/EDIFACT_EXAMPLE8.TXT": Refused("EDIFACT"),
    "fatturapa/invalid/IT02182030391_31_tampered.xml.p7m": Refused("SIGNATURE_BROKEN"),
    "fatturapa/invalid/IT02780790107_11004.xml": Refused("XML_BROKEN"),
    "fatturapa/invalid/IT02780790107_11004_xml_doctor.xml": Read(
        "INVOICE TD01 14221: 34.00 + 7.48 = 41.48 EUR, 41.48 to pay, 2 lines",
        flagged=["00200"],
    ),
    "fatturapa/valid/IT01234567890_FPA03.xml": Read(
        "INVOICE TD01 12: 25.00 + 5.50 = 30.50 EUR, 30.50 to pay, 2 lines",
        "INVOICE TD01 456: 2000.00 + 440.00 = 2440.00 EUR, 2440.00 to pay, 1 lines",
    ),
    "fatturapa/valid/IT01234567890_FPR02.xml": Read(
        "INVOICE TD01 123: 27.00 + 5.95 = 32.95 EUR, 32.95 to pay, 2 lines",
        flagged=["00422", "BR-CO-13", "BR-S-08"],
    ),
    "fatturapa/valid/IT01234567890_FPR03.base64.xml.p7m": Read(
        "INVOICE TD01 123: 25.00 + 5.50 = 30.50 EUR, 30.50 to pay, 2 lines",
        "INVOICE TD01 456: 2000.00 + 440.00 = 2440.00 EUR, 2440.00 to pay, 1 lines",
    ),
    "fatturapa/valid/IT01234567890_FPR06.xml": Read(
        "CREDIT_NOTE TD04 123: 15.00 + 3.30 = 18.30 EUR, 18.30 to pay, 2 lines",
    ),
    "fatturapa/valid/IT01234567890_FPR10.xml": Read(
        "INVOICE TD01 126: 25.00 + 5.50 = 30.50 EUR, 30.50 to pay, 2 lines",
    ),
    "fatturapa/valid/IT01234567890_FPR14.xml": Read(
        "INVOICE TD01 FPR 17/20: 44519.26 + 9794.24 = 54313.50 EUR, 54313.50 to pay, 2 lines",
    ),
    "fatturapa/valid/IT02182030391_31.Base64.CRLF.xml.p7m": Read(
        "INVOICE TD01 2: 100.00 + 22.00 = 122.00 EUR, 100.00 to pay, 1 lines",
    ),
    "fatturapa/valid/IT02182030391_31.xml.p7m": Read(
        "INVOICE TD01 2: 100.00 + 22.00 = 122.00 EUR, 100.00 to pay, 1 lines",
    ),
    "fatturapa/valid/IT02182030391_32.windows-1252.xml": Read(
        "INVOICE TD06 3: 143.28 + 31.52 = 174.80 EUR, 115.73 to pay, 2 lines",
        "INVOICE TD06 4: 143.28 + 31.52 = 174.80 EUR, 115.73 to pay, 2 lines",
        flagged=["00419", "00422", "00423", "BR-CO-13", "BR-S-08", "PEPPOL-EN16931-R120"],
    ),
    "fatturapa/valid/IT02780790107_11006.xml": Read(
        "INVOICE TD01 125: 25.00 + 5.50 = 30.50 EUR, 30.50 to pay, 2 lines",
    ),
    "fatturapa/valid/IT02780790107_11007.xml": Read(
        "INVOICE TD01 136: 25.00 + 3.89 = 56.50 EUR, 56.50 to pay, 2 lines",
        flagged=["BR-CO-15"],
    ),
    "fatturapa/valid/IT02780790107_11009.xml": Read(
        "INVOICE TD07 16: 272.23 + 0.00 = 272.23 EUR, 272.23 to pay, 1 lines",
    ),
    "fatturapa/valid/IT05979361218_002.xml": Read(
        "INVOICE TD01 FT/2015/0007: 57.00 + 0.00 = 57.00 EUR, 57.00 to pay, 1 lines",
    ),
    "fatturapa/valid/IT05979361218_011.xml": Read(
        "INVOICE TD01 14021: 57.00 + 0.00 = 57.00 EUR, 57.00 to pay, 1 lines",
    ),
    "fatturapa/valid/IT05979361218_012.xml": Read(
        "INVOICE TD01 14241: 34.32 + 0.00 = 34.32 EUR, 34.32 to pay, 2 lines",
    ),
    "fatturapa/valid/IT05979361218_013.xml": Read(
        "INVOICE TD01 A852S1: 34.32 + 0.00 = 34.32 EUR, 34.32 to pay, 2 lines",
    ),
    "fatturapa/valid/invoice-b2g.xml": Read(
        "INVOICE TD01 SAMPLE-002: 241.00 + 24.00 = 265.00 EUR, 265.00 to pay, 2 lines",
    ),
    "fatturapa/valid/invoice-credit-note.xml": Read(
        "CREDIT_NOTE TD04 CN-001: 1032.00 + 356.40 = 1388.40 EUR, 1388.40 to pay, 2 lines",
    ),
    "fatturapa/valid/invoice-hotel-complex.xml": Read(
        "INVOICE TD01 INV4-000008: 228.27 + 20.31 = 248.58 EUR, 248.58 to pay, 5 lines",
    ),
    "fatturapa/valid/invoice-reverse-charge.xml": Read(
        "INVOICE TD01 SAMPLE-010: 2300.00 + 0.00 = 2300.00 EUR, 2300.00 to pay, 2 lines",
    ),
    "ksef/template/invoice-template-fa-3-pef-correction.xml": Refused("TEMPLATE"),
    "ksef/template/invoice-template-fa-3-pef.xml": Refused("TEMPLATE"),
    "ksef/template/invoice-template-fa-3-with-custom-Subject2.xml": Refused("TEMPLATE"),
    "ksef/template/invoice-template-fa-3-with-custom-subject_3.xml": Refused("TEMPLATE"),
    "ksef/template/invoice-template-fa-3-with-multiple-Subject3.xml": Refused("TEMPLATE"),
    "ksef/template/invoice-template-fa-3.xml": Refused("TEMPLATE"),
    "ksef/template/invoice-template-fa-rr-1__2.xml": Refused("TEMPLATE"),
    "ksef/template/invoice-template_v3.xml": Refused("TEMPLATE"),
    "ksef/template/invoice_template_v3_self_invoicing.xml": Refused("TEMPLATE"),
    "ksef/valid/credit-note.xml": Read(
        "CREDIT_NOTE KOR CN-002: 200.00 + 46.00 = 246.00 PLN, 246.00 to pay, 1 lines",
        flagged=["KSEF-KOR"],
    ),
    "ksef/valid/invoice.xml": Read(
        "INVOICE VAT FA/YUCFO-4342344706/03/2026: 27292.28 + 6277.22 = 33569.50 PLN, 0.00 to pay, "
        "13 lines",
    ),
    "ksef/valid/upo-faktura-internal-id.xml": Refused("NOT_AN_INVOICE"),
    "ksef/valid/upo-sesja-id-zlozony-vat-ue.xml": Refused("NOT_AN_INVOICE"),
    "ksef/valid/upo-sesja-kontekst-id-nip.xml": Refused("NOT_AN_INVOICE"),
}


def in_one_line(invoice):
    return (
        f"{invoice.kind} {invoice.type_code} {invoice.number}: {invoice.net_total} + "
        f"{invoice.tax_total} = {invoice.total} {invoice.currency}, {invoice.payable} to pay, "
        f"{len(invoice.lines)} lines"
    )


def test_table_has_every_document_of_these_families():
    with (EINVOICES / "manifest.csv").open(encoding="utf-8") as file:
        listed = [row["file"] for row in csv.DictReader(file)]

    assert [name for name in listed if name.split("/")[0] in FAMILIES] == list(DOCUMENTS)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_is_read_with_its_totals_or_refused_for_a_reason(name):
    content, expected = (EINVOICES / name).read_bytes(), DOCUMENTS[name]

    if isinstance(expected, Refused):
        with pytest.raises(UnreadableDocument) as refusal:
            read_document(content, filename=name)
        assert refusal.value.code == expected.code
        return
    document = read_document(content, filename=name)
    fatal = {one.rule for one in document.breaks if one.is_fatal}
    assert [in_one_line(invoice) for invoice in document.invoices] == expected.invoices
    assert fatal <= expected.flagged <= {one.rule for one in document.breaks}
    if "/invalid/" in name:
        assert expected.flagged


@pytest.mark.parametrize("name", [name for name, one in DOCUMENTS.items() if isinstance(one, Read)])
def test_totals_are_those_that_stand_in_the_bytes(name):
    """The same totals, found without any of our readers."""
    content = (EINVOICES / name).read_bytes()
    stated = totals_of_ksef(content) if name.startswith("ksef") else totals_of_fattura(content)

    document = read_document(content, filename=name)

    assert [(one.tax_total, one.total) for one in document.invoices] == stated


def amounts(content, tag):
    return [Decimal(found.decode()) for found in re.findall(rb"<%s>\s*([-0-9.]+)" % tag, content)]


def totals_of_fattura(content):
    """Return tax and total of each body: stated, else taxable amounts and taxes added up."""
    if content[:2] == b"MI":
        content = base64.b64decode(content)
    if b"Semplificata" in content:
        [gross] = amounts(content, b"Importo")
        return [(Decimal(0), gross)]
    totals = []
    for part in re.split(rb"<FatturaElettronicaBody[ >]", content)[1:]:
        tax = sum(amounts(part, b"Imposta"))
        stated = amounts(part, b"ImportoTotaleDocumento")
        totals.append(
            (tax, stated[0] if stated else sum(amounts(part, b"ImponibileImporto")) + tax)
        )
    return totals


def totals_of_ksef(content):
    [total] = amounts(content, b"P_15")
    return [(sum(amounts(content, rb"P_14_\d")), abs(total))]
