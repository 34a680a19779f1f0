"""Payments and refunds on the wire of the practice shop."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from channels.connectors.base import (
    IncomingOrder,
    IncomingPayment,
    IncomingPaymentEvent,
    IncomingPaymentKind,
    IncomingRefund,
    IncomingRefundLine,
)
from channels.connectors.reading import RowReader


def read_payments(order: RowReader, otherwise_at: datetime) -> tuple[IncomingPayment, ...]:
    """Read the transactions of an order; what lacks its moment happened when the order changed."""
    return tuple(
        IncomingPayment(
            external_id=row.text("id"),
            method=row.text("method"),
            provider=row.text("provider"),
            events=tuple(
                event
                for each in row.rows("events")
                if (event := _read_event(each, otherwise_at)) is not None
            ),
        )
        for row in order.optional_rows("payments")
    )


def read_refunds(order: RowReader, otherwise_at: datetime) -> tuple[IncomingRefund, ...]:
    """Read what was given back for an order."""
    return tuple(
        IncomingRefund(
            external_id=row.text("id"),
            amount=row.amount("amount"),
            at=row.moment("at") or otherwise_at,
            reason=row.text("reason"),
            reference=row.text("reference"),
            lines=tuple(
                IncomingRefundLine(
                    external_line_id=line.text("id"),
                    quantity=line.units("quantity"),
                    amount=line.amount("amount"),
                )
                for line in row.optional_rows("lines")
            ),
        )
        for row in order.optional_rows("refunds")
    )


def write_payments(order: IncomingOrder) -> dict[str, Any]:
    """Return the part of the wire's row that says what was paid and given back."""
    return {
        "payment_method": order.payment_method,
        "payments": [
            {
                "id": payment.external_id,
                "method": payment.method,
                "provider": payment.provider,
                "events": [
                    {
                        "kind": event.kind.lower(),
                        "amount": str(event.amount),
                        "at": event.at.isoformat(),
                        "reference": event.reference,
                    }
                    for event in payment.events
                ],
            }
            for payment in order.payments
        ],
        "refunds": [
            {
                "id": refund.external_id,
                "amount": str(refund.amount),
                "at": refund.at.isoformat(),
                "reason": refund.reason,
                "reference": refund.reference,
                "lines": [
                    {
                        "id": line.external_line_id,
                        "quantity": line.quantity,
                        "amount": str(line.amount),
                    }
                    for line in refund.lines
                ],
            }
            for refund in order.refunds
        ],
    }


def _read_event(row: RowReader, otherwise_at: datetime) -> IncomingPaymentEvent | None:
    kind = row.text("kind").upper()
    if kind not in set(IncomingPaymentKind):
        row.problems.append(f"{kind!r} is nothing that happens to a payment.")
        return None
    return IncomingPaymentEvent(
        kind=IncomingPaymentKind(kind),
        amount=row.amount("amount"),
        at=row.moment("at") or otherwise_at,
        reference=row.text("reference"),
    )
