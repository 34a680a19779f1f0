from datetime import timedelta
from decimal import Decimal
from itertools import count

import factory
from factory.django import DjangoModelFactory

from catalog.models import (
    Barcode,
    Brand,
    BundleComponent,
    Category,
    ExchangeRate,
    Price,
    PriceList,
    Product,
    TaxClass,
    Variant,
)
from tests.factories.common import NOON


class CategoryFactory(DjangoModelFactory):
    class Meta:
        model = Category

    name = factory.Sequence(lambda n: f"Category {n}")


class BrandFactory(DjangoModelFactory):
    class Meta:
        model = Brand

    name = factory.Sequence(lambda n: f"Brand {n}")


class TaxClassFactory(DjangoModelFactory):
    class Meta:
        model = TaxClass

    code = factory.Sequence(lambda n: f"TAX-{n}")
    name = factory.Sequence(lambda n: f"Tax class {n}")


class ExchangeRateFactory(DjangoModelFactory):
    class Meta:
        model = ExchangeRate

    currency = "EUR"
    valid_on = factory.LazyFunction(NOON.date)
    rate = Decimal("0.85")


class ProductFactory(DjangoModelFactory):
    class Meta:
        model = Product

    name = factory.Sequence(lambda n: f"Product {n}")
    status = Product.Status.ACTIVE


class VariantFactory(DjangoModelFactory):
    class Meta:
        model = Variant

    product = factory.SubFactory(ProductFactory)
    sku = factory.Sequence(lambda n: f"SKU-{n}")


class BundleComponentFactory(DjangoModelFactory):
    """One component of a new bundle; `bundle=` adds another to the same."""

    class Meta:
        model = BundleComponent

    bundle = factory.SubFactory(VariantFactory, is_stocked=False)
    component = factory.SubFactory(VariantFactory)


def bundle(parts, **values):
    """Make a bundle of other variants: variant -> units in one bundle."""
    variant = VariantFactory(is_stocked=False, **values)
    for component, units in parts.items():
        BundleComponentFactory(bundle=variant, component=component, units=units)
    return variant


class BarcodeFactory(DjangoModelFactory):
    class Meta:
        model = Barcode

    variant = factory.SubFactory(VariantFactory)
    code = factory.Sequence(lambda n: f"CODE-{n}")


class PriceListFactory(DjangoModelFactory):
    class Meta:
        model = PriceList

    code = factory.Sequence(lambda n: f"LIST-{n}")
    name = factory.Sequence(lambda n: f"Price list {n}")
    currency = "GBP"


class PriceFactory(DjangoModelFactory):
    class Meta:
        model = Price

    variant = factory.SubFactory(VariantFactory)
    price_list = factory.SubFactory(PriceListFactory)
    unit_price = Decimal("9.99")


_days = count()


def rate_of_another_day():
    """Return a rate that stands beside the ones made before: there is one per day."""
    return ExchangeRateFactory(valid_on=NOON.date() - timedelta(days=next(_days)))


MAKERS = {ExchangeRate: rate_of_another_day}
