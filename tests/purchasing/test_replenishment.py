"""Working out what to buy, of everything at once."""

from datetime import timedelta
from decimal import Decimal
from unittest import mock

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from catalog.models import Product
from inventory.models import Location
from purchasing.models import (
    ReplenishmentFault,
    ReplenishmentProposal,
    ReplenishmentRule,
    ReplenishmentRun,
)
from purchasing.operations import replenishment
from purchasing.tasks import propose_replenishment
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import open_order
from tests.factories.purchasing_replenishment import (
    ReplenishmentRuleFactory,
    by_demand,
    on_offer,
    order_line,
    proposal,
    replenish,
    sell,
    wanted_article,
)

pytestmark = pytest.mark.django_db

Status = ReplenishmentProposal.Status
DAY = timedelta(days=1)


def counts(run):
    return run.considered, run.proposed, run.renewed, run.withdrawn


def test_run_proposes_what_the_rule_asks_for():
    buyer = UserFactory()
    rule = wanted_article(minimum=0, maximum=20, order_multiple=3)
    product = rule.variant.supplier_products.get()

    run = replenish(by=buyer)

    proposed = ReplenishmentProposal.objects.get()
    assert counts(run) == (1, 1, 0, 0)
    assert (run.started_by, run.finished_at) == (buyer, NOON)
    assert (proposed.run, proposed.variant, proposed.location) == (run, rule.variant, rule.location)
    assert (proposed.supplier_product, proposed.supplier) == (product, product.supplier)
    assert (proposed.units, proposed.unit_cost, proposed.currency) == (21, Decimal("2.5"), "GBP")
    assert (proposed.position, proposed.reorder_point, proposed.target) == (0, 0, 20)
    assert proposed.status == Status.OPEN


def test_proposal_keeps_every_input_and_tells_the_steps():
    rule = by_demand(variant=on_offer(supplier_sku="S-77", order_multiple=4).variant)
    level = stock(units=30, variant=rule.variant, location=rule.location, at=NOON - 30 * DAY)
    for day in range(10):
        sell(level, 2, at=NOON - day * DAY)
    open_order(level=level, quantity=8)

    replenish()

    proposed = ReplenishmentProposal.objects.get()
    assert proposed.inputs["rule"] == {"method": "DEMAND", "days": 14, "service_level": "95"}
    assert proposed.inputs["position"] == {
        "on_hand": 10,
        "promised": 8,
        "ordered": 0,
        "approved": 0,
        "drafted": 0,
        "in_transit": 0,
        "waiting": 0,
    }
    assert proposed.inputs["history"] == {"window_days": 90, "days_in_stock": 30}
    assert proposed.inputs["demand"]["per_day"] == "0.6667"
    assert proposed.inputs["lead_time"] == {
        "days": "7",
        "spread": "0",
        "source": "as stated by the supplier",
    }
    assert proposed.inputs["terms"]["order_multiple"] == 4
    assert proposed.inputs["days_of_cover"] == 3
    assert proposed.steps == [
        "Position: 10 on hand - 8 promised = 2.",
        "Demand: 20 units in 10 orders of the last 90 days.",
        "There was stock on 30 of 90 days: 20 / 30 = 0.667 a day, give or take 0.959.",
        "Lead time: 7 days, as stated by the supplier.",
        (
            "Safety stock for 95 % of cycles without a shortage: 1.6449 x the root of"
            " (7 x 0.959² + 0.667² x 0²) = 4.173."
        ),
        "Reorder point: 0.667 x 7 days + 4.173, rounded up: 9.",
        "Target: the same for 14 days longer, rounded up: 19.",
        "The position 2 is not above the reorder point 9: 19 less 2 makes 17.",
        "The supplier sells multiples of 4: 17 is rounded up to 20 (5 x 4).",
        f"Bought of {proposed.supplier}, the only one that sells it, as S-77.",
    ]


def test_same_key_is_the_same_run():
    wanted_article()

    first, second = replenish(key="night"), replenish(key="night", at=NOON + DAY)

    assert first == second == ReplenishmentRun.objects.get()
    assert ReplenishmentProposal.objects.count() == 1


def test_open_proposal_is_brought_up_to_date_and_never_doubled():
    rule = wanted_article()
    first = replenish()
    stock(units=4, variant=rule.variant, location=rule.location)

    second, third = replenish(), replenish()

    proposed = ReplenishmentProposal.objects.get()
    assert [counts(run) for run in (first, second, third)] == [
        (1, 1, 0, 0),
        (1, 0, 1, 0),
        (1, 0, 1, 0),
    ]
    assert (proposed.run, proposed.units, proposed.position) == (third, 16, 4)


