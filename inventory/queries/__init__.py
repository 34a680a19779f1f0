"""Reads over stock: what can be offered, what lies where, and whether the totals are right."""

from inventory.queries.integrity import differences
from inventory.queries.offers import offered_quantities
from inventory.queries.stock import LocationStock, VariantStock, variant_stock

__all__ = [
    "LocationStock",
    "VariantStock",
    "differences",
    "offered_quantities",
    "variant_stock",
]
