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
from inventory.queries.as_of import (
    ArticleAsOf,
    StockAsOf,
    ValueAsOf,
    articles_as_of,
    days_without_snapshot,
    stock_as_of,
    value_as_of,
)
from inventory.queries.integrity import differences
from inventory.queries.offers import channel_offers, offers
from inventory.queries.stock import (
    InTransit,
    LocationStock,
    VariantStock,
    units_in_transit,
    variant_stock,
)

__all__ = [
    "AbcRow",
    "ArticleAsOf",
    "CoverRow",
    "DeadRow",
    "InTransit",
    "LocationStock",
    "StockAsOf",
    "ValueAsOf",
    "VariantStock",
    "abc_classes",
    "abc_report",
    "articles_as_of",
    "channel_offers",
    "cover_report",
    "days_without_snapshot",
    "dead_stock",
    "differences",
    "offers",
    "stock_as_of",
    "units_in_transit",
    "value_as_of",
    "variant_stock",
]
