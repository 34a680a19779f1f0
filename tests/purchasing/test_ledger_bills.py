"""Bills and credit notes in the ledger of buying, to the cent."""

from decimal import Decimal

import pytest

from catalog.models import Variant
from inventory.models import CostPool
from inventory.operations import issue_stock
from purchasing import operations
from purchasing.models import LedgerPosting, MatchAllocation, SupplierInvoice
from purchasing.operations import NewInvoiceLine
from retail.common.errors import WrongStatus
from tests.factories.catalog import ExchangeRateFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    TODAY,
    TolerancePolicyFactory,
    bill,
    delivery,
    matched,
    printed,
)
from tests.factories.purchasing_returns import shipped_return
from tests.purchasing.ledgers import accounts, all_is_proved, approve, grni, posted

pytestmark = pytest.mark.django_db


def charge(amount, **values):
    return NewInvoiceLine(
        kind="CHARGE", quantity=1, unit_price=Decimal(amount), net_amount=Decimal(amount), **values
    )


def beside_orders(amount, **values):
    """A line that names no order."""
    return NewInvoiceLine(
        quantity=1, unit_price=Decimal(amount), net_amount=Decimal(amount), **values
    )


def void(invoice):
    return operations.void_invoice(invoice_id=invoice.pk, reason="Wrong", at=NOON, by=None)


def received_order(units=10, unit_cost="2.50", **values):
    order = sent_order(units=[units], unit_cost=unit_cost, **values)
    delivery(order)
    return order


def test_a_bill_that_agrees_is_what_was_received():
    order = received_order()
    clerk = UserFactory()
    invoice = matched(bill(order=order, tax_total=Decimal(5), total=Decimal(30)))

    operations.approve_invoice(invoice_id=invoice.pk, at=NOON, by=clerk)

    posting = LedgerPosting.objects.get(kind="INVOICE")
    assert (posting.reference, posting.invoice, posting.posted_by) == (
        invoice.number,
        invoice,
        clerk,
    )
    assert posted("INVOICE") == {"GRNI": 25, "INPUT_TAX": 5, "PAYABLES": -30}
    assert accounts() == {"INPUT_TAX": 5, "PAYABLES": -30, "STOCK": 25}
    assert all_is_proved()


def test_an_approval_that_is_refused_posts_nothing():
    order = received_order()
    invoice = approve(bill(order=order))

    with pytest.raises(WrongStatus):
        operations.approve_invoice(invoice_id=invoice.pk, at=NOON, by=UserFactory())

    assert LedgerPosting.objects.filter(kind="INVOICE").count() == 1


def test_a_price_difference_goes_where_the_goods_are():
    """10 at 2.00, 4 sold, billed at 2.50: 5.00 more, of it 6/10 on what is here."""
    order = received_order(unit_cost="2.00")
    variant = order.lines.get().variant
    issue_stock(location=order.location, units={variant.pk: 4}, kind="SALE", reference="S", at=NOON)

    approve(bill(printed(order.lines.get(), 10, "2.50"), order=order))

    assert posted("INVOICE") == {
        "GRNI": 20,
        "STOCK": 3,
        "COST_OF_SALES": 2,
        "PAYABLES": -25,
    }
    assert CostPool.objects.get().value == 15
    assert all_is_proved()


def test_an_exchange_difference_is_no_cost_of_goods():
    """
    By hand: 10 at 2.00 EUR received at 0.80 are worth 16.00.

    Billed a day later at 0.90 they are worth 18.00 by the order and 19.80 at 2.20 EUR: the rate
    changed 2.00, the price 10 x 0.20 x 0.90 = 1.80.
    """
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.80"), valid_on=TODAY)
    order = received_order(unit_cost="2.00", supplier=SupplierFactory(currency="EUR"))
    ExchangeRateFactory(
        currency="EUR", rate=Decimal("0.90"), valid_on=TODAY.replace(day=TODAY.day + 1)
    )

    approve(
        bill(
            printed(order.lines.get(), 10, "2.20"),
            order=order,
            invoiced_on=TODAY.replace(day=TODAY.day + 1),
            tax_total=Decimal("4.18"),
            total=Decimal("26.18"),
        )
    )

    assert posted("INVOICE") == {
        "GRNI": Decimal("16.00"),
        "EXCHANGE_DIFFERENCE": Decimal("2.00"),
        "STOCK": Decimal("1.80"),
        "INPUT_TAX": Decimal("3.76"),
        "PAYABLES": Decimal("-23.56"),
    }
    assert grni() == 0
    assert all_is_proved()


