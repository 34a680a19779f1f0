"""What goods received and not invoiced stands for, line by line, and clearing the rest of it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from purchasing import operations
from purchasing.models import LedgerPosting
from purchasing.queries.grni import account_balance, grni_lines
from purchasing.queries.ledger import account_months
from tests.factories.catalog import ExchangeRateFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import TODAY, bill, delivery, matched_bill, printed
from tests.factories.purchasing_returns import shipped_return
from tests.people import browser_of, confirm, superuser
from tests.purchasing.ledgers import accounts, all_is_proved, approve, grni, posted

pytestmark = pytest.mark.django_db


def explained(**asked):
    return grni_lines(**({"as_of": NOON} | asked))


def clear(line, *, key="c", reason="The rest never came"):
    return operations.clear_grni(
        order_line_id=line.pk, reason=reason, key=key, at=NOON, by=UserFactory()
    )


def billed_beyond_what_came():
    """M9: 10 ordered, 8 received at 6, 10 billed at 8; the order is closed short."""
    order = sent_order(units=[10], unit_cost="6.00")
    delivery(order, [8])
    approve(bill(printed(order.lines.get(), 10, "8.00"), order=order))
    operations.close_short(order_id=order.pk, reason="Sold out", at=NOON, by=UserFactory())
    return order.lines.get()


def figures(row):
    return (row.quantity_difference, row.price_difference, row.exchange_difference)


def test_difference_is_price_quantity_and_exchange():
    """M9: 32 = 20 price + 12 quantity + 0 exchange; 16 is in the stock, after clearing 0."""
    line = billed_beyond_what_came()

    (before,) = explained()
    clear(line)
    (after,) = explained(is_open=False)

    assert (before.received, before.invoiced, before.difference) == (48, 80, 32)
    assert (before.received_units, before.invoiced_units) == (8, 10)
    assert figures(before) == (12, 20, 0)
    assert (before.booked, before.cleared, before.balance) == (16, 0, 16)
    assert posted("CLEARED") == {"GRNI": -16, "QUANTITY_DIFFERENCE": 12, "COST_OF_SALES": 4}
    assert (after.difference, *figures(after)) == (32, 12, 20, 0)
    assert (after.booked, after.cleared, after.balance) == (16, 16, 0)
    assert explained() == []
    assert accounts()["PAYABLES"] == -80
    assert all_is_proved()


def test_difference_in_another_currency():
    """
    By hand: 8 of 10 came at 6.00 EUR and 2.0: 96. Billed 10 at 8.00 EUR and 2.5: 200.

    Price 10 x 2 x 2.5 = 50, quantity 2 x 6 x 2.0 = 24, exchange 10 x 6 x 0.5 = 30: 104 in all.
    """
    ExchangeRateFactory(currency="EUR", rate=Decimal("2.0"), valid_on=TODAY - timedelta(days=9))
    order = sent_order(units=[10], unit_cost="6.00", supplier=SupplierFactory(currency="EUR"))
    delivery(order, [8], at=NOON - timedelta(days=5))
    ExchangeRateFactory(currency="EUR", rate=Decimal("2.5"), valid_on=TODAY)
    approve(bill(printed(order.lines.get(), 10, "8.00"), order=order))
    operations.close_short(order_id=order.pk, reason="Sold out", at=NOON, by=UserFactory())

    (row,) = explained()
    clear(order.lines.get())

    assert (row.received, row.invoiced, row.difference) == (96, 200, 104)
    assert figures(row) == (24, 50, 30)
    # 8 of 10 units are in the stock and the rate's account: 8 x 2 x 2.5 and 8 x 6 x 0.5.
    assert (row.booked, row.balance) == (64, 40)
    assert posted("CLEARED") == {
        "GRNI": -40,
        "QUANTITY_DIFFERENCE": 24,
        "COST_OF_SALES": 10,
        "EXCHANGE_DIFFERENCE": 6,
    }
    assert all_is_proved()


def test_two_ways_of_receiving_on_one_order():
    """M10: of 10, 5 came with their bill and 5 by themselves: those are to be billed."""
    order = sent_order(units=[10], unit_cost="3.00")
    line = order.lines.get()
    delivery(order, [5])
    approve(bill(printed(line, 5, "3.00"), order=order))
    delivery(order, [5])

    (row,) = explained()

    line.refresh_from_db()
    assert (line.received, line.invoiced) == (10, 5)
    assert (row.received_units, row.invoiced_units) == (10, 5)
    assert (row.received, row.invoiced, row.balance) == (30, 15, -15)
    assert figures(row) == (-15, 0, 0)


def test_balances_add_up_to_the_account_and_are_those_of_their_day():
    early = sent_order(units=[4], unit_cost="2.00")
    delivery(early, at=NOON - timedelta(days=10))
    late = sent_order(units=[3], unit_cost="0.3333")
    delivery(late, at=NOON)
    approve(bill(printed(late.lines.get(), 1, "0.3333", net_amount=Decimal("0.33")), order=late))

    now = explained()
    then = explained(as_of=NOON - timedelta(days=1))

    assert [(row.order_id, row.balance, row.days) for row in now] == [
        (early.pk, -8, 10),
        (late.pk, Decimal("-0.67"), 0),
    ]
    assert sum(row.balance for row in now) == account_balance("GRNI", as_of=NOON) == grni()
    assert [(row.order_id, row.balance, row.days) for row in then] == [(early.pk, -8, 9)]


def test_explaining_costs_the_same_for_one_line_and_for_three(django_assert_num_queries):
    for units in ([1], [1, 2, 3]):
        delivery(sent_order(units=units))
        with django_assert_num_queries(5):
            explained()


def test_clearing_with_the_same_key_returns_the_first():
    line = billed_beyond_what_came()

    assert clear(line) == clear(line)
    assert LedgerPosting.objects.filter(kind="CLEARED").count() == 1
    with pytest.raises(operations.NothingOpen):
        clear(line, key="other")


def test_clearing_while_something_is_expected_is_refused():
    order = sent_order(units=[10], unit_cost="6.00")
    delivery(order, [8])
    line = order.lines.get()

    with pytest.raises(operations.StillExpected, match="2 units are still to come"):
        clear(line)
    operations.close_short(order_id=order.pk, reason="No more", at=NOON, by=UserFactory())
    open_bill = matched_bill(printed(line, 8, "6.00"), order=order)
    with pytest.raises(operations.StillExpected, match=open_bill.number):
        clear(line)
    operations.void_invoice(invoice_id=open_bill.pk, reason="Wrong", at=NOON, by=None)
    returned = shipped_return(line=line.receipt_lines.get(), units=2)
    with pytest.raises(operations.StillExpected, match=returned.number):
        clear(line)
    with pytest.raises(operations.MissingReason):
        clear(line, reason=" ")

    assert not LedgerPosting.objects.filter(kind="CLEARED").exists()
    assert grni() == -36


def test_goods_that_are_never_billed_are_cleared():
    order = sent_order(units=[4], unit_cost="2.00")
    delivery(order)

    clear(order.lines.get(), reason="A gift after all")

    assert accounts() == {"STOCK": 8, "QUANTITY_DIFFERENCE": -8}
    assert LedgerPosting.objects.latest("pk").reason == "A gift after all"
    assert all_is_proved()


def test_a_bill_after_clearing_opens_the_line_the_other_way():
    order = sent_order(units=[4], unit_cost="2.00")
    delivery(order)
    line = order.lines.get()
    clear(line)
    approve(bill(printed(line, 4, "2.00"), order=order))

    (row,) = explained()
    clear(line, key="back")

    assert (row.difference, row.cleared, row.balance) == (0, -8, 8)
    assert accounts() == {"PAYABLES": -8, "STOCK": 8}
    assert all_is_proved()


def test_the_act_says_the_amounts_before():
    line = billed_beyond_what_came()
    browser = browser_of(superuser())
    url = reverse("admin:purchasing_purchaseorder_act", args=[line.order_id, "clear-grni"])
    form = {"line": line.pk, "reason": "Never came", "key": "k"}

    shown = browser.post(url, form).content.decode()
    confirm(browser, url, form)

    assert "Quantity differences: 12.00 GBP" in shown
    assert "Cost of sales: 4.00 GBP" in shown
    assert LedgerPosting.objects.get(kind="CLEARED").reason == "Never came"


def test_months_of_an_account_carry_its_balance():
    order = sent_order(units=[10], unit_cost="2.00")
    delivery(order, [4], at=NOON - timedelta(days=40))
    delivery(order, [6])

    rows = [row for row in account_months(first=TODAY, last=TODAY) if row.account == "GRNI"]

    assert [(row.opening, row.debit, row.credit, row.closing) for row in rows] == [(-8, 0, 12, -20)]
