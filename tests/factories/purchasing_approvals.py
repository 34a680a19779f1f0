from decimal import Decimal

import factory
from factory.django import DjangoModelFactory

from purchasing.models import (
    PurchaseApproval,
    PurchaseApprovalRule,
    PurchaseOrderCharge,
    PurchaseOrderVersion,
)
from tests.factories.common import NOON
from tests.factories.purchasing import PurchaseOrderFactory


class PurchaseApprovalRuleFactory(DjangoModelFactory):
    """A rule that catches every order."""

    class Meta:
        model = PurchaseApprovalRule

    name = factory.Sequence(lambda n: f"Rule {n}")


class PurchaseApprovalFactory(DjangoModelFactory):
    """Asked for; nobody has given it."""

    class Meta:
        model = PurchaseApproval

    order = factory.SubFactory(PurchaseOrderFactory)
    version = 1
    rule = factory.SubFactory(PurchaseApprovalRuleFactory)
    terms = "Large orders."
    asked_at = NOON


class PurchaseOrderVersionFactory(DjangoModelFactory):
    """A change that waits; `amend` makes one that says something."""

    class Meta:
        model = PurchaseOrderVersion

    order = factory.SubFactory(PurchaseOrderFactory)
    version = 2
    status = "PROPOSED"
    content = factory.LazyFunction(dict)
    key = factory.Sequence(lambda n: f"change-{n}")
    proposed_at = NOON


class PurchaseOrderChargeFactory(DjangoModelFactory):
    class Meta:
        model = PurchaseOrderCharge

    order = factory.SubFactory(PurchaseOrderFactory)
    kind = "FREIGHT"
    description = factory.Sequence(lambda n: f"Pallet {n}")
    amount = Decimal("12.5000")
