"""The receiving desk in the admin: opened by a paper, scanned, typed and posted."""

import re

import pytest

from inventory.models import StockLevel
from purchasing.models import Delivery, DeliveryScan, GoodsReceipt
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_deliveries import (
    counted,
    opened,
    order_of,
    posted,
    rejected_goods,
    scanned,
    unplanned_goods,
)
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db

DESK = "/purchasing/delivery/"
HELD = "/purchasing/heldgoods/"
RECEIPTS = "/purchasing/goodsreceipt/"
SEES = (
    "purchasing.view_delivery",
    "purchasing.view_deliveryscan",
    "purchasing.view_goodsreceipt",
    "purchasing.view_goodsreceiptline",
    "purchasing.view_heldgoods",
    "purchasing.view_heldgoodsdecision",
)


@pytest.fixture
def hand():
    return person_who_may(*SEES, "purchasing.post_goodsreceipt")


def act_url(delivery, name):
    return f"{DESK}{delivery.pk}/act/{name}/"


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def test_scanned_order_number_opens_its_delivery(hand):
    order, browser = sent_order(units=(10, 5)), browser_of(hand)
    paper = {"key": "form-1", "paper": order.number.lower(), "delivery_note": "DN-9"}

    for _ in range(2):
        answer = browser.post(f"{DESK}act/find/", paper, follow=True)

    delivery = Delivery.objects.get()
    assert answer.redirect_chain[-1][0] == f"{DESK}{delivery.pk}/change/"
    assert (delivery.delivery_note, delivery.opened_by) == ("DN-9", hand)
    assert delivery.lines.count() == 2


@pytest.mark.parametrize("paper", ["number", "delivery_note"])
def test_paper_of_an_open_delivery_leads_to_it(hand, paper):
    delivery = opened()

    answer = browser_of(hand).post(
        f"{DESK}act/find/", {"key": "k", "paper": getattr(delivery, paper)}
    )

    assert answer.url == f"{DESK}{delivery.pk}/change/"
    assert Delivery.objects.count() == 1


def test_paper_that_means_nothing_is_told(hand):
    answer = browser_of(hand).post(f"{DESK}act/find/", {"key": "k", "paper": "nothing"})

    assert "No open delivery and no order has the number nothing." in text_of(answer)
    assert Delivery.objects.count() == 0


def test_new_delivery_expects_all_that_the_supplier_owes_to_the_place(hand):
    first = sent_order()
    second = order_of((VariantFactory(), 3), like=first)
    order_of((VariantFactory(), 3), supplier=first.supplier)
    form = {
        "key": "k",
        "supplier": first.supplier_id,
        "location": first.location_id,
        "orders": "",
        "delivery_note": "",
    }

    browser_of(hand).post(f"{DESK}act/new/", form)

    lines = Delivery.objects.get().lines.order_by("pk")
    assert [line.order_line.order for line in lines] == [first, second]


def test_new_delivery_of_chosen_orders(hand):
    first = sent_order()
    order_of((VariantFactory(), 3), like=first)
    form = {
        "key": "k",
        "supplier": first.supplier_id,
        "location": first.location_id,
        "orders": f"{first.number}, PO-1",
    }

    answer = browser_of(hand).post(f"{DESK}act/new/", form)
    assert "No order has the number PO-1." in text_of(answer)

    browser_of(hand).post(f"{DESK}act/new/", form | {"orders": first.number})
    assert Delivery.objects.get().lines.get().order_line.order == first


def test_page_of_a_delivery_is_a_place_to_scan(hand):
    delivery = opened(sent_order(units=(10, 5)))
    first = delivery.lines.earliest("pk")
    browser = browser_of(hand)

    page = browser.get(f"{DESK}{delivery.pk}/change/").content.decode()
    assert re.search(r'<input[^>]*name="code"[^>]*autofocus', page)

    answer = browser.post(
        act_url(delivery, "scan"),
        {"key": "scan-1", "code": first.variant.sku, "units": 3},
        follow=True,
    )

    assert answer.redirect_chain[-1][0] == f"{DESK}{delivery.pk}/change/"
    text = text_of(answer)
    assert f"{first.variant}: 3 counted, 3 of 10." in text
    assert "3 of 15 units counted" in text


