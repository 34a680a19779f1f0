"""Orders in the admin: found, read, and acted on by who may."""

import re
from decimal import Decimal

import pytest
from django.urls import reverse

from catalog.models import Price, PriceList
from channels.models import Channel
from orders.models import Order
from orders.operations import ingest_order
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import (
    held_order,
    incoming_line,
    incoming_order,
    open_order,
    returned_order,
    shipped_order,
)
from tests.orders.books import books
from tests.people import browser_of, confirm, person_who_may, superuser

pytestmark = pytest.mark.django_db

LIST = reverse("admin:orders_order_changelist")


@pytest.fixture
def browser():
    return browser_of(superuser())


def page_of(order) -> str:
    return reverse("admin:orders_order_change", args=[order.pk])


def act_on(browser, order, name, **data):
    """Send the form of an act; return the order after it and what the page says."""
    url = reverse("admin:orders_order_act", args=[order.pk, name])
    response = browser.post(url, {"key": "form-1", **data}, follow=True)
    order.refresh_from_db()
    return [str(message) for message in response.context["messages"]]


def buttons(browser, order) -> set[str]:
    page = browser.get(page_of(order)).content.decode()
    return set(re.findall(rf"/orders/order/{order.pk}/act/([a-z-]+)/", page))


def found(browser, **query) -> set[Order]:
    response = browser.get(LIST, query)
    assert response.status_code == 200
    return set(response.context["cl"].result_list)


def test_order_is_found_by_number_external_number_customer_and_sku(browser):
    wanted, other = open_order(external_number="AMZ-77-1"), open_order(buyer=None)

    sku = wanted.lines.get().variant.sku
    for words in (wanted.number, "amz-77", "lovelace", sku.lower()):
        assert found(browser, q=words) == {wanted}, words
    assert found(browser) == {wanted, other}


def test_queues_show_what_waits(browser):
    ready, held, short = open_order(), held_order(), open_order(units=1, quantity=3)
    shipped_order()

    assert found(browser, queue="ship") == {ready}
    assert found(browser, queue="hold") == {held, short}
    assert found(browser, queue="stock") == {short}


def test_list_says_what_is_on_hold(browser):
    held_order()

    assert "On hold" in browser.get(LIST).content.decode()


@pytest.mark.parametrize("made", [open_order, held_order, shipped_order, returned_order])
def test_page_shows_everything_about_an_order(browser, made):
    order = made()

    page = browser.get(page_of(order)).content.decode()

    assert order.number in page
    assert order.lines.get().raw_sku in page
    for event in order.events.all():
        assert event.get_kind_display() in page
    assert 'name="_save"' not in page


def test_page_takes_as_many_queries_whatever_the_number_of_lines(
    browser, django_assert_num_queries
):
    location = LocationFactory()
    levels = [stock(reference=f"GR-{n}", location=location) for n in range(4)]
    few, many = (
        ingest_order(
            channel=ChannelFactory(),
            incoming=incoming_order(
                *(
                    incoming_line(sku=level.variant.sku, external_line_id=str(position))
                    for position, level in enumerate(chosen)
                )
            ),
            at=NOON,
        ).order
        for chosen in (levels[:1], levels[1:])
    )
    browser.get(page_of(few))

    for order in (few, many):
        with django_assert_num_queries(38):
            browser.get(page_of(order))


def test_buttons_follow_the_state_of_the_order(browser):
    of_money = {"payment", "refund"}
    of_places = {"reroute", "reject", "pickup-place", "priority"}
    of_goods = {"ship", "promise", "take-back", "hold", "cancel"}
    assert buttons(browser, open_order()) == of_goods | of_money | of_places
    of_returns = {"return", "announce-return", "claim"}
    assert buttons(browser, shipped_order()) == of_returns | of_money
    held = held_order()
    assert "release" in buttons(browser, held)


def test_ship_sends_the_chosen_pieces(browser):
    order = open_order(quantity=3)
    line = order.lines.get()

    (message,) = act_on(
        browser,
        order,
        "ship",
        location=order.location.pk,
        carrier="DPD",
        tracking_number="TN-9",
        **{f"pieces_{line.pk}": 2},
    )

    fulfillment = order.fulfillments.get()
    assert message == f"{fulfillment} has left {order.location}."
    assert (fulfillment.key, fulfillment.lines.get().quantity) == ("form-1", 2)
    assert str(fulfillment.parcels.get()) == "DPD TN-9"
    assert order.fulfillment_status == "PARTIAL"


