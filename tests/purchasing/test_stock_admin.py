"""The list of stock, as buying adds to it what is still to come."""

import pytest
from django.urls import reverse

from purchasing import operations
from purchasing.operations import ReceivedLine
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.purchasing import approved_order, sent_order
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db
SEES_STOCK = ("inventory.view_stocklevel", "inventory.view_location")
LIST = reverse("admin:inventory_stocklevel_changelist")


def ordered_to(level, make=sent_order):
    """Return an order of 10 of what lies at a level, for its location."""
    order = make(units=[10], location=level.location)
    order.lines.update(variant=level.variant)
    return order


def shown(browser):
    """Return what the list says is still to come: level id -> units."""
    page = browser.get(LIST)
    return {row.pk: row.incoming for row in page.context["cl"].result_list}


def test_levels_show_what_suppliers_still_owe_to_them():
    level = stock(units=3)
    elsewhere = stock(variant=level.variant, reference="GR-2")
    line = ordered_to(level).lines.get()
    operations.receive_goods(
        order_id=line.order_id,
        lines=[ReceivedLine(order_line_id=line.pk, accepted=4)],
        delivery_note="DN-1",
        key="delivery",
        at=NOON,
        by=None,
    )
    ordered_to(level)
    ordered_to(level, make=approved_order)

    assert shown(browser_of(superuser())) == {level.pk: 6 + 10, elsewhere.pk: 0}


def test_what_is_to_come_leads_to_its_orders():
    level = stock(units=3)
    order = ordered_to(level)
    ordered_to(stock(reference="GR-2"))
    browser = browser_of(superuser())

    page = browser.get(reverse("admin:inventory_stocklevel_change", args=[level.pk]))
    [url] = [
        part.split('"')[0]
        for part in page.content.decode().split('href="')
        if "purchaseorder/?q=" in part.split('"')[0]
    ]

    listed = browser.get(url.replace("&amp;", "&")).context["cl"].result_list
    assert [row.pk for row in listed] == [order.pk]


def test_what_is_to_come_is_for_those_who_may_see_orders():
    ordered_to(stock(units=3))

    seeing = browser_of(person_who_may(*SEES_STOCK, "purchasing.view_purchaseorder")).get(LIST)
    others = browser_of(person_who_may(*SEES_STOCK)).get(LIST)

    assert "purchaseorder/?q=" in seeing.content.decode()
    assert "purchaseorder/?q=" not in others.content.decode()
    assert "incoming" not in others.context["cl"].list_display


def test_levels_are_sorted_by_what_is_to_come():
    little, much = stock(units=3), stock(units=3, reference="GR-2")
    ordered_to(much)
    browser = browser_of(superuser())
    column = list(browser.get(LIST).context["cl"].list_display).index("incoming")

    listed = browser.get(LIST, {"o": f"-{column}"}).context["cl"].result_list

    assert [row.pk for row in listed] == [much.pk, little.pk]
