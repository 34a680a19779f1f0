"""The rules of offers at the desk, and the page that says why a channel shows what it shows."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags

from channels.models import Listing
from inventory.models import (
    AvailabilityChange,
    AvailabilitySnapshot,
    ChannelReserve,
    ChannelStockSource,
    SafetyStock,
)
from inventory.operations import allocate_stock, work_out_offers
from tests.factories.catalog import BundleComponentFactory, VariantFactory
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.inventory import LocationFactory, promise, stock
from tests.factories.inventory_offers import (
    ChannelReserveFactory,
    ChannelStockSourceFactory,
    SafetyStockFactory,
    offer,
)
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db
RULES = (ChannelStockSource, ChannelReserve, SafetyStock)


def address(model, page, *arguments):
    return reverse(f"admin:inventory_{model._meta.model_name}_{page}", args=arguments)


def listing_page(listing):
    return reverse("admin:channels_listing_change", args=[listing.pk])


def who_may(model, *acts):
    return browser_of(
        person_who_may(*(f"inventory.{act}_{model._meta.model_name}" for act in acts))
    )


def terms_on(browser, url):
    """Return the rows of the table that explains an offer: term with its details, figure, left."""
    page = browser.get(url).content.decode()
    (body,) = re.findall(r"<th>Left</th></tr>.*?<tbody>(.*?)</tbody>", page, re.DOTALL)
    return [
        [
            " ".join(strip_tags(cell).split())
            for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)
        ]
        for row in re.findall(r"<tr>(.*?)</tr>", body, re.DOTALL)
    ]


def moment(at):
    local = timezone.localtime(at)
    return {"_0": f"{local:%Y-%m-%d}", "_1": f"{local:%H:%M:%S}"}


def reserve_form(channel, variant, units="3"):
    starts = moment(timezone.now() - timedelta(days=1))
    return {
        "channel": channel.pk,
        "variant": variant.pk,
        "units": units,
        **{f"starts_at{half}": value for half, value in starts.items()},
        "ends_at_0": "",
        "ends_at_1": "",
    }


def web_shop_beside_allegro():
    """On hand 10, promised 3, safety stock 1, 2 kept for Allegro; return both listings."""
    level = stock(units=10)
    promise(level=level, units=3)
    SafetyStockFactory(variant=level.variant, units=1)
    web = ChannelFactory(offer_percent=80, offer_buffer=1)
    allegro = ChannelFactory(name="Allegro")
    ChannelReserveFactory(variant=level.variant, channel=allegro, units=2)
    at_web = ListingFactory(variant=level.variant, channel=web, pack_size=2)
    at_allegro = ListingFactory(variant=level.variant, channel=allegro)
    work_out_offers(limit=100, at=timezone.now())
    return at_web, at_allegro


def test_listing_says_why_the_web_shop_is_offered_one_and_allegro_six():
    at_web, at_allegro = web_shop_beside_allegro()
    browser = browser_of(superuser())
    place = at_web.variant.stock_levels.get().location.name

    of_web = terms_on(browser, listing_page(at_web))
    of_allegro = terms_on(browser, listing_page(at_allegro))

    there = f"{place}: 10 on hand, 3 promised, 0 for who walks in, 7 free"
    free = [f"Free where the channel sells from {there}", "7", "7"]
    assert of_web == [
        free,
        ["Safety stock", "less 1", "6"],
        ["Kept for other channels Allegro: 2", "less 2", "4"],
        ["Of it, kept for this channel", "0", "4"],
        ["Share of what is not kept for it", "80 %", "3"],
        ["Buffer", "less 1", "2"],
        ["Packs, by units in one", "by 2", "1"],
        ["Offered", "1", "1"],
    ]
    assert of_allegro == [
        free,
        ["Safety stock", "less 1", "6"],
        ["Kept for other channels", "less 0", "6"],
        ["Of it, kept for this channel", "2", "6"],
        ["Share of what is not kept for it", "100 %", "6"],
        ["Buffer", "less 0", "6"],
        ["Packs, by units in one", "by 1", "6"],
        ["Offered", "6", "6"],
    ]


def test_listing_leads_to_all_that_it_was_offered():
    listing = offer().listing
    offer(listing=ListingFactory(variant=stock(reference="GR-2").variant))
    promise(level=listing.variant.stock_levels.get(), units=4)
    work_out_offers(limit=100, at=timezone.now())
    browser = browser_of(superuser())

    page = browser.get(listing_page(listing)).content.decode()
    (link,) = re.findall(r'<a href="([^"]+)">All that it was offered</a>', page)
    listed = browser.get(link).context["cl"].result_list

    assert [snapshot.quantity for snapshot in listed] == [6, 10]


def test_terms_of_a_bundle_name_each_component():
    cups, saucers = stock(units=13), stock(units=40, reference="GR-2")
    part = BundleComponentFactory(component=cups.variant, units=4)
    BundleComponentFactory(bundle=part.bundle, component=saucers.variant, units=1)
    snapshot = offer(listing=ListingFactory(variant=part.bundle))

    rows = terms_on(browser_of(superuser()), address(AvailabilitySnapshot, "change", snapshot.pk))

    cup, saucer = cups.variant.sku, saucers.variant.sku
    counted = [row for row in rows if "undle" in row[0]]
    assert counted == [
        [f"{cup}: bundles it makes, by units in one", "by 4", "3"],
        [f"{saucer}: bundles it makes, by units in one", "by 1", "40"],
        ["Bundles of the scarcest component", "3", "3"],
    ]
    assert rows[-1] == ["Offered", "3", "3"]


def test_terms_say_that_nothing_lies_where_the_channel_sells_from():
    level = stock()
    listing = ListingFactory(variant=level.variant)
    ChannelStockSourceFactory(channel=listing.channel)
    snapshot = offer(listing=listing)

    first, *_ = terms_on(
        browser_of(superuser()), address(AvailabilitySnapshot, "change", snapshot.pk)
    )

    there_is_none = "There never was any at a place that the channel sells from."
    assert first == [f"Free where the channel sells from {there_is_none}", "0", "0"]


def test_terms_show_the_limits_that_a_listing_sets():
    level = stock(units=10)
    snapshot = offer(
        listing=ListingFactory(
            variant=level.variant, min_quantity=3, end_at_quantity=2, max_quantity=5
        )
    )

    rows = terms_on(browser_of(superuser()), address(AvailabilitySnapshot, "change", snapshot.pk))

    assert rows[-4:] == [
        ["Nothing below", "3", "10"],
        ["Sold out at", "2", "10"],
        ["No more than", "5", "5"],
        ["Offered", "5", "5"],
    ]


def test_terms_name_what_is_no_longer_dealt_in():
    level = stock()
    level.variant.is_active = False
    level.variant.save()
    snapshot = offer(listing=ListingFactory(variant=level.variant))

    rows = terms_on(browser_of(superuser()), address(AvailabilitySnapshot, "change", snapshot.pk))

    assert rows == [["No longer dealt in", "-", "0"], ["Offered", "0", "0"]]


def test_listing_that_was_never_worked_out_says_so():
    page = browser_of(superuser()).get(listing_page(ListingFactory())).content.decode()

    assert "Nothing yet: what is for sale and kept in stock" in page


def test_listing_that_lost_its_number_is_not_explained_by_its_last_terms():
    listing = offer().listing
    type(listing.variant).objects.update(is_stocked=False)
    work_out_offers(limit=100, at=timezone.now())

    page = browser_of(superuser()).get(listing_page(listing)).content.decode()

    assert "Nothing yet: what is for sale and kept in stock" in page
    assert "<th>Left</th>" not in page


def test_why_is_told_to_those_who_may_see_it():
    listing = offer().listing

    page = browser_of(person_who_may("channels.view_listing")).get(listing_page(listing))

    assert page.status_code == 200
    assert "Why it is offered that many" not in page.content.decode()


def test_listing_costs_the_same_whatever_it_was_offered(django_assert_num_queries):
    listing = offer().listing
    browser = browser_of(superuser())
    browser.get(listing_page(listing))

    with django_assert_num_queries(6):
        browser.get(listing_page(listing))
    for hour in range(3):
        promise(level=listing.variant.stock_levels.get(), reference=f"SO-{hour}")
        work_out_offers(limit=100, at=timezone.now() + timedelta(hours=hour))
    with django_assert_num_queries(6):
        browser.get(listing_page(listing))


def make_change():
    return AvailabilityChange.objects.create(variant=VariantFactory(), changed_at=timezone.now())


@pytest.mark.parametrize(
    ("make", "model", "queries"),
    [
        (ChannelStockSourceFactory, ChannelStockSource, 6),
        (ChannelReserveFactory, ChannelReserve, 5),
        (SafetyStockFactory, SafetyStock, 5),
        (offer, AvailabilitySnapshot, 5),
        (make_change, AvailabilityChange, 4),
    ],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_list_costs_the_same_for_one_row_and_for_three(
    make, model, queries, rows, django_assert_num_queries
):
    for _ in range(rows):
        make()
    browser = browser_of(superuser())

    with django_assert_num_queries(queries):
        answer = browser.get(address(model, "changelist"))

    assert answer.status_code == 200


def test_snapshots_are_only_looked_at():
    snapshot = offer()
    browser = browser_of(superuser())
    page = address(AvailabilitySnapshot, "change", snapshot.pk)

    answers = [
        browser.post(page, {"quantity": "99"}).status_code,
        browser.get(address(AvailabilitySnapshot, "add")).status_code,
        browser.post(
            address(AvailabilitySnapshot, "delete", snapshot.pk), {"post": "yes"}
        ).status_code,
    ]

    assert answers == [403, 403, 403]
    assert AvailabilitySnapshot.objects.get().quantity == snapshot.quantity


def test_snapshot_is_found_by_the_whole_sku():
    wanted, _other = offer(), offer(listing=ListingFactory(variant=stock().variant))
    sku = wanted.listing.variant.sku

    found = browser_of(superuser()).get(address(AvailabilitySnapshot, "changelist"), {"q": sku})

    assert list(found.context["cl"].result_list) == [wanted]


def test_reserve_is_made_changed_and_deleted_and_each_makes_its_listings_due():
    level = stock(units=10)
    listing = ListingFactory(variant=level.variant)
    channel, browser = ChannelFactory(), who_may(ChannelReserve, "view", "add", "change", "delete")
    offered = []

    def step(url, form):
        answer = browser.post(url, form)
        assert answer.status_code == 302, answer.context["adminform"].form.errors
        work_out_offers(limit=100, at=timezone.now())
        offered.append(
            Listing.objects.values_list("offered_quantity", flat=True).get(pk=listing.pk)
        )

    step(address(ChannelReserve, "add"), reserve_form(channel, level.variant))
    reserve = ChannelReserve.objects.get()
    page = address(ChannelReserve, "change", reserve.pk)
    step(page, reserve_form(channel, level.variant, units="7"))
    step(address(ChannelReserve, "delete", reserve.pk), {"post": "yes"})

    assert offered == [7, 3, 10]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"units": "0"}, "A reserve is at least one unit."),
        ({"units": "-1"}, "A reserve is at least one unit."),
        ({"units": "1.5"}, "Enter a whole number."),
        ({"ends_at_0": "2020-01-01", "ends_at_1": "00:00:00"}, "A reserve ends after it starts."),
        ({"variant": "4711"}, "That choice is not one of the available choices."),
        ({"channel": ""}, "This field is required."),
    ],
)
def test_reserve_that_makes_no_sense_is_refused_in_words(changes, said):
    form = reserve_form(ChannelFactory(), VariantFactory()) | changes

    answer = browser_of(superuser()).post(address(ChannelReserve, "add"), form)

    assert said in answer.content.decode()
    assert not ChannelReserve.objects.exists()


def test_second_reserve_of_a_channel_is_refused_in_words():
    reserve = ChannelReserveFactory()

    answer = browser_of(superuser()).post(
        address(ChannelReserve, "add"), reserve_form(reserve.channel, reserve.variant)
    )

    assert "This channel has a reserve of the article already." in answer.content.decode()
    assert ChannelReserve.objects.count() == 1


@pytest.mark.parametrize("model", [ChannelReserve, SafetyStock])
def test_rule_of_what_has_no_stock_of_its_own_is_refused(model):
    bundle = BundleComponentFactory().bundle
    form = reserve_form(ChannelFactory(), bundle)

    answer = browser_of(superuser()).post(address(model, "add"), form)

    assert "That choice is not one of the available choices." in answer.content.decode()
    assert not model.objects.exists()


def test_reserve_tells_what_is_left_of_it_and_whether_it_holds():
    level, now = stock(units=20), timezone.now()
    used = ChannelReserveFactory(variant=level.variant, units=5)
    allocate_stock(
        location=level.location,
        units={level.variant_id: 2},
        reference="SO-1",
        at=now,
        channel=used.channel,
    )
    ChannelReserveFactory(variant=level.variant, starts_at=now + timedelta(days=1))
    ChannelReserveFactory(variant=level.variant, ends_at=now - timedelta(seconds=1))
    browser = browser_of(superuser())

    def shown(**query):
        page = browser.get(address(ChannelReserve, "changelist"), query)
        return sorted((row.units, row.remaining) for row in page.context["cl"].result_list)

    page = browser.get(address(ChannelReserve, "changelist")).content.decode()

    assert all(state in page for state in ("Holds now", "Starts later", "Over"))
    assert shown(when="now") == [(5, 3)]
    assert shown(when="later") == [(2, 2)]
    assert shown(when="over") == [(2, 2)]


def test_safety_stock_is_set_and_makes_its_listing_due():
    listing = offer().listing
    browser = who_may(SafetyStock, "view", "add")

    browser.post(address(SafetyStock, "add"), {"variant": listing.variant_id, "units": "4"})
    work_out_offers(limit=100, at=timezone.now())

    listing.refresh_from_db()
    assert listing.offered_quantity == 6


@pytest.mark.parametrize(
    ("units", "said"),
    [("-1", "Safety stock is not below zero."), ("", "This field is required.")],
)
def test_safety_stock_that_makes_no_sense_is_refused_in_words(units, said):
    variant = VariantFactory()

    answer = browser_of(superuser()).post(
        address(SafetyStock, "add"), {"variant": variant.pk, "units": units}
    )

    assert said in answer.content.decode()
    assert not SafetyStock.objects.exists()


def test_channel_sells_from_the_place_it_is_given():
    warehouse = stock(units=10)
    listing = ListingFactory(variant=warehouse.variant)
    store = LocationFactory(kind="STORE", is_shipping=False)
    stock(units=3, variant=warehouse.variant, location=store, reference="GR-2")

    browser_of(superuser()).post(
        address(ChannelStockSource, "add"),
        {"channel": listing.channel_id, "location": store.pk, "external_location_id": "L-7"},
    )
    work_out_offers(limit=100, at=timezone.now())

    source = ChannelStockSource.objects.get()
    listing.refresh_from_db()
    assert (source.location, source.external_location_id) == (store, "L-7")
    assert listing.offered_quantity == 3


@pytest.mark.parametrize("kind", ["TRANSIT", "QUARANTINE"])
def test_channel_does_not_sell_what_is_on_the_road_or_set_apart(kind):
    place = LocationFactory(kind=kind, is_shipping=False)

    answer = browser_of(superuser()).post(
        address(ChannelStockSource, "add"), {"channel": ChannelFactory().pk, "location": place.pk}
    )

    assert "That choice is not one of the available choices." in answer.content.decode()
    assert not ChannelStockSource.objects.exists()


@pytest.mark.parametrize("model", RULES)
def test_rules_are_changed_by_those_who_may(model):
    row = {
        ChannelStockSource: ChannelStockSourceFactory,
        ChannelReserve: ChannelReserveFactory,
        SafetyStock: SafetyStockFactory,
    }[model]()
    before = list(model.objects.values())
    browser = who_may(model, "view")

    answers = [
        browser.get(address(model, "changelist")).status_code,
        browser.get(address(model, "change", row.pk)).status_code,
        browser.get(address(model, "add")).status_code,
        browser.post(address(model, "change", row.pk), {"units": "9"}).status_code,
        browser.post(address(model, "delete", row.pk), {"post": "yes"}).status_code,
    ]

    assert answers == [200, 200, 403, 403, 403]
    assert list(model.objects.values()) == before
