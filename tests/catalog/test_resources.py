from datetime import timedelta
from decimal import Decimal

import pytest

from catalog.models import Brand, Category, Price, Product, Variant
from catalog.resources import ProductFileRefused, ProductResource, TableCsv, load_products
from retail.common.tabular import BrokenFile, DuplicateColumn
from tests.factories.catalog import (
    BrandFactory,
    CategoryFactory,
    PriceFactory,
    PriceListFactory,
    ProductFactory,
    TaxClassFactory,
    VariantFactory,
)
from tests.factories.common import NOON

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(days=1)

TEES = """\
product,brand,category,status,sku,gtin,variant,option: Color,weight_grams,tax_class,price: WEB
Tee,Acme,Clothing > Shirts,active,TEE-R,4006381333931,Red,Red,150,STANDARD,9.99
Tee,Acme,Clothing > Shirts,active,TEE-B,,Blue,Blue,150,STANDARD,9.99
Mug,,Kitchen,draft,MUG,,,,,,4.5
"""


@pytest.fixture
def web():
    return PriceListFactory(code="WEB")


@pytest.fixture
def standard():
    return TaxClassFactory(code="STANDARD")


@pytest.fixture
def load(tmp_path):
    """Return a function that takes in a file with this text."""

    def load(text, at=NOON):
        path = tmp_path / "products.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_products(path=path, at=at)

    return load


@pytest.fixture
def problems_of(load):
    """Return a function that returns why a file is refused, after checking that nothing changed."""

    def problems_of(text):
        before = everything()
        with pytest.raises(ProductFileRefused) as refused:
            load(text)
        assert everything() == before
        return refused.value.problems

    return problems_of


def everything():
    models = (Brand, Category, Product, Variant, Price)
    return [list(model.objects.order_by("pk").values()) for model in models]


def test_new_file_makes_products_with_their_variants(load, web, standard):
    result = load(TEES)

    assert dict(result.totals) == {
        "new": 3,
        "update": 0,
        "delete": 0,
        "skip": 0,
        "error": 0,
        "invalid": 0,
    }
    tee, mug = Product.objects.order_by("-name")
    assert (tee.name, tee.brand.name, tee.status) == ("Tee", "Acme", "ACTIVE")
    assert (tee.category.name, tee.category.parent.name) == ("Shirts", "Clothing")
    assert (mug.brand, mug.category.name, mug.status) == (None, "Kitchen", "DRAFT")
    red = tee.variants.get(sku="TEE-R")
    assert (red.gtin, red.name, red.options, red.weight_grams, red.tax_class) == (
        "4006381333931",
        "Red",
        {"Color": "Red"},
        150,
        standard,
    )
    assert tee.variants.get(sku="TEE-B").gtin is None
    assert red.prices.get().unit_price == Decimal("9.99")
    assert red.prices.get().valid_from == NOON


@pytest.mark.usefixtures("web", "standard")
def test_same_file_again_changes_nothing(load):
    load(TEES)
    before = everything()

    result = load(TEES, at=LATER)

    assert result.totals["skip"] == 3
    assert everything() == before


@pytest.mark.usefixtures("standard")
def test_changed_file_changes_what_differs(load, web):
    load(TEES)
    changed = TEES.replace("Clothing > Shirts", "Clothing > Tees").replace(
        "Blue,Blue,150,STANDARD,9.99", "Navy,Navy,160,STANDARD,12"
    )

    result = load(changed, at=LATER)

    assert (result.totals["update"], result.totals["skip"], result.totals["new"]) == (2, 1, 0)
    blue = Variant.objects.get(sku="TEE-B")
    assert (blue.name, blue.options, blue.weight_grams) == ("Navy", {"Color": "Navy"}, 160)
    assert blue.product.category.name == "Tees"
    assert blue.product.updated_at == LATER
    assert list(blue.prices.order_by("valid_from").values_list("unit_price", "valid_to")) == [
        (Decimal("9.99"), LATER),
        (Decimal(12), None),
    ]


def test_columns_left_out_keep_what_they_hold(load):
    variant = VariantFactory(sku="TEE", gtin="4006381333931", options={"Color": "Red"})

    load("sku,weight_grams\nTEE,99\n")

    variant.refresh_from_db()
    assert (variant.weight_grams, variant.gtin, variant.options) == (
        99,
        "4006381333931",
        {"Color": "Red"},
    )


