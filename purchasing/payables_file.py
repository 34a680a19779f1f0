"""The file in which accounting gets what is owed: one row per document, amounts signed by kind."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from purchasing.models import SupplierInvoice, SupplierInvoiceTax
from retail.common.exports import harmless
from retail.common.money import display_rate, round_amount

COLUMNS = (
    "number",
    "kind",
    "supplier",
    "supplier_name",
    "supplier_number",
    "invoiced_on",
    "due_on",
    "currency",
    "net_total",
    "tax_total",
    "total",
    "iban",
    "prepaid",
    "rounding",
    "payable",
    "taxes",
    "orders",
    "document_sha256",
    "postings",
)


@dataclass(frozen=True)
class PayableFacts:
    """
    What belongs to a document and stands in other tables.

    orders: numbers of the orders it was matched to. postings: account -> what its approval changed
    there, in book currency, debit positive.
    """

    taxes: Sequence[SupplierInvoiceTax] = ()
    orders: Sequence[str] = ()
    document_sha256: str = ""
    postings: Mapping[str, Decimal] | None = None


def sign_of(invoice: SupplierInvoice) -> int:
    """Return 1 for what we owe and -1 for what the supplier owes us."""
    return -1 if invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE else 1


def payables_csv(invoices: Iterable[SupplierInvoice], facts: Mapping[int, PayableFacts]) -> str:
    """
    Return the invoices as accounting reads them: CSV with a header, amounts signed by kind.

    A tax is written category/rate/taxed amount/tax, a posting account=amount, several parted by
    blanks. Words that a spreadsheet would run as a formula are quoted with an apostrophe.
    facts: invoice id -> what else belongs to it.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for invoice in invoices:
        writer.writerow(_row(invoice, facts[invoice.pk]))
    return text.getvalue()


def _row(invoice: SupplierInvoice, facts: PayableFacts) -> list[object]:
    sign, currency, supplier = sign_of(invoice), invoice.currency, invoice.supplier
    amounts = {
        name: sign * round_amount(getattr(invoice, name), currency)
        for name in ("net_total", "tax_total", "total", "prepaid_total", "rounding", "payable")
    }
    return [
        invoice.number,
        invoice.kind,
        harmless(supplier.code),
        harmless(supplier.name),
        harmless(invoice.supplier_number),
        invoice.invoiced_on.isoformat(),
        invoice.due_on.isoformat(),
        currency,
        amounts["net_total"],
        amounts["tax_total"],
        amounts["total"],
        harmless(supplier.iban),
        amounts["prepaid_total"],
        amounts["rounding"],
        amounts["payable"],
        " ".join(_tax(tax, sign, currency) for tax in facts.taxes),
        harmless(" ".join(facts.orders)),
        facts.document_sha256,
        " ".join(
            f"{account}={round_amount(amount, settings.RETAIL_CURRENCY)}"
            for account, amount in (facts.postings or {}).items()
        ),
    ]


def _tax(tax: SupplierInvoiceTax, sign: int, currency: str) -> str:
    taxable, amount = (sign * round_amount(part, currency) for part in (tax.taxable, tax.tax))
    rate = display_rate(tax.rate)
    return f"{tax.category or '-'}/{rate}/{taxable}/{amount}"
