from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import Error, connection, transaction

from catalog.models import Product, Variant, validate_gtin
from tests.factories.catalog import (
    BarcodeFactory,
    BrandFactory,
    CategoryFactory,
    ExchangeRateFactory,
    PriceFactory,
    PriceListFactory,
    ProductFactory,
    TaxClassFactory,
    VariantFactory,
)
from tests.factories.common import NOON

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(days=1)


def refusal(sql, *parameters):
    """Return the text of the refusal of a statement that goes past every line of Python."""
    with pytest.raises(Error) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
    return str(refused.value)


@pytest.mark.parametrize("sku", ["tee-röd", "TEE-RÖD"])
def test_sku_is_unique_whatever_the_case(sku):
    VariantFactory(sku="Tee-Röd")
    other = VariantFactory()

    text = refusal("UPDATE catalog_variant SET sku = %s WHERE id = %s", sku, other.pk)

    assert "catalog_variant_sku_once_whatever_the_case" in text


@pytest.mark.parametrize("sku", ["", " TEE", "TEE "])
def test_sku_is_not_empty_and_has_no_outer_blanks(sku):
    variant = VariantFactory()

    text = refusal("UPDATE catalog_variant SET sku = %s WHERE id = %s", sku, variant.pk)

    assert "catalog_variant_sku_without_outer_blanks" in text


@pytest.mark.parametrize(
    "gtin", ["", "123", "4006381333931 ", "400638133393\N{ARABIC-INDIC DIGIT ONE}", "40063813339E1"]
)
def test_gtin_has_the_shape_of_one(gtin):
    variant = VariantFactory()

    text = refusal("UPDATE catalog_variant SET gtin = %s WHERE id = %s", gtin, variant.pk)

    assert "catalog_variant_gtin_shape" in text


def test_gtin_belongs_to_one_variant():
    VariantFactory(gtin="4006381333931")
    other = VariantFactory()

    text = refusal("UPDATE catalog_variant SET gtin = '4006381333931' WHERE id = %s", other.pk)

    assert "catalog_variant_gtin_" in text


@pytest.mark.parametrize("gtin", ["96385074", "036000291452", "4006381333931", "00012345600012"])
def test_gtin_with_its_check_digit_passes(gtin):
    validate_gtin(gtin)


@pytest.mark.parametrize("gtin", ["96385075", "036000291453", "4006381333932", "40063813339311"])
def test_gtin_with_a_wrong_check_digit_is_refused_in_words(gtin):
    variant = VariantFactory.build(product=ProductFactory(), gtin=gtin)

    with pytest.raises(ValidationError) as refused:
        variant.full_clean()

    assert refused.value.message_dict["gtin"] == [
        f"{gtin} is not a valid GTIN: wrong length or wrong check digit."
    ]


@pytest.mark.parametrize("weight", [-1, 100_000_000])
def test_weight_is_a_weight(weight):
    variant = VariantFactory()

    text = refusal("UPDATE catalog_variant SET weight_grams = %s WHERE id = %s", weight, variant.pk)

    assert "catalog_variant_weight_not_negative" in text


@pytest.mark.parametrize("before", ["ACTIVE", "DISCONTINUED"])
def test_product_never_becomes_a_draft_again(before):
    product = ProductFactory(status=before)

    text = refusal("UPDATE catalog_product SET status = 'DRAFT' WHERE id = %s", product.pk)

    assert f'from "{before}" to "DRAFT"' in text


@pytest.mark.parametrize(
    ("valid_from", "valid_to"),
    [(None, None), (None, LATER), (NOON, None), (NOON, LATER)],
)
def test_prices_of_one_list_never_overlap(valid_from, valid_to):
    price = PriceFactory(valid_from=NOON - timedelta(days=1), valid_to=NOON + timedelta(hours=1))

    text = refusal(
        "INSERT INTO catalog_price"
        " (variant_id, price_list_id, min_quantity, unit_price, valid_from, valid_to)"
        " VALUES (%s, %s, 1, 5, %s, %s)",
        price.variant_id,
        price.price_list_id,
        valid_from,
        valid_to,
    )

    assert "catalog_price_no_overlap" in text


def test_prices_may_follow_each_other_to_the_moment():
    price = PriceFactory(valid_to=NOON)

    next_price = PriceFactory(variant=price.variant, price_list=price.price_list, valid_from=NOON)

    assert next_price.pk


@pytest.mark.parametrize("difference", ["variant", "price_list", "min_quantity"])
def test_prices_of_different_things_hold_at_the_same_time(difference):
    price = PriceFactory()
    same = {"variant": price.variant, "price_list": price.price_list, "min_quantity": 1}
    other = {"variant": VariantFactory, "price_list": PriceListFactory, "min_quantity": lambda: 10}

    beside = PriceFactory(**{**same, difference: other[difference]()})

    assert beside.pk


