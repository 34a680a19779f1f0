"""What is done with suppliers, purchase orders, receipts and supplier invoices."""

from purchasing.operations.approving import (
    SelfApproval,
    approve,
    return_to_draft,
    send,
    submit,
)
from purchasing.operations.catalogues import (
    apply_supplier_file,
    discard_supplier_file,
    stage_supplier_file,
)
from purchasing.operations.dispatch import (
    EmailNotInDoubt,
    claim_email,
    finish_email,
    retry_email,
)
from purchasing.operations.drafting import (
    InactiveSupplier,
    InvalidOrderLine,
    NewLine,
    NoOrderLines,
    NoSupplierPrice,
    create_purchase_order,
    revise_draft,
)
from purchasing.operations.ending import (
    GoodsAlreadyArrived,
    MissingReason,
    cancel,
    close_short,
)
from purchasing.operations.findings import (
    AlreadyDecided,
    OwnDocument,
    UnknownDecision,
    decide_exception,
    reconsider_exception,
)
from purchasing.operations.invoices import (
    DuplicateInvoice,
    InvalidInvoice,
    NewInvoiceLine,
    capture_invoice,
)
from purchasing.operations.landed import (
    FreightIsLanded,
    InvalidLandedAmount,
    MoreThanBilled,
    NotABillOfFreight,
    NothingToLandOn,
    UnknownMethod,
    cancel_landed_cost,
    draft_landed_cost,
    freight_left,
    post_landed_cost,
    type_shares,
)
from purchasing.operations.landed_plans import (
    LandedPlan,
    PlannedShare,
    plan_cancellation,
    plan_landed_cost,
)
from purchasing.operations.matching import match_invoice
from purchasing.operations.payables import (
    InvalidPaymentDay,
    NothingToExport,
    OwnInvoice,
    approve_invoice,
    export_payables,
    record_payment,
    void_invoice,
)
from purchasing.operations.pools import BILLED_ORDERS
from purchasing.operations.progress import refresh_progress
from purchasing.operations.receipts import (
    InvalidReceiptLine,
    MoreThanOrdered,
    NothingReceived,
    ReceivedLine,
    receive_goods,
    receive_over_order,
)

__all__ = [
    "BILLED_ORDERS",
    "AlreadyDecided",
    "DuplicateInvoice",
    "EmailNotInDoubt",
    "FreightIsLanded",
    "GoodsAlreadyArrived",
    "InactiveSupplier",
    "InvalidInvoice",
    "InvalidLandedAmount",
    "InvalidOrderLine",
    "InvalidPaymentDay",
    "InvalidReceiptLine",
    "LandedPlan",
    "MissingReason",
    "MoreThanBilled",
    "MoreThanOrdered",
    "NewInvoiceLine",
    "NewLine",
    "NoOrderLines",
    "NoSupplierPrice",
    "NotABillOfFreight",
    "NothingReceived",
    "NothingToExport",
    "NothingToLandOn",
    "OwnDocument",
    "OwnInvoice",
    "PlannedShare",
    "ReceivedLine",
    "SelfApproval",
    "UnknownDecision",
    "UnknownMethod",
    "apply_supplier_file",
    "approve",
    "approve_invoice",
    "cancel",
    "cancel_landed_cost",
    "capture_invoice",
    "claim_email",
    "close_short",
    "create_purchase_order",
    "decide_exception",
    "discard_supplier_file",
    "draft_landed_cost",
    "export_payables",
    "finish_email",
    "freight_left",
    "match_invoice",
    "plan_cancellation",
    "plan_landed_cost",
    "post_landed_cost",
    "receive_goods",
    "receive_over_order",
    "reconsider_exception",
    "record_payment",
    "refresh_progress",
    "retry_email",
    "return_to_draft",
    "revise_draft",
    "send",
    "stage_supplier_file",
    "submit",
    "type_shares",
    "void_invoice",
]
