"""Complaints about goods that were sent: written down, decided, made good."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from orders.models import Claim, Order, OrderEvent, OrderLine, Return
from orders.operations.events import event, record_events
from orders.operations.exchanges import own_channel
from orders.operations.order_plans import NewOrderLine
from orders.operations.placing import place_order
from orders.operations.refunds import grant_refund
from orders.operations.shipping import UnknownLine
from orders.operations.statuses import locked_order
from retail.common.errors import BusinessError
from retail.common.models import User
from retail.common.money import ZERO
from retail.common.status import check_move

_Resolution = Claim.Resolution


class UnknownClaim(BusinessError):
    """There is no such claim."""


class InvalidClaim(BusinessError):
    """A claim about nothing, or about more than was sent."""


class NothingMadeGood(BusinessError):
    """A claim is resolved by money, by goods or by both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redress:
    """
    What a customer gets for a claim: an amount in the order's currency, pieces sent again, or both.

    replacement: line id -> pieces of the line that are sent again, for nothing.
    """

    refund: Decimal = ZERO
    replacement: Sequence[tuple[int, int]] = ()


@transaction.atomic
def open_claim(
    *,
    order_id: int,
    kind: str,
    told: str,
    key: str,
    at: datetime,
    by: User | None = None,
    line_id: int | None = None,
    quantity: int = 1,
) -> Claim:
    """
    Write down what a customer complains about.

    key: made by whoever asks, unique on the order; the same key again returns the first claim.
    Locks: the order.

    :raises InvalidClaim: not a word about what is wrong, or more pieces than were shipped.
    :raises UnknownLine: a line of another order.
    """
    order = locked_order(order_id)
    if earlier := order.claims.filter(key=key).first():
        return earlier
    if not told.strip():
        raise InvalidClaim("Write down what the customer says.")
    line = _line_of(order, line_id) if line_id is not None else None
    most = line.shipped if line else sum(order.lines.values_list("shipped", flat=True))
    if not 0 < quantity <= most:
        raise InvalidClaim(f"{most} pieces were shipped: {quantity} cannot be complained about.")
    claim = Claim.objects.create(
        order=order,
        line=line,
        key=key,
        kind=kind,
        quantity=quantity,
        told=told.strip(),
        opened_at=at,
        opened_by=by,
    )
    _note(claim, at=at, by=by, opened=claim.get_kind_display())
    return claim


@transaction.atomic
def approve_claim(*, claim_id: int, at: datetime, by: User | None = None, note: str = "") -> Claim:
    """
    Accept a claim, to be made good; a second call changes nothing.

    Locks: the order.

    :raises WrongStatus: it was denied or resolved.
    """
    return _decide(claim_id, Claim.Status.APPROVED, note, at=at, by=by)


@transaction.atomic
def deny_claim(*, claim_id: int, note: str, at: datetime, by: User | None = None) -> Claim:
    """
    Turn a claim down and say why; a second call changes nothing.

    Locks: the order.

    :raises InvalidClaim: no reason was given.
    :raises WrongStatus: it was approved or resolved.
    """
    if not note.strip():
        raise InvalidClaim("Say why the claim is denied.")
    return _decide(claim_id, Claim.Status.DENIED, note, at=at, by=by)


