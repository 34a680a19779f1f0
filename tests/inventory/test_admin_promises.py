"""Putting stock aside at the desk, handing it over and giving it up."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from inventory.models import Allocation, StockMovement
from inventory.operations import release_expired
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import LocationFactory, promise, stock
from tests.factories.inventory_promises import put_aside as put_aside_by_code
from tests.factories.inventory_promises import withdraw
from tests.inventory.shared import everything, figures
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db
VIEW = ("inventory.view_allocation", "inventory.view_location", "inventory.view_stocklevel")
ACTS = ["hand-over", "extend", "release"]


def clerk():
    return browser_of(person_who_may(*VIEW, "inventory.reserve_stocklevel"))


def list_url():
    return reverse("admin:inventory_allocation_changelist")


def page_url(allocation):
    return reverse("admin:inventory_allocation_change", args=[allocation.pk])


def act_url(allocation, name):
    return reverse("admin:inventory_allocation_act", args=[allocation.pk, name])


def put_aside_url():
    return reverse("admin:inventory_allocation_page_act", args=["put-aside"])


def in_days(days):
    return timezone.localdate() + timedelta(days=days)


def put_aside(level=None, **changes):
    """Put two units of a level aside for a week, by default a level of a new article."""
    level = level or stock(units=5)
    return put_aside_by_code(
        level=level,
        units=2,
        at=timezone.now(),
        expires_at=timezone.now() + timedelta(days=7),
        **changes,
    )


def form(level, **changes):
    return {
        "key": "k1",
        "location": level.location_id,
        "article": level.variant.sku,
        "units": "2",
        "note": "Mrs Smith, 555-0101",
        "until": in_days(3).isoformat(),
    } | changes


def test_put_aside_keeps_units_until_the_end_of_the_day():
    level, browser = stock(units=5), clerk()

    answer = browser.post(put_aside_url(), form(level), follow=True)

    allocation = Allocation.objects.get()
    kept_until = timezone.localtime(allocation.expires_at)
    assert figures(level) == (5, 2)
    assert (allocation.note, allocation.reference) == ("Mrs Smith, 555-0101", "RES-k1")
    assert (kept_until.date(), kept_until.hour) == (in_days(4), 0)
    assert allocation.allocated_by is not None
    assert (
        f"2 of {level.variant} at {level.location} put aside for Mrs Smith, 555-0101, until the"
        f" end of {in_days(3):%d %B %Y}."
    ) in answer.content.decode()


def test_put_aside_of_a_pack_keeps_all_its_units():
    level = stock(units=15)
    level.variant.barcodes.create(code="BOX-6", pack_size=6)

    clerk().post(put_aside_url(), form(level, article="BOX-6"))

    assert figures(level) == (15, 12)


def test_put_aside_says_first_what_it_does():
    page = clerk().get(put_aside_url()).content.decode()

    assert "They become free by themselves when the last day is over." in page
    assert in_days(7).isoformat() in page


def test_put_aside_sent_twice_is_done_once():
    level, browser = stock(units=5), clerk()

    browser.post(put_aside_url(), form(level))
    browser.post(put_aside_url(), form(level))

    assert figures(level) == (5, 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"units": "9"}, "Not enough stock, missing 4 of"),
        ({"units": "0"}, "Units are counted from 1; 0 cannot be moved."),
        ({"units": "-1"}, "Units are counted from 1; -1 cannot be moved."),
        ({"units": "99999999999"}, "Fewer than 1,000,000,000 units can be moved at once."),
        ({"units": "1.5"}, "Enter a whole number."),
        ({"note": ""}, "This field is required."),
        ({"until": "2026-01-01"}, "Put stock aside until a moment that is still to come."),
        ({"until": "9999-12-31"}, "Ensure this value is less than or equal to 9999-12-29."),
        ({"until": "soon"}, "Enter a valid date."),
        ({"location": "4711"}, "That choice is not one of the available choices."),
        ({"article": "4711"}, "No article has the code 4711."),
    ],
)
def test_put_aside_says_what_is_wrong_and_keeps_nothing(changes, said):
    level = stock(units=5)
    before = everything()

    answer = clerk().post(put_aside_url(), form(level, **changes), follow=True)

    assert said in answer.content.decode()
    assert everything() == before


def test_put_aside_refuses_what_is_not_kept_in_stock():
    level, postage = stock(), VariantFactory(is_stocked=False)
    before = everything()

    answer = clerk().post(put_aside_url(), form(level, article=postage.sku), follow=True)

    assert f"{postage.sku} is not kept in stock." in answer.content.decode()
    assert everything() == before


def test_put_aside_refuses_what_is_no_longer_dealt_in():
    level = stock()
    level.variant.is_active = False
    level.variant.save(update_fields=["is_active"])
    before = everything()

    answer = clerk().post(put_aside_url(), form(level), follow=True)

    assert f"No longer dealt in: {level.variant.sku}." in answer.content.decode()
    assert everything() == before


def test_put_aside_is_offered_where_people_shop():
    road = LocationFactory(kind="TRANSIT", is_shipping=False, name="On the road")

    page = clerk().get(put_aside_url()).content.decode()

    assert road.name not in page


def test_hand_over_sells_a_part_and_keeps_the_rest():
    allocation = put_aside()

    answer = clerk().post(
        act_url(allocation, "hand-over"), {"key": "k2", "units": "1"}, follow=True
    )

    movement = StockMovement.objects.get(kind="SALE")
    assert (movement.quantity, movement.reference) == (-1, "SALE-k2")
    assert movement.moved_by is not None
    assert figures(allocation.level) == (4, 1)
    assert "1 units handed over." in answer.content.decode()


def test_hand_over_offers_all_that_is_put_aside():
    allocation = put_aside()

    page = clerk().get(act_url(allocation, "hand-over")).content.decode()

    assert 'name="units" value="2"' in page
    assert f"2 of {allocation.level.variant} at {allocation.level.location} are put" in page


def test_hand_over_of_more_than_is_put_aside_is_refused():
    allocation = put_aside()
    before = everything()

    answer = clerk().post(act_url(allocation, "hand-over"), {"key": "k2", "units": "3"})

    assert "RES-1 is promised 2 more units here, not 3." in answer.content.decode()
    assert everything() == before


def test_extend_keeps_units_longer():
    allocation = put_aside()

    clerk().post(act_url(allocation, "extend"), {"key": "k2", "until": in_days(30).isoformat()})

    allocation.refresh_from_db()
    assert timezone.localtime(allocation.expires_at).date() == in_days(31)


def test_release_frees_all_that_is_put_aside():
    allocation = put_aside()

    answer = clerk().post(act_url(allocation, "release"), {"key": "k2"}, follow=True)

    assert figures(allocation.level) == (5, 0)
    assert "2 units are free again." in answer.content.decode()


@pytest.mark.parametrize("act", ACTS)
def test_an_orders_promise_is_not_touched_here(act):
    allocation = promise()
    before = everything()

    answer = clerk().post(
        act_url(allocation, act), {"key": "k2", "units": "1", "until": in_days(1)}, follow=True
    )

    assert "is not possible for SO-1: 1 as it is now." in answer.content.decode()
    assert act_url(allocation, act) not in answer.content.decode()
    assert everything() == before


@pytest.mark.parametrize("act", ACTS)
def test_what_was_given_up_is_not_touched_again(act):
    allocation = put_aside()
    release_expired(limit=10, at=allocation.expires_at)
    before = everything()

    answer = clerk().post(act_url(allocation, act), {"key": "k2", "units": "1"}, follow=True)

    assert "is not possible for RES-1: 2 as it is now." in answer.content.decode()
    assert everything() == before


@pytest.mark.parametrize("act", ACTS)
def test_acts_are_for_those_who_may(act):
    allocation = put_aside()
    before = everything()

    answer = browser_of(person_who_may(*VIEW)).post(
        act_url(allocation, act), {"key": "k2", "units": "1", "until": in_days(1)}
    )

    assert answer.status_code == 403
    assert everything() == before


def test_put_aside_is_for_those_who_may():
    level = stock()

    answer = browser_of(person_who_may(*VIEW)).post(put_aside_url(), form(level))

    assert answer.status_code == 403
    assert figures(level) == (10, 0)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("order", ["SO-1"]), ("aside", ["RES-3", "RES-2"]), ("over", ["RES-2"])],
)
def test_promises_are_told_apart(kind, expected):
    level = stock(units=9)
    promise(level=level, reference="SO-1")
    put_aside_by_code(level=level, reference="RES-2", expires_at=timezone.now())
    put_aside(level=level, reference="RES-3")

    page = browser_of(superuser()).get(list_url(), {"kind": kind})

    assert [row.reference for row in page.context["cl"].result_list] == expected


def test_stock_is_found_by_whom_it_is_kept_for():
    kept, _other = put_aside(note="Mrs Smith"), put_aside(note="Mr Jones")

    page = browser_of(superuser()).get(list_url(), {"q": "smith"})

    assert list(page.context["cl"].result_list) == [kept]


def test_list_says_for_whom_each_promise_is():
    level = stock(units=9)
    promise(level=level, reference="SO-1")
    put_aside(level=level, note="Mrs Smith")

    page = browser_of(superuser()).get(list_url()).content.decode()

    assert "SO-1" in page
    assert "Mrs Smith" in page
    assert "RES-1" not in page


def test_a_promise_tells_what_was_taken_back_of_it():
    withdrawn = withdraw()

    page = browser_of(superuser()).get(page_url(withdrawn.allocation)).content.decode()

    assert "Taken back" in page
    assert "ADJ-1" in page


def test_promises_taken_back_are_listed_with_what_took_them():
    withdraw()

    page = browser_of(superuser()).get(reverse("admin:inventory_withdrawnpromise_changelist"))

    for told in ("Stock adjusted", "SO-1", "ADJ-1"):
        assert told in page.content.decode()
