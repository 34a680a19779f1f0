from datetime import timedelta
from decimal import Decimal

import pytest

from catalog.models import Price
from catalog.operations import NewPrice, PriceOutOfRange, set_price, set_prices
from catalog.queries import price_for
from tests.factories.catalog import PriceFactory, PriceListFactory, VariantFactory
from tests.factories.common import NOON

pytestmark = pytest.mark.django_db

YESTERDAY, TOMORROW = NOON - timedelta(days=1), NOON + timedelta(days=1)


def prices_of(variant):
    return list(
        variant.prices.order_by("valid_from").values_list("unit_price", "valid_from", "valid_to")
    )


def price(variant, price_lists, *, quantity=1, at=NOON):
    return price_for(
        variant_id=variant.pk,
        price_list_ids=[price_list.pk for price_list in price_lists],
        quantity=quantity,
        at=at,
    )


def test_set_price_ends_what_held_before():
    before = PriceFactory(unit_price=10)

    now = set_price(
        variant=before.variant, price_list=before.price_list, unit_price=Decimal(8), at=NOON
    )

    assert now.unit_price == 8
    assert prices_of(before.variant) == [(8, NOON, None), (10, None, NOON)]


def test_set_price_again_changes_nothing():
    before = PriceFactory(unit_price=10)
    change = {"variant": before.variant, "price_list": before.price_list, "unit_price": Decimal(8)}
    first = set_price(**change, at=NOON)

    second = set_price(**change, at=TOMORROW)

    assert second == first
    assert prices_of(before.variant) == [(8, NOON, None), (10, None, NOON)]


def test_set_price_of_the_same_moment_takes_the_place_of_the_first():
    variant, price_list = VariantFactory(), PriceListFactory()
    set_price(variant=variant, price_list=price_list, unit_price=Decimal(8), at=NOON)

    set_price(variant=variant, price_list=price_list, unit_price=Decimal(7), at=NOON)

    assert prices_of(variant) == [(7, NOON, None)]


def test_set_price_holds_until_the_one_planned_for_later():
    planned = PriceFactory(unit_price=5, valid_from=TOMORROW)

    set_price(
        variant=planned.variant, price_list=planned.price_list, unit_price=Decimal(8), at=NOON
    )

    assert prices_of(planned.variant) == [(8, NOON, TOMORROW), (5, TOMORROW, None)]


def test_set_price_rounds_to_four_decimals():
    variant, price_list = VariantFactory(), PriceListFactory()

    row = set_price(variant=variant, price_list=price_list, unit_price=Decimal("0.00005"), at=NOON)

    assert row.unit_price == Decimal("0.0001")


@pytest.mark.parametrize("amount", ["-0.01", "NaN", "Infinity", "1000000000000"])
def test_set_prices_refuses_what_is_no_price(amount):
    before = PriceFactory(unit_price=10)
    good = VariantFactory()

    with pytest.raises(PriceOutOfRange):
        set_prices(
            prices=[
                NewPrice(
                    variant_id=good.pk, price_list_id=before.price_list_id, unit_price=Decimal(1)
                ),
                NewPrice(
                    variant_id=before.variant_id,
                    price_list_id=before.price_list_id,
                    unit_price=Decimal(amount),
                ),
            ],
            at=NOON,
        )

    assert prices_of(before.variant) == [(10, None, None)]
    assert prices_of(good) == []


@pytest.mark.parametrize("count", [1, 50])
def test_set_prices_asks_as_often_for_many_as_for_one(count, django_assert_num_queries):
    price_list = PriceListFactory()
    prices = [
        NewPrice(
            variant_id=PriceFactory(price_list=price_list).variant_id,
            price_list_id=price_list.pk,
            unit_price=Decimal(1),
        )
        for _ in range(count)
    ]

    with django_assert_num_queries(6):
        rows = set_prices(prices=prices, at=NOON)

    assert [row.variant_id for row in rows] == [price.variant_id for price in prices]
    assert Price.objects.valid_at(NOON).filter(unit_price=1).count() == count


def test_price_for_takes_the_list_of_highest_priority():
    regular = PriceListFactory(name="Regular", priority=0)
    sale = PriceListFactory(name="Sale", priority=10)
    variant = PriceFactory(price_list=regular, unit_price=10).variant
    PriceFactory(variant=variant, price_list=sale, unit_price=8)

    decision = price(variant, [regular, sale])

    assert (decision.unit_price, decision.price_list) == (8, sale)
    assert decision.why == (
        "8.00 GBP from Sale (priority 10), for 1 or more. Regular has the lower priority 0."
    )


def test_price_for_takes_the_older_list_of_equal_priority():
    older, newer = PriceListFactory.create_batch(2)
    variant = PriceFactory(price_list=newer, unit_price=1).variant
    PriceFactory(variant=variant, price_list=older, unit_price=2)

    assert price(variant, [newer, older]).price_list == older


def test_price_for_looks_at_the_lists_that_are_asked_for_only():
    regular = PriceListFactory(priority=0)
    staff = PriceListFactory(priority=99)
    variant = PriceFactory(price_list=regular, unit_price=10).variant
    PriceFactory(variant=variant, price_list=staff, unit_price=1)

    assert price(variant, [regular]).unit_price == 10


@pytest.mark.parametrize(("quantity", "amount"), [(1, 10), (9, 10), (10, 9), (99, 9), (100, 8)])
def test_price_for_takes_the_largest_quantity_reached(quantity, amount):
    price_list, variant = PriceListFactory(), VariantFactory()
    for min_quantity, unit_price in ((1, 10), (10, 9), (100, 8)):
        PriceFactory(
            variant=variant,
            price_list=price_list,
            min_quantity=min_quantity,
            unit_price=unit_price,
        )

    assert price(variant, [price_list], quantity=quantity).unit_price == amount


@pytest.mark.parametrize(
    ("moment", "amount"),
    [(NOON - timedelta(microseconds=1), 10), (NOON, 8), (TOMORROW, 10)],
)
def test_price_for_holds_from_its_first_moment_to_before_its_end(moment, amount):
    regular, sale = PriceListFactory(priority=0), PriceListFactory(priority=1)
    variant = PriceFactory(price_list=regular, unit_price=10).variant
    PriceFactory(variant=variant, price_list=sale, unit_price=8, valid_from=NOON, valid_to=TOMORROW)

    assert price(variant, [regular, sale], at=moment).unit_price == amount


def test_price_for_says_until_when_it_holds():
    ending = PriceFactory(valid_to=TOMORROW)

    decision = price(ending.variant, [ending.price_list])

    assert decision.why.endswith("It ends on 23 November 2026 at 12:00 UTC.")


@pytest.mark.parametrize(
    "period", [{"valid_from": TOMORROW}, {"valid_to": NOON}], ids=["not yet", "over"]
)
def test_price_for_passes_over_a_list_that_is_not_valid(period):
    row = PriceFactory(price_list=PriceListFactory(**period))

    assert price(row.variant, [row.price_list]) is None


def test_price_for_a_variant_without_price_is_none():
    assert price(VariantFactory(), [PriceListFactory()]) is None


def test_price_for_asks_once(django_assert_num_queries):
    row = PriceFactory()

    with django_assert_num_queries(1):
        price(row.variant, [row.price_list])
