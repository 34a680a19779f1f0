"""Whatever comes in which order: the ledger of buying says what its documents do."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.models import CostPool
from purchasing import operations
from purchasing.models import GoodsReceiptLine, MatchAllocation, SupplierInvoice
from retail.common.errors import BusinessError
from tests.factories.common import NOON
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import bill, delivery, matched, printed
from tests.factories.purchasing_returns import shipped_return
from tests.purchasing.ledgers import accounts, all_is_proved, approve, grni

pytestmark = pytest.mark.django_db

UNITS = 7
ACTS = ("receive", "bill", "credit", "return", "reverse", "void")


def receive(order, units, _price):
    delivery(order, [units])
    for invoice in SupplierInvoice.objects.exclude(status="VOID").order_by("pk"):
        matched(invoice)


def bill_it(order, units, price):
    amount = Decimal(price) / 100 * units
    approve(bill(printed(order.lines.get(), units, f"{amount / units:.4f}"), order=order))


def credit(order, units, price):
    if order.lines.get().invoiced >= units:
        approve(
            bill(
                printed(order.lines.get(), units, f"{Decimal(price) / 100:.4f}"),
                order=order,
                kind="CREDIT_NOTE",
            )
        )


def send_back(order, units, _price):
    line = GoodsReceiptLine.objects.filter(
        order_line__order=order, receipt__status="POSTED"
    ).first()
    if line and line.accepted - line.returned >= units:
        shipped_return(line=line, units=units)


def reverse(order, _units, _price):
    line = GoodsReceiptLine.objects.filter(
        order_line__order=order, receipt__status="POSTED", matched=0, returned=0
    ).last()
    if line:
        operations.reverse_receipt(receipt_id=line.receipt_id, reason="Twice", at=NOON, by=None)


def void(order, _units, _price):
    invoice = SupplierInvoice.objects.filter(
        supplier=order.supplier_id, status="APPROVED", kind="INVOICE"
    ).first()
    credits_stand = MatchAllocation.objects.filter(invoice_line__invoice__kind="CREDIT_NOTE")
    if invoice and not credits_stand.exists():
        operations.void_invoice(invoice_id=invoice.pk, reason="No", at=NOON, by=None)


DO = dict(zip(ACTS, (receive, bill_it, credit, send_back, reverse, void), strict=True))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(ACTS), st.integers(1, 3), st.integers(20, 50)),
        min_size=3,
        max_size=7,
    )
)
def test_whatever_happens_the_ledger_says_what_documents_do(moves):
    order = sent_order(units=[UNITS], unit_cost="0.3333")
    for act, units, price in moves:
        try:
            DO[act](order, units, price)
        except BusinessError:
            continue

    assert all_is_proved()
    assert sum(accounts(posting__lines__order_line__order=order).values()) == 0


@pytest.mark.parametrize("turn", range(6))
def test_all_received_billed_and_settled_leaves_nothing_open(turn):
    """Receipts of 3 and 4, bills of 2 and 5 at other prices, 2 sent back and credited."""
    order = sent_order(units=[7], unit_cost="0.3333")
    line = order.lines.get()
    first = [
        lambda: receive(order, 3, 0),
        lambda: bill_it(order, 2, 35),
        lambda: receive(order, 4, 0),
        lambda: bill_it(order, 5, 33),
    ]
    for act in [*first[turn % 4 :], *first[: turn % 4]][:: 1 if turn < 4 else -1]:
        act()
    send_back(order, 2, 0)
    credit(order, 2, 35)
    for invoice in SupplierInvoice.objects.order_by("pk"):
        matched(invoice)

    found = accounts()
    paid = -found.pop("PAYABLES")
    assert grni(line) == 0
    assert sum(found.values()) == paid
    assert CostPool.objects.get().value == found["STOCK"]
    assert all_is_proved()
