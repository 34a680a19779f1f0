"""Returned goods in the admin: found, received, paid back, decided."""

import re
from decimal import Decimal

import pytest
from django.urls import reverse

from inventory.models import StockMovement
from orders.models import Claim, Exchange, Refund, Return
from orders.operations import ReceivedLine, receive_return
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import open_order, shipped_order
from tests.factories.orders_returns import (
    announced_return,
    expected_return,
    quarantine,
    received_return,
)
from tests.orders.books import books
from tests.orders.test_claims import complain
from tests.orders.test_exchanges import paid_order
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db

LIST = reverse("admin:orders_return_changelist")


@pytest.fixture
def browser():
    return browser_of(superuser())


def act_url(row, name):
    options = row._meta
    return reverse(f"admin:{options.app_label}_{options.model_name}_act", args=[row.pk, name])


def act_on(browser, row, name, **data):
    """Send the form of an act; return what the page says after it."""
    response = browser.post(act_url(row, name), {"key": "form-1", **data}, follow=True)
    row.refresh_from_db()
    return [str(message) for message in response.context["messages"]]


def buttons(browser, row) -> set[str]:
    options = row._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
    page = browser.get(url).content.decode()
    pattern = rf"/{options.app_label}/{options.model_name}/{row.pk}/act/([a-z-]+)/"
    return set(re.findall(pattern, page))


def found(browser, **query) -> set[Return]:
    return set(browser.get(LIST, query).context["cl"].result_list)


def test_queues_show_what_waits(browser):
    announced, expected, received = announced_return(), expected_return(), received_return()

    assert found(browser, queue="approve") == {announced}
    assert found(browser, queue="expected") == {expected}
    assert found(browser, queue="decide") == {received}
    assert found(browser, queue="?") == {announced, expected, received}


def test_buttons_follow_the_state_of_the_return(browser):
    assert buttons(browser, announced_return()) == {"approve", "decline", "cancel"}
    assert buttons(browser, expected_return()) == {"receive", "sent", "cancel"}
    assert buttons(browser, received_return()) == {"refund", "exchange", "close"}


def test_roles_see_their_buttons():
    view = "orders.view_return"
    store = browser_of(person_who_may(view, "orders.register_return"))
    manager = browser_of(person_who_may(view, "orders.approve_return"))

    assert buttons(store, announced_return()) == {"cancel"}
    assert buttons(store, expected_return()) == {"receive", "sent", "cancel"}
    assert buttons(manager, announced_return()) == {"approve", "decline"}
    assert store.post(act_url(announced_return(), "approve"), {"key": "1"}).status_code == 403


def test_goods_are_taken_back_at_the_counter_from_the_page_of_the_order(browser):
    order, store = paid_order(), LocationFactory()
    line = order.lines.get()

    (message,) = act_on(
        browser,
        order,
        "return",
        location=store.pk,
        **{
            f"pieces_{line.pk}": 1,
            f"reason_{line.pk}": "CHANGED_MIND",
            f"condition_{line.pk}": "RESELLABLE",
            f"disposition_{line.pk}": "RESTOCK",
        },
    )

    returned = Return.objects.get()
    assert message == f"{returned} is received at {store}. To be given back: 10.00 GBP."
    assert (returned.lines.get().reason, returned.external_id) == ("CHANGED_MIND", "form-1")
    assert order.return_status == "PARTIAL"


