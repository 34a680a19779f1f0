"""What bills and credit notes change in the ledger of buying: approved, void, or goods came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import Sum

from purchasing.models import (
    Account,
    GoodsReceiptLine,
    LedgerLine,
    LedgerPosting,
    MatchAllocation,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.operations.bill_shares import LineShares, counted, direction
from purchasing.operations.ledger import Entry, NewPosting, Targets, post, post_all
from purchasing.operations.variances import (
    BilledGoods,
    Rates,
    book_price_differences,
    matches_of,
    take_back_price_differences,
)
from purchasing.queries.grni import open_goods
from retail.common.models import User
from retail.common.money import ZERO, cent, round_amount

Kind = LedgerPosting.Kind
LineKind = SupplierInvoiceLine.Kind


def post_invoices(invoices: Collection[SupplierInvoice], *, at: datetime, by: User | None) -> None:
    """
    Post invoices that were just approved; their price differences reach the cost of the goods.

    What goods stand behind is owed no longer as received, what still waits for goods is owed by
    the supplier from now on; services and goods without an order, charges, tax and what was paid
    before have accounts of their own. A fixed number of queries, whatever their lines.
    Locks: the receipt lines, then the CostPool rows; the caller holds the invoices.
    """
    rates = Rates()
    lines = _lines_of(invoices)
    shares = [
        LineShares(line, total=_worth(line, rates), matches=matches)
        for line, matches in lines
        if line.kind != LineKind.CHARGE
    ]
    billed = _billed_goods(shares, rates)
    entries: dict[int, list[Entry]] = defaultdict(list)
    for share in shares:
        entries[share.line.invoice_id] += [*share.waiting_entries(), *share.other_entries()]
    for line, _ in lines:
        if line.kind == LineKind.CHARGE:
            charge = Entry(Account.CHARGES, _worth(line, rates), invoice_line_id=line.pk)
            entries[line.invoice_id].append(charge)
    _add_goods(entries, billed, at=at)
    for invoice in invoices:
        own = [line for line, _ in lines if line.invoice_id == invoice.pk]
        entries[invoice.pk] += _document_entries(invoice, own, entries[invoice.pk], rates)
    post_all(
        [
            NewPosting(
                kind=Kind.INVOICE,
                reference=invoice.number,
                invoice=invoice,
                entries=entries[invoice.pk],
            )
            for invoice in invoices
        ],
        at=at,
        by=by,
    )


def post_goods_found(*, invoice_ids: Collection[int], at: datetime) -> None:
    """
    Post goods that were set against payable invoices since these were approved.

    What was owed by the supplier for them stands against what was received now; what the bill
    says beyond the order reaches the cost of the goods. A second call posts nothing.
    Locks: the receipt lines, then the CostPool rows; the caller holds the invoices.
    """
    invoices = list(SupplierInvoice.objects.filter(pk__in=list(invoice_ids)).order_by("pk"))
    rates = Rates()
    totals, posted = _posted_of(invoices)
    shares = []
    for line, matches in _lines_of(invoices):
        found = {
            match.pk
            for match in matches
            if match.receipt_line_id and (line.pk, match.receipt_line_id) not in posted
        }
        if found:
            total = totals[line.pk] if line.pk in totals else _worth(line, rates)
            shares.append(LineShares(line, total=total, matches=matches, found=found))
    billed = _billed_goods(shares, rates)
    entries: dict[int, list[Entry]] = defaultdict(list)
    for share in shares:
        entries[share.line.invoice_id] += share.waiting_entries()
    _add_goods(entries, billed, at=at)
    newest = {goods.match.invoice_line.invoice_id: goods.match.pk for goods in billed}
    post_all(
        [
            NewPosting(
                kind=Kind.GOODS_FOUND,
                reference=f"{invoice.number}/goods/{newest[invoice.pk]}",
                invoice=invoice,
                entries=entries[invoice.pk],
            )
            for invoice in invoices
            if invoice.pk in newest
        ],
        at=at,
        by=None,
    )


def post_invoice_voided(invoice: SupplierInvoice, *, at: datetime, by: User | None) -> None:
    """
    Post an approved invoice that was made void, before its matches go.

    All it posted is turned; of the price differences what is still in stock leaves the stock, the
    rest comes off cost of sales. Cents that other documents of the same goods moved meanwhile are
    rounding.
    Locks: the CostPool rows; the caller holds the invoice and the receipt lines.
    """
    lines = _lines_of([invoice])
    goods = [match for _, matches in lines for match in matches if match.receipt_line_id]
    movements = take_back_price_differences(goods, at=at)
    posted = _entries_of(invoice)
    # What lies on receipts moves by what is open of them now, and cost by what is left of it.
    as_posted = {Account.EXCHANGE_DIFFERENCE, Account.ROUNDING}
    entries = [
        replace(entry, amount=-entry.amount)
        for entry in posted
        if entry.receipt_line_id is None or entry.account in as_posted
    ]
    targets = _targets(goods, are_billed=False)
    for match in goods:
        about = _about(match)
        owed = targets.settle(match.receipt_line_id or 0, -counted(match))
        entries.append(replace(about, account=Account.GRNI, amount=owed))
        if movement := movements.get(match.pk):
            entries += _cost_entries(about, movement.value, movement.expensed)
    entries += _cents(posted, entries)
    post(
        NewPosting(
            kind=Kind.INVOICE_VOIDED,
            reference=f"{invoice.number}/void",
            invoice=invoice,
            reason=invoice.void_reason,
            entries=entries,
        ),
        at=at,
        by=by,
    )


def _lines_of(
    invoices: Iterable[SupplierInvoice],
) -> list[tuple[SupplierInvoiceLine, list[MatchAllocation]]]:
    """Return the lines of invoices, each with its matches."""
    lines = list(
        SupplierInvoiceLine.objects.filter(invoice__in=list(invoices))
        .select_related("invoice")
        .order_by("invoice", "position", "pk")
    )
    matches = matches_of([line.pk for line in lines])
    return [(line, matches.get(line.pk, [])) for line in lines]


def _posted_of(
    invoices: Collection[SupplierInvoice],
) -> tuple[dict[int, Decimal], set[tuple[int, int]]]:
    """
    Return invoice line id -> what it is worth by its postings, and which goods were posted.

    The postings and not the rate of today's table: what was posted is what is moved on.
    """
    totals: dict[int, Decimal] = defaultdict(lambda: ZERO)
    goods = set()
    rows = LedgerLine.objects.filter(
        posting__invoice__in=list(invoices), invoice_line__isnull=False
    ).values_list("invoice_line", "receipt_line", "amount")
    for line_id, receipt_line_id, amount in rows.order_by("pk"):
        totals[line_id] += amount
        if receipt_line_id:
            goods.add((line_id, receipt_line_id))
    return dict(totals), goods


def _entries_of(invoice: SupplierInvoice) -> list[Entry]:
    """Return what an invoice's postings made of each account, line by line."""
    about = ("order_line", "receipt_line", "invoice_line")
    sums = (
        LedgerLine.objects.filter(posting__invoice=invoice)
        .values("account", *about)
        .annotate(sum=Sum("amount"))
        .order_by("account", *about)
        .values_list("account", "sum", *about)
    )
    return [Entry(*row) for row in sums]


