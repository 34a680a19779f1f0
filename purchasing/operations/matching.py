"""Setting invoice lines against order lines and receipts, and testing whether they agree."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import groupby

from django.db import transaction
from django.db.models import Count

from purchasing.models import SupplierInvoice
from purchasing.operations.claims import claims_of
from purchasing.operations.findings import record_findings, refresh_statuses
from purchasing.operations.ledger_bills import post_goods_found
from purchasing.operations.match_tests import tested_invoices, what_differs
from purchasing.operations.match_writing import store_counters, store_matches
from purchasing.operations.policies import policies_of
from purchasing.operations.pools import PAYABLE, Pool, lock_pool
from purchasing.splitting import OrderedLine, ReceivedLine, split_claims
from purchasing.tolerances import Policies
from retail.common.errors import WrongStatus

LINES_PER_CHUNK = 5_000


@transaction.atomic
def match_invoice(*, invoice_id: int, at: datetime) -> SupplierInvoice:
    """
    Find the order lines and receipts of an invoice, and what does not agree.

    Other open bills of the same order lines are worked out again with it. Units that were not
    received yet wait (MATCHING); any other difference beyond the limits puts the bill ON_HOLD. Of
    a payable bill only the units that still wait look for goods, nothing else moves.
    A second call without anything new changes nothing.
    Locks: the orders, the invoices, the order lines, the receipt lines, each by primary key, then
    the CostPool rows when a payable bill found goods.

    :raises WrongStatus: the invoice is void.
    """
    pool = lock_pool(invoice_id)
    invoice = pool.invoices[invoice_id]
    if invoice.status == SupplierInvoice.Status.VOID:
        msg = f"{invoice} is void and is not matched."
        raise WrongStatus(msg, status=invoice.status)
    work_out(pool, at=at)
    return invoice


def match_invoices(*, invoice_ids: Collection[int], at: datetime) -> dict[int, str]:
    """
    Match many invoices, each as `match_invoice` does; return invoice id -> its status after.

    In parts of one supplier, each in a transaction of its own, so that what was matched stays
    when a later part fails. Void invoices are passed over.
    """
    statuses: dict[int, str] = {}
    for supplier_id, chunk in _chunks(invoice_ids):
        policies = policies_of([supplier_id])
        with transaction.atomic():
            pool = lock_pool(*chunk)
            work_out(pool, policies=policies, at=at)
        statuses.update((pk, pool.invoices[pk].status) for pk in chunk)
    return statuses


def _chunks(invoice_ids: Collection[int]) -> Iterator[tuple[int, list[int]]]:
    """Yield the invoices of one supplier after the other, so many lines at a time."""
    rows = (
        SupplierInvoice.objects.filter(pk__in=list(invoice_ids))
        .annotate(line_count=Count("lines"))
        .order_by("supplier", "pk")
        .values_list("supplier", "pk", "line_count")
    )
    for supplier_id, of_supplier in groupby(rows, key=lambda row: row[0]):
        chunk: list[int] = []
        line_count = 0
        for _, invoice_id, lines in of_supplier:
            if chunk and line_count + lines > LINES_PER_CHUNK:
                yield supplier_id, chunk
                chunk, line_count = [], 0
            chunk.append(invoice_id)
            line_count += lines
        yield supplier_id, chunk


def work_out(pool: Pool, *, at: datetime, policies: Policies | None = None) -> None:
    """
    Set the bills of a pool against its orders and receipts anew, and test them.

    A bill that was entered and never matched gets its status here only if the pool was made for
    it; others take their units and wait for their own turn.
    """
    policies = policies or policies_of([pool.supplier_id])
    claims = claims_of(pool)
    shares = split_claims(
        claims.all,
        ordered=[OrderedLine(line.id, line.unit_cost, line.billable) for line in pool.order_lines],
        received=[
            ReceivedLine(line.id, line.order_line_id, line.accepted) for line in pool.receipt_lines
        ],
    )
    newly_set = store_matches(pool, shares, claims.price_only, at=at)
    store_counters(pool, shares, claims.price_only, at=at)

    found, tested_lines = what_differs(pool, claims, shares, policies)
    documents = tested_invoices(pool)
    changed = record_findings(found, tested_lines=tested_lines, tested_documents=documents, at=at)
    refresh_statuses(documents, at=at, changed=changed, whole=pool.seeds)
    supplied = {pool.invoice_of(line_id) for line_id in newly_set}
    post_goods_found(
        invoice_ids=[invoice.pk for invoice in supplied if invoice.status in PAYABLE], at=at
    )
