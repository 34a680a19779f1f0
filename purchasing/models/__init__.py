"""Buying: suppliers and their lists, orders, receipts, invoices, and whether the three agree."""

from purchasing.models.invoices import (
    SupplierInvoice,
    SupplierInvoiceLine,
    SupplierInvoiceQuerySet,
    TolerancePolicy,
    normalised_number,
)
from purchasing.models.landed import (
    FreightClaim,
    LandedCost,
    LandedCostLine,
    LandedCostQuerySet,
    LandedCostShare,
)
from purchasing.models.matching import MatchAllocation, MatchException, PayableExport
from purchasing.models.orders import (
    PurchaseOrder,
    PurchaseOrderLine,
    PurchaseOrderLineQuerySet,
    PurchaseOrderQuerySet,
)
from purchasing.models.receipts import GoodsReceipt, GoodsReceiptLine
from purchasing.models.suppliers import (
    DateRange,
    Supplier,
    SupplierFileProfile,
    SupplierFileRow,
    SupplierFileRun,
    SupplierPrice,
    SupplierProduct,
)

__all__ = [
    "DateRange",
    "FreightClaim",
    "GoodsReceipt",
    "GoodsReceiptLine",
    "LandedCost",
    "LandedCostLine",
    "LandedCostQuerySet",
    "LandedCostShare",
    "MatchAllocation",
    "MatchException",
    "PayableExport",
    "PurchaseOrder",
    "PurchaseOrderLine",
    "PurchaseOrderLineQuerySet",
    "PurchaseOrderQuerySet",
    "Supplier",
    "SupplierFileProfile",
    "SupplierFileRow",
    "SupplierFileRun",
    "SupplierInvoice",
    "SupplierInvoiceLine",
    "SupplierInvoiceQuerySet",
    "SupplierPrice",
    "SupplierProduct",
    "TolerancePolicy",
    "normalised_number",
]