def test_scan_sent_twice_by_the_browser_counts_once(hand):
    delivery, browser = opened(), browser_of(hand)
    form = {"key": "scan-1", "code": delivery.lines.get().variant.sku, "units": ""}

    for _ in range(2):
        browser.post(act_url(delivery, "scan"), form)

    assert delivery.lines.get().accepted == DeliveryScan.objects.get().units == 1


def test_desk_marks_what_nobody_ordered(hand):
    delivery = opened()
    answer = browser_of(hand).post(
        act_url(delivery, "scan"), {"key": "1", "code": "who knows", "units": 2}, follow=True
    )

    text = text_of(answer)
    assert "who knows: nobody knows this code; 2 are set apart." in text
    assert "and 2 that nobody ordered" in text
    assert "who knows Unknown code Not ordered" in text


def test_counts_are_typed_with_reasons(hand):
    delivery = opened(sent_order(units=(10, 5)))
    first, second = delivery.lines.order_by("pk")
    scanned(delivery, second.variant.sku, 2)
    browser = browser_of(hand)
    form = {
        "key": "k",
        f"accepted_{first.pk}": 7,
        f"rejected_{first.pk}": 2,
        f"seen_{first.pk}": "0 0",
        f"accepted_{second.pk}": 2,
        f"rejected_{second.pk}": 0,
        f"seen_{second.pk}": "2 0",
    }

    answer = browser.post(act_url(delivery, "count"), form)
    assert "Say why." in text_of(answer)

    # Somebody scans on the other line while this one is typed.
    scanned(delivery, second.variant.sku, 1)
    browser.post(act_url(delivery, "count"), form | {f"reason_{first.pk}": "DAMAGED"})

    assert list(delivery.lines.order_by("pk").values_list("accepted", "rejected")) == [
        (7, 2),
        (3, 0),
    ]


def test_post_says_before_what_will_happen(hand):
    order = sent_order(supplier=SupplierFactory(over_receipt_percent="12.5"))
    delivery = counted(opened(order), 12)
    scanned(delivery, "who knows", 2)

    text = text_of(browser_of(hand).get(act_url(delivery, "post")))

    assert f"12 units enter stock at {delivery.location}" in text
    assert "2 units that nobody ordered are held" in text
    assert f"on {order.number}: 2 more than expected." in text
    assert "Up to 12.5 percent more than a line orders may come in, in whole units." in text


def test_delivery_is_posted_at_the_desk(hand):
    delivery, browser = counted(opened(), 4), browser_of(hand)

    for _ in range(2):
        answer = browser.post(act_url(delivery, "post"), {"key": "k"}, follow=True)

    receipt = GoodsReceipt.objects.get()
    assert (receipt.received_by, StockLevel.objects.get().on_hand) == (hand, 4)
    assert receipt.number in text_of(answer)


def test_more_than_ordered_is_offered_to_those_who_may(hand):
    delivery = counted(opened(), 12)
    chief = person_who_may(*SEES, "purchasing.over_receive")

    assert browser_of(hand).get(act_url(delivery, "post-over-order")).status_code == 403
    answer = browser_of(hand).post(act_url(delivery, "post"), {"key": "k"})
    assert "More than" in text_of(answer)
    assert GoodsReceipt.objects.count() == 0

    browser_of(chief).post(act_url(delivery, "post-over-order"), {"key": "k"})

    assert GoodsReceipt.objects.get().is_over_allowed


def test_order_is_added_and_delivery_discarded(hand):
    delivery, browser = opened(), browser_of(hand)
    other = sent_order(supplier=delivery.supplier, location=delivery.location)

    browser.post(act_url(delivery, "add-order"), {"key": "k", "order": other.number})
    assert delivery.lines.count() == 2

    browser.post(act_url(delivery, "discard"), {"key": "k", "reason": "Refused at the door"})
    delivery.refresh_from_db()
    assert (delivery.status, delivery.closed_by) == ("DISCARDED", hand)


def test_what_is_still_counted_stands_first(hand):
    done = opened()
    posted(counted(done, 1))
    still_counted = opened()
    posted(counted(opened(), 1))

    page = browser_of(hand).get(DESK).content.decode()

    assert page.index(still_counted.number) < page.index(done.number)


