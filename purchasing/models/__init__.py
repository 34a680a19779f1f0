"""Buying: suppliers and their lists, orders, receipts, invoices, and whether the three agree."""

from purchasing.models.approvals import (
    PurchaseApproval,
    PurchaseApprovalRule,
    PurchaseOrderVersion,
)
from purchasing.models.files import (
    SupplierFile,
    SupplierFileProfile,
    SupplierFileRow,
    SupplierFileRun,
    Transport,
)
from purchasing.models.held import (
    HeldGoods,
    HeldGoodsDecision,
    HeldGoodsQuerySet,
)
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
from purchasing.models.matching import (
    MatchAllocation,
    MatchException,
    PayableExport,
)
from purchasing.models.orders import (
    PurchaseOrder,
    PurchaseOrderCharge,
    PurchaseOrderLine,
    PurchaseOrderLineQuerySet,
    PurchaseOrderQuerySet,
)
from purchasing.models.receipts import (
    Delivery,
    DeliveryLine,
    DeliveryQuerySet,
    DeliveryScan,
    GoodsReceipt,
    GoodsReceiptLine,
    GoodsReceiptLineQuerySet,
    GoodsReceiptQuerySet,
    RejectReason,
)
from purchasing.models.replenishment import (
    ReplenishmentFault,
    ReplenishmentProposal,
    ReplenishmentProposalQuerySet,
    ReplenishmentRule,
    ReplenishmentRun,
)
from purchasing.models.returns import (
    SupplierReturn,
    SupplierReturnCredit,
    SupplierReturnLine,
    SupplierReturnQuerySet,
)
from purchasing.models.suppliers import (
    DateRange,
    DeliveryTerms,
    Supplier,
    SupplierContact,
    SupplierPrice,
    SupplierProduct,
)
from purchasing.models.waiting import (
    DeliverySlip,
    OrderedFor,
)

__all__ = [
    "DateRange",
    "Delivery",
    "DeliveryLine",
    "DeliveryQuerySet",
    "DeliveryScan",
    "DeliverySlip",
    "DeliveryTerms",
    "FreightClaim",
    "GoodsReceipt",
    "GoodsReceiptLine",
    "GoodsReceiptLineQuerySet",
    "GoodsReceiptQuerySet",
    "HeldGoods",
    "HeldGoodsDecision",
    "HeldGoodsQuerySet",
    "LandedCost",
    "LandedCostLine",
    "LandedCostQuerySet",
    "LandedCostShare",
    "MatchAllocation",
    "MatchException",
    "OrderedFor",
    "PayableExport",
    "PurchaseApproval",
    "PurchaseApprovalRule",
    "PurchaseOrder",
    "PurchaseOrderCharge",
    "PurchaseOrderLine",
    "PurchaseOrderLineQuerySet",
    "PurchaseOrderQuerySet",
    "PurchaseOrderVersion",
    "RejectReason",
    "ReplenishmentFault",
    "ReplenishmentProposal",
    "ReplenishmentProposalQuerySet",
    "ReplenishmentRule",
    "ReplenishmentRun",
    "Supplier",
    "SupplierContact",
    "SupplierFile",
    "SupplierFileProfile",
    "SupplierFileRow",
    "SupplierFileRun",
    "SupplierInvoice",
    "SupplierInvoiceLine",
    "SupplierInvoiceQuerySet",
    "SupplierPrice",
    "SupplierProduct",
    "SupplierReturn",
    "SupplierReturnCredit",
    "SupplierReturnLine",
    "SupplierReturnQuerySet",
    "TolerancePolicy",
    "Transport",
    "normalised_number",
]
