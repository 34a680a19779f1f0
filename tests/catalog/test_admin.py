from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from catalog.models import Barcode, Category, Price, Product, Variant
from tests.factories.catalog import (
    BarcodeFactory,
    CategoryFactory,
    PriceFactory,
    PriceListFactory,
    ProductFactory,
    VariantFactory,
)
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db

CSV, XLSX = "0", "1"
FILE = "product,brand,sku,gtin,price: WEB\nTee,Acme,TEE,4006381333931,9.99\nMug,,MUG,,5\n"


@pytest.fixture
def browser():
    return browser_of(superuser())


def act(variant, name):
    return reverse("admin:catalog_variant_act", args=[variant.pk, name])


def preview(browser, text, file_format=CSV):
    content = text if isinstance(text, bytes) else text.encode()
    return browser.post(
        reverse("admin:catalog_product_import"),
        {"import_file": SimpleUploadedFile("products.csv", content), "format": file_format},
    )


def confirm(browser, page):
    form = page.context["confirm_form"]
    return browser.post(reverse("admin:catalog_product_process_import"), form.initial)


def test_product_file_is_previewed_before_it_is_taken_in(browser):
    PriceListFactory(code="WEB")

    page = preview(browser, FILE)

    assert page.context["result"].totals["new"] == 2
    assert not Product.objects.exists()

    answer = confirm(browser, page)

    assert answer.status_code == 302
    assert set(Variant.objects.values_list("sku", "product__name")) == {
        ("TEE", "Tee"),
        ("MUG", "Mug"),
    }
    assert Price.objects.count() == 2


def test_product_file_with_a_mistake_shows_its_line_and_offers_no_way_on(browser):
    page = preview(browser, FILE.replace("4006381333931", "4006381333932").replace("WEB", "NO"))

    text = page.content.decode()
    assert "There is no column &quot;price: NO&quot;" in text
    assert "confirm_form" not in page.context

    PriceListFactory(code="NO")
    page = preview(browser, FILE.replace("4006381333931", "4006381333932").replace("WEB", "NO"))

    text = page.content.decode()
    assert "Line 2, gtin:" in text
    assert "4006381333932 is not a valid GTIN" in text
    assert "confirm_form" not in page.context
    assert not Product.objects.exists()


def test_product_file_that_does_not_fit_any_more_is_not_taken_in(browser):
    PriceListFactory(code="WEB")
    page = preview(browser, FILE)
    VariantFactory(sku="OTHER", gtin="4006381333931")

    answer = confirm(browser, page)

    assert answer.url == reverse("admin:catalog_product_import")
    assert not Variant.objects.filter(sku__in=["TEE", "MUG"]).exists()


def test_file_that_is_no_table_is_refused_in_words(browser):
    page = preview(browser, b"sku,product\nA,\0\n")

    assert "A NUL character stands here: this is not a text file." in page.content.decode()


@pytest.mark.parametrize("file_format", [CSV, XLSX])
def test_downloaded_file_comes_in_again_unchanged(browser, file_format):
    PriceFactory(variant__options={"Color": "Red"}, variant__gtin="0036000291452")

    file = browser.post(reverse("admin:catalog_product_export"), {"format": file_format})
    page = preview(browser, file.content, file_format)

    assert file.headers["Content-Disposition"].startswith('attachment; filename="products-')
    assert page.context["result"].totals["skip"] == 1


def test_product_file_needs_the_permissions_to_change_all_of_it():
    browser = browser_of(person_who_may("catalog.view_product", "catalog.change_product"))

    assert preview(browser, FILE).status_code == 403
    assert browser.get(reverse("admin:catalog_product_export")).status_code == 200


def test_product_list_offers_upload_and_download_to_those_who_may(browser):
    upload, download = (reverse(f"admin:catalog_product_{act}") for act in ("import", "export"))
    reader = browser_of(person_who_may("catalog.view_product"))
    products = reverse("admin:catalog_product_changelist")

    shown = browser.get(products).content.decode()
    shown_to_reader = reader.get(products).content.decode()

    assert (upload in shown, download in shown) == (True, True)
    assert (upload in shown_to_reader, download in shown_to_reader) == (False, True)


def test_change_price_lets_it_hold_from_now_on(browser):
    price = PriceFactory(unit_price=10)

    answer = browser.post(
        act(price.variant, "price"),
        {"key": "k", "price_list": price.price_list_id, "unit_price": "8.50", "min_quantity": "1"},
        follow=True,
    )

    assert "costs 8.50 GBP" in answer.content.decode()
    assert list(
        price.variant.prices.filter(valid_to=None).values_list("unit_price", flat=True)
    ) == [Decimal("8.5")]


def test_link_barcode_tells_whose_it_is_already(browser):
    barcode = BarcodeFactory(code="PACK")

    answer = browser.post(
        act(VariantFactory(), "barcode"), {"key": "k", "code": "PACK", "pack_size": "1"}
    )

    assert f"The code PACK belongs to {barcode.variant} already." in answer.content.decode()
    assert Barcode.objects.count() == 1


def test_discontinue_is_confirmed_with_its_consequences(browser):
    product = VariantFactory().product
    url = reverse("admin:catalog_product_act", args=[product.pk, "discontinue"])

    page = browser.get(url)
    browser.post(url, {"key": "k"})

    assert "It is not bought again." in page.content.decode()
    product.refresh_from_db()
    assert product.status == Product.Status.DISCONTINUED


