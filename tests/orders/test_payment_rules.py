"""What has to be paid before stock is promised and before goods leave."""

from datetime import timedelta
from decimal import Decimal

import pytest
import time_machine

from orders import tasks
from orders.models import Order, OrderCancellation, OrderHold
from orders.operations import (
    AwaitsPayment,
    allocate_order,
    allocate_waiting,
    call_off_unpaid,
    cancel_order,
    release_hold,
)
from orders.operations.payment_rules import rule_for
from orders.queries import awaiting_payment_first, differences
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import OrderFactory, open_order
from tests.factories.orders_payments import PaymentRuleFactory, grant, pay, told_payment
from tests.orders.books import books

pytestmark = pytest.mark.django_db

HOURS = timedelta(hours=1)


def unpaid_order(**values):
    return open_order(is_paid=False, payment_method=values.pop("payment_method", "bank"), **values)


def held_for(order) -> list[str]:
    return sorted(order.holds.open().values_list("kind", flat=True))


def promised(order) -> int:
    units = order.lines.values_list("line_allocations__units", flat=True)
    return sum(each or 0 for each in units)


def test_most_specific_rule_counts():
    channel = ChannelFactory()
    everything = PaymentRuleFactory()
    by_method = PaymentRuleFactory(method="bank")
    of_channel = PaymentRuleFactory(channel=channel)
    of_both = PaymentRuleFactory(channel=channel, method="bank")

    def rule(**values):
        return rule_for(OrderFactory(**values))

    assert rule(channel=channel, payment_method="bank") == of_both
    assert rule(channel=channel, payment_method="card") == of_channel
    assert rule(payment_method="bank") == by_method
    assert rule(payment_method="card") == everything


def test_no_rule_holds_no_order():
    PaymentRuleFactory(channel=ChannelFactory())

    order = unpaid_order()

    assert (rule_for(order), held_for(order), promised(order)) == (None, [], 2)
    assert order.payment_due_at is None


def test_unpaid_order_is_promised_its_goods_and_kept_from_the_warehouse():
    PaymentRuleFactory()

    order = unpaid_order()

    assert (held_for(order), promised(order), order.lifecycle) == (["PAYMENT"], 2, "PLACED")
    pay(order)
    order.refresh_from_db()
    assert (held_for(order), order.lifecycle) == ([], "CONFIRMED")
    assert differences() == []


def test_part_of_the_money_releases_nothing():
    PaymentRuleFactory()
    order = unpaid_order()

    pay(order, "19.99")

    assert held_for(order) == ["PAYMENT"]


def test_authorization_is_enough_where_the_rule_says_so():
    PaymentRuleFactory(releases="AUTHORIZED")

    order = unpaid_order(payments=(told_payment("AUTHORIZED"),))

    assert (order.payment_status, held_for(order)) == ("AUTHORIZED", [])


def test_nothing_is_promised_before_it_is_paid_where_the_rule_says_so():
    PaymentRuleFactory(promises="PAID")
    level = stock(units=10)
    order = unpaid_order(level=level)
    assert (held_for(order), promised(order)) == (["PAYMENT"], 0)
    assert set(awaiting_payment_first()) == {order}

    assert allocate_waiting(at=NOON) == 0
    before = books()
    with pytest.raises(AwaitsPayment):
        allocate_order(order_id=order.pk, at=NOON)
    assert books() == before

    pay(order)

    order.refresh_from_db()
    assert (held_for(order), promised(order), order.lifecycle) == ([], 2, "CONFIRMED")
    assert set(awaiting_payment_first()) == set()
    assert differences() == []


def test_order_paid_too_late_for_the_stock_waits_for_stock():
    PaymentRuleFactory(promises="PAID")
    order = unpaid_order(units=1, quantity=2)

    pay(order)

    assert (held_for(order), promised(order)) == (["STOCK"], 1)


def test_order_whose_payment_hold_is_released_goes_on_unpaid():
    PaymentRuleFactory(promises="PAID", unpaid_hours=1)
    order = unpaid_order()
    release_hold(hold_id=order.holds.get().pk, note="We know them.", at=NOON)

    served = allocate_waiting(at=NOON)

    assert (served, promised(order), held_for(order)) == (1, 2, [])
    assert call_off_unpaid(order_id=order.pk, at=NOON + 2 * HOURS) is None


def test_order_whose_money_was_given_back_is_held_again():
    PaymentRuleFactory()
    order = unpaid_order()
    pay(order)

    pay(order, kind="REFUNDED")

    order.refresh_from_db()
    assert (order.payment_status, held_for(order)) == ("REFUNDED", ["PAYMENT"])
    assert differences() == []


def test_order_to_be_collected_is_paid_when_it_is_handed_over():
    PaymentRuleFactory(promises="PAID", unpaid_hours=1)
    order = OrderFactory(delivery="PICKUP", pickup_location=LocationFactory())

    assert rule_for(order) is None
    assert not awaiting_payment_first().exists()


def test_what_is_due_after_a_part_was_cancelled_releases_the_order():
    PaymentRuleFactory()
    order = unpaid_order()
    pay(order, "10.00")
    assert held_for(order) == ["PAYMENT"]

    cancel_order(
        order_id=order.pk, quantities={order.lines.get().pk: 1}, reason="One will do.", key="c",
        at=NOON,
    )  # fmt: skip

    order.refresh_from_db()
    assert (order.payment_status, held_for(order)) == ("PAID", [])
    assert differences() == []


def run_at(moment) -> dict[str, int]:
    with time_machine.travel(moment, tick=False):
        return tasks.call_off_unpaid()


def test_unpaid_order_is_called_off_when_its_time_is_over():
    PaymentRuleFactory(unpaid_hours=48)
    level = stock(units=10)
    order = unpaid_order(level=level)
    assert order.payment_due_at == NOON + 48 * HOURS

    too_early = run_at(NOON + 48 * HOURS - timedelta(seconds=1))
    in_time = run_at(NOON + 48 * HOURS)
    again = run_at(NOON + 49 * HOURS)

    order.refresh_from_db()
    level.refresh_from_db()
    assert (too_early["orders"], in_time["orders"], again["orders"]) == (0, 1, 0)
    assert (order.lifecycle, order.payment_status, level.allocated) == ("CANCELLED", "UNPAID", 0)
    assert OrderCancellation.objects.get().cause == "UNPAID"
    assert differences() == []


@pytest.mark.parametrize("amount", ["20.00", "1.00"])
def test_order_that_something_was_paid_for_is_not_called_off(amount):
    PaymentRuleFactory(unpaid_hours=1)
    order = unpaid_order()
    pay(order, amount)

    assert run_at(NOON + 2 * HOURS)["orders"] == 0
    assert call_off_unpaid(order_id=order.pk, at=NOON + 2 * HOURS) is None
    assert Order.objects.get().is_open


def test_paid_order_gets_no_day_to_be_paid():
    PaymentRuleFactory(unpaid_hours=1)

    order = open_order()

    assert (order.payment_due_at, OrderHold.objects.count()) == (None, 0)


def test_refund_of_an_order_under_a_rule_keeps_the_rest_going():
    PaymentRuleFactory()
    order = open_order()

    grant(order, "5.00")
    pay(order, "5.00", kind="REFUNDED", external_id=f"order-{order.pk}")

    order.refresh_from_db()
    assert (order.payment_status, held_for(order)) == ("PARTIALLY_REFUNDED", [])
    assert Decimal(5) == order.payments.get().refunded
