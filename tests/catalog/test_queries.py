from datetime import date
from decimal import Decimal

import pytest

from catalog.queries import (
    NoExchangeRate,
    category_paths,
    exchange_rate,
    gtin_forms,
    sku_key,
    variants_by_code,
)
from tests.factories.catalog import (
    BarcodeFactory,
    CategoryFactory,
    ExchangeRateFactory,
    VariantFactory,
)

pytestmark = pytest.mark.django_db


def test_variants_by_code_finds_by_sku_whatever_the_case():
    variant = VariantFactory(sku="Tee-Röd")

    found = variants_by_code(["TEE-RÖD", " tee-röd ", "TEE"])

    assert found == {"TEE-RÖD": variant.pk, " tee-röd ": variant.pk}


def test_variants_by_code_finds_a_gtin_however_many_zeros_stand_in_front():
    variant = VariantFactory(gtin="036000291452")

    codes = ["036000291452", "0036000291452", "00036000291452"]

    assert variants_by_code(codes) == dict.fromkeys(codes, variant.pk)


def test_variants_by_code_prefers_sku_to_gtin_to_barcode():
    by_sku = VariantFactory(sku="4006381333931")
    by_gtin = VariantFactory(gtin="4006381333931")
    BarcodeFactory(code="4006381333931")
    BarcodeFactory(code="96385074")
    by_short_gtin = VariantFactory(gtin="96385074")
    by_barcode = BarcodeFactory(code="PACK-6").variant

    found = variants_by_code(["4006381333931", "96385074", "PACK-6", "unknown"])

    assert found == {
        "4006381333931": by_sku.pk,
        "96385074": by_short_gtin.pk,
        "PACK-6": by_barcode.pk,
    }
    assert by_gtin.pk not in found.values()


def test_variants_by_code_asks_as_often_for_many(django_assert_num_queries):
    variants = VariantFactory.create_batch(20)

    with django_assert_num_queries(3):
        found = variants_by_code([variant.sku for variant in variants] + ["96385074"])

    assert found == {variant.sku: variant.pk for variant in variants}


def test_variants_by_code_of_nothing_is_nothing():
    assert variants_by_code(["", "  "]) == {}


@pytest.mark.parametrize(
    ("sku", "key"), [(" tee-1 ", "TEE-1"), ("straße", "STRAßE"), ("ﬁne", "ﬁNE")]
)
def test_sku_key_is_what_the_database_makes_of_it(sku, key):
    variant = VariantFactory(sku=sku.strip())

    assert sku_key(sku) == key
    assert variants_by_code([key]) == {key: variant.pk}


@pytest.mark.parametrize(
    "code", ["", "123", "12345678901234 ", "40063813339\N{FULLWIDTH DIGIT THREE}1", "ABCDEFGH"]
)
def test_gtin_forms_of_what_is_no_gtin_are_none(code):
    assert gtin_forms(code) == set()


def test_exchange_rate_of_the_book_currency_is_one():
    assert exchange_rate("GBP", date(2026, 11, 22)) == 1


def test_exchange_rate_is_the_last_one_known_on_the_day():
    ExchangeRateFactory(valid_on=date(2026, 11, 1), rate=Decimal("0.80"))
    ExchangeRateFactory(valid_on=date(2026, 11, 20), rate=Decimal("0.85"))
    ExchangeRateFactory(valid_on=date(2026, 11, 23), rate=Decimal("0.90"))

    assert exchange_rate("EUR", date(2026, 11, 22)) == Decimal("0.85")


def test_exchange_rate_before_the_first_one_is_refused():
    ExchangeRateFactory(valid_on=date(2026, 11, 23))

    with pytest.raises(NoExchangeRate, match="EUR to GBP"):
        exchange_rate("EUR", date(2026, 11, 22))


def test_category_paths_names_every_category_from_the_top(django_assert_num_queries):
    top = CategoryFactory(name="Clothing")
    middle = CategoryFactory(name="Shirts", parent=top)
    leaf = CategoryFactory(name="Tees", parent=middle)

    with django_assert_num_queries(1):
        paths = category_paths()

    assert paths == {
        top.pk: "Clothing",
        middle.pk: "Clothing > Shirts",
        leaf.pk: "Clothing > Shirts > Tees",
    }


def test_category_paths_ends_where_categories_lie_within_each_other():
    outer = CategoryFactory(name="A")
    inner = CategoryFactory(name="B", parent=outer)
    outer.parent = inner
    outer.save()

    assert category_paths() == {outer.pk: "B > A", inner.pk: "A > B"}
