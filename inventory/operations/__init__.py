"""Every act that changes stock, promises or cost."""

from inventory.operations.cost import (
    CostParts,
    LateCost,
    NothingToCorrect,
    ReceiptUnknown,
    correct_cost,
    correct_costs,
    plan_costs,
    plan_to_take_back,
    take_back_costs,
)
from inventory.operations.count_requests import request_counts
from inventory.operations.history import Issue, post_issues
from inventory.operations.issues import (
    ReasonMissing,
    Taken,
    adjust_stock,
    hand_over_reserved,
    issue_stock,
    sell_stock,
    ship_allocated,
)
from inventory.operations.levels import (
    InactiveVariant,
    InsufficientStock,
    InvalidQuantity,
    NotStocked,
    ReferenceUsed,
    UnknownLocation,
    UnknownVariant,
)
from inventory.operations.offers import (
    forget_offers,
    note_all_listings,
    record_pushed,
    work_out_offers,
)
from inventory.operations.periods import (
    PeriodClosed,
    PeriodNotOver,
    ReopenReasonMissing,
    close_period,
    reopen_period,
)
from inventory.operations.posting import InvalidValue, Source
from inventory.operations.promises import (
    NotPromised,
    allocate_levels,
    allocate_stock,
    release_allocation,
)
from inventory.operations.receipts import Received, receive_stock, return_stock
from inventory.operations.reservations import (
    ExpiresInThePast,
    extend_reservation,
    release_expired,
    reserve_stock,
)

__all__ = [
    "CostParts",
    "ExpiresInThePast",
    "InactiveVariant",
    "InsufficientStock",
    "InvalidQuantity",
    "InvalidValue",
    "Issue",
    "LateCost",
    "NotPromised",
    "NotStocked",
    "NothingToCorrect",
    "PeriodClosed",
    "PeriodNotOver",
    "ReasonMissing",
    "ReceiptUnknown",
    "Received",
    "ReferenceUsed",
    "ReopenReasonMissing",
    "Source",
    "Taken",
    "UnknownLocation",
    "UnknownVariant",
    "adjust_stock",
    "allocate_levels",
    "allocate_stock",
    "close_period",
    "correct_cost",
    "correct_costs",
    "extend_reservation",
    "forget_offers",
    "hand_over_reserved",
    "issue_stock",
    "note_all_listings",
    "plan_costs",
    "plan_to_take_back",
    "post_issues",
    "receive_stock",
    "record_pushed",
    "release_allocation",
    "release_expired",
    "reopen_period",
    "request_counts",
    "reserve_stock",
    "return_stock",
    "sell_stock",
    "ship_allocated",
    "take_back_costs",
    "work_out_offers",
]
