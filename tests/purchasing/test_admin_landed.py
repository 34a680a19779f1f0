"""Landing freight at the desk: choosing goods, looking at the shares, posting, taking back."""

from decimal import Decimal

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from inventory.models import CostMovement, CostPool
from inventory.operations import issue_stock
from purchasing import operations
from purchasing.models import FreightClaim, LandedCost, LandedCostShare
from tests.factories.catalog import CategoryFactory
from tests.factories.common import NOON
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import bill
from tests.factories.purchasing_landed import drafted, freight_bill, posted, received
from tests.people import browser_of, confirm, person_who_may, superuser

pytestmark = pytest.mark.django_db
LAND = reverse("admin:purchasing_landedcost_page_act", args=["land"])
LIST = reverse("admin:purchasing_landedcost_changelist")
ACTS = {
    "post": "post_landedcost",
    "type-shares": "change_landedcost",
    "cancel": "cancel_landedcost",
}


def person(*acts):
    """Sign somebody in who sees landed costs and bills and may do these acts."""
    views = (
        *("landedcost", "landedcostline", "landedcostshare", "freightclaim"),
        *("supplierinvoice", "goodsreceipt"),
    )
    return person_who_may(
        *(f"purchasing.view_{model}" for model in views), *(f"purchasing.{act}" for act in acts)
    )


def act_url(landed, name):
    return reverse("admin:purchasing_landedcost_act", args=[landed.pk, name])


def page_url(landed):
    return reverse("admin:purchasing_landedcost_change", args=[landed.pk])


def said(answer):
    return [str(message) for message in get_messages(answer.wsgi_request)]


def form(of, *receipts, **changes):
    """Fill in the form that lays freight of a bill on deliveries."""
    return {
        "key": "k1",
        "invoice": of.pk,
        "amount": "10.00",
        "method": "VALUE",
        "receipts": [receipt.pk for receipt in receipts],
    } | changes


def sold_in_part():
    """Draft 50.00 on 10 pieces at 10.00, of which 2 are sold."""
    receipt = received(units=[10], unit_cost="10.00")
    landed = drafted(receipt, amount="50.00")
    sell(receipt, 2)
    return landed


def sell(receipt, units):
    issue_stock(
        location=receipt.location,
        units={receipt.lines.get().order_line.variant_id: units},
        kind="SALE",
        reference=f"S-{units}",
        at=NOON,
    )


def stock_value():
    return CostPool.objects.get().value


def test_landing_a_cost_makes_a_draft_of_the_chosen_deliveries():
    first, second, other = received(), received(), received()
    accountant = person("add_landedcost")

    answer = browser_of(accountant).post(LAND, form(freight_bill(), first, second))

    landed = LandedCost.objects.get()
    assert answer.url == page_url(landed)
    assert said(answer) == [f"{landed.number} is a draft: look at its shares, then post it."]
    assert (landed.amount, landed.method, landed.drafted_by) == (10, "VALUE", accountant)
    assert set(landed.lines.values_list("receipt_line__receipt", flat=True)) == {
        first.pk,
        second.pk,
    }
    assert not other.lines.filter(landed_cost_lines__isnull=False).exists()


@pytest.mark.parametrize("named", ["variants", "products", "categories"])
def test_landing_a_cost_takes_only_the_goods_that_are_named(named):
    receipt = received(units=[10, 5])
    meant, _ = receipt.lines.order_by("pk")
    product = meant.order_line.variant.product
    product.category = CategoryFactory()
    product.save(update_fields=["category"])
    ids = {
        "variants": meant.order_line.variant_id,
        "products": product.pk,
        "categories": product.category_id,
    }

    browser_of(person("add_landedcost")).post(
        LAND, form(freight_bill(), receipt, **{named: [ids[named]]})
    )

    assert LandedCost.objects.get().lines.get().receipt_line == meant


def test_landing_a_cost_without_an_amount_takes_all_that_is_left():
    receipt, invoice = received(), freight_bill("100.00")
    posted(receipt, invoice=invoice, amount="60.00")

    browser_of(person("add_landedcost")).post(LAND, form(invoice, receipt, amount=""))

    assert LandedCost.objects.latest("pk").amount == 40


