"""Scheduled work on orders, one module per thing it is about; task names are fixed."""

from orders.tasks.ingest import ingest_messages, pull_orders
from orders.tasks.promises import serve_waiting, settle_withdrawn
from orders.tasks.refunds import call_off_unpaid, push_refunds
from orders.tasks.tracking import push_tracking

__all__ = [
    "call_off_unpaid",
    "ingest_messages",
    "pull_orders",
    "push_refunds",
    "push_tracking",
    "serve_waiting",
    "settle_withdrawn",
]
