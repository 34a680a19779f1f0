"""Reads over stock: what can be offered, what lies where, and whether the totals are right."""

from inventory.queries.integrity import differences
from inventory.queries.offers import channel_offers, offers
from inventory.queries.stock import LocationStock, VariantStock, variant_stock

__all__ = [
    "LocationStock",
    "VariantStock",
    "channel_offers",
    "differences",
    "offers",
    "variant_stock",
]
