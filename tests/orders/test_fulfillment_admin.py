"""The desk of whoever picks, packs and sends."""

import re

import pytest
from django.urls import reverse

from orders.models import Fulfillment, PickList
from orders.operations import ship_packed
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import held_order, open_order, shipped_order
from tests.factories.orders_fulfillment import packed, picked, scanned
from tests.orders.books import books
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db

LIST = reverse("admin:orders_fulfillment_changelist")
START = reverse("admin:orders_picklist_page_act", args=["start"])
BOX = {"carrier_0": "DPD", "number_0": "TN-1", "weight_0": "900", "cost_0": "4.20"}


@pytest.fixture
def browser():
    return browser_of(
        person_who_may(
            "orders.view_picklist",
            "orders.view_fulfillment",
            "orders.view_fulfillmentitem",
            "orders.view_fulfillmentline",
            "orders.view_packscan",
            "orders.view_parcel",
            "orders.pick_fulfillment",
            "orders.ship_order",
        )
    )


def page_of(fulfillment):
    return reverse("admin:orders_fulfillment_change", args=[fulfillment.pk])


def act_url(fulfillment, name):
    return reverse("admin:orders_fulfillment_act", args=[fulfillment.pk, name])


def act_on(browser, fulfillment, name, **data):
    """Send the form of an act; return the words of the messages and of the page after it."""
    answer = browser.post(act_url(fulfillment, name), {"key": "form-1", **data}, follow=True)
    fulfillment.refresh_from_db()
    return " ".join(str(message) for message in answer.context["messages"]), answer


def buttons(browser, fulfillment):
    page = browser.get(page_of(fulfillment)).content.decode()
    return set(re.findall(rf"/fulfillment/{fulfillment.pk}/(?:act|download)/([a-z-]+)/", page))


def found(browser, **query):
    return set(browser.get(LIST, query).context["cl"].result_list)


def the_item(fulfillment):
    return fulfillment.items.select_related("variant").get()


def test_picking_is_started_for_those_whose_turn_it_is(browser):
    level, channel = stock(units=50), ChannelFactory()
    order, held = (make(level=level, channel=channel) for make in (open_order, held_order))

    answer = browser.post(
        START, {"key": "form-1", "location": level.location.pk, "limit": 5}, follow=True
    )

    pick_list = PickList.objects.get()
    [message] = map(str, answer.context["messages"])
    assert f"{pick_list} is for 1 orders. Left out: {held.number} is on hold." in message
    assert answer.redirect_chain[-1][0] == reverse(
        "admin:orders_picklist_change", args=[pick_list.pk]
    )
    assert order.number in answer.content.decode()


def test_picking_is_started_for_named_orders(browser):
    level, channel = stock(units=50), ChannelFactory()
    first, _, third = (open_order(level=level, channel=channel) for _ in range(3))

    browser.post(
        START,
        {
            "key": "form-1",
            "location": level.location.pk,
            "limit": 20,
            "orders": f"{first.number.lower()}, {third.number}",
        },
    )

    assert set(PickList.objects.get().fulfillments.values_list("order", flat=True)) == {
        first.pk,
        third.pk,
    }


def test_picking_of_an_order_nobody_knows_is_refused_in_the_form(browser):
    level = stock(units=50)

    answer = browser.post(
        START, {"key": "k", "location": level.location.pk, "limit": 20, "orders": "SO-1 so-1"}
    )

    assert "No order has the number SO-1." in answer.content.decode()
    assert not PickList.objects.exists()


def test_picking_of_a_held_order_is_refused_with_the_reason(browser):
    order = held_order()
    place = order.lines.get().line_allocations.get().allocation.level.location

    answer = browser.post(
        START, {"key": "k", "location": place.pk, "limit": 20, "orders": order.number}
    )

    assert "The buyer asked us to wait" in answer.content.decode()
    assert not PickList.objects.exists()


def test_scans_follow_each_other_and_the_page_shows_what_still_lacks(browser):
    fulfillment = picked(quantity=2)
    sku = the_item(fulfillment).variant.sku
    page = browser.get(act_url(fulfillment, "scan")).content.decode()
    assert sku in page
    assert "Still to come" in page
    assert "autofocus" in page

    message, answer = act_on(browser, fulfillment, "scan", code=sku)

    assert message == f"{the_item(fulfillment).variant}: 1 in. 1 units are still to come."
    assert answer.redirect_chain[-1][0] == act_url(fulfillment, "scan")
    message, answer = act_on(browser, fulfillment, "scan", code=sku, key="form-2")
    assert message.endswith("Everything is in.")
    assert "complete" in answer.content.decode()


def test_wrong_article_is_told_at_the_scan(browser):
    fulfillment = picked()
    other = stock(reference="GR-2").variant
    before = books()

    message, answer = act_on(browser, fulfillment, "scan", code=other.sku)

    assert "does not belong in" in message
    assert answer.status_code == 200
    assert books() == before


