"""Limits of decisions and the timelines of bills; exceptions are made in purchasing_invoices."""

from decimal import Decimal

import factory
from django.contrib.auth.models import Group
from factory.django import DjangoModelFactory

from purchasing.models import DecisionLimit, InvoiceStep
from tests.factories.common import NOON
from tests.factories.purchasing_invoices import SupplierInvoiceFactory


class DecisionLimitFactory(DjangoModelFactory):
    """Of a role of its own; `group` gives it to one there is."""

    class Meta:
        model = DecisionLimit

    group = factory.LazyAttributeSequence(lambda _, n: Group.objects.create(name=f"Role {n}"))
    amount = Decimal("100.0000")


class InvoiceStepFactory(DjangoModelFactory):
    class Meta:
        model = InvoiceStep

    invoice = factory.SubFactory(SupplierInvoiceFactory)
    kind = InvoiceStep.Kind.NOTED
    text = "They called."
    happened_at = NOON
