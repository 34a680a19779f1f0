from datetime import timedelta
from decimal import Decimal
from itertools import permutations

import pytest

from purchasing import operations, queries
from purchasing.models import (
    GoodsReceiptLine,
    MatchAllocation,
    MatchException,
    SupplierInvoice,
)
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory, person_in
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    TODAY,
    TolerancePolicyFactory,
    approved_bill,
    bill,
    delivery,
    matched,
    matched_bill,
    printed,
)

pytestmark = pytest.mark.django_db


def open_kinds(invoice):
    rows = invoice.exceptions.filter(status=MatchException.Status.OPEN)
    return sorted(rows.values_list("kind", flat=True))


def figures(invoice, kind):
    row = invoice.exceptions.get(kind=kind, status=MatchException.Status.OPEN)
    return row.expected, row.actual


def order_of_one_article(*, units, unit_costs, supplier=None):
    """Send one order with several lines of the same article."""
    supplier = supplier or SupplierFactory()
    variant = sent_order(units=[1]).lines.get().variant
    order = operations.create_purchase_order(
        supplier=supplier,
        location=sent_order().location,
        lines=[
            operations.NewLine(variant_id=variant.pk, units=count, unit_cost=Decimal(cost))
            for count, cost in zip(units, unit_costs, strict=True)
        ],
        reference=f"one-article-{variant.pk}",
        at=NOON,
        by=UserFactory(),
    )
    operations.submit(order_id=order.pk, at=NOON)
    operations.approve(order_id=order.pk, at=NOON, by=UserFactory())
    return operations.send(order_id=order.pk, at=NOON)


def test_matching_finds_order_and_receipt_of_a_bill_that_agrees():
    order = sent_order(units=[10], unit_cost="2.50")
    receipt = delivery(order)

    invoice = matched_bill(order=order)

    line = order.lines.get()
    match = MatchAllocation.objects.get()
    assert invoice.status == "MATCHED"
    assert (match.order_line, match.receipt_line, match.units) == (line, receipt.lines.get(), 10)
    assert (line.invoiced, receipt.lines.get().matched) == (10, 10)
    assert not MatchException.objects.exists()
    assert not queries.goods_not_invoiced().exists()
    assert queries.differences() == []


def test_matching_twice_changes_nothing():
    order = sent_order()
    delivery(order)
    invoice = matched_bill(printed(order.lines.get(), 12, "9.00"), order=order)
    before = list(MatchAllocation.objects.values()), list(MatchException.objects.values())

    matched(invoice, at=NOON + timedelta(days=1))

    assert (
        list(MatchAllocation.objects.values()),
        list(MatchException.objects.values()),
    ) == before


def test_matching_a_void_bill_is_refused():
    order = sent_order()
    invoice = bill(order=order)
    operations.void_invoice(invoice_id=invoice.pk, reason="Not ours", at=NOON, by=None)

    with pytest.raises(WrongStatus):
        matched(invoice)

    assert not MatchAllocation.objects.exists()


def test_units_billed_beyond_the_order_are_an_exception():
    order = sent_order(units=[10])
    delivery(order)

    invoice = matched_bill(printed(order.lines.get(), 12, "2.50"), order=order)

    assert invoice.status == "ON_HOLD"
    assert open_kinds(invoice) == ["QUANTITY"]
    assert figures(invoice, "QUANTITY") == (10, 12)


def test_units_exactly_at_the_quantity_tolerance_pass():
    order = sent_order(units=[10])
    TolerancePolicyFactory(supplier=order.supplier, quantity_percent=20)
    delivery(order)

    invoice = matched_bill(printed(order.lines.get(), 12, "2.50"), order=order)

    assert invoice.status == "MATCHED"


def test_rejected_units_are_not_paid_for():
    order = sent_order(units=[10])
    line = order.lines.get()
    operations.receive_goods(
        order_id=order.pk,
        lines=[
            operations.ReceivedLine(
                order_line_id=line.pk, accepted=8, rejected=2, reject_reason="Broken"
            )
        ],
        delivery_note="",
        key="broken",
        at=NOON,
        by=None,
    )

    invoice = matched_bill(order=order)

    assert invoice.status == "MATCHING"
    assert figures(invoice, "NOT_RECEIVED") == (8, 10)


def test_order_closed_short_turns_waiting_into_too_many():
    order = sent_order(units=[10])
    delivery(order, [8])
    invoice = matched_bill(order=order)
    assert invoice.status == "MATCHING"
    operations.close_short(order_id=order.pk, reason="Sold out", at=NOON, by=None)

    invoice = matched(invoice)

    assert invoice.status == "ON_HOLD"
    assert open_kinds(invoice) == ["QUANTITY"]
    assert figures(invoice, "QUANTITY") == (8, 10)


