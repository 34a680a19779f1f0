"""Orders of channels: each a fact, stored once, whatever is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import transaction

from channels.connectors.base import IncomingOrder, IncomingStatus
from channels.models import Channel
from customers.models import Customer
from customers.operations import Buyer, PostalAddress, identify, record_address
from inventory.models import Location
from inventory.operations import PeriodClosed
from orders.amounts import Paid
from orders.models import (
    ChannelConflict,
    Order,
    OrderCancellation,
    OrderEvent,
    OrderHold,
    OrderLine,
    PaymentRule,
)
from orders.operations.allocation import promise_lines, stock_hold
from orders.operations.applying import CANCELLED_THERE
from orders.operations.cancelling import open_pieces, record_cancellation
from orders.operations.conflicts import NewConflict, open_conflicts
from orders.operations.events import event, record_events
from orders.operations.holds import NewHold, open_holds
from orders.operations.incidents import note_oversold
from orders.operations.inserting import insert_unless_there, is_known
from orders.operations.new_lines import line_holds, store_lines
from orders.operations.payment_rules import begin_payment, is_met, may_be_promised, rule_for
from orders.operations.pickups import open_pickup
from orders.operations.places import pickup_places, place_holds, told_place
from orders.operations.reading import (
    LONGEST_ID,
    Reading,
    fitted,
    lacks_buyer,
    new_order,
    read_order,
    reading_holds,
)
from orders.operations.shipping import sell_at_once
from orders.operations.statuses import DERIVED_FIELDS, apply_statuses, payment_status
from orders.operations.told_payments import store_told_payments
from orders.operations.updating import update_order

LONGEST_COLLECTOR = 200


class Outcome(StrEnum):
    """What became of an incoming order."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    STALE = "STALE"


@dataclass(frozen=True, slots=True)
class Ingested:
    """The order that an incoming order is, and what became of it."""

    order: Order
    outcome: Outcome


@transaction.atomic
def ingest_order(
    *, channel: Channel, incoming: IncomingOrder, at: datetime, location: Location | None = None
) -> Ingested:
    """
    Take in an order of a channel as the fact it is: new, changed, or known already.

    Never refused for what it says: an unknown article, a quantity that makes no sense, a total
    that does not add up, a missing buyer or stock that is short open a hold, and what can be
    promised is promised. Delivered again, it changes nothing; an older version than the one we
    have is left alone. An order the channel has shipped already is sold at once.

    location: where a channel that ships itself takes the goods from; by default the location that
    has most of them.

    A buyer is needed only for sending: an open order with goods is held while the channel names
    no buyer, or one that nobody can be recognized by and no address either.
    Locks: the order, keys of its customer, then cost pools and stock levels.

    :raises UnusableOrder: the order has no id that could be stored.
    """
    reading = read_order(incoming)
    order = _locked(channel, reading, at)
    if not order.payload_digest:
        _take_in(order, reading, location, at)
        return Ingested(order, Outcome.CREATED)
    known_at = order.external_updated_at
    if known_at is not None and incoming.updated_at < known_at:
        return Ingested(order, Outcome.STALE)
    is_changed = order.payload_digest != reading.digest and update_order(
        order=order, reading=reading, at=at
    )
    order.payload_digest = reading.digest
    order.external_updated_at = incoming.updated_at
    order.save(update_fields=["payload_digest", "external_updated_at"])
    return Ingested(order, Outcome.UPDATED if is_changed else Outcome.UNCHANGED)


def _locked(channel: Channel, reading: Reading, at: datetime) -> Order:
    """
    Lock the order, inserting its row first when there is none.

    A row without a digest is one that this very transaction has inserted: whoever inserts writes
    the digest before committing. When two insert at once, the second waits and finds the first's.
    """
    incoming = reading.order
    known = Order.objects.for_update().filter(channel=channel, external_id=incoming.external_id)
    if is_known(channel=channel, external_id=incoming.external_id):
        order = known.get()
    else:
        places = pickup_places(channel=channel, orders=[incoming])
        order = new_order(
            channel_id=channel.pk,
            incoming=incoming,
            currency=channel.currency,
            place_id=places.get(told_place(incoming)),
            created_at=at,
        )
        if not insert_unless_there(order):
            order = known.get()
    order.channel = channel
    return order


