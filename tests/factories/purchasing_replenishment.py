"""Rules of what should be there, and what a run proposes to buy by them."""

from decimal import Decimal
from itertools import count

import factory
from factory.django import DjangoModelFactory

from inventory.models import StockMovement
from inventory.operations import issue_stock
from purchasing import operations
from purchasing.models import (
    PurchaseOrderLine,
    ReplenishmentFault,
    ReplenishmentProposal,
    ReplenishmentRule,
    ReplenishmentRun,
)
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import (
    PurchaseOrderLineFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
)

_numbers = count(1)


class ReplenishmentRuleFactory(DjangoModelFactory):
    """Buy up to 20 of one article when no more than 5 are there."""

    class Meta:
        model = ReplenishmentRule

    location = factory.SubFactory(LocationFactory)
    variant = factory.SubFactory(VariantFactory)
    method = ReplenishmentRule.Method.MIN_MAX
    minimum_units = 5
    maximum_units = 20


class ReplenishmentRunFactory(DjangoModelFactory):
    class Meta:
        model = ReplenishmentRun

    key = factory.Sequence(lambda n: f"run-{n}")
    started_at = NOON


class ReplenishmentFaultFactory(DjangoModelFactory):
    class Meta:
        model = ReplenishmentFault

    run = factory.SubFactory(ReplenishmentRunFactory)
    variant = factory.SubFactory(VariantFactory)
    location = factory.SubFactory(LocationFactory)
    code = "no_supplier"
    text = "20 are needed. No active supplier's article is linked to it."


def by_demand(**values) -> ReplenishmentRule:
    """Make a rule that goes by what sells."""
    return ReplenishmentRuleFactory(
        method=ReplenishmentRule.Method.DEMAND, minimum_units=None, maximum_units=None, **values
    )


def on_offer(variant=None, *, unit_cost="2.50", tiers=(), **values):
    """Let a supplier, by default a new one, sell a variant; return the supplier's article."""
    product = SupplierProductFactory(variant=variant or VariantFactory(), **values)
    for quantity, cost in ((1, unit_cost), *tiers):
        SupplierPriceFactory(
            supplier_product=product, min_quantity=quantity, unit_cost=Decimal(cost)
        )
    return product


def wanted_article(*, location=None, minimum=5, maximum=20, **values):
    """Make a rule for an article that a supplier sells and none is there of; return the rule."""
    return ReplenishmentRuleFactory(
        location=location or LocationFactory(),
        variant=on_offer(**values).variant,
        minimum_units=minimum,
        maximum_units=maximum,
    )


def replenish(*, key=None, at=NOON, by=None, **values) -> ReplenishmentRun:
    return operations.propose_replenishment(
        key=key or f"run {next(_numbers)}", at=at, by=by, **values
    )


def proposal(**values) -> ReplenishmentProposal:
    """Have an article proposed that is wanted, by default a new one."""
    rule = wanted_article(**values)
    replenish(location=rule.location)
    return ReplenishmentProposal.objects.get(variant=rule.variant, location=rule.location)


def sell(level, units, *, at, reference=None, kind=StockMovement.Kind.SHIPMENT):
    """Take units out of stock as a sale that no order tells of."""
    issue_stock(
        location=level.location,
        units={level.variant_id: units},
        kind=kind,
        reference=reference or f"sale {next(_numbers)}",
        at=at,
    )


def order_line(status, units, *, variant, location, **values) -> PurchaseOrderLine:
    """Make an order line of a purchase order in a status, however it got there."""
    stamps = {}
    if status in {"APPROVED", "SENT", "CLOSED"}:
        stamps |= {"approved_at": NOON, "is_approved_by_rule": True}
    if status in {"SENT", "CLOSED"}:
        stamps["sent_at"] = NOON
    if status in {"CLOSED", "CANCELLED"}:
        stamps["closed_at"] = NOON
    return PurchaseOrderLineFactory(
        variant=variant,
        ordered=units,
        order__location=location,
        order__status=status,
        **{f"order__{name}": value for name, value in stamps.items()},
        **values,
    )


MAKERS = {ReplenishmentProposal: proposal}