@transaction.atomic
def resolve_claim(
    *,
    claim_id: int,
    redress: Redress,
    key: str,
    at: datetime,
    by: User | None = None,
    returned_with: Return | None = None,
    carrier_compensation: Decimal = ZERO,
) -> Claim:
    """
    Make an approved claim good: money is granted, pieces are sent again at no price, or both.

    No goods come back by it; a return that belongs to it is only named.
    key: made by whoever asks; the same key again returns the claim as it is.
    Locks: the order, the new order, then the stock levels.

    :raises WrongStatus: it is not approved, or was resolved by another act.
    :raises NothingMadeGood: neither money nor goods.
    :raises UnknownLine: a line of another order; InvalidClaim: an article nobody knows.
    :raises InsufficientStock: the replacement is short; NoOwnChannel.
    """
    claim, order = _locked_claim(claim_id)
    if claim.status == Claim.Status.RESOLVED and _is_resolved_by(claim, key):
        return claim
    check_move(claim, Claim.Status.RESOLVED)
    if redress.refund <= ZERO and not redress.replacement:
        raise NothingMadeGood("A claim is made good by money, by goods or by both.")
    if returned_with is not None and returned_with.order_id != order.pk:
        raise InvalidClaim(f"{returned_with} is not of {order}.")
    if redress.replacement:
        claim.replacement = _send_again(claim, order, redress, key, at=at, by=by)
    if redress.refund > ZERO:
        grant_refund(
            order_id=order.pk,
            amount=redress.refund,
            reason=f"Claim {claim}: {claim.get_kind_display()}",
            key=_key(claim, key),
            at=at,
            by=by,
            return_id=returned_with.pk if returned_with else None,
        )
    claim.status = Claim.Status.RESOLVED
    claim.resolution = _resolution(redress)
    claim.resolved_at = at
    claim.returned_with = returned_with
    claim.carrier_compensation = carrier_compensation
    claim.save(
        update_fields=[
            *("status", "resolution", "resolved_at", "returned_with", "replacement"),
            "carrier_compensation",
        ]
    )
    _note(claim, at=at, by=by, resolved=claim.get_resolution_display())
    return claim


def _decide(claim_id: int, status: str, note: str, *, at: datetime, by: User | None) -> Claim:
    claim, _ = _locked_claim(claim_id)
    if claim.status == status:
        return claim
    check_move(claim, status)
    claim.status = status
    claim.decided_at, claim.decided_by, claim.decision_note = at, by, note.strip()
    claim.save(update_fields=["status", "decided_at", "decided_by", "decision_note"])
    _note(claim, at=at, by=by, decided=claim.get_status_display())
    return claim


def _locked_claim(claim_id: int) -> tuple[Claim, Order]:
    # Which order it is about never changes, so it may be read before the lock.
    known = Claim.objects.filter(pk=claim_id).values_list("order_id", flat=True)
    if not known:
        raise UnknownClaim("There is no such claim.", claim_id=claim_id)
    order = locked_order(known[0])
    return Claim.objects.select_related("replacement").get(pk=claim_id), order


def _line_of(order: Order, line_id: int) -> OrderLine:
    line = order.lines.filter(pk=line_id).first()
    if line is None:
        raise UnknownLine(f"{order} has no such line.", lines=[line_id])
    return line


def _send_again(
    claim: Claim, order: Order, redress: Redress, key: str, *, at: datetime, by: User | None
) -> Order:
    """Place the order of what is sent again, in the units that the lines were made of."""
    again: list[NewOrderLine] = []
    for line_id, pieces in redress.replacement:
        line = _line_of(order, line_id)
        if line.variant_id is None:
            raise InvalidClaim(f"Nobody knows which article {line} is: link it first.")
        if not 0 < pieces <= line.shipped:
            raise InvalidClaim(f"{line.shipped} of {line} were shipped, not {pieces}.")
        again.append(
            NewOrderLine(
                variant_id=line.variant_id, quantity=pieces * line.pack_size, unit_price=ZERO
            )
        )
    return place_order(
        channel=own_channel(order.channel, order.currency),
        customer=order.customer,
        delivery_address=order.delivery_address,
        lines=again,
        key=_key(claim, key),
        at=at,
        by=by,
    )


def _is_resolved_by(claim: Claim, key: str) -> bool:
    sent_again = claim.replacement and claim.replacement.external_id
    refunds = claim.order.refunds.filter(key=_key(claim, key))
    return sent_again == _key(claim, key) or refunds.exists()


def _key(claim: Claim, key: str) -> str:
    return f"{claim.number} {key}"


def _resolution(redress: Redress) -> str:
    if redress.refund > ZERO and redress.replacement:
        return _Resolution.BOTH
    return _Resolution.REPLACEMENT if redress.replacement else _Resolution.REFUND


def _note(claim: Claim, *, at: datetime, by: User | None, **details: str) -> None:
    told = event(claim.order, OrderEvent.Kind.CLAIM, at=at, by=by, claim=claim.number, **details)
    record_events([told])
