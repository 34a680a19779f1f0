"""What to buy, in the admin: looked at, explained, accepted, dismissed."""

import re
from datetime import date
from decimal import Decimal

import pytest

from purchasing.models import (
    PurchaseOrder,
    ReplenishmentProposal,
    ReplenishmentRule,
    ReplenishmentRun,
)
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import SupplierFactory
from tests.factories.purchasing_replenishment import (
    ReplenishmentFaultFactory,
    ReplenishmentRuleFactory,
    proposal,
    wanted_article,
)
from tests.people import browser_of, confirm, person_who_may

pytestmark = pytest.mark.django_db

LIST = "/purchasing/replenishmentproposal/"
SEES = "purchasing.view_replenishmentproposal"
DECIDES = "purchasing.decide_replenishmentproposal"
ORDERS = "purchasing.view_purchaseorder"


@pytest.fixture
def browser():
    return browser_of(person_who_may(SEES, DECIDES, ORDERS))


def chosen(*proposals):
    return ",".join(str(each.pk) for each in proposals)


def form_of(*proposals, reason="", key="form", **units):
    """Return what the browser sends of the page that accepts these."""
    return {
        "key": key,
        "chosen": chosen(*proposals),
        "reason": reason,
        **{f"units_{each.pk}": each.units for each in proposals},
        **units,
    }


def text_of(answer):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.content.decode()))


def test_list_shows_what_is_to_be_decided(browser):
    wanted, decided = proposal(), proposal()
    ReplenishmentProposal.objects.filter(pk=decided.pk).update(
        status="WITHDRAWN", decided_at=decided.run.started_at
    )

    open_ones = text_of(browser.get(LIST))
    everything = text_of(browser.get(LIST, {"status": "all"}))
    withdrawn = text_of(browser.get(LIST, {"status": "WITHDRAWN"}))

    skus = (f" {wanted.variant.sku} ", f" {decided.variant.sku} ")
    assert [[sku in page for sku in skus] for page in (open_ones, everything, withdrawn)] == [
        [True, False],
        [True, True],
        [False, True],
    ]
    assert "50.00 GBP" in open_ones


def test_page_explains_why_that_many(browser):
    wanted = proposal(order_multiple=3, tiers=[(60, "2.00")])

    page = text_of(browser.get(f"{LIST}{wanted.pk}/change/"))

    for step in wanted.steps:
        assert step.replace("'", "&#x27;") in page
    assert "Position On hand 0" in page
    assert "Supplier Sold in multiples of 3" in page
    assert "Supplier Price from 60 2" in page


def test_chosen_are_accepted_on_a_page_that_shows_the_orders(browser):
    supplier = SupplierFactory(minimum_order_amount=Decimal(150))
    place = LocationFactory()
    first = proposal(supplier=supplier, location=place)
    second = proposal(supplier=supplier, location=place)
    other = proposal()
    form = form_of(first, second, other, reason="Fair.", **{f"units_{first.pk}": 24})

    asked = browser.post(
        LIST,
        {
            "action": "accept_chosen",
            "_selected_action": [first.pk, second.pk, other.pk],
        },
    )
    page = browser.get(asked["Location"])
    planned = text_of(browser.post(f"{LIST}act/accept/", form))
    answer = confirm(browser, f"{LIST}act/accept/", form)

    assert asked["Location"].endswith(f"/act/accept/?chosen={chosen(first, second, other)}")
    assert f'name="units_{first.pk}" value="20"' in page.content.decode()
    assert (
        f"A draft for {supplier}, to {place}: 2 articles, 44 units, without tax 110.00 GBP."
        " They deliver for 150.00 GBP at least: 40.00 GBP are missing."
    ) in planned
    assert f"A draft for {other.supplier}, to {other.location}: 1 article, 20 units" in planned
    numbers = ", ".join(PurchaseOrder.objects.order_by("pk").values_list("number", flat=True))
    assert f"Drafted: {numbers}." in text_of(answer)
    first.refresh_from_db()
    assert (first.status, first.reason, first.order_line.ordered) == ("ACCEPTED", "Fair.", 24)


def test_form_sent_twice_orders_once(browser):
    form = form_of(proposal())

    for _ in range(2):
        answer = confirm(browser, f"{LIST}act/accept/", form)

    order = PurchaseOrder.objects.get()
    assert order.raised_by is not None
    assert answer.status_code in {200, 302}


def test_emptied_field_leaves_a_proposal_for_later(browser):
    now, later = proposal(), proposal()
    form = form_of(now, later, **{f"units_{later.pk}": ""})

    confirm(browser, f"{LIST}act/accept/", form)

    later.refresh_from_db()
    assert (later.status, PurchaseOrder.objects.get().supplier) == ("OPEN", now.supplier)


@pytest.mark.parametrize(
    ("units", "complaint"),
    [
        ("25", "Say why other units are ordered than proposed."),
        ("", "Enter units of one at least."),
        ("0", "Ensure this value is greater than or equal to 1."),
    ],
)
def test_form_says_what_is_missing(browser, units, complaint):
    wanted = proposal()

    answer = browser.post(f"{LIST}act/accept/", form_of(wanted, **{f"units_{wanted.pk}": units}))

    assert complaint in text_of(answer)
    assert not PurchaseOrder.objects.exists()


def test_page_without_a_choice_orders_nothing(browser):
    answer = browser.post(f"{LIST}act/accept/", {"key": "form", "chosen": "x,1e3,99"})

    assert "Choose what you mean in the list first." in text_of(answer)
    assert not PurchaseOrder.objects.exists()


