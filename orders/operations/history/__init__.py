"""Sales and returns of the past, taken in by the thousand: the rows of one at a time, set-based."""

from orders.operations.history.returns import (
    IncomingReturn,
    IncomingReturnLine,
    register_returns,
)
from orders.operations.history.sales import BatchResult, ingest_orders

__all__ = [
    "BatchResult",
    "IncomingReturn",
    "IncomingReturnLine",
    "ingest_orders",
    "register_returns",
]
