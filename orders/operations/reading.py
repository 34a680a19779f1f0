"""What an incoming order comes to: pure functions that find what is wrong and keep the rest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from channels.connectors.base import IncomingLine, IncomingOrder
from orders.models import Order, OrderHold, OrderLine
from orders.operations.holds import NewHold
from orders.operations.payment_reading import read_told_payments
from retail.common.errors import BusinessError
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.money import ZERO, cent, round_rate

LONGEST_ID = 100
LONGEST_NAME = 300
LONGEST_METHOD = 50
# Channels round each line by itself, so that a total may be off by this many cents per line.
CENTS_PER_LINE = 2


class UnusableOrder(BusinessError):
    """An order without an id, or with one that is too long, cannot be told from others."""


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that cannot be stored as one, and why."""

    line: IncomingLine
    why: str


@dataclass(frozen=True, slots=True)
class Reading:
    """
    An incoming order, sorted into what can be stored and what is wrong with it.

    rounding_difference: what the total is above its parts, when that is a matter of cents.
    mismatch: says by how much the total is off when it is more, else empty.
    """

    order: IncomingOrder
    digest: str
    lines: tuple[IncomingLine, ...]
    refused: tuple[RefusedLine, ...]
    rounding_difference: Decimal
    mismatch: str


def read_order(incoming: IncomingOrder) -> Reading:
    """
    Sort an incoming order into what can be stored and what is wrong with it.

    :raises UnusableOrder: its id is empty, too long or not text that can be stored.
    """
    external_id = incoming.external_id
    if not 0 < len(external_id) <= LONGEST_ID or "\x00" in external_id:
        raise UnusableOrder("An order needs an id of 1 to 100 characters.", external_id=external_id)
    lines, refused = usable_lines(incoming.lines)
    rounding_difference, mismatch = compare_total(incoming)
    return Reading(
        order=incoming,
        digest=_digest(incoming),
        lines=lines,
        refused=refused,
        rounding_difference=rounding_difference,
        mismatch=mismatch,
    )


def usable_lines(
    lines: Iterable[IncomingLine],
) -> tuple[tuple[IncomingLine, ...], tuple[RefusedLine, ...]]:
    """Sort lines into those that can be stored as such, and the others with what is wrong."""
    good: list[IncomingLine] = []
    refused: list[RefusedLine] = []
    seen: set[str] = set()
    for line in lines:
        if why := _what_is_wrong(line, seen):
            refused.append(RefusedLine(line, why))
        else:
            seen.add(line.external_line_id)
            good.append(line)
    return tuple(good), tuple(refused)


def compare_total(incoming: IncomingOrder) -> tuple[Decimal, str]:
    """
    Compare the order's total with its parts; return the rounding difference and the mismatch.

    Up to two cents a line is rounding: channels round each line by itself.
    """
    amounts = [incoming.total, incoming.shipping_total, incoming.discount_total]
    amounts += [line.total for line in incoming.lines]
    if not all(is_amount(amount) for amount in amounts):
        return ZERO, "An amount is not a number of money."
    if not incoming.lines:
        return ZERO, ""
    parts = sum((line.total for line in incoming.lines), ZERO)
    expected = parts + incoming.shipping_total - incoming.discount_total
    difference = incoming.total - expected
    tolerated = CENTS_PER_LINE * cent(incoming.currency) * len(incoming.lines)
    if abs(difference) <= tolerated:
        return round_rate(difference), ""
    return ZERO, f"The total is {incoming.total}, its parts add up to {expected}."


def is_amount(amount: Decimal) -> bool:
    return amount.is_finite() and abs(amount) < MAX_AMOUNT


def amount_or_zero(amount: Decimal) -> Decimal:
    """Return the amount to four decimals, zero for what is none; a hold tells that it was none."""
    return round_rate(amount) if is_amount(amount) else ZERO


def fitted(text: str, length: int) -> str:
    """Return the text as a column can hold it."""
    return text.replace("\x00", "").strip()[:length]


