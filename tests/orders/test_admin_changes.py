"""Cancelling, deciding and linking in the admin: what is said first, and what is done then."""

import re

import pytest
from django.urls import reverse

from orders.operations import ingest_order
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import incoming_line, incoming_order, open_order
from tests.factories.orders_changes import (
    begin_packed,
    begin_picking,
    disputed_order,
    partly_cancelled_order,
)
from tests.orders.books import books
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser():
    return browser_of(superuser())


def act_url(document, name) -> str:
    return reverse(f"admin:orders_{document._meta.model_name}_act", args=[document.pk, name])


def page(browser, url) -> str:
    return browser.get(url).content.decode()


def act_on(browser, document, name, **data):
    """Send the form of an act; return what the page says."""
    response = browser.post(act_url(document, name), {"key": "form-1", **data}, follow=True)
    document.refresh_from_db()
    return [str(message) for message in response.context["messages"]]


def waiting(channel, sku="NEW-PEN", **values):
    incoming = incoming_order(incoming_line(sku=sku, quantity=2, **values))
    return ingest_order(channel=channel, incoming=incoming, at=NOON).order


def test_cancel_proposes_all_that_is_left_and_says_what_follows(browser):
    order = open_order(quantity=3)
    begun = begin_picking(order)

    shown = page(browser, act_url(order, "cancel"))

    assert re.search(r'name="pieces_\d+"[^>]*value="3"', shown)
    assert "3 left, 3 promised" in shown
    assert "Up to 3 promised units are free again." in shown
    assert f"{begun.number} (being picked)" in shown
    assert f"{order.channel} is told which pieces will not come." in shown
    assert "grant the refund of what the pieces stand for afterwards" in shown


def test_cancel_of_some_pieces(browser):
    order = open_order(quantity=3)
    line = order.lines.get()

    told = act_on(
        browser,
        order,
        "cancel",
        reason="One is enough.",
        cause="CUSTOMER",
        **{f"pieces_{line.pk}": 2},
    )

    line.refresh_from_db()
    assert told == [f"2 pieces of {order} are cancelled."]
    assert (line.cancelled, order.lifecycle) == (2, "CONFIRMED")


def test_order_without_lines_can_be_cancelled(browser):
    order = ingest_order(channel=ChannelFactory(), incoming=incoming_order(), at=NOON).order

    act_on(browser, order, "cancel", reason="Empty.", cause="OTHER")

    assert order.lifecycle == "CANCELLED"


def test_channel_that_cannot_be_told_is_named(browser):
    order = open_order(channel=ChannelFactory(mode="OFF"))

    assert f"{order.channel} cannot be told: cancel it there too." in page(
        browser, act_url(order, "cancel")
    )


def test_page_of_an_order_shows_what_was_cancelled_and_the_rounding(browser):
    order = partly_cancelled_order()
    url = reverse("admin:orders_order_change", args=[order.pk])

    shown = page(browser, url)

    assert "One is enough." in shown
    assert f"1 of {order.lines.get()}" in shown
    assert "Rounding" in shown


def test_difference_of_a_cent_stands_on_the_page_as_rounding_and_more_holds_the_order(browser):
    """Lines of 100.00: a total of 100.01 is rounding, one of 100.50 has to be looked at."""
    level = stock(units=9)
    line = incoming_line(sku=level.variant.sku, unit_price="100.00")
    close, off = (
        ingest_order(
            channel=ChannelFactory(), incoming=incoming_order(line, total=total), at=NOON
        ).order
        for total in (line.total + line.total / 10000, line.total + line.total / 200)
    )

    shown = page(browser, reverse("admin:orders_order_change", args=[close.pk]))

    assert "0.01" in shown.split("Rounding", 1)[1][:1500]
    assert not close.holds.exists()
    assert off.holds.open().get().kind == "PRICE_MISMATCH"


