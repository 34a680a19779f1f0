"""Goods that came back over a counter: found among the sales they are of, and taken back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q, Sum

from channels.connectors.base import IncomingRefund, IncomingRefundLine
from channels.connectors.receipts import IncomingReceiptLine
from channels.models import Channel
from channels.operations import ResolvedLine, resolve_variants
from inventory.operations import PeriodClosed
from orders.models import Order, OrderLine, Refund, Return, ReturnLine, StoreReceipt
from orders.operations.closing import close, close_return
from orders.operations.contents import articles_of, contents_of
from orders.operations.payment_updates import take_refund
from orders.operations.promised import lines_of
from orders.operations.reading import fitted, is_amount
from orders.operations.receipt_reading import plain_line
from orders.operations.returned_rows import ReturnedLine
from orders.operations.statuses import ANNOUNCED_RETURNS
from orders.operations.taking_back import take_back, take_back_blind
from retail.common.fields import MAX_UNITS
from retail.common.money import ZERO, round_rate

LONGEST_ID = 100
LONGEST_NOTE = 300


class _Ref(NamedTuple):
    """What the till says goods were sold with."""

    register: str
    number: str


@dataclass(frozen=True, slots=True)
class _Piece:
    """Pieces that came back, and what was given back for them."""

    line: ReturnedLine
    amount: Decimal


@dataclass(frozen=True, slots=True)
class BroughtGoods:
    """
    What came back with a receipt, by the sale it is of.

    of_sales: order -> pieces of its lines. blind: pieces of known articles whose sale nobody knows,
    `why` that is. not_taken: what nobody can take back, in words. variant_ids: of goods that are
    put in stock.
    """

    of_sales: Mapping[Order, Sequence[_Piece]]
    blind: Sequence[_Piece]
    why: str
    not_taken: Sequence[str]
    variant_ids: frozenset[int]

    @property
    def is_empty(self) -> bool:
        return not self.of_sales and not self.blind


def lock_sales(
    stored: StoreReceipt, lines: Iterable[IncomingReceiptLine]
) -> dict[tuple[str, str], Order]:
    """
    Find the sales that returned lines name, and lock them by primary key.

    Returns (register, number), as `_ref_of` makes it, -> order. A receipt of this till's register
    counts before one of another register, that before an order of any channel with this number.
    """
    refs = {_ref_of(stored, line) for line in lines if line.sold_with.strip()}
    if not refs:
        return {}
    found = _by_receipt(stored.channel, refs)
    found |= _by_number({ref for ref in refs if ref not in found})
    orders = {
        order.pk: order
        for order in Order.objects.for_update()
        .filter(pk__in=set(found.values()))
        .select_related("channel")
    }
    return {ref: orders[pk] for ref, pk in found.items()}


def plan_brought(
    stored: StoreReceipt,
    lines: Sequence[IncomingReceiptLine],
    sales: Mapping[tuple[str, str], Order],
) -> BroughtGoods:
    """
    Find for each returned line the line of a locked sale that its pieces are of.

    Only pieces that are with the customer and that nobody announced to send count; what is more is
    taken back blind.
    """
    found = resolve_variants(channel=stored.channel, lines=[plain_line(line) for line in lines])
    plan = _Plan(stored, sales)
    for line, variant in zip(lines, found, strict=True):
        plan.place(line, variant)
    return plan.finish()


def take_back_brought(
    stored: StoreReceipt, brought: BroughtGoods, *, sold_at: datetime, at: datetime
) -> list[Return]:
    """
    Take back what came, sale by sale and then blind, and write what the till gave back for it.

    Each return is closed: the money is out. Goods whose time's books are closed come into the open
    ones.
    Locks: the orders, then cost pools and stock levels.
    """
    returns: list[Return] = []
    for order, pieces in sorted(brought.of_sales.items(), key=lambda item: item[0].pk):
        returned = _take_back_of(stored, order, pieces, len(returns), sold_at=sold_at, at=at)
        _give_back(stored, order, returned, pieces, sold_at=sold_at, at=at)
        returns.append(returned)
    if brought.blind:
        returns.append(_take_back_blind(stored, brought, len(returns), sold_at=sold_at, at=at))
    return returns


class _Plan:
    """Where the pieces of returned lines go, worked out line by line."""

    def __init__(self, stored: StoreReceipt, sales: Mapping[tuple[str, str], Order]) -> None:
        self.stored = stored
        self.sales = sales
        self.lines = {order: lines_of(order) for order in set(sales.values())}
        self.left = _pieces_out([line for lines in self.lines.values() for line in lines])
        self.of_sales: dict[Order, list[_Piece]] = defaultdict(list)
        self.blind: list[_Piece] = []
        self.why: list[str] = []
        self.not_taken: list[str] = []

    def place(self, line: IncomingReceiptLine, variant: ResolvedLine) -> None:
        """Find room for the pieces of one line."""
        name = fitted(line.name or line.sku or line.gtin, LONGEST_ID) or "An article"
        pieces = -line.quantity
        if pieces >= MAX_UNITS or not is_amount(line.total) or line.total > 0:
            self.not_taken.append(f"{name}: {line.quantity} pieces for {line.total} make no sense.")
            return
        order = self.sales.get(_ref_of(self.stored, line))
        total, given_back = round_rate(-line.total), ZERO
        price = round_rate(total / pieces)
        for sold in self._lines_like(order, line, variant):
            if not pieces or order is None:
                break
            if count := min(pieces, self.left[sold.pk]):
                self.left[sold.pk] -= count
                pieces -= count
                # The last pieces of the line get what the others leave of its total.
                amount = total - given_back if not pieces else round_rate(price * count)
                given_back += amount
                taken = ReturnedLine(quantity=count, order_line_id=sold.pk, unit_price=price)
                self.of_sales[order].append(_Piece(taken, amount))
        if pieces:
            self._place_blind(line, variant, pieces, price, total - given_back, name)

    def finish(self) -> BroughtGoods:
        lines = [line for lines in self.lines.values() for line in lines]
        taken = {each.line.order_line_id for pieces in self.of_sales.values() for each in pieces}
        contents = contents_of(line for line in lines if line.pk in taken)
        variant_ids = {variant_id for parts in contents.values() for variant_id in parts}
        blind = [each.line.variant_id for each in self.blind if each.line.variant_id]
        articles = articles_of(blind)
        for variant_id in set(blind) - articles.services:
            variant_ids |= articles.contents(variant_id).keys()
        return BroughtGoods(
            of_sales=dict(self.of_sales),
            blind=self.blind,
            why=" ".join(dict.fromkeys(self.why)),
            not_taken=self.not_taken,
            variant_ids=frozenset(variant_ids),
        )

    def _lines_like(
        self, order: Order | None, line: IncomingReceiptLine, variant: ResolvedLine
    ) -> list[OrderLine]:
        """Return the lines of a sale that a returned line may be of, oldest first."""
        lines = self.lines[order] if order is not None else []
        return [sold for sold in lines if _is_like(sold, line, variant)]

    def _place_blind(
        self,
        line: IncomingReceiptLine,
        variant: ResolvedLine,
        pieces: int,
        price: Decimal,
        amount: Decimal,
        name: str,
    ) -> None:
        if variant.variant_id is None:
            self.not_taken.append(f"{name} is unknown: {pieces} pieces came back.")
            return
        self.why.append(_why_blind(self.stored, self.sales, line))
        # A return without its sale knows articles, not packs of them.
        units = pieces * variant.pack_size
        if units >= MAX_UNITS:
            self.not_taken.append(f"{name}: {units} units cannot come back.")
            return
        taken = ReturnedLine(
            quantity=units,
            variant_id=variant.variant_id,
            unit_price=round_rate(price / variant.pack_size),
        )
        self.blind.append(_Piece(taken, amount))


def _ref_of(stored: StoreReceipt, line: IncomingReceiptLine) -> tuple[str, str]:
    register = line.sold_at_register.strip() or stored.register
    return _Ref(fitted(register, LONGEST_ID), fitted(line.sold_with, LONGEST_ID))


def _by_receipt(channel: Channel, refs: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    rows = StoreReceipt.objects.filter(
        channel=channel, number__in={number for _, number in refs}, order__isnull=False
    ).values_list("register", "number", "order_id")
    by_register = {(register, number): order_id for register, number, order_id in rows}
    of_number: dict[str, set[int]] = defaultdict(set)
    for (_, number), order_id in by_register.items():
        of_number[number].add(order_id)
    found = {}
    for ref in refs:
        _, number = ref
        if ref in by_register:
            found[ref] = by_register[ref]
        elif len(of_number[number]) == 1:
            found[ref] = next(iter(of_number[number]))
    return found


def _by_number(refs: set[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Find orders of any channel, sold online for one, that exactly one has this number."""
    numbers = {number for _, number in refs}
    if not numbers:
        return {}
    rows = Order.objects.filter(Q(number__in=numbers) | Q(external_number__in=numbers)).values_list(
        "pk", "number", "external_number"
    )
    of_number: dict[str, set[int]] = defaultdict(set)
    for pk, number, external_number in rows:
        of_number[number].add(pk)
        of_number[external_number].add(pk)
    return {
        ref: next(iter(of_number[number]))
        for ref in refs
        for _, number in [ref]
        if len(of_number[number]) == 1
    }


