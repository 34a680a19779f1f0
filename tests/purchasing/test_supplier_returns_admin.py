"""The desk of returns to suppliers: putting goods on a return, sending them, what comes of it."""

from decimal import Decimal

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from purchasing.models import HeldGoods, SupplierReturn
from purchasing.operations import ReturnedGoods
from tests.factories.common import UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import shipped_order
from tests.factories.orders_returns import quarantine, received_return
from tests.factories.purchasing import SupplierFactory
from tests.factories.purchasing_returns import (
    approved_return,
    drafted_return,
    received_line,
    shipped_return,
)
from tests.people import browser_of, person_who_may
from tests.printed import words_on
from tests.purchasing.returned_goods import everything, held

pytestmark = pytest.mark.django_db
LIST = reverse("admin:purchasing_supplierreturn_changelist")
ACTS = {
    "approve": ("approve_supplierreturn", drafted_return),
    "revise": ("change_supplierreturn", drafted_return),
    "cancel": ("change_supplierreturn", drafted_return),
    "ship": ("ship_supplierreturn", approved_return),
    "redraft": ("change_supplierreturn", approved_return),
    "rma": ("change_supplierreturn", approved_return),
    "credit": ("settle_supplierreturn", shipped_return),
    "settle": ("settle_supplierreturn", shipped_return),
}


def person(*acts):
    """Sign somebody in who sees returns and receipts and may do these acts."""
    views = ("supplierreturn", "supplierreturnline", "goodsreceipt", "supplier")
    return person_who_may(
        *(f"purchasing.view_{model}" for model in views), *(f"purchasing.{act}" for act in acts)
    )


def page_of(returned):
    return reverse("admin:purchasing_supplierreturn_change", args=[returned.pk])


def act_url(returned, name):
    return reverse("admin:purchasing_supplierreturn_act", args=[returned.pk, name])


def new_url(name):
    return reverse("admin:purchasing_supplierreturn_page_act", args=[name])


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def form(**fields):
    return {"key": "k1", "expects": "CREDIT", "reason": "Broken"} | fields


def test_goods_of_a_receipt_are_put_on_a_return_from_its_page():
    line, buyer = received_line(), person("add_supplierreturn")
    url = reverse("admin:purchasing_goodsreceipt_act", args=[line.receipt_id, "send-back"])
    browser = browser_of(buyer)
    assert "Units back" in browser.get(url).content.decode()
    fields = {f"units_{line.pk}": 3, f"credit_{line.pk}": "2.00"}

    for _ in range(2):
        answer = browser.post(url, form(location=line.receipt.location_id, **fields))

    returned = SupplierReturn.objects.get()
    assert returned.number in said(answer)[0]
    row = returned.lines.get()
    assert (row.receipt_line, row.units, row.unit_credit) == (line, 3, Decimal(2))
    assert returned.raised_by == buyer


def test_receipt_of_which_all_went_back_offers_nothing_to_send_back():
    line = received_line(units=4)
    shipped_return(line=line, units=4)
    url = reverse("admin:purchasing_goodsreceipt_act", args=[line.receipt_id, "send-back"])

    answer = browser_of(person("add_supplierreturn")).get(url)

    assert answer.status_code == 302
    assert said(answer) == [
        f"Send goods back is not possible for {line.receipt.number} as it is now."
    ]


def test_form_without_units_is_shown_again():
    line = received_line()
    url = reverse("admin:purchasing_goodsreceipt_act", args=[line.receipt_id, "send-back"])

    answer = browser_of(person("add_supplierreturn")).post(
        url, form(location=line.receipt.location_id)
    )

    assert "every line is empty" in answer.content.decode()
    assert not SupplierReturn.objects.exists()


def test_stock_is_put_on_a_return_without_its_receipt():
    level, supplier = stock(units=5), SupplierFactory()
    fields = {
        "supplier": supplier.pk,
        "variant": level.variant_id,
        "location": level.location_id,
        "units": 2,
        "unit_credit": "1.50",
    }

    answer = browser_of(person("add_supplierreturn")).post(new_url("new"), form(**fields))

    returned = SupplierReturn.objects.get()
    assert answer.url == page_of(returned)
    row = returned.lines.get()
    assert (row.variant, row.location, row.units) == (level.variant, level.location, 2)


