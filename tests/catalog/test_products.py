import pytest

from catalog.models import Barcode, Product
from catalog.operations import (
    BarcodeTaken,
    NothingToSell,
    activate_product,
    discontinue_product,
    link_barcode,
)
from retail.common.errors import WrongStatus
from tests.factories.catalog import BarcodeFactory, ProductFactory, VariantFactory
from tests.factories.common import NOON

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("status", [Product.Status.DRAFT, Product.Status.DISCONTINUED])
def test_activate_product_puts_it_on_sale(status):
    product = VariantFactory(product__status=status).product

    activate_product(product_id=product.pk, at=NOON)

    product.refresh_from_db()
    assert (product.status, product.updated_at) == (Product.Status.ACTIVE, NOON)


def test_activate_product_twice_is_refused():
    product = VariantFactory(product__status=Product.Status.DRAFT).product
    activate_product(product_id=product.pk, at=NOON)

    with pytest.raises(WrongStatus, match="is active and cannot become active"):
        activate_product(product_id=product.pk, at=NOON)


def test_activate_product_without_variants_is_refused():
    product = ProductFactory(status=Product.Status.DRAFT)

    with pytest.raises(NothingToSell, match="no variant yet"):
        activate_product(product_id=product.pk, at=NOON)

    product.refresh_from_db()
    assert product.status == Product.Status.DRAFT


def test_discontinue_product_marks_it_and_keeps_what_it_was():
    product = VariantFactory().product

    discontinue_product(product_id=product.pk, at=NOON)

    product.refresh_from_db()
    assert (product.status, product.updated_at) == (Product.Status.DISCONTINUED, NOON)
    assert product.events.get().status == Product.Status.ACTIVE


def test_discontinue_product_twice_is_refused():
    product = ProductFactory(status=Product.Status.DISCONTINUED)

    with pytest.raises(WrongStatus):
        discontinue_product(product_id=product.pk, at=NOON)


def test_link_barcode_makes_a_code_mean_a_pack():
    variant = VariantFactory()

    barcode = link_barcode(variant_id=variant.pk, code=" PACK-6 ", pack_size=6)

    assert (barcode.code, barcode.variant, barcode.pack_size) == ("PACK-6", variant, 6)


def test_link_barcode_again_changes_nothing():
    variant = VariantFactory()
    first = link_barcode(variant_id=variant.pk, code="PACK-6", pack_size=6)

    assert link_barcode(variant_id=variant.pk, code="PACK-6", pack_size=6) == first
    assert Barcode.objects.count() == 1


def test_link_barcode_for_another_number_of_units_is_refused():
    barcode = BarcodeFactory(code="PACK-6", pack_size=6)

    with pytest.raises(BarcodeTaken, match="stands for 6 x"):
        link_barcode(variant_id=barcode.variant_id, code="PACK-6", pack_size=12)

    barcode.refresh_from_db()
    assert barcode.pack_size == 6


@pytest.mark.parametrize("code", ["tee-1", "4006381333931", "PACK-6"])
def test_link_barcode_that_means_another_variant_is_refused(code):
    tee = VariantFactory(sku="TEE-1", gtin="4006381333931")
    BarcodeFactory(code="PACK-6", variant=tee)

    with pytest.raises(BarcodeTaken, match=f"The code {code} belongs to TEE-1 already"):
        link_barcode(variant_id=VariantFactory().pk, code=code)

    assert Barcode.objects.count() == 1
