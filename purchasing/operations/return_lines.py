"""What goes back to a supplier: which goods may stand on a return, and at what credit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog.models import Variant
from inventory.models import Location
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    HeldGoods,
    Supplier,
    SupplierReturn,
    SupplierReturnLine,
)
from purchasing.queries.supplier_returns import last_costs
from retail.common.errors import BusinessError
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.money import ZERO, round_rate

Expects = SupplierReturn.Expects


class NothingToReturn(BusinessError):
    """A return without lines sends nothing back."""


class InvalidReturnLine(BusinessError):
    """A line that names no goods, goods of another supplier, no units, or no price as credit."""


class MoreThanReceived(BusinessError):
    """Fewer units of a receipt are left to be sent back; `left` is receipt line id -> units."""


class ReceiptReversed(BusinessError):
    """The receipt was reversed, so nothing of it is here to be sent back."""


class MixedCurrencies(BusinessError):
    """Goods bought in several currencies cannot be credited in one."""


class NothingToReplace(BusinessError):
    """Goods without a receipt have no order line on which a replacement could come."""


@dataclass(frozen=True, kw_only=True)
class ReturnedGoods:
    """
    Units that are to go back: of one receipt line, of held goods, or of plain stock.

    Exactly one of receipt_line_id, held_goods_id and variant_id is given. location_id: where they
    lie; without it where the receipt brought them, and held goods where they are held.
    unit_credit: expected for one, in the currency they were bought in; without it what they cost,
    of plain stock what was last paid to the supplier. Held goods were never ours and cost nothing.
    """

    units: int
    receipt_line_id: int | None = None
    held_goods_id: int | None = None
    variant_id: int | None = None
    location_id: int | None = None
    unit_credit: Decimal | None = None


@dataclass(frozen=True)
class _Known:
    """The rows that lines name, read together."""

    receipt_lines: Mapping[int, GoodsReceiptLine]
    held_goods: Mapping[int, HeldGoods]
    variants: Mapping[int, Variant]
    location_ids: Collection[int]
    costs: Mapping[int, Decimal]


def return_lines(
    *, supplier: Supplier, expects: str, goods: Sequence[ReturnedGoods]
) -> tuple[str, list[SupplierReturnLine]]:
    """
    Return the currency of a return and its unsaved lines, in the given order.

    :raises NothingToReturn, InvalidReturnLine, MoreThanReceived, ReceiptReversed,
        MixedCurrencies, NothingToReplace: says what is wrong.
    """
    if not goods:
        msg = "A return needs at least one line."
        raise NothingToReturn(msg)
    known = _known(supplier, goods)
    for position, one in enumerate(goods, start=1):
        _check(position, one, supplier=supplier, expects=expects, known=known)
    named = [line for one in goods if (line := known.receipt_lines.get(one.receipt_line_id or 0))]
    require_returnable(
        named, units_by_receipt_line((one.receipt_line_id, one.units) for one in goods)
    )
    lines = [
        _line(position, one, expects=expects, known=known)
        for position, one in enumerate(goods, start=1)
    ]
    return _currency(supplier, named), lines


def require_returnable(lines: Iterable[GoodsReceiptLine], units: Mapping[int, int]) -> None:
    """
    Pass when receipt lines have these units left to be sent back (line id -> units).

    With receipt, order and article of each line at hand; locked by whoever sends them back.

    :raises ReceiptReversed, MoreThanReceived: names what is not there.
    """
    left = {}
    for line in lines:
        if line.receipt.status == GoodsReceipt.Status.REVERSED:
            msg = f"{line.receipt} was reversed: nothing of it is here to be sent back."
            raise ReceiptReversed(msg, receipt=line.receipt.number)
        if units[line.pk] > line.accepted - line.returned:
            left[line] = line.accepted - line.returned
    if left:
        named = ", ".join(
            f"{count:,} of {line.order_line.variant} of {line.receipt}"
            for line, count in left.items()
        )
        msg = f"No more is left to be sent back than {named}."
        raise MoreThanReceived(msg, left={line.pk: count for line, count in left.items()})


def units_by_receipt_line(rows: Iterable[tuple[int | None, int]]) -> Counter[int]:
    """Add up units of receipt lines, of rows that name one."""
    units: Counter[int] = Counter()
    for receipt_line_id, count in rows:
        if receipt_line_id:
            units[receipt_line_id] += count
    return units


def _known(supplier: Supplier, goods: Sequence[ReturnedGoods]) -> _Known:
    receipt_lines = GoodsReceiptLine.objects.select_related(
        "receipt", "order_line__order", "order_line__variant"
    ).in_bulk([one.receipt_line_id for one in goods if one.receipt_line_id])
    held = HeldGoods.objects.select_related("receipt", "variant").in_bulk(
        [one.held_goods_id for one in goods if one.held_goods_id]
    )
    variants = Variant.objects.in_bulk([one.variant_id for one in goods if one.variant_id])
    # What is on the road cannot be sent.
    locations = Location.objects.exclude(kind=Location.Kind.TRANSIT).filter(
        pk__in=[one.location_id for one in goods if one.location_id]
    )
    return _Known(
        receipt_lines=receipt_lines,
        held_goods=held,
        variants=variants,
        location_ids=set(locations.values_list("pk", flat=True)),
        costs=last_costs(supplier_id=supplier.pk, variant_ids=list(variants)),
    )


def _check(
    position: int, one: ReturnedGoods, *, supplier: Supplier, expects: str, known: _Known
) -> None:
    """Pass when a line names goods that can go back to this supplier."""
    kinds = [one.receipt_line_id, one.held_goods_id, one.variant_id]
    source = known.receipt_lines.get(one.receipt_line_id or 0)
    held = known.held_goods.get(one.held_goods_id or 0)
    variant = known.variants.get(one.variant_id or 0)
    found = source or held
    if sum(kind is not None for kind in kinds) != 1 or not (found or variant):
        problem = "name a line of a receipt, held goods, or an article"
    elif found and found.receipt.supplier_id != supplier.pk:
        problem = f"{found.receipt} came from another supplier"
    elif variant and not variant.is_stocked:
        problem = f"{variant} is not kept in stock"
    elif one.location_id not in known.location_ids and (variant or one.location_id):
        problem = "say where the goods lie"
    elif not 1 <= one.units < MAX_UNITS:
        problem = "at least one unit goes back"
    elif held and held.receipt.status == GoodsReceipt.Status.REVERSED:
        problem = f"{held.receipt} was reversed"
    elif held and one.units > held.left:
        problem = f"{held.left:,} units are held"
    elif one.unit_credit is not None and not _is_price(one.unit_credit):
        problem = "the credit is not a price"
    else:
        if variant and expects == Expects.REPLACEMENT:
            msg = (
                f"{variant} is named without a receipt, so no order line expects a replacement:"
                " ask for a credit, and order it anew."
            )
            raise NothingToReplace(msg, position=position, sku=variant.sku)
        return
    raise InvalidReturnLine(f"Line {position}: {problem}.", position=position)


def _is_price(amount: Decimal) -> bool:
    return amount.is_finite() and 0 <= amount < MAX_AMOUNT


def _currency(supplier: Supplier, named: Sequence[GoodsReceiptLine]) -> str:
    currencies = sorted({line.order_line.order.currency for line in named})
    if len(currencies) > 1:
        msg = f"Bought in {' and '.join(currencies)}: make one return for each currency."
        raise MixedCurrencies(msg, currencies=currencies)
    return currencies[0] if currencies else supplier.currency


def _line(position: int, one: ReturnedGoods, *, expects: str, known: _Known) -> SupplierReturnLine:
    line = SupplierReturnLine(position=position, units=one.units)
    credit = one.unit_credit
    if source := known.receipt_lines.get(one.receipt_line_id or 0):
        line.receipt_line, line.variant_id = source, source.order_line.variant_id
        line.location_id = one.location_id or source.receipt.location_id
        credit = source.unit_cost if credit is None else credit
    elif held := known.held_goods.get(one.held_goods_id or 0):
        line.held_goods, line.variant_id = held, held.variant_id
        line.location_id, credit = held.location_id, ZERO
    else:
        line.variant_id, line.location_id = one.variant_id, one.location_id or 0
        credit = known.costs.get(one.variant_id or 0, ZERO) if credit is None else credit
    line.unit_credit = ZERO if expects == Expects.NOTHING else round_rate(credit)
    return line
