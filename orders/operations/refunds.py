"""Refunds: proposed, granted, approved. Paying them out is another act."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from orders.amounts import paid_for, paid_of
from orders.models import Order, OrderEvent, OrderLine, Payment, Refund, RefundLine, Return
from orders.operations.events import event, record_events
from orders.operations.payments import open_grants
from orders.operations.promised import lines_of
from orders.operations.shipping import UnknownLine
from orders.operations.statuses import UnknownOrder, locked_order
from orders.queries import cancelled_there
from retail.common.errors import BusinessError
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.models import User
from retail.common.money import ZERO, display, round_amount
from retail.common.status import check_move

LONGEST_REASON = 300


class UnknownRefund(BusinessError):
    """There is no such refund."""


class InvalidRefund(BusinessError):
    """An amount, a reason or lines that make no refund."""


class RefundTooHigh(BusinessError):
    """More would be given back than was paid and is not given back or granted yet."""


class RefundKeyReused(BusinessError):
    """The key belongs to another refund."""


class ApprovedByGranter(BusinessError):
    """Nobody approves a refund they granted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundedLine:
    """Pieces of a line of the order, and the part of the refund that is for them."""

    line_id: int
    quantity: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class RefundProposal:
    """
    What was really paid for pieces of an order, in its currency.

    amount: what the lines add up to. left: the most that may still be granted.
    """

    lines: tuple[RefundedLine, ...]
    amount: Decimal
    left: Decimal


def propose_refund(*, order_id: int, pieces: Mapping[int, int]) -> RefundProposal:
    """
    Work out what was really paid for pieces of lines, line id -> pieces; changes nothing.

    That is their share of the line's total less their share of the order's discount. Pieces that
    were given back or called off before count as the first ones; the last piece gets the cents that
    the others leave, so that all of them together are what was paid for the line.

    :raises UnknownOrder: no order has this id.
    :raises UnknownLine: a line of another order.
    :raises InvalidRefund: fewer than one piece, or more than were ordered.
    """
    order = Order.objects.filter(pk=order_id).first()
    if order is None:
        raise UnknownOrder("There is no such order.", order_id=order_id)
    lines = list(order.lines.order_by("pk"))
    _require_pieces(order, lines, pieces)
    amounts = paid_for(
        order=order,
        lines=lines,
        before=_pieces_before(order, lines, pieces),
        pieces=pieces,
        off_there=cancelled_there(lines),
    )
    proposed = tuple(
        RefundedLine(
            line_id=line_id,
            quantity=count,
            amount=max(round_amount(amounts[line_id], order.currency), ZERO),
        )
        for line_id, count in pieces.items()
    )
    return RefundProposal(
        lines=proposed,
        amount=sum((line.amount for line in proposed), ZERO),
        left=left_to_grant(order),
    )


def left_to_grant(order: Order) -> Decimal:
    """Return what was paid for an order and is neither given back nor granted to be."""
    kept = paid_of(Payment.objects.filter(order=order)).kept
    return max(kept - open_grants(order), ZERO)