def test_held_goods_of_several_suppliers_are_put_on_a_return_each():
    first, second, left = (held(received_line()) for _ in range(3))
    buyer = person("add_supplierreturn")
    url = f"{new_url('held-goods')}?held={first.pk},{second.pk}"
    shown = browser_of(buyer).get(url).content.decode()
    assert f"units_{first.pk}" in shown
    assert f"units_{left.pk}" not in shown
    fields = {
        "held": f"{first.pk},{second.pk}",
        f"units_{first.pk}": 3,
        f"units_{second.pk}": 1,
    }

    for _ in range(2):
        answer = browser_of(buyer).post(new_url("held-goods"), form(**fields))

    returns = SupplierReturn.objects.order_by("pk")
    assert {returned.supplier for returned in returns} == {
        first.receipt.supplier,
        second.receipt.supplier,
    }
    rows = [row for returned in returns for row in returned.lines.all()]
    assert {(row.held_goods, row.units) for row in rows} == {(first, 3), (second, 1)}
    assert said(answer)[0].startswith("Drafted SR-")


def test_held_goods_are_chosen_in_their_list():
    waiting, decided = held(received_line()), held(received_line())
    HeldGoods.objects.filter(pk=decided.pk).update(scrapped=3)
    buyer = person("add_supplierreturn", "view_heldgoods")
    url = reverse("admin:purchasing_heldgoods_changelist")

    def choose(browser, *chosen):
        keys = [one.pk for one in chosen]
        return browser.post(url, {"action": "send_held_back", "_selected_action": keys})

    answer = choose(browser_of(buyer), waiting, decided)
    assert answer.url == f"{new_url('held-goods')}?held={waiting.pk}"
    assert said(choose(browser_of(buyer), decided)) == ["Of these nothing is left to be sent back."]
    choose(browser_of(person("view_heldgoods")), waiting)
    assert not SupplierReturn.objects.exists()


def test_held_goods_are_all_listed_where_none_was_chosen():
    waiting = held(received_line())
    HeldGoods.objects.filter(pk=held(received_line()).pk).update(scrapped=3)

    shown = browser_of(person("add_supplierreturn")).get(new_url("held-goods")).content.decode()

    assert shown.count('name="units_') == 1
    assert f'name="units_{waiting.pk}"' in shown


def test_customers_goods_are_put_on_a_return():
    apart = quarantine()
    order = shipped_order(quantity=3)
    received_return(order=order, quantity=2, disposition="TO_SUPPLIER")
    variant = order.lines.get().variant
    browser, url = browser_of(person("add_supplierreturn")), new_url("customers-goods")
    assert variant.sku in browser.get(url).content.decode()
    fields = {
        "supplier": SupplierFactory().pk,
        f"units_{apart.pk}_{variant.pk}": 2,
        f"credit_{apart.pk}_{variant.pk}": "1.00",
    }

    browser.post(url, form(**fields))

    row = SupplierReturn.objects.get().lines.get()
    assert (row.variant, row.location, row.units) == (variant, apart, 2)
    assert variant.sku not in browser.get(url).content.decode()


def test_draft_is_changed_and_takes_one_more_article():
    line, level = received_line(), stock(units=5, reference="GR-9")
    returned = drafted_return(line=line)
    row = returned.lines.get()
    fields = {
        "rma_number": "RMA-1",
        f"units_{row.pk}": 2,
        f"credit_{row.pk}": "2.25",
        "variant": level.variant_id,
        "location": level.location_id,
        "units": 1,
        "unit_credit": "3.00",
    }

    browser_of(person("change_supplierreturn")).post(act_url(returned, "revise"), form(**fields))

    returned.refresh_from_db()
    assert (returned.reason, returned.rma_number) == ("Broken", "RMA-1")
    assert list(
        returned.lines.order_by("position").values_list("receipt_line", "units", "unit_credit")
    ) == [(line.pk, 2, Decimal("2.25")), (None, 1, Decimal(3))]


def test_goods_are_approved_sent_and_credited_at_the_desk():
    returned = drafted_return(units=4)
    row = returned.lines.get()
    manager, hand = person("approve_supplierreturn"), person("ship_supplierreturn")
    clerk = person("settle_supplierreturn")

    browser_of(manager).post(act_url(returned, "approve"), {"key": "k1"})
    shown = browser_of(hand).get(act_url(returned, "ship")).content.decode()
    assert f"4 of {row.variant.sku} leave {row.location.name}." in shown
    assert "A credit of 10.00 GBP is expected." in shown
    browser_of(hand).post(act_url(returned, "ship"), {"key": "k2", "tracking_number": "T-1"})
    answer = browser_of(clerk).post(
        act_url(returned, "credit"), {"key": "k3", "number": "CN-1", f"units_{row.pk}": 4}
    )

    returned.refresh_from_db()
    assert (returned.status, returned.tracking_number) == ("SETTLED", "T-1")
    assert (returned.approved_by, returned.shipped_by, returned.ended_by) == (manager, hand, clerk)
    assert said(answer) == [
        f"CN-1 is noted on {returned.number}. Everything has come: it is settled."
    ]


