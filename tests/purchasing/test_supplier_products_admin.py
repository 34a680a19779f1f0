"""Suppliers' articles in the admin: prices, availability, and what becomes of proposals."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from catalog.models import Variant
from purchasing.models import SupplierPrice, SupplierProduct
from tests.admin_forms import form_of
from tests.factories.catalog import CategoryFactory, TaxClassFactory, VariantFactory
from tests.factories.common import NOON
from tests.factories.purchasing import SupplierPriceFactory, SupplierProductFactory
from tests.people import browser_of, confirm, person_who_may, superuser

pytestmark = pytest.mark.django_db
LIST = "/purchasing/supplierproduct/"
GTIN, OTHER_GTIN = "4006381333931", "4003994155486"
MAY_CHANGE = ("purchasing.view_supplierproduct", "purchasing.change_supplierproduct")


def page_of(product):
    return f"{LIST}{product.pk}/change/"


def act_of(product, name):
    return f"{LIST}{product.pk}/act/{name}/"


def price_fields(number, **values):
    usual = {"id": "", "min_quantity": 1, "unit_cost": "2.00", "valid_from": "2026-01-01"}
    return {f"prices-{number}-{name}": value for name, value in (usual | values).items()}


def test_two_prices_of_the_same_days_are_refused_on_the_form():
    product, browser = SupplierProductFactory(), browser_of(superuser())
    filled = form_of(browser.get(page_of(product))) | {
        "prices-TOTAL_FORMS": 2,
        **price_fields(0, valid_to="2026-06-02"),
        **price_fields(1, valid_from="2026-06-01"),
    }

    answer = browser.post(page_of(product), filled)

    text = "Another price of this quantity is valid at the same time."
    assert answer.content.decode().count(text) == 1
    assert SupplierPrice.objects.count() == 0


def test_prices_of_other_quantities_and_other_days_stand_beside_each_other():
    product, browser = SupplierProductFactory(), browser_of(superuser())
    filled = form_of(browser.get(page_of(product))) | {
        "prices-TOTAL_FORMS": 3,
        **price_fields(0, valid_to="2026-06-01"),
        **price_fields(1, valid_from="2026-06-01"),
        **price_fields(2, min_quantity=10),
    }

    assert browser.post(page_of(product), filled).status_code == 302
    assert SupplierPrice.objects.count() == 3


def test_price_ends_and_the_next_begins_on_one_page():
    price, browser = SupplierPriceFactory(), browser_of(superuser())
    page = page_of(price.supplier_product)
    filled = form_of(browser.get(page)) | {
        "prices-TOTAL_FORMS": 2,
        "prices-0-valid_to": "2026-12-01",
        **price_fields(1, valid_from="2026-12-01"),
    }

    assert browser.post(page, filled).status_code == 302
    price.refresh_from_db()
    assert price.valid_to == date(2026, 12, 1)
    assert SupplierPrice.objects.count() == 2


@pytest.mark.parametrize("ends", ["2025-12-31", "2026-01-01"])
def test_price_that_is_over_before_it_begins_is_refused(ends):
    product, browser = SupplierProductFactory(), browser_of(superuser())
    filled = form_of(browser.get(page_of(product))) | {
        "prices-TOTAL_FORMS": 1,
        **price_fields(0, valid_to=ends),
    }

    answer = browser.post(page_of(product), filled)
    alone = browser.post(
        "/purchasing/supplierprice/add/",
        {
            "supplier_product": product.pk,
            "min_quantity": 1,
            "unit_cost": 2,
            "valid_from": "2026-01-01",
            "valid_to": ends,
        },
    )

    for refused in (answer, alone):
        assert "The price would be over before it begins." in refused.content.decode()
    assert SupplierPrice.objects.count() == 0


def test_price_that_came_in_between_is_said_in_words():
    price, browser = SupplierPriceFactory(valid_to=date(2026, 6, 1)), browser_of(superuser())
    page = page_of(price.supplier_product)
    filled = form_of(browser.get(page)) | {
        "prices-TOTAL_FORMS": 2,
        **price_fields(1, valid_from="2026-06-01"),
    }
    SupplierPriceFactory(supplier_product=price.supplier_product, valid_from=date(2026, 7, 1))

    answer = browser.post(page, filled, follow=True)

    assert "Another price is valid at the same time." in answer.content.decode()
    assert SupplierPrice.objects.count() == 2


def test_page_shows_the_prices_of_today_by_quantity():
    product = SupplierProductFactory()
    today = timezone.localdate()
    SupplierPriceFactory(supplier_product=product, unit_cost="2.50")
    SupplierPriceFactory(supplier_product=product, unit_cost="2.20", min_quantity=10)
    SupplierPriceFactory(
        supplier_product=product,
        unit_cost="1.80",
        min_quantity=100,
        valid_from=today + timedelta(days=1),
    )

    page = browser_of(person_who_may("purchasing.view_supplierproduct")).get(page_of(product))

    text = " ".join(page.content.decode().split())
    assert "2.50 GBP each" in text
    assert "from 10: 2.20 GBP each" in text
    assert "1.80 GBP each" not in text


def test_list_shows_the_price_of_the_least_they_sell():
    product = SupplierProductFactory(minimum_quantity=10)
    for minimum, cost in ((5, "2.20"), (50, "1.90")):
        SupplierPriceFactory(supplier_product=product, unit_cost=cost, min_quantity=minimum)

    page = browser_of(person_who_may("purchasing.view_supplierproduct")).get(LIST)

    assert "2.20 GBP" in page.content.decode()
    assert "1.90 GBP" not in page.content.decode()


def test_availability_that_a_person_enters_keeps_its_moment():
    product, browser = SupplierProductFactory(), browser_of(superuser())
    page = page_of(product)

    browser.post(page, form_of(browser.get(page)) | {"name": "Pencil"})
    product.refresh_from_db()
    assert product.available_said_at is None

    browser.post(page, form_of(browser.get(page)) | {"available_units": 0})
    product.refresh_from_db()
    assert product.available_units == 0
    assert timezone.now() - product.available_said_at < timedelta(minutes=1)


def test_page_leads_from_a_suggestion_to_the_act_that_links_it():
    product = SupplierProductFactory(variant=None, gtin=GTIN)
    VariantFactory(sku="PEN 1", gtin=GTIN)
    browser = browser_of(person_who_may(*MAY_CHANGE))

    page = browser.get(page_of(product)).content.decode()
    form = browser.get(f"{act_of(product, 'link')}?article=PEN%201").content.decode()

    assert f'{act_of(product, "link")}?article=PEN%201"' in page
    assert "has the same GTIN" in page
    assert 'value="PEN 1"' in form


def test_link_warns_of_another_gtin_before_it_is_confirmed():
    product = SupplierProductFactory(variant=None, gtin=OTHER_GTIN)
    variant = VariantFactory(gtin=GTIN)
    SupplierProductFactory(supplier=product.supplier, variant=variant, supplier_sku="PACK")
    browser = browser_of(person_who_may(*MAY_CHANGE))
    form = {"key": "1", "article": variant.sku}

    shown = browser.post(act_of(product, "link"), form).content.decode()

    assert f"GTIN is {OTHER_GTIN}, ours is {GTIN}." in shown
    assert "sells it as PACK already" in shown
    product.refresh_from_db()
    assert product.variant is None

    confirm(browser, act_of(product, "link"), form)
    product.refresh_from_db()
    assert product.variant == variant


def test_create_offers_what_the_supplier_tells_and_makes_a_draft():
    product = SupplierProductFactory(variant=None, gtin=GTIN, name="Pencil", supplier_sku="P-1")
    tax_class, category = TaxClassFactory(), CategoryFactory()
    browser = browser_of(person_who_may(*MAY_CHANGE))

    offered = browser.get(act_of(product, "create")).context["form"]
    assert [offered[name].value() for name in ("sku", "name", "takes_gtin")] == [
        "P-1",
        "Pencil",
        True,
    ]

    answer = browser.post(
        act_of(product, "create"),
        {
            "key": "1",
            "sku": "PENCIL",
            "name": "Pencil HB",
            "tax_class": tax_class.pk,
            "category": category.pk,
            "takes_gtin": "on",
        },
        follow=True,
    )

    variant = Variant.objects.get()
    assert "PENCIL is a draft in the catalog." in answer.content.decode()
    assert (variant.sku, variant.gtin, variant.product.name) == ("PENCIL", GTIN, "Pencil HB")
    assert (variant.product.category, variant.tax_class) == (category, tax_class)
    product.refresh_from_db()
    assert product.variant == variant


def test_decline_and_propose_again_are_buttons_of_the_page():
    product = SupplierProductFactory(variant=None)
    person = person_who_may(*MAY_CHANGE)
    browser = browser_of(person)

    browser.post(act_of(product, "decline"), {"key": "1"})
    product.refresh_from_db()
    assert product.declined_by == person

    browser.post(act_of(product, "propose-again"), {"key": "2"})
    product.refresh_from_db()
    assert (product.declined_at, product.declined_by) == (None, None)


def test_acts_on_proposals_are_for_those_who_may_change_articles():
    product = SupplierProductFactory(variant=None)
    browser = browser_of(person_who_may("purchasing.view_supplierproduct"))

    for name in ("link", "create", "decline"):
        assert browser.post(act_of(product, name), {"key": "1"}).status_code == 403

    product.refresh_from_db()
    assert product.declined_at is None


def test_unlink_makes_a_proposal_of_an_article_of_ours():
    product = SupplierProductFactory()
    browser = browser_of(person_who_may(*MAY_CHANGE))

    browser.post(act_of(product, "unlink"), {"key": "1"})

    product.refresh_from_db()
    assert product.variant is None


def test_all_of_our_gtins_are_linked_after_they_were_shown():
    product, other = (SupplierProductFactory(variant=None, gtin=gtin) for gtin in (GTIN, ""))
    variant = VariantFactory(gtin=GTIN)
    browser = browser_of(person_who_may(*MAY_CHANGE))
    url = f"{LIST}act/link-by-gtin/"

    shown = browser.post(url, {"key": "1"}).content.decode()
    assert f"our {variant.sku}" in shown

    answer = confirm(browser, url, {"key": "1"})
    assert "1 articles of suppliers were linked" in answer.content.decode()
    assert SupplierProduct.objects.get(pk=product.pk).variant == variant
    assert SupplierProduct.objects.get(pk=other.pk).variant is None


def test_chosen_are_declined_or_linked_and_the_others_named():
    ours, proposal = SupplierProductFactory(), SupplierProductFactory(variant=None, gtin=GTIN)
    other, variant = SupplierProductFactory(variant=None), VariantFactory(gtin=GTIN)
    browser = browser_of(person_who_may(*MAY_CHANGE))

    def do(action, *products):
        chosen = {"action": action, "_selected_action": [product.pk for product in products]}
        return browser.post(LIST, chosen, follow=True).content.decode()

    told = do("link_chosen", proposal, other)
    assert "1 were linked." in told
    assert "1 stay as they are" in told
    assert SupplierProduct.objects.get(pk=proposal.pk).variant == variant

    told = do("decline_chosen", ours, other)
    assert "1 were declined." in told
    assert "unlink it first" in told
    declined = SupplierProduct.objects.filter(declined_at__isnull=False)
    assert [product.pk for product in declined] == [other.pk]


def test_list_is_narrowed_to_proposals_ours_and_declined():
    ours, proposal = SupplierProductFactory(), SupplierProductFactory(variant=None)
    declined = SupplierProductFactory(variant=None, declined_at=NOON)
    SupplierProductFactory(variant=None, is_active=False)
    browser = browser_of(person_who_may("purchasing.view_supplierproduct"))

    shown = {
        choice: list(browser.get(LIST, {"ours": choice}).context["cl"].result_list)
        for choice in ("proposals", "yes", "declined")
    }

    assert shown == {"proposals": [proposal], "yes": [ours], "declined": [declined]}
