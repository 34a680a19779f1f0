"""The counter's list and page of orders to be collected, and what is done there."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from orders.admin import PickupAdmin
from orders.models import Payment, Pickup, Refund
from orders.operations import note_arrival, propose_expired
from tests.factories.common import NOON
from tests.factories.orders import held_order
from tests.factories.orders_pickups import (
    collected_order,
    pickup_order,
    pickup_place,
    ready_order,
)
from tests.orders.books import books
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db

LIST = reverse("admin:orders_pickup_changelist")
COUNTER = ("orders.view_pickup", "orders.view_order", "orders.hand_over_fulfillment")


@pytest.fixture
def browser():
    return browser_of(superuser())


def page_of(order) -> str:
    return reverse("admin:orders_pickup_change", args=[order.pickup.pk])


def act_on(browser, document, name, **data) -> list[str]:
    """Send the form of an act; return what the page says, or what is wrong with the form."""
    model = type(document).__name__.lower()
    url = reverse(f"admin:orders_{model}_act", args=[document.pk, name])
    response = browser.post(url, {"key": "form-1", **data}, follow=True)
    if not response.redirect_chain and response.context["form"].errors:
        return [word for words in response.context["form"].errors.values() for word in words]
    return [str(message) for message in response.context["messages"]]


def buttons(browser, document) -> set[str]:
    model = type(document).__name__.lower()
    page = browser.get(reverse(f"admin:orders_{model}_change", args=[document.pk]))
    found = re.findall(rf"/orders/{model}/{document.pk}/act/([a-z-]+)/", page.content.decode())
    return set(found)


def found(browser, **query) -> list[str]:
    response = browser.get(LIST, query)
    assert response.status_code == 200
    return [pickup.order.number for pickup in response.context["cl"].result_list]


def status_of(order) -> str:
    return Pickup.objects.get(order=order).status


def test_queues_of_the_counter(browser):
    soon, late = (
        pickup_order(place=pickup_place(pickup_ready_minutes=minutes)) for minutes in (60, 30)
    )
    Pickup.objects.filter(order=soon).update(promised_at=timezone.now() + timedelta(hours=1))
    kept, forgotten, here = (ready_order(at=timezone.now()) for _ in range(3))
    Pickup.objects.filter(order=forgotten).update(expires_at=timezone.now())
    propose_expired(at=timezone.now())
    note_arrival(order_id=here.pk, at=timezone.now())
    collected_order()

    assert found(browser, queue="waiting") == [late.number, soon.number]
    assert found(browser, queue="overdue") == [late.number]
    assert found(browser, queue="arrived") == [here.number]
    assert set(found(browser, queue="ready")) == {kept.number, forgotten.number, here.number}
    assert found(browser, queue="expired") == [forgotten.number]
    assert len(found(browser)) == 6


def test_pickup_is_found_by_code_numbers_and_name(browser):
    wanted = pickup_order(external_number="WEB-77")
    other = pickup_order(buyer=None)
    Pickup.objects.filter(order=wanted).update(code="123456")
    Pickup.objects.filter(order=other).update(code="654321")

    for words in ("123456", wanted.number, "web-77", "lovelace"):
        assert found(browser, q=words) == [wanted.number], words
    assert found(browser, q="12345") == []


def test_list_marks_what_is_overdue(browser):
    due, ready = pickup_order(), ready_order(at=timezone.now())
    shown = {
        row.order: PickupAdmin.shown_promised(None, row)
        for row in browser.get(LIST).context["cl"].result_list
    }

    moment = date_format(timezone.localtime(due.pickup.promised_at), "SHORT_DATETIME_FORMAT")
    assert shown[due] == ("LATE", moment)
    assert isinstance(shown[ready], str)


def test_list_takes_as_many_queries_whatever_its_length(browser, django_assert_num_queries):
    place = pickup_place()
    ready_order(place=place)
    browser.get(LIST)
    with django_assert_num_queries(5):
        browser.get(LIST)
    for _ in range(2):
        ready_order(place=place)
    with django_assert_num_queries(5):
        browser.get(LIST)


@pytest.mark.parametrize("made", [pickup_order, ready_order, collected_order])
def test_code_is_hidden_from_who_hands_over(made):
    order = made()
    Pickup.objects.filter(order=order).update(code="987654")
    counter = browser_of(person_who_may(*COUNTER))
    support = browser_of(person_who_may("orders.view_pickup", "orders.see_pickup_code"))
    pages = [LIST, page_of(order), reverse("admin:orders_order_change", args=[order.pk])]

    for page in pages:
        assert "987654" not in counter.get(page, {"q": order.number}).content.decode(), page
    assert "987654" in support.get(page_of(order)).content.decode()


def test_acts_fit_what_the_pickup_is_and_who_asks():
    waiting, ready, collected = pickup_order(), ready_order(), collected_order()
    counter = browser_of(person_who_may(*COUNTER))
    manager = browser_of(person_who_may(*COUNTER, "orders.expire_pickup"))

    assert buttons(counter, waiting.pickup) == {"ready", "arrived"}
    assert buttons(counter, ready.pickup) == {"hand-over", "arrived", "keep"}
    assert buttons(manager, ready.pickup) == {"hand-over", "arrived", "keep", "expire"}
    assert buttons(manager, collected.pickup) == set()
    assert buttons(counter, waiting) == {"ready"}
    assert buttons(counter, ready) == {"hand-over"}
    url = reverse("admin:orders_pickup_act", args=[ready.pickup.pk, "expire"])
    assert counter.post(url, {"key": "1", "reason": "?"}).status_code == 403
    assert buttons(counter, held_order()) == set()


@pytest.mark.parametrize("from_order", [True, False])
def test_order_is_made_ready_and_handed_over(browser, from_order):
    order = pickup_order()
    document = order if from_order else order.pickup

    said = act_on(browser, document, "ready")
    handed = act_on(browser, document, "hand-over", code=order.pickup.code)

    assert said == [f"{order} lies ready. Its customer is told."]
    assert handed == [f"{order} is handed over."]
    assert status_of(order) == "COLLECTED"


def test_wrong_code_is_refused_in_words(browser):
    order = ready_order()
    before = books()

    assert act_on(browser, order.pickup, "hand-over", code="x") == [
        "This is not the code of this order."
    ]
    assert act_on(browser, order.pickup, "hand-over") == [
        "Ask for the code, or write down the name on a document."
    ]
    assert (status_of(order), books()) == ("READY", before)


def test_unpaid_order_is_paid_in_the_same_act(browser):
    order = ready_order(is_paid=False, quantity=2)
    code = order.pickup.code
    url = reverse("admin:orders_pickup_act", args=[order.pickup.pk, "hand-over"])
    page = browser.get(url).content.decode()
    assert "20.00 GBP is to be paid." in page
    paid = {"amount": "20.00", "method": "CASH", "register": "till-2", "receipt": "4711"}
    assert act_on(browser, order.pickup, "hand-over", code=code, **paid | {"receipt": ""}) == [
        "Needed for what is paid now."
    ]
    assert "record the payment first" in act_on(browser, order.pickup, "hand-over", code=code)[0]
    assert not Payment.objects.exists()

    act_on(browser, order.pickup, "hand-over", code=code, **paid)

    order.refresh_from_db()
    payment = Payment.objects.get(order=order)
    assert (order.payment_status, status_of(order)) == ("PAID", "COLLECTED")
    assert (payment.method, payment.register, payment.charged) == ("CASH", "till-2", 20)


def test_paid_order_asks_for_no_payment(browser):
    order = ready_order()
    url = reverse("admin:orders_pickup_act", args=[order.pickup.pk, "hand-over"])

    form = browser.get(url).context["form"]

    assert {"code", "handed_to"} <= set(form.fields)
    assert "amount" not in form.fields


def test_arrival_and_more_days_are_written_down(browser):
    order = ready_order(at=timezone.now())

    act_on(browser, order.pickup, "arrived", vehicle="red van", bay="3")
    act_on(browser, order.pickup, "keep", days="30")

    pickup = Pickup.objects.get(order=order)
    assert (pickup.vehicle, pickup.bay) == ("red van", "3")
    assert pickup.expires_at > timezone.now() + timedelta(days=29)
    assert "red van" in browser.get(LIST, {"queue": "arrived"}).content.decode()


def test_putting_back_tells_what_follows_and_grants_the_refund(browser):
    order = ready_order(quantity=2)
    url = reverse("admin:orders_pickup_act", args=[order.pickup.pk, "expire"])
    page = browser.get(url)
    told = page.content.decode()
    assert "2 promised units go back on the shelf and are free again." in told
    assert "20.00 GBP was paid for it and is not given back yet." in told
    assert str(page.context["form"].fields["amount"].initial) == "20.00"
    assert f"{order}, collected by Ada Lovelace." in told

    said = act_on(browser, order.pickup, "expire", reason="Nobody came.", amount="20.00")

    refund = Refund.objects.get(order=order)
    order.refresh_from_db()
    assert (status_of(order), order.lifecycle) == ("EXPIRED", "CANCELLED")
    assert (refund.amount, refund.status, refund.reason) == (
        Decimal(20),
        "GRANTED",
        "Nobody came.",
    )
    assert "20.00 GBP is granted" in said[0]


def test_putting_back_without_an_amount_grants_nothing(browser):
    order = ready_order()

    act_on(browser, order.pickup, "expire", reason="Nobody came.", amount="")

    assert status_of(order) == "EXPIRED"
    assert not Refund.objects.exists()


def test_refund_too_high_puts_nothing_back(browser):
    order = ready_order(quantity=2)
    before = books()

    said = act_on(browser, order.pickup, "expire", reason="Nobody came.", amount="20.01")

    assert "20.00" in said[0]
    assert (status_of(order), books()) == ("READY", before)


def test_who_may_grant_no_refund_puts_back_without_one():
    order = ready_order()
    person = browser_of(person_who_may(*COUNTER, "orders.expire_pickup"))

    said = act_on(person, order.pickup, "expire", reason="Nobody came.", amount="10.00")

    assert said == ["You may put it back, but not grant a refund: leave the amount empty."]
    assert status_of(order) == "READY"


def test_order_page_shows_its_pickup(browser):
    order = ready_order(at=NOON)

    page = browser.get(reverse("admin:orders_order_change", args=[order.pk])).content.decode()

    assert page_of(order) in page
    assert "Ada Lovelace" in page
