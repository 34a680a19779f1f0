"""Of whom an article is bought, and what nobody sells."""

from datetime import date
from decimal import Decimal

import pytest

from purchasing.models import ReplenishmentProposal
from tests.factories.catalog import ExchangeRateFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.purchasing import SupplierFactory
from tests.factories.purchasing_replenishment import (
    ReplenishmentRuleFactory,
    by_demand,
    on_offer,
    replenish,
    sell,
    wanted_article,
)

pytestmark = pytest.mark.django_db

Status = ReplenishmentProposal.Status


def faults(run):
    return list(run.faults.order_by("pk").values_list("code", "text"))


def test_rule_names_the_supplier():
    rule = wanted_article(unit_cost="1.00")
    dear = on_offer(rule.variant, unit_cost="9.00", rank=5)
    rule.supplier = dear.supplier
    rule.save()

    replenish()

    proposed = ReplenishmentProposal.objects.get()
    assert (proposed.supplier_product, proposed.unit_cost) == (dear, 9)
    assert proposed.steps[-1] == (
        f"Bought of {dear.supplier}, whom the rule names, as {dear.supplier_sku}."
    )


def test_lowest_rank_is_asked_before_the_lowest_price():
    rule = wanted_article(unit_cost="1.00", rank=1)
    first = on_offer(rule.variant, unit_cost="9.00", rank=0)

    replenish()

    assert ReplenishmentProposal.objects.get().supplier_product == first


def test_of_one_rank_the_lowest_price_for_the_quantity_wins_in_book_currency():
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.85"))
    rule = wanted_article(unit_cost="2.50", tiers=[(100, "0.10")])
    in_euro = on_offer(rule.variant, unit_cost="2.80", supplier=SupplierFactory(currency="EUR"))
    on_offer(rule.variant, unit_cost="0.01", supplier=SupplierFactory(currency="CHF"))

    replenish()

    proposed = ReplenishmentProposal.objects.get()
    assert (proposed.supplier_product, proposed.unit_cost, proposed.currency) == (
        in_euro,
        Decimal("2.80"),
        "EUR",
    )


def test_price_of_the_quantity_counts():
    wanted_article(minimum=0, maximum=60, tiers=[(50, "2.00"), (100, "1.00")])

    replenish()

    proposed = ReplenishmentProposal.objects.get()
    assert (proposed.units, proposed.unit_cost) == (60, 2)
    assert proposed.inputs["hint"] in proposed.steps


@pytest.mark.parametrize(
    "gone",
    [
        {"is_active": False},
        {"available_units": 0, "available_said_at": NOON},
    ],
)
def test_who_has_none_is_not_asked(gone):
    rule = wanted_article(unit_cost="1.00", **gone)
    other = on_offer(rule.variant, unit_cost="9.00", rank=7)

    replenish()

    assert ReplenishmentProposal.objects.get().supplier_product == other


def test_supplier_who_has_it_again_on_a_day_takes_longer():
    rule = by_demand()
    on_offer(
        rule.variant, available_units=0, available_said_at=NOON, back_in_stock_on=date(2026, 12, 2)
    )
    level = stock(units=50, variant=rule.variant, location=rule.location)
    sell(level, 50, at=NOON)

    replenish()

    lead_time = ReplenishmentProposal.objects.get().inputs["lead_time"]
    assert lead_time["days"] == "17"
    assert lead_time["source"] == "as stated by the supplier, and 10 days in which they have none"


def test_article_nobody_sells_is_a_fault_and_stops_no_other():
    wanted_article()
    ReplenishmentRuleFactory()

    run = replenish()

    assert (run.considered, run.proposed) == (2, 1)
    assert faults(run) == [
        ("no_supplier", "20 are needed. No active supplier's article is linked to it.")
    ]


def test_article_that_is_not_needed_is_no_fault():
    rule = ReplenishmentRuleFactory()
    stock(units=6, variant=rule.variant, location=rule.location)

    assert faults(replenish()) == []


@pytest.mark.parametrize(
    ("values", "code", "text"),
    [
        ({"is_active": False}, "no_supplier", "No active supplier's article is linked to it."),
        (
            {"available_units": 0, "available_said_at": NOON},
            "not_sold",
            "{} has none and names no day from which it does.",
        ),
    ],
)
def test_faults_say_why_nothing_can_be_ordered(values, code, text):
    rule = wanted_article(**values)
    supplier = rule.variant.supplier_products.get().supplier

    assert faults(replenish()) == [(code, f"20 are needed. {text.format(supplier)}")]


def test_article_without_a_price_is_a_fault_and_its_proposal_withdrawn():
    rule = wanted_article()
    replenish()
    rule.variant.supplier_products.get().prices.all().delete()

    run = replenish()

    proposed = ReplenishmentProposal.objects.get()
    [(code, text)] = faults(run)
    assert (code, proposed.status, proposed.reason) == ("not_sold", Status.WITHDRAWN, text)
    assert text == f"20 are needed. {proposed.supplier} has no price for it today."


def test_price_from_more_units_on_only_is_a_fault():
    rule = wanted_article()
    rule.variant.supplier_products.get().prices.update(min_quantity=500)

    [(code, text)] = faults(replenish())

    assert code == "no_price"
    assert "has prices from 500 only." in text
