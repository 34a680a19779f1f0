"""Whether each register's day adds up: numbers that never came, totals beside what was stated."""

from datetime import timedelta
from decimal import Decimal

import pytest

from inventory.models import StockLevel
from orders.models import RegisterDay
from orders.operations import (
    AcceptanceUnexplained,
    DayAccepted,
    InvalidDayClose,
    NotATill,
    UnknownRegisterDay,
    accept_register_day,
)
from orders.queries import days_with_receipts, missing_receipts, register_days, unclosed_days
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.orders_tills import DAY, day_close, store_receipt, tender, till_of

pytestmark = pytest.mark.django_db
YESTERDAY = DAY - timedelta(days=1)


@pytest.fixture
def till():
    return till_of(LocationFactory(kind="STORE", is_shipping=False))


def printed(till, *sequences, register="T1", day=DAY, **values):
    for sequence in sequences:
        store_receipt(
            till=till,
            sequence=sequence,
            number=f"{day}-{sequence}",
            register=register,
            business_on=day,
            **values,
        )


def gaps(till, *days, register="T1"):
    keys = [(till.pk, register, day) for day in days]
    return [(each.business_on, each.first, each.last) for each in missing_receipts(keys)]


def test_numbers_that_never_came_are_found_between_those_that_did(till):
    printed(till, 1, 2, 5, 7)

    assert gaps(till, DAY) == [(DAY, 3, 4), (DAY, 6, 6)]
    assert [each.count for each in missing_receipts([(till.pk, "T1", DAY)])] == [2, 1]


def test_late_receipt_closes_its_gap(till):
    printed(till, 1, 3)
    assert gaps(till, DAY) == [(DAY, 2, 2)]

    printed(till, 2)

    assert gaps(till, DAY) == []


def test_first_receipt_of_a_day_follows_the_last_one_before(till):
    printed(till, 8, 9, day=YESTERDAY)
    printed(till, 12)

    assert gaps(till, DAY) == [(DAY, 10, 11)]
    assert gaps(till, YESTERDAY) == []


def test_till_that_counts_anew_each_day_has_no_gap_over_night(till):
    printed(till, 8, 9, day=YESTERDAY)
    printed(till, 1, 2)

    assert gaps(till, YESTERDAY, DAY) == []


def test_training_receipts_have_numbers_and_registers_do_not_mix(till):
    printed(till, 1, 3)
    printed(till, 2, is_training=True)
    printed(till, 2, register="T2")

    assert gaps(till, DAY) == []


def test_all_days_are_looked_through_in_one_query(till, django_assert_num_queries):
    printed(till, 1, 3)
    printed(till, 1, 4, register="T2")
    days = days_with_receipts(channel_ids=[till.pk], first=YESTERDAY, last=DAY)

    with django_assert_num_queries(1):
        found = missing_receipts(days)

    assert [(each.register, str(each)) for each in found] == [("T1", "2"), ("T2", "2 to 3")]


def test_day_adds_up_when_receipts_total_and_tenders_agree(till):
    printed(till, 1)
    printed(till, 2, tenders=(tender("CARD", 10),))
    printed(till, 3, is_training=True)
    day_close(
        till=till, receipts=2, total=Decimal(20), tenders={"cash": Decimal(10), "CARD": Decimal(10)}
    )

    day = register_days().get()

    assert (day.found_receipts, day.found_total, day.is_different) == (2, 20, False)
    assert day.found_tenders == {"CASH": "10.0000", "CARD": "10.0000"}


@pytest.mark.parametrize(
    "stated",
    [
        {"receipts": 2},
        {"total": Decimal("10.01")},
        {"tenders": {"CARD": Decimal(10)}},
        {"tenders": {}},
    ],
)
def test_day_that_does_not_add_up_is_different(till, stated):
    printed(till, 1)
    right = {"receipts": 1, "total": Decimal(10), "tenders": {"CASH": Decimal(10)}}
    day_close(till=till, **(right | stated))

    assert register_days().get().is_different


def test_day_without_receipts_comes_to_nothing(till):
    day_close(till=till)

    day = register_days().get()
    assert (day.found_receipts, day.found_total, day.found_tenders) == (0, 0, {})
    assert not day.is_different


def test_same_day_close_again_changes_nothing_and_a_corrected_one_replaces_it(till):
    first = day_close(till=till, receipts=1, total=Decimal(10))
    again = day_close(till=till, receipts=1, total=Decimal("10.00"))
    corrected = day_close(till=till, receipts=2, total=Decimal(20))

    assert first == again == corrected
    assert RegisterDay.objects.values_list("stated_receipts", "stated_total").get() == (2, 20)


def test_accepted_day_is_not_stated_otherwise(till):
    person, day = UserFactory(), day_close(till=till, receipts=1)
    accept_register_day(day_id=day.pk, note=" Lost in the fire. ", at=NOON, by=person)

    with pytest.raises(DayAccepted):
        day_close(till=till, receipts=2)
    accept_register_day(day_id=day.pk, note="Another reason.", at=NOON, by=UserFactory())

    day_close(till=till, receipts=1)
    day.refresh_from_db()
    assert (day.stated_receipts, day.accept_note, day.accepted_by) == (
        1,
        "Lost in the fire.",
        person,
    )


def test_acceptance_says_why(till):
    day = day_close(till=till)

    with pytest.raises(AcceptanceUnexplained):
        accept_register_day(day_id=day.pk, note="  ", at=NOON, by=None)
    with pytest.raises(UnknownRegisterDay):
        accept_register_day(day_id=day.pk + 1, note="Why not.", at=NOON, by=None)

    day.refresh_from_db()
    assert day.accepted_at is None


@pytest.mark.parametrize(
    "stated", [{"register": " "}, {"total": Decimal("NaN")}, {"receipts": -1},
               {"tenders": {"CASH": Decimal("NaN")}}],
)  # fmt: skip
def test_figures_that_are_none_are_refused(till, stated):
    with pytest.raises(InvalidDayClose):
        day_close(till=till, **stated)

    assert not RegisterDay.objects.exists()


def test_web_shop_has_no_day_close():
    with pytest.raises(NotATill):
        day_close(till=ChannelFactory())

    assert not StockLevel.objects.exists()


def test_days_that_no_till_has_closed_are_named(till):
    printed(till, 1, day=YESTERDAY)
    printed(till, 2)
    day_close(till=till)

    days = unclosed_days(channel_ids=[till.pk], first=YESTERDAY, last=DAY)

    assert days == [(till.pk, "T1", YESTERDAY)]