def test_empty_cells_clear_but_never_end_a_price_or_a_status(load, web):
    variant = VariantFactory(
        sku="TEE",
        gtin="4006381333931",
        options={"Color": "Red"},
        is_stocked=False,
        product__brand=BrandFactory(),
    )
    PriceFactory(variant=variant, price_list=web, unit_price=5)

    load("sku,gtin,brand,option: Color,stocked,status,price: web\nTEE,,,,,,\n")

    variant.refresh_from_db()
    assert (variant.gtin, variant.product.brand, variant.options) == (None, None, {})
    assert (variant.is_stocked, variant.product.status) == (False, "ACTIVE")
    assert variant.prices.get().valid_to is None


def test_sku_is_found_whatever_its_case_and_keeps_its_spelling(load):
    VariantFactory(sku="Tee-Röd")

    result = load("sku,variant\nTEE-RÖD,Red\n")

    assert result.totals["update"] == 1
    assert (Variant.objects.get().sku, Variant.objects.get().name) == ("Tee-Röd", "Red")


def test_brand_and_category_are_found_whatever_their_case(load):
    BrandFactory(name="Acme")
    CategoryFactory(name="Tees", parent=CategoryFactory(name="Clothing"))

    load("sku,product,brand,category\nA,A,ACME,clothing>TEES\nB,B, acme ,Clothing > Tees\n")

    assert Brand.objects.count() == 1
    assert Category.objects.count() == 2


def test_new_sku_of_a_known_product_becomes_its_variant(load):
    tee = VariantFactory(product__name="Tee", product__brand=BrandFactory(name="Acme")).product

    load("product,brand,sku\nTEE,acme,TEE-NEW\n")

    assert Variant.objects.get(sku="TEE-NEW").product == tee


def test_product_is_renamed_by_its_variants(load):
    variant = VariantFactory(sku="TEE", product__name="Tee")

    load("product,sku\nT-shirt,TEE\nT-shirt,TEE-2\n")

    assert Product.objects.get().name == "T-shirt"
    assert set(Product.objects.get().variants.all()) == {
        variant,
        Variant.objects.get(sku="TEE-2"),
    }


@pytest.mark.parametrize(
    ("file", "problem"),
    [
        ("sku,product\nA,\n", "Line 2, product: This must not be empty."),
        ("sku\nA\n", "Line 2, product: This SKU is new: name its product."),
        ("sku,product\n,X\n", "Line 2, sku: This must not be empty."),
        ("sku,product\nA,A\na,A\n", "Line 3, sku: a is on line 2 already."),
        ("sku,product\nA,A\n A ,A\n", "Line 3, sku: A is on line 2 already."),
        (
            "sku,product,gtin\nA,A,4006381333932\n",
            "Line 2, gtin: 4006381333932 is not a valid GTIN: wrong length or wrong check digit.",
        ),
        ("sku,product,gtin\nA,A,400-6381333931\n", "holds more than digits"),
        (
            "sku,product,gtin\nA,A,4.00638E+12\n",
            "Line 2, gtin: 4.00638E+12 was rounded by a spreadsheet: format the column as text",
        ),
        ("sku,product\n1.2E+5,A\n", "Line 2, sku: 1.2E+5 was rounded by a spreadsheet"),
        (
            "sku,product,gtin\nA,A,036000291452\nB,B,0036000291452\n",
            "Line 3, gtin: 0036000291452 is on line 2 already.",
        ),
        ("sku,product,price: WEB\nA,A,-1\n", "Line 2, price: WEB: -1 is no price"),
        ("sku,product,price: WEB\nA,A,1e3\n", "Line 2, price: WEB: '1e3' is not a number."),
        ("sku,product,price: WEB\nA,A,0.00001\n", "has more than 4 decimals"),
        ("sku,product,weight_grams\nA,A,1.5\n", "Line 2, weight_grams: '1.5' is not a number."),
        ("sku,product,weight_grams\nA,A,-5\n", "-5 is no weight in grams."),
        ("sku,product,volume_ml\nA,A,-5\n", "-5 is no volume in milliliters."),
        ("sku,product,stocked\nA,A,maybe\n", "maybe is neither yes nor no."),
        ("sku,product,status\nA,A,sold\n", "sold is no status; use DRAFT, ACTIVE, DISCONTINUED."),
        (
            "sku,product,tax_class\nA,A,FULL\n",
            "Line 2, tax_class: There is no tax class FULL. There are: STANDARD.",
        ),
        ("sku,product,category\nA,A,X > > Y\n", "X > > Y is no category"),
        (f"sku,product\n{'A' * 65},A\n", "This has 65 characters; at most 64 fit."),
        (
            "sku,product,brand\nA,Tee,Acme\nB,Tee,Acme\nC,Tee,acme\nC,Tee,\n",
            "Line 5, sku: C is on line 4 already.",
        ),
        (
            "sku,product,category\nA,Tee,X\nB,Tee,Y\n",
            'Line 3, category: "Y" here but "X" on line 2, for one product.',
        ),
        ("sku,product\nA,A,extra\n", "Line 2, line: The line has 3 columns instead of 2."),
        ("sku,product\n\n\nA,\n", "Line 4, product: This must not be empty."),
        ("product\nA\n", 'Line 1: The column "sku" is missing'),
        ("sku,colour\nA,Red\n", 'Line 1: There is no column "colour". There are: product,'),
        ("sku,price: EBAY\nA,1\n", 'Line 1: There is no column "price: EBAY".'),
        ("sku,SKU\nA,B\n", 'Line 1: The column "sku" stands there 2 times.'),
    ],
)
@pytest.mark.usefixtures("web", "standard")
def test_mistake_is_named_by_its_line_and_nothing_is_taken_in(problems_of, file, problem):
    assert any(problem in text for text in problems_of(file)), problems_of(file)


