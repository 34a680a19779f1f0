"""Goods of suppliers in quarantine: each unit is decided about once."""

from uuid import uuid4

import pytest
from django.db import IntegrityError

from catalog.models import Barcode
from catalog.operations import BarcodeTaken
from inventory.models import CostPool, StockLevel, StockMovement
from purchasing import operations
from purchasing.models import GoodsReceipt, HeldGoods, HeldGoodsDecision
from purchasing.queries import differences, lines_for_held
from retail.common.errors import WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_deliveries import (
    order_of,
    rejected_goods,
    scrapped,
    unplanned_goods,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def accept(held, line, units, *, key="", act=None, **values):
    stated = {
        "reason": "Good enough",
        "key": key or uuid4().hex,
        "at": NOON,
        "by": UserFactory(),
    }
    return (act or operations.accept_held)(
        held_id=held.pk, order_line_id=line.pk, units=units, **(stated | values)
    )


def take(held, units=1, *, outcome="RETURNED", key="", reason="Back to them"):
    return operations.take_held(
        held_id=held.pk,
        units=units,
        outcome=outcome,
        reason=reason,
        key=key or uuid4().hex,
        at=NOON,
        by=None,
    )


def counts(held):
    held.refresh_from_db()
    return held.accepted, held.returned, held.scrapped


def test_rejected_goods_are_accepted_after_all_by_a_receipt_of_their_own():
    order = sent_order(unit_cost="2.00")
    held = rejected_goods(4, order=order)

    decision = accept(held, order.lines.get(), 3)

    assert counts(held) == (3, 0, 0)
    assert held.left == 1
    assert decision.receipt != held.receipt
    assert decision.receipt.delivery_note == "DN-1"
    assert order.lines.get().received == StockLevel.objects.get().on_hand == 3
    assert CostPool.objects.get().value == 6
    assert differences() == []


def test_accepting_twice_with_the_same_key_is_once():
    order = sent_order()
    held, line = rejected_goods(4, order=order), order.lines.get()
    first = accept(held, line, 2, key="one form")

    assert accept(held, line, 2, key="one form") == first
    assert counts(held) == (2, 0, 0)
    assert order.lines.get().received == 2


def test_units_beyond_what_is_expected_need_somebody_who_may():
    order = sent_order(units=(2,))
    held, line = rejected_goods(4, order=order), order.lines.get()

    with pytest.raises(operations.MoreThanOrdered):
        accept(held, line, 3)
    assert counts(held) == (0, 0, 0)
    assert GoodsReceipt.objects.count() == 1

    decision = accept(held, line, 3, act=operations.accept_held_over_order)

    assert decision.receipt.is_over_allowed
    assert counts(held) == (3, 0, 0)


def test_goods_are_accepted_on_a_line_of_their_supplier_article_and_place():
    order = sent_order()
    held = rejected_goods(4, order=order)
    variant = order.lines.get().variant
    other_article = order_of((VariantFactory(), 5), like=order)
    other_supplier = order_of((variant, 5), location=order.location)
    other_place = order_of((variant, 5), supplier=order.supplier)

    for wrong in (other_article, other_supplier, other_place):
        with pytest.raises(operations.WrongOrderLine):
            accept(held, wrong.lines.get(), 1)

    assert counts(held) == (0, 0, 0)
    assert StockMovement.objects.count() == 0


def test_goods_are_not_accepted_on_an_order_that_ended():
    order = sent_order()
    held = rejected_goods(4, order=order)
    operations.close_short(order_id=order.pk, reason="No more", at=NOON, by=None)

    with pytest.raises(WrongStatus):
        accept(held, order.lines.get(), 1)

    assert counts(held) == (0, 0, 0)


def test_unknown_goods_are_accepted_once_somebody_said_what_they_are():
    order = sent_order()
    held, line = unplanned_goods("4006381333931", 3, order=order), order.lines.get()

    with pytest.raises(operations.UnknownArticleHeld):
        accept(held, line, 3)
    operations.identify_held(
        held_id=held.pk, variant_id=line.variant_id, is_barcode=True, pack_size=6
    )
    accept(held, line, 3)

    barcode = Barcode.objects.get()
    assert (barcode.code, barcode.variant, barcode.pack_size) == (
        "4006381333931",
        line.variant,
        6,
    )
    assert counts(held) == (3, 0, 0)


def test_saying_again_what_goods_are_changes_nothing():
    held, variant = unplanned_goods(), VariantFactory()

    for _ in range(2):
        operations.identify_held(held_id=held.pk, variant_id=variant.pk, is_barcode=True)

    held.refresh_from_db()
    assert held.variant == variant
    assert Barcode.objects.count() == 1


def test_code_of_another_article_is_not_linked():
    taken, variant = VariantFactory(sku="taken"), VariantFactory()
    held = unplanned_goods("unknown")
    HeldGoods.objects.filter(pk=held.pk).update(code="TAKEN")

    with pytest.raises(BarcodeTaken, match=str(taken)):
        operations.identify_held(held_id=held.pk, variant_id=variant.pk, is_barcode=True)

    held.refresh_from_db()
    assert held.variant is None


def test_what_rejected_goods_are_is_not_changed():
    held, variant = rejected_goods(), VariantFactory()

    with pytest.raises(operations.AlreadyIdentified):
        operations.identify_held(held_id=held.pk, variant_id=variant.pk)

    held.refresh_from_db()
    assert held.variant != variant


def test_scrapped_goods_leave_no_mark_on_stock():
    held = rejected_goods(4)

    decision = scrapped(held, 3, key="one form")

    assert scrapped(held, 3, key="one form") == decision
    assert (decision.outcome, decision.reason) == ("SCRAPPED", "Not worth the postage")
    assert counts(held) == (0, 0, 3)
    assert StockMovement.objects.count() == 0


@pytest.mark.parametrize("units", [0, -1, 5])
def test_no_more_is_decided_about_than_lies_there(units):
    held = rejected_goods(4)

    with pytest.raises(operations.NotThatManyHeld) as refused:
        take(held, units)

    assert refused.value.details["left"] == 4
    assert counts(held) == (0, 0, 0)
    assert HeldGoodsDecision.objects.count() == 0


def test_units_sent_back_are_taken_once_per_key():
    held = rejected_goods(4)
    first = take(held, 3, key="return 1")

    assert take(held, 3, key="return 1") == first
    assert counts(held) == (0, 3, 0)
    with pytest.raises(operations.NotThatManyHeld):
        take(held, 2, key="return 2")
    assert counts(held) == (0, 3, 0)


def test_decision_needs_a_reason():
    held = rejected_goods()

    with pytest.raises(operations.MissingReason):
        take(held, reason=" ")

    assert counts(held) == (0, 0, 0)


def test_queue_holds_what_is_still_to_be_decided():
    done, waiting = rejected_goods(1), rejected_goods(2)
    take(done, 1)
    take(waiting, 1)

    assert list(HeldGoods.objects.open()) == [waiting]


def test_line_that_expects_the_goods_is_offered_first():
    order = sent_order(units=(4,))
    variant = order.lines.get().variant
    held = rejected_goods(4, order=order)
    complete = order_of((variant, 2), like=order)
    complete.lines.update(received=2)
    order_of((variant, 5), supplier=order.supplier)

    assert list(lines_for_held(held)) == [order.lines.get(), complete.lines.get()]


def test_decisions_are_never_changed():
    decision = scrapped()

    with pytest.raises(IntegrityError, match="append-only"):
        HeldGoodsDecision.objects.filter(pk=decision.pk).update(units=2)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("SET scrapped = 5", "decided_within_units"),
        ("SET returned = -1", "decided_within_units"),
        ("SET receipt_line_id = NULL", "rejected_of_a_line"),
        ("SET variant_id = NULL, code = ''", "known_or_scanned"),
    ],
)
def test_constraints_hold_against_raw_sql(statement, constraint):
    rejected_goods(4)

    with pytest.raises(IntegrityError, match=f"purchasing_heldgoods_{constraint}"):
        execute("UPDATE purchasing_heldgoods " + statement)


def test_decisions_that_do_not_add_up_are_found():
    held = rejected_goods(4)
    take(held, 2)
    HeldGoods.objects.filter(pk=held.pk).update(returned=3)

    [difference] = differences()

    assert difference.kind == "held goods decided"
