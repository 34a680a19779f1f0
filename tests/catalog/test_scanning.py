import pytest
from django import forms
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from catalog.forms import ScanField
from catalog.scanning import AmbiguousCode, Scanned, UnknownCode, scan
from tests.factories.catalog import BarcodeFactory, ProductFactory, VariantFactory
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db
EAN = "4006381333931"
UPC = "036000291452"


def article(product, **values):
    return VariantFactory(product=ProductFactory(name=product), **values)


@pytest.mark.parametrize("code", ["TEE-RÖD", "tee-röd", " Tee-Röd\t", "]C0Tee-Röd"])
def test_scan_finds_an_sku_whatever_the_case(code):
    variant = VariantFactory(sku="Tee-Röd")

    assert scan(code) == Scanned(variant=variant, units=1)


@pytest.mark.parametrize("code", [UPC, f"0{UPC}", f"00{UPC}", f"]E0{UPC}"])
def test_scan_finds_a_gtin_however_many_zeros_stand_in_front(code):
    variant = VariantFactory(gtin=UPC)

    assert scan(code) == Scanned(variant=variant, units=1)


@pytest.mark.parametrize("code", ["BOX-6", " BOX-6 "])
def test_scan_of_a_pack_means_all_its_units(code):
    barcode = BarcodeFactory(code="BOX-6", pack_size=6)

    assert scan(code) == Scanned(variant=barcode.variant, units=6)


def test_scan_finds_a_barcode_that_is_a_gtin_with_zeros_in_front():
    barcode = BarcodeFactory(code=UPC, pack_size=12)

    assert scan(f"0{UPC}") == Scanned(variant=barcode.variant, units=12)


@pytest.mark.parametrize(
    ("code", "units"),
    [
        ("(01)04006381333931", 1),
        ("(01)04006381333931(17)271119(10)AB-1", 1),
        ("(10)AB-1(01)04006381333931", 1),
        ("0104006381333931", 1),
        ("]C10104006381333931172711191012AB\x1d3705", 1),
        ("]d20104006381333931", 1),
        ("\x1d010400638133393110LOT", 1),
        ("(02)04006381333931(37)24", 24),
        ("(02)04006381333931(37)24(10)AB-1", 24),
        ("]C102040063813339313724", 24),
    ],
)
def test_scan_reads_gs1_element_strings(code, units):
    variant = VariantFactory(gtin=EAN)

    assert scan(code) == Scanned(variant=variant, units=units)


@pytest.mark.parametrize("code", ["4006381333932", "SKU", "", "  ", "A\x00B", "A" * 201])
def test_scan_of_a_code_nobody_has_is_refused(code):
    VariantFactory(gtin=EAN, sku="SKU-1")

    with pytest.raises(UnknownCode):
        scan(code)


@pytest.mark.parametrize(
    "code",
    [
        "(01)04006381333932",
        "(01)",
        "(02)04006381333931",
        "(02)04006381333931(37)0",
        "01040063813339",
        "(17)999999(01)04006381333931",
        "(3103)00A.5(01)04006381333931",
    ],
)
def test_scan_of_a_broken_gs1_code_is_refused(code):
    VariantFactory(gtin=EAN)

    with pytest.raises(UnknownCode):
        scan(code)


@given(code=st.text(max_size=60) | st.from_regex(r"\A(\(?0[12]\)?[0-9A-Z()\x1d.]{0,40})\Z"))
def test_scan_of_anything_is_refused_by_name(code):
    with pytest.raises(UnknownCode):
        scan(code)


def test_scan_names_all_that_a_code_could_mean():
    VariantFactory(sku=EAN)
    VariantFactory(sku="PEN", gtin=EAN)

    with pytest.raises(AmbiguousCode) as refusal:
        scan(EAN)

    assert refusal.value.details["meanings"] == [f"1 x {EAN}", "1 x PEN"]
    assert refusal.value.message == (
        f"The code {EAN} stands for 1 x {EAN} and for 1 x PEN. Use another of their codes."
    )


def test_scan_names_two_numbers_of_units():
    pen = VariantFactory(sku="PEN", gtin=EAN)
    BarcodeFactory(variant=pen, code=EAN, pack_size=10)

    with pytest.raises(AmbiguousCode, match="stands for 1 x PEN and for 10 x PEN"):
        scan(EAN)


def test_scan_of_codes_that_agree_is_no_question():
    pen = VariantFactory(sku="PEN", gtin=EAN)
    BarcodeFactory(variant=pen, code=EAN)

    assert scan(EAN) == Scanned(variant=pen, units=1)


