"""Receipts of tills: sold at once, brought back, once per number, whatever is wrong with them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from channels.connectors.base import IncomingBuyer
from channels.models import InboundMessage
from inventory import queries as inventory_queries
from inventory.models import ChannelStockSource, StockMovement
from inventory.operations import close_period
from orders.models import Order, Return, StoreReceipt
from orders.operations import (
    NoPlaceOfSale,
    NotATill,
    ReceiptDiffers,
    ReturnedLine,
    UnusableReceipt,
    deliver_receipt,
    ingest_receipt,
    link_line,
    register_return,
)
from orders.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import shipped_order
from tests.factories.orders_tills import (
    incoming_receipt,
    receipt_line,
    tender,
    till_of,
)
from tests.inventory.shared import figures
from tests.orders.books import books

pytestmark = pytest.mark.django_db


@pytest.fixture
def level():
    return stock(units=10, location=LocationFactory(kind="STORE", is_shipping=False))


@pytest.fixture
def till(level):
    return till_of(level.location)


def take_in(till, receipt, *, at=NOON):
    return ingest_receipt(channel=till, receipt=receipt, at=at)


def all_differences():
    return [*differences(), *inventory_queries.differences()]


def test_receipt_sells_at_once_and_is_paid_as_the_till_says(till, level):
    receipt = incoming_receipt(
        receipt_line(level.variant.sku, 3),
        tenders=(tender("Cash", "10.00"), tender("CARD", "20.00")),
    )

    taken = take_in(till, receipt)

    order = taken.receipt.order
    assert (order.lifecycle, order.payment_status, order.total) == ("COMPLETED", "PAID", 30)
    assert order.fulfillments.get().method == "COUNTER"
    assert figures(level) == (7, 0)
    assert sorted(order.payments.values_list("method", "charged", "register", "external_id")) == [
        ("CARD", Decimal("20.0000"), "T1", f"T1/{receipt.number}/CARD"),
        ("CASH", Decimal("10.0000"), "T1", f"T1/{receipt.number}/CASH"),
    ]
    assert taken.receipt.tenders == {"CARD": "20.0000", "CASH": "10.0000"}
    assert all_differences() == []


def test_units_nobody_knew_of_are_found_at_the_sale(till, level):
    take_in(till, incoming_receipt(receipt_line(level.variant.sku, 12)))

    assert figures(level) == (0, 0)
    assert StockMovement.objects.get(kind="ADJUSTMENT").quantity == 2
    assert all_differences() == []


def test_same_receipt_again_changes_nothing(till, level):
    receipt = incoming_receipt(receipt_line(level.variant.sku, 3))
    first = take_in(till, receipt)
    before = books()

    # A till writes the same amounts otherwise when it sends them again.
    line = replace(receipt.lines[0], total=Decimal("30.0"), unit_price=Decimal(10))
    again = take_in(till, replace(receipt, lines=(line,)), at=NOON + timedelta(days=1))

    assert (again.is_new, again.receipt) == (False, first.receipt)
    assert books() == before


def test_receipt_that_says_something_else_is_refused_and_kept_in_the_inbox(till, level):
    receipt = incoming_receipt(receipt_line(level.variant.sku, 3))
    take_in(till, receipt)
    before = books()
    other = replace(receipt, lines=(receipt_line(level.variant.sku, 2),), total=Decimal(20))

    with pytest.raises(ReceiptDiffers) as refused:
        deliver_receipt(channel=till, receipt=other, at=NOON)

    message = InboundMessage.objects.get()
    assert refused.value.details["differs"] == ["lines", "total"]
    assert (message.status, message.topic, message.external_id) == (
        "FAILED",
        "receipt",
        f"T1/{receipt.number}",
    )
    assert message.error == str(refused.value)
    assert books() == before


def test_kept_refusal_says_nothing_of_who_bought(till, level):
    receipt = incoming_receipt(
        receipt_line(level.variant.sku, 1), buyer=IncomingBuyer(email="ada@example.com")
    )
    taken = take_in(till, receipt)

    with pytest.raises(ReceiptDiffers):
        deliver_receipt(channel=till, receipt=replace(receipt, cashier="Bob"), at=NOON)

    assert b"ada@example.com" not in bytes(InboundMessage.objects.get().body)
    assert "ada@example.com" not in str(taken.receipt.payload)
    known = taken.receipt.order.customer.identities.get(kind="EMAIL")
    assert known.normalised == "ada@example.com"


def test_training_receipt_is_kept_and_changes_nothing(till, level):
    before = books()

    taken = take_in(till, incoming_receipt(receipt_line(level.variant.sku, 3), is_training=True))

    assert (taken.receipt.order, taken.receipt.registered_return) == (None, None)
    assert StoreReceipt.objects.get().payload["lines"][0]["sku"] == level.variant.sku
    assert books() == before


def test_unknown_article_waits_and_is_sold_at_once_when_it_is_linked(till, level):
    receipt = incoming_receipt(
        receipt_line(level.variant.sku, 1), receipt_line("NEW-1", 2, external_line_id="2")
    )
    order = take_in(till, receipt).receipt.order
    assert order.holds.open().get().kind == "UNKNOWN_ITEM"
    assert order.lifecycle == "PLACED"
    fresh = stock(units=5, location=level.location, reference="GR-2")

    link_line(line_id=order.lines.get(raw_sku="NEW-1").pk, variant_id=fresh.variant_id, at=NOON)

    order.refresh_from_db()
    assert (order.lifecycle, figures(fresh), figures(level)) == ("COMPLETED", (3, 0), (9, 0))
    assert all_differences() == []


def test_total_that_does_not_add_up_is_kept_verbatim_and_holds_the_order(till, level):
    receipt = incoming_receipt(receipt_line(level.variant.sku, 2), total=Decimal("25.00"))

    order = take_in(till, receipt).receipt.order

    assert order.total == 25
    assert order.holds.get().kind == "PRICE_MISMATCH"


def test_goods_go_back_to_the_sale_that_the_till_names(till, level):
    sale = take_in(
        till, incoming_receipt(receipt_line(level.variant.sku, 3), tenders=(tender("CASH", 30),))
    ).receipt

    back = take_in(
        till,
        incoming_receipt(
            receipt_line(level.variant.sku, -2, sold_with=sale.number),
            tenders=(tender("CASH", -20),),
        ),
    ).receipt

    sale.order.refresh_from_db()
    returned = back.registered_return
    refund = sale.order.refunds.get()
    assert (returned.order, returned.status, returned.lines.get().received) == (
        sale.order,
        "CLOSED",
        2,
    )
    assert (sale.order.return_status, sale.order.payment_status) == (
        "PARTIAL",
        "PARTIALLY_REFUNDED",
    )
    assert (refund.amount, refund.status, refund.returned_with) == (20, "SETTLED", returned)
    assert sale.order.payments.get().refunded == 20
    assert (back.order, figures(level)) == (None, (9, 0))
    assert all_differences() == []


def test_goods_bought_online_come_back_over_the_counter(till, level):
    order = shipped_order(quantity=2)
    sku = order.lines.get().variant.sku

    back = take_in(till, incoming_receipt(receipt_line(sku, -1, sold_with=order.number))).receipt

    assert (back.registered_return.order, back.registered_return.location) == (
        order,
        level.location,
    )
    assert order.lines.get().returned == 1
    assert all_differences() == []


def test_goods_whose_sale_nobody_knows_come_back_blind(till, level):
    back = take_in(
        till, incoming_receipt(receipt_line(level.variant.sku, -1, sold_with="99"))
    ).receipt

    returned = back.registered_return
    assert (returned.order, returned.status) == (None, "CLOSED")
    assert returned.note == f"Receipt {back} names 99, which nobody knows."
    assert returned.lines.get().amount == 10
    assert figures(level) == (11, 0)
    assert all_differences() == []


def test_more_pieces_than_were_sold_come_back_blind(till, level):
    sale = take_in(till, incoming_receipt(receipt_line(level.variant.sku, 1))).receipt

    take_in(till, incoming_receipt(receipt_line(level.variant.sku, -3, sold_with=sale.number)))

    pieces = Return.objects.order_by("pk").values_list("order", "lines__quantity")
    assert list(pieces) == [(sale.order_id, 1), (None, 2)]
    assert sale.order.refunds.get().amount == 10
    assert figures(level) == (12, 0)


def test_pieces_that_are_announced_to_come_by_post_are_not_taken_for_those(till, level):
    order = shipped_order(quantity=1)
    line = order.lines.get()
    register_return(
        order_id=order.pk,
        lines=[ReturnedLine(order_line_id=line.pk, quantity=1)],
        key="announced",
        at=NOON,
    )

    back = take_in(
        till, incoming_receipt(receipt_line(line.variant.sku, -1, sold_with=order.number))
    ).receipt

    assert back.registered_return.order is None


def test_unknown_article_that_comes_back_is_named_on_the_receipt(till, level):
    taken = take_in(till, incoming_receipt(receipt_line("NOBODY-KNOWS", -1)))

    assert taken.receipt.registered_return is None
    assert StoreReceipt.objects.get().payload["not_taken"] == [
        "Article NOBODY-KNOWS is unknown: 1 pieces came back."
    ]


def test_exchange_takes_back_and_sells_in_one(till, level):
    sale = take_in(
        till, incoming_receipt(receipt_line(level.variant.sku, 1), tenders=(tender("CASH", 10),))
    ).receipt
    other = stock(units=5, location=level.location, reference="GR-2")

    swap = take_in(
        till,
        incoming_receipt(
            receipt_line(level.variant.sku, -1, sold_with=sale.number),
            receipt_line(other.variant.sku, 1, unit_price="25.00", external_line_id="2"),
            tenders=(tender("CARD", 15),),
        ),
    ).receipt

    assert (swap.total, swap.order.total, swap.order.payment_status) == (15, 25, "PAID")
    assert sorted(swap.order.payments.values_list("method", "charged")) == [
        ("CARD", 15),
        ("EXCHANGE", 10),
    ]
    assert swap.registered_return.order == sale.order
    assert (figures(level), figures(other)) == ((10, 0), (4, 0))
    assert all_differences() == []


def test_exchange_for_something_cheaper_gives_money_back(till, level):
    other = stock(units=5, location=level.location, reference="GR-2")

    swap = take_in(
        till,
        incoming_receipt(
            receipt_line(level.variant.sku, -1),
            receipt_line(other.variant.sku, 1, unit_price="4.00", external_line_id="2"),
            tenders=(tender("CASH", -6),),
        ),
    ).receipt

    payment = swap.order.payments.get()
    assert (payment.method, payment.charged, swap.order.payment_status) == (
        "EXCHANGE",
        4,
        "PAID",
    )
    assert swap.tenders == {"CASH": "-6.0000"}


def test_exchange_that_cannot_sell_takes_nothing_back_either(till, level, monkeypatch):
    def fail(**_values):
        raise RuntimeError

    monkeypatch.setattr("orders.operations.receipts.ingest_order", fail)
    before = books()

    with pytest.raises(RuntimeError):
        take_in(
            till,
            incoming_receipt(
                receipt_line(level.variant.sku, -1),
                receipt_line(level.variant.sku, 1, external_line_id="2"),
            ),
        )

    assert books() == before
    assert not StoreReceipt.objects.exists()


def test_change_is_taken_off_the_cash(till, level):
    receipt = incoming_receipt(
        receipt_line(level.variant.sku, 1), tenders=(tender("CASH", 50), tender("Change", -40))
    )

    order = take_in(till, receipt).receipt.order

    assert (order.payments.get().charged, order.payment_status) == (10, "PAID")


def test_receipt_told_after_its_books_were_closed_goes_into_the_open_ones(till, level):
    close_period(ends_at=NOON, at=NOON, by=UserFactory())

    receipt = take_in(
        till,
        incoming_receipt(
            receipt_line(level.variant.sku, -2),
            receipt_line(level.variant.sku, 1, external_line_id="2"),
            sold_at=NOON - timedelta(hours=3),
        ),
    ).receipt

    moved = StockMovement.objects.exclude(kind="RECEIPT").values_list("kind", "moved_at")
    assert sorted(moved) == [("RETURN", NOON), ("SALE", NOON)]
    assert receipt.sold_at == NOON - timedelta(hours=3)


def test_loyalty_card_tells_the_customer(till, level):
    first, second = (
        take_in(
            till, incoming_receipt(receipt_line(level.variant.sku, 1), loyalty_card="9001")
        ).receipt.order
        for _ in range(2)
    )

    assert first.customer == second.customer
    assert first.customer is not None


@pytest.mark.parametrize(("register", "number"), [("", "1"), ("T1", ""), ("T1", "x" * 51)])
def test_receipt_that_cannot_be_told_from_others_is_refused(till, level, register, number):
    receipt = incoming_receipt(receipt_line(level.variant.sku, 1), register=register, number=number)

    with pytest.raises(UnusableReceipt):
        take_in(till, receipt)

    assert not StoreReceipt.objects.exists()


def test_registers_with_slashes_are_never_taken_for_each_other(till, level):
    for register, number in (("A/1", "2"), ("A", "1/2")):
        take_in(
            till,
            incoming_receipt(receipt_line(level.variant.sku, 1), register=register, number=number),
        )

    assert Order.objects.count() == 2


def test_web_shop_prints_no_receipts(level):
    with pytest.raises(NotATill):
        take_in(ChannelFactory(), incoming_receipt(receipt_line(level.variant.sku, 1)))

    assert not StoreReceipt.objects.exists()


def test_till_that_stands_nowhere_is_refused_by_name(level):
    with pytest.raises(NoPlaceOfSale):
        take_in(ChannelFactory(kind="POS"), incoming_receipt(receipt_line(level.variant.sku, 1)))

    assert not StoreReceipt.objects.exists()
    assert not ChannelStockSource.objects.exists()


def test_receipt_of_nothing_is_kept(till):
    receipt = take_in(till, incoming_receipt()).receipt

    assert (receipt.order, receipt.total) == (None, 0)


def test_line_that_makes_no_sense_holds_the_sale(till, level):
    receipt = incoming_receipt(
        receipt_line(level.variant.sku, 1),
        receipt_line(VariantFactory().sku, 0, total=Decimal(5), external_line_id="2"),
    )

    order = take_in(till, receipt).receipt.order

    assert "LINE_REFUSED" in order.holds.values_list("kind", flat=True)