@transaction.atomic
def grant_refund(
    *,
    order_id: int,
    amount: Decimal,
    reason: str,
    key: str,
    at: datetime,
    by: User | None = None,
    lines: Sequence[RefundedLine] = (),
    return_id: int | None = None,
) -> Refund:
    """
    Grant money back for an order; above the limit it waits for somebody else to approve it.

    What was granted for the order before, without a second person, counts towards the limit.
    amount: in the order's currency. lines: what it is for, as far as it is for lines; their amounts
    do not have to add up to it. return_id: of the goods that came back for it.
    key: made by whoever asks, unique on the order; the same key again returns the first refund.
    Locks: the order.

    :raises UnknownOrder: no order has this id.
    :raises InvalidRefund: an amount not above zero or finer than the currency, no reason, no whole
        pieces, a line twice, a return of another order.
    :raises UnknownLine: a line of another order.
    :raises RefundTooHigh: carries `left`, what may still be granted.
    :raises RefundKeyReused: the key belongs to a refund of another amount.
    """
    order = locked_order(order_id)
    if earlier := order.refunds.filter(key=key).first():
        return _same(earlier, amount)
    _require_grantable(order, amount, reason, return_id)
    _require_lines(order, lines)
    limit = settings.RETAIL_REFUND_LIMIT
    # In small pieces money must not go back that nobody would have approved in one.
    is_above = amount + _granted_alone(order) > limit
    refund = Refund.objects.create(
        order=order,
        returned_with_id=return_id,
        key=key,
        status=Refund.Status.AWAITING_APPROVAL if is_above else Refund.Status.GRANTED,
        amount=amount,
        currency=order.currency,
        reason=reason.strip()[:LONGEST_REASON],
        limit=limit,
        granted_at=at,
        granted_by=by,
    )
    RefundLine.objects.bulk_create(
        RefundLine(refund=refund, line_id=line.line_id, quantity=line.quantity, amount=line.amount)
        for line in lines
    )
    record_events([refund_event(refund, at=at, by=by)])
    return refund


def _granted_alone(order: Order) -> Decimal:
    """Return what was granted for an order that no second person has approved."""
    ended = [Refund.Status.DECLINED, Refund.Status.CANCELLED, Refund.Status.AWAITING_APPROVAL]
    granted = order.refunds.exclude(status__in=ended).exclude(route=Refund.Route.ON_CHANNEL)
    return granted.filter(approved_at__isnull=True).aggregate(all=Sum("amount"))["all"] or ZERO


@transaction.atomic
def approve_refund(*, refund_id: int, at: datetime, by: User) -> Refund:
    """
    Approve a refund above the limit, which may be paid out then; again changes nothing.

    Locks: the order.

    :raises UnknownRefund: no refund has this id.
    :raises ApprovedByGranter: the same person granted it.
    :raises WrongStatus: it is decided or paid already.
    """
    refund = locked_refund(refund_id)
    if refund.status == Refund.Status.GRANTED and refund.approved_at is not None:
        return refund
    check_move(refund, Refund.Status.GRANTED)
    if refund.granted_by_id == by.pk:
        raise ApprovedByGranter("Somebody else has to approve what you granted.")
    refund.status = Refund.Status.GRANTED
    refund.approved_at, refund.approved_by = at, by
    refund.save(update_fields=["status", "approved_at", "approved_by"])
    record_events([refund_event(refund, at=at, by=by)])
    return refund


@transaction.atomic
def decline_refund(*, refund_id: int, note: str, at: datetime, by: User | None = None) -> Refund:
    """
    Say no to a refund that waits for approval; a second call changes nothing.

    Locks: the order.

    :raises UnknownRefund: no refund has this id.
    :raises InvalidRefund: no note says why.
    :raises WrongStatus: it is granted, paid or cancelled.
    """
    return _end(refund_id, Refund.Status.DECLINED, note, at, by)


@transaction.atomic
def cancel_refund(*, refund_id: int, note: str, at: datetime, by: User | None = None) -> Refund:
    """
    Take a refund back that was not paid out; a second call changes nothing.

    One that failed was refused by the channel, or the channel never answered: see there first.
    Locks: the order.

    :raises UnknownRefund: no refund has this id.
    :raises InvalidRefund: no note says why.
    :raises WrongStatus: it is on its way, paid or declined.
    """
    return _end(refund_id, Refund.Status.CANCELLED, note, at, by)


