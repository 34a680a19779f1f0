"""New articles that are not on sale yet."""

import pytest

from catalog.models import Product, Variant
from catalog.operations import CodeTaken, InvalidArticle, create_draft
from tests.factories.catalog import CategoryFactory, TaxClassFactory, VariantFactory
from tests.factories.common import NOON

pytestmark = pytest.mark.django_db
GTIN = "4006381333931"


def test_draft_is_a_product_that_is_not_sold_with_one_variant():
    category, tax_class = CategoryFactory(), TaxClassFactory()

    variant = create_draft(
        sku=" NEW-1 ",
        name=" Pencil ",
        gtin=GTIN,
        category=category,
        tax_class=tax_class,
        at=NOON,
    )

    variant.refresh_from_db()
    product = variant.product
    assert (product.name, product.status, product.category) == ("Pencil", "DRAFT", category)
    assert (variant.sku, variant.gtin, variant.tax_class) == ("NEW-1", GTIN, tax_class)
    assert (product.created_at, variant.updated_at) == (NOON, NOON)


def test_draft_without_a_gtin_has_none():
    first, second = (create_draft(sku=sku, name="Pencil", at=NOON) for sku in ("A", "B"))

    assert (first.gtin, second.gtin) == (None, None)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sku": " "}, "needs an SKU"),
        ({"name": ""}, "needs an SKU and a name"),
        ({"sku": "S" * 65}, "64 characters"),
        ({"name": "N" * 201}, "200 characters"),
        ({"gtin": "4006381333932"}, "check digit"),
    ],
)
def test_draft_is_refused_when_something_is_wrong(values, says):
    with pytest.raises(InvalidArticle, match=says):
        create_draft(**{"sku": "NEW-1", "name": "Pencil", "at": NOON, **values})

    assert Product.objects.count() == 0


@pytest.mark.parametrize(
    "values", [{"sku": "new-1"}, {"gtin": "0" + GTIN}], ids=["sku in other case", "gtin with zero"]
)
def test_draft_of_a_known_code_is_refused_and_names_whose_it_is(values):
    VariantFactory(sku="NEW-1", gtin=GTIN)

    with pytest.raises(CodeTaken, match="NEW-1 has the") as refusal:
        create_draft(**{"sku": "NEW-2", "name": "Pencil", "at": NOON, **values})

    assert refusal.value.details["sku"] == "NEW-1"
    assert Variant.objects.count() == 1
