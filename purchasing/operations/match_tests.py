"""Testing the bills of a pool: line by line, then their charges and totals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from purchasing.line_parts import Terms
from purchasing.line_tests import differences_beyond
from purchasing.matching_facts import OrderFacts
from purchasing.models import SupplierInvoice
from purchasing.operations.claims import Claims
from purchasing.operations.document_tests import document_differences
from purchasing.operations.findings import Found
from purchasing.operations.pools import MATCHABLE, Pool
from purchasing.splitting import Share
from purchasing.tolerances import Beyond, Kind, Policies


def tested_invoices(pool: Pool) -> list[SupplierInvoice]:
    """Return the invoices that are tested as a whole and get a status of their own."""
    return [
        invoice
        for invoice in pool.invoices.values()
        if invoice.status in MATCHABLE
        and (invoice.pk in pool.seeds or invoice.status != invoice.Status.CAPTURED)
    ]


def what_differs(
    pool: Pool, claims: Claims, shares: Sequence[Share], policies: Policies
) -> tuple[list[Found], dict[int, SupplierInvoice]]:
    """Return what does not agree, and the lines that were tested with their invoices."""
    documents = {invoice.pk: invoice for invoice in tested_invoices(pool)}
    tested_lines = {
        line.id: pool.invoices[line.invoice_id]
        for line in pool.lines.values()
        if pool.invoices[line.invoice_id].status in MATCHABLE
    }
    tested_lines |= {
        line.id: documents[line.invoice_id]
        for line in pool.charge_lines
        if line.invoice_id in documents
    }
    terms = _terms(pool, policies)
    of_lines = differences_beyond(
        claims=claims.all,
        shares=shares,
        terms=terms,
        other_limits=policies.for_document(pool.supplier_id),
    )
    raiser_of_line, raiser_of_document = _raisers(pool, shares)
    found = [
        Found(
            invoice=tested_lines[beyond.finding.invoice_line_id or 0],
            finding=beyond.finding,
            limits=beyond.limits,
            order_raised_by_id=raiser_of_line.get(beyond.finding.invoice_line_id or 0),
        )
        for beyond in _told_apart(of_lines, claims.others)
    ]
    of_documents = document_differences(pool, shares, terms, documents, policies)
    found += [
        Found(
            invoice=documents[invoice_id],
            finding=beyond.finding,
            limits=beyond.limits,
            order_raised_by_id=raiser_of_document.get(invoice_id),
        )
        for invoice_id, beyond in of_documents
    ]
    return found, tested_lines


def _terms(pool: Pool, policies: Policies) -> dict[int, Terms]:
    """
    Return order line id -> what it says.

    Goods that were sent back to be replaced count once: when what comes in their place is here.
    """
    accepted: Counter[int] = Counter()
    for receipt_line in pool.receipt_lines:
        accepted[receipt_line.order_line_id] += receipt_line.accepted
    return {
        line.id: Terms(
            unit_cost=line.unit_cost,
            currency=pool.orders[line.order_id].currency,
            billable=line.billable,
            accepted=max(accepted[line.id] - line.to_replace, 0),
            limits=policies.for_line(pool.supplier_id, line.variant_id),
            returned=line.returned,
            is_stocked=pool.articles[line.variant_id].is_stocked,
            raised_to=line.match_level,
        )
        for line in pool.order_lines
    }


def _told_apart(of_lines: Sequence[Beyond], others: Mapping[int, OrderFacts]) -> Iterator[Beyond]:
    """Say of a line that names another supplier's order just that."""
    for beyond in of_lines:
        finding = beyond.finding
        other = others.get(finding.invoice_line_id or 0)
        if other is None or finding.kind != Kind.NO_ORDER:
            yield beyond
        else:
            detail = f"{other.number} is an order of another supplier."
            yield replace(beyond, finding=replace(finding, kind=Kind.SUPPLIER, detail=detail))


def _raisers(
    pool: Pool, shares: Sequence[Share]
) -> tuple[Mapping[int, int | None], Mapping[int, int | None]]:
    """Return who raised the order of each line, and of each invoice one of those who did."""
    raised_by = {line.id: pool.orders[line.order_id].raised_by_id for line in pool.order_lines}
    of_line = {line_id: raised_by[order_line_id] for line_id, order_line_id, _, _ in shares}
    of_document = {pool.lines[line_id].invoice_id: raiser for line_id, raiser in of_line.items()}
    return of_line, of_document
