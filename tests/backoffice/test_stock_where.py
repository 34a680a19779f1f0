"""What is where for one article: the page that joins stock, transfers, buying, orders, channels."""

import re
from datetime import date, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from inventory.operations import create_transfer, dispatch_transfer, issue_stock, work_out_offers
from purchasing.models import PurchaseOrderLine
from tests.factories.catalog import BarcodeFactory, VariantFactory, bundle
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, promise, stock
from tests.factories.inventory_offers import ChannelReserveFactory, SafetyStockFactory
from tests.factories.inventory_promises import put_aside
from tests.factories.orders import open_order
from tests.factories.purchasing import sent_order
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db

LEVELS = "inventory.view_stocklevel"
OF_WEB_SHOP = (
    "20 free, less 2 safety stock, 6 of it kept for this channel, 50 % of what is not, less a"
    " buffer of 1, 4 at most"
)
CARD = re.compile(r'<section class="desk-card">(.*?)</section>', re.DOTALL)
TITLE = re.compile(r'<h2 class="desk-card-title">(.*?)</h2>', re.DOTALL)
ROW = re.compile(r"<tr[^>]*>(.*?)</tr>", re.DOTALL)
CELL = re.compile(r"<td[^>]*>(.*?)</td>", re.DOTALL)
LINK = re.compile(r'<a [^>]*?href="([^"]*)"')


def url_of(variant):
    return reverse("stock-where", args=[variant.pk])


def words(html):
    return unescape(re.sub(r"<[^>]+>", "", html)).strip()


def cards_of(browser, variant):
    """Return title -> HTML of the tables of the page."""
    page = browser.get(url_of(variant)).content.decode()
    return {words(TITLE.search(card)[1]): card for card in CARD.findall(page) if TITLE.search(card)}


def rows_of(card):
    return [[words(cell) for cell in CELL.findall(row)] for row in ROW.findall(card)[1:]]


def links_of(card):
    return [unescape(link) for link in LINK.findall(card)]


def send(level, to, units, **values):
    transfer = create_transfer(
        from_location=level.location,
        to_location=to,
        units={level.variant_id: units},
        key=f"to {to.pk}",
        at=NOON,
        **values,
    )
    return dispatch_transfer(transfer_id=transfer.pk, at=NOON)


def order_from_supplier(variant, location, **values):
    order = sent_order(units=[7], location=location, **values)
    PurchaseOrderLine.objects.filter(order=order).update(variant=variant)
    return order


@pytest.fixture
def road():
    return LocationFactory(name="Road", kind="TRANSIT", is_shipping=False, priority=9)


@pytest.fixture
def warehouse():
    return LocationFactory(name="Warehouse", priority=1)


@pytest.fixture
def shop():
    return LocationFactory(name="Shop", kind="STORE", priority=2)


def test_locations_tell_what_is_there_and_what_is_coming(road, warehouse, shop):
    level = stock(units=20, location=warehouse)
    promise(level=level, units=3)
    send(level, shop, 5, expected_on=date(2026, 12, 3))
    order_from_supplier(level.variant, shop, expected_on=date(2026, 12, 1))
    order_from_supplier(level.variant, warehouse)

    cards = cards_of(browser_of(superuser()), level.variant)

    assert rows_of(cards["Locations"]) == [
        ["Warehouse", "15", "3", "12", "0", "7", ""],
        ["Road", "5", "0", "0", "0", "0", ""],
        ["Shop", "0", "0", "0", "5", "7", "01 Dec 2026"],
        ["Everywhere", "20", "3", "12", "5", "14", "01 Dec 2026"],
    ]
    assert links_of(cards["Locations"])[0] == reverse(
        "admin:inventory_stocklevel_change", args=[level.pk]
    )


def test_documents_on_the_way_are_named(road, warehouse, shop):
    level = stock(units=20, location=warehouse)
    transfer = send(level, shop, 5)
    order = order_from_supplier(level.variant, shop, expected_on=date(2026, 12, 1))

    cards = cards_of(browser_of(superuser()), level.variant)

    assert rows_of(cards["In transit"]) == [[transfer.number, "Warehouse", "Shop", "5", ""]]
    assert rows_of(cards["Ordered"]) == [
        [order.number, order.supplier.name, "Shop", "7", "01 Dec 2026"]
    ]
    assert links_of(cards["Ordered"]) == [
        reverse("admin:purchasing_purchaseorder_change", args=[order.pk])
    ]


