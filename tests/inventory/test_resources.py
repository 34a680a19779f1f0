"""Safety stock as a file: previewed, taken in whole or not at all, and given out again."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from inventory.models import AvailabilityChange, SafetyStock
from tests.factories.catalog import BundleComponentFactory, VariantFactory
from tests.factories.inventory_offers import SafetyStockFactory, offer
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db


def address(act):
    return reverse(f"admin:inventory_safetystock_{act}")


@pytest.fixture
def browser():
    acts = ("view", "add", "change")
    return browser_of(person_who_may(*(f"inventory.{act}_safetystock" for act in acts)))


def preview(browser, *lines):
    content = "\n".join(lines).encode()
    return browser.post(
        address("import"),
        {"import_file": SimpleUploadedFile("safety.csv", content), "format": "0"},
    )


def take_in(browser, *lines):
    page = preview(browser, *lines)
    return browser.post(address("process_import"), page.context["confirm_form"].initial)


def kept():
    return dict(SafetyStock.objects.order_by("pk").values_list("variant__sku", "units"))


def test_file_sets_safety_stock_and_changes_only_what_it_names(browser):
    VariantFactory(sku="MUG"), VariantFactory(sku="TEE", gtin="4006381333931")
    SafetyStockFactory(variant=VariantFactory(sku="CUP"), units=5)
    SafetyStockFactory(variant=VariantFactory(sku="PEN"), units=7)

    answer = take_in(browser, "sku;units", "mug;3", "4006381333931;4", "CUP;0")

    assert answer.status_code == 302
    assert kept() == {"CUP": 0, "PEN": 7, "MUG": 3, "TEE": 4}


def test_file_that_is_taken_in_makes_its_listings_due(browser):
    listing = offer().listing
    AvailabilityChange.objects.all().delete()

    take_in(browser, "sku,units", f"{listing.variant.sku},4")

    assert list(AvailabilityChange.objects.values_list("variant", flat=True)) == [
        listing.variant_id
    ]


def test_file_is_previewed_first_and_the_same_file_again_changes_nothing(browser):
    SafetyStockFactory(variant=VariantFactory(sku="CUP"), units=5)
    lines = ("sku,units", "CUP,5")

    page = preview(browser, *lines)
    take_in(browser, *lines)

    assert page.context["result"].totals["skip"] == 1
    assert kept() == {"CUP": 5}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("CUPS,1", "Line 3: No article has the SKU, GTIN or barcode &#x27;CUPS&#x27;."),
        ("CUP,-1", "Line 3: Safety stock is 0 to 999,999,999 units, not -1."),
        ("CUP,1.5", "Line 3: "),
        ("CUP,", "Line 3: "),
        ("MUG,2", "Line 2: MUG stands in 2 lines."),
        ("SET,2", "Line 3: SET is not kept in stock."),
        ("CUP,2,3", "Line 3: "),
    ],
)
def test_file_with_a_mistake_names_its_line_and_is_not_taken_in(browser, line, said):
    VariantFactory(sku="MUG"), VariantFactory(sku="CUP")
    BundleComponentFactory(bundle__sku="SET")

    page = preview(browser, "sku,units", "MUG,1", line)

    told = [
        f"{place}: {text}"
        for invalid in page.context["result"].invalid_rows
        for place, texts in invalid.error.message_dict.items()
        for text in texts
    ]
    assert any(text.startswith(said.replace("&#x27;", "'")) for text in told), told
    assert "confirm_form" not in page.context
    assert kept() == {}


def test_file_without_its_columns_is_refused(browser):
    page = preview(browser, "article,units", "MUG,1")

    assert "The file needs the columns sku and units; sku is missing." in page.content.decode()
    assert "confirm_form" not in page.context


def test_file_that_does_not_fit_any_more_is_not_taken_in(browser):
    VariantFactory(sku="MUG")
    cup = VariantFactory(sku="CUP")
    page = preview(browser, "sku,units", "MUG,1", "CUP,2")
    cup.delete()

    answer = browser.post(
        address("process_import"), page.context["confirm_form"].initial, follow=True
    )

    assert "Nothing was taken in" in answer.content.decode()
    assert kept() == {}


def test_what_is_given_out_can_be_taken_in(browser):
    SafetyStockFactory(variant=VariantFactory(sku="CUP"), units=5)

    answer = browser.post(
        address("export"),
        {
            "format": "0",
            "safetystockresource_sku": "on",
            "safetystockresource_product": "on",
            "safetystockresource_units": "on",
        },
    )
    text = answer.content.decode("utf-8-sig")
    SafetyStock.objects.update(units=9)
    take_in(browser, *text.splitlines())

    assert text.splitlines()[0] == "sku,product,units"
    assert kept() == {"CUP": 5}


def test_file_of_two_lines_costs_the_same_as_one(browser, django_assert_num_queries):
    VariantFactory.create_batch(3)
    for variant in VariantFactory.create_batch(2):
        SafetyStockFactory(variant=variant, units=1)
    skus = list(SafetyStock.objects.values_list("variant__sku", flat=True))
    preview(browser, "sku,units", f"{skus[0]},1")

    with django_assert_num_queries(17):
        preview(browser, "sku,units", f"{skus[0]},1")
    with django_assert_num_queries(17):
        preview(browser, "sku,units", *(f"{sku},1" for sku in skus))


def test_files_are_for_those_who_may_change_safety_stock():
    browser = browser_of(person_who_may("inventory.view_safetystock"))

    assert browser.get(address("import")).status_code == 403
    assert browser.get(address("export")).status_code == 200
