"""Scheduled work of buying, one module per thing it is about; task names are fixed."""

from purchasing.tasks.digests import mail_exception_digest
from purchasing.tasks.dispatch import send_purchase_orders
from purchasing.tasks.documents import read_received_documents, receive_invoice_files
from purchasing.tasks.fetching import fetch_supplier_files
from purchasing.tasks.files import apply_supplier_files
from purchasing.tasks.matching import match_waiting_invoices
from purchasing.tasks.payables import hand_over_files
from purchasing.tasks.replenishment import propose_replenishment
from purchasing.tasks.returns import note_credits_of_returns

__all__ = [
    "apply_supplier_files",
    "fetch_supplier_files",
    "hand_over_files",
    "mail_exception_digest",
    "match_waiting_invoices",
    "note_credits_of_returns",
    "propose_replenishment",
    "read_received_documents",
    "receive_invoice_files",
    "send_purchase_orders",
]
