"""Goods that customers bring back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from catalog.models import Variant
from channels.models import Channel
from customers.models import Customer
from inventory.models import Location, StockMovement
from inventory.operations import Source, return_stock
from orders.models import Order, OrderEvent, OrderLine, Return, ReturnLine
from orders.operations.contents import (
    Articles,
    Contents,
    articles_of,
    contents_of,
    ids_by_variant,
    units_in,
)
from orders.operations.events import event, record_events
from orders.operations.promised import lines_of
from orders.operations.shipping import UnknownLine
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS
from retail.common.models import User
from retail.common.money import ZERO, round_rate


class InvalidReturn(BusinessError):
    """Lines that make no return: none at all, no whole pieces, an unknown article."""


class ReturnedTooMuch(BusinessError):
    """More pieces of a line came back than were shipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedLine:
    """
    Pieces that came back: of a line of the order, or, when nobody knows the sale, of a variant.

    unit_price: what one was sold for; by default what the order's line says.
    """

    quantity: int
    order_line_id: int | None = None
    variant_id: int | None = None
    unit_price: Decimal | None = None


@transaction.atomic
def register_return(
    *,
    channel: Channel,
    location: Location,
    lines: Sequence[ReturnedLine],
    key: str,
    at: datetime,
    by: User | None = None,
    order_id: int | None = None,
    customer: Customer | None = None,
) -> Return:
    """
    Put goods that a customer brought back on the shelf of a location.

    Without an order it is a blind return, at the prices given. What is not stocked is noted only.
    key: made by whoever asks, unique on the channel; the same key again returns the first return.
    Locks: the order, then cost pools and stock levels.

    :raises InvalidReturn: no lines, a quantity below one, an unknown article.
    :raises UnknownLine: a line of another order.
    :raises ReturnedTooMuch: names the lines of which fewer pieces are out.
    """
    order = locked_order(order_id) if order_id is not None else None
    new = Return(
        channel=channel,
        external_id=key,
        order=order,
        customer=order.customer if order else customer,
        location=location,
        currency=order.currency if order else channel.currency,
        received_at=at,
        received_by=by,
    )
    # Of two at once the second waits here, inserts nothing and finds the first's lines.
    Return.objects.bulk_create([new], ignore_conflicts=True)
    registered = (
        Return.objects.select_for_update(no_key=True, of=("self",))
        .select_related("location", "received_by")
        .get(channel=channel, external_id=key)
    )
    if registered.lines.exists():
        return registered
    _require_sane(lines)
    order_lines = {line.pk: line for line in lines_of(order)} if order else {}
    articles = articles_of(line.variant_id for line in lines if line.variant_id is not None)
    rows = _return_lines(registered, lines, order_lines, articles)
    _take_back(order, order_lines, lines)
    ReturnLine.objects.bulk_create(rows)
    _restock(registered, rows, contents_of(order_lines.values()), articles)
    if order:
        pieces = sum(line.quantity for line in lines)
        record_events(
            [
                event(
                    order,
                    OrderEvent.Kind.RETURNED,
                    at=at,
                    by=by,
                    **{"return": registered.number, "pieces": pieces},
                )
            ]
        )
        settle_order(order=order, lines=list(order_lines.values()))
    return registered


def _restock(
    registered: Return,
    rows: Sequence[ReturnLine],
    contents_of_lines: Mapping[int, Contents],
    articles: Articles,
) -> None:
    """Put on the shelf what can be: of a bundle its components, as they were sold."""
    contents = {
        row: contents_of_lines[row.order_line_id]
        if row.order_line_id
        else articles.contents(row.variant_id)
        for row in rows
        if row.disposition == ReturnLine.Disposition.RESTOCK and row.variant_id is not None
    }
    if not contents:
        return
    return_stock(
        location=registered.location,
        units=units_in((parts, row.quantity) for row, parts in contents.items()),
        reference=registered.number,
        at=registered.received_at,
        by=registered.received_by,
        source=Source(
            kind=StockMovement.SourceKind.CUSTOMER_RETURN,
            document_id=registered.pk,
            lines=ids_by_variant((row.pk, parts.keys()) for row, parts in contents.items()),
        ),
    )


def _require_sane(lines: Sequence[ReturnedLine]) -> None:
    if not lines:
        raise InvalidReturn("A return has at least one line.")
    if wrong := [line.quantity for line in lines if not 0 < line.quantity < MAX_UNITS]:
        raise InvalidReturn(f"{wrong[0]} pieces cannot come back.", quantities=wrong)


def _return_lines(
    registered: Return,
    lines: Sequence[ReturnedLine],
    order_lines: Mapping[int, OrderLine],
    articles: Articles,
) -> list[ReturnLine]:
    asked = {line.order_line_id for line in lines if line.order_line_id is not None}
    if unknown := sorted(asked - order_lines.keys()):
        raise UnknownLine("The order has no such line.", lines=unknown)
    variants = Variant.objects.select_related("product").in_bulk(
        {line.variant_id for line in lines if line.variant_id is not None}
    )
    rows = []
    for position, line in enumerate(lines, start=1):
        row = ReturnLine(
            parent=registered,
            external_line_id=str(position),
            quantity=line.quantity,
            received=line.quantity,
        )
        if line.order_line_id is not None:
            _fill_from_line(row, order_lines[line.order_line_id])
        elif line.variant_id in variants:
            _fill_from_variant(row, variants[line.variant_id], articles)
        else:
            raise InvalidReturn("There is no such article.", variant=line.variant_id)
        row.unit_price = row.unit_price if line.unit_price is None else round_rate(line.unit_price)
        rows.append(row)
    return rows


def _fill_from_line(row: ReturnLine, line: OrderLine) -> None:
    row.order_line = line
    row.variant_id = line.variant_id
    row.raw_sku = line.raw_sku
    row.name = line.name
    row.unit_price = round_rate(line.total / line.ordered)
    row.disposition = disposition(is_stocked=line.is_stocked and line.variant_id is not None)


def _fill_from_variant(row: ReturnLine, variant: Variant, articles: Articles) -> None:
    row.variant = variant
    row.raw_sku = variant.sku
    row.name = str(variant.product)
    row.unit_price = ZERO
    row.disposition = disposition(is_stocked=variant.pk not in articles.services)


def disposition(*, is_stocked: bool) -> str:
    """Return what becomes of goods that came back."""
    if is_stocked:
        return ReturnLine.Disposition.RESTOCK
    return ReturnLine.Disposition.NOT_STOCKED


def _take_back(
    order: Order | None, order_lines: Mapping[int, OrderLine], lines: Sequence[ReturnedLine]
) -> None:
    """Count the pieces as returned on the order's lines."""
    for line in lines:
        if line.order_line_id is not None:
            order_lines[line.order_line_id].returned += line.quantity
    if short := [line for line in order_lines.values() if line.returned > line.shipped]:
        names = ", ".join(f"{line.shipped} of {line}" for line in short)
        raise ReturnedTooMuch(
            f"Shipped with {order}: {names}. No more can come back.",
            lines=[line.pk for line in short],
        )
    OrderLine.objects.bulk_update(list(order_lines.values()), ["returned"])
