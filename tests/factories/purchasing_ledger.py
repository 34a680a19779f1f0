"""Postings in the ledger of buying, which only operations write."""

from purchasing.models import LedgerLine, LedgerPosting
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import delivery


def received_posting() -> LedgerPosting:
    """Take goods of a new order in; return what that posted."""
    from_receipt = delivery(sent_order())
    return LedgerPosting.objects.get(receipt=from_receipt)


def _line_of_a_posting() -> LedgerLine:
    return received_posting().lines.get(account="GRNI")


MAKERS = {LedgerPosting: received_posting, LedgerLine: _line_of_a_posting}
