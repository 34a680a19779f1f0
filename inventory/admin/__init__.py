"""Stock in the admin: what lies where, what is promised, what moved and what it is worth."""

from inventory.admin.cost import CostMovementAdmin, CostPoolAdmin
from inventory.admin.counts import CountRequestAdmin, StockCountAdmin, StockCountLineAdmin
from inventory.admin.offers import (
    AvailabilityChangeAdmin,
    AvailabilitySnapshotAdmin,
    ChannelReserveAdmin,
    ChannelStockSourceAdmin,
    ExplainedListingAdmin,
    SafetyStockAdmin,
)
from inventory.admin.periods import ClosedPeriodAdmin
from inventory.admin.places import LocationAdmin
from inventory.admin.promises import AllocationAdmin, WithdrawnPromiseAdmin
from inventory.admin.snapshots import StockSnapshotAdmin
from inventory.admin.stock import StockLevelAdmin, StockMovementAdmin
from inventory.admin.transfers import TransferAdmin

__all__ = [
    "AllocationAdmin",
    "AvailabilityChangeAdmin",
    "AvailabilitySnapshotAdmin",
    "ChannelReserveAdmin",
    "ChannelStockSourceAdmin",
    "ClosedPeriodAdmin",
    "CostMovementAdmin",
    "CostPoolAdmin",
    "CountRequestAdmin",
    "ExplainedListingAdmin",
    "LocationAdmin",
    "SafetyStockAdmin",
    "StockCountAdmin",
    "StockCountLineAdmin",
    "StockLevelAdmin",
    "StockMovementAdmin",
    "StockSnapshotAdmin",
    "TransferAdmin",
    "WithdrawnPromiseAdmin",
]
