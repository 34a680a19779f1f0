"""Stock and its history at the desk: what the lists show, find and lead to."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.urls import reverse
from django.utils import timezone

from inventory.admin.links import SOURCES
from inventory.models import StockLevel, StockMovement
from inventory.operations import Source, adjust_stock, issue_stock
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_promises import put_aside, withdraw
from tests.factories.inventory_transfers import arrival, dispatched_transfer
from tests.inventory.shared import everything, figures
from tests.people import browser_of, confirm, person_who_may, superuser

pytestmark = pytest.mark.django_db
VIEW = ("inventory.view_stocklevel", "inventory.view_location", "inventory.view_stockmovement")
ADJUST_ANY = "/inventory/stocklevel/act/adjust/"
UPC = "036000291452"


def movements_url():
    return reverse("admin:inventory_stockmovement_changelist")


def levels_url():
    return reverse("admin:inventory_stocklevel_changelist")


def rows(url, browser=None, **query):
    page = (browser or browser_of(superuser())).get(url, query)
    return list(page.context["cl"].result_list)


def adjuster(*permissions):
    return browser_of(person_who_may(*VIEW, "inventory.adjust_stocklevel", *permissions))


def act_url(level):
    return reverse("admin:inventory_stocklevel_act", args=[level.pk, "adjust"])


def shown_plan(browser, url, **form):
    return browser.post(url, {"key": "k1", "reason": "Broken"} | form).content.decode()


def test_adjust_names_the_promises_that_would_be_taken_back():
    level = stock(units=9, value="18.00")
    promise(level=level, units=5, reference="SO-old")
    promise(level=level, units=2, reference="SO-new", at=STOCKED_AT + timedelta(hours=1))
    put_aside(level=level, units=2, expires_at=timezone.now() + timedelta(days=1))
    before = everything()

    page = shown_plan(adjuster("inventory.view_costpool"), act_url(level), quantity="-5")

    assert f"{level.variant} ({level.variant.full_name}) at {level.location}: -5 units." in page
    assert "On hand: 9 now, 4 then." in page
    assert "Promised: 9 now, 4 then." in page
    assert "SO-new loses 2 of its 2 promised units." in page
    assert "SO-old loses 1 of its 5 promised units." in page
    assert "Mrs Smith loses 2 of its 2 promised units." in page
    assert "The stock value changes by -10.00 GBP." in page
    assert everything() == before


def test_adjust_hides_what_stock_is_worth_from_those_who_may_not_see_it():
    level = stock(units=9, value="18.00")

    page = shown_plan(adjuster(), act_url(level), quantity="-5")

    assert "The stock value changes by" not in page


def test_adjust_tells_which_promises_it_took_back():
    level = promise(level=stock(units=3), units=3, reference="SO-1").level

    answer = confirm(adjuster(), act_url(level), {"key": "k1", "reason": "Lost", "quantity": "-2"})

    assert figures(level) == (1, 1)
    assert "-2 units. Promises taken back: 2 of SO-1." in answer.content.decode()


def test_adjust_is_shown_again_when_another_promise_would_be_hit():
    level = promise(level=stock(units=4), units=3, reference="SO-1").level
    browser, form = adjuster(), {"key": "k1", "reason": "Lost", "quantity": "-2"}
    sealed = browser.post(act_url(level), form).context["seal"]
    promise(level=level, units=1, reference="SO-2", at=STOCKED_AT + timedelta(hours=1))

    page = browser.post(act_url(level), form | {"confirmed": sealed}).content.decode()

    assert figures(level) == (4, 4)
    assert "SO-2 loses 1 of its 1 promised units." in page
    assert "This is no longer what you were shown." in page


@pytest.mark.parametrize(
    ("code", "units"), [("BOX-6", 12), (UPC, 2), (f"0{UPC}", 2), ("pen", 2), ("ball pen", 2)]
)
def test_any_code_finds_the_article_to_adjust(code, units):
    pen = VariantFactory(sku="PEN", gtin=UPC, product__name="Ball pen")
    pen.barcodes.create(code="BOX-6", pack_size=6)
    place = LocationFactory()

    confirm(
        adjuster(),
        ADJUST_ANY,
        {"key": "k1", "reason": "Found", "quantity": "2", "article": code, "location": place.pk},
    )

    assert figures(StockLevel.objects.get(variant=pen, location=place)) == (units, 0)


@pytest.mark.parametrize(
    ("article", "said"),
    [
        ("NOWHERE", "No article has the code NOWHERE."),
        ("POST", "POST is not kept in stock."),
        ("", "This field is required."),
    ],
)
def test_adjust_says_what_is_wrong_with_a_code(article, said):
    VariantFactory(sku="POST", is_stocked=False)
    before = everything()

    page = shown_plan(
        adjuster(), ADJUST_ANY, quantity="2", article=article, location=LocationFactory().pk
    )

    assert said in page
    assert everything() == before


def test_levels_show_what_is_on_the_way_to_them():
    level = stock(units=9)
    here = stock(variant=level.variant, units=1, reference="GR-2")
    transfer = dispatched_transfer(level, units=5, to_location=here.location)
    arrival(transfer, units=2)

    shown = {row.location_id: row.on_the_way for row in rows(levels_url())}

    assert shown[here.location_id] == 3
    assert shown[level.location_id] == 0
    assert sum(shown.values()) == 3


def test_levels_lead_to_their_history_and_promises():
    level = promise(level=stock(units=3), units=2).level
    elsewhere = stock(variant=level.variant, reference="GR-2")
    promise(level=elsewhere, units=1, reference="SO-2")
    browser = browser_of(superuser())

    page = browser.get(reverse("admin:inventory_stocklevel_change", args=[level.pk]))

    links = {
        name: [part.split('"')[0] for part in page.content.decode().split('href="')]
        for name in ("stockmovement", "allocation")
    }
    [history] = [url for url in links["stockmovement"] if "stockmovement/?q=" in url]
    [promises] = [url for url in links["allocation"] if "allocation/?q=" in url]
    for url in (history, promises):
        listed = browser.get(url.replace("&amp;", "&")).context["cl"].result_list
        assert [row.level_id for row in listed] == [level.pk]


@pytest.mark.parametrize(
    ("permission", "link"),
    [
        ("inventory.view_stockmovement", "stockmovement/?q="),
        ("inventory.view_allocation", "allocation/?q="),
    ],
)
def test_levels_lead_only_to_what_a_person_may_see(permission, link):
    promise(level=stock(units=3), units=2)
    view = ("inventory.view_stocklevel", "inventory.view_location")

    seeing = browser_of(person_who_may(*view, permission)).get(levels_url()).content.decode()
    blind = browser_of(person_who_may(*view)).get(levels_url()).content.decode()

    assert link in seeing
    assert link not in blind


@pytest.mark.parametrize("code", ["pen", UPC, f"0{UPC}", "BOX-6", "(01)00036000291452"])
@pytest.mark.parametrize("model", ["stocklevel", "stockmovement", "allocation"])
def test_lists_of_stock_are_searched_by_any_code(model, code):
    pen = VariantFactory(sku="PEN", gtin=UPC)
    pen.barcodes.create(code="BOX-6", pack_size=6)
    promise(level=stock(variant=pen))
    promise(level=stock(variant=VariantFactory(sku="PEN-2")), reference="SO-2")

    found = rows(reverse(f"admin:inventory_{model}_changelist"), q=code)

    assert len(found) == 1
    level = found[0] if model == "stocklevel" else found[0].level
    assert level.variant == pen


def test_promises_taken_back_are_found_by_any_code():
    withdrawn = withdraw()
    withdrawn.allocation.level.variant.barcodes.create(code="BOX-6")

    url = reverse("admin:inventory_withdrawnpromise_changelist")

    assert rows(url, q="BOX-6") == [withdrawn]
    assert rows(url, q="SO-1") == [withdrawn]
    assert rows(url, q="BOX") == []


def test_movements_are_found_by_how_their_document_begins():
    stock(reference="GR-17")
    stock(reference="GR-2")

    assert [row.reference for row in rows(movements_url(), q="GR-1")] == ["GR-17"]


def test_a_number_that_is_an_sku_and_a_document_finds_both():
    level = stock(variant=VariantFactory(sku="1001"), reference="GR-1")
    other = stock(reference="1001")

    found = {row.level_id for row in rows(movements_url(), q="1001")}

    assert found == {level.pk, other.pk}


def moved_on(day, hour, minute=0):
    zone = ZoneInfo(timezone.get_current_timezone_name())
    moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    stock(reference=f"GR-{moment:%d-%H%M}", at=moment)


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ({"moved_at_from": "2026-11-02"}, ["GR-03-0000", "GR-02-2359", "GR-02-0000"]),
        ({"moved_at_to": "2026-11-02"}, ["GR-02-2359", "GR-02-0000", "GR-01-2359"]),
        (
            {"moved_at_from": "2026-11-02", "moved_at_to": "2026-11-02"},
            ["GR-02-2359", "GR-02-0000"],
        ),
        (
            {"moved_at_from": "0001-01-01", "moved_at_to": "9999-12-31"},
            ["GR-03-0000", "GR-02-2359", "GR-02-0000", "GR-01-2359"],
        ),
        (
            {"moved_at_from": "soon", "moved_at_to": ""},
            ["GR-03-0000", "GR-02-2359", "GR-02-0000", "GR-01-2359"],
        ),
    ],
)
def test_movements_are_filtered_by_whole_days(span, expected):
    moved_on(date(2026, 11, 1), 23, 59)
    moved_on(date(2026, 11, 2), 0)
    moved_on(date(2026, 11, 2), 23, 59)
    moved_on(date(2026, 11, 3), 0)

    assert [row.reference for row in rows(movements_url(), **span)] == expected


def shipped(level, kind, document_id):
    issue_stock(
        location=level.location,
        units={level.variant_id: 1},
        kind="SHIPMENT",
        reference=f"{kind}-{document_id}",
        at=STOCKED_AT,
        source=Source(kind=kind, document_id=document_id),
    )
    return StockMovement.objects.latest("pk")


@pytest.mark.parametrize("kind", StockMovement.SourceKind.values)
def test_movements_lead_to_the_document_that_caused_them(kind):
    movement = shipped(stock(), kind, 4711)
    model = SOURCES[kind].lower().replace(".", "_")

    page = browser_of(superuser()).get(movements_url(), {"source_kind__exact": kind})

    assert list(page.context["cl"].result_list) == [movement]
    assert f'href="{reverse(f"admin:{model}_change", args=[4711])}"' in page.content.decode()


def test_movements_lead_only_to_documents_a_person_may_see():
    shipped(stock(), "FULFILLMENT", 4711)
    view = (*VIEW, "orders.view_fulfillment")
    url = reverse("admin:orders_fulfillment_change", args=[4711])

    seeing = browser_of(person_who_may(*view)).get(movements_url()).content.decode()
    blind = browser_of(person_who_may(*VIEW)).get(movements_url()).content.decode()

    assert url in seeing
    assert url not in blind
    assert "Shipment" in blind


def test_every_kind_of_source_has_a_page():
    registered = {model._meta.label for model in admin.site._registry}

    assert SOURCES.keys() == set(StockMovement.SourceKind.values)
    assert set(SOURCES.values()) <= registered


def test_a_movement_tells_who_when_why_and_what_for():
    person = superuser()
    level = stock()
    adjust_stock(
        location=level.location,
        quantities={level.variant_id: -1},
        reference="ADJ-7",
        reason="Dropped",
        at=STOCKED_AT,
        by=person,
    )
    movement = StockMovement.objects.get(reference="ADJ-7")

    page = browser_of(person).get(
        reverse("admin:inventory_stockmovement_change", args=[movement.pk])
    )

    for told in ("ADJ-7", "Dropped", "-1", str(person), level.variant.sku):
        assert told in page.content.decode()


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("model", ["stocklevel", "stockmovement", "allocation"])
def test_lists_of_stock_cost_the_same_for_any_number_of_rows(
    model, count, django_assert_num_queries
):
    browser = browser_of(superuser())
    for number in range(count):
        promise(level=stock(), reference=f"SO-{number}")
    url = reverse(f"admin:inventory_{model}_changelist")
    browser.get(url)

    with django_assert_num_queries(5):
        browser.get(url)
