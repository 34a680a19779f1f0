"""Lines of what comes back: from what was said to the rows, and what their pieces were paid for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from catalog.models import Variant
from orders.amounts import paid_for
from orders.models import Order, OrderLine, Return, ReturnLine
from orders.operations.contents import Articles
from orders.operations.shipping import UnknownLine
from orders.operations.statuses import ANNOUNCED_RETURNS
from orders.queries import cancelled_there
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS
from retail.common.money import ZERO, round_amount, round_rate


class InvalidReturn(BusinessError):
    """Lines that make no return: none at all, no whole pieces, an unknown article."""


class ReturnedTooMuch(BusinessError):
    """More pieces of a line came back, or are announced, than were shipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedLine:
    """
    Pieces that come back: of a line of the order, or, when nobody knows the sale, of a variant.

    unit_price: what one was sold for; by default what the order's line says.
    reason, condition, disposition: codes of ReturnLine. What came back goes on the shelf unless
    said otherwise; what is not kept in stock is noted only.
    """

    quantity: int
    order_line_id: int | None = None
    variant_id: int | None = None
    unit_price: Decimal | None = None
    reason: str = ReturnLine.Reason.UNKNOWN
    condition: str = ReturnLine.Condition.UNCHECKED
    disposition: str = ""


def require_sane(lines: Sequence[ReturnedLine]) -> None:
    """
    Pass when there are lines, each of whole pieces.

    :raises InvalidReturn: there is none, or one of no pieces.
    """
    if not lines:
        raise InvalidReturn("A return has at least one line.")
    if wrong := [line.quantity for line in lines if not 0 < line.quantity < MAX_UNITS]:
        raise InvalidReturn(f"{wrong[0]} pieces cannot come back.", quantities=wrong)


def row_of_line(
    parent: Return, name: str, line: ReturnedLine, order_lines: Mapping[int, OrderLine]
) -> ReturnLine:
    """
    Make the row for pieces of a line of the order, not stored yet.

    :raises InvalidReturn: it names no line of the order.
    :raises UnknownLine: a line of another order.
    """
    if line.order_line_id is None:
        raise InvalidReturn("Say which line of the order it was.", variant=line.variant_id)
    sold = order_lines.get(line.order_line_id)
    if sold is None:
        raise UnknownLine("The order has no such line.", lines=[line.order_line_id])
    price_of_one = round_rate(sold.total / sold.ordered)
    return ReturnLine(
        parent=parent,
        external_line_id=name,
        order_line=sold,
        variant_id=sold.variant_id,
        raw_sku=sold.raw_sku,
        name=sold.name,
        quantity=line.quantity,
        unit_price=price_of_one if line.unit_price is None else round_rate(line.unit_price),
        reason=line.reason,
        condition=line.condition,
    )


def row_of_variant(
    parent: Return, name: str, line: ReturnedLine, variants: Mapping[int, Variant]
) -> ReturnLine:
    """
    Make the row for pieces of an article whose sale nobody knows, not stored yet.

    :raises InvalidReturn: there is no such article.
    """
    variant = variants.get(line.variant_id or 0)
    if variant is None:
        raise InvalidReturn("There is no such article.", variant=line.variant_id)
    return ReturnLine(
        parent=parent,
        external_line_id=name,
        variant=variant,
        raw_sku=variant.sku,
        name=str(variant.product),
        quantity=line.quantity,
        unit_price=round_rate(line.unit_price or ZERO),
        reason=line.reason,
        condition=line.condition,
    )


def require_still_out(
    order: Order, order_lines: Mapping[int, OrderLine], rows: Sequence[ReturnLine]
) -> None:
    """
    Pass when as many pieces are with the customer and not announced to come back yet.

    :raises ReturnedTooMuch: names the lines of which there are fewer.
    """
    announced = ReturnLine.objects.filter(
        parent__order=order, parent__status__in=ANNOUNCED_RETURNS, order_line__isnull=False
    )
    pieces = dict(
        announced.values_list("order_line_id").annotate(Sum("quantity")).order_by("order_line_id")
    )
    expected = dict(pieces)
    for row in rows:
        if row.order_line_id is not None:
            pieces[row.order_line_id] = pieces.get(row.order_line_id, 0) + row.quantity
    short = [
        line
        for line_id, line in order_lines.items()
        if line.returned + pieces.get(line_id, 0) > line.shipped
    ]
    if not short:
        return
    names = ", ".join(f"{line.shipped - line.returned} of {line}" for line in short)
    text = f"Of {order} are with the customer: {names}. No more can come back."
    if any(line.pk in expected for line in short):
        numbers = sorted(set(announced.values_list("parent__number", flat=True)))
        text += f" Announced already with {', '.join(numbers)}: receive that."
    raise ReturnedTooMuch(text, lines=[line.pk for line in short])


def price(
    pieces: Sequence[tuple[ReturnLine, int]],
    order: Order | None,
    order_lines: Mapping[int, OrderLine],
) -> None:
    """
    Set what the pieces of each row were really paid for; the caller saves `amount`.

    Of an order that is their share of everything paid for its goods, discounts of the whole order
    included, the last piece of a line taking what the others left; without one, what the price
    given says. Expects that `returned` of the lines does not count these pieces yet.
    """
    before = {line.pk: line.returned + line.cancelled for line in order_lines.values()}
    off_there = cancelled_there(order_lines.values())
    for row, count in pieces:
        if order is None or row.order_line_id is None:
            row.amount = max(round_amount(row.unit_price * count, row.parent.currency), ZERO)
            continue
        line_id = row.order_line_id
        amounts = paid_for(
            order=order,
            lines=order_lines.values(),
            before=before,
            pieces={line_id: count},
            off_there=off_there,
        )
        row.amount = max(amounts[line_id], ZERO)
        before[line_id] += count


def disposition(*, is_stocked: bool) -> str:
    """Return what becomes of goods that came back unless somebody decides otherwise."""
    if is_stocked:
        return ReturnLine.Disposition.RESTOCK
    return ReturnLine.Disposition.NOT_STOCKED


def is_kept(row: ReturnLine, articles: Articles) -> bool:
    """Tell whether the goods of a row are kept in stock."""
    if row.variant_id is None:
        return False
    if row.order_line is not None:
        return row.order_line.is_stocked
    return row.variant_id not in articles.services
