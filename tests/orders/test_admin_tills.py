"""Tills in the admin: receipts to be read, days to be accepted, incidents to be counted."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from orders.models import RegisterDay
from retail.common.models import User
from retail.common.roles import Role
from tests.factories.common import UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders_tills import (
    day_close,
    oversold,
    receipt_line,
    store_receipt,
    till_of,
)
from tests.people import browser_of, superuser

pytestmark = pytest.mark.django_db


@pytest.fixture
def till():
    return till_of(LocationFactory(kind="STORE", is_shipping=False))


def page(browser, model, row=None, **asked):
    name = f"admin:orders_{model}_{'change' if row else 'changelist'}"
    answer = browser.get(reverse(name, args=[row.pk] if row else []), asked)
    assert answer.status_code == 200
    return answer.content.decode()


def act_url(day):
    return reverse("admin:orders_registerday_act", args=[day.pk, "accept"])


def in_role(role) -> User:
    person = UserFactory()
    person.groups.add(Group.objects.get(name=role))
    return person


def test_receipt_shows_what_it_became_and_what_nobody_could_take_back(till):
    sale = store_receipt(till=till)
    sku = sale.order.lines.get().variant.sku
    receipt = store_receipt(
        receipt_line(sku, -1, sold_with=sale.number),
        receipt_line(stock(reference="GR-9").variant.sku, -1, external_line_id="2"),
        receipt_line("NOBODY-KNOWS", -1, external_line_id="3"),
        till=till,
    )

    shown = page(browser_of(superuser()), "storereceipt", receipt)

    assert f"of {sale.order}" in shown
    assert "of no known sale" in shown
    assert "Article NOBODY-KNOWS is unknown: 1 pieces came back." in shown
    assert f"-1 x Article {sku}: -10.0000" in shown


def test_receipts_to_look_at_are_filtered(till):
    store_receipt(till=till, number="FINE-1")
    store_receipt(receipt_line("NOBODY-KNOWS", -1), till=till, number="ODD-1")

    shown = page(browser_of(superuser()), "storereceipt", not_taken="yes")

    assert "ODD-1" in shown
    assert "FINE-1" not in shown


def test_day_shows_its_differences_and_the_numbers_that_never_came(till):
    store_receipt(till=till, sequence=1)
    store_receipt(till=till, sequence=3)
    day = day_close(
        till=till, receipts=3, total=Decimal(30), tenders={"CASH": Decimal(20), "CARD": Decimal(10)}
    )

    shown = page(browser_of(superuser()), "registerday", day)

    assert "Stated are 3 receipts, 2 came." in shown
    assert "The receipts come to 10.00 GBP less." in shown
    assert "CARD: 10.00 stated, 0.00 by receipts." in shown
    assert "CASH:" not in shown
    assert "Receipts that never came" in shown
    assert "Differs" in page(browser_of(superuser()), "registerday")


@pytest.mark.parametrize(
    ("state", "is_there"), [("open", True), ("differs", True), ("right", False)]
)
def test_days_are_filtered_by_whether_they_add_up(till, state, is_there):
    day_close(till=till, register="FRONT", receipts=3)

    shown = page(browser_of(superuser()), "registerday", state=state)

    assert ('class="field-register' in shown and "FRONT</" in shown) == is_there


def test_manager_accepts_a_day_with_a_note_after_reading_what_differs(till):
    store_receipt(till=till, sequence=1)
    store_receipt(till=till, sequence=3)
    day = day_close(till=till, receipts=3)
    manager = in_role(Role.MANAGER)
    browser = browser_of(manager)

    asked = browser.get(act_url(day)).content.decode()
    key = browser.get(act_url(day)).context["form"]["key"].value()
    browser.post(act_url(day), {"key": key, "note": "One was void."})

    assert "Stated are 3 receipts, 2 came." in asked
    assert "Receipts that never came: 2." in asked
    day.refresh_from_db()
    assert (day.accept_note, day.accepted_by) == ("One was void.", manager)
    assert "Accepted" in page(browser, "registerday")


def test_day_is_not_accepted_without_a_note(till):
    day = day_close(till=till, receipts=3)

    browser_of(superuser()).post(act_url(day), {"key": "k", "note": ""})

    assert RegisterDay.objects.get().accepted_at is None


@pytest.mark.parametrize("role", [Role.STORE, Role.ACCOUNTANT])
def test_store_and_accountant_see_tills_and_accept_nothing(till, role):
    day = day_close(till=till)
    browser = browser_of(in_role(role))

    page(browser, "storereceipt")
    page(browser, "registerday", day)
    assert browser.post(act_url(day), {"key": "k", "note": "?"}).status_code == 403


def test_incidents_are_filtered_by_cause_and_searched_by_article():
    incident = oversold()
    browser = browser_of(superuser())

    found = page(browser, "oversellincident", cause=incident.cause, q=incident.variant.sku)
    others = page(browser, "oversellincident", cause="RACE")

    assert str(incident.order) in found
    assert str(incident.order) not in others
