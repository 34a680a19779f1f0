"""Reads over orders: what waits to be done, and whether the rows agree with each other."""

from orders.queries.integrity import differences
from orders.queries.work import (
    orders_on_hold,
    orders_to_settle,
    orders_to_ship,
    servable_orders,
    waiting_lines,
    waiting_orders,
)

__all__ = [
    "differences",
    "orders_on_hold",
    "orders_to_settle",
    "orders_to_ship",
    "servable_orders",
    "waiting_lines",
    "waiting_orders",
]
