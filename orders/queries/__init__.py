"""Reads over orders: what waits to be done, and whether the rows agree with each other."""

from orders.queries.desk import QUEUES, Queue, overdue_orders
from orders.queries.finding import find_orders
from orders.queries.fulfilling import orders_begun_today, orders_to_pick
from orders.queries.integrity import differences
from orders.queries.oversell import OversellRate, oversell_rates
from orders.queries.payments import (
    MEETS_PAYMENT,
    awaiting_payment_first,
    cancelled_there,
    orders_to_call_off,
    refunds_that_failed,
    refunds_to_approve,
    refunds_to_pay_out,
)
from orders.queries.pickups import (
    email_of,
    messages_due,
    orders_to_tell,
    pickups_arrived,
    pickups_overdue,
    pickups_ready,
    pickups_to_put_back,
    pickups_waiting,
)
from orders.queries.returns import Credit, credit_of, expected_returns, find_returnable
from orders.queries.tills import (
    Gap,
    days_with_receipts,
    missing_receipts,
    register_days,
    returns_of_receipt,
    unclosed_days,
)
from orders.queries.unknown import UnknownCode, unknown_articles, unknown_lines
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
    "Gap",
    "OversellRate",
    "Queue",
    "UnknownCode",
    "awaiting_payment_first",
    "cancelled_there",
    "credit_of",
    "days_with_receipts",
    "differences",
    "email_of",
    "expected_returns",
    "find_orders",
    "find_returnable",
    "messages_due",
    "missing_receipts",
    "orders_begun_today",
    "orders_on_hold",
    "orders_to_call_off",
    "orders_to_pick",
    "orders_to_settle",
    "orders_to_ship",
    "orders_to_tell",
    "overdue_orders",
    "oversell_rates",
    "pickups_arrived",
    "pickups_overdue",
    "pickups_ready",
    "pickups_to_put_back",
    "pickups_waiting",
    "refunds_that_failed",
    "refunds_to_approve",
    "refunds_to_pay_out",
    "register_days",
    "returns_of_receipt",
    "servable_orders",
    "unclosed_days",
    "unknown_articles",
    "unknown_lines",
    "waiting_lines",
    "waiting_orders",
]