def test_who_raised_a_return_is_told_that_somebody_else_approves_it():
    buyer = person("approve_supplierreturn")
    returned = drafted_return(by=buyer)
    before = everything()

    answer = browser_of(buyer).post(act_url(returned, "approve"), {"key": "k1"})

    assert said(answer) == [
        f"{returned.number} was raised by you: somebody else has to approve it."
    ]
    assert everything() == before


def test_replacement_is_settled_with_what_came_again():
    returned = shipped_return(expects="REPLACEMENT", units=4)
    row = returned.lines.get()
    browser = browser_of(person("settle_supplierreturn"))
    fields = {"key": "k1", "note": "Out of production", f"units_{row.pk}": 0}

    browser.post(act_url(returned, "settle"), fields)

    returned.refresh_from_db()
    assert (returned.status, returned.end_note) == ("SETTLED", "Out of production")
    order_line = row.receipt_line.order_line
    order_line.refresh_from_db()
    assert order_line.to_replace == 0


def test_return_is_taken_back_to_draft_named_and_called_off():
    returned = approved_return()
    browser = browser_of(person("change_supplierreturn"))

    browser.post(act_url(returned, "rma"), {"key": "k1", "rma_number": "RMA-5"})
    browser.post(act_url(returned, "redraft"), {"key": "k2"})
    browser.post(act_url(returned, "cancel"), {"key": "k3", "reason": "Sold after all"})

    returned.refresh_from_db()
    assert (returned.rma_number, returned.status, returned.end_note) == (
        "RMA-5",
        "CANCELLED",
        "Sold after all",
    )


@pytest.mark.parametrize("name", ACTS)
def test_act_needs_its_permission(name):
    permission, make = ACTS[name]
    returned = make()
    others = [code for code, _ in ACTS.values() if code != permission]
    before = everything()

    assert browser_of(person(*others)).post(act_url(returned, name)).status_code == 403
    assert browser_of(person(permission)).get(act_url(returned, name)).status_code == 200

    assert everything() == before


@pytest.mark.parametrize("name", ["new", "held-goods", "customers-goods"])
def test_putting_goods_on_a_return_needs_the_permission(name):
    others = [code for code, _ in ACTS.values()]

    assert browser_of(person(*others)).get(new_url(name)).status_code == 403


def test_list_and_page_show_what_is_expected_and_what_it_cost():
    line = received_line(units=10, unit_cost="2.00")
    stock(units=10, value="30.00", variant=line.order_line.variant, reference="GR-9")
    returned = shipped_return(line=line, units=4)
    browser = browser_of(person())

    listed, page = browser.get(LIST).content.decode(), browser.get(page_of(returned))

    for text in (returned.number, "Sent back", "8.00 GBP", "10.00 GBP", "2.00 GBP"):
        assert text in listed
        assert text in page.content.decode()
    assert "4 units" in page.content.decode()


def test_return_note_says_what_goes_back_and_why():
    line = received_line(units=10, unit_cost="2.50")
    order_line = line.order_line
    order_line.supplier_sku = "S-778"
    order_line.save(update_fields=["supplier_sku"])
    returned = approved_return(line=line, units=4, rma_number="RMA-12")
    url = reverse("admin:purchasing_supplierreturn_download", args=[returned.pk, "return-note"])

    answer = browser_of(person()).get(url)

    assert answer["Content-Type"] == "application/pdf"
    words = words_on(answer.content)
    for text in (
        *(f"Return note {returned.number}", "RMA-12", "Broken in the box", "A credit note"),
        *("S-778", order_line.variant.full_name, order_line.variant.sku, "4", "10.00 GBP"),
        *(order_line.order.number, returned.supplier.name),
    ):
        assert text in words


def test_return_note_of_held_goods_has_no_amounts():
    line = received_line()
    goods = ReturnedGoods(held_goods_id=held(line).pk, units=2)
    returned = approved_return(goods, supplier=line.receipt.supplier)
    url = reverse("admin:purchasing_supplierreturn_download", args=[returned.pk, "return-note"])

    words = words_on(browser_of(person()).get(url).content)

    assert "not accepted" in words
    assert "Expected in all" not in words


def test_draft_has_no_return_note_yet():
    returned = drafted_return(by=UserFactory())
    url = reverse("admin:purchasing_supplierreturn_download", args=[returned.pk, "return-note"])

    assert browser_of(person()).get(url).status_code == 404
