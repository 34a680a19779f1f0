"""Lines that are closed short or expected again, and how many percent of an order are done."""

from decimal import Decimal

import pytest

from purchasing import operations
from purchasing.models import PurchaseOrder
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import approved_order, sent_order
from tests.purchasing.amendments import receive

pytestmark = pytest.mark.django_db


def close(line, **values):
    return operations.close_line_short(
        **({"line_id": line.pk, "reason": "Sold out", "at": NOON, "by": None} | values)
    )


def lines_of(order):
    return order.lines.order_by("position")


def counts(order):
    return list(lines_of(order).values_list("ordered", "cancelled", "received"))


def test_line_is_closed_with_a_reason_and_the_order_goes_on():
    order, buyer = sent_order(units=(10, 5)), UserFactory()
    receive(order, 4, 0)

    line = close(lines_of(order)[0], reason=" Sold out ", by=buyer)

    order.refresh_from_db()
    assert (line.closed_at, line.closed_by, line.close_reason) == (NOON, buyer, "Sold out")
    assert counts(order) == [(10, 6, 4), (5, 0, 0)]
    assert (order.status, order.receipt_status) == ("SENT", "PARTIAL")


def test_last_line_closes_the_order_when_all_that_came_is_billed():
    order = sent_order(units=(10, 5))
    receive(order, 10, 0)
    order.lines.filter(position=1).update(invoiced=10)

    close(lines_of(order)[1])

    order.refresh_from_db()
    assert (order.status, order.receipt_status, order.closed_at) == ("CLOSED", "COMPLETE", NOON)


def test_order_of_which_every_line_is_closed_is_closed():
    order = sent_order()

    close(order.lines.get())

    order.refresh_from_db()
    assert (order.status, order.receipt_status) == ("CLOSED", "NONE")


def test_replacement_that_never_comes_is_closed_too():
    order = sent_order()
    order.lines.update(received=10, to_replace=3)

    line = close(order.lines.get())

    assert (line.cancelled, line.expected) == (3, 0)


def test_line_is_not_closed_twice():
    order = sent_order(units=(10, 5))
    line = close(lines_of(order)[0])

    with pytest.raises(operations.NothingExpected):
        close(line, reason="Again")

    line.refresh_from_db()
    assert (line.cancelled, line.close_reason) == (10, "Sold out")


def test_closing_a_line_needs_a_reason_and_a_sent_order():
    order, approved = sent_order(), approved_order()

    with pytest.raises(operations.MissingReason):
        close(order.lines.get(), reason=" ")
    with pytest.raises(WrongStatus):
        close(approved.lines.get())

    assert counts(order) == counts(approved) == [(10, 0, 0)]


def test_whole_order_closed_short_says_why_on_each_line():
    order, buyer = sent_order(units=(10, 5)), UserFactory()
    receive(order, 4, 5)

    operations.close_short(order_id=order.pk, reason="Sold out", at=NOON, by=buyer)

    assert [(line.closed_by, line.close_reason) for line in lines_of(order)] == [
        (buyer, "Sold out"),
        (None, ""),
    ]


def test_closed_line_is_expected_again():
    order = sent_order(units=(10, 5))
    receive(order, 4, 0)
    close(lines_of(order)[0])

    line = operations.reopen_line(line_id=lines_of(order)[0].pk, at=NOON)

    assert (line.expected, line.closed_at, line.closed_by, line.close_reason) == (6, None, None, "")
    with pytest.raises(operations.NothingCancelled):
        operations.reopen_line(line_id=line.pk, at=NOON)


def test_reopening_a_line_opens_a_closed_order():
    order = sent_order(units=(10, 5))
    receive(order, 4, 5)
    operations.close_short(order_id=order.pk, reason="Sold out", at=NOON, by=None)

    operations.reopen_line(line_id=lines_of(order)[0].pk, at=NOON)

    order.refresh_from_db()
    assert (order.status, order.closed_at, order.close_reason) == ("SENT", None, "")
    assert order.receipt_status == "PARTIAL"


def test_line_of_a_cancelled_order_stays_cancelled():
    order = sent_order()
    operations.cancel(order_id=order.pk, reason="Too dear", at=NOON, by=None)

    with pytest.raises(WrongStatus):
        operations.reopen_line(line_id=order.lines.get().pk, at=NOON)

    assert counts(order) == [(10, 10, 0)]


def test_closed_order_is_open_again_when_goods_are_expected_again():
    order = sent_order()
    order.lines.update(received=10, invoiced=10)
    operations.refresh_progress(order_ids=[order.pk], at=NOON)
    order.refresh_from_db()
    before = order.status

    order.lines.update(to_replace=2)
    operations.refresh_progress(order_ids=[order.pk], at=NOON)

    order.refresh_from_db()
    assert (before, order.status, order.receipt_status) == ("CLOSED", "SENT", "PARTIAL")


@pytest.mark.parametrize(
    ("first", "second", "percents"),
    [
        ({}, {}, (0, 0)),
        ({"received": 4}, {}, (26, 0)),
        ({"received": 99}, {}, (66, 0)),
        ({"received": 10}, {"received": 5}, (100, 0)),
        ({"cancelled": 10}, {"received": 5}, (100, 0)),
        ({"received": 10, "to_replace": 5}, {"received": 5}, (75, 0)),
        ({"received": 10, "invoiced": 10}, {"received": 5, "invoiced": 2}, (100, 80)),
        ({"received": 10, "returned": 5, "invoiced": 5}, {"invoiced": 5}, (66, 100)),
        ({"invoiced": 12}, {"invoiced": 0}, (0, 66)),
        ({"cancelled": 10}, {"cancelled": 5}, (None, None)),
    ],
)
def test_percent_done_counts_each_line_up_to_what_it_is_about(first, second, percents):
    order = sent_order(units=(10, 5))
    for position, values in ((1, first), (2, second)):
        if values:
            order.lines.filter(position=position).update(**values)

    row = PurchaseOrder.objects.with_percent_done().get()

    assert (row.percent_received, row.percent_invoiced) == percents


def test_totals_leave_out_what_is_cancelled_unless_all_is():
    order = sent_order(units=(10, 5), charges=[operations.NewCharge(Decimal(7))])
    close(lines_of(order)[1])
    shown = PurchaseOrder.objects.with_totals().get()
    cancelled = sent_order(units=(10,))
    operations.cancel(order_id=cancelled.pk, reason="Too dear", at=NOON, by=None)

    assert (shown.goods_total, shown.charges_total, shown.total) == (25, 7, 32)
    assert PurchaseOrder.objects.with_totals().get(pk=cancelled.pk).total == 25
