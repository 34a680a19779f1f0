import csv
import hashlib
import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from catalog.queries import NoExchangeRate
from inventory.models import CostMovement, CostPool
from purchasing import operations, queries
from purchasing.models import GoodsReceiptLine, MatchAllocation, PayableExport, SupplierInvoice
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory, person_in
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    TODAY,
    approved_bill,
    bill,
    delivery,
    exported_batch,
    matched,
    matched_bill,
    printed,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def accept_all(invoice):
    for exception in invoice.exceptions.filter(status="OPEN"):
        operations.decide_exception(
            exception_id=exception.pk,
            decision="ACCEPTED",
            reason="Paid",
            at=NOON,
            by=person_in("Manager"),
        )


def approve(invoice, *, by=None):
    return operations.approve_invoice(invoice_id=invoice.pk, at=NOON, by=by or UserFactory())


def test_approval_needs_a_matched_bill():
    invoice = bill()

    with pytest.raises(WrongStatus):
        approve(invoice)

    invoice.refresh_from_db()
    assert (invoice.status, invoice.approved_by) == ("CAPTURED", None)


def test_approval_of_who_entered_the_bill_is_refused():
    order = sent_order()
    delivery(order)
    invoice = matched_bill(order=order)

    with pytest.raises(operations.OwnInvoice):
        approve(invoice, by=invoice.captured_by)

    invoice.refresh_from_db()
    assert (invoice.status, invoice.approved_by) == ("MATCHED", None)


def test_approval_twice_is_refused():
    invoice = approved_bill()
    before = SupplierInvoice.objects.values().get()

    with pytest.raises(WrongStatus):
        approve(invoice)

    assert SupplierInvoice.objects.values().get() == before


def test_billed_beyond_what_was_received_corrects_only_what_was_received():
    """M9: the price share of 20 reaches the stock; the 2 units that never came do not."""
    order = sent_order(units=[8], unit_cost="6.00")
    delivery(order)
    invoice = matched_bill(printed(order.lines.get(), 10, "8.00"), order=order)
    accept_all(invoice)

    approve(invoice)

    assert CostPool.objects.get().value == 48 + 16
    assert invoice.lines.get().variance_posted == 16
    assert not queries.goods_not_invoiced().exists()


def test_price_difference_of_several_deliveries_adds_up_to_the_cent():
    order = sent_order(units=[3], unit_cost="1.00")
    for _ in range(3):
        delivery(order, [1])
    invoice = matched_bill(
        printed(order.lines.get(), 3, "1.0333", net_amount=Decimal("3.10")), order=order
    )
    accept_all(invoice)

    approve(invoice)

    assert CostPool.objects.get().value == Decimal("3.10")
    amounts = CostMovement.objects.filter(kind="CORRECTION").order_by("pk")
    assert [row.value for row in amounts] == [Decimal("0.03"), Decimal("0.04"), Decimal("0.03")]


def test_goods_after_payment_take_the_price_of_the_bill():
    order = sent_order(units=[10], unit_cost="2.00")
    invoice = matched_bill(printed(order.lines.get(), 10, "2.50"), order=order)
    accept_all(invoice)
    approve(invoice)
    delivery(order, [4])
    matched(invoice)
    delivery(order, [6])

    matched(invoice)

    assert CostPool.objects.get().value == 25
    assert matched(invoice).lines.get().variance_posted == 5


def test_approval_without_an_exchange_rate_is_refused():
    order = sent_order(supplier=SupplierFactory(currency="GBP"))
    delivery(order)
    invoice = matched_bill(order=order, currency="CHF")
    accept_all(invoice)

    with pytest.raises(NoExchangeRate):
        approve(invoice)

    invoice.refresh_from_db()
    assert invoice.status == "MATCHED"