def test_cents_of_changing_money_are_rounding():
    """3 x 0.333 at 0.85: 0.85, tax 0.14, in all 0.98: a cent too many."""
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.85"), valid_on=TODAY)
    order = received_order(units=1, unit_cost="0.53", supplier=SupplierFactory(currency="EUR"))

    approve(
        bill(
            printed(order.lines.get(), 1, "0.53"),
            order=order,
            tax_total=Decimal("0.10"),
            total=Decimal("0.63"),
        )
    )

    assert posted("INVOICE") == {
        "GRNI": Decimal("0.45"),
        "INPUT_TAX": Decimal("0.09"),
        "PAYABLES": Decimal("-0.54"),
    }
    assert all_is_proved()


def test_every_kind_of_line_has_its_account():
    order = received_order(units=10, unit_cost="2.50")
    TolerancePolicyFactory(supplier=order.supplier)

    approve(
        bill(
            printed(order.lines.get(), 10, "2.50"),
            charge("6.00", charge="FREIGHT"),
            charge("1.00", charge="DISCOUNT", is_deduction=True),
            beside_orders("3.00", kind="SERVICE", description="Assembly"),
            beside_orders("4.00", description="Samples"),
            order=order,
            net_total=Decimal(37),
            tax_total=Decimal("7.40"),
            total=Decimal("44.40"),
            prepaid_total=Decimal("10.00"),
            rounding=Decimal("0.10"),
        )
    )

    assert posted("INVOICE") == {
        "GRNI": 25,
        "CHARGES": 5,
        "PURCHASES": 7,
        "INPUT_TAX": Decimal("7.40"),
        "PREPAID": -10,
        "ROUNDING": Decimal("0.10"),
        "PAYABLES": Decimal("-34.50"),
    }
    assert all_is_proved()


def test_services_of_an_order_are_bought_without_goods():
    order = sent_order(units=[2], unit_cost="30.00")
    Variant.objects.filter(pk=order.lines.get().variant_id).update(is_stocked=False)

    approve(bill(printed(order.lines.get(), 2, "31.00"), order=order))

    assert posted("INVOICE") == {"PURCHASES": 62, "PAYABLES": -62}
    assert all_is_proved()


def test_sums_that_do_not_agree_are_not_hidden_in_rounding():
    order = received_order()

    approve(bill(order=order, net_total=Decimal(28), total=Decimal(28)))

    assert posted("INVOICE") == {"GRNI": 25, "PURCHASES": 3, "PAYABLES": -28}
    assert all_is_proved()


def test_a_bill_in_parts_moves_each_cent_once():
    """1.00 for three pieces at 0.3333, billed one by one at 0.33, 0.34 and 0.33."""
    order = received_order(units=3, unit_cost="0.3333")
    line = order.lines.get()

    amounts = []
    for amount in ("0.33", "0.34", "0.33"):
        approve(bill(printed(line, 1, "0.3333", net_amount=Decimal(amount)), order=order))
        amounts.append(posted("INVOICE")["GRNI"])

    assert amounts == [Decimal("0.33"), Decimal("0.34"), Decimal("0.33")]
    assert grni() == 0
    assert accounts()["PAYABLES"] == -1
    assert all_is_proved()


