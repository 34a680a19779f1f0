"""What a buyer and a manager do to an order's page: discounts, approvals, amendments, lines."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group

from purchasing import operations
from purchasing.models import PurchaseOrder, PurchaseOrderVersion
from purchasing.operations import NewCharge
from retail.common.admin.acts import seal
from tests.factories.catalog import ExchangeRateFactory, VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierPriceFactory,
    draft_order,
    sent_order,
)
from tests.factories.purchasing_approvals import PurchaseApprovalRuleFactory
from tests.people import browser_of, person_who_may, superuser
from tests.purchasing.amendments import amend, receive, units

pytestmark = pytest.mark.django_db

LIST = "/purchasing/purchaseorder/"
SEES = (
    "purchasing.view_purchaseorder",
    "purchasing.view_purchaseorderline",
    "purchasing.view_purchaseordercharge",
    "purchasing.view_purchaseapproval",
    "purchasing.view_purchaseorderversion",
)
WRITES = (
    *SEES,
    "purchasing.add_purchaseorder",
    "purchasing.change_purchaseorder",
    *(
        f"purchasing.{act}_{model}"
        for act in ("add", "change", "delete")
        for model in ("purchaseorderline", "purchaseordercharge")
    ),
)


@pytest.fixture
def buyer():
    return person_who_may(*WRITES)


@pytest.fixture
def manager():
    return person_who_may(*SEES, "purchasing.approve_purchaseorder")


def change_url(order):
    return f"{LIST}{order.pk}/change/"


def act_url(order, name):
    return f"{LIST}{order.pk}/act/{name}/"


def page_of(person, order):
    return browser_of(person).get(change_url(order)).content.decode()


def amended(order, **typed):
    """Return what the browser sends of the form to amend, changed only where it is told."""
    sent = {
        "key": "form-1",
        "reason": "They rang",
        "expected_on": order.expected_on or "",
        "discount_percent": order.discount_percent,
        "note": order.note,
        "new_charge_kind": "FREIGHT",
    }
    for line in order.lines.all():
        sent |= {
            f"units_{line.pk}": line.ordered - line.cancelled,
            f"cost_{line.pk}": line.unit_cost if line.list_cost is None else line.list_cost,
            f"discount_{line.pk}": line.discount_percent,
            f"day_{line.pk}": line.expected_on or "",
        }
    sent |= {f"charge_{charge.pk}": charge.amount for charge in order.charges.all()}
    return sent | typed


def confirm(browser, order, sent, plan):
    return browser.post(
        act_url(order, "amend"), sent | {"confirmed": seal(plan)}, follow=True
    ).content.decode()


def test_draft_is_written_with_discounts_days_and_charges(buyer):
    price = SupplierPriceFactory(
        unit_cost="10.00", supplier_product__supplier__minimum_order_amount=Decimal(100)
    )
    product = price.supplier_product

    page = (
        browser_of(buyer)
        .post(
            f"{LIST}add/",
            {
                "supplier": product.supplier_id,
                "location": LocationFactory().pk,
                "expected_on": "",
                "discount_percent": "5",
                "note": "",
                "reference": "form-1",
                "lines-TOTAL_FORMS": 1,
                "lines-INITIAL_FORMS": 0,
                "lines-0-variant": product.variant_id,
                "lines-0-ordered": 3,
                "lines-0-list_cost": "",
                "lines-0-discount_percent": "10",
                "lines-0-expected_on": "2026-12-24",
                "charges-TOTAL_FORMS": 1,
                "charges-INITIAL_FORMS": 0,
                "charges-0-kind": "PACKING",
                "charges-0-description": "",
                "charges-0-amount": "7.50",
            },
            follow=True,
        )
        .content.decode()
    )

    order = PurchaseOrder.objects.get()
    line, charge = order.lines.get(), order.charges.get()
    assert (order.discount_percent, charge.kind, charge.amount) == (5, "PACKING", Decimal("7.5"))
    assert (line.list_cost, line.unit_cost) == (10, Decimal("8.55"))
    assert line.expected_on.isoformat() == "2026-12-24"
    assert "delivers from 100.00 GBP on: 74.35 GBP are missing." in page


def test_net_cost_that_nobody_touches_stays_net(buyer):
    order = draft_order(discount_percent=Decimal(5))
    line = order.lines.get()
    sent = {
        "location": order.location_id,
        "expected_on": "",
        "discount_percent": "5",
        "note": "",
        "lines-TOTAL_FORMS": 1,
        "lines-INITIAL_FORMS": 1,
        "lines-0-id": line.pk,
        "lines-0-variant": line.variant_id,
        "lines-0-ordered": 7,
        "lines-0-list_cost": "2.5",
        "lines-0-discount_percent": "0",
        "charges-TOTAL_FORMS": 0,
        "charges-INITIAL_FORMS": 0,
    }

    browser_of(buyer).post(change_url(order), sent)
    untouched = order.lines.get()
    browser_of(buyer).post(change_url(order), sent | {"lines-0-list_cost": "3"})
    typed = order.lines.get()

    assert (untouched.pk, untouched.ordered) == (line.pk, 7)
    assert (untouched.list_cost, untouched.unit_cost) == (None, Decimal("2.5"))
    assert (typed.list_cost, typed.unit_cost) == (3, Decimal("2.85"))


def test_page_shows_the_total_in_both_currencies(buyer):
    ExchangeRateFactory(currency="EUR", rate="0.80", valid_on=NOON.date())
    order = sent_order(supplier=SupplierFactory(currency="EUR"), charges=[NewCharge(Decimal(5))])

    page = page_of(buyer, order)

    assert "30.00 EUR" in page
    assert "24.00 GBP" in page


def test_page_says_when_no_rate_is_known(buyer):
    order = draft_order(supplier=SupplierFactory(currency="EUR"))

    assert "No exchange rate from EUR to GBP is known" in page_of(buyer, order)


def test_list_and_page_show_how_much_is_done(buyer):
    order = sent_order(units=(10, 5))
    receive(order, 4, 0)

    assert "Partly, 26 %" in page_of(buyer, order)
    assert "Partly, 26 %" in browser_of(buyer).get(LIST).content.decode()


def test_approvals_are_given_by_those_who_are_asked(buyer):
    PurchaseApprovalRuleFactory(
        name="Large", from_amount=10, group=Group.objects.get_or_create(name="Owner")[0]
    )
    order = operations.submit(order_id=draft_order().pk, at=NOON)
    manager, owner = (
        person_who_may(*SEES, "purchasing.approve_purchaseorder") for _ in ("manager", "owner")
    )
    owner.groups.add(Group.objects.get(name="Owner"))

    refused = browser_of(manager).post(act_url(order, "approve"), {"key": "1"}).content.decode()
    asked = browser_of(owner).get(act_url(order, "approve")).content.decode()
    browser_of(owner).post(act_url(order, "approve"), {"key": "2"})

    order.refresh_from_db()
    assert "waits to be approved by: Owner" in refused
    assert "Large: 25.00 GBP without tax, asked from 10.00 GBP on." in asked
    assert (order.status, order.approved_by) == ("APPROVED", owner)
    assert "Large: 25.00 GBP without tax" in page_of(buyer, order)


def test_order_that_no_rule_catches_says_so_at_once(buyer):
    PurchaseApprovalRuleFactory(from_amount=1000)
    order = draft_order(by=buyer)

    answer = browser_of(buyer).post(act_url(order, "submit"), {"key": "1"}, follow=True)

    assert "is approved: no rule asks anybody." in answer.content.decode()
    assert "No rule asks anybody." in page_of(buyer, order)


def test_order_is_amended_after_the_plan_was_seen(buyer, manager):
    order = sent_order(charges=[NewCharge(Decimal(5))])
    line, added = order.lines.get(), VariantFactory(sku="VASE-1")
    browser = browser_of(buyer)
    typed = {
        f"units_{line.pk}": 12,
        "sku_1": "VASE-1",
        "new_units_1": 2,
        "new_cost_1": "4.00",
        "new_charge": "3",
        "new_charge_kind": "PACKING",
        "note": "Ring first",
    }
    sent = amended(order, **typed)
    plan = [
        f"Line 1, SKU {line.variant.sku}: 10 -> 12 units.",
        "Line 2, SKU VASE-1: new, 2 units at 4.00.",
        "Note: Ring first.",
        "Packing: none -> 3.00.",
        "To be approved: Every order is approved by somebody.",
    ]

    shown = browser.post(act_url(order, "amend"), sent).content.decode()
    before = PurchaseOrderVersion.objects.count()
    told = confirm(browser, order, sent, plan)
    approved = browser_of(manager).post(act_url(order, "approve-change"), {"key": "2"}, follow=True)

    assert "10 -&gt; 12 units." in shown
    assert before == 1
    assert f"Version 2 of {order} waits for approval." in told
    assert f"Version 2 of {order} is in force." in approved.content.decode()
    assert list(order.lines.order_by("position").values_list("variant", "ordered")) == [
        (line.variant_id, 12),
        (added.pk, 2),
    ]
    assert list(order.charges.order_by("pk").values_list("kind", "amount")) == [
        ("FREIGHT", 5),
        ("PACKING", 3),
    ]
    assert "10 -&gt; 12 units." in page_of(buyer, order)


def test_form_to_amend_starts_from_the_order_as_it_is(buyer):
    order = sent_order(expected_on=NOON.date(), charges=[NewCharge(Decimal(5))])

    page = browser_of(buyer).get(act_url(order, "amend")).content.decode()

    assert f'name="units_{order.lines.get().pk}" value="10"' in page
    assert f'name="charge_{order.charges.get().pk}" value="5.0000"' in page
    assert 'value="2026-11-22"' in page


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ({}, "is like this already."),
        ({"sku_1": "NOBODY"}, "No article has this code."),
        ({"sku_1": "VASE-1"}, "How many?"),
        ({"reason": "", "note": "x"}, "This field is required."),
    ],
)
def test_change_that_cannot_be_is_told_on_the_form(buyer, typed, complaint):
    VariantFactory(sku="VASE-1")
    order = sent_order()

    answer = browser_of(buyer).post(act_url(order, "amend"), amended(order, **typed))

    assert complaint in answer.content.decode()
    assert PurchaseOrderVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("act", "who"), [("decline-change", "manager"), ("withdraw-change", "buyer")]
)
def test_proposed_change_is_taken_off(act, who, request):
    order = sent_order()
    amend(order, lines=units(order, l1=12))
    person = request.getfixturevalue(who)

    browser_of(person).post(act_url(order, act), {"key": "1", "reason": "Too much"})

    version = order.versions.get(version=2)
    assert (version.status, version.decided_by) == ("DECLINED", person)
    assert "They rang - declined: Too much" in page_of(person, order)


def test_line_is_closed_and_reopened(buyer):
    order = sent_order(units=(10, 5))
    line = order.lines.order_by("position").first()
    browser = browser_of(buyer)

    browser.post(act_url(order, "close-line"), {"key": "1", "line": line.pk, "reason": "Sold out"})
    line.refresh_from_db()
    closed = (line.cancelled, line.closed_by, line.close_reason)
    answer = browser.post(act_url(order, "reopen-line"), {"key": "2", "line": line.pk}, follow=True)

    line.refresh_from_db()
    assert closed == (10, buyer, "Sold out")
    assert (line.cancelled, line.closed_at) == (0, None)
    assert "10 units are expected again on line 1" in answer.content.decode()


@pytest.mark.parametrize(
    "act",
    ["amend", "approve-change", "decline-change", "withdraw-change", "close-line", "reopen-line"],
)
def test_act_is_closed_to_those_who_may_only_look(act):
    order = sent_order()

    reader = browser_of(person_who_may(*SEES))

    assert reader.post(act_url(order, act), {"key": "1", "reason": "x"}).status_code == 403


def test_rules_are_plain_forms():
    supplier = SupplierFactory()

    browser_of(superuser()).post(
        "/purchasing/purchaseapprovalrule/add/",
        {
            "name": "Potters",
            "is_active": "on",
            "supplier": supplier.pk,
            "from_amount": "100",
            "from_price_change_percent": "",
            "group": "",
        },
    )

    order = draft_order(units=[100], supplier=supplier, by=UserFactory())
    assert operations.submit(order_id=order.pk, at=NOON).approvals.get().rule.name == "Potters"


def test_home_page_leads_to_changes_that_wait(manager):
    waiting, other = sent_order(), sent_order()
    amend(waiting, lines=units(waiting, l1=12))
    browser = browser_of(manager)

    home = browser.get("/").content.decode()
    listed = browser.get(LIST, {"versions__status__exact": "PROPOSED"}).content.decode()

    assert "versions__status__exact=PROPOSED" in home
    assert waiting.number in listed
    assert other.number not in listed