def test_chosen_are_dismissed_until_a_day(browser):
    wanted = proposal()
    asked = browser.post(LIST, {"action": "dismiss_chosen", "_selected_action": [wanted.pk]})
    page = browser.get(asked["Location"])

    browser.post(
        f"{LIST}act/dismiss/",
        {
            "key": "form",
            "chosen": chosen(wanted),
            "reason": "End of the season.",
            "until": "2999-01-01",
        },
    )

    assert wanted.variant.sku in text_of(page)
    wanted.refresh_from_db()
    assert (wanted.status, wanted.reason, wanted.dismissed_until) == (
        "DISMISSED",
        "End of the season.",
        date(2999, 1, 1),
    )


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"reason": "", "until": ""}, "This field is required."),
        ({"reason": "Old.", "until": "2020-01-01"}, "A day after today, or none at all."),
    ],
)
def test_dismissal_says_what_is_missing(browser, told, complaint):
    wanted = proposal()

    answer = browser.post(f"{LIST}act/dismiss/", {"key": "form", "chosen": chosen(wanted), **told})

    assert complaint in text_of(answer)
    wanted.refresh_from_db()
    assert wanted.status == "OPEN"


def test_decided_ones_are_not_asked_about(browser):
    wanted = proposal()
    ReplenishmentProposal.objects.update(status="WITHDRAWN", decided_at=wanted.run.started_at)

    answer = browser.post(
        f"{LIST}?status=all",
        {"action": "accept_chosen", "_selected_action": [wanted.pk]},
        follow=True,
    )

    assert "All of these are decided." in text_of(answer)


def test_buttons_of_a_proposal_lead_to_its_decision(browser):
    wanted = proposal()

    page = browser.get(f"{LIST}{wanted.pk}/change/").content.decode()
    answer = browser.get(f"{LIST}{wanted.pk}/download/accept/")

    assert f"{LIST}{wanted.pk}/download/dismiss/" in page
    assert answer["Location"].endswith(f"/act/accept/?chosen={wanted.pk}")


def test_who_may_only_look_decides_nothing():
    wanted = proposal()
    onlooker = browser_of(person_who_may(SEES))

    page = onlooker.get(LIST).content.decode()
    answers = [
        onlooker.post(f"{LIST}act/{act}/", form_of(wanted)).status_code
        for act in ("accept", "dismiss", "work-out")
    ]

    assert answers == [403, 403, 403]
    assert "accept_chosen" not in page
    assert not PurchaseOrder.objects.exists()


def test_buyer_has_it_worked_out_now():
    buyer = person_who_may(SEES, "purchasing.start_replenishmentrun")
    rule = wanted_article()
    browser = browser_of(buyer)
    form = {"key": "form", "location": rule.location_id}

    answers = [browser.post(f"{LIST}act/work-out/", form, follow=True) for _ in range(2)]

    run = ReplenishmentRun.objects.get()
    assert (run.started_by, run.location, run.proposed) == (buyer, rule.location, 1)
    for answer in answers:
        assert "Looked at: 1. New proposals: 1, brought up to date: 0," in text_of(answer)
    assert "Work out what to buy" in browser.get(LIST).content.decode()
    assert "act/accept/" not in browser.get(LIST).content.decode()


def test_run_with_faults_leads_to_them():
    ReplenishmentRuleFactory()
    browser = browser_of(
        person_who_may(
            SEES,
            "purchasing.start_replenishmentrun",
            "purchasing.view_replenishmentrun",
            "purchasing.view_replenishmentfault",
        )
    )

    answer = browser.post(f"{LIST}act/work-out/", {"key": "form", "location": ""}, follow=True)

    page = text_of(answer)
    assert "Not worked out: 1; see below why." in page
    assert "20 are needed. No active supplier&#x27;s article is linked to it." in page


def test_runs_count_their_faults():
    fault = ReplenishmentFaultFactory()
    ReplenishmentFaultFactory(run=fault.run)
    browser = browser_of(person_who_may("purchasing.view_replenishmentrun"))

    page = browser.get("/purchasing/replenishmentrun/").content.decode()

    assert re.search(r"field-faults[^>]*>\s*(<[^>]*>\s*)*2\b", page)


def rule_form(**values):
    return {
        "location": LocationFactory().pk,
        "variant": "",
        "supplier": "",
        "is_active": "on",
        "method": "DEMAND",
        "minimum_units": "",
        "maximum_units": "",
        "demand_days": 90,
        "cover_days": 14,
        "service_level": "95",
        **values,
    }


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, None),
        ({"method": "MIN_MAX", "minimum_units": 3, "maximum_units": 9}, None),
        ({"method": "MIN_MAX"}, "A minimum and a maximum, not below it, belong to"),
        ({"service_level": "100"}, "serve 50 to 99.9"),
    ],
)
def test_rule_is_written_in_the_admin(values, complaint):
    browser = browser_of(
        person_who_may("purchasing.view_replenishmentrule", "purchasing.add_replenishmentrule")
    )

    answer = browser.post("/purchasing/replenishmentrule/add/", rule_form(**values))

    assert ReplenishmentRule.objects.count() == (0 if complaint else 1)
    if complaint:
        assert complaint in text_of(answer)


def test_rule_is_for_a_place_that_sells():
    browser = browser_of(
        person_who_may("purchasing.view_replenishmentrule", "purchasing.add_replenishmentrule")
    )
    apart = LocationFactory(kind="QUARANTINE", is_shipping=False)

    answer = browser.post("/purchasing/replenishmentrule/add/", rule_form(location=apart.pk))

    assert "Goods are bought for a warehouse or a store only." in text_of(answer)
    assert not ReplenishmentRule.objects.exists()