def test_pack_notes_the_parcels(browser):
    fulfillment = scanned()

    message, _ = act_on(browser, fulfillment, "pack", **BOX)

    parcel = fulfillment.parcels.get()
    assert message == f"{fulfillment} is packed."
    assert (fulfillment.status, parcel.tracking_number, parcel.weight, str(parcel.cost)) == (
        "PACKED",
        "TN-1",
        900,
        "4.2000",
    )


def test_box_without_its_number_is_refused_in_the_form(browser):
    fulfillment = scanned()

    _, answer = act_on(browser, fulfillment, "pack", carrier_0="DPD")

    assert "Give each box its carrier and its tracking number." in answer.content.decode()
    assert fulfillment.status == "PICKING"


def test_ship_proposes_the_parcels_that_were_packed(browser):
    fulfillment = packed()
    page = browser.get(act_url(fulfillment, "ship")).content.decode()
    assert 'value="TN-1"' in page
    assert "leave stock at" in page

    message, _ = act_on(browser, fulfillment, "ship", carrier_0="UPS", number_0="1Z")

    assert message == f"{fulfillment} has left {fulfillment.location}."
    assert fulfillment.status == "SHIPPED"
    assert str(fulfillment.parcels.get()) == "UPS 1Z"


def test_tracking_number_is_corrected(browser):
    fulfillment = shipped_order().fulfillments.get()
    parcel = fulfillment.parcels.get()

    message, _ = act_on(
        browser,
        fulfillment,
        "correct-tracking",
        parcel=parcel.pk,
        carrier="DPD",
        tracking_number="TN-9",
    )

    assert message == "The parcel is DPD TN-9."


def test_goods_are_unpacked_and_put_back(browser):
    fulfillment = packed()

    act_on(browser, fulfillment, "unpack", reason="Wrong box.")
    assert fulfillment.status == "PICKING"
    act_on(browser, fulfillment, "put-back", reason="No time.")

    assert (fulfillment.status, fulfillment.cancel_reason) == ("CANCELLED", "No time.")


def test_buttons_follow_the_state(browser):
    sent = packed()
    ship_packed(fulfillment_id=sent.pk, at=NOON)

    assert buttons(browser, picked()) == {"scan", "put-back", "slip"}
    assert buttons(browser, scanned()) == {"pack", "scan", "put-back", "slip"}
    assert buttons(browser, packed()) == {"ship", "unpack", "put-back", "slip"}
    assert buttons(browser, sent) == {"correct-tracking", "slip"}


def test_queues_show_what_waits(browser):
    untouched, complete, closed = picked(), scanned(), packed()
    collected = packed()
    Fulfillment.objects.filter(pk=collected.pk).update(method="PICKUP")
    shipped_order()

    assert found(browser, queue="pick") == {untouched}
    assert found(browser, queue="pack") == {complete}
    assert found(browser, queue="ship") == {closed}
    assert len(found(browser)) == 5


def test_fulfillment_is_found_by_any_number_that_is_scanned(browser):
    wanted, _ = packed(), picked()

    for number in (wanted.number.lower(), wanted.order.number, wanted.pick_list.number, "TN-1"):
        assert found(browser, q=number) == {wanted}, number
    assert found(browser, q="nothing") == set()


def test_page_shows_units_scans_and_parcels(browser):
    fulfillment = packed(quantity=2)

    page = browser.get(page_of(fulfillment)).content.decode()

    for word in (the_item(fulfillment).variant.sku, "2 of 2", "TN-1", "complete"):
        assert word in page


def test_whoever_only_looks_changes_nothing():
    fulfillment = picked()
    reader = browser_of(person_who_may("orders.view_fulfillment", "orders.view_picklist"))

    assert buttons(reader, fulfillment) == set()
    for name in ("scan", "pack", "ship", "unpack", "put-back", "correct-tracking"):
        assert reader.post(act_url(fulfillment, name), {"key": "k"}).status_code == 403
    assert reader.post(START, {"key": "k"}).status_code == 403


def test_scan_page_takes_as_many_queries_whatever_the_number_of_articles(
    browser, django_assert_num_queries
):
    few, many = picked(quantity=1), picked(quantity=9)
    browser.get(act_url(few, "scan"))

    for fulfillment in (few, many):
        with django_assert_num_queries(7):
            browser.get(act_url(fulfillment, "scan"))


def test_order_is_sent_at_once_only_as_far_as_nobody_picks_it():
    level = stock(units=9)
    order = open_order(level=level, quantity=3)
    picked(order)
    clerk = browser_of(person_who_may("orders.view_order", "orders.ship_order"))
    form = reverse("admin:orders_order_act", args=[order.pk, "ship"])

    page = clerk.get(form).content.decode()

    assert "0 of 3 promised, 3 more being picked" in page
