"""Goods that came back: looked at, counted, and put where they belong."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import F

from catalog.models import Variant
from channels.models import Channel
from customers.models import Customer
from inventory.models import Location
from orders.models import Order, OrderLine, Return, ReturnLine
from orders.operations.contents import Articles, articles_of
from orders.operations.promised import lines_of
from orders.operations.putting_away import note_returned, put_rows_away, rows_of
from orders.operations.returned_rows import (
    InvalidReturn,
    ReturnedLine,
    ReturnedTooMuch,
    disposition,
    is_kept,
    price,
    require_sane,
    require_still_out,
    row_of_line,
    row_of_variant,
)
from orders.operations.returns import ReturnUnexplained, insert_return, locked_return
from orders.operations.shipping import UnknownLine
from orders.operations.statuses import locked_order, settle_order
from retail.common.models import User
from retail.common.status import check_move


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedLine:
    """
    Pieces of an announced line that came, in one condition; codes of ReturnLine.

    A line whose pieces came in several conditions is named once for each.
    """

    return_line_id: int
    quantity: int
    condition: str = ReturnLine.Condition.UNCHECKED
    disposition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Delivery:
    """A return being received: its rows, what is known of its sale, and who stands there."""

    returned: Return
    order: Order | None
    rows: Sequence[ReturnLine]
    at: datetime
    by: User | None
    order_lines: Mapping[int, OrderLine] = field(default_factory=dict)


@transaction.atomic
def receive_return(
    *,
    return_id: int,
    location: Location,
    lines: Sequence[ReceivedLine],
    at: datetime,
    by: User | None = None,
) -> Return:
    """
    Take in announced goods at any location and put them where their condition says.

    Fewer pieces than announced may come; what did not come is no longer expected. The same said
    again returns the return as it is.
    Locks: the order, then cost pools and stock levels.

    :raises WrongStatus: it is not approved, or was received otherwise before.
    :raises InvalidReturn: nothing came, or less than one piece of a line.
    :raises UnknownLine: a line of another return.
    :raises ReturnedTooMuch: names the lines of which more came than announced.
    :raises NoQuarantine: goods are to be set apart, and no location is there for that.
    """
    order, returned = locked_return(return_id)
    announced = {row.pk: row for row in rows_of(returned)}
    _require_announced(announced, lines)
    if returned.received_at is not None and _is_same(returned, announced, location, lines):
        return returned
    check_move(returned, Return.Status.RECEIVED)
    rows = _looked_at(returned, announced, lines)
    returned.status = Return.Status.RECEIVED
    returned.location = location
    returned.received_at, returned.received_by = at, by
    returned.save(update_fields=["status", "location", "received_at", "received_by"])
    order_lines = {line.pk: line for line in lines_of(order)} if order else {}
    _take_in(
        _Delivery(returned=returned, order=order, rows=rows, at=at, by=by, order_lines=order_lines)
    )
    return returned


@transaction.atomic
def take_back(
    *,
    order_id: int,
    location: Location,
    lines: Sequence[ReturnedLine],
    key: str,
    at: datetime,
    by: User | None = None,
    note: str = "",
) -> Return:
    """
    Take in goods of an order that a customer brings to a counter: announced and received at once.

    key: made by whoever asks, unique on the channel; the same key again returns the first return.
    Locks: the order, then cost pools and stock levels.

    :raises InvalidReturn: no lines, a quantity below one, a line that names none of the order.
    :raises UnknownLine: a line of another order.
    :raises ReturnedTooMuch: names the lines of which fewer pieces are out and not announced yet.
    :raises NoQuarantine: goods are to be set apart, and no location is there for that.
    :raises KeyReused: the key belongs to another return.
    """
    order = locked_order(order_id)
    returned, is_new = insert_return(
        Return(
            channel=order.channel,
            external_id=key,
            order=order,
            customer_id=order.customer_id,
            location=location,
            currency=order.currency,
            note=note.strip(),
            received_at=at,
            received_by=by,
        )
    )
    if not is_new:
        return returned
    require_sane(lines)
    order_lines = {line.pk: line for line in lines_of(order)}
    rows = [
        row_of_line(returned, str(position), line, order_lines)
        for position, line in enumerate(lines, start=1)
    ]
    require_still_out(order, order_lines, rows)
    _take_in(
        _Delivery(
            returned=returned,
            order=order,
            rows=_all_came(rows, lines),
            at=at,
            by=by,
            order_lines=order_lines,
        )
    )
    return returned


@transaction.atomic
def take_back_blind(
    *,
    channel: Channel,
    location: Location,
    lines: Sequence[ReturnedLine],
    note: str,
    key: str,
    at: datetime,
    by: User | None = None,
    customer: Customer | None = None,
) -> Return:
    """
    Take in goods of which nobody knows the sale, at the prices given in the channel's currency.

    note: why nobody knows. key: made by whoever asks, unique on the channel; the same key again
    returns the first return.
    Locks: the return, then cost pools and stock levels.

    :raises InvalidReturn: no lines, a quantity below one, an unknown article.
    :raises ReturnUnexplained: not a word about why.
    :raises NoQuarantine: goods are to be set apart, and no location is there for that.
    :raises KeyReused: the key belongs to another return.
    """
    returned, is_new = insert_return(
        Return(
            channel=channel,
            external_id=key,
            customer=customer,
            location=location,
            currency=channel.currency,
            note=note.strip(),
            received_at=at,
            received_by=by,
        )
    )
    if not is_new:
        return returned
    require_sane(lines)
    if not note.strip():
        raise ReturnUnexplained("Say why nobody knows which sale it was.")
    variants = Variant.objects.select_related("product").in_bulk(
        {line.variant_id for line in lines if line.variant_id is not None}
    )
    rows = [
        row_of_variant(returned, str(position), line, variants)
        for position, line in enumerate(lines, start=1)
    ]
    _take_in(_Delivery(returned=returned, order=None, rows=_all_came(rows, lines), at=at, by=by))
    return returned


def _require_announced(announced: Mapping[int, ReturnLine], lines: Sequence[ReceivedLine]) -> None:
    if not lines:
        raise InvalidReturn("Nothing came: call the return off instead.")
    if wrong := [line.quantity for line in lines if line.quantity < 1]:
        raise InvalidReturn(f"{wrong[0]} pieces cannot come back.", quantities=wrong)
    if unknown := sorted({line.return_line_id for line in lines} - announced.keys()):
        raise UnknownLine("The return has no such line.", lines=unknown)


def _is_same(
    returned: Return,
    rows: Mapping[int, ReturnLine],
    location: Location,
    lines: Sequence[ReceivedLine],
) -> bool:
    """Tell whether a received return says the same as these lines do, pieces for pieces."""
    said: dict[tuple[int | None, int | None], int] = defaultdict(int)
    came: dict[tuple[int | None, int | None], int] = defaultdict(int)
    for line in lines:
        row = rows[line.return_line_id]
        said[row.order_line_id, row.variant_id] += line.quantity
    for row in rows.values():
        if row.received:
            came[row.order_line_id, row.variant_id] += row.received
    return returned.location_id == location.pk and said == came


def _looked_at(
    returned: Return, announced: Mapping[int, ReturnLine], lines: Sequence[ReceivedLine]
) -> list[ReturnLine]:
    """Fill in what came; pieces of a line in a second condition get a row of their own."""
    came: dict[int, int] = defaultdict(int)
    for line in lines:
        came[line.return_line_id] += line.quantity
    if short := [row for pk, row in announced.items() if came[pk] > row.quantity]:
        names = ", ".join(f"{row.quantity} of {row}" for row in short)
        raise ReturnedTooMuch(
            f"Announced with {returned}: {names}. No more can be received.",
            lines=[row.pk for row in short],
        )
    rows = dict(announced)
    seen: set[int] = set()
    more: list[ReturnLine] = []
    for line in lines:
        row = rows[line.return_line_id]
        if line.return_line_id in seen:
            row.quantity -= line.quantity
            row = _split_off(row, line.quantity, len(more) + 2)
            more.append(row)
        seen.add(line.return_line_id)
        row.received = line.quantity
        row.condition = line.condition
        row.disposition = line.disposition
    return [*rows.values(), *more]


def _split_off(row: ReturnLine, quantity: int, position: int) -> ReturnLine:
    return ReturnLine(
        parent=row.parent,
        external_line_id=f"{row.external_line_id}/{position}",
        order_line=row.order_line,
        variant_id=row.variant_id,
        raw_sku=row.raw_sku,
        name=row.name,
        quantity=quantity,
        unit_price=row.unit_price,
        reason=row.reason,
    )


def _all_came(rows: Sequence[ReturnLine], lines: Sequence[ReturnedLine]) -> Sequence[ReturnLine]:
    """Fill in that all pieces came, and what was said of where they go."""
    for row, line in zip(rows, lines, strict=True):
        row.received = row.quantity
        row.disposition = line.disposition
    return rows


def _take_in(delivery: _Delivery) -> None:
    """Write what came: its price, its count on the order's lines, the stock, the timeline."""
    order, rows, order_lines = delivery.order, delivery.rows, delivery.order_lines
    came = [row for row in rows if row.received]
    articles = articles_of(
        row.variant_id for row in came if row.variant_id is not None and row.order_line_id is None
    )
    for row in came:
        _decide(row, articles)
    price([(row, row.received) for row in rows], order, order_lines)
    _save(rows)
    _count_returned(order, order_lines, came)
    put_rows_away(
        returned=delivery.returned,
        rows=came,
        order_lines=order_lines,
        articles=articles,
        at=delivery.at,
        by=delivery.by,
    )
    if order:
        pieces = sum(row.received for row in came)
        note_returned(order, delivery.returned, at=delivery.at, by=delivery.by, pieces=pieces)
        settle_order(order=order, lines=list(order_lines.values()))


