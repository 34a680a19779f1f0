"""Every act that is done to an order, from its arrival until the goods are out, or back."""

from orders.operations.allocation import (
    Promised,
    allocate_order,
    allocate_waiting,
    release_promises,
    serve_order,
    settle_withdrawn,
)
from orders.operations.cancelling import cancel_order
from orders.operations.history import (
    BatchResult,
    IncomingReturn,
    IncomingReturnLine,
    ingest_orders,
    register_returns,
)
from orders.operations.holds import UnknownHold, hold_order, release_hold
from orders.operations.ingest import Ingested, Outcome, ingest_order
from orders.operations.linking import AlreadyLinked, UnknownArticle, link_line
from orders.operations.placing import (
    InvalidLines,
    KeyReused,
    NewOrderLine,
    NoPrice,
    place_order,
)
from orders.operations.promised import Promises, read_promises, settle_withdrawn_reservations
from orders.operations.reading import UnusableOrder
from orders.operations.returns import (
    InvalidReturn,
    ReturnedLine,
    ReturnedTooMuch,
    register_return,
)
from orders.operations.shipping import (
    NotEnoughPromised,
    NothingToShip,
    OrderOnHold,
    UnknownLine,
    ship,
)
from orders.operations.statuses import UnknownOrder

__all__ = [
    "AlreadyLinked",
    "BatchResult",
    "IncomingReturn",
    "IncomingReturnLine",
    "Ingested",
    "InvalidLines",
    "InvalidReturn",
    "KeyReused",
    "NewOrderLine",
    "NoPrice",
    "NotEnoughPromised",
    "NothingToShip",
    "OrderOnHold",
    "Outcome",
    "Promised",
    "Promises",
    "ReturnedLine",
    "ReturnedTooMuch",
    "UnknownArticle",
    "UnknownHold",
    "UnknownLine",
    "UnknownOrder",
    "UnusableOrder",
    "allocate_order",
    "allocate_waiting",
    "cancel_order",
    "hold_order",
    "ingest_order",
    "ingest_orders",
    "link_line",
    "place_order",
    "read_promises",
    "register_return",
    "register_returns",
    "release_hold",
    "release_promises",
    "serve_order",
    "settle_withdrawn",
    "settle_withdrawn_reservations",
    "ship",
]
