"""Money given back for goods that came."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from orders.models import Refund, Return
from orders.operations.closing import close
from orders.operations.refunds import RefundedLine, grant_refund
from orders.operations.returns import locked_return
from orders.queries.returns import credit_of
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.money import ZERO


class NoSale(BusinessError):
    """Nobody knows which sale the goods are of, so nothing of it can be given back."""


@transaction.atomic
def refund_return(
    *,
    return_id: int,
    amount: Decimal,
    reason: str,
    key: str,
    at: datetime,
    by: User | None = None,
) -> Refund:
    """
    Grant money back for goods that came, which closes the return.

    amount: in the order's currency, what `credit_of` leaves or less or more: how much may be given
    back at all, and who approves it, is up to `grant_refund`.
    key: made by whoever asks, unique on the order; the same key again returns the first refund.
    Locks: the order.

    :raises NoSale: a blind return.
    :raises WrongStatus: nothing came yet, or it is decided already: closed with a refund that
        stands, or exchanged.
    """
    order, returned = locked_return(return_id)
    if order is None:
        raise NoSale(f"Nobody knows the sale of {returned}: close it and say what was paid.")
    if earlier := order.refunds.filter(key=key).first():
        return earlier
    if returned.received_at is None:
        raise WrongStatus(
            f"{returned} is {returned.get_status_display().lower()}: nothing came yet.",
            status=returned.status,
        )
    _require_undecided(returned)
    refund = grant_refund(
        order_id=order.pk,
        amount=amount,
        reason=reason,
        key=key,
        at=at,
        by=by,
        lines=_refunded_lines(returned, amount),
        return_id=returned.pk,
    )
    if returned.status == Return.Status.RECEIVED:
        close(returned, at=at, by=by, note=f"Refund {refund}")
    return refund


def _require_undecided(returned: Return) -> None:
    """Pass while nothing was given for it; one that was declined may be granted anew."""
    if returned.status != Return.Status.CLOSED:
        return
    credit = credit_of(returned)
    if credit.refunded + credit.exchanged > ZERO:
        raise WrongStatus(
            f"{returned} is closed: {returned.close_note or 'it is decided'}.",
            status=returned.status,
        )


def _refunded_lines(returned: Return, amount: Decimal) -> list[RefundedLine]:
    """Name the lines when the whole of what was paid for them is given back, and only then."""
    pieces: dict[int, int] = defaultdict(int)
    paid: dict[int, Decimal] = defaultdict(lambda: ZERO)
    for row in returned.lines.filter(received__gt=0, order_line__isnull=False).order_by("pk"):
        pieces[row.order_line_id or 0] += row.received
        paid[row.order_line_id or 0] += row.amount
    if sum(paid.values(), ZERO) != amount:
        return []
    return [
        RefundedLine(line_id=line_id, quantity=count, amount=paid[line_id])
        for line_id, count in pieces.items()
    ]
