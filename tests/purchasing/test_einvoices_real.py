"""
Every UBL, CII and PDF document of the sample data: what is read from it, or why it is refused.

`real_einvoices.csv` has a row per file: refused with a code, or its totals, lines and the rules it
breaks, `!` behind those that are fatal. Invoices labelled valid are held against their own totals,
looked up here by other means; invalid ones are refused or break a rule, if need be an official one.
Labels are the sources'; some valid ones contradict themselves, some invalid ones fail by what the
PDF is made of, not by what it says.
"""

import csv
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from lxml import etree
from pypdf import PdfReader

from purchasing.einvoices import (
    UnreadableDocument,
    official_rules,
    read_document,
    with_official_breaks,
)
from tests.shared_data import SHARED_DATA, needs_shared_data

pytestmark = needs_shared_data

TABLE = Path(__file__).with_name("real_einvoices.csv")
with TABLE.open(newline="") as file:
    ROWS = list(csv.DictReader(file))
# Their tables stand beside their readers' tests.
ELSEWHERE = {"edifact-invoic", "fatturapa", "ksef"}
READ = [row for row in ROWS if row["outcome"] == "OK"]


def named(rows):
    return [pytest.param(row, id=row["file"].split("/", 1)[1]) for row in rows]


def content_of(row):
    return (SHARED_DATA / row["file"]).read_bytes()


def rules_of(breaks):
    return " ".join(sorted({row.rule + "!" * row.is_fatal for row in breaks}))


@pytest.mark.parametrize("row", named(READ))
def test_a_real_invoice_is_read_as_the_table_says(row):
    document = read_document(content_of(row), filename=row["file"])

    (invoice,) = document.invoices
    assert {
        "kind": invoice.kind,
        "number": invoice.number,
        "currency": invoice.currency,
        "net": str(invoice.net_total),
        "tax": str(invoice.tax_total),
        "total": str(invoice.total),
        "lines": str(len(invoice.lines)),
        "rules": rules_of(document.breaks),
    } == {
        key: row[key]
        for key in ("kind", "number", "currency", "net", "tax", "total", "lines", "rules")
    }


@pytest.mark.parametrize("row", named(row for row in ROWS if row["outcome"] != "OK"))
def test_what_is_no_invoice_is_refused_by_name(row):
    with pytest.raises(UnreadableDocument) as refusal:
        read_document(content_of(row), filename=row["file"])

    assert refusal.value.code == row["outcome"]


def own_xml(row):
    content = content_of(row)
    if not row["file"].endswith(".pdf"):
        return etree.fromstring(content)
    attached = {
        name.lower(): data for name, data in PdfReader(BytesIO(content)).attachments.items()
    }
    (xml,) = attached.get("factur-x.xml") or attached["zugferd-invoice.xml"]
    return etree.fromstring(xml)


UBL_SUMS = "*[local-name()='LegalMonetaryTotal']"
UBL_IN_CURRENCY = f"[@currencyID = /*/{UBL_SUMS}/*[local-name()='PayableAmount']/@currencyID]"
CII_SUMS = (
    "//*[contains(local-name(), 'MonetarySummation')]"
    "[starts-with(local-name(..), 'Applicable')][*[local-name()='GrandTotalAmount']]"
)
CII_CURRENCY = "//*[local-name()='InvoiceCurrencyCode']"


def own_totals(root):
    """Return net, tax and total of the document, by its own words and nothing else."""
    if etree.QName(root).localname in {"Invoice", "CreditNote"}:
        paths = (
            f"{UBL_SUMS}/*[local-name()='TaxExclusiveAmount']",
            f"*[local-name()='TaxTotal']/*[local-name()='TaxAmount']{UBL_IN_CURRENCY}",
            f"{UBL_SUMS}/*[local-name()='TaxInclusiveAmount' or local-name()='PayableAmount']",
        )
    else:
        paths = tuple(
            f"{CII_SUMS}/*[local-name()='{name}'][not(@currencyID) or @currencyID = {CII_CURRENCY}]"
            for name in ("TaxBasisTotalAmount", "TaxTotalAmount", "GrandTotalAmount")
        )
    return [Decimal(root.xpath(f"string({path})") or 0) for path in paths]


@pytest.mark.parametrize("row", named(row for row in READ if row["label"] == "valid"))
def test_a_valid_invoice_comes_to_what_it_says_itself(row):
    net, tax, total = own_totals(own_xml(row))
    sign = -1 if total < 0 else 1

    assert [Decimal(row[key]) for key in ("net", "tax", "total")] == [
        sign * net,
        sign * tax,
        sign * total,
    ]


@pytest.mark.parametrize("row", named(row for row in READ if row["label"] == "invalid"))
def test_an_invalid_invoice_breaks_a_rule(row):
    if not official_rules.is_available():
        pytest.skip("saxonche is not installed")
    document = read_document(content_of(row), filename=row["file"])

    held = with_official_breaks(document)

    assert rules_of(held.breaks[len(document.breaks) :]) == row["official"]
    assert held.breaks


def test_the_table_misses_no_file():
    there = {
        str(path.relative_to(SHARED_DATA))
        for folder in ("einvoices", "purchase-documents")
        for path in (SHARED_DATA / folder).glob("*/*/*")
        if path.parts[-3] not in ELSEWHERE
    }

    assert {row["file"] for row in ROWS} == there


def test_every_file_labelled_valid_is_an_invoice_or_another_document():
    """The labels say that a document is right, not that it is an invoice."""
    refused = {row["outcome"] for row in ROWS if row["label"] == "valid"} - {"OK"}

    assert refused == {"NOT_AN_INVOICE"}
