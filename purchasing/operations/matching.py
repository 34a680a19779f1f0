"""Setting invoice lines against order lines and receipts, and testing whether they agree."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction

from purchasing.models import (
    GoodsReceiptLine,
    MatchAllocation,
    MatchException,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.operations.findings import Found, limits_for, record_findings, refresh_statuses
from purchasing.operations.ledger_bills import post_goods_found
from purchasing.operations.pools import (
    MATCHABLE,
    PAYABLE,
    Pool,
    lock_pool,
    order_line_skus,
    order_number,
)
from purchasing.operations.progress import refresh_progress
from purchasing.splitting import Claim, OrderedLine, ReceivedLine, Share, split_claims
from purchasing.tolerances import Finding, Terms, differences_beyond
from retail.common.errors import WrongStatus
from retail.common.money import ZERO


@transaction.atomic
def match_invoice(*, invoice_id: int, at: datetime) -> SupplierInvoice:
    """
    Find the order lines and receipts of an invoice, and what does not agree.

    Other open bills of the same articles are worked out again with it. Units that were not
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
    work_out(pool, just_entered=invoice, at=at)
    return invoice


def work_out(pool: Pool, *, at: datetime, just_entered: SupplierInvoice | None = None) -> None:
    """
    Set the bills of a pool against its orders and receipts anew, and test them.

    just_entered: the one bill that may still be CAPTURED and gets a status of its own; others
    that were entered and never matched take their units and wait for their own turn.
    """
    claims = _claims(pool)
    shares = split_claims(
        claims,
        ordered=[
            OrderedLine(id=line.pk, unit_cost=line.unit_cost, billable=_billable(line))
            for line in pool.order_lines
        ],
        received=[
            ReceivedLine(id=line.pk, order_line_id=line.order_line_id, accepted=line.accepted)
            for line in pool.receipt_lines
        ],
    )
    new_matches = _store_matches(pool, shares, at=at)
    _store_counters(pool, shares, at=at)
    changed = _store_findings(pool, claims, shares, at=at)
    refresh_statuses(
        [
            invoice
            for invoice in pool.invoices.values()
            if invoice.status in MATCHABLE
            and (invoice == just_entered or invoice.status != invoice.Status.CAPTURED)
        ],
        at=at,
        changed=changed,
        whole=[just_entered.pk] if just_entered else [],
    )
    supplied = {pool.invoice_of(match.invoice_line_id) for match in new_matches}
    post_goods_found(
        invoice_ids=[invoice.pk for invoice in supplied if invoice.status in PAYABLE], at=at
    )


def _claims(pool: Pool) -> list[Claim]:
    """
    Return the claims in the order they are served, which the documents give themselves.

    What is payable first, then lines that name their order, then by date and number.
    """
    fixed = defaultdict(list)
    for match in pool.matches:
        if pool.invoice_of(match.invoice_line_id).status in PAYABLE:
            fixed[match.invoice_line_id].append(_share(match))
    open_ids = _open_order_lines(pool, fixed)

    placed = []
    for line in pool.invoice_lines:
        invoice = pool.invoices[line.invoice_id]
        is_open = invoice.status in MATCHABLE and line.kind != SupplierInvoiceLine.Kind.CHARGE
        if not (is_open or line.pk in fixed):
            continue
        names_order, order_line_ids = _find_order_lines(line, pool.order_lines, open_ids)
        claim = Claim(
            id=line.pk,
            units=line.quantity,
            net_amount=line.net_amount,
            currency=invoice.currency,
            order_line_ids=order_line_ids,
            is_credit=invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE,
            fixed=tuple(fixed[line.pk]),
        )
        # The keys come last: they decide only between documents that are alike in everything.
        place = (not claim.fixed, not names_order, invoice.invoiced_on, invoice.number_normalised)
        placed.append(((*place, line.position, line.pk), claim))
    return [claim for _, claim in sorted(placed, key=lambda pair: pair[0])]


def _share(match: MatchAllocation) -> Share:
    return Share(
        invoice_line_id=match.invoice_line_id,
        order_line_id=match.order_line_id,
        receipt_line_id=match.receipt_line_id,
        units=match.units,
    )


def _billable(line: PurchaseOrderLine) -> int:
    """
    Return how many units of an order line may be billed: what is due, or came in excess.

    What came in place of goods that were sent back comes free.
    """
    return max(line.ordered - line.cancelled, line.received - line.to_replace)


def _open_order_lines(pool: Pool, fixed: Mapping[int, Iterable[Share]]) -> set[int]:
    """Return the order lines that are not wholly billed by payable invoices."""
    billed: Counter[int] = Counter()
    for line_id, shares in fixed.items():
        for share in shares:
            billed[share.order_line_id] += share.units * pool.sign_of(line_id)
    return {line.pk for line in pool.order_lines if billed[line.pk] < _billable(line)}


