"""A bill beside what was ordered and received, line by line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    MatchAllocation,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from retail.common.money import round_rate


@dataclass(frozen=True)
class ReceiptBehind:
    """A receipt of the order line; units of it are set against this line of the bill."""

    line: GoodsReceiptLine
    units: int

    @property
    def free(self) -> int:
        """Accepted units that no bill was set against, and that did not go back."""
        return max(self.line.accepted - self.line.returned - self.line.matched, 0)


@dataclass(frozen=True)
class OtherBill:
    """Another document set against the same order line; units given back are below zero."""

    invoice: SupplierInvoice
    units: int
    unit_price: Decimal
    is_price_only: bool


@dataclass(frozen=True)
class Comparison:
    """
    A line of a bill beside an order line it was set against, or beside nothing.

    ordered, received and invoiced are the order line's totals over all deliveries and bills;
    billed and matched are units of this line; unit_price is net with the line's charges.
    """

    line: SupplierInvoiceLine
    order_line: PurchaseOrderLine | None
    billed: int
    matched: int
    receipts: Sequence[ReceiptBehind] = ()
    other_bills: Sequence[OtherBill] = ()

    @property
    def unit_price(self) -> Decimal:
        return round_rate(self.line.net_amount / self.line.quantity)

    @property
    def price_difference(self) -> Decimal | None:
        """What a unit costs above the order."""
        return None if self.order_line is None else self.unit_price - self.order_line.unit_cost

    @property
    def price_percent(self) -> Decimal | None:
        """The price difference in percent of the order's price, None of nothing."""
        if self.order_line is None or not self.order_line.unit_cost or not self.price_difference:
            return None
        return round(self.price_difference * 100 / self.order_line.unit_cost, 1)

    @property
    def missing(self) -> int:
        """Billed units that no delivery stands behind."""
        return self.billed - self.matched

    @property
    def billed_in_all(self) -> int:
        """Units that this and the other documents bill of the order line."""
        own = -self.billed if self.gives_back else self.billed
        return (0 if self.line.is_price_only else own) + sum(
            bill.units for bill in self.other_bills if not bill.is_price_only
        )

    @property
    def gives_back(self) -> bool:
        """Whether its units are taken off what was billed."""
        is_credit = self.line.invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE
        return is_credit != self.line.is_deduction

    @property
    def is_off(self) -> bool:
        """Whether a person should look: on no order, dearer than ordered, or without goods."""
        return self.price_difference is None or self.price_difference > 0 or self.missing > 0


def invoice_comparison(invoice_id: int) -> list[Comparison]:
    """
    Return every line of a bill beside what was ordered, received and invoiced in all.

    Four queries, however many lines it has.
    """
    lines = list(
        SupplierInvoiceLine.objects.filter(invoice=invoice_id)
        .select_related("invoice")
        .order_by("position")
    )
    matches = (
        MatchAllocation.objects.filter(invoice_line__invoice=invoice_id)
        .select_related("order_line__order", "order_line__variant__product")
        .order_by("order_line")
    )
    of_line: dict[int, dict[PurchaseOrderLine | None, list[MatchAllocation]]] = defaultdict(dict)
    order_line_ids = set()
    for match in matches:
        of_line[match.invoice_line_id].setdefault(match.order_line, []).append(match)
        order_line_ids.add(match.order_line_id)
    receipts, others = _receipts(order_line_ids), _other_bills(order_line_ids, invoice_id)
    return [
        Comparison(
            line=line,
            order_line=order_line,
            billed=sum(share.units for share in shares) if order_line else line.quantity,
            matched=sum(share.units for share in shares if share.receipt_line_id),
            receipts=_behind(receipts.get(order_line.pk, ()), shares) if order_line else (),
            other_bills=others.get(order_line.pk, ()) if order_line else (),
        )
        for line in lines
        for order_line, shares in (of_line[line.pk] or {None: []}).items()
    ]


def _receipts(order_line_ids: Collection[int]) -> Mapping[int, Sequence[GoodsReceiptLine]]:
    """Return order line id -> what came of it, the oldest first."""
    came: dict[int, list[GoodsReceiptLine]] = defaultdict(list)
    for line in (
        GoodsReceiptLine.objects.filter(
            order_line__in=list(order_line_ids), receipt__status=GoodsReceipt.Status.POSTED
        )
        .select_related("receipt")
        .order_by("receipt__received_at", "pk")
    ):
        came[line.order_line_id].append(line)
    return came


def _behind(
    receipts: Sequence[GoodsReceiptLine], shares: Sequence[MatchAllocation]
) -> list[ReceiptBehind]:
    units = {share.receipt_line_id: share.units for share in shares}
    return [ReceiptBehind(line=line, units=units.get(line.pk, 0)) for line in receipts]


def _other_bills(
    order_line_ids: Collection[int], invoice_id: int
) -> Mapping[int, Sequence[OtherBill]]:
    """Return order line id -> the other documents set against it, in the order they came."""
    units: dict[tuple[int, SupplierInvoiceLine], int] = defaultdict(int)
    for match in (
        MatchAllocation.objects.filter(order_line__in=list(order_line_ids))
        .exclude(invoice_line__invoice=invoice_id)
        .select_related("invoice_line__invoice")
        .order_by("invoice_line__invoice", "pk")
    ):
        units[match.order_line_id, match.invoice_line] += match.units
    bills: dict[int, list[OtherBill]] = defaultdict(list)
    for (order_line_id, line), billed in units.items():
        is_credit = line.invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE
        bills[order_line_id].append(
            OtherBill(
                invoice=line.invoice,
                units=-billed if is_credit != line.is_deduction else billed,
                unit_price=round_rate(line.net_amount / line.quantity),
                is_price_only=line.is_price_only,
            )
        )
    return bills
