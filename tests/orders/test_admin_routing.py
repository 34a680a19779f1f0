"""From where orders are served, in the admin: rules, postcodes, decisions, and acts on them."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from inventory.models import Location
from orders.models import (
    Order,
    PostcodeCentroid,
    RoutingDecision,
    RoutingRejection,
    RoutingRule,
)
from tests.factories.channels import ChannelFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import open_order
from tests.factories.orders_routing import PostcodeCentroidFactory, RoutingRuleFactory, reject
from tests.orders.places import elsewhere, picking, promised_at
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser():
    return browser_of(superuser())


def address(model, act, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{act}", args=args)


def said(answer) -> str:
    """Return what a page says, without its markup."""
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(text.split())


def act_on(browser, document, name, **data):
    url = address(type(document), "act", document.pk, name)
    answer = browser.post(url, {"key": "form-1", **data}, follow=True)
    document.refresh_from_db()
    return [str(message) for message in answer.context["messages"]]


def buttons(browser, document) -> set[str]:
    page = browser.get(address(type(document), "change", document.pk)).content.decode()
    return set(re.findall(rf"/{document.pk}/act/([a-z-]+)/", page))


def test_rule_is_added_and_counts(browser):
    channel, location = ChannelFactory(), LocationFactory()

    browser.post(
        address(RoutingRule, "add"),
        {
            "channel": channel.pk, "rank": "10", "kind": "PREFERRED", "location": location.pk,
            "is_active": "on",
        },
    )  # fmt: skip

    rule = RoutingRule.objects.get()
    assert (rule.channel, rule.rank, rule.kind, rule.location, rule.is_active) == (
        channel, 10, "PREFERRED", location, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"kind": "PREFERRED"}, "Only a preferred place names a place, and it must."),
        ({"kind": "NEAREST", "rank": "7"}, "Another rule has this rank."),
    ],
)
def test_rule_that_makes_no_sense_is_refused_in_words(browser, values, words):
    RoutingRuleFactory(rank=7)

    answer = browser.post(address(RoutingRule, "add"), {"rank": "8", "is_active": "on", **values})

    assert words in said(answer).replace("&#x27;", "'")
    assert RoutingRule.objects.count() == 1


def test_rules_are_listed_in_the_order_they_are_asked(browser):
    last, first = RoutingRuleFactory(rank=9), RoutingRuleFactory(rank=2)

    answer = browser.get(address(RoutingRule, "changelist"))

    assert list(answer.context["cl"].result_list) == [first, last]
    assert "every channel" in said(answer)


@pytest.mark.parametrize("model", [RoutingRule, PostcodeCentroid])
def test_rules_are_changed_by_those_who_may(model):
    watching = browser_of(person_who_may(f"orders.view_{model._meta.model_name}"))

    assert watching.get(address(model, "changelist")).status_code == 200
    assert watching.get(address(model, "add")).status_code == 403


def take_in(browser, *lines):
    content = "\n".join(lines).encode()
    page = browser.post(
        address(PostcodeCentroid, "import"),
        {"import_file": SimpleUploadedFile("postcodes.csv", content), "format": "0"},
    )
    if "confirm_form" not in page.context:
        return page
    return browser.post(
        address(PostcodeCentroid, "process_import"), page.context["confirm_form"].initial
    )


def known():
    rows = PostcodeCentroid.objects.order_by("country", "prefix")
    return [(row.country, row.prefix, str(row.latitude), str(row.longitude)) for row in rows]


def test_file_of_postcodes_adds_and_changes_and_leaves_the_rest(browser):
    PostcodeCentroidFactory(prefix="YO1", latitude="1", longitude="1")
    PostcodeCentroidFactory(prefix="LS1", latitude="53.79", longitude="-1.54")

    answer = take_in(
        browser,
        "Country;Prefix;Latitude;Longitude",
        "gb;yo1;53,958;-1,0830049",
        "GB;SW1Y 4;51.507;-0.133",
    )

    assert answer.status_code == 302
    assert known() == [
        ("GB", "LS1", "53.79000", "-1.54000"),
        ("GB", "SW1Y4", "51.50700", "-0.13300"),
        ("GB", "YO1", "53.95800", "-1.08300"),
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["country,prefix,latitude", "GB,YO1,53"], "longitude lacks"),
        (["country,prefix,latitude,longitude", "GB,YO1,53,-1", "GB,LS1,north,-1"], "north"),
        (["country,prefix,latitude,longitude", "GB,YO1,53,-1", "GB,LS1,95,-1"], "Latitudes go"),
        (["country,prefix,latitude,longitude", "GB,,53,-1"], "blank"),
    ],
)
def test_file_of_postcodes_with_a_mistake_is_not_taken_in(browser, lines, words):
    assert words in said(take_in(browser, *lines))
    assert known() == []


def test_postcodes_are_given_out_as_they_are_taken_in(browser):
    PostcodeCentroidFactory(prefix="YO1", latitude="53.958", longitude="-1.083")
    columns = {f"postcodecentroidresource_{name}": "on" for name in (
        "country", "prefix", "latitude", "longitude",
    )}  # fmt: skip

    answer = browser.post(address(PostcodeCentroid, "export"), {"format": "0", **columns})

    assert answer.content.decode("utf-8-sig").split() == [
        "country,prefix,latitude,longitude", "GB,YO1,53.95800,-1.08300",
    ]  # fmt: skip


def test_postcodes_are_taken_in_by_those_who_may():
    watching = browser_of(person_who_may("orders.view_postcodecentroid"))

    assert watching.get(address(PostcodeCentroid, "import")).status_code == 403
    assert watching.get(address(PostcodeCentroid, "export")).status_code == 200


def test_order_says_from_where_it_is_served_and_why(browser):
    level = stock(units=10)
    other = elsewhere(level, units=20, country="GB")
    RoutingRuleFactory(kind="SAME_COUNTRY", rank=4)
    order = open_order(level=level, quantity=2)

    page = said(browser.get(address(Order, "change", order.pk)))

    assert f"2 pieces from {other.location.code}" in page
    assert "By the rule 4: in the country it goes to." in page
    assert f"{level.location.code}: 2 pieces by itself, abroad" in page
    assert f"{other.location.code}: 2 pieces by itself, in the same country" in page


def test_decision_of_a_rejection_says_who_was_left_out(browser):
    level = stock(units=10)
    order = open_order(level=level, quantity=3)
    reject(order, level, quantity=3)
    decision = order.routing_decisions.latest("pk")

    page = said(browser.get(address(RoutingDecision, "change", decision.pk)))

    assert "3 pieces from nowhere" in page
    assert "No place could serve a whole piece." in page
    assert f"{level.location.code} has rejected it before" in page


def test_lists_of_decisions_and_rejections_find_the_order(browser):
    level = stock(units=10)
    order = open_order(level=level, quantity=3)
    rejection = reject(order, level)

    decisions = browser.get(address(RoutingDecision, "changelist"), {"q": order.number})
    rejections = browser.get(address(RoutingRejection, "changelist"), {"q": order.number})

    assert decisions.context["cl"].result_count == 2
    assert list(rejections.context["cl"].result_list) == [rejection]
    assert order.number in said(rejections)


def test_order_is_served_from_another_place(browser):
    level = stock(units=10)
    order, other = open_order(level=level, quantity=3), elsewhere(level)

    told = act_on(browser, order, "reroute", location=other.location_id)

    page = said(browser.get(address(Order, "change", order.pk)))
    assert told == [f"{order} is served from {other.location.code} now."]
    assert promised_at(order) == {other.location_id: 3}
    assert f"places {other.location.code}" in page
    assert "key form-1" not in page


def test_rules_choose_when_the_person_names_no_place(browser):
    level = stock(units=10)
    order, other = open_order(level=level, quantity=3), elsewhere(level)
    RoutingRuleFactory(kind="PREFERRED", location=other.location)

    act_on(browser, order, "reroute", location="")

    assert promised_at(order) == {other.location_id: 3}


def test_refusal_to_serve_from_there_is_told(browser):
    level = stock(units=10)
    order, empty = open_order(level=level), LocationFactory()

    told = act_on(browser, order, "reroute", location=empty.pk)

    assert told == [f"{empty} has nothing of {order} free."]
    assert promised_at(order) == {level.location_id: 2}


def test_only_places_that_send_are_offered(browser):
    order = open_order()
    LocationFactory(name="Window", is_shipping=False)

    page = said(browser.get(address(Order, "act", order.pk, "reroute")))

    assert order.location.name in page
    assert "Window" not in page


def test_priority_is_set(browser):
    order = open_order()

    told = act_on(browser, order, "priority", priority="5")

    assert told == [f"{order} has priority 5."]
    assert order.priority == 5
    assert 'value="5"' in browser.get(address(Order, "act", order.pk, "priority")).content.decode()


def test_promised_pieces_are_rejected_on_the_page_of_the_order(browser):
    level = stock(units=10)
    order, other = open_order(level=level, quantity=3), elsewhere(level)
    line = order.lines.get()
    url = address(Order, "act", order.pk, "reject")

    form = said(browser.get(url))
    told = act_on(
        browser, order, "reject",
        pieces_there=f"{line.pk}-{level.location_id}", quantity="2", reason="DAMAGED", note="Wet.",
    )  # fmt: skip

    assert f"{line}: 3 at {level.location}" in form
    assert told == [f"{level.location} no longer serves it: {order} is served from another place."]
    assert promised_at(order) == {level.location_id: 1, other.location_id: 2}
    assert RoutingRejection.objects.get().note == "Wet."


def test_rejection_that_leaves_the_order_waiting_says_so(browser):
    level = stock(units=10)
    order = open_order(level=level, quantity=3)

    told = act_on(
        browser, order, "reject",
        pieces_there=f"{order.lines.get().pk}-{level.location_id}", quantity="3", reason="CLOSED",
        note="",
    )  # fmt: skip

    assert told == [f"{level.location} no longer serves it. {order} waits for stock."]
    assert order.lifecycle == "PLACED"


def test_pieces_in_hand_are_rejected_on_the_page_of_the_fulfillment(browser):
    level = stock(units=10)
    order, other = open_order(level=level, quantity=3), elsewhere(level)
    fulfillment = picking(order, level, 3)
    assert "reject" in buttons(browser, fulfillment)

    act_on(
        browser, fulfillment, "reject",
        pieces_there=f"{order.lines.get().pk}-{level.location_id}", quantity="3",
        reason="NOT_FOUND", note="",
    )  # fmt: skip

    assert fulfillment.status == "CANCELLED"
    assert promised_at(order) == {other.location_id: 3}
    assert "reject" not in buttons(browser, fulfillment)


def test_acts_are_offered_while_there_is_something_to_do(browser):
    mine = {"reroute", "priority", "reject"}
    order = open_order()
    assert mine <= buttons(browser, order)

    Order.objects.filter(pk=order.pk).update(lifecycle="CANCELLED")

    assert not mine & buttons(browser, order)


@pytest.mark.parametrize(
    ("act", "permission"),
    [
        ("reroute", "reroute_order"),
        ("priority", "prioritize_order"),
        ("reject", "add_routingrejection"),
    ],
)
def test_act_needs_its_permission(act, permission):
    order = open_order()
    url = address(Order, "act", order.pk, act)

    assert browser_of(person_who_may("orders.view_order")).get(url).status_code == 403
    person = person_who_may("orders.view_order", f"orders.{permission}")
    assert browser_of(person).get(url).status_code == 200


def test_channel_and_place_show_what_routing_asks_for(browser):
    channel, location = ChannelFactory(), LocationFactory()

    of_channel = browser.get(address(type(channel), "change", channel.pk)).content.decode()
    of_location = browser.get(address(Location, "change", location.pk)).content.decode()

    assert all(f'name="{name}"' in of_channel for name in ("most_places", "split_from_total"))
    assert all(
        f'name="{field.name}"' in of_location
        for field in Location._meta.concrete_fields
        if field.name != "id"
    )
