"""Who has to approve an order: by amount, by supplier, by what a price did; never one's own."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError

from catalog.queries import NoExchangeRate
from purchasing import operations
from purchasing.models import PurchaseApproval, PurchaseOrder
from purchasing.operations import NewCharge, NewLine
from retail.common.errors import WrongStatus
from tests.factories.catalog import ExchangeRateFactory, VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
    draft_order,
    sent_order,
)
from tests.factories.purchasing_approvals import (
    PurchaseApprovalFactory,
    PurchaseApprovalRuleFactory,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


def submitted(**values):
    return operations.submit(order_id=draft_order(**values).pk, at=NOON)


def member_of(*names):
    user = UserFactory()
    user.groups.add(*(Group.objects.get_or_create(name=name)[0] for name in names))
    return user


def order_of(line, supplier):
    return operations.create_purchase_order(
        supplier=supplier,
        location=LocationFactory(),
        lines=[line],
        reference=uuid4().hex,
        at=NOON,
        by=UserFactory(),
    )


def terms_of(order):
    return list(order.approvals.order_by("pk").values_list("terms", flat=True))


def test_without_rules_one_person_approves():
    order = submitted()

    assert order.status == "AWAITING_APPROVAL"
    assert terms_of(order) == ["Every order is approved by somebody."]

    approver = UserFactory()
    approved = operations.approve(order_id=order.pk, at=NOON, by=approver)

    assert (approved.status, approved.approved_by) == ("APPROVED", approver)
    assert order.approvals.get().approved_by == approver


def test_rule_that_was_switched_off_counts_as_none():
    PurchaseApprovalRuleFactory(is_active=False)

    assert terms_of(submitted()) == ["Every order is approved by somebody."]


@pytest.mark.parametrize(("from_amount", "status"), [(25, "AWAITING_APPROVAL"), (26, "APPROVED")])
def test_amount_is_asked_from_the_limit_on(from_amount, status):
    """Ten units at 2.50."""
    PurchaseApprovalRuleFactory(name="Large", from_amount=from_amount)

    order = submitted()

    assert order.status == status
    assert order.is_approved_by_rule == (status == "APPROVED")
    assert terms_of(order) == (
        ["Large: 25.00 GBP without tax, asked from 25.00 GBP on."]
        if status == "AWAITING_APPROVAL"
        else []
    )


def test_order_that_no_rule_catches_is_approved_by_nobody_and_says_so():
    PurchaseApprovalRuleFactory(from_amount=1000)

    order = submitted()

    assert (order.approved_by, order.approved_at, order.is_approved_by_rule) == (None, NOON, True)
    assert order.approval_terms == {
        "judged_on": "2026-11-22",
        "total": "25.00",
        "currency": "GBP",
        "rate": "1",
        "booked": "25.00",
        "rules": [],
    }
    assert operations.send(order_id=order.pk, at=NOON).status == "SENT"


def test_charges_count_and_foreign_amounts_are_booked():
    ExchangeRateFactory(currency="EUR", rate="0.80", valid_on=NOON.date())
    PurchaseApprovalRuleFactory(name="Large", from_amount=30)

    cheap = submitted(supplier=SupplierFactory(currency="EUR"))
    dear = submitted(
        supplier=SupplierFactory(currency="EUR"), charges=[NewCharge(Decimal("12.50"))]
    )

    assert (cheap.status, dear.status) == ("APPROVED", "AWAITING_APPROVAL")
    assert terms_of(dear) == ["Large: 30.00 GBP without tax, asked from 30.00 GBP on."]


def test_amount_in_a_currency_without_a_rate_is_not_guessed():
    PurchaseApprovalRuleFactory(from_amount=30)
    order = draft_order(supplier=SupplierFactory(currency="EUR"))

    with pytest.raises(NoExchangeRate):
        operations.submit(order_id=order.pk, at=NOON)

    order.refresh_from_db()
    assert (order.status, PurchaseApproval.objects.count()) == ("DRAFT", 0)


def test_rule_of_a_supplier_catches_the_orders_of_that_supplier():
    potters = SupplierFactory(name="Potters")
    PurchaseApprovalRuleFactory(name="New supplier", supplier=potters)

    assert terms_of(submitted(supplier=potters)) == ["New supplier: ordered from Potters."]
    assert submitted().status == "APPROVED"


@pytest.mark.parametrize(
    ("unit_cost", "percent", "is_caught"),
    [
        ("2.60", "4", True),
        ("2.60", "4.1", False),
        ("2.40", "4", True),
        ("2.50", "0", False),
        ("2.51", "0", True),
    ],
)
def test_price_is_compared_with_the_last_order_of_the_supplier(unit_cost, percent, is_caught):
    supplier, variant = SupplierFactory(), VariantFactory(sku="MUG-1")
    for days, cost in ((-2, "9"), (-1, "2.50")):
        last = order_of(NewLine(variant.pk, 5, unit_cost=Decimal(cost)), supplier)
        operations.submit(order_id=last.pk, at=NOON)
        operations.approve(order_id=last.pk, at=NOON, by=UserFactory())
        operations.send(order_id=last.pk, at=NOON + timedelta(days=days))
    PurchaseApprovalRuleFactory(name="Prices", from_price_change_percent=Decimal(percent))

    order = order_of(NewLine(variant.pk, 9, unit_cost=Decimal(unit_cost)), supplier)
    operations.submit(order_id=order.pk, at=NOON)

    order.refresh_from_db()
    assert order.status == ("AWAITING_APPROVAL" if is_caught else "APPROVED")
    if unit_cost == "2.60" and is_caught:
        assert terms_of(order) == [
            "Prices: MUG-1 costs 2.60 instead of 2.50 (+4.0 %), asked from 4 % on."
        ]


def test_price_that_was_never_paid_is_compared_with_the_one_listed_before():
    product = SupplierProductFactory(variant__sku="MUG-1")
    today = NOON.date()
    SupplierPriceFactory(supplier_product=product, unit_cost="2.00", valid_to=today)
    SupplierPriceFactory(supplier_product=product, unit_cost="3.00", valid_from=today)
    SupplierPriceFactory(
        supplier_product=product, unit_cost="1.00", min_quantity=100, valid_to=today
    )
    PurchaseApprovalRuleFactory(name="Prices", from_price_change_percent=50)

    order = order_of(NewLine(product.variant_id, 10), product.supplier)
    operations.submit(order_id=order.pk, at=NOON)

    assert terms_of(order) == [
        "Prices: MUG-1 costs 3.00 instead of 2.00 (+50.0 %), asked from 50 % on."
    ]


def test_cost_typed_by_hand_is_compared_with_the_only_one_listed():
    price = SupplierPriceFactory(unit_cost="2.00", valid_from=NOON.date())
    PurchaseApprovalRuleFactory(from_price_change_percent=10)
    product = price.supplier_product

    order = order_of(NewLine(product.variant_id, 1, unit_cost=Decimal(3)), product.supplier)

    assert operations.submit(order_id=order.pk, at=NOON).status == "AWAITING_APPROVAL"


def test_article_nobody_knows_a_price_of_has_not_changed_its_price():
    PurchaseApprovalRuleFactory(from_price_change_percent=0)

    assert submitted().status == "APPROVED"


def test_all_that_a_rule_names_has_to_be_true():
    PurchaseApprovalRuleFactory(supplier=SupplierFactory(), from_amount=1)
    potters = SupplierFactory()
    PurchaseApprovalRuleFactory(supplier=potters, from_amount=1000)

    assert submitted(supplier=potters).status == "APPROVED"


def test_two_rules_of_two_roles_ask_two_people():
    for role in ("Manager", "Owner"):
        PurchaseApprovalRuleFactory(name=role, group=Group.objects.get_or_create(name=role)[0])
    order = submitted()
    manager, owner = member_of("Manager"), member_of("Owner")

    first = operations.approve(order_id=order.pk, at=NOON, by=manager)
    with pytest.raises(operations.NotYourApproval, match="waits to be approved by: Owner"):
        operations.approve(order_id=order.pk, at=NOON, by=manager)
    second = operations.approve(order_id=order.pk, at=NOON, by=owner)

    assert [first.status, second.status] == ["AWAITING_APPROVAL", "APPROVED"]
    assert list(order.approvals.order_by("pk").values_list("approved_by", flat=True)) == [
        manager.pk,
        owner.pk,
    ]


def test_one_person_in_both_roles_gives_both():
    for role in ("Manager", "Owner"):
        PurchaseApprovalRuleFactory(group=Group.objects.get_or_create(name=role)[0])
    order = submitted()

    approved = operations.approve(order_id=order.pk, at=NOON, by=member_of("Manager", "Owner"))

    assert approved.status == "APPROVED"


def test_person_of_no_asked_role_gives_nothing():
    PurchaseApprovalRuleFactory(group=Group.objects.get_or_create(name="Manager")[0])
    order = submitted()

    with pytest.raises(operations.NotYourApproval):
        operations.approve(order_id=order.pk, at=NOON, by=UserFactory())

    order.refresh_from_db()
    assert (order.status, order.approvals.get().approved_by) == ("AWAITING_APPROVAL", None)


def test_approved_order_is_not_approved_again():
    order = submitted()
    operations.approve(order_id=order.pk, at=NOON, by=UserFactory())

    with pytest.raises(WrongStatus):
        operations.approve(order_id=order.pk, at=NOON, by=UserFactory())

    assert order.approvals.count() == 1


def test_back_to_draft_voids_approvals_and_it_is_judged_anew():
    rule = PurchaseApprovalRuleFactory(name="Large", from_amount=10)
    order = submitted()
    operations.approve(order_id=order.pk, at=NOON, by=UserFactory())

    returned = operations.return_to_draft(order_id=order.pk)

    assert (returned.approval_terms, order.approvals.count()) == ({}, 0)
    rule.from_amount = 1000
    rule.save()
    assert operations.submit(order_id=order.pk, at=NOON).is_approved_by_rule


def test_order_that_nobody_approved_goes_back_to_draft():
    PurchaseApprovalRuleFactory(from_amount=1000)
    order = submitted()

    returned = operations.return_to_draft(order_id=order.pk)

    assert (returned.status, returned.is_approved_by_rule, returned.approved_at) == (
        "DRAFT",
        False,
        None,
    )


def test_nobody_gives_an_approval_of_their_own_past_the_operation_either():
    buyer = UserFactory()
    PurchaseApprovalFactory(raised_by=buyer)

    with pytest.raises(IntegrityError, match="purchaseapproval_by_someone_else"):
        execute(
            "UPDATE purchasing_purchaseapproval SET approved_at = now(), approved_by_id = %s",
            [buyer.pk],
        )


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("UPDATE purchasing_purchaseapproval SET approved_at = now()", "approved_by_a_person"),
        ("UPDATE purchasing_purchaseapprovalrule SET from_amount = -1", "limits_not_negative"),
        (
            "UPDATE purchasing_purchaseapprovalrule SET from_price_change_percent = 1000",
            "limits_not_negative",
        ),
    ],
)
def test_constraints_hold_against_raw_sql(statement, constraint):
    PurchaseApprovalFactory()

    with pytest.raises(IntegrityError, match=constraint):
        execute(statement)


def test_rule_asks_once_for_a_version():
    approval = PurchaseApprovalFactory()

    with pytest.raises(IntegrityError, match="purchaseapproval_once_per_rule"):
        PurchaseApprovalFactory(order=approval.order, rule=approval.rule)


def test_judging_costs_the_same_with_many_lines(django_assert_num_queries):
    PurchaseApprovalRuleFactory(from_amount=1, from_price_change_percent=1)
    sent_order(units=[1])
    small, large = draft_order(units=[1]), draft_order(units=[1] * 20)

    with django_assert_num_queries(11):
        operations.submit(order_id=small.pk, at=NOON)
    with django_assert_num_queries(11):
        operations.submit(order_id=large.pk, at=NOON)

    assert set(PurchaseOrder.objects.filter(pk__in=[small.pk, large.pk]).values_list("status")) == {
        ("APPROVED",)
    }
