"""Scheduled work on orders, one module per thing it is about; task names are fixed."""

from orders.tasks.ingest import ingest_messages, pull_orders
from orders.tasks.promises import serve_waiting, settle_withdrawn
from orders.tasks.tracking import push_tracking

__all__ = [
    "ingest_messages",
    "pull_orders",
    "push_tracking",
    "serve_waiting",
    "settle_withdrawn",
]