def test_disagreement_shows_both_versions_and_is_decided(browser):
    order = disputed_order()
    conflict = order.conflicts.get()

    shown = page(browser, act_url(conflict, "decide"))
    told = act_on(browser, conflict, "decide", decision="TAKE_THEIRS", note="The buyer rang.")

    assert f"The order. Here: Confirmed. On {order.channel}: Cancelled." in shown
    order.refresh_from_db()
    assert told == [f"{order}: the channel's counts."]
    assert (order.lifecycle, conflict.note) == ("CANCELLED", "The buyer rang.")


def test_list_of_disagreements_shows_those_to_be_decided(browser):
    conflict = disputed_order().conflicts.get()
    url = reverse("admin:orders_channelconflict_changelist")

    open_ones = browser.get(url, {"state": "open"}).context["cl"].result_list
    decided = browser.get(url, {"state": "decided"}).context["cl"].result_list

    assert (list(open_ones), list(decided)) == ([conflict], [])


def test_disagreement_cannot_be_taken_for_released_before_it_is_decided(browser):
    order = disputed_order()
    before = books()

    [told] = act_on(
        browser, order, "release", hold=order.holds.open().get().pk, note="All is well."
    )

    assert told == f"Decide first what is said otherwise about {order}."
    assert books() == before


def test_link_serves_every_order_that_waits_and_says_how_many(
    browser, django_capture_on_commit_callbacks
):
    level, channel = stock(units=9), ChannelFactory()
    order, other = waiting(channel), waiting(channel, sku="new-pen")
    line = order.lines.get()
    assert "1 other orders wait for NEW-PEN" in page(browser, act_url(order, "link"))

    with django_capture_on_commit_callbacks(execute=True):
        told = act_on(browser, order, "link", line=line.pk, code=level.variant.sku, pack_size=1)

    other.refresh_from_db()
    assert told == [
        f"{line} is {level.variant} from now on, for this order and 1 others that wait for it."
    ]
    assert (order.lifecycle, other.lifecycle) == ("CONFIRMED", "CONFIRMED")


def test_needs_no_stock_lets_every_order_that_waits_go_on(
    browser, django_capture_on_commit_callbacks
):
    channel = ChannelFactory()
    order, other = waiting(channel, sku="GIFT-WRAP"), waiting(channel, sku="GIFT-WRAP")

    with django_capture_on_commit_callbacks(execute=True):
        act_on(browser, order, "needs-no-stock", line=order.lines.get().pk)

    other.refresh_from_db()
    assert (order.lifecycle, other.lifecycle) == ("COMPLETED", "COMPLETED")


def test_line_without_a_code_is_linked_alone(browser):
    level = stock(units=9)
    order = waiting(ChannelFactory(), sku="", name="Something blue")

    shown = page(browser, act_url(order, "link"))
    told = act_on(
        browser,
        order,
        "link",
        line=order.lines.get().pk,
        code=level.variant.sku,
        pack_size=1,
    )

    assert "decided for this order alone" in shown
    assert told == [f"Something blue of {order} is {level.variant}."]


@pytest.mark.parametrize(
    ("name", "permission"),
    [
        ("cancel", "orders.cancel_order"),
        ("link", "orders.link_orderline"),
        ("needs-no-stock", "orders.link_orderline"),
    ],
)
def test_act_is_for_those_who_may(name, permission):
    order = waiting(ChannelFactory())
    may = browser_of(person_who_may("orders.view_order", permission))
    may_not = browser_of(person_who_may("orders.view_order"))

    assert may.get(act_url(order, name)).status_code == 200
    assert may_not.get(act_url(order, name)).status_code == 403


def test_deciding_is_for_those_who_may():
    conflict = disputed_order().conflicts.get()
    may_not = browser_of(person_who_may("orders.view_channelconflict"))

    assert may_not.get(act_url(conflict, "decide")).status_code == 403


def test_packed_order_says_that_its_parcel_goes_back(browser):
    order = open_order()
    packed = begin_packed(order)

    assert f"{packed.number} (packed)" in page(browser, act_url(order, "cancel"))