def test_a_bill_before_its_goods_is_owed_to_us_until_they_come():
    """10 at 2.00 billed at 2.50; 4 come, then 6: each time the goods take the bill's price."""
    order = sent_order(units=[10], unit_cost="2.00")
    invoice = approve(bill(printed(order.lines.get(), 10, "2.50"), order=order))
    before = (posted("INVOICE"), grni())
    delivery(order, [4])
    matched(invoice)
    some = (posted("GOODS_FOUND"), grni())
    delivery(order, [6])
    matched(invoice)
    matched(invoice)

    assert before == ({"GRNI": 25, "PAYABLES": -25}, 25)
    assert some == ({"GRNI": -2, "STOCK": 2}, 15)
    assert posted("GOODS_FOUND") == {"GRNI": -3, "STOCK": 3}
    assert LedgerPosting.objects.filter(kind="GOODS_FOUND").count() == 2
    assert accounts() == {"PAYABLES": -25, "STOCK": 25}
    assert CostPool.objects.get().value == 25
    assert all_is_proved()


def test_goods_that_came_after_the_bill_at_another_rate():
    """
    By hand: 10 at 2.20 EUR billed at 0.80 are 17.60, of which 16.00 by the order.

    They come at 0.90 and are worth 18.00: the rate took 2.00 back, the price is 1.60 more.
    """
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.80"), valid_on=TODAY.replace(day=1))
    order = sent_order(units=[10], unit_cost="2.00", supplier=SupplierFactory(currency="EUR"))
    invoice = approve(
        bill(printed(order.lines.get(), 10, "2.20"), order=order, invoiced_on=TODAY.replace(day=2))
    )
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.90"), valid_on=TODAY)
    delivery(order)

    matched(invoice)

    assert posted("GOODS_FOUND") == {
        "GRNI": Decimal("0.40"),
        "EXCHANGE_DIFFERENCE": Decimal("-2.00"),
        "STOCK": Decimal("1.60"),
    }
    assert grni() == 0
    assert accounts()["STOCK"] == Decimal("19.60")
    assert all_is_proved()


def test_a_rate_corrected_after_approval_loses_no_cent():
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.80"), valid_on=TODAY)
    order = sent_order(units=[3], unit_cost="2.00", supplier=SupplierFactory(currency="EUR"))
    invoice = approve(bill(printed(order.lines.get(), 3, "2.33"), order=order))
    delivery(order, [1])
    matched(invoice)
    type(ExchangeRateFactory.build()).objects.update(rate=Decimal("0.95"))
    delivery(order, [2])

    matched(invoice)

    assert grni() == 0
    assert accounts()["PAYABLES"] == Decimal("-5.59")
    assert sum(accounts().values()) == 0
    assert all_is_proved()


def test_a_credit_note_gives_back_what_was_billed():
    order = received_order(unit_cost="10.00")
    line = order.lines.get()
    approve(bill(printed(line, 10, "11.00"), order=order))
    shipped_return(line=line.receipt_lines.get(), units=5)

    approve(bill(printed(line, 5, "11.00"), order=order, kind="CREDIT_NOTE"))

    assert posted("INVOICE") == {
        "GRNI": -50,
        "STOCK": Decimal("-2.5"),
        "COST_OF_SALES": Decimal("-2.5"),
        "PAYABLES": 55,
    }
    assert grni() == 0
    assert accounts()["PAYABLES"] == -55
    assert accounts()["STOCK"] + accounts().get("COST_OF_SALES", 0) == 55
    assert all_is_proved()


def test_a_credit_note_before_the_bill_comes_out_the_same():
    order = received_order(unit_cost="10.00")
    line = order.lines.get()
    shipped_return(line=line.receipt_lines.get(), units=5)
    first = approve(bill(printed(line, 10, "10.00"), order=order))
    approve(bill(printed(line, 5, "10.00"), order=order, kind="CREDIT_NOTE"))

    assert first.status == "APPROVED"
    assert accounts() == {"PAYABLES": -50, "STOCK": 50}
    assert all_is_proved()


