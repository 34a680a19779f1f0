"""Other goods for goods that came back: a new order, linked to the return."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from channels.models import Channel
from orders.models import Exchange, Order, OrderEvent, PaymentEvent, Return
from orders.operations.closing import close
from orders.operations.events import event, record_events
from orders.operations.order_plans import NewOrderLine
from orders.operations.payments import (
    follow_payments,
    give_back,
    payments_in_turn,
    record_payment,
)
from orders.operations.placing import place_order
from orders.operations.promised import lines_of
from orders.operations.refunds import left_to_grant
from orders.operations.returns import ReturnUnexplained, locked_return
from orders.queries.returns import credit_of
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.money import ZERO

# How the payment is called that goods stand for.
BY_EXCHANGE = "EXCHANGE"


class NoOwnChannel(BusinessError):
    """There is no channel for orders of our own in this currency."""


class UnknownExchange(BusinessError):
    """There is no such exchange."""


@transaction.atomic
def exchange(
    *,
    return_id: int,
    lines: Sequence[NewOrderLine],
    key: str,
    at: datetime,
    by: User | None = None,
) -> Exchange:
    """
    Send other goods for those that came: an order of our own, promised whole or refused whole.

    What the return is worth, as far as it was paid for, pays for it: that money moves from one
    order to the other. The difference is the balance, which a person collects or gives back;
    nothing is charged here. Where nothing is left for the customer the return is closed, else it
    waits for the refund of the rest.
    key: made by whoever asks, unique on the return; the same key again returns the first exchange.
    Locks: the order of the return, the new order, then the stock levels.

    :raises WrongStatus: the goods did not come yet, or it is decided what is given back.
    :raises NoOwnChannel: no channel of ours deals in the currency of the return.
    :raises InvalidLines: no lines, a quantity below one, an unknown article; NoPrice.
    :raises InsufficientStock: carries every shortage, variant id -> units missing.
    """
    order, returned = locked_return(return_id)
    if earlier := returned.exchanges.select_related("order").filter(key=key).first():
        return earlier
    if returned.status != Return.Status.RECEIVED:
        raise WrongStatus(
            f"{returned} is {returned.get_status_display().lower()}: only what was received and"
            " is not decided can be exchanged.",
            status=returned.status,
        )
    credit = credit_of(returned).left
    if order is not None:
        credit = min(credit, left_to_grant(order))
    new = place_order(
        channel=own_channel(returned.channel, returned.currency),
        customer=returned.customer,
        delivery_address=order.delivery_address if order else None,
        lines=lines,
        key=f"{returned.number} {key}",
        at=at,
        by=by,
    )
    balance = new.total - credit
    done = Exchange.objects.create(
        parent=returned,
        order=new,
        key=key,
        currency=returned.currency,
        balance=balance,
        exchanged_at=at,
        exchanged_by=by,
        settled_at=None if balance else at,
        settled_by=None if balance else by,
        settle_note="" if balance else "Worth the same",
    )
    if balance >= ZERO:
        close(returned, at=at, by=by, note=f"Exchanged for {new}")
    _note(order, new, done, at=at, by=by)
    if (used := min(credit, new.total)) > ZERO:
        _carry_over(order, new, returned, used, at=at, by=by)
    return done


@transaction.atomic
def settle_exchange(
    *, exchange_id: int, note: str, at: datetime, by: User | None = None
) -> Exchange:
    """
    Note how the balance of an exchange was collected or given back; a second call changes nothing.

    Locks: the order of the return.

    :raises UnknownExchange: no exchange has this id.
    :raises ReturnUnexplained: no note says how.
    """
    # Which return it is of never changes, so it may be read before the lock.
    known = Exchange.objects.filter(pk=exchange_id).values_list("parent_id", flat=True)
    if not known:
        raise UnknownExchange("There is no such exchange.", exchange_id=exchange_id)
    locked_return(known[0])
    done = Exchange.objects.select_related("order", "parent").get(pk=exchange_id)
    if done.settled_at is not None:
        return done
    if not note.strip():
        raise ReturnUnexplained("Say how the difference was settled.")
    done.settled_at, done.settled_by, done.settle_note = at, by, note.strip()
    done.save(update_fields=["settled_at", "settled_by", "settle_note"])
    return done


def own_channel(channel: Channel, currency: str) -> Channel:
    """
    Return where an order of our own is placed: this channel if it is ours, else the first that is.

    :raises NoOwnChannel: there is none in this currency.
    """
    if channel.kind == Channel.Kind.MANUAL and channel.currency == currency:
        return channel
    ours = Channel.objects.filter(kind=Channel.Kind.MANUAL, currency=currency).order_by("pk")
    first = ours.first()
    if first is None:
        raise NoOwnChannel(
            f"There is no channel for our own orders in {currency}: add one.", currency=currency
        )
    return first


def _carry_over(
    order: Order | None,
    new: Order,
    returned: Return,
    amount: Decimal,
    *,
    at: datetime,
    by: User | None,
) -> None:
    """Move what the goods that came are worth from the payments of their order to the new one."""
    if order is not None:
        give_back(
            payments=payments_in_turn(order),
            amount=amount,
            reference=f"Exchange {new}",
            at=at,
            by=by,
            note=f"{returned} exchanged",
        )
        follow_payments(order=order, lines=lines_of(order), at=at, by=by)
    record_payment(
        order_id=new.pk,
        kind=PaymentEvent.Kind.CHARGED,
        amount=amount,
        method=BY_EXCHANGE,
        external_id=f"Exchange {new}",
        reference=returned.number,
        at=at,
        by=by,
    )


def _note(
    order: Order | None, new: Order, done: Exchange, *, at: datetime, by: User | None
) -> None:
    details = {"return": done.parent.number, "balance": str(done.balance)}
    kind = OrderEvent.Kind.EXCHANGED
    events = [event(new, kind, at=at, by=by, **details)]
    if order is not None:
        events.append(event(order, kind, at=at, by=by, **details, instead=new.number))
    record_events(events)