def _pieces_out(lines: Sequence[OrderLine]) -> dict[int, int]:
    """Return line id -> pieces with the customer that nobody announced to send."""
    announced = dict(
        ReturnLine.objects.filter(
            order_line_id__in=[line.pk for line in lines], parent__status__in=ANNOUNCED_RETURNS
        )
        .values_list("order_line_id")
        .annotate(Sum("quantity"))
        .order_by("order_line_id")
    )
    return {
        line.pk: max(line.shipped - line.returned - announced.get(line.pk, 0), 0) for line in lines
    }


def _is_like(sold: OrderLine, line: IncomingReceiptLine, variant: ResolvedLine) -> bool:
    if variant.variant_id is not None and sold.variant_id is not None:
        return (sold.variant_id, sold.pack_size) == (variant.variant_id, variant.pack_size)
    sku, gtin = fitted(line.sku, LONGEST_ID).casefold(), fitted(line.gtin, LONGEST_ID)
    return bool(sku and sold.raw_sku.casefold() == sku) or bool(gtin and sold.raw_gtin == gtin)


def _why_blind(
    stored: StoreReceipt, sales: Mapping[tuple[str, str], Order], line: IncomingReceiptLine
) -> str:
    number = fitted(line.sold_with, LONGEST_ID)
    if not number:
        return f"Receipt {stored} names no sale."
    if order := sales.get(_ref_of(stored, line)):
        return f"Receipt {stored} names {order}, of which no more pieces are out."
    return f"Receipt {stored} names {number}, which nobody knows."