def test_void_of_an_approved_bill_takes_its_price_difference_back():
    order = sent_order(units=[10], unit_cost="2.00")
    delivery(order)
    invoice = matched_bill(printed(order.lines.get(), 10, "2.50"), order=order)
    accept_all(invoice)
    approve(invoice)
    waiting = matched_bill(printed(order.lines.get(), 10, "2.00"), order=order)
    assert waiting.status == "ON_HOLD"

    operations.void_invoice(invoice_id=invoice.pk, reason="Wrong price", at=NOON, by=None)

    waiting.refresh_from_db()
    assert waiting.status == "MATCHED"
    assert CostPool.objects.get().value == 20
    assert order.lines.get().invoiced == 10
    assert queries.differences() == []


def test_void_gives_the_units_back():
    order = sent_order(units=[10])
    delivery(order)
    invoice = matched_bill(order=order)

    operations.void_invoice(invoice_id=invoice.pk, reason="Not ours", at=NOON, by=None)

    (to_bill,) = queries.goods_not_invoiced()
    assert (to_bill.open_units, to_bill.invoiced) == (10, 0)
    assert list(queries.lines_to_bill(order.pk)) == [to_bill]
    assert not MatchAllocation.objects.exists()
    assert GoodsReceiptLine.objects.get().matched == 0


def test_void_of_an_exported_bill_is_refused():
    invoice = approved_bill()
    exported_batch(invoice)

    with pytest.raises(WrongStatus):
        operations.void_invoice(invoice_id=invoice.pk, reason="No", at=NOON, by=None)

    assert MatchAllocation.objects.count() == 1


def test_export_hands_over_each_bill_once():
    first, second = approved_bill(), approved_bill()
    clerk = UserFactory()

    export = operations.export_payables(
        invoice_ids=[second.pk, first.pk], key="batch-1", at=NOON, by=clerk
    )

    rows = list(csv.DictReader(io.StringIO(export.content)))
    assert [row["number"] for row in rows] == [first.number, second.number]
    del rows[0]["postings"]
    assert rows[0] == {
        "number": first.number,
        "kind": "INVOICE",
        "supplier": first.supplier.code,
        "supplier_name": first.supplier.name,
        "supplier_number": first.supplier_number,
        "invoiced_on": "2026-11-22",
        "due_on": "2026-12-22",
        "currency": "GBP",
        "net_total": "25.00",
        "tax_total": "0.00",
        "total": "25.00",
        "iban": "",
        "prepaid": "0.00",
        "rounding": "0.00",
        "payable": "25.00",
        "taxes": "",
        "orders": first.lines.get().order_number,
        "document_sha256": "",
    }
    assert export.sha256 == hashlib.sha256(export.content.encode()).hexdigest()
    assert (export.exported_at, export.exported_by) == (NOON, clerk)
    assert set(SupplierInvoice.objects.values_list("status", "export")) == {("EXPORTED", export.pk)}


def test_export_with_the_same_key_returns_the_first_batch():
    invoice = approved_bill()
    first = exported_batch(invoice, key="batch-1")

    again = exported_batch(invoice, key="batch-1")

    assert again == first
    assert PayableExport.objects.count() == 1


def test_export_of_a_bill_that_went_out_before_is_refused_as_a_whole():
    gone, fresh = approved_bill(), approved_bill()
    exported_batch(gone)

    with pytest.raises(WrongStatus):
        exported_batch(gone, fresh)

    fresh.refresh_from_db()
    assert fresh.status == "APPROVED"
    assert PayableExport.objects.count() == 1


def test_export_of_nothing_is_refused():
    with pytest.raises(operations.NothingToExport):
        operations.export_payables(invoice_ids=[], key="empty", at=NOON, by=None)


def test_export_makes_formulas_harmless_and_signs_credit_notes():
    order = sent_order(supplier=SupplierFactory(name="=HYPERLINK(1)"))
    approved_bill(order=order, number="+1-2")
    credit_note = matched_bill(
        printed(order.lines.get(), 2, "2.50"), order=order, kind="CREDIT_NOTE", number="@x"
    )

    export = exported_batch(approve(credit_note))

    (row,) = csv.DictReader(io.StringIO(export.content))
    assert (row["supplier_name"], row["supplier_number"]) == ("'=HYPERLINK(1)", "'@x")
    assert row["total"] == "-5.00"