def test_bill_before_the_goods_waits_and_finds_them():
    order = sent_order(units=[10])
    invoice = matched_bill(order=order)
    assert (invoice.status, open_kinds(invoice)) == ("MATCHING", ["NOT_RECEIVED"])
    receipt = delivery(order)

    assert list(queries.invoices_to_match()) == [invoice]
    invoice = matched(invoice)

    assert (invoice.status, open_kinds(invoice)) == ("MATCHED", [])
    assert receipt.lines.get().matched == 10
    assert not queries.invoices_to_match().exists()
    assert list(invoice.exceptions.values_list("status", flat=True)) == ["RESOLVED"]


def test_line_that_no_order_knows_is_an_exception():
    order = sent_order()
    unknown = operations.NewInvoiceLine(
        quantity=3, unit_price=Decimal(2), net_amount=Decimal(6), supplier_sku="NEVER-SEEN"
    )

    invoice = matched_bill(unknown, order=order)

    assert invoice.status == "ON_HOLD"
    assert figures(invoice, "NO_ORDER") == (0, 6)


def test_order_of_another_supplier_is_not_found():
    order = sent_order()
    delivery(order)

    invoice = matched_bill(printed(order.lines.get(), 10, "2.50"), order=sent_order())

    assert open_kinds(invoice) == ["SUPPLIER"]
    row = invoice.exceptions.get()
    assert row.detail == f"{order.number} is an order of another supplier."
    assert not MatchAllocation.objects.exists()


def test_bill_in_another_currency_is_an_exception():
    order = sent_order()
    delivery(order)

    invoice = matched_bill(order=order, currency="EUR")

    assert open_kinds(invoice) == ["CURRENCY"]


def test_line_is_found_by_the_suppliers_sku_among_open_lines():
    order = sent_order()
    order.lines.update(supplier_sku="Ab-77")
    delivery(order)

    invoice = matched_bill(
        printed(order.lines.get(), 10, "2.50", order_number="", supplier_sku="aB-77"), order=order
    )

    assert invoice.status == "MATCHED"


def test_line_is_found_by_gtin():
    order = sent_order()
    variant = order.lines.get().variant
    variant.gtin = "4006381333931"
    variant.save()
    delivery(order)

    invoice = matched_bill(
        printed(
            order.lines.get(), 10, "2.50", supplier_sku="theirs", order_number="", gtin=variant.gtin
        ),
        order=order,
    )

    assert invoice.status == "MATCHED"


@pytest.mark.parametrize("written", ["{}", "  {} ", "po{digits}", "{digits}", "PO / {digits}"])
def test_order_number_is_read_however_it_is_written(written):
    order = sent_order()
    delivery(order)
    number = written.format(order.number, digits=order.number.removeprefix("PO-"))

    invoice = matched_bill(
        printed(order.lines.get(), 10, "2.50", order_number=number.lower()), order=order
    )

    assert invoice.status == "MATCHED"


def test_same_article_on_several_lines_is_split_by_price():
    order = order_of_one_article(units=[6, 6], unit_costs=["1.00", "1.20"])
    cheap, dear = order.lines.order_by("pk")
    delivery(order)

    first = matched_bill(printed(dear, 6, "1.20"), order=order)
    second = matched_bill(printed(cheap, 6, "1.00"), order=order)

    assert (first.status, second.status) == ("MATCHED", "MATCHED")
    assert first.lines.get().matches.get().order_line == dear
    assert second.lines.get().matches.get().order_line == cheap


def test_same_article_at_one_price_is_split_by_the_oldest_receipt():
    order = order_of_one_article(units=[6, 6], unit_costs=["1.00", "1.00"])
    older_line, line = order.lines.order_by("pk")
    delivery(order, [0, 6])
    delivery(order, [6, 0], at=NOON + timedelta(days=1))

    invoice = matched_bill(printed(older_line, 8, "1.00"), order=order)

    assert invoice.status == "MATCHED"
    assert list(invoice.lines.get().matches.values_list("order_line", "units").order_by("pk")) == [
        (line.pk, 6),
        (older_line.pk, 2),
    ]


def test_several_deliveries_on_one_bill():
    order = sent_order(units=[10])
    delivery(order, [4])
    delivery(order, [6])

    invoice = matched_bill(order=order)

    assert invoice.status == "MATCHED"
    assert list(GoodsReceiptLine.objects.order_by("pk").values_list("matched", flat=True)) == [4, 6]


def test_several_orders_on_one_bill():
    supplier = SupplierFactory()
    order, other = sent_order(supplier=supplier), sent_order(supplier=supplier)
    delivery(order)
    delivery(other)

    invoice = matched_bill(
        printed(order.lines.get(), 10, "2.50"), printed(other.lines.get(), 10, "2.50"), order=order
    )

    assert invoice.status == "MATCHED"
    assert queries.differences() == []


