"""Where an order stands: worked out from its lines, holds and payments, in one place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from orders.amounts import Paid, due_of, paid_of
from orders.models import Order, OrderLine, Payment, Return
from orders.queries import cancelled_there
from retail.common.errors import BusinessError

# Goods of these are with the customer, and said to come.
ANNOUNCED_RETURNS = (Return.Status.REQUESTED, Return.Status.APPROVED, Return.Status.IN_TRANSIT)


class UnknownOrder(BusinessError):
    """There is no such order."""


@dataclass(frozen=True, slots=True)
class Statuses:
    """The statuses of an order that follow from its rows."""

    lifecycle: str
    fulfillment_status: str
    return_status: str


def locked_order(order_id: int) -> Order:
    """
    Lock an order for this transaction; whoever holds it may change its lines, holds and promises.

    :raises UnknownOrder: no order has this id.
    """
    order = Order.objects.for_update().select_related("channel").filter(pk=order_id).first()
    if order is None:
        raise UnknownOrder("There is no such order.", order_id=order_id)
    return order


def statuses_of(
    *,
    lifecycle: str,
    lines: Collection[OrderLine],
    is_held: bool,
    is_return_announced: bool = False,
) -> Statuses:
    """
    Work out the statuses of an order.

    Goods decide: a line that is not stocked goes along with them. An order is CONFIRMED while
    nothing holds it and COMPLETED when no goods are left to be shipped, even while a hold still
    asks somebody to look at it. CANCELLED and DRAFT are left by nobody.
    """
    goods = [line for line in lines if line.is_stocked]
    shipped = sum(line.shipped for line in goods)
    return Statuses(
        lifecycle=_lifecycle(lifecycle, goods, is_held=is_held),
        fulfillment_status=_fulfillment_status(goods, shipped),
        return_status=_return_status(
            shipped,
            sum(line.returned for line in goods),
            is_announced=is_return_announced,
        ),
    )


def _lifecycle(lifecycle: str, goods: Sequence[OrderLine], *, is_held: bool) -> str:
    if lifecycle in {Order.Lifecycle.DRAFT, Order.Lifecycle.CANCELLED}:
        return lifecycle
    is_anything_open = any(line.open_quantity for line in goods)
    if goods and not is_anything_open:
        is_anything_out = any(line.shipped for line in goods)
        return Order.Lifecycle.COMPLETED if is_anything_out else Order.Lifecycle.CANCELLED
    if not goods and lifecycle == Order.Lifecycle.COMPLETED:
        return lifecycle
    if is_held:
        return Order.Lifecycle.PLACED
    return Order.Lifecycle.CONFIRMED if goods else Order.Lifecycle.COMPLETED


def _fulfillment_status(goods: Sequence[OrderLine], shipped: int) -> str:
    if not goods:
        return Order.FulfillmentStatus.NOT_REQUIRED
    if not shipped:
        return Order.FulfillmentStatus.UNFULFILLED
    if any(line.open_quantity for line in goods):
        return Order.FulfillmentStatus.PARTIAL
    return Order.FulfillmentStatus.FULFILLED


def _return_status(shipped: int, returned: int, *, is_announced: bool) -> str:
    if not returned:
        return Order.ReturnStatus.REQUESTED if is_announced else Order.ReturnStatus.NONE
    return Order.ReturnStatus.RETURNED if returned >= shipped else Order.ReturnStatus.PARTIAL


def payment_status_of(*, due: Decimal, paid: Paid, is_cancelled: bool) -> str:
    """
    Work out how far an order is paid.

    due: see `due_of`; of a cancelled order nothing is, so that whatever was paid is too much.
    What was given back after everything was paid makes it PARTIALLY_REFUNDED, whatever for. It is
    AUTHORIZED once what was not charged of the due may be. Where nothing is due it is PAID; where
    nothing is due because it was cancelled unpaid it stays UNPAID.
    """
    if paid.charged:
        return _status_once_charged(due, paid)
    if not due and not is_cancelled:
        return Order.PaymentStatus.PAID
    if paid.authorized and paid.authorized >= due:
        return Order.PaymentStatus.AUTHORIZED
    is_void = paid.voided and not paid.authorized
    return Order.PaymentStatus.VOIDED if is_void else Order.PaymentStatus.UNPAID


def _status_once_charged(due: Decimal, paid: Paid) -> str:
    if paid.refunded >= paid.charged:
        return Order.PaymentStatus.REFUNDED
    if paid.kept > due:
        return Order.PaymentStatus.OVERPAID
    if paid.charged >= due:
        is_whole = not paid.refunded
        return Order.PaymentStatus.PAID if is_whole else Order.PaymentStatus.PARTIALLY_REFUNDED
    is_covered = paid.charged + paid.authorized >= due
    return Order.PaymentStatus.AUTHORIZED if is_covered else Order.PaymentStatus.PARTIALLY_PAID


def payment_status(*, order: Order, lines: Collection[OrderLine], paid: Paid) -> str:
    """Work out how far an order is paid, by its lifecycle and all its lines as they are now."""
    return payment_status_of(
        due=due_of(order=order, lines=lines, off_there=cancelled_there(lines)),
        paid=paid,
        is_cancelled=order.lifecycle == Order.Lifecycle.CANCELLED,
    )


DERIVED_FIELDS = ("lifecycle", "payment_status", "fulfillment_status", "return_status")


def apply_statuses(
    *,
    order: Order,
    lines: Collection[OrderLine],
    is_held: bool,
    paid: Paid,
    is_return_announced: bool = False,
) -> None:
    """Set the derived statuses on a locked order; the caller saves `DERIVED_FIELDS`."""
    statuses = statuses_of(
        lifecycle=order.lifecycle,
        lines=lines,
        is_held=is_held,
        is_return_announced=is_return_announced,
    )
    order.lifecycle = statuses.lifecycle
    order.payment_status = payment_status(order=order, lines=lines, paid=paid)
    order.fulfillment_status = statuses.fulfillment_status
    order.return_status = statuses.return_status


def settle_order(*, order: Order, lines: Collection[OrderLine]) -> None:
    """
    Work out the statuses of a locked order from its holds, payments and lines, and save them.

    lines: all lines of the order.
    """
    apply_statuses(
        order=order,
        lines=lines,
        is_held=order.holds.open().exists(),
        paid=paid_of(Payment.objects.filter(order=order)),
        is_return_announced=_is_return_announced(order, lines),
    )
    order.save(update_fields=[*DERIVED_FIELDS, "location"])


def _is_return_announced(order: Order, lines: Collection[OrderLine]) -> bool:
    """Look for an announced return, only of an order from which one could still be the first."""
    is_anything_back = any(line.returned for line in lines if line.is_stocked)
    if is_anything_back or not any(line.shipped for line in lines):
        return False
    return order.returns.filter(status__in=ANNOUNCED_RETURNS).exists()
