"""What was really paid for pieces: to the cent, and adding up."""

from decimal import Decimal

import pytest

from orders.amounts import due_of, paid_for, paid_for_lines, paid_for_pieces
from orders.models import Order, OrderLine


def line(pk, total, ordered=1, cancelled=0):
    return OrderLine(pk=pk, total=Decimal(total), ordered=ordered, cancelled=cancelled)


def order(total, discount="0", lifecycle="CONFIRMED", currency="GBP"):
    return Order(
        total=Decimal(total), discount_total=Decimal(discount), lifecycle=lifecycle,
        currency=currency,
    )  # fmt: skip


def test_piece_costs_its_share_of_the_discount_of_the_order():
    bought = order("90.00", discount="10.00")

    paid = paid_for(order=bought, lines=[line(7, "100.00", ordered=2)], before={}, pieces={7: 1})

    assert paid == {7: Decimal("45.00")}


def test_last_piece_gets_the_cents_that_the_others_leave():
    parts = [
        paid_for_pieces(
            paid=Decimal("10.00"), ordered=3, before=before, pieces=1, currency="GBP"
        )
        for before in range(3)
    ]  # fmt: skip

    assert parts == [Decimal("3.33"), Decimal("3.33"), Decimal("3.34")]


@pytest.mark.parametrize(
    ("totals", "discount", "currency"),
    [
        (("0.01", "0.01", "0.01"), "0.02", "GBP"),
        (("33.33", "33.33", "33.34"), "10.00", "GBP"),
        (("19.99", "0.00", "5.01"), "7.77", "GBP"),
        (("1000", "1", "999"), "333", "JPY"),
        (("1.234", "5.678", "0.001"), "0.500", "KWD"),
        (("10.00", "-2.00", "4.00"), "3.00", "GBP"),
    ],
)
def test_lines_add_up_to_their_totals_less_the_discount(totals, discount, currency):
    lines = [line(pk, total) for pk, total in enumerate(totals)]

    paid = paid_for_lines(lines=lines, discount=Decimal(discount), currency=currency)

    assert sum(paid.values()) == sum(map(Decimal, totals)) - Decimal(discount)


@pytest.mark.parametrize("ordered", [1, 2, 3, 7, 1000])
def test_pieces_add_up_to_the_line_however_they_come_back(ordered):
    steps = [1] * (ordered // 2) + [ordered - ordered // 2]

    parts, before = [], 0
    for pieces in steps:
        parts.append(
            paid_for_pieces(
                paid=Decimal("5.03"), ordered=ordered, before=before, pieces=pieces, currency="GBP"
            )
        )
        before += pieces

    assert sum(parts) == Decimal("5.03")
    assert min(parts) >= 0


def test_discount_above_the_lines_is_taken_off_the_postage():
    paid = paid_for_lines(
        lines=[line(1, "3.00"), line(2, "1.00")], discount=Decimal("6.00"), currency="GBP"
    )

    assert paid == {1: Decimal(0), 2: Decimal(0)}


def test_due_is_the_total_less_the_cancelled_pieces_share():
    bought = order("93.95", discount="10.00")  # 100.00 of goods, 3.95 of postage

    due = due_of(order=bought, lines=[line(1, "100.00", ordered=2, cancelled=1)])

    assert due == Decimal("48.95")


def test_due_of_a_cancelled_order_is_nothing():
    called_off = order("93.95", lifecycle="CANCELLED")

    assert due_of(order=called_off, lines=[line(1, "90.00")]) == 0


def test_due_is_what_the_channel_said_while_nothing_is_cancelled():
    assert due_of(order=order("12.3456"), lines=[line(1, "90.00")]) == Decimal("12.3456")
