"""What is approved, owed and paid: differences in its way, and what belongs to each document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal

from django.db.models import Sum

from purchasing.models import (
    LedgerLine,
    MatchAllocation,
    MatchException,
    SupplierInvoice,
    SupplierInvoiceTax,
)
from purchasing.payables_file import PayableFacts

# Of these the youngest row of a line, kind and subject counts; the database reads them so too.
SETTLED = frozenset({MatchException.Status.RESOLVED, MatchException.Status.ACCEPTED})


def unsettled_differences(
    invoice_ids: Collection[int], *, is_blocking: bool
) -> dict[int, list[MatchException]]:
    """
    Return invoice id -> the differences that are neither gone nor accepted.

    is_blocking: those that keep it from payment, or those that are only said.
    """
    youngest = (
        MatchException.objects.filter(invoice__in=list(invoice_ids))
        .order_by("invoice_id", "invoice_line_id", "kind", "subject", "-pk")
        .distinct("invoice_id", "invoice_line_id", "kind", "subject")
    )
    found: dict[int, list[MatchException]] = defaultdict(list)
    for row in youngest:
        if row.is_blocking == is_blocking and row.status not in SETTLED:
            found[row.invoice_id].append(row)
    return dict(found)


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
