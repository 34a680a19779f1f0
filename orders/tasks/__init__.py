"""Scheduled work on orders, one module per thing it is about; task names are fixed."""

from orders.tasks.changes import join_merged, link_waiting, push_cancellations
from orders.tasks.ingest import ingest_messages, pull_orders
from orders.tasks.pickups import propose_expired_pickups, tell_pickups
from orders.tasks.promises import serve_waiting, settle_withdrawn
from orders.tasks.refunds import call_off_unpaid, push_refunds
from orders.tasks.tracking import push_tracking

__all__ = [
    "call_off_unpaid",
    "ingest_messages",
    "join_merged",
    "link_waiting",
    "propose_expired_pickups",
    "pull_orders",
    "push_cancellations",
    "push_refunds",
    "push_tracking",
    "serve_waiting",
    "settle_withdrawn",
    "tell_pickups",
]