def test_offers_say_why_and_what_the_channel_was_told(warehouse):
    level = stock(units=20, location=warehouse)
    variant = level.variant
    shop = ChannelFactory(name="Web shop", offer_percent=50, offer_buffer=1)
    listing = ListingFactory(channel=shop, variant=variant, external_sku="W-1", max_quantity=4)
    work_out_offers(limit=10, at=NOON)
    ListingFactory(
        channel=ChannelFactory(name="Other shop"),
        variant=variant,
        external_sku="O-1",
        status="PAUSED",
        pack_size=3,
        pushed_quantity=2,
        pushed_at=timezone.now() - timedelta(hours=2),
        push_error="No such item",
        push_refused_at=timezone.now(),
    )
    ListingFactory(channel=shop, variant=variant, status="ENDED")
    SafetyStockFactory(variant=variant, units=2)
    ChannelReserveFactory(variant=variant, channel=shop, units=6)

    card = cards_of(browser_of(superuser()), variant)["Offered"]

    assert rows_of(card) == [
        [
            "Other shop",
            "O-1 (paused)",
            "4",
            "20 free, less 2 safety stock, less 6 kept for other channels, in packs of 3",
            "2",
            "refused: No such item",
        ],
        [
            "Web shop",
            "W-1",
            "4",
            OF_WEB_SHOP,
            "-",
            "never",
        ],
    ]
    assert reverse("admin:channels_listing_change", args=[listing.pk]) in links_of(card)


def test_bundles_and_their_components_lead_to_each_other(warehouse):
    pen = stock(units=9, location=warehouse).variant
    pair = bundle({pen: 2})
    ListingFactory(variant=pair)
    browser = browser_of(superuser())

    of_pair, of_pen = cards_of(browser, pair), cards_of(browser, pen)

    assert rows_of(of_pair["Made of"]) == [[pen.sku, pen.full_name, "2"]]
    assert rows_of(of_pair["Offered"])[0][2:4] == ["4", f"{pen.sku}: 9 free, enough for 4 bundles"]
    assert links_of(of_pen["Part of bundles"]) == [url_of(pair)]
    assert "There never was any" in of_pair["Locations"]


def test_promises_are_open_and_the_youngest_comes_first():
    order = open_order(units=9, quantity=2)
    allocation = order.lines.get().line_allocations.get().allocation
    aside = put_aside(level=allocation.level, units=1, reference="RES-9", note="Mrs Smith")

    card = cards_of(browser_of(superuser()), allocation.level.variant)["Promised"]

    assert [row[:3] for row in rows_of(card)] == [
        ["Mrs Smith", allocation.level.location.name, "1"],
        [order.number, allocation.level.location.name, "2"],
    ]
    assert links_of(card)[:3] == [
        reverse("admin:inventory_allocation_change", args=[aside.pk]),
        reverse("admin:orders_order_change", args=[order.pk]),
        reverse("admin:inventory_allocation_change", args=[allocation.pk]),
    ]


def test_long_tables_are_cut_and_lead_to_lists_that_show_the_rest():
    browser, level = browser_of(superuser()), stock(units=50)
    for number in range(21):
        promise(level=level, units=1, reference=f"SO-{number}")
    for number in range(21):
        issue_stock(
            location=level.location,
            units={level.variant_id: 1},
            kind="SALE",
            reference=f"POS-{number}",
            at=NOON,
        )
    stock(units=1, reference="another article")

    cards = cards_of(browser, level.variant)

    rows, whole = {}, {}
    for title in ("Promised", "Last movements"):
        rows[title] = len(rows_of(cards[title]))
        answer = browser.get(links_of(cards[title])[-1])
        whole[title] = answer.context_data["cl"].result_count
    assert rows == {"Promised": 20, "Last movements": 20}
    assert whole == {"Promised": 21, "Last movements": 22}


def test_sku_with_blanks_is_looked_for_as_a_whole():
    browser = browser_of(superuser())
    level = stock(variant=VariantFactory(sku="PEN red"))
    stock(variant=VariantFactory(sku="red"), reference="GR-2")

    card = cards_of(browser, level.variant)["Last movements"]

    assert browser.get(links_of(card)[-1]).context_data["cl"].result_count == 1


def test_cost_is_shown_to_those_who_may_see_it():
    level = stock(units=4, value="10.00")
    worth = "Worth 10.00 GBP in all, 2.50 a unit."

    with_cost = browser_of(person_who_may(LEVELS, "inventory.view_costpool"))
    without = browser_of(person_who_may(LEVELS))

    assert worth in with_cost.get(url_of(level.variant)).content.decode()
    assert "Worth" not in without.get(url_of(level.variant)).content.decode()


def test_cover_is_told_by_what_was_sold():
    now = timezone.now()
    level = stock(units=30, at=now - timedelta(days=10))
    browser = browser_of(person_who_may(LEVELS))
    assert (
        "None was sold in the last 90 days." in browser.get(url_of(level.variant)).content.decode()
    )

    issue_stock(
        location=level.location,
        units={level.variant_id: 10},
        kind="SALE",
        reference="POS-1",
        at=now - timedelta(days=1),
    )

    page = browser.get(url_of(level.variant)).content.decode()
    assert "10 were sold in the last 90 days" in page


