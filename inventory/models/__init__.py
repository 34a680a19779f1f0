"""What lies where, what is promised to whom, and what it cost: ledgers and their running totals."""

from inventory.models.cost import CostMovement, CostPool, CostPoolQuerySet
from inventory.models.counts import CountRequest, StockCount, StockCountEntry, StockCountLine
from inventory.models.offers import (
    AvailabilityChange,
    AvailabilitySnapshot,
    ChannelReserve,
    ChannelStockSource,
    SafetyStock,
)
from inventory.models.periods import ClosedPeriod, LevelSnapshot, PoolSnapshot, StockSnapshot
from inventory.models.places import Location
from inventory.models.promises import Allocation, AllocationQuerySet, WithdrawnPromise
from inventory.models.stock import StockLevel, StockLevelQuerySet, StockMovement
from inventory.models.transfers import Transfer, TransferLine, TransferReceipt

__all__ = [
    "Allocation",
    "AllocationQuerySet",
    "AvailabilityChange",
    "AvailabilitySnapshot",
    "ChannelReserve",
    "ChannelStockSource",
    "ClosedPeriod",
    "CostMovement",
    "CostPool",
    "CostPoolQuerySet",
    "CountRequest",
    "LevelSnapshot",
    "Location",
    "PoolSnapshot",
    "SafetyStock",
    "StockCount",
    "StockCountEntry",
    "StockCountLine",
    "StockLevel",
    "StockLevelQuerySet",
    "StockMovement",
    "StockSnapshot",
    "Transfer",
    "TransferLine",
    "TransferReceipt",
    "WithdrawnPromise",
]