def _worth(line: SupplierInvoiceLine, rates: Rates) -> Decimal:
    """Return what a line is worth in book currency, signed as it counts."""
    invoice = line.invoice
    worth = line.net_amount * rates[invoice.currency, invoice.invoiced_on]
    return direction(invoice, line) * _booked(worth)


def _billed_goods(shares: Iterable[LineShares], rates: Rates) -> list[BilledGoods]:
    """Return what is newly billed of goods that came, with what that moves on their receipts."""
    shares = list(shares)
    fresh = [match for share in shares for match, _ in share.goods() if share.is_new(match)]
    ids = {match.receipt_line_id for match in fresh}
    list(GoodsReceiptLine.objects.for_update().filter(pk__in=list(ids)))
    targets = _targets(fresh, are_billed=True)
    billed = []
    for share in shares:
        exact, so_far = ZERO, ZERO
        for match, part in share.goods():
            if match.receipt_line is None:
                continue
            units = counted(match)
            exact += units * match.receipt_line.unit_cost * _rate_of_order(match, rates)
            received, so_far = _booked(exact) - so_far, _booked(exact)
            if share.is_new(match):
                billed.append(
                    BilledGoods(
                        match=match,
                        receipt_line=match.receipt_line,
                        billed=part,
                        received=received,
                        goods=targets.settle(match.receipt_line.pk, units),
                    )
                )
    return billed