def test_payment_is_noted_with_its_day():
    invoice = approved_bill()
    exported_batch(invoice)
    clerk = UserFactory()

    operations.record_payment(invoice_id=invoice.pk, paid_on=TODAY, at=NOON, by=clerk)

    invoice.refresh_from_db()
    assert (invoice.status, invoice.paid_on, invoice.paid_by) == ("PAID", TODAY, clerk)
    with pytest.raises(WrongStatus):
        operations.record_payment(invoice_id=invoice.pk, paid_on=TODAY, at=NOON, by=clerk)


@pytest.mark.parametrize("days", [-1, 1])
def test_payment_before_the_bill_or_tomorrow_is_refused(days):
    invoice = approved_bill()
    exported_batch(invoice)

    with pytest.raises(operations.InvalidPaymentDay):
        operations.record_payment(
            invoice_id=invoice.pk, paid_on=TODAY + timedelta(days=days), at=NOON, by=None
        )

    invoice.refresh_from_db()
    assert (invoice.status, invoice.paid_on) == ("EXPORTED", None)


def test_payment_of_a_bill_that_was_not_exported_is_refused():
    invoice = approved_bill()

    with pytest.raises(WrongStatus):
        operations.record_payment(invoice_id=invoice.pk, paid_on=TODAY, at=NOON, by=None)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE purchasing_payableexport SET content = ''",
        "DELETE FROM purchasing_payableexport",
        "TRUNCATE purchasing_payableexport CASCADE",
        "UPDATE purchasing_matchallocation SET units = 1",
        "DELETE FROM purchasing_matchallocation",
        "TRUNCATE purchasing_matchallocation",
        "UPDATE purchasing_supplierinvoice SET status = 'MATCHED'",
    ],
)
def test_database_keeps_what_was_handed_over(statement):
    export = exported_batch()

    with pytest.raises(DatabaseError, match=r"refused|append-only|Invalid transition"):
        execute(statement)

    export.refresh_from_db()
    assert export.content
    assert MatchAllocation.objects.get().units == 10
    assert SupplierInvoice.objects.get().status == "EXPORTED"


@pytest.mark.parametrize(
    ("constraint", "change"),
    [
        ("purchasing_matchallocation_units_positive", {"units": 0}),
        ("purchasing_matchallocation_once", {}),
    ],
)
def test_database_refuses_a_match_that(constraint, change):
    order = sent_order()
    delivery(order)
    matched_bill(order=order)
    match = MatchAllocation.objects.values().get()
    match.pop("id")

    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        MatchAllocation.objects.create(**(match | change))


def test_database_refuses_to_match_a_receipt_over():
    order = sent_order(units=[10])
    delivery(order)

    with (
        pytest.raises(IntegrityError, match="goodsreceiptline_matched_within_accepted"),
        transaction.atomic(),
    ):
        GoodsReceiptLine.objects.update(matched=11)


def test_differences_name_each_count_that_is_wrong():
    order = sent_order(units=[10])
    delivery(order)
    matched_bill(order=order)
    order.lines.update(invoiced=9, received=8)
    GoodsReceiptLine.objects.update(matched=7)

    found = {(row.kind, row.expected, row.actual) for row in queries.differences()}

    assert found == {
        ("units received", "10", "8"),
        ("units invoiced", "10", "9"),
        ("units of a receipt matched", "10", "7"),
    }


def test_comparison_lays_each_line_beside_its_order():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order, [8])
    charge = operations.NewInvoiceLine(
        kind="CHARGE", quantity=1, unit_price=Decimal(4), net_amount=Decimal(4)
    )
    invoice = matched_bill(printed(order.lines.get(), 10, "2.75"), charge, order=order)

    goods, freight = queries.invoice_comparison(invoice.pk)

    assert (goods.order_line.ordered, goods.order_line.received) == (10, 8)
    assert (goods.billed, goods.matched, goods.missing) == (10, 8, 2)
    assert (goods.unit_price, goods.price_difference) == (Decimal("2.75"), Decimal("0.25"))
    assert (freight.order_line, freight.billed, freight.price_difference) == (None, 1, None)