def test_return_is_announced_approved_sent_received_and_paid_back(browser):
    order, store = paid_order(), LocationFactory()
    line = order.lines.get()
    act_on(
        browser,
        order,
        "announce-return",
        **{f"pieces_{line.pk}": 2, f"reason_{line.pk}": "TOO_LATE"},
    )
    returned = Return.objects.get()
    row = returned.lines.get()

    act_on(browser, returned, "approve")
    act_on(browser, returned, "sent", carrier="DPD", tracking_number="R-1")
    act_on(
        browser,
        returned,
        "receive",
        location=store.pk,
        **{
            f"pieces_{row.pk}": 1,
            f"condition_{row.pk}": "RESELLABLE",
            f"disposition_{row.pk}": "RESTOCK",
            f"pieces_{row.pk}_more": 1,
            f"condition_{row.pk}_more": "DAMAGED",
            f"disposition_{row.pk}_more": "SCRAP",
        },
    )
    page = browser.get(act_url(returned, "refund")).content.decode()
    act_on(browser, returned, "refund", amount="20.00", reason="Goods returned")

    refund = Refund.objects.get()
    assert (returned.status, returned.tracking_number) == ("CLOSED", "R-1")
    assert [r.disposition for r in returned.lines.order_by("pk")] == ["RESTOCK", "SCRAP"]
    assert "That leaves 20.00 GBP." in page
    assert 'value="20.00"' in page
    assert (refund.amount, refund.returned_with, refund.key) == (
        Decimal("20.00"),
        returned,
        "form-1",
    )
    assert {(r.line, r.quantity, r.amount) for r in refund.lines.all()} == {
        (line, 2, Decimal("20.00"))
    }
    assert buttons(browser, returned) == set()


def test_refund_that_was_declined_can_be_granted_anew(browser):
    returned = received_return(order=paid_order())
    act_on(browser, returned, "refund", amount="10.00", reason="Goods returned")
    assert buttons(browser, returned) == set()

    Refund.objects.update(status="CANCELLED")

    assert buttons(browser, returned) == {"refund"}


def test_nothing_received_is_sent_back(browser):
    expected, store = expected_return(quantity=2), LocationFactory()
    row = expected.lines.get()
    before = books()

    response = browser.post(
        act_url(expected, "receive"),
        {
            "key": "form-1",
            "location": store.pk,
            f"pieces_{row.pk}": 0,
            f"condition_{row.pk}": "RESELLABLE",
            f"disposition_{row.pk}": "RESTOCK",
            f"condition_{row.pk}_more": "RESELLABLE",
            f"disposition_{row.pk}_more": "RESTOCK",
        },
    )

    assert "call the return off instead" in response.content.decode()
    assert books() == before


def test_return_is_closed_without_refund(browser):
    returned = received_return()
    page = browser.get(act_url(returned, "close")).content.decode()

    act_on(browser, returned, "close", note="Outside of the term")

    assert "10.00 GBP are not given back." in page
    assert (returned.status, returned.close_note) == ("CLOSED", "Outside of the term")


@pytest.mark.parametrize(
    ("name", "make", "status"),
    [("decline", announced_return, "DECLINED"), ("cancel", expected_return, "CANCELLED")],
)
def test_return_is_ended_with_a_reason(browser, name, make, status):
    returned = make()

    act_on(browser, returned, name, reason="Not ours")

    assert (returned.status, returned.close_note) == (status, "Not ours")


def test_returned_goods_are_exchanged_and_the_difference_settled(browser):
    ChannelFactory(kind="MANUAL")
    other = stock(reference="GR-X")
    returned = received_return(order=paid_order())

    (message,) = act_on(
        browser, returned, "exchange", sku_0=other.variant.sku, pieces_0=1, price_0="12.50"
    )
    done = Exchange.objects.get()
    act_on(browser, done, "settle", note="Cash at the till")

    assert message == f"{done.order} is placed instead. The customer still pays 2.50 GBP."
    assert done.settle_note == "Cash at the till"
    assert buttons(browser, done) == set()


def test_goods_set_apart_are_decided_on_the_page_of_their_line(browser):
    quarantine()
    row = received_return(condition="REPACK", disposition="QUARANTINE").lines.get()

    act_on(browser, row, "decide", disposition="RESTOCK")

    assert row.disposition == "RESTOCK"
    assert StockMovement.objects.filter(kind="TRANSFER").count() == 2
    assert buttons(browser, row) == set()


def find(browser, **data):
    url = reverse("admin:orders_return_page_act", args=["find"])
    return browser.post(url, {"key": "form-1", **data})


def test_what_is_found_leads_to_the_form_of_its_order(browser):
    order = shipped_order()

    response = find(browser, term=order.number)

    assert (response.status_code, response.url) == (302, act_url(order, "return"))
    assert browser.get(response.url).status_code == 200