def test_landing_a_cost_sent_twice_is_one_draft():
    receipt, invoice = received(), freight_bill()
    browser = browser_of(person("add_landedcost"))

    for _ in range(2):
        browser.post(LAND, form(invoice, receipt))

    assert LandedCost.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"amount": "100.01"}, "only 100.00 GBP is left to land"),
        ({"amount": "0"}, "0 cannot be landed"),
        ({"amount": "-1"}, "greater than or equal to 0"),
        ({"amount": "0.001"}, "no more than 2 decimal places"),
        ({"receipts": []}, "This field is required"),
        ({"receipts": [0]}, "is not one of the available choices"),
        ({"method": "LENGTH"}, "is not one of the available choices"),
        ({"invoice": ""}, "This field is required"),
    ],
)
def test_landing_a_cost_says_what_is_wrong_and_keeps_nothing(changes, complaint):
    receipt, invoice = received(), freight_bill("100.00")

    answer = browser_of(person("add_landedcost")).post(
        LAND, form(invoice, receipt, **changes), follow=True
    )

    assert complaint in answer.text
    assert not LandedCost.objects.exists()


def test_bill_of_goods_alone_cannot_be_landed():
    answer = browser_of(person("add_landedcost")).post(LAND, form(bill(), received()), follow=True)

    assert "charges nothing beside goods" in answer.text
    assert not LandedCost.objects.exists()


def test_bill_leads_to_the_form_with_what_is_left_of_it():
    receipt, invoice = received(), freight_bill("100.00")
    posted(receipt, invoice=invoice, amount="60.00")
    browser = browser_of(person("add_landedcost"))
    bill_page = browser.get(reverse("admin:purchasing_supplierinvoice_change", args=[invoice.pk]))
    link = reverse("admin:purchasing_supplierinvoice_download", args=[invoice.pk, "land"])

    page = browser.get(link, follow=True)

    assert link in bill_page.text
    assert "40.00 GBP" in bill_page.text
    assert page.context["form"]["invoice"].value() == str(invoice.pk)
    assert page.context["form"]["amount"].value() == 40


@pytest.mark.parametrize("query", ["", "?invoice=4711", "?invoice=none", "?invoice=goods"])
def test_form_opens_without_an_amount_where_none_is_known(query):
    foreign = freight_bill(order=sent_order(), currency="CHF")

    page = browser_of(person("add_landedcost")).get(LAND + query.replace("goods", str(foreign.pk)))

    assert page.status_code == 200
    assert page.context["form"]["amount"].value() is None


def test_bill_without_freight_offers_no_landing():
    invoice = bill()

    page = browser_of(person("add_landedcost")).get(
        reverse("admin:purchasing_supplierinvoice_change", args=[invoice.pk])
    )

    assert "Land its freight" not in page.text


def test_page_of_a_draft_shows_the_shares_as_they_would_be_posted():
    landed = sold_in_part()

    page = browser_of(person()).get(page_url(landed)).text

    assert "As it would be posted now" in page
    assert "<td>40.00</td>" in page
    assert "<td>10.00</td>" in page
    assert not LandedCostShare.objects.exists()


def test_page_of_a_draft_says_why_it_cannot_be_shared():
    landed = drafted(method="WEIGHT")

    assert "No weight is known of" in browser_of(person()).get(page_url(landed)).text


def test_posting_shows_the_plan_of_every_line_first():
    landed = sold_in_part()
    line = landed.lines.get().receipt_line

    page = browser_of(person("post_landedcost")).post(act_url(landed, "post"), {"key": "k"})

    assert page.context["plan"] == (
        (
            f"10 of {line.order_line.variant} of {line.receipt}: 40.00 GBP to the value of stock,"
            " 10.00 GBP to cost of sales."
        ),
        "In all 40.00 GBP to the value of stock, booked now.",
        "In all 10.00 GBP to cost of sales, booked now.",
    )
    assert not LandedCostShare.objects.exists()
    assert stock_value() == 80


def test_posting_that_is_confirmed_does_what_was_shown():
    landed, accountant = sold_in_part(), person("post_landedcost")

    answer = confirm(browser_of(accountant), act_url(landed, "post"), {"key": "k"})

    landed.refresh_from_db()
    assert f"{landed.number} is posted." in answer.text
    assert (landed.status, landed.posted_by) == ("POSTED", accountant)
    assert stock_value() == 120
    assert "40.00 GBP" in answer.text


