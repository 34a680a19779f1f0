"""Goods coming in: what enters stock at which value, and what is refused."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from catalog.queries import NoExchangeRate
from inventory.models import CostPool, StockLevel, StockMovement
from purchasing import operations
from purchasing.models import GoodsReceipt, GoodsReceiptLine, PurchaseOrderLine
from purchasing.operations import NewLine, ReceivedLine
from retail.common.errors import WrongStatus
from tests.factories.catalog import ExchangeRateFactory, VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import SupplierFactory, approved_order, draft_order, sent_order
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def receive(order, *accepted, rejected=0, reason="", key="delivery-1", act=None, by=None):
    lines = [
        ReceivedLine(order_line_id=line.pk, accepted=units, rejected=rejected, reject_reason=reason)
        for line, units in zip(order.lines.order_by("pk"), accepted, strict=True)
    ]
    return (act or operations.receive_goods)(
        order_id=order.pk, lines=lines, delivery_note="DN-1", key=key, at=NOON, by=by
    )


def stock_of(variant_id):
    return sum(StockLevel.objects.filter(variant=variant_id).values_list("on_hand", flat=True))


def assert_nothing_came(order):
    order.refresh_from_db()
    assert (order.status, order.receipt_status) == ("SENT", "NONE")
    assert set(order.lines.values_list("received", flat=True)) == {0}
    assert GoodsReceipt.objects.count() == StockMovement.objects.count() == 0


def test_goods_enter_stock_at_the_cost_of_the_order():
    order, hand = sent_order(units=(10, 5), unit_cost="2.505"), UserFactory()

    receipt = receive(order, 4, 5, by=hand)

    assert (receipt.supplier, receipt.location) == (order.supplier, order.location)
    assert (receipt.delivery_note, receipt.received_at, receipt.received_by) == (
        "DN-1",
        NOON,
        hand,
    )
    assert list(
        receipt.lines.order_by("pk").values_list("delivered", "accepted", "unit_cost", "value")
    ) == [
        (4, 4, Decimal("2.505"), Decimal("10.02")),
        (5, 5, Decimal("2.505"), Decimal("12.53")),
    ]
    assert list(
        StockMovement.objects.order_by("pk").values_list(
            "kind", "quantity", "cost_value", "reference"
        )
    ) == [
        ("RECEIPT", 4, Decimal("10.02"), receipt.number),
        ("RECEIPT", 5, Decimal("12.53"), receipt.number),
    ]
    order.refresh_from_db()
    assert (order.receipt_status, [line.received for line in order.lines.order_by("pk")]) == (
        "PARTIAL",
        [4, 5],
    )


def test_movement_names_the_lines_of_the_receipt_that_brought_its_goods():
    order = sent_order(units=(10, 5, 3))
    first, second, other = order.lines.order_by("pk")
    PurchaseOrderLine.objects.filter(pk=second.pk).update(variant=first.variant)

    receipt = receive(order, 4, 5, 3)

    lines = dict(receipt.lines.values_list("order_line_id", "pk"))
    moved = StockMovement.objects.order_by("level__variant_id")
    assert list(moved.values_list("quantity", "source_kind", "source_id", "source_line_ids")) == [
        (9, "GOODS_RECEIPT", receipt.pk, [lines[first.pk], lines[second.pk]]),
        (3, "GOODS_RECEIPT", receipt.pk, [lines[other.pk]]),
    ]


def test_goods_in_foreign_currency_are_valued_at_the_rate_of_the_day():
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.85"))
    order = sent_order(supplier=SupplierFactory(currency="EUR"), units=(3,), unit_cost="1.99")

    receipt = receive(order, 3)

    line = receipt.lines.get()
    assert (line.unit_cost, line.value) == (Decimal("1.99"), Decimal("5.07"))
    assert CostPool.objects.get().value == Decimal("5.07")


def test_goods_without_an_exchange_rate_are_refused():
    order = sent_order(supplier=SupplierFactory(currency="EUR"))

    with pytest.raises(NoExchangeRate):
        receive(order, 3)

    assert_nothing_came(order)


def test_rejected_goods_never_enter_stock():
    order = sent_order()

    receipt = receive(order, 6, rejected=4, reason="Broken")

    line = receipt.lines.get()
    assert (line.delivered, line.accepted, line.rejected, line.reject_reason) == (
        10,
        6,
        4,
        "Broken",
    )
    order_line = order.lines.get()
    assert (stock_of(order_line.variant_id), order_line.received, order_line.expected) == (6, 6, 4)


def test_delivery_that_is_rejected_whole_moves_no_stock():
    order = sent_order()

    receipt = receive(order, 0, rejected=10, reason="Wrong colour")

    assert receipt.lines.get().value == 0
    assert StockMovement.objects.count() == 0


def test_variant_on_two_lines_is_one_movement():
    variant = VariantFactory()
    lines = [NewLine(variant_id=variant.pk, units=5, unit_cost=Decimal(cost)) for cost in (1, 2)]
    draft = operations.create_purchase_order(
        supplier=SupplierFactory(),
        location=LocationFactory(),
        lines=lines,
        reference="two lines",
        at=NOON,
        by=UserFactory(),
    )
    operations.submit(order_id=draft.pk, at=NOON)
    operations.approve(order_id=draft.pk, at=NOON, by=UserFactory())
    order = operations.send(order_id=draft.pk, at=NOON)

    receive(order, 5, 5)

    movement = StockMovement.objects.get()
    assert (movement.quantity, movement.cost_value) == (10, Decimal(15))


def test_same_key_again_returns_the_first_receipt():
    order = sent_order()
    first = receive(order, 10)

    second = receive(order, 10)

    assert second == first
    assert GoodsReceiptLine.objects.count() == StockMovement.objects.count() == 1
    assert order.lines.get().received == 10


def test_key_is_known_even_after_the_order_has_closed():
    order = sent_order()
    first = receive(order, 10)
    operations.close_short(order_id=order.pk, reason="Done", at=NOON, by=None)

    assert receive(order, 10) == first


def test_more_than_ordered_is_refused_whole():
    order = sent_order(units=(10, 5))
    over, within = order.lines.order_by("pk")

    with pytest.raises(operations.MoreThanOrdered) as refused:
        receive(order, 11, 5)

    assert refused.value.details == {"excess": {over.pk: 1}}
    assert str(over.variant) in refused.value.message
    assert str(within.variant) not in refused.value.message
    assert_nothing_came(order)


def test_second_delivery_counts_what_came_before():
    order = sent_order()
    receive(order, 7)

    with pytest.raises(operations.MoreThanOrdered):
        receive(order, 4, key="delivery-2")

    assert order.lines.get().received == 7
    assert StockMovement.objects.count() == 1


def test_more_than_ordered_comes_in_on_the_word_of_somebody_who_may():
    order = sent_order()

    receive(order, 12, act=operations.receive_over_order, by=UserFactory())

    order.refresh_from_db()
    assert (order.receipt_status, order.lines.get().received) == ("OVER", 12)
    assert stock_of(order.lines.get().variant_id) == 12


def test_over_order_with_the_same_key_again_returns_the_first_receipt():
    order, hand = sent_order(), UserFactory()
    first = receive(order, 12, act=operations.receive_over_order, by=hand)

    assert receive(order, 12, act=operations.receive_over_order, by=hand) == first
    assert order.lines.get().received == 12


@pytest.mark.parametrize("make", [draft_order, approved_order])
def test_goods_come_in_on_a_sent_order_only(make):
    order = make()

    with pytest.raises(WrongStatus, match="goods come in on a sent order"):
        receive(order, 1)

    assert GoodsReceipt.objects.count() == StockMovement.objects.count() == 0


@pytest.mark.parametrize(
    ("accepted", "rejected", "reason"),
    [(-1, 0, ""), (1, -1, "Broken"), (10**9, 0, ""), (1, 1, ""), (1, 1, "  ")],
)
def test_line_that_cannot_have_come_is_refused(accepted, rejected, reason):
    order = sent_order()

    with pytest.raises(operations.InvalidReceiptLine):
        receive(order, accepted, rejected=rejected, reason=reason)

    assert_nothing_came(order)


def test_line_of_another_order_is_refused():
    order, other = sent_order(), sent_order()
    stranger = ReceivedLine(order_line_id=other.lines.get().pk, accepted=1)

    with pytest.raises(operations.InvalidReceiptLine, match="is not on this order"):
        operations.receive_goods(
            order_id=order.pk, lines=[stranger], delivery_note="", key="k", at=NOON, by=None
        )

    assert_nothing_came(order)


def test_line_named_twice_is_refused():
    order = sent_order()
    line = ReceivedLine(order_line_id=order.lines.get().pk, accepted=1)

    with pytest.raises(operations.InvalidReceiptLine, match="is named twice"):
        operations.receive_goods(
            order_id=order.pk, lines=[line, line], delivery_note="", key="k", at=NOON, by=None
        )

    assert_nothing_came(order)


def test_receipt_without_goods_is_refused():
    order = sent_order()

    with pytest.raises(operations.NothingReceived):
        receive(order, 0)

    assert_nothing_came(order)


def test_number_of_queries_does_not_grow_with_the_lines():
    counts = []
    for size in (1, 10, 30, 60):
        order = sent_order(units=[2] * size)
        with CaptureQueriesContext(connection) as queries:
            receive(order, *[2] * size, key=f"size-{size}")
        counts.append(len(queries))

    # More than ten lines go in by COPY, with their keys made before: a query more per table. The
    # ledger of buying takes two of them, for its posting and for all of the posting's lines.
    assert counts == [36, 36, 38, 38]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("SET delivered = 11", "delivered_is_accepted_and_rejected"),
        ("SET accepted = -1, rejected = 11", "delivered_is_accepted_and_rejected"),
        ("SET matched = 11", "matched_within_accepted"),
        ("SET matched = -1", "matched_within_accepted"),
        ("SET accepted = 9, rejected = 1", "rejected_has_a_reason"),
        ("SET value = 'NaN'", "amounts_not_negative"),
        ("SET unit_cost = -1", "amounts_not_negative"),
    ],
)
def test_constraints_hold_against_raw_sql(statement, constraint):
    receive(sent_order(), 10)
    update = "UPDATE purchasing_goodsreceiptline " + statement

    with pytest.raises(IntegrityError, match=f"purchasing_goodsreceiptline_{constraint}"):
        execute(update)


def test_order_line_stands_once_on_a_receipt():
    line = receive(sent_order(), 10).lines.get()

    with pytest.raises(IntegrityError, match="purchasing_goodsreceiptline_once"):
        GoodsReceiptLine.objects.create(
            receipt=line.receipt,
            order_line=line.order_line,
            delivered=1,
            accepted=1,
            unit_cost=1,
            value=1,
        )


def test_order_line_that_has_come_is_not_deleted():
    order = sent_order()
    receive(order, 10)

    with pytest.raises(IntegrityError):
        execute("DELETE FROM purchasing_purchaseorderline")

    assert PurchaseOrderLine.objects.count() == 1