def test_what_is_announced_leads_to_the_form_of_its_return(browser):
    expected = expected_return()

    assert find(browser, term=expected.number).url == act_url(expected, "receive")
    assert find(browser, term=expected.order.number).url == act_url(expected, "receive")


def test_several_orders_are_offered_to_choose_from(browser):
    level = stock(units=20)
    order, other = shipped_order(level=level), shipped_order(level=level)

    page = find(browser, term=level.variant.sku).content.decode()
    chosen = find(browser, term=level.variant.sku, order=other.pk)

    assert "which one is it?" in page
    assert order.number in page
    assert chosen.url == act_url(other, "return")


def test_what_nobody_knows_is_said(browser):
    open_order()

    assert "this means" in find(browser, term="NEITHER").content.decode()
    assert "Enter a valid date" in find(browser, term="A", day="2026-13-99").content.decode()


def test_goods_without_a_sale_are_taken_back(browser):
    level, channel = stock(units=1), ChannelFactory()
    url = reverse("admin:orders_return_page_act", args=["blind"])
    form = {
        "key": "form-1",
        "channel": channel.pk,
        "location": level.location_id,
        "note": "No receipt",
        "sku_0": level.variant.sku,
        "pieces_0": 2,
        "price_0": "7.99",
        **{f"condition_{row}": "RESELLABLE" for row in range(4)},
        **{f"disposition_{row}": "RESTOCK" for row in range(4)},
    }

    browser.post(url, form)
    browser.post(url, form)

    level.refresh_from_db()
    returned = Return.objects.get()
    assert (returned.order, returned.note, level.on_hand) == (None, "No receipt", 3)
    assert returned.lines.get().amount == Decimal("15.98")
    assert buttons(browser, returned) == {"exchange", "close"}


def split_return():
    """Receive three pieces in three conditions, which makes three lines."""
    expected = expected_return(quantity=3)
    row = expected.lines.get()
    return receive_return(
        return_id=expected.pk,
        location=LocationFactory(),
        lines=[
            ReceivedLine(return_line_id=row.pk, quantity=1, condition=condition)
            for condition in ("RESELLABLE", "REPACK", "UNCHECKED")
        ],
        at=NOON,
    )


def test_page_takes_as_many_queries_whatever_the_number_of_lines(
    browser, django_assert_num_queries
):
    few, many = received_return(), split_return()
    few_lines, many_lines = (
        reverse("admin:orders_return_change", args=[returned.pk]) for returned in (few, many)
    )
    browser.get(few_lines)

    for page in (few_lines, many_lines):
        with django_assert_num_queries(9):
            browser.get(page)


def test_claim_is_written_down_approved_and_made_good(browser):
    ChannelFactory(kind="MANUAL")
    order = paid_order(level=stock(units=9, reference="GR-C"))
    line = order.lines.get()

    act_on(
        browser,
        order,
        "claim",
        kind="DAMAGED",
        line=line.pk,
        quantity=1,
        told="Broken glass",
    )
    claim = Claim.objects.get()
    act_on(browser, claim, "approve", note="")
    act_on(browser, claim, "resolve", refund="2.00", **{f"pieces_{line.pk}": 1})

    assert (claim.status, claim.resolution, claim.told) == ("RESOLVED", "BOTH", "Broken glass")
    assert claim.replacement.lines.get().ordered == 1
    assert buttons(browser, claim) == set()


def test_claim_is_denied(browser):
    claim = complain()

    act_on(browser, claim, "deny", note="Worn")

    assert (claim.status, claim.decision_note) == ("DENIED", "Worn")


def test_claim_made_good_by_nothing_is_refused(browser):
    claim = complain()
    act_on(browser, claim, "approve", note="")
    before = books()

    (message,) = act_on(browser, claim, "resolve")

    assert "by money, by goods or by both" in message
    assert books() == before


def test_return_on_the_page_of_its_order(browser):
    returned = received_return()
    url = reverse("admin:orders_order_change", args=[returned.order_id])

    page = browser.get(url).content.decode()

    assert returned.number in page
    assert str(returned.location) in page
    assert NOON.strftime("%Y") in page
