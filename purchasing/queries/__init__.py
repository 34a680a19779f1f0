"""Reads over several models of buying."""

from purchasing.queries.incoming import (
    STILL_TO_COME,
    Incoming,
    incoming_to_level,
    incoming_units,
)
from purchasing.queries.integrity import (
    differences,
)
from purchasing.queries.invoices import (
    Comparison,
    exceptions_to_decide,
    goods_not_invoiced,
    invoice_comparison,
    invoices_like,
    invoices_to_match,
    lines_to_bill,
)
from purchasing.queries.offers import (
    Offer,
    supplier_offers,
)

__all__ = [
    "STILL_TO_COME",
    "Comparison",
    "Incoming",
    "Offer",
    "differences",
    "exceptions_to_decide",
    "goods_not_invoiced",
    "incoming_to_level",
    "incoming_units",
    "invoice_comparison",
    "invoices_like",
    "invoices_to_match",
    "lines_to_bill",
    "supplier_offers",
]
