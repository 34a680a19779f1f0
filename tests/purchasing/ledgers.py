"""What tests of the ledger of buying look at."""

from collections import defaultdict
from decimal import Decimal

from purchasing import operations
from purchasing.models import LedgerLine, LedgerPosting
from purchasing.queries import differences
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing_invoices import matched
from tests.people import superuser


def accounts(**lookups):
    """Return account -> its balance, of those that are not at nothing."""
    sums = defaultdict(Decimal)
    for account, amount in LedgerLine.objects.filter(**lookups).values_list("account", "amount"):
        sums[account] += amount
    return {account: amount for account, amount in sorted(sums.items()) if amount}


def posted(kind):
    """Return account -> amount of the latest posting of a kind."""
    return accounts(posting=LedgerPosting.objects.filter(kind=kind).latest("pk"))


def grni(line=None):
    lookups = {} if line is None else {"order_line": line}
    return accounts(account="GRNI", **lookups).get("GRNI", Decimal(0))


def accept_all(invoice):
    for exception in invoice.exceptions.filter(status="OPEN", is_blocking=True):
        operations.decide_exception(
            exception_id=exception.pk, decision="ACCEPTED", reason="Paid", at=NOON, by=superuser()
        )


def approve(invoice):
    """Match a bill, accept what is off, and approve it."""
    matched(invoice)
    accept_all(invoice)
    return operations.approve_invoice(invoice_id=invoice.pk, at=NOON, by=UserFactory())


def all_is_proved():
    return differences() == []
