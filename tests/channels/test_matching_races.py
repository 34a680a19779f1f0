"""Orders with the same new article that arrive at the same moment."""

from decimal import Decimal
from functools import partial

import pytest

from channels.connectors.base import IncomingLine
from channels.models import Listing
from channels.operations import ResolvedLine, resolve_variants
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.races import race


@pytest.mark.django_db(transaction=True)
def test_new_article_is_listed_once_however_many_orders_name_it():
    channel = ChannelFactory()
    variants = VariantFactory.create_batch(5)
    lines = [
        IncomingLine(
            external_line_id=variant.sku,
            external_product_id=f"p{variant.pk}",
            sku=variant.sku,
            quantity=1,
            unit_price=Decimal(1),
            total=Decimal(1),
        )
        for variant in variants
    ]
    orders = [lines if number % 2 else lines[::-1] for number in range(8)]

    results = race(*(partial(resolve_variants, channel=channel, lines=each) for each in orders))

    expected = [ResolvedLine(variant_id=variant.pk) for variant in variants]
    assert results == [expected if number % 2 else expected[::-1] for number in range(8)]
    assert Listing.objects.count() == 5
