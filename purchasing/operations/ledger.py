"""
The ledger of buying: the one way in which postings are written, and those that goods make.

Received and not invoiced is kept in step with documents by targets: of a receipt line the account
holds the part of its value whose units are neither billed nor sent back, to the cent. A posting
moves the account from the target before to the target after, so parts always add up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from django.conf import settings

from inventory.models import CostMovement, StockLevel, StockMovement
from purchasing.models import (
    Account,
    GoodsReceipt,
    GoodsReceiptLine,
    LandedCost,
    LandedCostShare,
    LedgerLine,
    LedgerPosting,
    SupplierInvoice,
    SupplierReturn,
    SupplierReturnLine,
)
from purchasing.queries.grni import OpenGoods, open_goods
from retail.common.copying import FEW, copy_rows
from retail.common.models import User
from retail.common.money import ZERO, split_amount

Kind = LedgerPosting.Kind
_LINE_COLUMNS = (
    *("posting_id", "account", "amount", "order_line_id", "receipt_line_id", "invoice_line_id"),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """An amount on an account, positive a debit; what it is about stands beside it."""

    account: str
    amount: Decimal
    order_line_id: int | None = None
    receipt_line_id: int | None = None
    invoice_line_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class NewPosting:
    """
    What one act changes in the accounts; its entries add up to nothing.

    reference: of the document and the act. The document is one of the four, or none.
    """

    kind: str
    reference: str
    entries: Sequence[Entry]
    receipt: GoodsReceipt | None = None
    supplier_return: SupplierReturn | None = None
    invoice: SupplierInvoice | None = None
    landed_cost: LandedCost | None = None
    reason: str = ""


def post(posting: NewPosting, *, at: datetime, by: User | None) -> LedgerPosting | None:
    """Write one posting, as `post_all` does; none where nothing changes."""
    return next(iter(post_all([posting], at=at, by=by)), None)


def post_all(
    postings: Iterable[NewPosting], *, at: datetime, by: User | None
) -> list[LedgerPosting]:
    """
    Write postings in two statements: one for them, one for all of their lines.

    Entries of nothing are left out, and so are postings without entries. The caller has made sure
    that it posts an act once; the database refuses a reference that was used before, and entries
    that do not add up to nothing.
    """
    wanted = [(new, joined) for new in postings if (joined := _joined(new.entries))]
    if not wanted:
        return []
    rows = LedgerPosting.objects.bulk_create(
        [
            LedgerPosting(
                kind=new.kind,
                reference=new.reference,
                receipt=new.receipt,
                supplier_return=new.supplier_return,
                invoice=new.invoice,
                landed_cost=new.landed_cost,
                reason=new.reason,
                posted_at=at,
                posted_by=by,
            )
            for new, _ in wanted
        ]
    )
    lines = [
        (row, entry) for row, (_, entries) in zip(rows, wanted, strict=True) for entry in entries
    ]
    _insert(lines)
    return rows


def post_received(
    receipt: GoodsReceipt, lines: Iterable[GoodsReceiptLine], *, at: datetime, by: User | None
) -> None:
    """Post accepted goods of a new receipt: to stock, owed until they are billed."""
    entries = []
    for line in lines:
        about = Entry(Account.STOCK, line.value, line.order_line_id, line.pk)
        entries += [about, replace(about, account=Account.GRNI, amount=-line.value)]
    post(
        NewPosting(kind=Kind.RECEIPT, reference=receipt.number, receipt=receipt, entries=entries),
        at=at,
        by=by,
    )


def post_receipt_reversed(
    receipt: GoodsReceipt,
    lines: Sequence[GoodsReceiptLine],
    movements: Sequence[StockMovement],
    *,
    at: datetime,
    by: User | None,
) -> None:
    """
    Post a receipt taken back whole: nothing of it is owed any more.

    Its goods left the stock at the average, which the movements say; the rest is cost of sales.
    """
    came = [line for line in lines if line.accepted]
    left = _left_by_line(came, movements)
    entries: list[Entry] = []
    for line in came:
        about = Entry(Account.GRNI, line.value, line.order_line_id, line.pk)
        entries += [
            about,
            replace(about, account=Account.STOCK, amount=-left[line.pk]),
            replace(about, account=Account.COST_OF_SALES, amount=left[line.pk] - line.value),
        ]
    post(
        NewPosting(
            kind=Kind.RECEIPT_REVERSED,
            reference=f"{receipt.number}/reversed",
            receipt=receipt,
            reason=receipt.reverse_reason,
            entries=entries,
        ),
        at=at,
        by=by,
    )


def post_returned(
    returned: SupplierReturn,
    lines: Sequence[SupplierReturnLine],
    *,
    at: datetime,
    by: User | None,
) -> None:
    """
    Post goods that were sent back, once their units are counted as returned.

    They leave the stock at the average. What their receipt took them in at is owed less, when a
    credit or a replacement is expected; of goods without a receipt the credit that is expected.
    What both differ is cost of sales. The supplier's credit note puts it the other way again.
    """
    ours = [line for line in lines if line.held_goods_id is None]
    claimed = _claimed(returned, ours)
    entries: list[Entry] = []
    for line in ours:
        source = line.receipt_line
        about = Entry(
            Account.STOCK,
            -line.stock_value,
            source.order_line_id if source else None,
            source.pk if source else None,
        )
        owed = claimed[line.pk]
        entries += [
            about,
            replace(about, account=Account.GRNI if source else Account.PURCHASES, amount=owed),
            replace(about, account=Account.COST_OF_SALES, amount=line.stock_value - owed),
        ]
    post(
        NewPosting(
            kind=Kind.RETURN,
            reference=returned.number,
            supplier_return=returned,
            entries=entries,
        ),
        at=at,
        by=by,
    )


def post_landed(
    landed: LandedCost, shares: Iterable[LandedCostShare], *, at: datetime, by: User | None
) -> None:
    """Post what a landed cost laid on goods, taken out of the charges that are not landed."""
    entries = []
    for share in shares:
        about = Entry(
            Account.STOCK,
            share.to_stock,
            share.receipt_line.order_line_id,
            share.receipt_line_id,
        )
        entries += [
            about,
            replace(about, account=Account.COST_OF_SALES, amount=share.expensed),
        ]
    post(
        NewPosting(
            kind=Kind.LANDED,
            reference=landed.number,
            landed_cost=landed,
            entries=[*entries, Entry(Account.CHARGES, -landed.amount)],
        ),
        at=at,
        by=by,
    )


def post_landed_cancelled(
    landed: LandedCost, movements: Mapping[int, CostMovement], *, at: datetime, by: User | None
) -> None:
    """
    Post a landed cost taken back, as the goods stand now.

    movements: receipt line id -> what took its share back.
    """
    order_lines = dict(
        GoodsReceiptLine.objects.filter(pk__in=list(movements)).values_list("pk", "order_line_id")
    )
    entries = []
    for line_id, movement in movements.items():
        about = Entry(Account.STOCK, movement.value, order_lines[line_id], line_id)
        entries += [
            about,
            replace(about, account=Account.COST_OF_SALES, amount=movement.expensed),
        ]
    post(
        NewPosting(
            kind=Kind.LANDED_CANCELLED,
            reference=f"{landed.number}/cancelled",
            landed_cost=landed,
            reason=landed.cancel_reason,
            entries=[*entries, Entry(Account.CHARGES, landed.amount)],
        ),
        at=at,
        by=by,
    )


class Targets:
    """Open units of receipt lines while postings move them, one after the other."""

    def __init__(self, goods: Mapping[int, OpenGoods]) -> None:
        self._goods = goods
        self._open = {pk: found.units for pk, found in goods.items()}

    def rewind(self, receipt_line_id: int, units: int) -> None:
        """Go back to before units were billed or sent back, which the documents say by now."""
        self._open[receipt_line_id] += units

    def settle(self, receipt_line_id: int, units: int) -> Decimal:
        """Take units off what is open; return what that changes on the account, to the cent."""
        goods, before = self._goods[receipt_line_id], self._open[receipt_line_id]
        self._open[receipt_line_id] = before - units
        return goods.value_of(before) - goods.value_of(before - units)


def _claimed(returned: SupplierReturn, lines: Sequence[SupplierReturnLine]) -> dict[int, Decimal]:
    """Return line id -> what is owed less for its goods."""
    sourced = [line for line in lines if line.receipt_line_id]
    if returned.expects == SupplierReturn.Expects.NOTHING:
        return {line.pk: ZERO for line in lines}
    targets = Targets(open_goods({line.receipt_line_id or 0 for line in sourced}))
    for line in sourced:
        targets.rewind(line.receipt_line_id or 0, line.units)
    return {
        line.pk: targets.settle(line.receipt_line_id, line.units)
        if line.receipt_line_id
        else line.credit_value
        for line in lines
    }


def _left_by_line(
    lines: Sequence[GoodsReceiptLine], movements: Sequence[StockMovement]
) -> dict[int, Decimal]:
    """Return receipt line id -> what its goods took out of stock, of each article by units."""
    left: dict[int, Decimal] = {}
    of_variant: dict[int, list[GoodsReceiptLine]] = defaultdict(list)
    for line in lines:
        of_variant[line.order_line.variant_id].append(line)
    variant_of = dict(
        StockLevel.objects.filter(pk__in=[movement.level_id for movement in movements]).values_list(
            "pk", "variant_id"
        )
    )
    for movement in movements:
        here = of_variant[variant_of[movement.level_id]]
        shares = split_amount(
            -movement.cost_value, [line.accepted for line in here], settings.RETAIL_CURRENCY
        )
        left |= {line.pk: share for line, share in zip(here, shares, strict=True)}
    return left


def _joined(entries: Iterable[Entry]) -> list[Entry]:
    """Add up entries about the same, and leave out those of nothing."""
    amounts: dict[Entry, Decimal] = defaultdict(lambda: ZERO)
    for entry in entries:
        amounts[replace(entry, amount=ZERO)] += entry.amount
    return [replace(about, amount=amount) for about, amount in amounts.items() if amount]


def _insert(lines: Sequence[tuple[LedgerPosting, Entry]]) -> None:
    """Insert all lines in one statement, else the database finds a posting that is not whole."""
    if len(lines) <= FEW:
        LedgerLine.objects.bulk_create(
            [
                LedgerLine(
                    posting=posting,
                    account=entry.account,
                    amount=entry.amount,
                    order_line_id=entry.order_line_id,
                    receipt_line_id=entry.receipt_line_id,
                    invoice_line_id=entry.invoice_line_id,
                )
                for posting, entry in lines
            ]
        )
        return
    copy_rows(
        table="purchasing_ledgerline",
        columns=_LINE_COLUMNS,
        rows=(
            (
                *(posting.pk, entry.account, entry.amount),
                *(entry.order_line_id, entry.receipt_line_id, entry.invoice_line_id),
            )
            for posting, entry in lines
        ),
    )
