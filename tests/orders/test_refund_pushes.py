"""Refunds that channels pay, over real HTTP: once, whatever becomes of the answers."""

from datetime import timedelta
from decimal import Decimal
from unittest import mock

import pytest
import stamina
import time_machine

from channels.models import Channel, OutboxEntry
from channels.operations import reopen_outbox
from orders import operations, tasks
from orders.models import Order, Payment, PaymentEvent, Refund
from orders.operations import cancel_refund, execute_refund
from orders.queries import differences
from tests.channels.shop_process import TOKEN, order_row, running_shop
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders_payments import grant, refund_of_pieces

pytestmark = pytest.mark.django_db

LATER = NOON + timedelta(hours=1)


@pytest.fixture(scope="module")
def shop():
    with running_shop() as running:
        yield running


@pytest.fixture(autouse=True)
def _clock():
    with time_machine.travel(LATER, tick=False), stamina.set_testing(True, attempts=2, cap=True):
        yield


@pytest.fixture
def practice(shop):
    with shop.practice() as hand:
        hand.seed(reset=True, orders=[order_row(1)])
        yield hand


@pytest.fixture
def order(shop, practice):
    stock(variant=VariantFactory(sku="MUG-BLUE"), units=10)
    ChannelFactory(mode=Channel.Mode.FULL, address=shop.address, credentials=TOKEN)
    tasks.pull_orders()
    return Order.objects.get()


def send(refund, key="1"):
    execute_refund(refund_id=refund.pk, route="CHANNEL", key=key, at=NOON)


def given_back(practice):
    return [(row["reference"], row["amount"]) for row in practice.refunds("1")]


def push_later(hours):
    with time_machine.travel(LATER + timedelta(hours=hours), tick=False):
        return tasks.push_refunds()


def test_refund_is_paid_by_the_shop_and_settled(order, practice):
    refund = refund_of_pieces(order)
    send(refund)

    counts = tasks.push_refunds()
    again = tasks.push_refunds()

    refund.refresh_from_db()
    order.refresh_from_db()
    (row,) = practice.refunds("1")
    assert (counts, again) == ({"settled": 1, "failed": 0}, {"settled": 0, "failed": 0})
    assert (row["reference"], row["amount"]) == (refund.number, "10.0000")
    assert [(line["id"], line["quantity"]) for line in row["lines"]] == [("1", 1)]
    assert (refund.status, refund.external_id, refund.settled_at) == ("SETTLED", row["id"], LATER)
    assert order.payment_status == "PARTIALLY_REFUNDED"
    assert OutboxEntry.objects.get().status == "DONE"
    assert differences() == []


def test_refund_whose_answers_were_lost_is_paid_once_by_the_next_run(order, practice):
    refund = grant(order, "5.00")
    send(refund)
    practice.fail("lost_answer", times=2, path="/orders/1/refunds")

    first = tasks.push_refunds()
    refund.refresh_from_db()
    assert (first["failed"], refund.status) == (1, "SENT")
    second = push_later(1)

    refund.refresh_from_db()
    assert (second["settled"], refund.status) == (1, "SETTLED")
    assert given_back(practice) == [(refund.number, "5.0000")]
    assert Payment.objects.get().refunded == 5
    assert differences() == []


def test_refund_that_the_shop_paid_before_its_worker_died_is_paid_once(order, practice):
    refund = grant(order, "5.00")
    send(refund)

    with (
        mock.patch.object(operations, "settle_sent_refund", side_effect=SystemExit),
        pytest.raises(SystemExit),
    ):
        tasks.push_refunds()
    assert len(given_back(practice)) == 1
    counts = push_later(1)

    refund.refresh_from_db()
    assert (counts["settled"], refund.status) == (1, "SETTLED")
    assert given_back(practice) == [(refund.number, "5.0000")]
    assert PaymentEvent.objects.filter(kind="REFUNDED").count() == 1


def test_refund_that_the_shop_tells_back_first_is_settled_by_that_and_sent_no_more(order, practice):
    refund = grant(order, "5.00")
    send(refund)
    practice.fail("lost_answer", times=2, path="/orders/1/refunds")
    tasks.push_refunds()

    tasks.pull_orders()
    refund.refresh_from_db()
    assert refund.status == "SETTLED"
    push_later(1)
    tasks.pull_orders()

    assert given_back(practice) == [(refund.number, "5.0000")]
    assert (Refund.objects.count(), Payment.objects.get().refunded) == (1, 5)
    assert differences() == []


def refused(order, practice):
    """Send a refund that the shop refuses: it has given everything back by itself."""
    refund = grant(order, "27.95")
    send(refund)
    row = order_row(1, payments=[])
    practice.seed(reset=True, orders=[row])
    tasks.push_refunds()
    refund.refresh_from_db()
    return refund


def test_refund_that_the_shop_refuses_fails_and_may_be_tried_again(order, practice):
    refund = refused(order, practice)
    assert (refund.status, "can be given back" in refund.error) == ("FAILED", True)
    assert Payment.objects.get().refunded == 0
    assert differences() == []

    practice.seed(reset=True, orders=[order_row(1)])
    send(refund, key="2")
    counts = tasks.push_refunds()

    refund.refresh_from_db()
    assert (counts["settled"], refund.status, refund.error) == (1, "SETTLED", "")
    assert OutboxEntry.objects.get().status == "DONE"
    assert given_back(practice) == [(refund.number, "27.9500")]
    assert differences() == []


def test_message_of_a_failed_refund_that_is_sent_again_settles_it(order, practice):
    refund = refused(order, practice)
    practice.seed(reset=True, orders=[order_row(1)])

    reopen_outbox(entry_id=OutboxEntry.objects.get().pk, at=LATER)
    tasks.push_refunds()

    refund.refresh_from_db()
    assert refund.status == "SETTLED"


def test_message_of_a_cancelled_refund_pays_nothing(order, practice):
    refund = refused(order, practice)
    practice.seed(reset=True, orders=[order_row(1)])
    cancel_refund(refund_id=refund.pk, note="Not ours.", at=LATER)

    reopen_outbox(entry_id=OutboxEntry.objects.get().pk, at=LATER)
    counts = tasks.push_refunds()

    refund.refresh_from_db()
    assert (counts["failed"], refund.status, given_back(practice)) == (1, "CANCELLED", [])
    assert OutboxEntry.objects.get().status == "FAILED"


def test_failed_refund_may_be_paid_another_way(order, practice):
    refund = refused(order, practice)

    execute_refund(refund_id=refund.pk, route="BANK_TRANSFER", key="3", at=LATER)
    reopen_outbox(entry_id=OutboxEntry.objects.get().pk, at=LATER)
    practice.seed(reset=True, orders=[order_row(1)])
    tasks.push_refunds()

    refund.refresh_from_db()
    assert (refund.status, refund.route, given_back(practice)) == ("SETTLED", "BANK_TRANSFER", [])
    assert Payment.objects.get().refunded == Decimal("27.95")


def test_refund_of_a_channel_that_lost_its_address_waits(order):
    refund = grant(order, "5.00")
    send(refund)
    Channel.objects.update(address="")

    counts = tasks.push_refunds()

    refund.refresh_from_db()
    assert (counts["failed"], refund.status) == (1, "SENT")
    assert "no address" in OutboxEntry.objects.get().error