def test_proposal_is_withdrawn_when_it_is_no_longer_needed():
    rule = wanted_article()
    replenish()
    stock(units=6, variant=rule.variant, location=rule.location)

    run = replenish(at=NOON + DAY)

    proposed = ReplenishmentProposal.objects.get()
    assert counts(run) == (1, 0, 0, 1)
    assert (proposed.status, proposed.reason, proposed.decided_at, proposed.decided_by) == (
        Status.WITHDRAWN,
        "No longer needed.",
        NOON + DAY,
        None,
    )
    assert counts(replenish()) == (1, 0, 0, 0)


@pytest.mark.parametrize("change", ["rule", "variant", "product"])
def test_proposal_of_what_is_not_bought_any_more_is_withdrawn(change):
    rule = wanted_article()
    replenish()
    if change == "rule":
        ReplenishmentRule.objects.update(is_active=False)
    elif change == "variant":
        rule.variant.is_active = False
        rule.variant.save()
    else:
        Product.objects.update(status=Product.Status.DISCONTINUED)

    assert counts(replenish()) == (0, 0, 0, 1)


def test_draft_orders_count_so_nothing_is_proposed_twice():
    rule = wanted_article()
    order_line("DRAFT", 6, variant=rule.variant, location=rule.location)

    assert counts(replenish()) == (1, 0, 0, 0)


def test_location_is_looked_at_alone():
    here, there = wanted_article(), wanted_article()
    replenish()
    stock(units=9, variant=there.variant, location=there.location)

    run = replenish(location=here.location)

    assert counts(run) == (1, 0, 1, 0)
    assert ReplenishmentProposal.objects.open().count() == 2


def test_general_rule_holds_for_articles_without_their_own():
    place = LocationFactory()
    ReplenishmentRuleFactory(location=place, variant=None, minimum_units=0, maximum_units=3)
    wanted_article(location=place, minimum=0, maximum=7)
    excluded = wanted_article(location=place)
    ReplenishmentRule.objects.filter(pk=excluded.pk).update(is_active=False)
    on_offer()
    on_offer(VariantFactory(is_stocked=False))

    run = replenish()

    assert counts(run) == (2, 2, 0, 0)
    assert sorted(ReplenishmentProposal.objects.values_list("units", flat=True)) == [3, 7]


def test_goods_set_apart_are_not_bought_for():
    wanted_article(location=LocationFactory(kind=Location.Kind.QUARANTINE, is_shipping=False))

    assert counts(replenish()) == (0, 0, 0, 0)


def test_customers_wait_at_one_location_only():
    shop = LocationFactory(kind=Location.Kind.STORE, is_shipping=False, priority=0)
    main, spare = LocationFactory(priority=1), LocationFactory(priority=2)
    level = stock(units=1, location=LocationFactory())
    on_offer(level.variant)
    for place in (shop, spare, main):
        by_demand(variant=level.variant, location=place)
    open_order(level=level, quantity=5)

    replenish()

    proposed = ReplenishmentProposal.objects.get()
    assert (proposed.location, proposed.units) == (main, 4)


def faults(run):
    return list(run.faults.order_by("pk").values_list("code", "text"))


def test_surprise_about_one_article_is_a_fault_too():
    broken, fine = wanted_article(), wanted_article()
    choose = replenishment.choose

    def break_one(need):
        if need.rule == broken:
            raise ArithmeticError("too much")
        return choose(need)

    with mock.patch.object(replenishment, "choose", break_one):
        run = replenish()

    assert faults(run) == [("unexpected", "ArithmeticError: too much")]
    assert ReplenishmentFault.objects.get().variant == broken.variant
    assert ReplenishmentProposal.objects.get().variant == fine.variant


def test_second_open_proposal_of_an_article_is_refused_by_the_database():
    first = proposal()
    first.pk = None

    with transaction.atomic(), pytest.raises(IntegrityError, match="one_open"):
        first.save(force_insert=True)


def test_run_costs_the_same_with_one_and_five_articles():
    def queries():
        with CaptureQueriesContext(connection) as captured:
            replenish()
        return len(captured)

    wanted_article()
    replenish()
    one = queries()
    for _ in range(4):
        wanted_article()
    replenish()

    assert queries() == one


def test_task_works_it_out_once_a_day():
    wanted_article()

    first, second = propose_replenishment(), propose_replenishment()

    assert (
        first
        == second
        == {
            "considered": 1,
            "proposed": 1,
            "renewed": 0,
            "withdrawn": 0,
            "faults": 0,
        }
    )
    assert ReplenishmentRun.objects.get().started_by is None