def _rate_of_order(match: MatchAllocation, rates: Rates) -> Decimal:
    """Return the rate of the bill's day: what changed since the receipt is no cost of goods."""
    return rates[match.order_line.order.currency, match.invoice_line.invoice.invoiced_on]


def _targets(matches: Iterable[MatchAllocation], *, are_billed: bool) -> Targets:
    """
    Return what was open of the matches' receipts before these were billed, or were not any more.

    are_billed: the documents say by now that they are.
    """
    matches = list(matches)
    targets = Targets(open_goods({match.receipt_line_id or 0 for match in matches}))
    for match in matches:
        units = counted(match)
        targets.rewind(match.receipt_line_id or 0, units if are_billed else -units)
    return targets


def _add_goods(
    entries: dict[int, list[Entry]], billed: Sequence[BilledGoods], *, at: datetime
) -> None:
    """Book price differences, and add what billed goods change to the entries of their bills."""
    movements = book_price_differences(billed, at=at)
    for goods in billed:
        about = _about(goods.match)
        added = [
            replace(about, account=Account.GRNI, amount=goods.goods),
            replace(about, account=_drift_account(goods.match), amount=goods.drift),
        ]
        if movement := movements.get(goods.match.pk):
            added += _cost_entries(about, movement.value, movement.expensed)
        entries[goods.match.invoice_line.invoice_id] += added


def _about(match: MatchAllocation) -> Entry:
    return Entry(
        Account.GRNI, ZERO, match.order_line_id, match.receipt_line_id, match.invoice_line_id
    )


def _cost_entries(about: Entry, to_stock: Decimal, expensed: Decimal) -> list[Entry]:
    return [
        replace(about, account=Account.STOCK, amount=to_stock),
        replace(about, account=Account.COST_OF_SALES, amount=expensed),
    ]


def _drift_account(match: MatchAllocation) -> str:
    """Return where it goes what goods differ by that is no price: without a rate it is cents."""
    is_foreign = match.order_line.order.currency != settings.RETAIL_CURRENCY
    return Account.EXCHANGE_DIFFERENCE if is_foreign else Account.ROUNDING


def _document_entries(
    invoice: SupplierInvoice,
    lines: Sequence[SupplierInvoiceLine],
    entries: Sequence[Entry],
    rates: Rates,
) -> list[Entry]:
    """
    Return what a document says below its lines: tax, what was paid before, what is to be paid.

    Where its sums do not agree with its lines and somebody accepted that, cents are rounding and
    more is bought without an order. What changing money leaves over is rounding.
    """
    sign = -1 if invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE else 1
    rate = rates[invoice.currency, invoice.invoiced_on]

    def booked(amount: Decimal) -> Decimal:
        return sign * _booked(amount * rate)

    printed = sum((sign * direction(invoice, line) * line.net_amount for line in lines), ZERO)
    gap = invoice.total - invoice.tax_total - printed
    is_cents = abs(gap) <= cent(invoice.currency) * max(len(lines), 1)
    below = [
        Entry(Account.INPUT_TAX, booked(invoice.tax_total)),
        Entry(Account.PREPAID, -booked(invoice.prepaid_total)),
        Entry(Account.ROUNDING if is_cents else Account.PURCHASES, booked(gap)),
        Entry(Account.ROUNDING, booked(invoice.rounding)),
        Entry(Account.PAYABLES, -booked(invoice.payable)),
    ]
    left = sum((entry.amount for entry in (*entries, *below)), ZERO)
    return [*below, Entry(Account.ROUNDING, -left)]


def _cents(posted: Iterable[Entry], turned: Iterable[Entry]) -> list[Entry]:
    """Return what is left of each line of a document once its postings were turned: cents."""
    left: dict[int | None, Decimal] = defaultdict(lambda: ZERO)
    order_line_of: dict[int | None, int | None] = {}
    for entry in (*posted, *turned):
        left[entry.invoice_line_id] += entry.amount
        order_line_of.setdefault(entry.invoice_line_id, entry.order_line_id)
    return [
        Entry(Account.ROUNDING, -amount, order_line_of[line_id], invoice_line_id=line_id)
        for line_id, amount in left.items()
    ]


def _booked(amount: Decimal) -> Decimal:
    return round_amount(amount, settings.RETAIL_CURRENCY)