def test_scan_asks_twice_however_the_article_is_known(django_assert_num_queries):
    VariantFactory(sku="PEN", gtin=EAN)

    with django_assert_num_queries(2):
        assert scan(EAN).variant.product.name


class ScanForm(forms.Form):
    article = ScanField(stocked_only=True, active_only=True)


def answer(text, form_class=ScanForm):
    """Return what the form makes of a text: the cleaned value, or the error it shows."""
    form = form_class({"article": text})
    return form.cleaned_data["article"] if form.is_valid() else form.errors["article"][0]


def test_scan_field_gives_the_article_and_its_units():
    barcode = BarcodeFactory(code="BOX-6", pack_size=6)

    assert answer("BOX-6") == Scanned(variant=barcode.variant, units=6)


@pytest.mark.parametrize("text", ["green lamp", "LAMP green", "reading lamp 40"])
def test_scan_field_takes_a_name_that_only_one_article_has(text):
    lamp = article("Reading lamp", name="Green, 40 cm")
    article("Reading lamp", name="Red, 30 cm")

    assert answer(text) == Scanned(variant=lamp, units=1)


def test_scan_field_names_the_articles_that_share_a_name():
    article("Reading lamp", sku="LAMP-R")
    article("Reading lamp", sku="LAMP-G")

    assert answer("lamp") == (
        "Several articles are called that: LAMP-G, LAMP-R. Type the SKU of one."
    )


def test_scan_field_names_no_more_than_ten():
    for number in range(11):
        article("Reading lamp", sku=f"LAMP-{number:02}")

    assert "LAMP-09 and more." in answer("lamp")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"is_stocked": False}, "PEN is not kept in stock."),
        ({"is_active": False}, "PEN is no longer dealt in."),
    ],
)
def test_scan_field_says_why_it_refuses_an_article(values, said):
    VariantFactory(sku="PEN", **values)

    assert answer("PEN") == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "This field is required."),
        ("NOWHERE", "No article has the code NOWHERE."),
        ("A" * 300, "Scan a barcode or type an SKU."),
        ("A\x00B", "Scan a barcode or type an SKU."),
    ],
)
def test_scan_field_says_what_is_wrong(text, said):
    assert answer(text) == said


def test_scan_field_names_what_a_code_could_mean():
    VariantFactory(sku=EAN)
    VariantFactory(sku="PEN", gtin=EAN)

    assert answer(EAN).startswith(f"The code {EAN} stands for")


def test_scan_field_may_stay_empty_and_take_anything():
    class AnyForm(forms.Form):
        article = ScanField(required=False)

    postage = VariantFactory(is_stocked=False, is_active=False)

    assert answer("", AnyForm) is None
    assert answer(postage.sku, AnyForm).variant == postage


def test_scan_field_is_ready_for_a_scanner():
    html = str(ScanForm()["article"])

    assert "autofocus" in html
    assert 'autocomplete="off"' in html
    assert f'data-suggest-url="{reverse("admin:catalog_variant_suggest")}"' in html
    assert str(ScanForm().media).count("catalog/scan.js") == 1


def test_scan_field_keeps_what_was_typed():
    assert 'value="NOWHERE"' in str(ScanForm({"article": "NOWHERE"})["article"])


def suggested(text):
    browser = browser_of(person_who_may("catalog.view_variant"))
    return browser.get(reverse("admin:catalog_variant_suggest"), {"q": text}).json()["results"]


def test_typing_a_name_suggests_skus():
    article("Reading lamp", sku="LAMP-G", name="Green")
    article("Pen", sku="PEN")

    assert suggested("lamp") == [{"sku": "LAMP-G", "name": "Reading lamp, Green"}]
    assert suggested("pe") == [{"sku": "PEN", "name": "Pen"}]
    assert suggested("p") == []
    assert suggested("\x00") == []


def test_suggestions_cost_the_same_for_many(django_assert_num_queries):
    browser = browser_of(person_who_may("catalog.view_variant"))
    url = reverse("admin:catalog_variant_suggest")
    article("Reading lamp")
    browser.get(url, {"q": "lamp"})

    for more in (0, 2):
        for _ in range(more):
            article("Reading lamp")
        with django_assert_num_queries(5):
            browser.get(url, {"q": "lamp"})


def test_suggestions_are_for_those_who_may_see_articles():
    answer = browser_of(person_who_may()).get(reverse("admin:catalog_variant_suggest"))

    assert answer.status_code == 403
