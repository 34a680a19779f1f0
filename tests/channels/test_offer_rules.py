"""The share of what there is that a channel and a listing are offered."""

import pytest

from channels.models import Channel, Listing
from channels.operations import BadOfferRule, set_channel_rules, set_listing_rules
from tests.factories.channels import ChannelFactory, ListingFactory

pytestmark = pytest.mark.django_db
RULES = {
    "percent": 50,
    "buffer": 2,
    "min_quantity": 3,
    "max_quantity": 10,
    "end_at_quantity": 1,
}


def rules_of(listing):
    return (
        Listing.objects.filter(pk=listing.pk)
        .values("offer_percent", "offer_buffer", "min_quantity", "max_quantity", "end_at_quantity")
        .get()
    )


def test_channel_is_offered_a_share_less_a_buffer():
    channel, other = ChannelFactory(), ChannelFactory()

    for _ in range(2):
        set_channel_rules(channel_id=channel.pk, percent=80, buffer=1)

    rules = dict(Channel.objects.values_list("pk", "offer_percent"))
    assert rules == {channel.pk: 80, other.pk: 100}
    assert Channel.objects.get(pk=channel.pk).offer_buffer == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"percent": 101}, "0 to 100 percent, not 101"),
        ({"percent": -1}, "0 to 100 percent, not -1"),
        ({"buffer": -1}, "The buffer is 0 to 999,999, not -1"),
        ({"buffer": 1_000_000}, "The buffer is 0 to 999,999"),
    ],
)
def test_channel_rule_out_of_range_is_refused(change, words):
    channel = ChannelFactory()

    with pytest.raises(BadOfferRule, match=words):
        set_channel_rules(**{"channel_id": channel.pk, "percent": 80, "buffer": 1} | change)

    assert list(Channel.objects.values_list("offer_percent", "offer_buffer")) == [(100, 0)]


def test_listing_has_rules_of_its_own_and_can_give_them_up():
    listing = ListingFactory()

    for _ in range(2):
        set_listing_rules(listing_id=listing.pk, **RULES)
    own = rules_of(listing)
    given_up = RULES | {"percent": None, "buffer": None, "max_quantity": None}
    set_listing_rules(listing_id=listing.pk, **given_up)

    assert own == {
        "offer_percent": 50,
        "offer_buffer": 2,
        "min_quantity": 3,
        "max_quantity": 10,
        "end_at_quantity": 1,
    }
    assert rules_of(listing) == own | {
        "offer_percent": None,
        "offer_buffer": None,
        "max_quantity": None,
    }


@pytest.mark.parametrize("rule", sorted(RULES))
@pytest.mark.parametrize("number", [-1, 1_000_000])
def test_listing_rule_out_of_range_is_refused(rule, number):
    listing = ListingFactory()
    before = rules_of(listing)

    with pytest.raises(BadOfferRule):
        set_listing_rules(listing_id=listing.pk, **RULES | {rule: number})

    assert rules_of(listing) == before