def test_every_mistake_is_named_at_once(problems_of):
    good = "G,Good,\n"

    problems = problems_of(f"sku,product,gtin\n{good}A,A,1\nB,,\n1E5,D,2\n")

    assert [text.partition(": ")[0] for text in problems] == [
        "Line 3, gtin",
        "Line 4, product",
        "Line 4, product",
        "Line 5, sku",
        "Line 5, gtin",
    ]


def test_gtin_of_another_variant_is_refused_by_name(problems_of):
    VariantFactory(sku="OTHER", gtin="036000291452")

    problems = problems_of("sku,product,gtin\nA,A,0036000291452\n")

    assert problems == ["Line 2, gtin: 0036000291452 belongs to OTHER already."]


def test_product_that_cannot_be_told_from_another_is_refused(problems_of):
    ProductFactory.create_batch(2, name="Tee")

    problems = problems_of("sku,product\nA,Tee\n")

    assert problems == ["Line 2, product: 2 products have this name: which one is meant?"]


def test_active_product_never_becomes_a_draft_by_a_file(problems_of):
    VariantFactory(sku="TEE", product__name="Tee")

    problems = problems_of("sku,status\nTEE,draft\n")

    assert problems == ["Line 2, status: Tee is ACTIVE and cannot become DRAFT."]


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", BrokenFile),
        (b"sku,product\nA,\0\n", BrokenFile),
        (b'sku,product\n"A,B\n', BrokenFile),
        (b"sku,sku\nA,B\n", DuplicateColumn),
    ],
)
def test_file_that_is_no_table_is_refused(load, content, refusal):
    with pytest.raises(refusal):
        load(content)

    assert not Product.objects.exists()


def test_semicolons_and_a_byte_order_mark_are_understood(load):
    load("\ufeffSKU;Product;Weight grams\nA;Tee, red;150\n")

    assert Variant.objects.get().weight_grams == 150
    assert Product.objects.get().name == "Tee, red"


@pytest.mark.usefixtures("standard")
def test_download_comes_in_again_without_a_change(load, web):
    load(TEES.replace("TEE-R", "=TEE-R").replace("Red,Red", "+Red,-Red"))
    before = everything()
    resource = ProductResource(at=LATER)

    text = TableCsv().export_data(resource.export())
    result = load(text, at=LATER)

    assert text.splitlines()[0] == (
        "\ufeffproduct,brand,category,status,sku,gtin,variant,weight_grams,volume_ml,tax_class,stocked,unit,"
        "option: Color,price: WEB"
    )
    assert result.totals["skip"] == 3
    assert everything() == before


@pytest.mark.parametrize("count", [2, 200])
def test_file_asks_the_database_as_often_for_many_lines_as_for_few(
    load, web, count, django_assert_num_queries
):
    lines = [f"P{n},Brand,A > B,active,SKU-{n},{n}.50" for n in range(count)]
    text = "\n".join(["product,brand,category,status,sku,price: WEB", *lines])

    with django_assert_num_queries(27):
        load(text)

    assert Price.objects.count() == count


@pytest.mark.parametrize("count", [1, 3])
def test_download_asks_the_database_as_often_for_many_lines_as_for_few(
    count, django_assert_num_queries
):
    for _ in range(count):
        PriceFactory(variant__product__category=CategoryFactory(parent=CategoryFactory()))
    resource = ProductResource()

    with django_assert_num_queries(3):
        dataset = resource.export()

    assert len(dataset) == count
