"""What has to be paid before goods are promised and before they leave: the rules, applied."""

from __future__ import annotations

from datetime import datetime, timedelta

from orders.models import Order, OrderHold, PaymentRule
from orders.operations.holds import NewHold
from orders.queries import MEETS_PAYMENT
from retail.common.errors import BusinessError


class AwaitsPayment(BusinessError):
    """Goods are promised to the order only once it is paid."""


def rule_for(order: Order) -> PaymentRule | None:
    """
    Return the rule that counts for an order; None when it is held for no payment.

    An order that is collected is paid when it is handed over, so no rule counts for it.
    """
    if order.delivery == Order.Delivery.PICKUP:
        return None
    rules = PaymentRule.objects.for_order(channel=order.channel_id, method=order.payment_method)
    return rules.first()


def is_met(needs: str, order: Order) -> bool:
    """Tell whether an order is paid as far as a rule asks, by its payment status as it is now."""
    return needs not in MEETS_PAYMENT or order.payment_status in MEETS_PAYMENT[needs]


def may_be_promised(order: Order, rule: PaymentRule | None) -> bool:
    """Tell whether stock may be promised to an order."""
    return rule is None or is_met(rule.promises, order)


def may_leave(order: Order, rule: PaymentRule | None) -> bool:
    """Tell whether payment keeps an order from the warehouse no longer: released, and promised."""
    return rule is None or (is_met(rule.releases, order) and is_met(rule.promises, order))


def is_paid_for(order: Order) -> bool:
    """Tell whether an order may be handed over to who collects it: it is paid, or need not be."""
    if is_met(PaymentRule.Needs.PAID, order):
        return True
    rules = PaymentRule.objects.for_order(channel=order.channel_id, method=order.payment_method)
    rule = rules.first()
    return rule is not None and rule.releases == PaymentRule.Needs.NOTHING


def require_promisable(order: Order) -> None:
    """
    Pass when stock may be promised to a locked order.

    :raises AwaitsPayment: its payment rule asks for money first.
    """
    if awaits_payment_first(order):
        raise AwaitsPayment(
            f"{order} is {order.get_payment_status_display().lower()}: by the rule for its channel"
            " stock is promised to it later. Release its hold to promise it now."
        )


def payment_hold(order: Order) -> NewHold:
    """Return the hold of an order that waits for its money."""
    return NewHold(
        kind=OrderHold.Kind.PAYMENT,
        reason=f"It is {order.get_payment_status_display().lower()}.",
    )


def begin_payment(*, order: Order, rule: PaymentRule | None, at: datetime) -> list[NewHold]:
    """
    Set until when a new order has to be paid; return the holds it begins with.

    Its payment status is worked out already. The hours of the rule count from when we learned of
    the order, so that one that came late is not called off before anybody could see it.
    """
    if may_leave(order, rule) or rule is None:
        return []
    if rule.unpaid_hours is not None:
        order.payment_due_at = at + timedelta(hours=rule.unpaid_hours)
    return [payment_hold(order)]


def awaits_payment_first(order: Order) -> bool:
    """
    Tell whether stock is promised to an order only once it is paid, and it is not.

    Once somebody released its payment hold the order goes on unpaid.
    """
    is_held = order.holds.open().filter(kind=OrderHold.Kind.PAYMENT).exists()
    return is_held and not may_be_promised(order, rule_for(order))
