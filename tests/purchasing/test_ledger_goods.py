"""Goods that come, go back or come for nothing, in the ledger of buying."""

from decimal import Decimal

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from inventory.models import CostMovement
from inventory.operations import Received, receive_stock
from purchasing import operations
from purchasing.models import LedgerLine, LedgerPosting
from tests.factories.catalog import ExchangeRateFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import TODAY, delivery
from tests.factories.purchasing_returns import plain, received_line, shipped_return
from tests.purchasing.ledgers import accounts, all_is_proved, grni, posted
from tests.purchasing.returned_goods import held
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def test_a_receipt_is_stock_that_is_owed():
    order = sent_order(units=[10, 4], unit_cost="2.50")
    clerk = UserFactory()

    receipt = operations.receive_goods(
        order_id=order.pk,
        lines=[
            operations.ReceivedLine(line.pk, count, 4 - count // 2, "DAMAGED")
            for line, count in zip(order.lines.order_by("pk"), [8, 0], strict=True)
        ],
        delivery_note="",
        key="r",
        at=NOON,
        by=clerk,
    )

    posting = LedgerPosting.objects.get()
    assert (posting.kind, posting.reference, posting.receipt) == (
        "RECEIPT",
        receipt.number,
        receipt,
    )
    assert (posting.posted_at, posting.posted_by) == (NOON, clerk)
    line = receipt.lines.get(accepted=8)
    rows = LedgerLine.objects.order_by("pk")
    assert list(rows.values_list("account", "amount", "order_line", "receipt_line")) == [
        ("STOCK", 20, line.order_line_id, line.pk),
        ("GRNI", -20, line.order_line_id, line.pk),
    ]
    assert all_is_proved()


def test_a_receipt_of_goods_for_nothing_posts_nothing():
    delivery(sent_order(unit_cost="0.00"))

    assert not LedgerPosting.objects.exists()


def test_a_receipt_posts_in_two_statements_whatever_its_lines():
    counts = []
    for lines in (1, 30):
        order = sent_order(units=[1] * lines)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            delivery(order)
        counts.append(len([query for query in captured if "purchasing_ledger" in query["sql"]]))

    assert counts == [2, 2]
    assert LedgerLine.objects.count() == 62
    assert all_is_proved()


def test_a_receipt_in_another_currency_is_posted_at_the_rate_of_its_day():
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.85"), valid_on=TODAY)
    order = sent_order(units=[3], unit_cost="1.99", supplier=SupplierFactory(currency="EUR"))

    delivery(order)

    assert accounts() == {"GRNI": Decimal("-5.07"), "STOCK": Decimal("5.07")}


def test_held_goods_that_are_taken_in_are_posted():
    line = received_line(units=10)
    order = line.order_line.order
    more = held(line, units=3)

    operations.accept_held_over_order(
        held_id=more.pk,
        order_line_id=line.order_line_id,
        units=3,
        reason="Needed",
        key="h",
        at=NOON,
        by=UserFactory(),
    )

    assert order.lines.get().received == 13
    assert accounts() == {"GRNI": Decimal("-32.50"), "STOCK": Decimal("32.50")}
    assert all_is_proved()


def test_a_receipt_that_is_reversed_is_owed_no_more():
    order = sent_order(units=[10], unit_cost="2.00")
    variant = order.lines.get().variant
    receive_stock(
        location=order.location,
        received={variant.pk: Received(units=10, value=Decimal(40))},
        reference="BEFORE",
        at=NOON,
    )
    receipt = delivery(order)

    for _ in range(2):
        operations.reverse_receipt(receipt_id=receipt.pk, reason="Twice", at=NOON, by=None)

    assert posted("RECEIPT_REVERSED") == {"GRNI": 20, "STOCK": -30, "COST_OF_SALES": 10}
    assert grni() == 0
    assert LedgerPosting.objects.count() == 2
    assert all_is_proved()


def test_a_reversed_receipt_of_one_article_on_two_lines_adds_up():
    order = sent_order(units=[1, 2], unit_cost="3.33")
    first, second = order.lines.order_by("pk")
    second.variant = first.variant
    second.save(update_fields=["variant"])
    receipt = delivery(order)

    operations.reverse_receipt(receipt_id=receipt.pk, reason="Twice", at=NOON, by=None)

    assert accounts() == {}
    assert all_is_proved()


def test_goods_sent_back_at_the_average():
    """V5: 10 at 100 and 5 at 110; 5 of the first go back: 516.67, 500.00 and 16.67."""
    line = received_line(units=10, unit_cost="100.00")
    receive_stock(
        location=line.receipt.location,
        received={line.order_line.variant_id: Received(units=5, value=Decimal(550))},
        reference="LATER",
        at=NOON,
    )

    shipped_return(line=line, units=5)

    assert posted("RETURN") == {
        "GRNI": 500,
        "STOCK": Decimal("-516.67"),
        "COST_OF_SALES": Decimal("16.67"),
    }
    assert CostMovement.objects.get(kind="VARIANCE").expensed == Decimal("16.67")
    assert grni(line.order_line) == -500
    assert all_is_proved()


def test_goods_sent_back_in_parts_leave_nothing_open():
    """1.00 for three pieces: 0.33, 0.34 and 0.33 go back."""
    line = received_line(units=3, unit_cost="0.3333")

    amounts = []
    for _ in range(3):
        shipped_return(line=line, units=1)
        amounts.append(posted("RETURN")["GRNI"])

    assert amounts == [Decimal("0.33"), Decimal("0.34"), Decimal("0.33")]
    assert grni() == 0
    assert all_is_proved()


def test_goods_sent_back_for_another_credit_are_owed_at_what_they_came_in_at():
    line = received_line(units=10, unit_cost="10.00")

    shipped_return(
        operations.ReturnedGoods(receipt_line_id=line.pk, units=5, unit_credit=Decimal(8)),
        supplier=line.receipt.supplier,
    )

    assert posted("RETURN") == {"GRNI": 50, "STOCK": -50}
    assert all_is_proved()


def test_goods_sent_back_for_nothing_are_a_loss():
    line = received_line(units=10, unit_cost="10.00")

    shipped_return(line=line, units=5, expects="NOTHING")

    assert posted("RETURN") == {"COST_OF_SALES": 50, "STOCK": -50}
    assert grni() == -100
    assert all_is_proved()


def test_goods_sent_back_to_be_replaced_are_owed_again_when_they_come():
    line = received_line(units=10, unit_cost="10.00")

    shipped_return(line=line, units=4, expects="REPLACEMENT")
    without = grni()
    delivery(line.order_line.order, [4])

    assert (without, grni()) == (-60, -100)
    assert all_is_proved()


def test_stock_without_a_receipt_sent_back_is_owed_beside_the_orders():
    level = stock(units=4, value="12")

    shipped_return(plain(level, units=4, credit="2.00"), supplier=SupplierFactory())

    assert accounts() == {"PURCHASES": 8, "STOCK": -12, "COST_OF_SALES": 4}
    assert all_is_proved()


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE purchasing_ledgerline SET amount = 1", "append-only"),
        ("DELETE FROM purchasing_ledgerline", "append-only"),
        ("TRUNCATE purchasing_ledgerline", "append-only"),
        ("UPDATE purchasing_ledgerposting SET reason = 'x'", "append-only"),
        ("DELETE FROM purchasing_ledgerposting", "append-only"),
        ("TRUNCATE purchasing_ledgerposting CASCADE", "append-only"),
        (
            (
                "INSERT INTO purchasing_ledgerline (posting_id, account, amount)"
                " SELECT id, 'STOCK', 1 FROM purchasing_ledgerposting"
            ),
            "does not add up to nothing",
        ),
        (
            (
                "INSERT INTO purchasing_ledgerline (posting_id, account, amount)"
                " SELECT id, 'GRNI', amount FROM purchasing_ledgerposting,"
                " (VALUES (1), (-1)) AS two (amount)"
            ),
            "grni_names_its_order_line",
        ),
        (
            (
                "INSERT INTO purchasing_ledgerline (posting_id, account, amount)"
                " SELECT id, 'STOCK', 0 FROM purchasing_ledgerposting"
            ),
            "amount_not_zero",
        ),
        (
            (
                "INSERT INTO purchasing_ledgerline (posting_id, account, amount)"
                " SELECT id, 'STOCK', 'NaN' FROM purchasing_ledgerposting"
            ),
            "amount_not_zero",
        ),
        (
            (
                "INSERT INTO purchasing_ledgerposting (kind, reference, reason, posted_at)"
                " VALUES ('CLEARED', 'x', '', now())"
            ),
            "cleared_says_why",
        ),
        (
            (
                "INSERT INTO purchasing_ledgerposting (kind, reference, reason, posted_at)"
                " SELECT kind, reference, '', now() FROM purchasing_ledgerposting"
            ),
            "unique",
        ),
    ],
)
def test_the_database_keeps_the_ledger(statement, message):
    delivery(sent_order())
    before = list(LedgerLine.objects.values())

    with pytest.raises(DatabaseError, match=message):
        execute(statement)

    assert list(LedgerLine.objects.values()) == before
