"""One article on two lines of an order, wanted by several at the same moment."""

from collections import Counter
from decimal import Decimal
from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import IntegrityError, models

from channels.models import Channel
from inventory.models import StockLevelQuerySet
from inventory.operations import InsufficientStock, promises
from orders.models import Order
from orders.operations import NewOrderLine, place_order
from orders.queries import differences
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.inventory.shared import figures
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def order_of_two_lines(desk, level, key):
    """Return the call that orders two and two of one article."""
    line = NewOrderLine(variant_id=level.variant_id, quantity=2, unit_price=Decimal(5))
    return partial(place_order, channel=desk, lines=[line, line], key=key, at=NOON)


def kinds(outcomes):
    return Counter(type(outcome) for outcome in outcomes)


def test_both_lines_of_an_order_are_promised_or_none():
    desk, level = ChannelFactory(kind=Channel.Kind.MANUAL), stock(units=11)

    outcomes = race(*(order_of_two_lines(desk, level, f"call-{n}") for n in range(6)))

    refusals = [outcome for outcome in outcomes if isinstance(outcome, InsufficientStock)]
    assert kinds(outcomes) == {Order: 2, InsufficientStock: 4}
    assert [refusal.shortages for refusal in refusals] == [{level.variant_id: 1}] * 4
    assert figures(level) == (11, 8)
    assert differences() == []


def test_the_race_for_both_lines_is_real_once_the_lock_is_gone():
    """Control: both orders read before either writes, so only the constraint is left."""
    desk, level = ChannelFactory(kind=Channel.Kind.MANUAL), stock(units=4)
    both_have_read, write = Barrier(2), promises.write_promises

    def write_after_both_have_read(*changes):
        both_have_read.wait(timeout=10)
        return write(*changes)

    with (
        mock.patch.object(StockLevelQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(promises, "write_promises", write_after_both_have_read),
    ):
        outcomes = race(*(order_of_two_lines(desk, level, f"call-{n}") for n in range(2)))

    assert kinds(outcomes) == {Order: 1, IntegrityError: 1}
    assert figures(level) == (4, 4)
