"""What was really paid for pieces of an order: pure arithmetic, to the cent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal

from orders.models import Order, OrderLine
from retail.common.money import ZERO, floor_part, round_part

# Amounts have four decimals, so that this many times one is a whole number.
TEN_THOUSAND = 10_000


def paid_for_lines(
    *, lines: Collection[OrderLine], discount: Decimal, currency: str
) -> dict[int, Decimal]:
    """
    Return line id -> what is paid for the line once the order's own discount is shared out.

    lines: all lines of the order; their totals have the discounts of lines taken off already.
    discount: of the order as a whole, shared by the totals of lines. What it is above all of them
    is taken off the postage. The lines add up to their totals less the discount, to the cent.
    """
    ranked = sorted(lines, key=lambda line: line.pk)
    weights = [max(line.total, ZERO) for line in ranked]
    whole = sum(weights, ZERO)
    shared = min(discount, whole)
    paid = {}
    so_far = taken = ZERO
    for line, weight in zip(ranked, weights, strict=True):
        so_far += weight
        until_here = _share(shared, so_far, whole, currency)
        paid[line.pk] = line.total - (until_here - taken)
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
    until = min(before + pieces, ordered)
    return _first_pieces(paid, until, ordered, currency) - _first_pieces(
        paid, before, ordered, currency
    )


def due_of(*, order: Order, lines: Collection[OrderLine]) -> Decimal:
    """
    Return what has to be paid for an order: its total less what its cancelled pieces stand for.

    Nothing for an order that is cancelled, postage included; as long as anything of it goes out the
    postage is due. Expects that the total of the order includes the totals of all these lines.
    """
    if order.lifecycle == Order.Lifecycle.CANCELLED:
        return ZERO
    if not any(line.cancelled for line in lines):
        return max(order.total, ZERO)
    paid = paid_for_lines(lines=lines, discount=order.discount_total, currency=order.currency)
    called_off = sum(
        (
            _first_pieces(paid[line.pk], line.cancelled, line.ordered, order.currency)
            for line in lines
        ),
        ZERO,
    )
    return max(order.total - called_off, ZERO)


def paid_for(
    *,
    order: Order,
    lines: Collection[OrderLine],
    before: Mapping[int, int],
    pieces: Mapping[int, int],
) -> dict[int, Decimal]:
    """
    Return line id -> what was paid for these pieces of the lines of one order.

    before: line id -> pieces of it given back or called off earlier.
    """
    paid = paid_for_lines(lines=lines, discount=order.discount_total, currency=order.currency)
    ordered = {line.pk: line.ordered for line in lines}
    return {
        line_id: paid_for_pieces(
            paid=paid[line_id],
            ordered=ordered[line_id],
            before=before.get(line_id, 0),
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