def test_page_shows_and_links_only_what_the_person_may_see(road, warehouse, shop):
    level = stock(units=20, location=warehouse)
    send(level, shop, 5)
    put_aside(level=level, note="Mrs Smith")
    order_from_supplier(level.variant, shop)
    ListingFactory(variant=level.variant)

    cards = cards_of(browser_of(person_who_may(LEVELS)), level.variant)

    *named, heading = sorted(cards)
    assert named == ["In transit", "Locations", "Offered", "Ordered"]
    assert heading.startswith(level.variant.sku)
    assert {link for card in cards.values() for link in links_of(card)} == {
        reverse("admin:inventory_stocklevel_change", args=[place.pk])
        for place in level.variant.stock_levels.all()
    }
    assert "Mrs Smith" not in "".join(cards.values())


@pytest.mark.parametrize("code", ["pen-1", "4006381333931", "BOX"])
def test_any_code_leads_to_its_article(code):
    variant = VariantFactory(sku="PEN-1", gtin="4006381333931")
    BarcodeFactory(variant=variant, code="BOX", pack_size=6)

    answer = browser_of(person_who_may(LEVELS)).get(reverse("stock-where"), {"article": code})

    assert (answer.status_code, answer.url) == (302, url_of(variant))


def test_name_of_several_articles_offers_them():
    browser = browser_of(person_who_may(LEVELS))
    red, blue = (VariantFactory(sku=f"CUP-{name}", name=name) for name in ("red", "blue"))

    page = browser.get(reverse("stock-where"), {"article": "cup"}).content.decode()

    assert [link for link in links_of(page) if link in {url_of(red), url_of(blue)}] == [
        url_of(blue),
        url_of(red),
    ]


@pytest.mark.parametrize("code", ["NO-SUCH", "", "\x00", "x" * 201])
def test_what_nobody_knows_is_said(code):
    answer = browser_of(person_who_may(LEVELS)).get(reverse("stock-where"), {"article": code})

    assert answer.status_code == 200
    assert answer.context_data["form"].errors["article"]


def test_page_of_no_article_is_not_found():
    browser = browser_of(person_who_may(LEVELS))

    assert browser.get(reverse("stock-where", args=[999_999_999])).status_code == 404


def test_page_without_an_article_asks_for_one():
    page = browser_of(person_who_may(LEVELS)).get(reverse("stock-where")).content.decode()

    assert 'name="article"' in page
    assert 'class="desk-table"' not in page


def test_page_needs_the_right_to_see_stock():
    variant = VariantFactory()
    browser = browser_of(person_who_may("inventory.view_stockmovement", "catalog.view_variant"))

    assert browser.get(url_of(variant)).status_code == 403
    assert browser.get(reverse("stock-where"), {"article": variant.sku}).status_code == 403


@pytest.mark.parametrize(
    ("model", "permission"),
    [("catalog_variant", "catalog.view_variant"), ("inventory_stocklevel", LEVELS)],
)
def test_pages_of_articles_and_levels_lead_here(model, permission):
    level = stock()
    pk = level.variant_id if model == "catalog_variant" else level.pk
    address = reverse(f"admin:{model}_change", args=[pk])

    page = browser_of(person_who_may(permission, LEVELS)).get(address).content.decode()

    assert url_of(level.variant) in links_of(page)


def test_page_of_an_article_leads_nobody_where_they_may_not_go():
    level = stock()
    address = reverse("admin:catalog_variant_change", args=[level.variant_id])

    page = browser_of(person_who_may("catalog.view_variant")).get(address).content.decode()

    assert url_of(level.variant) not in links_of(page)


@pytest.mark.parametrize(("permissions", "is_shown"), [((LEVELS,), True), ((), False)])
def test_menu_leads_here_those_who_may_see_stock(permissions, is_shown):
    page = browser_of(person_who_may(*permissions)).get("/").content.decode()

    assert (reverse("stock-where") in links_of(page)) == is_shown


def test_page_costs_the_same_with_one_and_three_of_everything(road):
    browser, variant = browser_of(superuser()), VariantFactory()
    stock(variant=variant, units=90)

    def more(name):
        level = stock(variant=variant, units=9, reference=f"GR-{name}")
        promise(level=level, units=1, reference=f"SO-{name}")
        put_aside(level=level, reference=f"RES-{name}")
        send(level, LocationFactory(), 2)
        order_from_supplier(variant, level.location)
        ListingFactory(variant=variant)
        ChannelReserveFactory(variant=variant)
        bundle({variant: 2})
        open_order(level=level, quantity=1)
        work_out_offers(limit=100, at=NOON)

    def cost():
        with CaptureQueriesContext(connection) as captured:
            assert browser.get(url_of(variant)).status_code == 200
        return [query["sql"] for query in captured]

    more("first")
    cost()
    of_one = cost()
    more("second")
    more("third")
    of_three = cost()

    assert len(of_three) == len(of_one), "\n".join(of_three)
    assert len(of_three) == 21