def test_money_back_for_goods_that_stay_lowers_their_cost():
    order = received_order(unit_cost="10.00")
    line = order.lines.get()
    approve(bill(printed(line, 10, "10.00"), order=order))
    rebate = bill(printed(line, 10, "0.50"), order=order, kind="CREDIT_NOTE")
    rebate.lines.update(is_price_only=True)
    match = MatchAllocation.objects.create(
        invoice_line=rebate.lines.get(),
        order_line=line,
        receipt_line=line.receipt_lines.get(),
        units=10,
        is_price_only=True,
        matched_at=NOON,
    )
    SupplierInvoice.objects.filter(pk=rebate.pk).update(status="MATCHED")

    operations.approve_invoice(invoice_id=rebate.pk, at=NOON, by=UserFactory())

    assert match.units == 10
    assert posted("INVOICE") == {"STOCK": -5, "PAYABLES": 5}
    assert accounts() == {"PAYABLES": -95, "STOCK": 95}
    assert CostPool.objects.get().value == 95
    assert all_is_proved()


def test_a_void_bill_turns_what_it_posted():
    order = received_order(unit_cost="2.00")
    variant = order.lines.get().variant
    invoice = approve(
        bill(
            printed(order.lines.get(), 10, "2.50"),
            charge("3.00"),
            order=order,
            net_total=Decimal(28),
            total=Decimal(28),
        )
    )
    issue_stock(location=order.location, units={variant.pk: 4}, kind="SALE", reference="S", at=NOON)

    void(invoice)

    assert posted("INVOICE_VOIDED") == {
        "GRNI": -20,
        "STOCK": -3,
        "COST_OF_SALES": -2,
        "CHARGES": -3,
        "PAYABLES": 28,
    }
    assert accounts() == {"COST_OF_SALES": -2, "GRNI": -20, "STOCK": 22}
    assert LedgerPosting.objects.latest("pk").reason == "Wrong"
    assert all_is_proved()


def test_a_void_bill_whose_goods_came_late_turns_both_postings():
    order = sent_order(units=[10], unit_cost="2.00")
    invoice = approve(bill(printed(order.lines.get(), 10, "2.50"), order=order))
    delivery(order, [4])
    matched(invoice)

    void(invoice)

    assert accounts() == {"GRNI": -8, "STOCK": 8}
    assert all_is_proved()


def test_a_void_bill_among_others_leaves_a_cent_to_rounding():
    """Three bills of a third of 1.00; the first took 0.33 and the second 0.34."""
    order = received_order(units=3, unit_cost="0.3333")
    line = order.lines.get()
    first, *_ = [
        approve(bill(printed(line, 1, "0.3333", net_amount=Decimal("0.33")), order=order))
        for _ in range(2)
    ]

    void(first)

    assert posted("INVOICE_VOIDED") == {
        "GRNI": Decimal("-0.34"),
        "ROUNDING": Decimal("0.01"),
        "PAYABLES": Decimal("0.33"),
    }
    assert grni() == Decimal("-0.67")
    assert all_is_proved()


def test_a_bill_that_was_never_approved_posts_nothing_when_void():
    order = received_order()

    void(matched(bill(order=order)))

    assert not LedgerPosting.objects.exclude(kind="RECEIPT").exists()


def test_several_bills_are_posted_in_two_statements(django_assert_max_num_queries):
    order = received_order(units=30)
    invoices = [matched(bill(printed(order.lines.get(), 10, "2.50"), order=order)) for _ in "abc"]

    with django_assert_max_num_queries(30) as captured:
        operations.approve_invoices(
            invoice_ids=[invoice.pk for invoice in invoices], at=NOON, by=UserFactory()
        )

    inserts = [
        query["sql"]
        for query in captured
        if query["sql"].startswith('INSERT INTO "purchasing_ledger')
    ]
    assert len(inserts) == 2
    assert grni() == 0
    assert all_is_proved()