def _take_back_of(
    stored: StoreReceipt,
    order: Order,
    pieces: Sequence[_Piece],
    place: int,
    *,
    sold_at: datetime,
    at: datetime,
) -> Return:
    def taken(moment: datetime) -> Return:
        return take_back(
            order_id=order.pk,
            location=stored.location,
            lines=[each.line for each in pieces],
            key=_return_key(stored, order.channel_id, place),
            at=moment,
            note=f"Receipt {stored}",
        )

    try:
        return taken(sold_at)
    except PeriodClosed:
        return taken(at)


def _take_back_blind(
    stored: StoreReceipt, brought: BroughtGoods, place: int, *, sold_at: datetime, at: datetime
) -> Return:
    def taken(moment: datetime) -> Return:
        return take_back_blind(
            channel=stored.channel,
            location=stored.location,
            lines=[each.line for each in brought.blind],
            note=brought.why[:LONGEST_NOTE],
            key=_return_key(stored, stored.channel_id, place),
            at=moment,
        )

    try:
        returned = taken(sold_at)
    except PeriodClosed:
        returned = taken(at)
    amount = sum((each.amount for each in brought.blind), ZERO)
    note = f"The till gave back {amount:.2f} {stored.currency}."
    return close_return(return_id=returned.pk, note=note, at=at)


def _return_key(stored: StoreReceipt, channel_id: int, place: int) -> str:
    """Return the key of a return: the receipt's own for the first one of its channel."""
    if place == 0 and channel_id == stored.channel_id:
        return f"{stored.register}/{stored.number}"[:LONGEST_ID]
    return f"receipt {stored.pk}-{place + 1}"


def _give_back(
    stored: StoreReceipt,
    order: Order,
    returned: Return,
    pieces: Sequence[_Piece],
    *,
    sold_at: datetime,
    at: datetime,
) -> None:
    """Write that the till gave money back for pieces of a locked sale, and close their return."""
    amount = sum((each.amount for each in pieces), ZERO)
    lines = lines_of(order)
    if amount <= 0:
        close(returned, at=at, by=None, note="The till gave nothing back.")
        return
    external_id = {line.pk: line.external_line_id for line in lines}
    told = IncomingRefund(
        external_id=f"receipt {stored.pk}",
        amount=amount,
        at=sold_at,
        reason=f"Receipt {stored}",
        lines=tuple(
            IncomingRefundLine(
                external_line_id=external_id[each.line.order_line_id or 0],
                quantity=each.line.quantity,
                amount=each.amount,
            )
            for each in pieces
        ),
    )
    current = Order.objects.select_related("channel").get(pk=order.pk)
    take_refund(current, told, lines, at)
    refund = Refund.objects.get(order=order, external_id=told.external_id)
    Refund.objects.filter(pk=refund.pk).update(returned_with=returned)
    close(returned, at=at, by=None, note=f"Refund {refund}")
