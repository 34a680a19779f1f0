"""Taking over what a channel says of an order that is there, one sort of change at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from channels.connectors.base import IncomingLine
from channels.operations import ResolvedLine, resolve_variants
from orders.models import (
    CancelledLine,
    LineComponent,
    Order,
    OrderCancellation,
    OrderHold,
    OrderLine,
)
from orders.operations.allocation import hold_short_order, promise_rest
from orders.operations.cancelling import call_off, open_pieces
from orders.operations.changes import Amounts
from orders.operations.contents import Contents, articles_of, contents_of, store_components
from orders.operations.holds import NewHold, close_holds, open_holds
from orders.operations.new_lines import line_holds, store_lines
from orders.operations.payment_rules import may_be_promised, rule_for
from orders.operations.promised import lock_stock, locked_promises_of
from orders.operations.putting_back import keep_only
from orders.operations.reading import LONGEST_ID, LONGEST_NAME, Reading, fitted, order_amounts
from orders.operations.routing import ORDER_CHANGED
from retail.common.models import User

CHANGED_THERE = "Changed on the channel."
CANCELLED_THERE = "Cancelled on the channel."


@dataclass(frozen=True, slots=True)
class Money:
    """What an order costs as the channel tells it, and how far that adds up."""

    shipping_total: Decimal
    discount_total: Decimal
    tax_total: Decimal
    total: Decimal
    rounding_difference: Decimal
    mismatch: str


def told_money(reading: Reading, totals: Mapping[str, Decimal] | None = None) -> Money:
    """Return what an order costs by a reading; `totals` in place of those in it."""
    return Money(
        **(totals or order_amounts(reading.order)),
        rounding_difference=reading.rounding_difference,
        mismatch=reading.mismatch,
    )


def take_money(order: Order, money: Money, *, at: datetime, by: User | None = None) -> None:
    """Take over the totals of a locked order, verbatim; a sum that is off holds it. Saves it."""
    for name, amount in asdict(money).items():
        if name != "mismatch":
            setattr(order, name, amount)
    order.save(
        update_fields=[
            *("shipping_total", "discount_total", "tax_total", "total", "rounding_difference")
        ]
    )
    kind = OrderHold.Kind.PRICE_MISMATCH
    if money.mismatch:
        open_holds(order=order, holds=[NewHold(kind=kind, reason=money.mismatch)], at=at, by=by)
    else:
        close_holds(order=order, kinds=[kind], note="The total adds up now.", at=at, by=by)


def take_amounts(line: OrderLine, amounts: Amounts) -> None:
    """Take over what a line costs; the caller stores it."""
    for name, amount in asdict(amounts).items():
        setattr(line, name, amount)


def store_amounts(lines: Sequence[OrderLine]) -> None:
    """Store what lines cost."""
    OrderLine.objects.bulk_update(lines, ["unit_price", "discount", "tax", "total"])


def add_lines(
    order: Order, told: Sequence[IncomingLine], *, at: datetime, by: User | None = None
) -> list[OrderLine]:
    """Add lines to a locked order, with holds for unknown articles; nothing is promised yet."""
    added = store_lines(order=order, told=told)
    open_holds(order=order, holds=line_holds(added), at=at, by=by)
    return added


def set_quantities(
    order: Order,
    lines: Sequence[OrderLine],
    pieces: Mapping[int, int],
    *,
    at: datetime,
    by: User | None = None,
) -> None:
    """
    Set the pieces of lines of a locked order (line id -> pieces, those we called off included).

    What is promised beyond is given back; more is not promised yet. Pieces that the channel had
    called off and tells again are no longer called off.
    Locks: the stock levels.
    """
    changed = [line for line in lines if line.pk in pieces]
    promises = locked_promises_of(order=order, lines=lines, at=at)
    _withdraw_cancellations(changed)
    for line in changed:
        line.ordered = pieces[line.pk]
    OrderLine.objects.bulk_update(changed, ["ordered", "cancelled"])
    wanted = {line.pk: line.wanted_from_stock for line in lines}
    keep_only(order=order, promises=promises, wanted=wanted, reason=CHANGED_THERE, at=at, by=by)


def _withdraw_cancellations(lines: Sequence[OrderLine]) -> None:
    """Forget what the channel had called off of lines that it tells again."""
    rows = CancelledLine.objects.filter(
        line__in=[line for line in lines if line.cancelled],
        cancellation__cause=OrderCancellation.Cause.CHANNEL,
    )
    by_id = {line.pk: line for line in lines}
    for row in list(rows):
        by_id[row.line_id].cancelled -= row.quantity
        row.delete()


def remove_lines(
    order: Order,
    lines: Sequence[OrderLine],
    removed: Sequence[OrderLine],
    *,
    key: str,
    at: datetime,
    by: User | None = None,
) -> None:
    """
    Call off what is left of lines that the channel no longer tells; saves the order.

    They cost nothing any more: the totals that the channel tells are those of the other lines.
    Locks: the stock levels.
    """
    for line in removed:
        take_amounts(line, Amounts(unit_price=line.unit_price))
    store_amounts(removed)
    call_off(
        order=order,
        lines=lines,
        pieces=open_pieces(removed),
        cause=OrderCancellation.Cause.CHANNEL,
        reason="Taken out of the order on the channel.",
        key=key,
        at=at,
        by=by,
    )


def means_same_article(order: Order, line: OrderLine, told: IncomingLine) -> bool:
    """Tell whether a line that is called otherwise now is of the same goods as before."""
    [found] = resolve_variants(channel=order.channel, lines=[told])
    return found == ResolvedLine(variant_id=line.variant_id, pack_size=line.pack_size)


def change_article(
    order: Order,
    lines: Sequence[OrderLine],
    line: OrderLine,
    told: IncomingLine,
    *,
    at: datetime,
    by: User | None = None,
) -> None:
    """
    Make a line of a locked order, of which nothing has left, one of another article.

    What was promised of the earlier article is given back; an article that nobody knows holds the
    order. Nothing is promised yet.
    Locks: listings, then the stock levels.
    """
    [found] = resolve_variants(channel=order.channel, lines=[told])
    is_other = found != ResolvedLine(variant_id=line.variant_id, pack_size=line.pack_size)
    line.raw_sku = fitted(told.sku, LONGEST_ID)
    line.raw_gtin = fitted(told.gtin, LONGEST_ID)
    line.name = fitted(told.name, LONGEST_NAME)
    if is_other:
        _relink(order, lines, line, told, found, at=at, by=by)
    line.save(
        update_fields=[
            *("raw_sku", "raw_gtin", "name", "variant", "pack_size", "is_stocked", "is_bundle")
        ]
    )


def _relink(
    order: Order,
    lines: Sequence[OrderLine],
    line: OrderLine,
    told: IncomingLine,
    found: ResolvedLine,
    *,
    at: datetime,
    by: User | None,
) -> None:
    articles = articles_of([found.variant_id] if found.variant_id else [])
    more: dict[int, Contents] = {}
    if found.variant_id is not None:
        more = {0: articles.contents(found.variant_id, found.pack_size)}
    # Both articles' levels in one go: giving back and promising would each lock their own.
    lock_stock({**contents_of(lines), **more})
    promises = locked_promises_of(order=order, lines=lines, at=at)
    wanted = {each.pk: each.wanted_from_stock for each in lines if each is not line}
    keep_only(order=order, promises=promises, wanted=wanted, reason=CHANGED_THERE, at=at, by=by)
    LineComponent.objects.filter(line=line).delete()
    line.variant_id = found.variant_id
    line.pack_size = found.pack_size
    line.is_stocked = told.is_stocked and found.variant_id not in articles.services
    line.is_bundle = line.is_stocked and found.variant_id in articles.bundles
    store_components(lines=[line], articles=articles)
    if holds := line_holds([line]):
        open_holds(order=order, holds=holds, at=at, by=by)
    else:
        kinds, note = [OrderHold.Kind.UNKNOWN_ITEM], "The channel says another article."
        close_holds(order=order, kinds=kinds, lines=[line], note=note, at=at, by=by)


def promise_again(
    order: Order, lines: Sequence[OrderLine], *, at: datetime, by: User | None = None
) -> None:
    """Promise to a locked order what it wants after a change, and hold it while it is short."""
    if not open_pieces(lines) or not may_be_promised(order, rule_for(order)):
        return
    short = promise_rest(order=order, lines=lines, at=at, by=by, attempt=ORDER_CHANGED)
    hold_short_order(order=order, missing=short.missing, at=at, by=by)
