"""The two versions of an order that are compared: as the rows know it, as its channel tells it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from channels.connectors.base import IncomingLine, IncomingStatus
from customers.operations import PostalAddress, address_digest
from orders.models import CancelledLine, Order, OrderCancellation, OrderLine, PaymentEvent, Refund
from orders.operations.changes import Amounts, LineSnapshot, Snapshot, Totals
from orders.operations.reading import (
    LONGEST_ID,
    Reading,
    amount_or_zero,
    fitted,
    order_amounts,
)

NOT_PAID = frozenset(
    {
        Order.PaymentStatus.UNPAID,
        Order.PaymentStatus.AUTHORIZED,
        Order.PaymentStatus.PARTIALLY_PAID,
        Order.PaymentStatus.VOIDED,
    }
)


def told_version(reading: Reading) -> Snapshot:
    """Return an order as its channel tells it now, the lines that can be stored."""
    incoming = reading.order
    address = incoming.delivery_address
    return Snapshot(
        status=incoming.status,
        lines=tuple(
            LineSnapshot(
                line_id=line.external_line_id,
                quantity=line.quantity,
                code=_code(fitted(line.sku, LONGEST_ID), fitted(line.gtin, LONGEST_ID)),
                amounts=told_amounts(line),
            )
            for line in reading.lines
        ),
        totals=Totals(**order_amounts(incoming)),
        address=address_digest(PostalAddress(**asdict(address))) if address else "",
        has_buyer=incoming.buyer is not None,
        is_paid=incoming.is_paid,
        payments=frozenset(
            f"{payment.external_id} {event.kind} {event.reference}"
            for payment in incoming.payments
            for event in payment.events
        ),
        refunds=frozenset(refund.external_id for refund in incoming.refunds),
        note=incoming.note.replace("\x00", "").strip(),
        merged_into=fitted(incoming.merged_into, LONGEST_ID),
        ship_by=incoming.ship_by,
    )


def known_version(order: Order, lines: Sequence[OrderLine]) -> Snapshot:
    """
    Return a locked order as its rows know it.

    Pieces that the channel has cancelled are no longer part of what it tells; those that we
    called off may be.
    """
    off_there = _cancelled_there(lines)
    events = PaymentEvent.objects.filter(payment__order=order)
    refunds = Refund.objects.filter(order=order, external_id__isnull=False)
    address = order.delivery_address
    return Snapshot(
        status=_status(order, lines),
        lines=tuple(
            LineSnapshot(
                line_id=line.external_line_id,
                quantity=line.ordered - off_there[line.pk],
                called_off=line.cancelled - off_there[line.pk],
                code=_code(line.raw_sku, line.raw_gtin),
                amounts=Amounts(
                    unit_price=line.unit_price,
                    discount=line.discount,
                    tax=line.tax,
                    total=line.total,
                ),
            )
            for line in lines
        ),
        totals=Totals(
            shipping_total=order.shipping_total,
            discount_total=order.discount_total,
            tax_total=order.tax_total,
            total=order.total,
        ),
        address=address.digest if address else "",
        has_buyer=order.customer_id is not None,
        is_paid=order.payment_status not in NOT_PAID,
        payments=frozenset(
            f"{external_id} {kind} {reference}"
            for external_id, kind, reference in events.values_list(
                "payment__external_id", "kind", "reference"
            )
        ),
        refunds=frozenset(each or "" for each in refunds.values_list("external_id", flat=True)),
        note=order.buyer_note,
        merged_into=(order.merged_into.external_id or "") if order.merged_into else "",
        ship_by=order.ship_by,
    )


def told_amounts(line: IncomingLine) -> Amounts:
    """Return the amounts of a line as they are stored."""
    return Amounts(
        unit_price=amount_or_zero(line.unit_price),
        discount=amount_or_zero(line.discount),
        tax=amount_or_zero(line.tax),
        total=amount_or_zero(line.total),
    )


def _status(order: Order, lines: Sequence[OrderLine]) -> IncomingStatus:
    if order.lifecycle == Order.Lifecycle.CANCELLED:
        return IncomingStatus.CANCELLED
    is_anything_open = any(line.open_quantity for line in lines if line.is_stocked)
    return IncomingStatus.OPEN if is_anything_open else IncomingStatus.SHIPPED


def _cancelled_there(lines: Sequence[OrderLine]) -> dict[int, int]:
    """Line id -> pieces that the channel has cancelled."""
    pieces: dict[int, int] = defaultdict(int)
    if cancelled := [line.pk for line in lines if line.cancelled]:
        rows = CancelledLine.objects.filter(
            line_id__in=cancelled, cancellation__cause=OrderCancellation.Cause.CHANNEL
        )
        for line_id, quantity in rows.values_list("line_id", "quantity"):
            pieces[line_id] += quantity
    return pieces


def _code(sku: str, gtin: str) -> str:
    return sku or gtin
