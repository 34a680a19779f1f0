"""Asking for labels at the desk, of articles and of what lies at a location."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from catalog.admin.labels import CHOSEN_AT_MOST
from catalog.labels import labels_of
from retail.common.printing import LABELS_AT_MOST, Label
from tests.factories.catalog import PriceFactory, PriceListFactory, ProductFactory, VariantFactory
from tests.factories.inventory import stock
from tests.people import browser_of, person_who_may
from tests.printed import page_count, picture, scanned

pytestmark = pytest.mark.django_db
EAN = "4006381333931"
ROLL = {"key": "k1", "sheet": "ROLL_50X30", "skip": "0"}
OF_ARTICLES = "/catalog/variant/act/labels/"
OF_STOCK = "/inventory/stocklevel/act/labels/"


def clerk():
    return browser_of(
        person_who_may(
            "catalog.view_variant",
            "catalog.view_product",
            "inventory.view_stocklevel",
            "inventory.view_location",
        )
    )


def read(answer, page=1):
    """Return what a scanner reads on a page of labels from a roll."""
    return [
        code
        for code, _ in scanned(
            picture(answer.content, paper=(50, 30), page=page, width=50, height=30)
        )
    ]


def test_labels_name_the_article_and_its_price():
    lamp = VariantFactory(
        sku="LAMP-G", name="Green", gtin=EAN, product=ProductFactory(name="Reading lamp")
    )
    shop = PriceListFactory(currency="GBP")
    PriceFactory(variant=lamp, price_list=shop, unit_price=Decimal("1234.5"))
    PriceFactory(variant=lamp, price_list=shop, min_quantity=10, unit_price=Decimal(1))
    PriceFactory(variant=lamp, unit_price=Decimal(2))

    labels = labels_of({lamp.pk: 3}, price_list=shop, at=timezone.now())

    assert labels == [
        Label(code=EAN, name="Reading lamp, Green", sku="LAMP-G", price="1,234.50 GBP", copies=3)
    ]


def test_labels_show_only_a_price_that_holds():
    now = timezone.now()
    pen = VariantFactory(sku="PEN", product=ProductFactory(name="Pen"))
    price = PriceFactory(variant=pen, valid_from=now + timedelta(days=1))

    labels = labels_of({pen.pk: 1}, price_list=price.price_list, at=now)

    assert labels == [Label(code="PEN", name="Pen", sku="PEN")]


def test_labels_of_many_articles_cost_three_queries_at_most(django_assert_num_queries):
    articles = VariantFactory.create_batch(3)
    shop = PriceListFactory()

    for chosen in (articles[:1], articles):
        with django_assert_num_queries(2):
            labels_of({variant.pk: 1 for variant in chosen}, price_list=shop, at=timezone.now())


def test_chosen_articles_are_printed_with_as_many_labels_as_typed():
    lamp, pen = VariantFactory(sku="LAMP"), VariantFactory(sku="PEN")
    browser = clerk()
    sent = browser.post(
        reverse("admin:catalog_variant_changelist"),
        {"action": "print_labels_of_chosen", "_selected_action": [lamp.pk, pen.pk]},
    )
    asked = browser.get(sent.url).content.decode()

    answer = browser.post(
        OF_ARTICLES,
        ROLL | {"chosen": f"{lamp.pk},{pen.pk}", f"labels_{lamp.pk}": "2", f"labels_{pen.pk}": "1"},
    )

    assert f'name="labels_{lamp.pk}" value="1"' in asked
    assert f'name="labels_{pen.pk}" value="1"' in asked
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == 'inline; filename="labels.pdf"'
    assert page_count(answer.content) == 3
    assert [read(answer, page) for page in (1, 2, 3)] == [["LAMP"], ["LAMP"], ["PEN"]]


def test_an_article_that_was_scanned_is_printed():
    VariantFactory(sku="LAMP", gtin=EAN)

    answer = clerk().post(OF_ARTICLES, ROLL | {"article": EAN, "copies": "2"})

    assert page_count(answer.content) == 2
    assert read(answer) == [EAN]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"article": "NOWHERE"}, "No article has the code NOWHERE."),
        ({"article": ""}, "This field is required."),
        ({"copies": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"copies": "1001"}, "Ensure this value is less than or equal to 1000."),
        ({"skip": "-1"}, "Ensure this value is greater than or equal to 0."),
        ({"sheet": "A5"}, "A5 is not one of the available choices."),
    ],
)
def test_labels_say_what_is_wrong(changes, said):
    VariantFactory(sku="LAMP")

    answer = clerk().post(OF_ARTICLES, ROLL | {"article": "LAMP", "copies": "1"} | changes)

    assert said in answer.content.decode()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("0", "Say how many labels to print: one at least."),
        ("", "Say how many labels to print: one at least."),
        ("600", "1,200 labels are too many at once: 1,000 at most."),
    ],
)
def test_a_wrong_number_of_labels_is_refused_by_name(typed, said):
    articles = VariantFactory.create_batch(2)
    chosen = ",".join(str(variant.pk) for variant in articles)
    typed_in = {f"labels_{variant.pk}": typed for variant in articles}

    answer = clerk().post(OF_ARTICLES, ROLL | {"chosen": chosen} | typed_in)

    assert said in answer.content.decode()


@pytest.mark.parametrize("chosen", ["x", ",,", "4711", "-1", "9" * 30, "\N{SUPERSCRIPT TWO}"])
def test_what_cannot_be_chosen_asks_for_an_article(chosen):
    answer = clerk().get(OF_ARTICLES, {"chosen": chosen})

    assert 'name="article"' in answer.content.decode()


def test_an_article_leads_to_its_labels():
    lamp = VariantFactory(sku="LAMP")
    browser = clerk()

    url = reverse("admin:catalog_variant_download", args=[lamp.pk, "labels"])
    page = browser.get(reverse("admin:catalog_variant_change", args=[lamp.pk])).content.decode()

    assert url in page
    assert browser.get(url).url == f"{OF_ARTICLES}?chosen={lamp.pk}"


def test_stock_is_offered_a_label_for_each_unit():
    here = stock(units=7)
    there = stock(units=5, variant=here.variant, reference="GR-2")
    many = stock(units=LABELS_AT_MOST + 1)
    browser = clerk()
    sent = browser.post(
        reverse("admin:inventory_stocklevel_changelist"),
        {
            "action": "print_labels_of_chosen",
            "_selected_action": [here.pk, there.pk, many.pk],
        },
    )

    page = browser.get(sent.url).content.decode()

    assert sent.url.startswith(OF_STOCK)
    assert f'name="labels_{here.variant_id}" value="12"' in page
    assert f'name="labels_{many.variant_id}" value="{LABELS_AT_MOST}"' in page


def test_a_level_leads_to_its_labels():
    level = stock(units=2, variant=VariantFactory(sku="LAMP"))
    browser = clerk()

    asked = browser.get(reverse("admin:inventory_stocklevel_download", args=[level.pk, "labels"]))
    answer = browser.post(
        OF_STOCK, ROLL | {"chosen": str(level.pk), f"labels_{level.variant_id}": "2"}
    )

    assert asked.url == f"{OF_STOCK}?chosen={level.pk}"
    assert [read(answer, page) for page in (1, 2)] == [["LAMP"], ["LAMP"]]


def test_too_many_rows_are_not_chosen_at_once():
    VariantFactory.create_batch(CHOSEN_AT_MOST + 1)

    answer = clerk().post(
        reverse("admin:catalog_variant_changelist"),
        {"action": "print_labels_of_chosen", "select_across": "1", "_selected_action": ["1"]},
        follow=True,
    )

    assert f"Choose {CHOSEN_AT_MOST} rows at most to print labels." in answer.content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_asking_for_labels_costs_the_same_for_many(count, django_assert_num_queries):
    ids = ",".join(str(variant.pk) for variant in VariantFactory.create_batch(count))
    browser = clerk()
    browser.get(OF_ARTICLES, {"chosen": ids})

    with django_assert_num_queries(6):
        browser.get(OF_ARTICLES, {"chosen": ids})


@pytest.mark.parametrize("url", [OF_ARTICLES, OF_STOCK])
def test_labels_are_for_those_who_may_see_what_they_are_of(url):
    assert browser_of(person_who_may()).get(url).status_code == 403
