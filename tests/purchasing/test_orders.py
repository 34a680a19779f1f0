"""A purchase order from draft to its end: who may do what, and what a refusal leaves behind."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from purchasing import operations
from purchasing.models import PurchaseOrder, PurchaseOrderLine
from purchasing.operations import NewLine, ReceivedLine
from retail.common.errors import BusinessError, WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import (
    PurchaseOrderLineFactory,
    SupplierFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
    approved_order,
    draft_order,
    sent_order,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def raise_order(*lines, supplier=None, reference="order-1", **values):
    return operations.create_purchase_order(
        supplier=supplier or SupplierFactory(),
        location=LocationFactory(),
        lines=lines,
        reference=reference,
        at=NOON,
        by=UserFactory(),
        **values,
    )


def receive(order, *accepted):
    lines = [
        ReceivedLine(order_line_id=line.pk, accepted=units)
        for line, units in zip(order.lines.order_by("pk"), accepted, strict=True)
    ]
    return operations.receive_goods(
        order_id=order.pk, lines=lines, delivery_note="", key="delivery", at=NOON, by=None
    )


def lines_of(order):
    return list(
        order.lines.order_by("position").values_list("supplier_sku", "ordered", "unit_cost")
    )


@pytest.mark.parametrize(
    ("units", "unit_cost"), [(1, "2.5000"), (99, "2.5000"), (100, "2.0000"), (500, "2.0000")]
)
def test_line_without_a_cost_takes_the_price_of_its_quantity(units, unit_cost):
    product = SupplierProductFactory(supplier_sku="S-1")
    SupplierPriceFactory(supplier_product=product, unit_cost="2.50")
    SupplierPriceFactory(supplier_product=product, unit_cost="2.00", min_quantity=100)
    SupplierPriceFactory(supplier_product=product, unit_cost="1.00", min_quantity=1000)

    order = raise_order(
        NewLine(variant_id=product.variant_id, units=units), supplier=product.supplier
    )

    assert lines_of(order) == [("S-1", units, Decimal(unit_cost))]


def test_line_without_a_cost_takes_the_price_of_the_day():
    product = SupplierProductFactory(supplier_sku="S-1")
    for cost, begins, ends in (("1", -9, -3), ("2", -3, 1), ("3", 1, 9)):
        SupplierPriceFactory(
            supplier_product=product,
            unit_cost=cost,
            valid_from=NOON.date() + timedelta(days=begins),
            valid_to=NOON.date() + timedelta(days=ends),
        )

    order = raise_order(NewLine(variant_id=product.variant_id, units=1), supplier=product.supplier)

    assert lines_of(order) == [("S-1", 1, Decimal(2))]


def test_price_of_another_supplier_or_of_a_dropped_article_does_not_count():
    price = SupplierPriceFactory(supplier_product__is_active=False)
    SupplierPriceFactory(supplier_product__variant=price.supplier_product.variant)
    variant = price.supplier_product.variant

    with pytest.raises(operations.NoSupplierPrice) as refused:
        raise_order(
            NewLine(variant_id=variant.pk, units=1), supplier=price.supplier_product.supplier
        )

    assert refused.value.details == {"skus": [variant.sku]}
    assert PurchaseOrder.objects.count() == 0


def test_cost_that_was_given_counts_and_the_supplier_sku_is_found():
    product = SupplierProductFactory(supplier_sku="S-1")

    order = raise_order(
        NewLine(variant_id=product.variant_id, units=3, unit_cost=Decimal("1.23455")),
        supplier=product.supplier,
    )

    assert lines_of(order) == [("S-1", 3, Decimal("1.2346"))]
    assert (order.status, order.currency) == ("DRAFT", "GBP")


@pytest.mark.parametrize(
    ("units", "unit_cost"),
    [(0, "1"), (-1, "1"), (10**9, "1"), (1, "-0.01"), (1, "NaN"), (1, "Infinity"), (1, "1e12")],
)
def test_line_that_cannot_be_ordered_is_refused(units, unit_cost):
    line = NewLine(variant_id=VariantFactory().pk, units=units, unit_cost=Decimal(unit_cost))

    with pytest.raises(operations.InvalidOrderLine):
        raise_order(line)

    assert PurchaseOrder.objects.count() == 0


def test_unknown_article_is_refused():
    with pytest.raises(operations.InvalidOrderLine, match="not in the catalog"):
        raise_order(NewLine(variant_id=0, units=1, unit_cost=Decimal(1)))

    assert PurchaseOrder.objects.count() == 0


def test_order_without_lines_is_refused():
    with pytest.raises(operations.NoOrderLines):
        raise_order()

    assert PurchaseOrder.objects.count() == 0


def test_nothing_is_ordered_from_an_inactive_supplier():
    line = NewLine(variant_id=VariantFactory().pk, units=1, unit_cost=Decimal(1))

    with pytest.raises(operations.InactiveSupplier):
        raise_order(line, supplier=SupplierFactory(is_active=False))

    assert PurchaseOrder.objects.count() == 0


def test_same_reference_again_returns_the_first_order():
    line = NewLine(variant_id=VariantFactory().pk, units=1, unit_cost=Decimal(1))
    first = raise_order(line)

    second = raise_order(line, line, note="changed")

    assert second == first
    assert (second.note, second.lines.count()) == ("", 1)


def test_order_goes_from_draft_to_sent():
    order = draft_order()

    waiting = operations.submit(order_id=order.pk, at=NOON)
    approver = UserFactory()
    approved = operations.approve(order_id=order.pk, at=NOON, by=approver)
    sent = operations.send(order_id=order.pk, at=NOON)

    assert [waiting.status, approved.status, sent.status] == [
        "AWAITING_APPROVAL",
        "APPROVED",
        "SENT",
    ]
    assert (approved.approved_by, approved.approved_at, sent.sent_at) == (approver, NOON, NOON)


def test_nobody_approves_what_they_raised():
    buyer = UserFactory()
    order = operations.submit(order_id=draft_order(by=buyer).pk, at=NOON)

    with pytest.raises(operations.SelfApproval):
        operations.approve(order_id=order.pk, at=NOON, by=buyer)

    order.refresh_from_db()
    assert (order.status, order.approved_by) == ("AWAITING_APPROVAL", None)


def test_nobody_approves_what_they_raised_past_the_operation_either():
    order = operations.submit(order_id=draft_order().pk, at=NOON)

    with pytest.raises(IntegrityError, match="approved_by_someone_else"):
        execute(
            "UPDATE purchasing_purchaseorder SET status = 'APPROVED', approved_at = now(),"
            " approved_by_id = raised_by_id WHERE id = %s",
            [order.pk],
        )


@pytest.mark.parametrize(
    ("make", "act"),
    [
        (sent_order, lambda order: operations.submit(order_id=order.pk, at=NOON)),
        (draft_order, lambda order: operations.send(order_id=order.pk, at=NOON)),
        (sent_order, lambda order: operations.send(order_id=order.pk, at=NOON)),
        (sent_order, lambda order: operations.return_to_draft(order_id=order.pk)),
        (
            draft_order,
            lambda order: operations.approve(order_id=order.pk, at=NOON, by=UserFactory()),
        ),
        (
            approved_order,
            lambda order: operations.close_short(
                order_id=order.pk, reason="late", at=NOON, by=None
            ),
        ),
    ],
)
def test_act_out_of_turn_is_refused(make, act):
    order = make()

    with pytest.raises(WrongStatus):
        act(order)

    assert PurchaseOrder.objects.get().status == order.status


def test_status_cannot_jump_past_the_operations():
    order = draft_order()

    with pytest.raises(ProgrammingError, match="Invalid transition"):
        execute(
            "UPDATE purchasing_purchaseorder SET status = 'SENT', sent_at = now() WHERE id = %s",
            [order.pk],
        )


def test_approved_order_returns_to_draft_without_its_approval():
    order = approved_order()

    returned = operations.return_to_draft(order_id=order.pk)

    assert (returned.status, returned.approved_at, returned.approved_by) == ("DRAFT", None, None)


def test_draft_is_revised_whole():
    order = draft_order(units=(1, 2))
    shop = LocationFactory()
    line = NewLine(variant_id=VariantFactory().pk, units=7, unit_cost=Decimal(3))

    revised = operations.revise_draft(
        order_id=order.pk,
        location=shop,
        lines=[line],
        expected_on=NOON.date(),
        note="Ring first",
        at=NOON,
    )

    assert (revised.location, revised.expected_on, revised.note) == (
        shop,
        NOON.date(),
        "Ring first",
    )
    assert [(line.variant_id, line.ordered) for line in revised.lines.all()] == [
        (line.variant_id, 7)
    ]


@pytest.mark.parametrize("make", [approved_order, sent_order])
def test_order_is_not_revised_once_it_is_submitted(make):
    order = make()
    line = NewLine(variant_id=VariantFactory().pk, units=7, unit_cost=Decimal(3))

    with pytest.raises(WrongStatus, match="only a draft can be changed"):
        operations.revise_draft(
            order_id=order.pk,
            location=order.location,
            lines=[line],
            expected_on=None,
            note="",
            at=NOON,
        )

    assert order.lines.get().ordered == 10


def test_refused_revision_keeps_the_lines():
    order = draft_order()

    with pytest.raises(operations.NoSupplierPrice):
        operations.revise_draft(
            order_id=order.pk,
            location=order.location,
            lines=[NewLine(variant_id=VariantFactory().pk, units=1)],
            expected_on=None,
            note="other",
            at=NOON,
        )

    order.refresh_from_db()
    assert (order.note, order.lines.get().ordered) == ("", 10)


@pytest.mark.parametrize("make", [draft_order, approved_order, sent_order])
def test_cancelled_order_expects_nothing(make):
    order, manager = make(), UserFactory()

    cancelled = operations.cancel(order_id=order.pk, reason=" Too dear ", at=NOON, by=manager)

    assert (cancelled.status, cancelled.close_reason) == ("CANCELLED", "Too dear")
    assert (cancelled.closed_at, cancelled.closed_by) == (NOON, manager)
    assert cancelled.lines.get().expected == 0


def test_order_is_not_cancelled_when_goods_have_come():
    order = sent_order()
    receive(order, 4)

    with pytest.raises(operations.GoodsAlreadyArrived):
        operations.cancel(order_id=order.pk, reason="Too late", at=NOON, by=None)

    order.refresh_from_db()
    assert (order.status, order.lines.get().cancelled) == ("SENT", 0)


def test_end_needs_a_reason():
    order = sent_order()

    with pytest.raises(operations.MissingReason):
        operations.cancel(order_id=order.pk, reason="  ", at=NOON, by=None)

    order.refresh_from_db()
    assert (order.status, order.lines.get().cancelled) == ("SENT", 0)


def test_order_closed_short_counts_the_rest_as_cancelled():
    order = sent_order(units=(10, 5))
    receive(order, 4, 5)

    closed = operations.close_short(order_id=order.pk, reason="Sold out", at=NOON, by=None)

    assert (closed.status, closed.receipt_status) == ("CLOSED", "COMPLETE")
    assert [
        (line.ordered, line.cancelled, line.received) for line in closed.lines.order_by("pk")
    ] == [(10, 6, 4), (5, 0, 5)]


@pytest.mark.parametrize(
    ("received", "progress"),
    [
        ((0, 0), "NONE"),
        ((1, 0), "PARTIAL"),
        ((10, 0), "PARTIAL"),
        ((99, 4), "PARTIAL"),
        ((10, 5), "COMPLETE"),
        ((11, 5), "OVER"),
    ],
)
def test_receipt_status_looks_at_every_line(received, progress):
    order = sent_order(units=(10, 5))
    for line, units in zip(order.lines.order_by("pk"), received, strict=True):
        PurchaseOrderLine.objects.filter(pk=line.pk).update(received=units)

    operations.refresh_progress(order_ids=[order.pk], at=NOON)

    order.refresh_from_db()
    assert (order.receipt_status, order.invoice_status) == (progress, "NONE")


def test_order_closes_itself_when_all_has_come_and_been_billed():
    order = sent_order()
    order.lines.update(received=10)
    operations.refresh_progress(order_ids=[order.pk], at=NOON)
    order.refresh_from_db()
    before = order.status

    order.lines.update(invoiced=10)
    operations.refresh_progress(order_ids=[order.pk], at=NOON)

    order.refresh_from_db()
    assert (before, order.status, order.closed_at) == ("SENT", "CLOSED", NOON)


def test_number_of_queries_does_not_grow_with_the_lines():
    counts = []
    for size in (1, 30):
        order = draft_order(units=[1] * size)
        lines = [
            NewLine(variant_id=line.variant_id, units=2, unit_cost=Decimal(1))
            for line in order.lines.all()
        ]
        supplier, location, buyer = SupplierFactory(), LocationFactory(), UserFactory()
        with CaptureQueriesContext(connection) as queries:
            operations.create_purchase_order(
                supplier=supplier,
                location=location,
                lines=lines,
                reference=f"size-{size}",
                at=NOON,
                by=buyer,
            )
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE purchasing_purchaseorder SET approved_at = now()", "approval_fits_status"),
        ("UPDATE purchasing_purchaseorder SET closed_at = now()", "closed_has_a_time"),
        ("UPDATE purchasing_purchaseorder SET close_reason = 'why'", "closed_has_a_time"),
        ("UPDATE purchasing_purchaseorder SET emailed_at = now()", "emailed_after_it_was_sent"),
        ("UPDATE purchasing_purchaseorderline SET ordered = 0", "ordered_positive"),
        ("UPDATE purchasing_purchaseorderline SET cancelled = 11", "counts_not_negative"),
        ("UPDATE purchasing_purchaseorderline SET received = -1", "counts_not_negative"),
        ("UPDATE purchasing_purchaseorderline SET invoiced = -1", "counts_not_negative"),
        ("UPDATE purchasing_purchaseorderline SET unit_cost = 'NaN'", "unit_cost_not_negative"),
        ("UPDATE purchasing_purchaseorderline SET unit_cost = -1", "unit_cost_not_negative"),
    ],
)
def test_constraints_hold_against_raw_sql(statement, constraint):
    draft_order()

    with pytest.raises(IntegrityError, match=constraint):
        execute(statement)


def test_sent_order_has_a_time():
    sent_order()

    with pytest.raises(IntegrityError, match="purchasing_purchaseorder_sent_has_a_time"):
        execute("UPDATE purchasing_purchaseorder SET sent_at = NULL")


def test_position_stands_once_on_an_order():
    line = PurchaseOrderLineFactory()

    with (
        pytest.raises(IntegrityError, match="purchasing_purchaseorderline_position_once"),
        transaction.atomic(),
    ):
        PurchaseOrderLineFactory(order=line.order, position=line.position)


def test_refusals_have_stable_codes():
    refusals = [
        operations.SelfApproval,
        operations.NoSupplierPrice,
        operations.MoreThanOrdered,
        operations.GoodsAlreadyArrived,
    ]

    assert all(issubclass(refusal, BusinessError) for refusal in refusals)
    assert [refusal.code for refusal in refusals] == [
        "self_approval",
        "no_supplier_price",
        "more_than_ordered",
        "goods_already_arrived",
    ]
