"""Goods that went back and the bills of them: what is billed in the end, and what no more."""

from decimal import Decimal

import pytest

from purchasing.queries import goods_not_invoiced, lines_to_bill
from tests.factories.common import NOON
from tests.factories.purchasing_invoices import bill, matched, printed
from tests.factories.purchasing_returns import (
    received_line,
    shipped_return,
)
from tests.purchasing.returned_goods import (
    order_line_of,
    order_of,
    pay_all,
    receive,
)

pytestmark = pytest.mark.django_db


def test_order_whose_goods_were_returned_unbilled_is_billed_for_the_rest_and_closed():
    line = received_line(units=10)
    shipped_return(line=line, units=2)

    order = order_of(line)
    matched(bill(printed(order_line_of(line), 8, line.unit_cost), order=order))

    order = order_of(line)
    assert (order.status, order.invoice_status) == ("CLOSED", "COMPLETE")


def test_order_that_was_billed_before_goods_went_back_waits_for_the_credit_note():
    line = received_line(units=10)
    pay_all(line)

    shipped_return(line=line, units=2)

    order = order_of(line)
    assert (order.status, order.invoice_status) == ("CLOSED", "OVER")


def test_replacement_is_not_billed_once_more():
    line = received_line(units=10)
    pay_all(line)
    shipped_return(line=line, units=4, expects="REPLACEMENT")
    receive(line, 4)
    assert list(lines_to_bill(order_of(line).pk)) == []

    again = matched(bill(printed(order_line_of(line), 4, line.unit_cost), order=order_of(line)))

    assert again.status == "ON_HOLD"
    assert set(again.exceptions.values_list("kind", flat=True)) == {"QUANTITY"}


def test_goods_sent_back_before_they_were_billed_are_not_awaited_on_a_bill():
    line = received_line(units=10, unit_cost="2.50")
    shipped_return(line=line, units=2)

    [open_line] = goods_not_invoiced()

    assert (open_line.open_units, open_line.open_value) == (8, Decimal("20.00"))
    assert open_line.oldest_receipt_at == NOON


@pytest.mark.parametrize("expects", ["CREDIT", "REPLACEMENT"])
def test_goods_sent_back_after_they_were_billed_leave_nothing_to_bill(expects):
    line = received_line(units=10)
    pay_all(line)

    shipped_return(line=line, units=4, expects=expects)

    assert list(goods_not_invoiced()) == []


def test_replacement_of_billed_goods_is_not_awaited_on_a_bill():
    line = received_line(units=10)
    pay_all(line)
    shipped_return(line=line, units=4, expects="REPLACEMENT")

    receive(line, 4)

    assert list(goods_not_invoiced()) == []
