"""Reads over stock: what can be offered, what lies where, and whether the totals are right."""

from inventory.queries.analysis import (
    AbcRow,
    CoverRow,
    DeadRow,
    abc_classes,
    abc_report,
    cover_report,
    dead_stock,
)
from inventory.queries.as_of import StockAsOf, ValueAsOf, stock_as_of, value_as_of
from inventory.queries.integrity import differences
from inventory.queries.offers import channel_offers, offers
from inventory.queries.stock import LocationStock, VariantStock, variant_stock

__all__ = [
    "AbcRow",
    "CoverRow",
    "DeadRow",
    "LocationStock",
    "StockAsOf",
    "ValueAsOf",
    "VariantStock",
    "abc_classes",
    "abc_report",
    "channel_offers",
    "cover_report",
    "dead_stock",
    "differences",
    "offers",
    "stock_as_of",
    "value_as_of",
    "variant_stock",
]