def test_desk_is_closed_to_those_who_only_look():
    delivery = opened()
    browser = browser_of(person_who_may(*SEES))

    page = browser.get(f"{DESK}{delivery.pk}/change/").content.decode()

    assert 'name="code"' not in page
    for name in ("scan", "count", "post", "add-order", "discard"):
        assert browser.post(act_url(delivery, name), {"key": "k"}).status_code == 403
    assert delivery.lines.get().accepted == 0


def test_page_costs_the_same_for_one_line_and_for_thirty(hand, django_assert_max_num_queries):
    browser = browser_of(hand)
    counts = []
    for size in (1, 30):
        delivery = opened(sent_order(units=[2] * size))
        with django_assert_max_num_queries(40) as queries:
            browser.get(f"{DESK}{delivery.pk}/change/")
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_held_goods_are_decided_on_their_page():
    keeper = person_who_may(
        *SEES, "purchasing.settle_heldgoods", "catalog.add_barcode", "catalog.view_variant"
    )
    browser = browser_of(keeper)
    order = sent_order()
    line = order.lines.get()
    held = unplanned_goods("4006381333931", 5, order=order)

    browser.post(
        f"{HELD}{held.pk}/act/identify/",
        {"key": "1", "article": line.variant.sku, "is_barcode": "on", "pack_size": ""},
    )
    browser.post(
        f"{HELD}{held.pk}/act/accept/",
        {"key": "2", "order_line": line.pk, "units": 3, "reason": "Ordered by phone"},
    )
    browser.post(
        f"{HELD}{held.pk}/act/scrap/", {"key": "3", "units": 1, "reason": "Broken meanwhile"}
    )

    held.refresh_from_db()
    assert (held.variant, held.accepted, held.scrapped) == (line.variant, 3, 1)
    assert line.variant.barcodes.get().code == "4006381333931"
    assert StockLevel.objects.get().on_hand == 3


def test_code_is_not_linked_by_those_who_may_not_add_barcodes():
    browser = browser_of(person_who_may(*SEES, "purchasing.settle_heldgoods"))
    held, variant = unplanned_goods("4006381333931"), VariantFactory()

    answer = browser.post(
        f"{HELD}{held.pk}/act/identify/",
        {"key": "1", "article": variant.sku, "is_barcode": "on"},
        follow=True,
    )

    assert "You may not add barcodes" in text_of(answer)
    assert not variant.barcodes.exists()


def test_queue_of_held_goods_shows_what_is_left(hand):
    held = rejected_goods(4)
    text = text_of(browser_of(hand).get(f"{HELD}?queue=open"))

    assert held.receipt.number in text
    assert held.variant.sku in text


def test_held_goods_are_chosen_to_be_sent_back(hand):
    buyer = person_who_may(*SEES, "purchasing.view_supplierreturn", "purchasing.add_supplierreturn")
    held = rejected_goods(4)
    chosen = {"action": "send_held_back", "_selected_action": [held.pk]}

    answer = browser_of(buyer).post(HELD, chosen)

    assert answer.url.endswith(f"/act/held-goods/?held={held.pk}")
    assert "Send back to the supplier" not in text_of(browser_of(hand).get(HELD))


def test_receipt_shows_what_it_holds_and_is_reversed():
    chief = person_who_may(*SEES, "purchasing.reverse_goodsreceipt")
    held = rejected_goods(4)
    browser = browser_of(chief)

    page = text_of(browser.get(f"{RECEIPTS}{held.receipt_id}/change/"))
    assert "Damaged" in page
    browser.post(f"{RECEIPTS}{held.receipt_id}/act/reverse/", {"key": "k", "reason": "Never came"})

    receipt = GoodsReceipt.objects.get()
    assert (receipt.status, receipt.reversed_by) == ("REVERSED", chief)
    assert receipt.reversed_at > NOON


def test_place_of_a_new_delivery_is_one_that_serves():
    quarantine = LocationFactory(kind="QUARANTINE", is_shipping=False)
    hand = person_who_may(*SEES, "purchasing.post_goodsreceipt")

    page = browser_of(hand).get(f"{DESK}act/new/").content.decode()

    assert f'<option value="{quarantine.pk}"' not in page
