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
from purchasing.queries.reliability import (
    LeadTime,
    LeadTimeSource,
    Reliability,
    article_reliability,
    measured_lead_times,
    supplier_reliability,
)

__all__ = [
    "STILL_TO_COME",
    "Comparison",
    "Incoming",
    "LeadTime",
    "LeadTimeSource",
    "Offer",
    "Reliability",
    "article_reliability",
    "differences",
    "exceptions_to_decide",
    "goods_not_invoiced",
    "incoming_to_level",
    "incoming_units",
    "invoice_comparison",
    "invoices_like",
    "invoices_to_match",
    "lines_to_bill",
    "measured_lead_times",
    "supplier_offers",
    "supplier_reliability",
]
