from decimal import Decimal

import pytest
from django.urls import reverse

from inventory.models import StockLevel, StockMovement
from inventory.operations import correct_cost
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import MAKERS, STOCKED_AT, LocationFactory, promise, stock
from tests.inventory.shared import everything, figures
from tests.people import browser_of, confirm, person_who_may, superuser

pytestmark = pytest.mark.django_db
VIEW = ("inventory.view_stocklevel", "inventory.view_location")


def act_url(level):
    return reverse("admin:inventory_stocklevel_act", args=[level.pk, "adjust"])


def adjuster():
    return browser_of(person_who_may(*VIEW, "inventory.adjust_stocklevel"))


def form(**changes):
    return {"key": "k1", "quantity": "-2", "reason": "Broken"} | changes


def test_adjust_changes_stock_and_keeps_who_and_why():
    level = stock(units=5)

    response = confirm(adjuster(), act_url(level), form())

    movement = StockMovement.objects.get(kind="ADJUSTMENT")
    assert figures(level) == (3, 0)
    assert (movement.quantity, movement.reason) == (-2, "Broken")
    assert movement.moved_by is not None
    assert f"{level.variant.sku} at {level.location}: -2 units." in response.content.decode()


def test_adjust_shows_the_consequences_first():
    level = promise(level=stock(units=5), units=2).level

    page = adjuster().get(act_url(level)).content.decode()

    assert f"{level.variant} ({level.variant.full_name}) at {level.location}." in page
    assert "5 units are here now, 2 of them promised to orders." in page
    assert figures(level) == (5, 2)


def test_adjust_sent_twice_is_done_once():
    level, browser = stock(units=5), adjuster()

    confirm(browser, act_url(level), form())
    confirm(browser, act_url(level), form())

    assert figures(level) == (3, 0)


@pytest.mark.parametrize("changes", [{"reason": ""}, {"quantity": ""}, {"quantity": "1.5"}])
def test_adjust_asks_for_quantity_and_reason(changes):
    level = stock(units=5)

    adjuster().post(act_url(level), form(**changes))

    assert figures(level) == (5, 0)


def test_adjust_says_what_is_missing_and_changes_nothing():
    level = stock(units=5)
    promise(level=level, units=4)
    before = everything()

    response = adjuster().post(act_url(level), form(quantity="-6"), follow=True)

    assert f"Not enough stock, missing 1 of {level.variant.sku}." in response.content.decode()
    assert everything() == before


def test_adjust_is_for_those_who_may():
    level = stock(units=5)

    response = browser_of(person_who_may(*VIEW)).post(act_url(level), form())

    assert response.status_code == 403
    assert figures(level) == (5, 0)


def test_any_article_can_be_adjusted_where_it_never_was():
    location, variant = LocationFactory(), VariantFactory()

    confirm(
        adjuster(),
        reverse("admin:inventory_stocklevel_page_act", args=["adjust"]),
        form(quantity="3", location=location.pk, article=variant.sku),
    )

    assert figures(StockLevel.objects.get(variant=variant, location=location)) == (3, 0)


@pytest.mark.parametrize("model", MAKERS)
@pytest.mark.parametrize("action", ["add", "change", "delete"])
def test_ledgers_and_totals_are_read_only(model, action):
    row = MAKERS[model]()
    page = f"admin:inventory_{model.__name__.lower()}_{action}"
    before = everything()

    response = browser_of(superuser()).post(
        reverse(page, args=[] if action == "add" else [row.pk]), {"on_hand": 99, "post": "yes"}
    )

    assert response.status_code == 403
    assert everything() == before


@pytest.mark.parametrize("model", MAKERS)
def test_a_row_can_be_read(model):
    row = MAKERS[model]()

    page = browser_of(superuser()).get(
        reverse(f"admin:inventory_{model.__name__.lower()}_change", args=[row.pk])
    )

    assert page.status_code == 200


def test_a_correction_names_the_receipt_it_corrects():
    level = stock(units=2, value="10.00", reference="GR-7")
    correction = correct_cost(
        variant_id=level.variant_id,
        receipt_reference="GR-7",
        amount=Decimal("1.50"),
        reference="SI-1",
        at=STOCKED_AT,
    )

    page = browser_of(superuser()).get(
        reverse("admin:inventory_costmovement_change", args=[correction.pk])
    )

    assert "GR-7" in page.content.decode()


@pytest.mark.parametrize("search", ["sku", "name", "barcode"])
def test_stock_is_found_by_sku_name_and_barcode(search):
    pen = VariantFactory(sku="PEN", product__name="Fountain pen")
    pen.barcodes.create(code="5012345678900")
    level, other = stock(variant=pen), stock(reference="GR-2")
    term = {"sku": "PEN", "name": "fountain", "barcode": "5012345678900"}[search]

    page = browser_of(superuser()).get(
        reverse("admin:inventory_stocklevel_changelist"), {"q": term}
    )

    rows = page.context["cl"].result_list
    assert [row.pk for row in rows] == [level.pk]
    assert other not in rows


@pytest.mark.parametrize(
    ("availability", "expected"), [("free", "free"), ("promised", "promised"), ("empty", "empty")]
)
def test_stock_is_filtered_by_what_is_left(availability, expected):
    levels = {"free": stock(units=3), "promised": stock(units=3), "empty": stock(units=3)}
    promise(level=levels["promised"], units=3)
    confirm(adjuster(), act_url(levels["empty"]), form(quantity="-3"))

    page = browser_of(superuser()).get(
        reverse("admin:inventory_stocklevel_changelist"), {"availability": availability}
    )

    assert [row.pk for row in page.context["cl"].result_list] == [levels[expected].pk]


def test_value_is_shown_to_those_who_see_cost():
    stock(units=4, value="10.00")
    url = reverse("admin:inventory_stocklevel_changelist")

    accountant = browser_of(person_who_may(*VIEW, "inventory.view_costpool")).get(url)
    warehouse_hand = browser_of(person_who_may(*VIEW)).get(url)

    assert "10.00 GBP" in accountant.content.decode()
    assert "10.00 GBP" not in warehouse_hand.content.decode()


def test_a_location_that_stops_shipping_is_told_to_the_channels():
    level = stock()
    level.variant.availability_changes.all().delete()
    location = level.location

    browser_of(superuser()).post(
        reverse("admin:inventory_location_change", args=[location.pk]),
        {
            "code": location.code,
            "name": location.name,
            "kind": location.kind,
            "priority": 0,
            "walk_in_floor": 0,
            "count_units_limit": 10,
            "count_value_limit": 50,
            "pickup_ready_minutes": 120,
            "pickup_hold_days": 7,
        },
    )

    location.refresh_from_db()
    assert not location.is_shipping
    assert level.variant.availability_changes.count() == 1
