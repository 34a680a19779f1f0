"""Doing what a channel says against what was done here, once somebody decided for the channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from channels.connectors.base import IncomingLine
from orders.models import (
    ChannelConflict,
    Fulfillment,
    Order,
    OrderCancellation,
    OrderLine,
)
from orders.operations.applying import (
    CANCELLED_THERE,
    Money,
    add_lines,
    change_article,
    promise_again,
    remove_lines,
    set_quantities,
    store_amounts,
    take_amounts,
    take_money,
)
from orders.operations.cancelling import call_off, open_pieces, tell_cancellation
from orders.operations.changes import Amounts
from orders.operations.leaving import list_sent, take_out
from orders.operations.promised import lines_of, promises_of
from orders.operations.putting_back import begun_fulfillments, end_pickup, put_back
from orders.operations.shipping import SOLD_BY_CHANNEL, sell_at_once
from retail.common.errors import BusinessError
from retail.common.models import User

Kind = ChannelConflict.Kind


class CannotTakeTheirs(BusinessError):
    """What the channel says cannot be done any more with the goods as they are."""


def take_theirs(
    *, order: Order, conflict: ChannelConflict, at: datetime, by: User | None = None
) -> None:
    """
    Do what the channel says about a locked order, see `decide_conflict`; does not settle it.

    :raises CannotTakeTheirs: the goods do not allow it.
    """
    _TAKERS[Kind(conflict.kind)](order, conflict, at, by)


def tell_ours(*, order: Order, conflict: ChannelConflict, at: datetime) -> None:
    """Keep a locked order as it is; tell the channel again where we cancelled and it did not."""
    if conflict.kind != Kind.REOPENED:
        return
    cancellation = order.cancellations.order_by("-pk").first()
    if cancellation is not None:
        tell_cancellation(order=order, cancellation=cancellation, at=at)


def plain_line(line: IncomingLine) -> dict[str, Any]:
    """Return a line as plain values, to be kept until somebody decides."""
    return {
        name: str(value) if isinstance(value, Decimal) else value
        for name, value in asdict(line).items()
    }


def plain_amounts(amounts: Amounts) -> dict[str, str]:
    return {name: str(amount) for name, amount in asdict(amounts).items()}


def plain_money(money: Money) -> dict[str, str]:
    return {name: str(value) for name, value in asdict(money).items()}


def _line(values: Mapping[str, Any]) -> IncomingLine:
    amounts = {name: Decimal(values[name]) for name in ("unit_price", "discount", "tax", "total")}
    return IncomingLine(**{**values, **amounts})


def _amounts(values: Mapping[str, str]) -> Amounts:
    return Amounts(**{name: Decimal(value) for name, value in values.items()})


def _take_money(order: Order, conflict: ChannelConflict, at: datetime, by: User | None) -> None:
    if (told := conflict.theirs.get("money")) is None:
        return
    amounts = {name: Decimal(value) for name, value in told.items() if name != "mismatch"}
    take_money(order, Money(**amounts, mismatch=told["mismatch"]), at=at, by=by)


def _cancel(order: Order, conflict: ChannelConflict, at: datetime, by: User | None) -> None:
    lines = _lines_with_something_left(order)
    if conflict.kind == Kind.MERGED:
        target = order.channel.orders.filter(external_id=conflict.theirs["merged_into"])
        order.merged_into = target.first()
        order.save(update_fields=["merged_into"])
    call_off(
        order=order,
        lines=lines,
        pieces=open_pieces(lines),
        cause=OrderCancellation.Cause.CHANNEL,
        reason=CANCELLED_THERE,
        key=_key(conflict),
        at=at,
        by=by,
    )


def _reopen(order: Order, _conflict: ChannelConflict, _at: datetime, _by: User | None) -> None:
    raise CannotTakeTheirs(
        f"{order} stays cancelled: place it anew for the customer, or cancel it on the channel.",
        order=order.number,
    )


def _set_quantity(order: Order, conflict: ChannelConflict, at: datetime, by: User | None) -> None:
    lines = lines_of(order)
    line = next(line for line in lines if line.pk == conflict.line_id)
    pieces = conflict.theirs["quantity"]
    if pieces < line.shipped + line.cancelled and (pieces or line.shipped):
        raise CannotTakeTheirs(
            f"{line.shipped} of {line} have left already: what is too much comes back as a return.",
            line=line.pk,
        )
    if not pieces:
        remove_lines(order, lines, [line], key=_key(conflict), at=at, by=by)
    else:
        take_amounts(line, _amounts(conflict.theirs["amounts"]))
        store_amounts([line])
        set_quantities(order, lines, {line.pk: pieces}, at=at, by=by)
        promise_again(order, lines, at=at, by=by)
    _take_money(order, conflict, at, by)


def _add_lines(order: Order, conflict: ChannelConflict, at: datetime, by: User | None) -> None:
    known = set(order.lines.values_list("external_line_id", flat=True))
    told = [_line(values) for values in conflict.theirs["lines"]]
    told = [line for line in told if line.external_line_id not in known]
    add_lines(order, told, at=at, by=by)
    promise_again(order, lines_of(order), at=at, by=by)
    _take_money(order, conflict, at, by)


def _change_article(order: Order, conflict: ChannelConflict, at: datetime, by: User | None) -> None:
    lines = _lines_with_something_left(order)
    line = next(line for line in lines if line.pk == conflict.line_id)
    if line.shipped:
        raise CannotTakeTheirs(
            f"{line.shipped} of {line} have left already: exchange them instead.", line=line.pk
        )
    told = _line(conflict.theirs["line"])
    change_article(order, lines, line, told, at=at, by=by)
    take_amounts(line, _amounts(conflict.theirs["amounts"]))
    store_amounts([line])
    promise_again(order, lines, at=at, by=by)
    _take_money(order, conflict, at, by)


def _change_price(order: Order, conflict: ChannelConflict, at: datetime, by: User | None) -> None:
    line = next(line for line in lines_of(order) if line.pk == conflict.line_id)
    take_amounts(line, _amounts(conflict.theirs["amounts"]))
    store_amounts([line])
    _take_money(order, conflict, at, by)


def _change_address(
    order: Order, conflict: ChannelConflict, _at: datetime, _by: User | None
) -> None:
    order.delivery_address_id = conflict.theirs["address"]
    order.save(update_fields=["delivery_address"])


def _book_as_sold(order: Order, _conflict: ChannelConflict, at: datetime, by: User | None) -> None:
    """Let goods leave that the channel has sent by itself: those promised, else what is free."""
    lines = _lines_with_something_left(order)
    reason = "The channel has sent the goods."
    put_back(fulfillments=begun_fulfillments(order), reason=reason, at=at, by=by)
    end_pickup(order)
    promises = promises_of(order=order, lines=lines, at=at)
    if not promises.rows:
        if sell_at_once(order=order, lines=lines, location=None, sold_at=at) is None:
            raise CannotTakeTheirs(
                "There is no such stock to take the goods from: count it, or correct it first."
            )
        return
    places = {row.allocation.level.location_id for row in promises.rows}
    pieces = promises.pieces()
    is_whole = all(
        line.open_quantity == pieces.get(line.pk, 0) for line in lines if line.is_stocked
    )
    if len(places) > 1 or not is_whole:
        raise CannotTakeTheirs(
            "Not everything is promised at one place: ship what has left by hand, from each place."
        )
    sold = Fulfillment.objects.create(
        order=order,
        location_id=places.pop(),
        status=Fulfillment.Status.SHIPPED,
        key=SOLD_BY_CHANNEL,
        shipped_at=at,
        shipped_by=by,
    )
    sent = list_sent(fulfillment=sold, lines=lines, pieces=pieces)
    take_out(fulfillment=sold, sent=sent, promises=promises, at=at, by=by)


def _lines_with_something_left(order: Order) -> list[OrderLine]:
    lines = lines_of(order)
    if not order.is_open:
        raise CannotTakeTheirs(
            f"Nothing of {order} is left here: what was shipped comes back as a return.",
            order=order.number,
        )
    return lines


def _key(conflict: ChannelConflict) -> str:
    return f"disagreement {conflict.pk}"


_TAKERS: Mapping[Kind, Callable[[Order, ChannelConflict, datetime, User | None], None]] = {
    Kind.CANCELLED: _cancel,
    Kind.MERGED: _cancel,
    Kind.REOPENED: _reopen,
    Kind.QUANTITY: _set_quantity,
    Kind.LINE_ADDED: _add_lines,
    Kind.ARTICLE: _change_article,
    Kind.PRICE: _change_price,
    Kind.TOTAL: _take_money,
    Kind.ADDRESS: _change_address,
    Kind.SHIPPED: _book_as_sold,
}
