"""What is owed, and what belongs to each document of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal

from django.db.models import Sum

from purchasing.models import (
    LedgerLine,
    MatchAllocation,
    SupplierInvoice,
    SupplierInvoiceTax,
)
from purchasing.payables_file import PayableFacts


def payable_facts(invoices: Collection[SupplierInvoice]) -> dict[int, PayableFacts]:
    """Return invoice id -> what the file for accounting says of it beside its own columns."""
    ids = [invoice.pk for invoice in invoices]
    taxes: dict[int, list[SupplierInvoiceTax]] = defaultdict(list)
    for tax in SupplierInvoiceTax.objects.filter(invoice__in=ids).order_by("category", "rate"):
        taxes[tax.invoice_id].append(tax)
    orders: dict[int, list[str]] = defaultdict(list)
    for invoice_id, number in (
        MatchAllocation.objects.filter(invoice_line__invoice__in=ids)
        .values_list("invoice_line__invoice", "order_line__order__number")
        .order_by("order_line__order__number")
        .distinct()
    ):
        orders[invoice_id].append(number)
    postings: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for invoice_id, account, amount in (
        LedgerLine.objects.filter(posting__invoice__in=ids)
        .values("posting__invoice", "account")
        .annotate(sum=Sum("amount"))
        .order_by("account")
        .values_list("posting__invoice", "account", "sum")
    ):
        postings[invoice_id][account] = amount
    documents = dict(SupplierInvoice.objects.filter(pk__in=ids).values_list("pk", "source__sha256"))
    return {
        pk: PayableFacts(
            taxes=taxes[pk],
            orders=orders[pk],
            document_sha256=documents[pk] or "",
            postings=postings[pk],
        )
        for pk in ids
    }
