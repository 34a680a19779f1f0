from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import IntegrityError, models

from customers import operations
from customers.models import Address, Customer, CustomerIdentity
from customers.operations import Buyer, PostalAddress, identify, record_address
from tests.factories.common import NOON
from tests.factories.customers import CustomerFactory
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def arrive(channel_code, **buyer):
    return partial(identify, channel_code=channel_code, buyer=Buyer(**buyer), at=NOON)


def test_twenty_orders_of_one_new_buyer_make_one_customer():
    customers = race(*[arrive("web", account="7", email="ada@example.com")] * 20)

    assert {customer.pk for customer in customers} == {Customer.objects.get().pk}
    assert CustomerIdentity.objects.count() == 2


def test_one_new_buyer_on_twenty_channels_is_one_customer():
    customers = race(
        *[arrive(f"channel-{n}", account=str(n), email="ada@example.com") for n in range(20)]
    )

    assert {customer.pk for customer in customers} == {Customer.objects.get().pk}
    assert CustomerIdentity.objects.filter(kind="CHANNEL_ACCOUNT").count() == 20


def test_the_race_is_real_once_the_lock_is_gone():
    """Control: both callers read before either writes, so only the constraint is left."""
    both_have_read, write = Barrier(2), models.QuerySet.bulk_create

    def write_after_both_have_read(queryset, *args, **kwargs):
        if queryset.model is Customer:
            both_have_read.wait(timeout=10)
        return write(queryset, *args, **kwargs)

    with (
        mock.patch.object(operations, "_lock"),
        mock.patch.object(models.QuerySet, "bulk_create", write_after_both_have_read),
    ):
        outcomes = race(*[arrive("web", email="ada@example.com")] * 2)

    [refused] = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    assert "customers_customeridentity_one_owner" in str(refused)


def test_one_address_recorded_twenty_times_at_once_is_one_row():
    customer = CustomerFactory()
    address = PostalAddress(street="1 High Street")

    rows = race(*[partial(record_address, customer=customer, address=address, at=NOON)] * 20)

    assert {row.pk for row in rows} == {Address.objects.get().pk}
