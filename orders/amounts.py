"""What was really paid for pieces of an order: pure arithmetic, to the cent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from orders.models import Order, OrderLine, Payment
from retail.common.money import ZERO, floor_part, round_part

# Amounts have four decimals, so that this many times one is a whole number.
TEN_THOUSAND = 10_000
NONE_OFF: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Paid:
    """
    What became of an order's payments, all of them together.

    authorized: what may still be charged. voided: what was authorized and will not be.
    """

    authorized: Decimal = ZERO
    charged: Decimal = ZERO
    refunded: Decimal = ZERO
    voided: Decimal = ZERO

    @property
    def kept(self) -> Decimal:
        return self.charged - self.refunded


NOTHING_PAID = Paid()


def paid_of(payments: Iterable[Payment]) -> Paid:
    """Add up the payments of one order."""
    paid = list(payments)
    return Paid(
        authorized=sum(
            (max(each.authorized - each.charged - each.voided, ZERO) for each in paid), ZERO
        ),
        charged=sum((each.charged for each in paid), ZERO),
        refunded=sum((each.refunded for each in paid), ZERO),
        voided=sum((each.voided for each in paid), ZERO),
    )


def paid_for_lines(
    *,
    lines: Collection[OrderLine],
    discount: Decimal,
    currency: str,
    off_there: Mapping[int, int] = NONE_OFF,
) -> dict[int, Decimal]:
    """
    Return line id -> what is paid for the line once the order's own discount is shared out.

    lines: all lines of the order; their totals have the discounts of lines taken off already.
    off_there: line id -> pieces that the channel cancelled, which its totals count no more. A line
    without other pieces costs nothing.
    discount: of the order as a whole, shared by the totals of lines. What it is above all of them
    is taken off the postage. The lines add up to their totals less the discount, to the cent.
    """
    ranked = sorted(lines, key=lambda line: line.pk)
    totals = [line.total if line.ordered > off_there.get(line.pk, 0) else ZERO for line in ranked]
    weights = [max(total, ZERO) for total in totals]
    whole = sum(weights, ZERO)
    shared = min(discount, whole)
    paid = {}
    so_far = taken = ZERO
    for line, total, weight in zip(ranked, totals, weights, strict=True):
        so_far += weight
        until_here = _share(shared, so_far, whole, currency)
        paid[line.pk] = total - (until_here - taken)
        taken = until_here
    return paid


def paid_for_pieces(
    *, paid: Decimal, ordered: int, before: int, pieces: int, currency: str
) -> Decimal:
    """
    Return the part of a line's amount that some of its pieces stand for.

    paid: for all `ordered` pieces. before: pieces that were given back or called off earlier; the
    last piece gets what the others leave, so that all of them together are the line's amount.
    """
    before, until = min(before, ordered), min(before + pieces, ordered)
    return _first_pieces(paid, until, ordered, currency) - _first_pieces(
        paid, before, ordered, currency
    )


def due_of(
    *, order: Order, lines: Collection[OrderLine], off_there: Mapping[int, int] = NONE_OFF
) -> Decimal:
    """
    Return what has to be paid for an order: its total less what the pieces we cancelled stand for.

    Nothing for an order that is cancelled, postage included; as long as anything of it goes out the
    postage is due. off_there: pieces that the channel cancelled, which its total counts no more.
    """
    if order.lifecycle == Order.Lifecycle.CANCELLED:
        return ZERO
    if not any(line.cancelled for line in lines):
        return max(order.total, ZERO)
    paid = paid_for_lines(
        lines=lines,
        discount=order.discount_total,
        currency=order.currency,
        off_there=off_there,
    )
    called_off = ZERO
    for line in lines:
        gone = off_there.get(line.pk, 0)
        called_off += _first_pieces(
            paid[line.pk], line.cancelled - gone, line.ordered - gone, order.currency
        )
    return max(order.total - called_off, ZERO)


def paid_for(
    *,
    order: Order,
    lines: Collection[OrderLine],
    before: Mapping[int, int],
    pieces: Mapping[int, int],
    off_there: Mapping[int, int] = NONE_OFF,
) -> dict[int, Decimal]:
    """
    Return line id -> what was paid for these pieces of the lines of one order.

    before: line id -> pieces of it given back or called off earlier, by whomever. off_there: those
    of them that the channel called off, which its totals count no more.
    """
    paid = paid_for_lines(
        lines=lines,
        discount=order.discount_total,
        currency=order.currency,
        off_there=off_there,
    )
    ordered = {line.pk: line.ordered - off_there.get(line.pk, 0) for line in lines}
    return {
        line_id: paid_for_pieces(
            paid=paid[line_id],
            ordered=ordered[line_id],
            before=max(before.get(line_id, 0) - off_there.get(line_id, 0), 0),
            pieces=count,
            currency=order.currency,
        )
        for line_id, count in pieces.items()
    }


def _first_pieces(paid: Decimal, pieces: int, ordered: int, currency: str) -> Decimal:
    """Return what the first pieces of a line stand for; of all of them it is the whole, uncut."""
    return paid if pieces == ordered else floor_part(paid, pieces, ordered, currency)


def _share(discount: Decimal, so_far: Decimal, whole: Decimal, currency: str) -> Decimal:
    """Return the part of a discount that the lines so far carry."""
    if not whole:
        return ZERO
    if so_far == whole:
        return discount
    return round_part(discount, int(so_far * TEN_THOUSAND), int(whole * TEN_THOUSAND), currency)
