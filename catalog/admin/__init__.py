"""The catalog in the admin: products and variants, prices, codes, and the file they come in."""

from catalog.admin.products import ProductAdmin, VariantAdmin
from catalog.admin.records import (
    BarcodeAdmin,
    BrandAdmin,
    CategoryAdmin,
    ExchangeRateAdmin,
    PriceAdmin,
    PriceListAdmin,
    TaxClassAdmin,
)

__all__ = [
    "BarcodeAdmin",
    "BrandAdmin",
    "CategoryAdmin",
    "ExchangeRateAdmin",
    "PriceAdmin",
    "PriceListAdmin",
    "ProductAdmin",
    "TaxClassAdmin",
    "VariantAdmin",
]
