"""The put-away list, read back from the very PDF."""

import pytest
from django.utils import timezone

from purchasing.operations import Count, enter_counts, post_delivery
from purchasing.receipt_printing import print_put_away_list
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON
from tests.factories.orders import open_order
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_deliveries import counted, opened, order_of, posted, scanned
from tests.people import browser_of, person_who_may
from tests.printed import picture, words_on
from tests.printed import scanned as read_codes
from tests.purchasing.waiting import on_order, ordered_for, sold_out

pytestmark = pytest.mark.django_db


def receipt_of_two_orders():
    variant = VariantFactory(gtin="4006381333931")
    first = order_of((variant, 4))
    second = order_of((variant, 6), like=first)
    delivery = opened(first, second)
    scanned(delivery, variant.sku, 8)
    scanned(delivery, "who knows", 3)
    line = delivery.lines.get(order_line__order=second)
    enter_counts(
        delivery_id=delivery.pk,
        counts=[
            Count(line_id=line.pk, accepted=3, rejected=1, reject_reason="EXPIRED", note="May")
        ],
        at=NOON,
        by=None,
    )
    return posted(delivery), first, second


def test_list_tells_what_goes_on_the_shelf_and_what_is_set_apart():
    receipt, first, second = receipt_of_two_orders()

    pdf = print_put_away_list(receipt)

    words = " ".join(words_on(pdf).split())
    for said in (
        f"Put-away list {receipt.number}",
        "delivery note DN-1",
        "7 units of 1 article",
        first.number,
        second.number,
        "Set apart for the supplier",
        "who knows",
        "Expired or too old: May",
    ):
        assert said in words
    codes = [code for code, _ in read_codes(picture(pdf, paper=(210, 297), width=210, height=297))]
    assert sorted(codes) == sorted([receipt.number, "4006381333931"])


def test_list_of_a_receipt_without_goods_for_the_shelf():
    delivery = opened(sent_order())
    scanned(delivery, "who knows", 3)

    words = words_on(print_put_away_list(posted(delivery)))

    assert "units of" not in words
    assert "who knows" in " ".join(words.split())


def test_list_is_printed_from_the_page_of_the_receipt():
    receipt, _, _ = receipt_of_two_orders()
    sees = ("purchasing.view_goodsreceipt", "purchasing.view_goodsreceiptline")
    address = f"/purchasing/goodsreceipt/{receipt.pk}/download/put-away-list/"

    answer = browser_of(person_who_may(*sees)).get(address)

    assert answer["Content-Type"] == "application/pdf"
    assert browser_of(person_who_may(sees[0])).get(address).status_code == 403


def test_list_names_the_orders_that_goods_go_straight_on_to():
    level = sold_out()
    special = open_order(level=level, quantity=3)
    line = on_order(level)
    ordered_for(line, special, units=3)

    receipt = post_delivery(
        delivery_id=counted(opened(line.order), 4).pk, at=timezone.now(), by=None
    )
    words = " ".join(words_on(print_put_away_list(receipt)).split())

    assert special.number in words
