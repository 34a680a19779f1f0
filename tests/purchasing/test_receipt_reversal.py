"""A receipt that should not have been posted is taken back, as long as its goods are there."""

from decimal import Decimal

import pytest

from inventory.models import Allocation, CostMovement, CostPool, StockLevel, StockMovement
from inventory.operations import InsufficientStock, allocate_stock, issue_stock
from purchasing import operations
from purchasing.models import GoodsReceipt, HeldGoods, MatchAllocation
from purchasing.operations import ReceivedLine
from purchasing.queries import (
    differences,
    goods_not_invoiced,
    incoming_units,
    invoices_to_match,
)
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_deliveries import (
    counted,
    opened,
    order_of,
    posted,
    rejected_goods,
    scrapped,
)
from tests.factories.purchasing_invoices import (
    approved_bill,
    bill,
    delivery,
    matched,
    matched_bill,
)
from tests.factories.purchasing_landed import drafted
from tests.factories.purchasing_landed import posted as landed_on

pytestmark = pytest.mark.django_db


def reverse(receipt, *, reason="Counted wrong", by=None):
    return operations.reverse_receipt(receipt_id=receipt.pk, reason=reason, at=NOON, by=by)


def assert_stands(receipt):
    receipt.refresh_from_db()
    assert (receipt.status, receipt.reversed_at) == ("POSTED", None)
    assert not StockMovement.objects.filter(kind="RECEIPT_REVERSAL").exists()


def test_reversed_receipt_counts_nowhere():
    order, hand = sent_order(unit_cost="2.00"), UserFactory()
    receipt = delivery(order, [4])
    line = order.lines.get()

    reverse(receipt, by=hand)

    receipt.refresh_from_db()
    assert (receipt.status, receipt.reverse_reason, receipt.reversed_by) == (
        "REVERSED",
        "Counted wrong",
        hand,
    )
    level, pool = StockLevel.objects.get(), CostPool.objects.get()
    assert (level.on_hand, pool.units, pool.value) == (0, 0, 0)
    line.refresh_from_db()
    order.refresh_from_db()
    assert (line.received, order.receipt_status) == (0, "NONE")
    [still] = incoming_units(variant_ids=[line.variant_id])
    assert still.units == 10
    assert not goods_not_invoiced().exists()
    assert differences() == []


def test_reversing_twice_is_once():
    receipt = delivery(sent_order(), [4])
    first = reverse(receipt)

    assert reverse(receipt, reason="Again") == first
    assert first.reverse_reason == "Counted wrong"
    assert StockMovement.objects.filter(kind="RECEIPT_REVERSAL").count() == 1


def test_receipt_over_several_orders_is_taken_back_of_all():
    variant = VariantFactory()
    first = order_of((variant, 4), unit_cost="2.00")
    second = order_of((variant, 6), (VariantFactory(), 1), like=first, unit_cost="3.00")
    receipt = posted(counted(opened(first, second), 4, 6, 1))

    reverse(receipt)

    for order in (first, second):
        order.refresh_from_db()
        assert (order.status, order.receipt_status) == ("SENT", "NONE")
    assert set(CostPool.objects.values_list("units", "value")) == {(0, Decimal(0))}
    assert differences() == []


def test_difference_between_value_and_average_is_a_variance():
    variant = VariantFactory()
    wrong = order_of((variant, 10), unit_cost="2.00")
    other = order_of((variant, 10), like=wrong, unit_cost="4.00")
    receipt = delivery(wrong)
    delivery(other)

    reverse(receipt)

    # Ten of twenty at the average of 3.00 leave; they had come in at 2.00.
    pool = CostPool.objects.get()
    assert (pool.units, pool.value) == (10, Decimal(30))
    variance = CostMovement.objects.get(kind="VARIANCE")
    assert variance.expensed == Decimal(10)


def test_order_that_was_closed_opens_again():
    order = sent_order()
    receipt = delivery(order, [4])
    operations.close_short(order_id=order.pk, reason="No more", at=NOON, by=UserFactory())

    reverse(receipt)

    order.refresh_from_db()
    line = order.lines.get()
    assert (order.status, order.closed_at, order.close_reason) == ("SENT", None, "")
    # What was written off stays so; what was taken back is expected again.
    assert (line.cancelled, line.received, line.expected) == (6, 0, 4)


def test_goods_come_in_again_after_a_reversal():
    order = sent_order()
    reverse(delivery(order, [4]))

    delivery(order, [10])

    assert order.lines.get().received == StockLevel.objects.get().on_hand == 10
    assert differences() == []


def test_promised_goods_leave_and_the_youngest_promise_is_withdrawn():
    order = sent_order()
    receipt = delivery(order, [4])
    level = StockLevel.objects.get()
    allocate_stock(location=level.location, units={level.variant_id: 3}, reference="SO-1", at=NOON)

    reverse(receipt)

    level.refresh_from_db()
    assert (level.on_hand, level.allocated) == (0, 0)
    assert not Allocation.objects.open().exists()


