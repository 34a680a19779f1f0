"""The catalog as a file: taken in with a preview, and given out again."""

from catalog.resources.formats import TableCsv, TableXlsx
from catalog.resources.products import ProductFileRefused, ProductResource, load_products

__all__ = ["ProductFileRefused", "ProductResource", "TableCsv", "TableXlsx", "load_products"]