def test_ship_of_a_held_order_says_why_not_and_changes_nothing(browser):
    order = held_order()
    before = books()

    (message,) = act_on(
        browser,
        order,
        "ship",
        location=order.location.pk,
        **{f"pieces_{order.lines.get().pk}": 1},
    )

    assert "The buyer asked us to wait." in message
    assert books() == before


def test_ship_of_no_pieces_is_sent_back(browser):
    order = open_order()
    before = books()

    act_on(browser, order, "ship", location=order.location.pk)

    assert books() == before


def test_hold_and_release(browser):
    order = open_order()

    act_on(browser, order, "hold", reason="The buyer rang.")
    hold = order.holds.get()
    assert (order.lifecycle, hold.reason) == ("PLACED", "The buyer rang.")
    assert hold.opened_by is not None

    act_on(browser, order, "release", hold=hold.pk, note="All is well.")
    assert order.lifecycle == "CONFIRMED"


def test_promise_and_take_back(browser):
    level = stock(units=1)
    order = open_order(level=level, quantity=2)
    stock(variant=level.variant, location=level.location, units=1, reference="GR-2")

    assert act_on(browser, order, "promise") == [f"{order} has all it needs."]
    assert act_on(browser, order, "take-back", reason="For the window.") == [
        "2 units are free again."
    ]


def test_link_takes_a_code_of_ours(browser):
    level = stock()
    incoming = incoming_order(incoming_line(sku="NOBODY-KNOWS"))
    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order
    line = order.lines.get()

    act_on(browser, order, "link", line=line.pk, code="NEITHER", pack_size=1)
    line.refresh_from_db()
    assert line.variant is None

    act_on(browser, order, "link", line=line.pk, code=level.variant.sku.lower(), pack_size=2)
    line.refresh_from_db()
    assert (line.variant, line.pack_size, order.lifecycle) == (level.variant, 2, "CONFIRMED")


def test_return_is_registered(browser):
    order = shipped_order(quantity=2)
    line = order.lines.get()

    act_on(
        browser,
        order,
        "return",
        location=LocationFactory().pk,
        **{
            f"pieces_{line.pk}": 1,
            f"reason_{line.pk}": "CHANGED_MIND",
            f"condition_{line.pk}": "RESELLABLE",
            f"disposition_{line.pk}": "RESTOCK",
        },
    )

    assert order.return_status == "PARTIAL"


@pytest.fixture
def desk():
    return ChannelFactory(kind=Channel.Kind.MANUAL)


def new_order(browser, desk, **data):
    return confirm(
        browser,
        reverse("admin:orders_order_page_act", args=["new"]),
        {
            "key": "form-1",
            "channel": desk.pk,
            "delivery": "SHIP",
            "name": "Grace Hopper",
            "email": "grace@example.com",
            "street": "1 Navy Yard",
            "postcode": "W1",
            "city": "London",
            "country": "gb",
            **data,
        },
    )


def test_new_order_is_placed_at_the_channels_price(browser, desk):
    level = stock()
    price_list = PriceList.objects.create(code="desk", name="Desk", currency="GBP")
    desk.price_lists.add(price_list)
    Price.objects.create(variant=level.variant, price_list=price_list, unit_price=Decimal("8.40"))

    new_order(browser, desk, sku_0=level.variant.sku, pieces_0=2)
    new_order(browser, desk, sku_0=level.variant.sku, pieces_0=2)

    order = Order.objects.get()
    assert (order.total, order.lifecycle) == (Decimal("16.80"), "CONFIRMED")
    assert (order.customer.name, order.delivery_address.country) == ("Grace Hopper", "GB")


def test_new_order_that_is_short_leaves_nothing_behind(browser, desk):
    level = stock(units=1)
    before = books()

    response = new_order(browser, desk, sku_0=level.variant.sku, pieces_0=2, price_0="5")

    assert "Not enough stock" in response.content.decode()
    assert books() == before


def test_new_order_of_an_unknown_code_is_sent_back(browser, desk):
    VariantFactory()
    before = books()

    response = new_order(browser, desk, sku_0="NEITHER")

    assert "No article has the code NEITHER." in response.content.decode()
    assert books() == before


def test_warehouse_ships_and_cancels_not():
    order = open_order()
    browser = browser_of(person_who_may("orders.view_order", "orders.ship_order"))

    assert buttons(browser, order) == {"ship"}
    url = reverse("admin:orders_order_act", args=[order.pk, "cancel"])
    assert browser.post(url, {"key": "1", "reason": "?"}).status_code == 403