def reading_holds(reading: Reading) -> list[NewHold]:
    """Return the holds that follow from the order as it came, before anything is looked up."""
    holds = []
    problems = [*reading.order.problems, *read_told_payments(reading.order).problems]
    if not usable_currency(reading.order.currency, ""):
        problems.append(f"{fitted(reading.order.currency, LONGEST_ID)} is no currency.")
    if problems:
        holds.append(NewHold(kind=OrderHold.Kind.UNREADABLE, reason=" ".join(problems)))
    if not reading.order.lines:
        holds.append(
            NewHold(kind=OrderHold.Kind.EMPTY, reason="The channel sent an order without lines.")
        )
    if reading.refused:
        holds.append(
            NewHold(
                kind=OrderHold.Kind.LINE_REFUSED,
                reason="; ".join(refusal.why for refusal in reading.refused),
                details={"lines": [raw_line(refusal) for refusal in reading.refused]},
            )
        )
    if reading.mismatch:
        holds.append(NewHold(kind=OrderHold.Kind.PRICE_MISMATCH, reason=reading.mismatch))
    return holds


def lacks_buyer(order: Order, incoming: IncomingOrder) -> bool:
    """Tell whether goods of the order could not be sent, for want of somebody to send them to."""
    if order.customer_id is not None:
        return False
    is_sent = order.delivery == Order.Delivery.SHIP
    return incoming.buyer is None or (is_sent and order.delivery_address_id is None)


def raw_line(refusal: RefusedLine) -> dict[str, str]:
    """Return a refused line as it came, in plain text, for the timeline."""
    line = refusal.line
    raw = {name: str(getattr(line, name)) for name in IncomingLine.__dataclass_fields__}
    return {name: text.replace("\x00", "") for name, text in (raw | {"why": refusal.why}).items()}


def new_order(
    *,
    channel_id: int,
    incoming: IncomingOrder,
    currency: str,
    place_id: int | None = None,
    **more: Any,
) -> Order:
    """
    Make the row of an incoming order, not stored yet and without what has to be looked up.

    place_id: location where it is collected; without one it is sent.
    """
    return Order(
        channel_id=channel_id,
        external_id=incoming.external_id,
        external_number=fitted(incoming.external_number, LONGEST_ID),
        currency=usable_currency(incoming.currency, currency),
        payment_status=(
            Order.PaymentStatus.PAID if incoming.is_paid else Order.PaymentStatus.UNPAID
        ),
        payment_method=fitted(incoming.payment_method, LONGEST_METHOD),
        placed_at=incoming.placed_at,
        ship_by=incoming.ship_by,
        delivery=Order.Delivery.SHIP if place_id is None else Order.Delivery.PICKUP,
        pickup_location_id=place_id,
        buyer_note=incoming.note.replace("\x00", "").strip(),
        **order_amounts(incoming),
        **more,
    )


def usable_currency(code: str, otherwise: str) -> str:
    return code if re.fullmatch("[A-Z]{3}", code) else otherwise


def order_amounts(incoming: IncomingOrder) -> dict[str, Decimal]:
    """Return the channel's amounts of an order by the names of their columns."""
    return {
        name: amount_or_zero(getattr(incoming, name))
        for name in ("shipping_total", "discount_total", "tax_total", "total")
    }


def new_line(*, order: Order, line: IncomingLine, **more: Any) -> OrderLine:
    """Make the row of a line, not stored yet."""
    return OrderLine(
        order_id=order.pk,
        external_line_id=line.external_line_id,
        raw_sku=fitted(line.sku, LONGEST_ID),
        raw_gtin=fitted(line.gtin, LONGEST_ID),
        name=fitted(line.name, LONGEST_NAME),
        ordered=line.quantity,
        unit_price=round_rate(line.unit_price),
        discount=round_rate(line.discount),
        tax=round_rate(line.tax),
        total=round_rate(line.total),
        **more,
    )


def _what_is_wrong(line: IncomingLine, seen: Collection[str]) -> str:
    name = fitted(line.name or line.sku or line.external_line_id, LONGEST_ID)
    if not 0 < line.quantity < MAX_UNITS:
        return f"{name}: {line.quantity} pieces cannot be sold."
    if not all(map(is_amount, (line.unit_price, line.discount, line.tax, line.total))):
        return f"{name}: an amount is not a number of money."
    if len(line.external_line_id) > LONGEST_ID or "\x00" in line.external_line_id:
        return f"{name}: the id of the line cannot be stored."
    if line.external_line_id in seen:
        return f"{name}: another line has its id {line.external_line_id}."
    return ""


def _digest(incoming: IncomingOrder) -> str:
    """Return a fingerprint of what the order says; when it said so does not count."""
    said = replace(incoming, updated_at=incoming.placed_at)
    return hashlib.sha256(repr(said).encode(errors="surrogatepass")).hexdigest()
