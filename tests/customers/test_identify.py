from datetime import timedelta

import pytest

from customers.models import Customer, CustomerIdentity
from customers.operations import Buyer, identify, identify_many
from tests.factories.common import NOON
from tests.factories.customers import CustomerFactory, CustomerIdentityFactory

pytestmark = pytest.mark.django_db


def keys_of(customer):
    return sorted(
        customer.identities.values_list("kind", "channel_code", "normalised", "is_linking")
    )


def test_identify_makes_a_customer_with_all_keys():
    buyer = Buyer(account="77", email="Ada@Example.com", phone="+44 20 1", name=" Ada ")

    customer = identify(channel_code="web", buyer=buyer, at=NOON)

    assert (customer.name, customer.kind, customer.created_at) == ("Ada", "PERSON", NOON)
    assert keys_of(customer) == [
        ("CHANNEL_ACCOUNT", "web", "77", True),
        ("EMAIL", "", "ada@example.com", True),
        ("PHONE", "", "+44201", False),
    ]


def test_identify_again_changes_nothing():
    buyer = Buyer(account="77", email="ada@example.com", phone="0201")
    first = identify(channel_code="web", buyer=buyer, at=NOON)

    second = identify(channel_code="web", buyer=buyer, at=NOON + timedelta(days=1))

    assert second == first
    assert Customer.objects.count() == 1
    assert CustomerIdentity.objects.count() == 3


def test_identify_names_a_company_by_its_company():
    buyer = Buyer(email="jan@firma.pl", name="Jan", company="Firma")

    customer = identify(channel_code="web", buyer=buyer, at=NOON)

    assert (customer.kind, customer.name) == ("COMPANY", "Firma")


@pytest.mark.parametrize(
    "buyer",
    [
        Buyer(),
        Buyer(name="Ada Example"),
        Buyer(phone="+44 20 7946 0018", name="Ada Example"),
        Buyer(email="info@example.com", company="Example Ltd"),
        Buyer(email="not an address"),
    ],
)
def test_identify_knows_nobody_by_what_many_share(buyer):
    assert identify(channel_code="web", buyer=buyer, at=NOON) is None
    assert not Customer.objects.exists()
    assert not CustomerIdentity.objects.exists()


def test_identify_links_channels_by_email():
    on_web = identify(
        channel_code="web", buyer=Buyer(account="77", email="ada@example.com"), at=NOON
    )

    on_market = identify(
        channel_code="market", buyer=Buyer(account="A1", email="ADA@example.com"), at=NOON
    )

    assert on_market == on_web
    assert ("CHANNEL_ACCOUNT", "market", "A1", True) in keys_of(on_web)


def test_identify_does_not_link_channels_by_a_relay_address():
    buyer = Buyer(email="x1@marketplace.amazon.de")

    in_germany = identify(channel_code="amazon-de", buyer=buyer, at=NOON)
    again = identify(channel_code="amazon-de", buyer=buyer, at=NOON)
    in_france = identify(channel_code="amazon-fr", buyer=buyer, at=NOON)

    assert again == in_germany
    assert in_france != in_germany


def test_identify_does_not_link_the_same_account_number_of_two_channels():
    on_web = identify(channel_code="web", buyer=Buyer(account="77"), at=NOON)
    on_market = identify(channel_code="market", buyer=Buyer(account="77"), at=NOON)

    assert on_web != on_market


def test_identify_does_not_link_by_phone():
    ada = identify(channel_code="web", buyer=Buyer(account="1", phone="0201"), at=NOON)
    ben = identify(channel_code="web", buyer=Buyer(account="2", phone="0201"), at=NOON)

    assert ada != ben
    assert CustomerIdentity.objects.filter(kind="PHONE", normalised="0201").count() == 2


def test_identify_goes_by_the_account_when_the_email_is_somebody_elses():
    ada = identify(channel_code="web", buyer=Buyer(account="1", email="ada@example.com"), at=NOON)
    ben = identify(channel_code="web", buyer=Buyer(account="2", email="ben@example.com"), at=NOON)

    found = identify(channel_code="web", buyer=Buyer(account="1", email="ben@example.com"), at=NOON)

    assert found == ada
    assert keys_of(ben) == [
        ("CHANNEL_ACCOUNT", "web", "2", True),
        ("EMAIL", "", "ben@example.com", True),
    ]


def test_identify_learns_the_new_email_of_a_known_account():
    ada = identify(channel_code="web", buyer=Buyer(account="1", email="ada@old.example"), at=NOON)
    identify(channel_code="web", buyer=Buyer(account="1", email="ada@new.example"), at=NOON)

    found = identify(channel_code="market", buyer=Buyer(email="ada@new.example"), at=NOON)

    assert found == ada


def test_identify_finds_the_survivor_of_a_merge():
    survivor = CustomerFactory()
    merged = CustomerFactory(survivor=survivor)
    merged_before = CustomerFactory(survivor=merged)
    CustomerIdentityFactory(customer=merged_before, raw="ada@example.com")

    found = identify(channel_code="web", buyer=Buyer(email="ada@example.com"), at=NOON)

    assert found == survivor


def test_identify_passes_over_a_key_that_is_not_active_any_more():
    old = CustomerIdentityFactory(raw="ada@example.com", is_active=False)

    found = identify(channel_code="web", buyer=Buyer(email="ada@example.com"), at=NOON)

    assert found != old.customer


def test_identify_many_gives_one_customer_to_buyers_who_share_a_key():
    guest, member, stranger, nobody = identify_many(
        buyers=[
            ("web", Buyer(email="ada@example.com")),
            ("market", Buyer(account="A1", email="Ada@example.com")),
            ("web", Buyer(email="ben@example.com")),
            ("web", Buyer(name="Nobody")),
        ],
        at=NOON,
    )

    assert guest == member
    assert stranger not in {guest, None}
    assert nobody is None
    assert Customer.objects.count() == 2


def test_identify_many_of_nobody_is_nobody():
    assert identify_many(buyers=[], at=NOON) == []


@pytest.mark.parametrize("count", [1, 300])
def test_identify_many_asks_as_often_for_many_as_for_one(count, django_assert_num_queries):
    buyers = [
        ("web", Buyer(account=str(n), email=f"{n}@example.com", phone="0201")) for n in range(count)
    ]

    with django_assert_num_queries(7):
        newcomers = identify_many(buyers=buyers, at=NOON)
    with django_assert_num_queries(2):
        known = identify_many(buyers=buyers, at=NOON)

    assert known == newcomers