def test_status_cannot_be_typed_into_the_form(browser):
    product = ProductFactory(status=Product.Status.DRAFT)
    page = browser.get(reverse("admin:catalog_product_change", args=[product.pk]))

    assert 'name="status"' not in page.content.decode()


def variant_form(variant, **changes):
    form = {
        "product": variant.product_id,
        "name": "",
        "sku": variant.sku,
        "gtin": "",
        "options": "",
        "weight_grams": "",
        "volume_ml": "",
        "base_unit": "piece",
        "is_stocked": "on",
        "is_active": "on",
        "tax_class": "",
        "components-TOTAL_FORMS": "0",
        "components-INITIAL_FORMS": "0",
        "prices-TOTAL_FORMS": "0",
        "prices-INITIAL_FORMS": "0",
        "barcodes-TOTAL_FORMS": "0",
        "barcodes-INITIAL_FORMS": "0",
        **changes,
    }
    return reverse("admin:catalog_variant_change", args=[variant.pk]), form


def test_variant_form_reads_options_line_by_line(browser):
    variant = VariantFactory(options={"Color": "Red"})
    url, form = variant_form(variant, options="Color: Blue\n\nSize: 42\n")

    page = browser.get(url)
    browser.post(url, form)

    assert "Color: Red" in page.content.decode()
    variant.refresh_from_db()
    assert variant.options == {"Color": "Blue", "Size": "42"}


def test_variant_form_keeps_two_variants_without_gtin_apart(browser):
    VariantFactory(gtin=None)
    variant = VariantFactory(gtin="96385074")
    url, form = variant_form(variant)

    answer = browser.post(url, form)

    assert answer.status_code == 302
    variant.refresh_from_db()
    assert variant.gtin is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sku": "taken"}, "Another variant has this SKU."),
        ({"gtin": "4006381333932"}, "wrong length or wrong check digit"),
        ({"options": "Red"}, "Write &quot;Red&quot; as name: value."),
        ({"options": "A: 1\nA: 2"}, "A stands there twice."),
        ({"weight_grams": "-1"}, "Weight and volume are not negative."),
    ],
)
def test_variant_form_refuses_in_words(browser, changes, words):
    VariantFactory(sku="TAKEN")
    variant = VariantFactory(sku="MINE")
    url, form = variant_form(variant, **changes)

    answer = browser.post(url, form)

    assert words in answer.content.decode()
    variant.refresh_from_db()
    assert (variant.sku, variant.gtin, variant.options) == ("MINE", None, {})


def test_category_form_refuses_a_place_within_itself(browser):
    top = CategoryFactory()
    inner = CategoryFactory(parent=CategoryFactory(parent=top))

    answer = browser.post(
        reverse("admin:catalog_category_change", args=[top.pk]),
        {"name": top.name, "parent": inner.pk},
    )

    assert "A category cannot lie within itself." in answer.content.decode()
    assert Category.objects.get(pk=top.pk).parent is None


@pytest.mark.parametrize("words", ["tee-röd", "4006381", "T-shirt"])
def test_variants_are_searched_by_every_code_and_name(browser, words):
    VariantFactory(sku="TEE-RÖD", gtin="4006381333931", product__name="T-shirt")
    other = VariantFactory(sku="OTHER")

    page = browser.get(reverse("admin:catalog_variant_changelist"), {"q": words})

    assert [variant.sku for variant in page.context["cl"].result_list] == ["TEE-RÖD"]
    assert other.sku not in page.content.decode()


@pytest.mark.parametrize(
    "code",
    ["tee", "036000291452", "00036000291452", "(01)00036000291452", "]E00036000291452", "box-6"],
)
@pytest.mark.parametrize("place", ["list", "field"])
def test_variants_are_found_by_whatever_a_scanner_sends(browser, place, code):
    """A field that suggests articles as one types is scanned into as well."""
    tee = VariantFactory(sku="TEE", gtin="036000291452")
    tee.barcodes.create(code="BOX-6", pack_size=6)
    VariantFactory(sku="OTHER")

    if place == "list":
        page = browser.get(reverse("admin:catalog_variant_changelist"), {"q": code})
        found = [variant.pk for variant in page.context["cl"].result_list]
    else:
        asked = {"app_label": "catalog", "model_name": "price", "field_name": "variant"}
        answer = browser.get(reverse("admin:autocomplete"), {"term": code} | asked)
        found = [int(row["id"]) for row in answer.json()["results"]]

    assert found == [tee.pk]


def test_a_code_that_begins_other_skus_finds_them_too(browser):
    VariantFactory(sku="PEN-2"), VariantFactory(sku="PEN"), VariantFactory(sku="CUP")

    page = browser.get(reverse("admin:catalog_variant_changelist"), {"q": "pen"})

    assert [variant.sku for variant in page.context["cl"].result_list] == ["PEN", "PEN-2"]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(
    ("name", "factory", "queries"),
    [
        ("product", VariantFactory, 6),
        ("variant", VariantFactory, 5),
        ("price", PriceFactory, 5),
        ("barcode", BarcodeFactory, 4),
    ],
)
def test_list_asks_the_database_as_often_for_three_rows_as_for_one(
    browser, name, factory, queries, count, django_assert_num_queries
):
    factory.create_batch(count)
    url = reverse(f"admin:catalog_{name}_changelist")
    browser.get(url)

    with django_assert_num_queries(queries):
        page = browser.get(url)

    assert len(page.context["cl"].result_list) == count
