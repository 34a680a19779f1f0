"""Orders that are changed after the supplier has them: proposed, judged, in force, told anew."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError

from purchasing import operations
from purchasing.models import PurchaseApproval, PurchaseOrderVersion
from purchasing.operations import LineChange, NewCharge, NewLine
from retail.common.errors import WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import (
    SupplierPriceFactory,
    approved_order,
    draft_order,
    sent_order,
)
from tests.factories.purchasing_approvals import PurchaseApprovalRuleFactory
from tests.purchasing.amendments import amend, receive, units
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db

WANTED = NOON.date() + timedelta(days=9)


@pytest.fixture
def large_orders_are_asked():
    """Rules there are, and none catches an order below 30.00 in all."""
    return PurchaseApprovalRuleFactory(name="Large", from_amount=30)


def line_of(order, position=1):
    return order.lines.get(position=position)


def statuses(order):
    return list(order.versions.order_by("version").values_list("version", "status"))


def state_of(order):
    order.refresh_from_db()
    return (
        order.version,
        statuses(order),
        list(order.lines.order_by("position").values_list("ordered", "cancelled", "unit_cost")),
    )


def test_sending_keeps_the_first_version():
    order = sent_order(units=(10, 5), expected_on=WANTED, charges=[NewCharge(Decimal(12))])

    version = order.versions.get()

    assert (version.version, version.status, version.changes) == (1, "IN_FORCE", [])
    assert (version.proposed_by, version.decided_by) == (order.raised_by, order.approved_by)
    assert version.content["expected_on"] == WANTED.isoformat()
    assert [(line["units"], line["unit_cost"]) for line in version.content["lines"]] == [
        (10, "2.5"),
        (5, "2.5"),
    ]
    assert version.content["charges"] == [{"kind": "FREIGHT", "description": "", "amount": "12"}]


def test_change_that_no_rule_catches_is_in_force_at_once_and_goes_out_again(large_orders_are_asked):
    order = sent_order()
    operations.claim_email(at=NOON)
    operations.finish_email(order_id=order.pk, version=1, at=NOON)
    line = line_of(order)

    version = amend(order, lines=[LineChange(line.pk, units=11, list_cost=Decimal("2.60"))])

    order.refresh_from_db()
    line.refresh_from_db()
    sku = line.variant.sku
    assert version.changes == [
        f"Line 1, SKU {sku}: 10 -> 11 units.",
        f"Line 1, SKU {sku}: unit cost 2.50 -> 2.60.",
    ]
    assert statuses(order) == [(1, "SUPERSEDED"), (2, "IN_FORCE")]
    assert (order.version, order.email_started_at, order.emailed_at) == (2, None, None)
    assert (line.ordered, line.unit_cost, line.list_cost) == (11, Decimal("2.6"), Decimal("2.6"))
    assert operations.claim_email(at=NOON) == order


def test_change_that_a_rule_catches_waits_while_goods_come_in_on_the_old_one(
    large_orders_are_asked,
):
    order = sent_order()
    buyer, manager = UserFactory(), UserFactory()

    version = amend(order, lines=units(order, l1=12), by=buyer)
    receive(order, 4)
    waiting = state_of(order)
    approved = operations.approve_change(order_id=order.pk, at=NOON, by=manager)

    assert PurchaseApproval.objects.filter(version=2).get().terms == (
        "Large: 30.00 GBP without tax, asked from 30.00 GBP on."
    )
    assert waiting == (1, [(1, "IN_FORCE"), (2, "PROPOSED")], [(10, 0, Decimal("2.5"))])
    assert (approved, approved.status, approved.decided_by) == (version, "IN_FORCE", manager)
    assert state_of(order) == (
        2,
        [(1, "SUPERSEDED"), (2, "IN_FORCE")],
        [(12, 0, Decimal("2.5"))],
    )
    assert line_of(order).received == 4


def test_without_rules_somebody_approves_what_costs_more_and_nobody_what_does_not():
    order = sent_order(expected_on=WANTED)

    later = amend(order, expected_on=WANTED + timedelta(days=1), note="Ring first")
    fewer = amend(order, lines=units(order, l1=9))
    more = amend(order, lines=units(order, l1=10))

    assert [version.status for version in (later, fewer, more)] == [
        "IN_FORCE",
        "IN_FORCE",
        "PROPOSED",
    ]
    assert later.changes == ["Wanted on: 1 Dec 2026 -> 2 Dec 2026.", "Note: Ring first."]
    order.refresh_from_db()
    assert (order.expected_on, order.note) == (WANTED + timedelta(days=1), "Ring first")


def test_same_key_again_changes_once(large_orders_are_asked):
    order = sent_order()

    first = amend(order, lines=units(order, l1=11), key="form-1")
    second = amend(order, lines=units(order, l1=99), key="form-1")

    assert first == second
    assert state_of(order)[2] == [(11, 0, Decimal("2.5"))]


def test_order_sent_before_versions_were_kept_has_its_first_one_made(large_orders_are_asked):
    order = sent_order()
    order.versions.all().delete()

    amend(order, lines=units(order, l1=8))

    first = order.versions.get(version=1)
    assert statuses(order) == [(1, "SUPERSEDED"), (2, "IN_FORCE")]
    assert (first.content["lines"][0]["units"], first.proposed_at) == (10, order.sent_at)


def test_articles_are_added_behind_the_others_at_the_suppliers_price(large_orders_are_asked):
    order = sent_order(units=[1], discount_percent=Decimal(10))
    price = SupplierPriceFactory(
        supplier_product__supplier=order.supplier,
        supplier_product__supplier_sku="S-9",
        supplier_product__variant__sku="MUG-9",
        unit_cost="5.00",
    )
    variant = price.supplier_product.variant

    version = amend(order, added=[NewLine(variant.pk, 2, expected_on=WANTED)])

    line = line_of(order, 2)
    assert version.changes == ["Line 2, SKU MUG-9: new, 2 units at 4.50."]
    assert (line.variant, line.supplier_sku, line.expected_on) == (variant, "S-9", WANTED)
    assert (line.ordered, line.list_cost, line.unit_cost) == (2, Decimal(5), Decimal("4.5"))
    assert order.versions.get(version=2).content["lines"][1]["id"] == line.pk


def test_line_that_is_no_longer_ordered_stays_as_cancelled(large_orders_are_asked):
    order = sent_order(units=(5, 5))
    buyer = UserFactory()

    version = amend(order, lines=units(order, l2=0), by=buyer, reason="Sold out")

    line = line_of(order, 2)
    assert version.changes == [
        f"Line 2, SKU {line.variant.sku}: no longer ordered (5 units before)."
    ]
    assert (line.ordered, line.cancelled, line.expected) == (5, 5, 0)
    assert (line.closed_by, line.close_reason) == (buyer, "Version 2: Sold out")


def test_line_can_be_ordered_again_by_another_version(large_orders_are_asked):
    order = sent_order(units=(5, 5))
    amend(order, lines=units(order, l2=0))

    with pytest.raises(operations.NoLongerOrdered):
        operations.reopen_line(line_id=line_of(order, 2).pk, at=NOON)
    amend(order, lines=units(order, l2=4))

    line = line_of(order, 2)
    assert (line.ordered, line.cancelled, line.closed_at, line.close_reason) == (4, 0, None, "")


def test_discount_of_the_order_counts_for_lines_with_a_list_cost(large_orders_are_asked):
    product = SupplierPriceFactory(unit_cost="2.00").supplier_product
    order = sent_order(units=[1], supplier=product.supplier)
    amend(order, added=[NewLine(product.variant_id, 5)])

    version = amend(order, discount_percent=Decimal(10))

    assert version.changes == [
        f"Line 2, SKU {product.variant.sku}: unit cost 2.00 -> 1.80.",
        "Discount on the order 0 % -> 10 %.",
    ]
    assert [line[2] for line in state_of(order)[2]] == [Decimal("2.5"), Decimal("1.8")]


def test_charges_are_replaced_and_count_for_the_rules(large_orders_are_asked):
    order = sent_order(charges=[NewCharge(Decimal(2), "FREIGHT"), NewCharge(Decimal(1), "PACKING")])

    cheap = amend(order, charges=[NewCharge(Decimal(3), "FREIGHT")])
    dear = amend(order, charges=[NewCharge(Decimal(5), "FREIGHT")])

    assert cheap.changes == ["Freight: 2.00 -> 3.00.", "Packing: 1.00 -> none."]
    assert (cheap.status, dear.status) == ("IN_FORCE", "PROPOSED")
    assert list(order.charges.values_list("kind", "amount")) == [("FREIGHT", Decimal(3))]


def test_price_rule_looks_at_costs_that_change():
    PurchaseApprovalRuleFactory(name="Prices", from_price_change_percent=10)
    order = sent_order(units=(5, 5))
    line = line_of(order)

    more = amend(order, lines=units(order, l2=9))
    dearer = amend(order, lines=[LineChange(line.pk, unit_cost=Decimal("2.75"))])

    assert (more.status, dearer.status) == ("IN_FORCE", "PROPOSED")
    assert order.approvals.get(version=3).terms == (
        f"Prices: {line.variant.sku} costs 2.75 instead of 2.50 (+10.0 %), asked from 10 % on."
    )


def test_nobody_decides_on_their_own_change(large_orders_are_asked):
    order, buyer = sent_order(), UserFactory()
    amend(order, lines=units(order, l1=20), by=buyer)

    with pytest.raises(operations.SelfApproval):
        operations.approve_change(order_id=order.pk, at=NOON, by=buyer)
    with pytest.raises(operations.SelfApproval):
        operations.decline_change(order_id=order.pk, reason="No", at=NOON, by=buyer)

    assert statuses(order) == [(1, "IN_FORCE"), (2, "PROPOSED")]


def test_change_needs_everybody_whom_rules_ask():
    order = sent_order()
    for role in ("Manager", "Owner"):
        group = Group.objects.get_or_create(name=role)[0]
        PurchaseApprovalRuleFactory(name=role, from_amount=30, group=group)
    manager, owner = UserFactory(), UserFactory()
    manager.groups.add(Group.objects.get(name="Manager"))
    owner.groups.add(Group.objects.get(name="Owner"))
    amend(order, lines=units(order, l1=20))

    first = operations.approve_change(order_id=order.pk, at=NOON, by=manager)
    second = operations.approve_change(order_id=order.pk, at=NOON, by=owner)

    assert [first.status, second.status] == ["PROPOSED", "IN_FORCE"]


@pytest.mark.parametrize("decide", [operations.decline_change, operations.withdraw_change])
def test_change_that_is_not_wanted_leaves_the_order_as_it_was(large_orders_are_asked, decide):
    order, other = sent_order(), UserFactory()
    before = state_of(order)[2]
    amend(order, lines=units(order, l1=20))

    version = decide(order_id=order.pk, reason="Too much", at=NOON, by=other)

    assert (version.status, version.decided_by) == ("DECLINED", other)
    assert version.content["declined_because"] == "Too much"
    assert state_of(order) == (1, [(1, "IN_FORCE"), (2, "DECLINED")], before)
    with pytest.raises(operations.NoChangeWaits):
        operations.approve_change(order_id=order.pk, at=NOON, by=other)
    assert amend(order, lines=units(order, l1=9)).version == 3


def test_change_is_not_declined_without_a_reason(large_orders_are_asked):
    order = sent_order()
    amend(order, lines=units(order, l1=20))

    with pytest.raises(operations.MissingReason):
        operations.decline_change(order_id=order.pk, reason=" ", at=NOON, by=UserFactory())

    assert statuses(order) == [(1, "IN_FORCE"), (2, "PROPOSED")]


def test_one_change_waits_at_a_time(large_orders_are_asked):
    order = sent_order()
    amend(order, lines=units(order, l1=20))

    with pytest.raises(operations.ChangeWaits, match="Version 2"):
        amend(order, lines=units(order, l1=5))

    assert statuses(order) == [(1, "IN_FORCE"), (2, "PROPOSED")]


def test_less_than_came_or_was_billed_is_refused():
    order = sent_order(units=(10, 10))
    receive(order, 4, 0)
    order.lines.filter(position=2).update(invoiced=6)
    before = state_of(order)

    with pytest.raises(operations.BelowReceived, match="line 1 by at least 4") as refused:
        amend(order, lines=units(order, l1=3, l2=0))

    assert refused.value.details == {"lines": {1: 4, 2: 6}}
    assert state_of(order) == before


def test_goods_that_come_meanwhile_are_minded_when_a_change_is_approved():
    order = sent_order(units=(10, 10))
    amend(order, lines=units(order, l1=4, l2=30))
    receive(order, 5, 0)

    with pytest.raises(operations.BelowReceived):
        operations.approve_change(order_id=order.pk, at=NOON, by=UserFactory())

    assert statuses(order) == [(1, "IN_FORCE"), (2, "PROPOSED")]
    assert PurchaseApproval.objects.get(version=2).approved_by is None


def test_line_closed_meanwhile_stays_closed_where_the_change_does_not_name_it():
    order = sent_order(units=(10, 10))
    amend(order, lines=units(order, l2=30))
    operations.close_line_short(line_id=line_of(order).pk, reason="Late", at=NOON, by=None)

    operations.approve_change(order_id=order.pk, at=NOON, by=UserFactory())

    assert [row[:2] for row in state_of(order)[2]] == [(10, 10), (30, 0)]
    assert [line["units"] for line in order.versions.get(version=2).content["lines"]] == [0, 30]


def test_order_does_not_close_while_more_of_it_is_proposed():
    order = sent_order()
    amend(order, lines=units(order, l1=12))
    order.lines.update(received=10, invoiced=10)

    operations.refresh_progress(order_ids=[order.pk], at=NOON)
    order.refresh_from_db()
    before = order.status
    operations.withdraw_change(order_id=order.pk, reason="Enough", at=NOON, by=UserFactory())

    order.refresh_from_db()
    assert (before, order.status) == ("SENT", "CLOSED")


def test_ending_an_order_ends_its_proposed_change():
    order = sent_order()
    amend(order, lines=units(order, l1=12))

    operations.cancel(order_id=order.pk, reason="Too dear", at=NOON, by=None)

    assert statuses(order) == [(1, "IN_FORCE"), (2, "DECLINED")]


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({}, operations.NothingChanged),
        ({"note": ""}, operations.NothingChanged),
        ({"lines": [LineChange(0, units=1)]}, operations.InvalidOrderLine),
        ({"added": [NewLine(0, 1)]}, operations.InvalidOrderLine),
        ({"discount_percent": Decimal(100)}, operations.InvalidDiscount),
        ({"charges": [NewCharge(Decimal(-1))]}, operations.InvalidCharge),
        ({"note": "x", "reason": " "}, operations.MissingReason),
    ],
)
def test_change_that_cannot_be_is_refused(change, refusal):
    order = sent_order()
    before = state_of(order)

    with pytest.raises(refusal):
        amend(order, **change)

    assert state_of(order) == before


@pytest.mark.parametrize(
    "change",
    [
        {"units": -1},
        {"unit_cost": Decimal(-1)},
        {"unit_cost": Decimal(1), "list_cost": Decimal(1)},
        {"discount_percent": Decimal(5)},
    ],
)
def test_line_that_cannot_be_is_refused(change):
    order = sent_order()

    with pytest.raises(operations.InvalidOrderLine):
        amend(order, lines=[LineChange(line_of(order).pk, **change)])

    assert statuses(order) == [(1, "IN_FORCE")]


@pytest.mark.parametrize("make", [draft_order, approved_order])
def test_only_sent_orders_are_amended(make):
    order = make()

    with pytest.raises(WrongStatus, match="only a sent order"):
        amend(order, note="x")

    assert PurchaseOrderVersion.objects.count() == 0


def test_email_of_an_old_version_is_not_taken_for_the_new_one(large_orders_are_asked):
    order = sent_order()
    operations.claim_email(at=NOON)
    amend(order, lines=units(order, l1=9))

    operations.finish_email(order_id=order.pk, version=1, at=NOON)

    order.refresh_from_db()
    assert (order.email_started_at, order.emailed_at) == (None, None)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE purchasing_purchaseorderversion SET decided_at = NULL", "decided_has_a_time"),
        ("UPDATE purchasing_purchaseorder SET discount_percent = 100", "discount_and_version"),
        ("UPDATE purchasing_purchaseorderline SET closed_at = now()", "closed_says_why"),
        ("UPDATE purchasing_purchaseorderline SET discount_percent = -1", "discount_in_range"),
    ],
)
def test_constraints_hold_against_raw_sql(statement, constraint):
    sent_order()

    with pytest.raises(IntegrityError, match=constraint):
        execute(statement)


def test_changing_costs_the_same_with_many_lines(django_assert_num_queries):
    small, large = sent_order(units=[1]), sent_order(units=[1] * 20)
    for order in (small, large):
        added = [NewLine(VariantFactory().pk, 1, unit_cost=Decimal(1))]
        with django_assert_num_queries(20):
            amend(
                order,
                lines=[LineChange(line.pk, units=2) for line in order.lines.all()],
                added=added,
                by=order.approved_by,
            )