def test_goods_that_are_gone_cannot_be_taken_back():
    order = sent_order()
    receipt = delivery(order, [4])
    level = StockLevel.objects.get()
    issue_stock(
        location=level.location,
        units={level.variant_id: 1},
        kind=StockMovement.Kind.SALE,
        reference="sold",
        at=NOON,
    )

    with pytest.raises(InsufficientStock):
        reverse(receipt)

    assert_stands(receipt)
    assert order.lines.get().received == 4


def test_receipt_of_an_approved_bill_stands():
    order = sent_order()
    receipt = delivery(order)
    invoice = approved_bill(order=order)

    with pytest.raises(operations.ReceiptInUse, match=f"billed its goods with {invoice.number}"):
        reverse(receipt)

    assert_stands(receipt)


def test_receipt_that_bears_freight_stands_until_that_is_cancelled():
    receipt = delivery(sent_order())
    landed = landed_on(receipt)

    with pytest.raises(operations.ReceiptInUse, match=landed.number):
        reverse(receipt)
    assert_stands(receipt)

    operations.cancel_landed_cost(
        landed_cost_id=landed.pk, reason="Wrong goods", at=NOON, by=UserFactory()
    )
    assert reverse(receipt).status == "REVERSED"


def test_freight_is_not_laid_on_a_reversed_receipt():
    receipt, other = delivery(sent_order()), delivery(sent_order())
    landed = drafted(receipt, other)
    GoodsReceipt.objects.filter(pk=receipt.pk).update(
        status="REVERSED", reversed_at=NOON, reverse_reason="Before drafts stopped it"
    )

    with pytest.raises(operations.NothingToLandOn, match="was reversed"):
        operations.post_landed_cost(landed_cost_id=landed.pk, at=NOON, by=UserFactory())
    with pytest.raises(operations.NothingToLandOn):
        drafted(receipt)

    landed.refresh_from_db()
    assert landed.status == "DRAFT"


def test_receipt_whose_held_goods_were_decided_stands():
    held = rejected_goods()
    scrapped(held)

    with pytest.raises(operations.ReceiptInUse, match="did not take in"):
        reverse(held.receipt)

    assert_stands(held.receipt)


def test_receipt_that_took_in_held_goods_stands():
    order = sent_order()
    held = rejected_goods(4, order=order)
    decision = operations.accept_held(
        held_id=held.pk,
        order_line_id=order.lines.get().pk,
        units=1,
        reason="Good enough",
        key="k",
        at=NOON,
        by=None,
    )

    with pytest.raises(operations.ReceiptInUse, match="send them back to the supplier"):
        reverse(decision.receipt)

    assert_stands(decision.receipt)


def test_held_goods_of_a_reversed_receipt_are_no_longer_held():
    held = rejected_goods()

    reverse(held.receipt)

    assert not HeldGoods.objects.open().exists()
    with pytest.raises(operations.HeldGoodsReversed):
        scrapped(held)
    held.refresh_from_db()
    assert held.scrapped == 0


def test_reversal_needs_a_reason():
    receipt = delivery(sent_order())

    with pytest.raises(operations.MissingReason):
        reverse(receipt, reason=" ")

    assert_stands(receipt)


def test_units_of_an_open_bill_wait_for_goods_again():
    order = sent_order(units=[10])
    wrong, right = delivery(order, [6]), delivery(order, [2])
    invoice = matched_bill(order=order)

    reverse(wrong)

    shares = MatchAllocation.objects.order_by("receipt_line")
    assert list(shares.values_list("receipt_line__receipt", "units")) == [
        (right.pk, 2),
        (None, 8),
    ]
    assert (order.lines.get().received, order.lines.get().invoiced) == (2, 10)
    assert differences() == []
    assert invoices_to_match().get() == invoice
    assert matched(invoice).status == "MATCHING"
    assert not invoices_to_match().exists()


def test_bill_finds_no_goods_on_a_reversed_receipt():
    order = sent_order()
    reverse(delivery(order))

    invoice = matched(bill(order=order))

    assert invoice.status == "MATCHING"
    assert not invoices_to_match().filter(pk=invoice.pk).exists()

    delivery(order)
    assert invoices_to_match().filter(pk=invoice.pk).exists()
    assert matched(invoice).status == "MATCHED"


def test_number_of_queries_does_not_grow_with_the_lines(django_assert_max_num_queries):
    small, large = (delivery(sent_order(units=[2] * size)) for size in (1, 25))

    # Two of them are the posting in the ledger of buying.
    with django_assert_max_num_queries(66) as few:
        reverse(small)
    with django_assert_max_num_queries(66) as many:
        reverse(large)

    assert len(many) - len(few) <= 4


def test_quick_receipt_holds_what_it_rejects():
    """The act on the order's page takes the same way as the desk."""
    order = sent_order()
    receipt = operations.receive_goods(
        order_id=order.pk,
        lines=[
            ReceivedLine(
                order_line_id=order.lines.get().pk,
                accepted=0,
                rejected=2,
                reject_reason="Wrong colour",
            )
        ],
        delivery_note="",
        key="k",
        at=NOON,
        by=None,
    )

    held = receipt.held_goods.get()
    assert (held.reject_reason, held.note, held.units) == ("OTHER", "Wrong colour", 2)
