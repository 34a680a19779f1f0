"""Buying: suppliers and their lists, orders, receipts, invoices, and whether the three agree."""

from purchasing.models.approvals import (
    PurchaseApproval,
    PurchaseApprovalRule,
    PurchaseOrderVersion,
)
from purchasing.models.documents import (
    InvoiceDocument,
    InvoiceDocumentQuerySet,
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
    InvoiceStep,
    MatchLevel,
    SupplierInvoice,
    SupplierInvoiceLine,
    SupplierInvoiceQuerySet,
    SupplierInvoiceTax,
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
from purchasing.models.ledger import (
    Account,
    LedgerLine,
    LedgerPosting,
)
from purchasing.models.matching import (
    DecisionLimit,
    MatchAllocation,
    MatchException,
)
from purchasing.models.orders import (
    PurchaseOrder,
    PurchaseOrderCharge,
    PurchaseOrderLine,
    PurchaseOrderLineQuerySet,
    PurchaseOrderQuerySet,
)
from purchasing.models.payments import (
    Handover,
    HandoverQuerySet,
    PayableExport,
    PaymentBatch,
    PaymentBatchQuerySet,
    PaymentItem,
    PaymentNotice,
    PaymentTransfer,
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
    "Account",
    "DateRange",
    "DecisionLimit",
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
    "Handover",
    "HandoverQuerySet",
    "HeldGoods",
    "HeldGoodsDecision",
    "HeldGoodsQuerySet",
    "InvoiceDocument",
    "InvoiceDocumentQuerySet",
    "InvoiceStep",
    "LandedCost",
    "LandedCostLine",
    "LandedCostQuerySet",
    "LandedCostShare",
    "LedgerLine",
    "LedgerPosting",
    "MatchAllocation",
    "MatchException",
    "MatchLevel",
    "OrderedFor",
    "PayableExport",
    "PaymentBatch",
    "PaymentBatchQuerySet",
    "PaymentItem",
    "PaymentNotice",
    "PaymentTransfer",
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
    "SupplierInvoiceTax",
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
