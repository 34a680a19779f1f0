from dataclasses import replace
from datetime import timedelta

import pytest

from customers.models import Address
from customers.operations import PostalAddress, record_address, record_addresses
from tests.factories.common import NOON
from tests.factories.customers import CustomerFactory

pytestmark = pytest.mark.django_db

HOME = PostalAddress(
    name="Ada Example",
    street="1 High Street",
    postcode="AB1 2CD",
    city="Aberdeen",
    country="gb",
    phone="0201",
)


def test_record_address_keeps_it_as_it_was_given():
    customer = CustomerFactory()

    address = record_address(customer=customer, address=HOME, at=NOON)

    address.refresh_from_db()
    assert (address.customer, address.street, address.country, address.created_at) == (
        customer,
        "1 High Street",
        "GB",
        NOON,
    )


def test_record_address_again_is_the_same_row():
    customer = CustomerFactory()
    first = record_address(customer=customer, address=HOME, at=NOON)

    again = record_address(
        customer=customer, address=replace(HOME, street=" 1 High Street "), at=NOON + timedelta(1)
    )

    assert again == first
    assert Address.objects.count() == 1


@pytest.mark.parametrize("change", [{"street": "2 High Street"}, {"phone": "0202"}])
def test_record_address_keeps_a_changed_one_beside_the_old(change):
    customer = CustomerFactory()
    old = record_address(customer=customer, address=HOME, at=NOON)

    new = record_address(customer=customer, address=replace(HOME, **change), at=NOON)

    assert new != old


def test_record_address_does_not_mistake_one_part_for_another():
    first = record_address(customer=None, address=PostalAddress(name="A", company="B"), at=NOON)
    second = record_address(customer=None, address=PostalAddress(name="A\nB"), at=NOON)

    assert first != second


def test_record_address_of_nobody_known_is_kept_once():
    first = record_address(customer=None, address=HOME, at=NOON)
    again = record_address(customer=None, address=HOME, at=NOON)
    of_ada = record_address(customer=CustomerFactory(), address=HOME, at=NOON)

    assert again == first
    assert of_ada != first


def test_record_address_never_fails_on_what_a_channel_sends():
    odd = PostalAddress(name="N" * 300, country="Germany", street="\0", postcode="9" * 30)

    address = record_address(customer=None, address=odd, at=NOON)

    assert (len(address.name), address.country, address.street, len(address.postcode)) == (
        200,
        "",
        "",
        20,
    )


def test_record_addresses_returns_them_in_order(django_assert_num_queries):
    ada, ben = CustomerFactory.create_batch(2)
    work = replace(HOME, street="2 Low Street")
    given = [(ada, HOME), (ben, HOME), (None, work), (ada, HOME), (ada, work)]

    with django_assert_num_queries(3):
        rows = record_addresses(addresses=given, at=NOON)

    assert [(row.customer, row.street) for row in rows] == [
        (customer, address.street) for customer, address in given
    ]
    assert rows[0] == rows[3]
