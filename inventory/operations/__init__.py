"""Every act that changes stock, promises or cost."""

from inventory.operations.cost import NothingToCorrect, ReceiptUnknown, correct_cost
from inventory.operations.history import Issue, post_issues
from inventory.operations.issues import (
    ReasonMissing,
    Taken,
    adjust_stock,
    issue_stock,
    ship_allocated,
)
from inventory.operations.levels import InsufficientStock, InvalidQuantity, ReferenceUsed
from inventory.operations.offers import (
    announce_location,
    record_pushed,
    work_out_offers,
)
from inventory.operations.periods import PeriodClosed
from inventory.operations.posting import InvalidValue, Source
from inventory.operations.promises import (
    NotPromised,
    allocate_available,
    allocate_stock,
    release_allocation,
)
from inventory.operations.receipts import Received, receive_stock, return_stock

__all__ = [
    "InsufficientStock",
    "InvalidQuantity",
    "InvalidValue",
    "Issue",
    "NotPromised",
    "NothingToCorrect",
    "PeriodClosed",
    "ReasonMissing",
    "ReceiptUnknown",
    "Received",
    "ReferenceUsed",
    "Source",
    "Taken",
    "adjust_stock",
    "allocate_available",
    "allocate_stock",
    "announce_location",
    "correct_cost",
    "issue_stock",
    "post_issues",
    "receive_stock",
    "record_pushed",
    "release_allocation",
    "return_stock",
    "ship_allocated",
    "work_out_offers",
]