def test_posting_is_shown_anew_when_goods_were_sold_meanwhile():
    landed = sold_in_part()
    browser = browser_of(person("post_landedcost"))
    shown = browser.post(act_url(landed, "post"), {"key": "k"})
    sell(landed.lines.get().receipt_line.receipt, 4)

    page = browser.post(act_url(landed, "post"), {"key": "k", "confirmed": shown.context["seal"]})

    assert "This is no longer what you were shown." in page.text
    assert "20.00 GBP to the value of stock, 30.00 GBP to cost of sales" in page.text
    assert not LandedCostShare.objects.exists()


def test_posting_that_is_refused_says_why():
    receipt, invoice = received(), freight_bill("10.00")
    late = drafted(receipt, invoice=invoice, amount="10.00")
    posted(receipt, invoice=invoice, amount="4.00")
    value = stock_value()

    page = confirm(browser_of(person("post_landedcost")), act_url(late, "post"), {"key": "k"})

    assert "only 6.00 GBP is left to land" in page.text
    assert stock_value() == value


def test_shares_are_typed_line_by_line_and_begin_as_they_would_be():
    landed = drafted(received(units=[30, 10]), amount="10.00")
    more, fewer = landed.lines.order_by("pk")
    browser = browser_of(person("change_landedcost"))
    page = browser.get(act_url(landed, "type-shares"))

    browser.post(
        act_url(landed, "type-shares"),
        {"key": "k", f"share_{more.pk}": "1.00", f"share_{fewer.pk}": "9.00"},
    )

    begun = page.context["form"]
    landed.refresh_from_db()
    assert (begun[f"share_{more.pk}"].value(), begun[f"share_{fewer.pk}"].value()) == (
        Decimal("7.50"),
        Decimal("2.50"),
    )
    assert landed.method == "MANUAL"
    assert list(landed.lines.order_by("pk").values_list("typed_amount", flat=True)) == [1, 9]


@pytest.mark.parametrize(
    ("shares", "complaint"),
    [
        (["1.00", "8.00"], "The typed shares make 9, not 10."),
        (["", "10.00"], "This field is required"),
        (["-1", "11.00"], "greater than or equal to 0"),
    ],
)
def test_shares_that_do_not_add_up_are_not_kept(shares, complaint):
    landed = drafted(received(units=[30, 10]), amount="10.00")
    typed = zip(landed.lines.order_by("pk"), shares, strict=True)

    page = browser_of(person("change_landedcost")).post(
        act_url(landed, "type-shares"),
        {"key": "k"} | {f"share_{line.pk}": share for line, share in typed},
    )

    landed.refresh_from_db()
    assert complaint in page.text
    assert landed.method == "VALUE"
    assert list(landed.lines.values_list("typed_amount", flat=True)) == [None, None]


def test_cancelling_shows_what_is_taken_back_and_does_it_for_a_reason():
    receipt = received(units=[10], unit_cost="10.00")
    landed, accountant = posted(receipt, amount="50.00"), person("cancel_landedcost")
    sell(receipt, 4)
    browser, answer = browser_of(accountant), {"key": "k", "reason": "Wrong delivery"}

    shown = browser.post(act_url(landed, "cancel"), answer)
    assert FreightClaim.objects.get().claimed == 50
    confirm(browser, act_url(landed, "cancel"), answer)

    landed.refresh_from_db()
    back = CostMovement.objects.filter(kind="LANDED").latest("pk")
    assert shown.context["plan"] == (
        "The value of stock changes by -30.00 GBP: what is left of it there.",
        "Cost of sales changes by -20.00 GBP: the rest, booked now.",
        "50.00 GBP of the bill can be landed again.",
    )
    assert (landed.status, landed.cancelled_by) == ("CANCELLED", accountant)
    assert landed.cancel_reason == "Wrong delivery"
    assert (back.value, back.expensed) == (-30, -20)
    assert FreightClaim.objects.get().claimed == 0


