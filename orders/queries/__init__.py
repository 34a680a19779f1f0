"""Reads over orders: what waits to be done, and whether the rows agree with each other."""

from orders.queries.desk import QUEUES, Queue, overdue_orders
from orders.queries.finding import find_orders
from orders.queries.fulfilling import orders_begun_today, orders_to_pick
from orders.queries.integrity import differences
from orders.queries.payments import (
    MEETS_PAYMENT,
    awaiting_payment_first,
    cancelled_there,
    orders_to_call_off,
    refunds_that_failed,
    refunds_to_approve,
    refunds_to_pay_out,
)
from orders.queries.returns import Credit, credit_of, expected_returns, find_returnable
from orders.queries.work import (
    orders_on_hold,
    orders_to_settle,
    orders_to_ship,
    servable_orders,
    waiting_lines,
    waiting_orders,
)

__all__ = [
    "MEETS_PAYMENT",
    "QUEUES",
    "Credit",
    "Queue",
    "awaiting_payment_first",
    "cancelled_there",
    "credit_of",
    "differences",
    "expected_returns",
    "find_orders",
    "find_returnable",
    "orders_begun_today",
    "orders_on_hold",
    "orders_to_call_off",
    "orders_to_pick",
    "orders_to_settle",
    "orders_to_ship",
    "overdue_orders",
    "refunds_that_failed",
    "refunds_to_approve",
    "refunds_to_pay_out",
    "servable_orders",
    "waiting_lines",
    "waiting_orders",
]