@pytest.mark.parametrize("valid_to", [NOON, NOON - timedelta(seconds=1)])
def test_price_ends_after_it_begins(valid_to):
    price = PriceFactory(valid_from=NOON)

    text = refusal("UPDATE catalog_price SET valid_to = %s WHERE id = %s", valid_to, price.pk)

    assert "catalog_price_ends_after_it_begins" in text


@pytest.mark.parametrize("valid_to", [NOON, NOON - timedelta(seconds=1)])
def test_price_list_ends_after_it_begins(valid_to):
    price_list = PriceListFactory(valid_from=NOON)

    text = refusal(
        "UPDATE catalog_pricelist SET valid_to = %s WHERE id = %s", valid_to, price_list.pk
    )

    assert "catalog_pricelist_ends_after_it_begins" in text


@pytest.mark.parametrize("unit_price", [Decimal("-0.0001"), Decimal("NaN")])
def test_price_is_not_negative_and_a_number(unit_price):
    price = PriceFactory()

    text = refusal("UPDATE catalog_price SET unit_price = %s WHERE id = %s", unit_price, price.pk)

    assert "catalog_price_not_negative" in text


def test_price_holds_from_one_unit_on():
    price = PriceFactory()

    text = refusal("UPDATE catalog_price SET min_quantity = 0 WHERE id = %s", price.pk)

    assert "catalog_price_min_quantity_positive" in text


@pytest.mark.parametrize("code", ["", " CODE"])
def test_barcode_is_not_empty_and_has_no_outer_blanks(code):
    barcode = BarcodeFactory()

    text = refusal("UPDATE catalog_barcode SET code = %s WHERE id = %s", code, barcode.pk)

    assert "catalog_barcode_code_without_outer_blanks" in text


def test_barcode_stands_for_at_least_one_unit():
    barcode = BarcodeFactory()

    text = refusal("UPDATE catalog_barcode SET pack_size = 0 WHERE id = %s", barcode.pk)

    assert "catalog_barcode_pack_size_positive" in text


@pytest.mark.parametrize("has_parent", [True, False])
def test_category_has_a_name_of_its_own_among_its_siblings(has_parent):
    parent = CategoryFactory() if has_parent else None
    category = CategoryFactory(name="Shirts", parent=parent)

    text = refusal(
        "INSERT INTO catalog_category (name, parent_id) SELECT name, parent_id"
        " FROM catalog_category WHERE id = %s",
        category.pk,
    )

    assert "catalog_category_name_once_per_parent" in text


def test_category_does_not_lie_within_itself():
    category = CategoryFactory()

    text = refusal("UPDATE catalog_category SET parent_id = id WHERE id = %s", category.pk)

    assert "catalog_category_not_its_own_parent" in text


@pytest.mark.parametrize("name", ["", "A > B"])
def test_category_name_can_stand_in_a_path(name):
    category = CategoryFactory()

    text = refusal("UPDATE catalog_category SET name = %s WHERE id = %s", name, category.pk)

    assert "catalog_category_name_without_arrow" in text


@pytest.mark.parametrize("rate", [Decimal(0), Decimal(-1), Decimal("NaN")])
def test_exchange_rate_is_more_than_zero(rate):
    row = ExchangeRateFactory()

    text = refusal("UPDATE catalog_exchangerate SET rate = %s WHERE id = %s", rate, row.pk)

    assert "catalog_exchangerate_positive" in text


@pytest.mark.parametrize(
    ("factory", "copy", "constraint"),
    [
        (
            ExchangeRateFactory,
            (
                "INSERT INTO catalog_exchangerate (currency, valid_on, rate)"
                " SELECT currency, valid_on, rate FROM catalog_exchangerate"
            ),
            "catalog_exchangerate_one_per_day",
        ),
        (
            BrandFactory,
            "INSERT INTO catalog_brand (name) SELECT name FROM catalog_brand",
            "catalog_brand_name",
        ),
        (
            TaxClassFactory,
            "INSERT INTO catalog_taxclass (code, name) SELECT code, name FROM catalog_taxclass",
            "catalog_taxclass_code",
        ),
        (
            PriceListFactory,
            (
                "INSERT INTO catalog_pricelist (code, name, currency, is_tax_included, priority)"
                " SELECT code, name, currency, is_tax_included, priority FROM catalog_pricelist"
            ),
            "catalog_pricelist_code",
        ),
        (
            BarcodeFactory,
            (
                "INSERT INTO catalog_barcode (code, variant_id, pack_size)"
                " SELECT code, variant_id, pack_size FROM catalog_barcode"
            ),
            "catalog_barcode_code",
        ),
    ],
)
def test_row_with_the_same_key_is_refused(factory, copy, constraint):
    factory()

    assert constraint in refusal(copy)


def test_history_keeps_what_raw_sql_overwrites():
    variant = VariantFactory(sku="OLD")

    with connection.cursor() as cursor:
        cursor.execute("UPDATE catalog_variant SET sku = 'NEW' WHERE id = %s", [variant.pk])

    assert variant.events.get().sku == "OLD"
    assert Variant.objects.get().sku == "NEW"
    assert not Product.objects.get().events.exists()