def test_cancelling_a_draft_drops_it():
    landed = drafted()
    browser, answer = browser_of(person("cancel_landedcost")), {"key": "k", "reason": "Twice"}

    shown = browser.post(act_url(landed, "cancel"), answer)
    confirm(browser, act_url(landed, "cancel"), answer)

    landed.refresh_from_db()
    assert shown.context["plan"] == ("The draft is dropped; nothing of it was posted.",)
    assert landed.status == "CANCELLED"


def test_cancelling_needs_a_reason():
    landed = posted()

    page = browser_of(person("cancel_landedcost")).post(
        act_url(landed, "cancel"), {"key": "k", "reason": " "}
    )

    landed.refresh_from_db()
    assert "This field is required" in page.text
    assert landed.status == "POSTED"


@pytest.mark.parametrize(
    ("make", "offered"),
    [
        (drafted, {"post", "type-shares", "cancel"}),
        (posted, {"cancel"}),
        (
            lambda: operations.cancel_landed_cost(
                landed_cost_id=drafted().pk, reason="Wrong", at=NOON, by=None
            ),
            set(),
        ),
    ],
)
def test_acts_are_offered_as_the_life_of_a_landed_cost_goes(make, offered):
    landed = make()
    browser = browser_of(person(*ACTS.values()))

    page = browser.get(page_url(landed)).text

    assert {name for name in ACTS if act_url(landed, name) in page} == offered
    for name in set(ACTS) - offered:
        answer = browser.post(act_url(landed, name), {"key": "k", "reason": "x"})
        assert answer.url == page_url(landed)


@pytest.mark.parametrize("name", ACTS)
def test_act_is_for_those_who_may(name):
    landed = drafted()
    others = [permission for act, permission in ACTS.items() if act != name]
    browser = browser_of(person(*others, "add_landedcost"))

    assert act_url(landed, name) not in browser.get(page_url(landed)).text
    assert browser.post(act_url(landed, name), {"key": "k"}).status_code == 403


def test_landing_a_cost_is_for_those_who_may():
    browser = browser_of(person(*ACTS.values()))

    assert LAND not in browser.get(LIST).text
    assert browser.post(LAND, form(freight_bill(), received())).status_code == 403
    assert not LandedCost.objects.exists()


def test_list_shows_where_it_went_and_finds_it_by_number_bill_delivery_and_article():
    landed, other = posted(received(), amount="12.34"), posted(received(), amount="56.78")
    line = landed.shares.get().receipt_line
    browser = browser_of(superuser())

    for words in (
        landed.number,
        landed.invoice.number,
        landed.invoice.supplier_number,
        line.receipt.number,
        line.order_line.variant.sku,
    ):
        page = browser.get(LIST, {"q": words}).text
        assert page_url(landed) in page
        assert page_url(other) not in page
        assert "12.34 GBP" in page


@pytest.mark.parametrize("filters", [{"status__exact": "DRAFT"}, {"method__exact": "EQUAL"}])
def test_list_is_filtered(filters):
    found, other = drafted(method="EQUAL"), posted()

    page = browser_of(superuser()).get(LIST, filters).text

    assert page_url(found) in page
    assert page_url(other) not in page


@pytest.mark.parametrize("rows", [1, 3])
def test_list_costs_the_same_with_one_row_and_with_three(rows, django_assert_num_queries):
    for _ in range(rows):
        posted()
    browser = browser_of(superuser())
    browser.get(LIST)

    with django_assert_num_queries(4):
        browser.get(LIST)


@pytest.mark.parametrize("lines", [1, 3])
@pytest.mark.parametrize("make", [drafted, posted])
def test_page_costs_the_same_with_one_line_and_with_three(lines, make, django_assert_num_queries):
    landed = make(received(units=[10] * lines))
    browser = browser_of(superuser())
    browser.get(page_url(landed))

    with django_assert_num_queries({drafted: 13, posted: 11}[make]):
        browser.get(page_url(landed))


@pytest.mark.parametrize("lines", [1, 3])
def test_confirm_page_costs_the_same_with_one_line_and_with_three(lines, django_assert_num_queries):
    landed = drafted(received(units=[10] * lines))
    browser = browser_of(superuser())
    browser.post(act_url(landed, "post"), {"key": "k"})

    with django_assert_num_queries(10):
        browser.post(act_url(landed, "post"), {"key": "k"})