def test_credit_note_gives_back_what_was_billed_too_much():
    order = sent_order(units=[10])
    delivery(order)
    line = order.lines.get()
    invoice = matched_bill(printed(line, 12, "2.50"), order=order)

    credit_note = matched_bill(printed(line, 2, "2.50"), order=order, kind="CREDIT_NOTE")

    invoice.refresh_from_db()
    line.refresh_from_db()
    assert (invoice.status, credit_note.status) == ("MATCHED", "MATCHED")
    assert line.invoiced == 10
    assert queries.differences() == []


def test_credit_note_before_its_invoice_waits_for_it():
    order = sent_order(units=[10])
    delivery(order)
    line = order.lines.get()
    credit_note = matched_bill(printed(line, 2, "2.50"), order=order, kind="CREDIT_NOTE")
    assert (credit_note.status, open_kinds(credit_note)) == ("ON_HOLD", ["QUANTITY"])

    invoice = matched_bill(printed(line, 12, "2.50"), order=order)

    credit_note.refresh_from_db()
    assert (invoice.status, credit_note.status) == ("MATCHED", "MATCHED")


def test_credit_note_for_received_goods_leaves_them_to_be_billed():
    order = sent_order(units=[10])
    delivery(order)
    line = order.lines.get()
    matched_bill(order=order)

    matched_bill(printed(line, 3, "2.50"), order=order, kind="CREDIT_NOTE")

    line.refresh_from_db()
    assert (line.invoiced, GoodsReceiptLine.objects.get().matched) == (7, 7)
    assert queries.differences() == []


def test_payable_bill_keeps_its_goods_when_an_older_one_comes():
    order = sent_order(units=[10])
    paid = approved_bill(order=order)

    late = matched_bill(order=order, invoiced_on=TODAY - timedelta(days=5))

    assert (late.status, open_kinds(late)) == ("ON_HOLD", ["ALIKE", "QUANTITY"])
    assert MatchAllocation.objects.get(receipt_line__isnull=False).invoice_line.invoice == paid


def test_goods_that_come_after_payment_go_to_the_bill_that_paid_for_them():
    order = sent_order(units=[10])
    invoice = matched_bill(order=order)
    operations.decide_exception(
        exception_id=invoice.exceptions.get().pk,
        decision="ACCEPTED",
        reason="Paid in advance",
        at=NOON,
        by=person_in("Manager"),
    )
    operations.approve_invoice(invoice_id=invoice.pk, at=NOON, by=UserFactory())
    receipt = delivery(order)

    matched(invoice)

    assert receipt.lines.get().matched == 10
    assert not queries.goods_not_invoiced().exists()
    assert queries.differences() == []


def test_end_state_is_the_same_in_whatever_order_documents_come():
    every_tenth_order = list(permutations(range(5)))[::10]

    end_states = {_end_state(order_of_arrival) for order_of_arrival in every_tenth_order}

    assert len(end_states) == 1


def _end_state(order_of_arrival):
    """Let two deliveries, two bills and a credit note come in this order; match after each."""
    order = order_of_one_article(units=[10, 5], unit_costs=["2.00", "3.00"])
    line, dear_line = order.lines.order_by("pk")
    arrivals = [
        lambda: delivery(order, [6, 5]),
        lambda: delivery(order, [4, 0]),
        lambda: bill(
            printed(line, 8, "2.00"), printed(dear_line, 4, "3.10"), order=order, number="B-1"
        ),
        lambda: bill(
            printed(line, 9, "2.00", order_number=""),
            order=order,
            number="B-2",
            invoiced_on=TODAY - timedelta(days=1),
        ),
        lambda: bill(printed(line, 2, "2.00"), order=order, number="C-1", kind="CREDIT_NOTE"),
    ]
    for index in order_of_arrival:
        arrivals[index]()
        for invoice in queries.invoices_to_match():
            matched(invoice)

    assert queries.differences() == []
    invoices = SupplierInvoice.objects.filter(supplier=order.supplier)
    open_rows = MatchException.objects.filter(invoice__in=invoices, status="OPEN")
    return (
        tuple(invoices.order_by("supplier_number").values_list("supplier_number", "status")),
        tuple(
            open_rows.order_by("invoice__supplier_number", "kind").values_list(
                "invoice__supplier_number", "invoice_line__position", "kind", "expected", "actual"
            )
        ),
        tuple(order.lines.order_by("pk").values_list("received", "invoiced")),
        sum(
            GoodsReceiptLine.objects.filter(receipt__supplier=order.supplier).values_list(
                "matched", flat=True
            )
        ),
    )