def locked_refund(refund_id: int) -> Refund:
    """
    Lock the order of a refund, and read the refund as it is then.

    :raises UnknownRefund: no refund has this id.
    """
    order_id = Refund.objects.filter(pk=refund_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise UnknownRefund("There is no such refund.", refund_id=refund_id)
    order = locked_order(order_id)
    refund = Refund.objects.get(pk=refund_id)
    refund.order = order
    return refund


def refund_event(
    refund: Refund, *, at: datetime, by: User | None = None, note: str = ""
) -> OrderEvent:
    """Make the row of the timeline for how a refund stands now, not stored yet."""
    more = {"note": note} if note else {}
    route = {"route": refund.route} if refund.route else {}
    return event(
        refund.order,
        OrderEvent.Kind.REFUND,
        at=at,
        by=by,
        refund=refund.number,
        status=str(refund.status),
        amount=str(refund.amount),
        **route,
        **more,
    )


def _end(refund_id: int, status: str, note: str, at: datetime, by: User | None) -> Refund:
    refund = locked_refund(refund_id)
    if refund.status == status:
        return refund
    check_move(refund, status)
    if not note.strip():
        raise InvalidRefund("Say why it is not paid.")
    refund.status = Refund.Status(status)
    refund.save(update_fields=["status"])
    record_events([refund_event(refund, at=at, by=by, note=note.strip()[:LONGEST_REASON])])
    return refund


def _same(refund: Refund, amount: Decimal) -> Refund:
    if refund.amount != amount:
        raise RefundKeyReused(
            f"This key belongs to {refund}, which is another refund.", refund=refund.number
        )
    return refund


def _require_grantable(order: Order, amount: Decimal, reason: str, return_id: int | None) -> None:
    if not amount.is_finite() or not ZERO < amount < MAX_AMOUNT:
        raise InvalidRefund("A refund is more than nothing.", amount=str(amount))
    if amount != round_amount(amount, order.currency):
        raise InvalidRefund(
            f"{amount} is not an amount that can be paid in {order.currency}.", amount=str(amount)
        )
    if not reason.strip():
        raise InvalidRefund("Say why money is given back.")
    if return_id is not None and not Return.objects.filter(pk=return_id, order=order).exists():
        raise InvalidRefund(f"{order} has no such return.", return_id=return_id)
    if amount > (left := left_to_grant(order)):
        raise RefundTooHigh(
            f"{display(left, order.currency)} of what was paid for {order} is left to be given"
            " back.",
            left=str(left),
        )


def _require_lines(order: Order, lines: Sequence[RefundedLine]) -> None:
    if not lines:
        return
    times = Counter(line.line_id for line in lines)
    if any(count > 1 for count in times.values()):
        raise InvalidRefund("A line is named twice.")
    _require_pieces(order, lines_of(order), {line.line_id: line.quantity for line in lines})
    if any(not 0 <= line.amount < MAX_AMOUNT for line in lines):
        raise InvalidRefund("What is given back for a line is not negative.")


def _require_pieces(order: Order, lines: Collection[OrderLine], pieces: Mapping[int, int]) -> None:
    ordered = {line.pk: line.ordered for line in lines}
    if unknown := sorted(pieces.keys() - ordered.keys()):
        raise UnknownLine("The order has no such line.", lines=unknown)
    for line_id, count in pieces.items():
        if not 0 < count <= min(ordered[line_id], MAX_UNITS):
            raise InvalidRefund(
                f"{count} of {ordered[line_id]} pieces of {order} cannot be given back.",
                line=line_id,
            )


def _pieces_before(
    order: Order, lines: Collection[OrderLine], pieces: Mapping[int, int]
) -> dict[int, int]:
    """
    Return line id -> pieces that count as given back, or called off, before these.

    A refund that belongs to no return may be for the cancelled pieces, so these count once.
    """
    refunded = (
        RefundLine.objects.filter(refund__order=order, line_id__in=list(pieces))
        .exclude(refund__status__in=[Refund.Status.DECLINED, Refund.Status.CANCELLED])
        .values_list("line_id")
    )
    everything = dict(refunded.annotate(Sum("quantity")))
    of_returns = dict(
        refunded.filter(refund__returned_with__isnull=False).annotate(Sum("quantity"))
    )
    return {
        line.pk: min(
            max(line.cancelled + of_returns.get(line.pk, 0), everything.get(line.pk, 0)),
            line.ordered - pieces[line.pk],
        )
        for line in lines
        if line.pk in pieces
    }