def _take_in(order: Order, reading: Reading, location: Location | None, at: datetime) -> None:
    """Store everything about a new order, promise or book its goods, and save it."""
    incoming = reading.order
    order.payload_digest = reading.digest
    order.external_updated_at = incoming.updated_at
    order.rounding_difference = reading.rounding_difference
    customer = _identify(order, incoming, at)
    lines = store_lines(order=order, told=reading.lines)
    events = [event(order, OrderEvent.Kind.INGESTED, at=at, **ingested_details(reading))]
    if customer is not None:
        events.append(
            event(order, OrderEvent.Kind.CUSTOMER_IDENTIFIED, at=at, customer=customer.pk)
        )
    record_events(events)
    taken = store_told_payments(sales=[(order, reading, lines)], at=at)[order.pk]
    if incoming.status == IncomingStatus.CANCELLED or incoming.merged_into:
        _store_as_cancelled(order, reading, lines, taken.paid, at)
    else:
        holds = [*reading_holds(reading), *line_holds(lines)]
        holds += place_holds(incoming=incoming, place_id=order.pickup_location_id)
        holds += taken.holds
        unsold: list[NewHold] = []
        if incoming.status == IncomingStatus.SHIPPED:
            unsold = _sell(order, reading, lines, location, at)
        else:
            order.payment_status = payment_status(order=order, lines=lines, paid=taken.paid)
            holds += _promise(order, reading, lines, at)
            if order.pickup_location_id is not None:
                open_pickup(order=order, at=at, collector_name=_collector(incoming))
        holds += unsold
        open_holds(order=order, holds=holds, at=at)
        if unsold:
            open_conflicts(order=order, conflicts=[shipped_there()], at=at)
        apply_statuses(order=order, lines=lines, is_held=bool(holds), paid=taken.paid)
    order.save(
        update_fields=[
            *DERIVED_FIELDS,
            "payload_digest",
            "external_updated_at",
            "rounding_difference",
            "customer",
            "delivery_address",
            "location",
            "payment_due_at",
            "merged_into",
        ]
    )


def _collector(incoming: IncomingOrder) -> str:
    """Return who will collect an order, as far as the channel says."""
    return fitted(incoming.buyer.name if incoming.buyer else "", LONGEST_COLLECTOR)


def ingested_details(reading: Reading) -> dict[str, Any]:
    """Return what the timeline keeps of an order as it came."""
    return {
        "status": str(reading.order.status),
        "total": str(reading.order.total),
        "lines": len(reading.order.lines),
    }


def _identify(order: Order, incoming: IncomingOrder, at: datetime) -> Customer | None:
    if incoming.buyer is not None:
        order.customer = identify(
            channel_code=order.channel.code, buyer=Buyer(**asdict(incoming.buyer)), at=at
        )
    if incoming.delivery_address is not None:
        order.delivery_address = record_address(
            customer=order.customer,
            address=PostalAddress(**asdict(incoming.delivery_address)),
            at=at,
        )
    return order.customer


def _promise(
    order: Order, reading: Reading, lines: Sequence[OrderLine], at: datetime
) -> list[NewHold]:
    """
    Promise the goods of a new order, once its payment allows; return what keeps them from leaving.
    """
    # Paid is whatever a rule may ask for, so it need not be looked up.
    rule = None if is_met(PaymentRule.Needs.PAID, order) else rule_for(order)
    holds = begin_payment(order=order, rule=rule, at=at)
    if may_be_promised(order, rule):
        missing = promise_lines(order=order, lines=lines, promised={}, at=at).missing
        note_oversold(order=order, lines=lines, missing=missing, at=at)
        holds += [stock_hold(missing)] if missing else []
    if any(line.is_stocked for line in lines) and lacks_buyer(order, reading.order):
        reason = "The channel does not say who bought it."
        holds.append(NewHold(kind=OrderHold.Kind.NO_BUYER, reason=reason))
    return holds


def _sell(
    order: Order,
    reading: Reading,
    lines: Sequence[OrderLine],
    location: Location | None,
    at: datetime,
) -> list[NewHold]:
    """Book the goods of an order that the channel has shipped; return what is wrong then."""
    if not any(line.is_stocked and line.variant_id is not None for line in lines):
        return []
    sold_at = min(reading.order.updated_at, at)
    try:
        sale = sell_at_once(order=order, lines=lines, location=location, sold_at=sold_at)
    except PeriodClosed:
        # The order is a fact, however late it is told: its goods leave the open books.
        sale = sell_at_once(order=order, lines=lines, location=location, sold_at=at)
    return [] if sale else [sold_without_stock()]


def sold_without_stock() -> NewHold:
    """Return the hold of an order that the channel shipped and that stock cannot account for."""
    return NewHold(
        kind=OrderHold.Kind.CHANNEL_CONFLICT,
        reason="The channel has shipped it, but there is no such stock to take it from.",
    )


def shipped_there() -> NewConflict:
    """Return the disagreement on an order that only the channel has shipped."""
    kind = ChannelConflict.Kind.SHIPPED
    return NewConflict(kind=kind, ours={"status": "Placed"}, theirs={"status": "Shipped"})


def _store_as_cancelled(
    order: Order, reading: Reading, lines: Sequence[OrderLine], paid: Paid, at: datetime
) -> None:
    """Keep an order that the channel has cancelled, or made part of another one."""
    if merged_into := fitted(reading.order.merged_into, LONGEST_ID):
        others = Order.objects.filter(channel=order.channel_id, external_id=merged_into)
        order.merged_into = others.exclude(pk=order.pk).first()
    record_cancellation(
        order=order,
        lines=lines,
        pieces=open_pieces(lines),
        cause=OrderCancellation.Cause.CHANNEL,
        reason=f"Merged into {merged_into}." if merged_into else CANCELLED_THERE,
        key=f"channel {reading.digest}",
        at=at,
    )
    order.lifecycle = Order.Lifecycle.CANCELLED
    apply_statuses(order=order, lines=lines, is_held=False, paid=paid)