def _find_order_lines(
    line: SupplierInvoiceLine, order_lines: Sequence[PurchaseOrderLine], open_ids: Collection[int]
) -> tuple[bool, frozenset[int]]:
    """
    Return whether the line names its order, and which order lines it may belong to.

    The lines of the order it names; else every open line. The article is found by the supplier's
    SKU or ours, else by GTIN.
    """
    sku = line.supplier_sku.upper()
    alike = [ordered for ordered in order_lines if sku in order_line_skus(ordered)] or [
        ordered for ordered in order_lines if line.gtin and line.gtin == ordered.variant.gtin
    ]
    number = order_number(line.order_number)
    if named := frozenset(ordered.pk for ordered in alike if ordered.order.number == number):
        return True, named
    return False, frozenset(ordered.pk for ordered in alike if ordered.pk in open_ids)


def _store_matches(pool: Pool, shares: Sequence[Share], *, at: datetime) -> list[MatchAllocation]:
    """Write only what differs from the rows there are; return the new rows."""
    wanted = {
        (share.invoice_line_id, share.order_line_id, share.receipt_line_id): share.units
        for share in shares
    }
    gone, changed = [], []
    for match in pool.matches:
        units = wanted.pop((match.invoice_line_id, match.order_line_id, match.receipt_line_id), 0)
        if not units:
            gone.append(match.pk)
        elif units != match.units:
            match.units, match.matched_at = units, at
            changed.append(match)
    MatchAllocation.objects.filter(pk__in=gone).delete()
    MatchAllocation.objects.bulk_update(changed, ["units", "matched_at"])
    return MatchAllocation.objects.bulk_create(
        [
            MatchAllocation(
                invoice_line_id=invoice_line_id,
                order_line_id=order_line_id,
                receipt_line_id=receipt_line_id,
                units=units,
                matched_at=at,
            )
            for (invoice_line_id, order_line_id, receipt_line_id), units in wanted.items()
        ]
    )


def _store_counters(pool: Pool, shares: Sequence[Share], *, at: datetime) -> None:
    """Bring the running totals of order and receipt lines in step with the matches."""
    invoiced: Counter[int] = Counter()
    matched: Counter[int | None] = Counter()
    for share in shares:
        units = share.units * pool.sign_of(share.invoice_line_id)
        invoiced[share.order_line_id] += units
        matched[share.receipt_line_id] += units

    order_lines = [line for line in pool.order_lines if line.invoiced != invoiced[line.pk]]
    for order_line in order_lines:
        order_line.invoiced = invoiced[order_line.pk]
    PurchaseOrderLine.objects.bulk_update(order_lines, ["invoiced"])

    receipt_lines = [line for line in pool.receipt_lines if line.matched != matched[line.pk]]
    for receipt_line in receipt_lines:
        receipt_line.matched = matched[receipt_line.pk]
    GoodsReceiptLine.objects.bulk_update(receipt_lines, ["matched"])
    refresh_progress(order_ids={line.order_id for line in order_lines}, at=at)


def _store_findings(
    pool: Pool, claims: Sequence[Claim], shares: Sequence[Share], *, at: datetime
) -> set[int]:
    limits = limits_for(pool.supplier_id)
    tested = {
        line.pk: pool.invoices[line.invoice_id]
        for line in pool.invoice_lines
        if pool.invoices[line.invoice_id].status in MATCHABLE
    }
    charges = [
        Finding(line.pk, MatchException.Kind.CHARGE, ZERO, line.net_amount)
        for line in pool.invoice_lines
        if line.pk in tested and line.kind == SupplierInvoiceLine.Kind.CHARGE
    ]
    differences = differences_beyond(limits, claims=claims, shares=shares, terms=_terms(pool))
    order_of = {line.pk: line.order for line in pool.order_lines}
    raisers = {
        share.invoice_line_id: order_of[share.order_line_id].raised_by_id for share in shares
    }
    found = [
        Found(
            invoice=tested[line_id],
            finding=finding,
            limits=limits,
            order_raised_by_id=raisers.get(line_id),
        )
        for finding in [*charges, *differences]
        if (line_id := finding.invoice_line_id) in tested
    ]
    return record_findings(found, tested_lines=tested, at=at)


def _terms(pool: Pool) -> dict[int, Terms]:
    """
    Return order line id -> what it says; goods that are not stocked need no receipt.

    Goods that were sent back to be replaced count once: when what comes in their place is here.
    """
    accepted: Counter[int] = Counter()
    for receipt_line in pool.receipt_lines:
        accepted[receipt_line.order_line_id] += receipt_line.accepted
    return {
        line.pk: Terms(
            unit_cost=line.unit_cost,
            currency=line.order.currency,
            billable=_billable(line),
            accepted=max(accepted[line.pk] - line.to_replace, 0),
            is_three_way=line.variant.is_stocked,
        )
        for line in pool.order_lines
    }
