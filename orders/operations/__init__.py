"""Every act that is done to an order, from its arrival until the goods are out, or back."""

from orders.operations.allocation import (
    Promised,
    allocate_order,
    release_promises,
    settle_withdrawn,
)
from orders.operations.cancelling import cancel_order
from orders.operations.closing import close_return
from orders.operations.history import (
    BatchResult,
    IncomingReturn,
    IncomingReturnLine,
    ingest_orders,
    register_returns,
)
from orders.operations.holds import UnknownHold, hold_order, release_hold
from orders.operations.ingest import Ingested, Outcome, ingest_order
from orders.operations.leaving import NotEnoughPromised, OrderOnHold, UnknownFulfillment
from orders.operations.linking import AlreadyLinked, UnknownArticle, link_line
from orders.operations.packing import (
    InvalidScan,
    NotAllPacked,
    ParcelStopped,
    SurplusUnit,
    WrongArticle,
    pack,
    put_back,
    scan_unit,
    unpack,
)
from orders.operations.parcels import (
    NewParcel,
    ParcelTwice,
    UnknownParcel,
    correct_tracking,
)
from orders.operations.payment_rules import AwaitsPayment, is_paid_for
from orders.operations.payments import (
    InvalidPayment,
    PaymentOfAnotherOrder,
    PaymentReferenceReused,
    RefundedAboveCharged,
    VoidedAboveAuthorized,
    record_payment,
)
from orders.operations.picking import (
    CapacityReached,
    NothingToPick,
    TooManyOrders,
    Wave,
    start_picking,
)
from orders.operations.placing import (
    InvalidLines,
    KeyReused,
    NewOrderLine,
    NoPrice,
    place_order,
)
from orders.operations.promised import Promises, read_promises, settle_withdrawn_reservations
from orders.operations.putting_away import NoQuarantine, NotSetApart, decide_quarantined
from orders.operations.reading import UnusableOrder
from orders.operations.refund_payouts import (
    InvalidRoute,
    begin_push,
    execute_refund,
    note_push_failure,
    settle_sent_refund,
)
from orders.operations.refunds import (
    ApprovedByGranter,
    InvalidRefund,
    RefundedLine,
    RefundKeyReused,
    RefundProposal,
    RefundTooHigh,
    UnknownRefund,
    approve_refund,
    cancel_refund,
    decline_refund,
    grant_refund,
    left_to_grant,
    propose_refund,
)
from orders.operations.rejecting import InvalidRejection, UnservedPieces, reject_pieces
from orders.operations.rerouting import CannotServe, NothingToMove, reroute
from orders.operations.returned_rows import InvalidReturn, ReturnedLine, ReturnedTooMuch
from orders.operations.returns import (
    ReturnUnexplained,
    UnknownReturn,
    approve_return,
    cancel_return,
    decline_return,
    note_return_sent,
    register_return,
)
from orders.operations.shipping import (
    NothingToShip,
    UnknownLine,
    WrongMethod,
    ship,
    ship_packed,
)
from orders.operations.statuses import UnknownOrder
from orders.operations.taking_back import (
    ReceivedLine,
    receive_return,
    take_back,
    take_back_blind,
)
from orders.operations.waiting import InvalidPriority, allocate_waiting, serve_order, set_priority
from orders.operations.unpaid import call_off_unpaid

__all__ = [
    "AlreadyLinked",
    "ApprovedByGranter",
    "AwaitsPayment",
    "BatchResult",
    "CannotServe",
    "CapacityReached",
    "IncomingReturn",
    "IncomingReturnLine",
    "Ingested",
    "InvalidLines",
    "InvalidPayment",
    "InvalidPriority",
    "InvalidRefund",
    "InvalidRejection",
    "InvalidReturn",
    "InvalidRoute",
    "InvalidScan",
    "KeyReused",
    "NewOrderLine",
    "NewParcel",
    "NoPrice",
    "NoQuarantine",
    "NotAllPacked",
    "NotEnoughPromised",
    "NotSetApart",
    "NothingToMove",
    "NothingToPick",
    "NothingToShip",
    "OrderOnHold",
    "Outcome",
    "ParcelStopped",
    "ParcelTwice",
    "PaymentOfAnotherOrder",
    "PaymentReferenceReused",
    "Promised",
    "Promises",
    "ReceivedLine",
    "RefundKeyReused",
    "RefundProposal",
    "RefundTooHigh",
    "RefundedAboveCharged",
    "RefundedLine",
    "ReturnUnexplained",
    "ReturnedLine",
    "ReturnedTooMuch",
    "SurplusUnit",
    "TooManyOrders",
    "UnknownArticle",
    "UnknownFulfillment",
    "UnknownHold",
    "UnknownLine",
    "UnknownOrder",
    "UnknownParcel",
    "UnknownRefund",
    "UnknownReturn",
    "UnservedPieces",
    "UnusableOrder",
    "VoidedAboveAuthorized",
    "Wave",
    "WrongArticle",
    "WrongMethod",
    "allocate_order",
    "allocate_waiting",
    "approve_refund",
    "approve_return",
    "begin_push",
    "call_off_unpaid",
    "cancel_order",
    "cancel_refund",
    "cancel_return",
    "close_return",
    "correct_tracking",
    "decide_quarantined",
    "decline_refund",
    "decline_return",
    "execute_refund",
    "grant_refund",
    "hold_order",
    "ingest_order",
    "ingest_orders",
    "is_paid_for",
    "left_to_grant",
    "link_line",
    "note_push_failure",
    "note_return_sent",
    "pack",
    "place_order",
    "propose_refund",
    "put_back",
    "read_promises",
    "receive_return",
    "record_payment",
    "register_return",
    "register_returns",
    "reject_pieces",
    "release_hold",
    "release_promises",
    "reroute",
    "scan_unit",
    "serve_order",
    "set_priority",
    "settle_sent_refund",
    "settle_withdrawn",
    "settle_withdrawn_reservations",
    "ship",
    "ship_packed",
    "start_picking",
    "take_back",
    "take_back_blind",
    "unpack",
]
