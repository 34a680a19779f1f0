"""Two people deciding about the same article of a supplier at the same moment."""

from functools import partial
from unittest import mock

import pytest
from django.db import models

from catalog.models import Variant
from purchasing import operations
from purchasing.models import SupplierProduct
from purchasing.operations import AlreadyLinked, ProposalDeclined
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import SupplierProductFactory
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)


def link(product, variant):
    return partial(operations.link_supplier_product, product_id=product.pk, variant_id=variant.pk)


def decline(product):
    return partial(
        operations.decline_supplier_product, product_id=product.pk, at=NOON, by=UserFactory()
    )


def create(product, sku):
    return partial(
        operations.create_article_from, product_id=product.pk, sku=sku, name="Pencil", at=NOON
    )


def test_article_is_either_linked_or_declined():
    product, variant = SupplierProductFactory(variant=None), VariantFactory()

    outcomes = race(link(product, variant), decline(product))

    refused = [one for one in outcomes if isinstance(one, (AlreadyLinked, ProposalDeclined))]
    assert len(refused) == 1
    product.refresh_from_db()
    assert (product.variant is None) != (product.declined_at is None)


def test_article_becomes_one_of_ours_once():
    product = SupplierProductFactory(variant=None)

    outcomes = race(create(product, "PENCIL"), create(product, "PEN"))

    assert sum(isinstance(one, AlreadyLinked) for one in outcomes) == 1
    assert Variant.objects.count() == 1


def test_same_form_sent_twice_makes_one_article():
    product = SupplierProductFactory(variant=None)

    first, second = race(*[create(product, "PENCIL")] * 2)

    assert first == second == Variant.objects.get()


def test_the_race_is_real_once_the_locks_are_gone():
    """Control: both read a proposal before either writes, so only the constraint is left."""
    product, variant = SupplierProductFactory(variant=None), VariantFactory()

    with (
        mock.patch.object(models.QuerySet, "select_for_update", lambda rows, **_options: rows),
        both_read_before_either_writes((SupplierProduct, "save")),
    ):
        outcomes = race(link(product, variant), decline(product))

    assert "declined_is_not_linked" in refusal_among(outcomes)