def _decide(row: ReturnLine, articles: Articles) -> None:
    """Say what becomes of goods for which nobody said it."""
    kept = is_kept(row, articles)
    row.disposition = row.disposition or disposition(is_stocked=kept)
    if not kept and row.disposition != ReturnLine.Disposition.NOT_STOCKED:
        raise InvalidReturn(f"{row} is not kept in stock: there is nothing to put away.")


def _save(rows: Sequence[ReturnLine]) -> None:
    known = [row for row in rows if row.pk is not None]
    fields = ["quantity", "received", "amount", "condition", "disposition"]
    ReturnLine.objects.bulk_update(known, fields)
    ReturnLine.objects.bulk_create([row for row in rows if row.pk is None])


def _count_returned(
    order: Order | None, order_lines: Mapping[int, OrderLine], came: Sequence[ReturnLine]
) -> None:
    """Count the pieces as returned, added in the database so that the CHECK sees all of them."""
    pieces: dict[int, int] = defaultdict(int)
    for row in came:
        if row.order_line_id is not None:
            pieces[row.order_line_id] += row.received
    counted = [order_lines[line_id] for line_id in pieces]
    before = {line.pk: line.returned for line in counted}
    if short := [line for line in counted if before[line.pk] + pieces[line.pk] > line.shipped]:
        names = ", ".join(f"{line.shipped} of {line}" for line in short)
        raise ReturnedTooMuch(
            f"Shipped with {order}: {names}. No more can come back.",
            lines=[line.pk for line in short],
        )
    for line in counted:
        line.returned = F("returned") + pieces[line.pk]
    OrderLine.objects.bulk_update(counted, ["returned"])
    for line in counted:
        line.returned = before[line.pk] + pieces[line.pk]
