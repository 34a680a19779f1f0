"""What became different about an order on its channel: a pure comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from channels.connectors.base import IncomingLine, IncomingStatus
from orders.models import Order, OrderLine
from orders.operations.reading import LONGEST_ID, Reading, fitted, order_amounts
from retail.common.money import round_rate


@dataclass(frozen=True, slots=True)
class Changes:
    """
    What the channel says now and did not say when we last heard of an order.

    quantities: channel's line id -> pieces now, zero for a line that is gone.
    others: in words, what only a person can decide about.
    """

    is_cancelled: bool = False
    is_shipped: bool = False
    is_paid: bool = False
    has_buyer: bool = False
    has_address: bool = False
    quantities: Mapping[str, int] = field(default_factory=dict)
    others: tuple[str, ...] = ()

    @property
    def is_certain(self) -> bool:
        """Whether anything is new for sure; a buyer and an address are told each time."""
        return bool(
            self.is_cancelled or self.is_shipped or self.is_paid or self.quantities or self.others
        )

    def summary(self) -> dict[str, Any]:
        """Return the changes for the timeline, without anything personal."""
        return {
            "cancelled": self.is_cancelled,
            "shipped": self.is_shipped,
            "paid": self.is_paid,
            "buyer": self.has_buyer,
            "address": self.has_address,
            "quantities": dict(self.quantities),
            "others": list(self.others),
        }


def diff(*, order: Order, lines: Sequence[OrderLine], reading: Reading) -> Changes:
    """
    Compare an order as we know it with what its channel says now.

    An address counts as told when there is one; whoever applies it finds out whether it is new.
    """
    incoming = reading.order
    is_cancelled = order.lifecycle == Order.Lifecycle.CANCELLED
    told_cancelled = incoming.status == IncomingStatus.CANCELLED
    others: list[str] = []
    if is_cancelled and not told_cancelled:
        others.append("It is open on the channel and cancelled here.")
    if told_cancelled or is_cancelled:
        return Changes(is_cancelled=told_cancelled and not is_cancelled, others=tuple(others))
    quantities = _quantities(lines, reading.lines)
    others += _other_differences(lines, reading.lines, quantities)
    if not quantities and (total := order_amounts(incoming)["total"]) != order.total:
        others.append(f"The total changed from {order.total} to {total}.")
    return Changes(
        is_shipped=incoming.status == IncomingStatus.SHIPPED
        and any(line.open_quantity for line in lines if line.is_stocked),
        is_paid=incoming.is_paid and order.payment_status == Order.PaymentStatus.UNPAID,
        has_buyer=incoming.buyer is not None and order.customer_id is None,
        has_address=incoming.delivery_address is not None,
        quantities=quantities,
        others=tuple(others),
    )


def _quantities(known: Sequence[OrderLine], told: Sequence[IncomingLine]) -> dict[str, int]:
    """
    Return the lines whose pieces changed.

    Once something was shipped, what was cancelled of the rest was cancelled by us: the channel
    still tells the pieces it was told at first.
    """
    pieces = {line.external_line_id: line.quantity for line in told}
    is_begun = any(line.shipped for line in known)
    changed = {}
    for line in known:
        now = pieces.get(line.external_line_id, 0)
        before = {line.ordered - line.cancelled} | ({line.ordered} if is_begun else set())
        if now not in before:
            changed[line.external_line_id] = now
    return changed


def _other_differences(
    known: Sequence[OrderLine], told: Sequence[IncomingLine], quantities: Mapping[str, int]
) -> list[str]:
    by_id = {line.external_line_id: line for line in known}
    found = []
    for line in told:
        name = fitted(line.name or line.sku or line.external_line_id, LONGEST_ID)
        before = by_id.get(line.external_line_id)
        if before is None:
            found.append(f"A line was added: {line.quantity} of {name}.")
        elif before.raw_sku != fitted(line.sku, LONGEST_ID):
            found.append(f"The article {before} became {name}.")
        elif line.external_line_id not in quantities and before.unit_price != round_rate(
            line.unit_price
        ):
            found.append(f"The price of {name} changed to {line.unit_price}.")
    return found
