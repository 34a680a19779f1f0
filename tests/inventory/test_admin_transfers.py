"""Transfers at the desk: drafting, scanning, sending, receiving, giving up."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inventory.models import StockMovement, Transfer
from inventory.operations import cancel_transfer
from tests.factories.catalog import VariantFactory
from tests.factories.inventory import STOCKED_AT, LocationFactory, promise, stock
from tests.factories.inventory_transfers import (
    arrival,
    dispatched_transfer,
    drafted_transfer,
    transit_location,
)
from tests.inventory.shared import figures, pool_of
from tests.inventory.test_transfers import all_rows, lines_of, units_at
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db
VIEW = ("inventory.view_transfer", "inventory.view_stocklevel", "inventory.view_location")
MAY = {
    "new": "inventory.add_transfer",
    "scan": "inventory.change_transfer",
    "paste": "inventory.change_transfer",
    "edit-lines": "inventory.change_transfer",
    "cancel": "inventory.change_transfer",
    "send": "inventory.dispatch_transfer",
    "receive": "inventory.receive_transfer",
    "close-short": "inventory.close_transfer",
}
OF_A_DRAFT = ["scan", "paste", "edit-lines", "cancel", "send"]
ON_THE_WAY = ["receive", "close-short"]


def someone_who_may(*acts):
    return browser_of(person_who_may(*VIEW, *{MAY[act] for act in acts}))


def list_url():
    return reverse("admin:inventory_transfer_changelist")


def page_url(transfer):
    return reverse("admin:inventory_transfer_change", args=[transfer.pk])


def act_url(transfer, name):
    return reverse("admin:inventory_transfer_act", args=[transfer.pk, name])


def new_url():
    return reverse("admin:inventory_transfer_page_act", args=["new"])


def level_url(level):
    return reverse("admin:inventory_stocklevel_act", args=[level.pk, "transfer"])


def hidden(answer, name):
    """Return the value of a hidden field of a page."""
    return re.search(rf'name="{name}" value="([^"]*)"', answer.content.decode())[1]


def said(answer):
    return answer.content.decode()


def confirmed(browser, url, form):
    """Fill in a form, look at the plan that comes back, and confirm it; return both answers."""
    shown = browser.post(url, form)
    return shown, browser.post(url, form | {"confirmed": hidden(shown, "confirmed")}, follow=True)


def new_form(level, goal, **changes):
    return {
        "key": "k1",
        "from_location": level.location_id,
        "to_location": goal.pk,
        "expected_on": "",
        "note": "",
        "units": "",
    } | changes


# Drafting


def test_a_new_transfer_is_drafted_with_what_was_pasted():
    location, goal = LocationFactory(), LocationFactory()
    first, second = (stock(units=5, location=location) for _ in range(2))
    second.variant.barcodes.create(code="5012345678900", pack_size=6)
    pasted = f"{first.variant.sku.lower()};2\n\n5012345678900\n{first.variant.sku}\t3\n"

    answer = someone_who_may("new").post(
        new_url(),
        new_form(first, goal, units=pasted, note="For the fair", expected_on="2026-12-01"),
        follow=True,
    )

    transfer = Transfer.objects.get()
    assert lines_of(transfer) == {first.variant_id: (5, 0, 0), second.variant_id: (6, 0, 0)}
    assert (transfer.from_location, transfer.to_location) == (location, goal)
    assert (transfer.note, transfer.expected_on.isoformat()) == ("For the fair", "2026-12-01")
    assert transfer.created_by is not None
    assert answer.redirect_chain == [(page_url(transfer), 302)]
    assert f"{transfer} is drafted." in said(answer)


def test_a_new_transfer_may_be_filled_later():
    level, goal = stock(), LocationFactory()

    someone_who_may("new").post(new_url(), new_form(level, goal))

    assert lines_of(Transfer.objects.get()) == {}


def test_a_new_transfer_sent_twice_is_drafted_once():
    level, goal, browser = stock(), LocationFactory(), someone_who_may("new")
    form = new_form(level, goal, units=f"{level.variant.sku};2")

    browser.post(new_url(), form)
    browser.post(new_url(), form)

    assert lines_of(Transfer.objects.get()) == {level.variant_id: (2, 0, 0)}


def test_a_new_transfer_is_not_offered_the_location_in_transit():
    transit, goal = transit_location(), LocationFactory()

    page = said(someone_who_may("new").get(new_url()))

    assert goal.name in page
    assert transit.name not in page


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"to_location": "4711"}, "That choice is not one of the available choices."),
        ({"to_location": ""}, "This field is required."),
        ({"expected_on": "soon"}, "Enter a valid date."),
        ({"note": "x" * 201}, "Ensure this value has at most 200 characters"),
    ],
)
def test_a_new_transfer_says_what_is_wrong(changes, expected):
    level, goal = stock(), LocationFactory()
    before = all_rows()

    answer = someone_who_may("new").post(new_url(), new_form(level, goal, **changes))

    assert expected in said(answer)
    assert all_rows() == before


def test_a_new_transfer_goes_to_another_place():
    level = stock()
    before = all_rows()

    answer = someone_who_may("new").post(new_url(), new_form(level, level.location))

    assert "A transfer goes from one location to another" in said(answer)
    assert all_rows() == before


def test_every_line_that_is_wrong_is_named_at_once():
    level, goal = stock(), LocationFactory()
    VariantFactory(sku="OLD", is_active=False)
    VariantFactory(sku="POST", is_stocked=False)
    sku = level.variant.sku
    pasted = [
        f"{sku};2",
        "NOBODY;1",
        f"{sku};0",
        f"{sku};-3",
        f"{sku};1.5",
        f"{sku};",
        f"{sku};1000000000",
        "OLD;1",
        "POST;1",
    ]
    before = all_rows()

    answer = someone_who_may("new").post(new_url(), new_form(level, goal, units="\n".join(pasted)))

    for expected in (
        "Line 2: No article has the code NOBODY.",
        "Line 3: Units are counted from 1; 0 cannot be moved.",
        "Line 4: Units are counted from 1; -3 cannot be moved.",
        "Line 5: 1.5 is not a whole number of units.",
        "Line 6: nothing is not a whole number of units.",
        "Line 7: Fewer than 1,000,000,000 units can be moved at once.",
        "Line 8: OLD is no longer dealt in.",
        "Line 9: POST is not kept in stock.",
    ):
        assert expected in said(answer)
    assert "Line 1:" not in said(answer)
    assert all_rows() == before


def test_more_lines_than_can_be_taken_are_refused():
    level, goal = stock(), LocationFactory()
    before = all_rows()

    answer = someone_who_may("new").post(new_url(), new_form(level, goal, units="X\n" * 1001))

    assert "1,000 lines are taken at once; these are 1,001." in said(answer)
    assert all_rows() == before


def test_a_code_may_hold_a_comma():
    level, goal = stock(variant=VariantFactory(sku="A,B")), LocationFactory()

    someone_who_may("new").post(new_url(), new_form(level, goal, units="A,B\nA,B;2"))

    assert lines_of(Transfer.objects.get()) == {level.variant_id: (3, 0, 0)}


def test_a_scan_adds_and_asks_for_the_next():
    transfer = drafted_transfer(level := stock(), units=3)

    answer = someone_who_may("scan").post(
        act_url(transfer, "scan"),
        {"key": "k1", "article": level.variant.sku, "times": "2"},
        follow=True,
    )

    assert lines_of(transfer) == {level.variant_id: (5, 0, 0)}
    assert answer.redirect_chain == [(act_url(transfer, "scan"), 302)]
    assert f"2 of {level.variant} added." in said(answer)
    assert 'name="article"' in said(answer)


def test_a_scan_of_a_box_adds_what_is_in_it():
    transfer = drafted_transfer(level := stock(), units=1)
    level.variant.barcodes.create(code="5012345678900", pack_size=6)

    someone_who_may("scan").post(
        act_url(transfer, "scan"), {"key": "k1", "article": "5012345678900", "times": "2"}
    )

    assert lines_of(transfer) == {level.variant_id: (13, 0, 0)}


def test_a_scan_sent_twice_is_added_once():
    transfer, browser = drafted_transfer(level := stock(), units=3), someone_who_may("scan")
    form = {"key": "k1", "article": level.variant.sku, "times": "2"}

    browser.post(act_url(transfer, "scan"), form)
    browser.post(act_url(transfer, "scan"), form)

    assert lines_of(transfer) == {level.variant_id: (5, 0, 0)}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"article": "NOBODY"}, "No article has the code NOBODY."),
        ({"article": "OLD"}, "OLD is no longer dealt in."),
        ({"article": "POST"}, "POST is not kept in stock."),
        ({"article": ""}, "This field is required."),
        ({"times": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"times": "-1"}, "Ensure this value is greater than or equal to 1."),
        ({"times": "99999999999"}, "Ensure this value is less than or equal to 999999999."),
    ],
)
def test_a_scan_says_what_is_wrong(changes, expected):
    transfer = drafted_transfer(level := stock())
    VariantFactory(sku="OLD", is_active=False)
    VariantFactory(sku="POST", is_stocked=False)
    before = all_rows()

    answer = someone_who_may("scan").post(
        act_url(transfer, "scan"),
        {"key": "k1", "article": level.variant.sku, "times": "1"} | changes,
    )

    assert expected in said(answer)
    assert all_rows() == before


def test_pasted_articles_are_added():
    transfer = drafted_transfer(level := stock(), units=3)
    form = {"key": "k1", "units": f"{level.variant.sku};4"}
    browser = someone_who_may("paste")

    answer = browser.post(act_url(transfer, "paste"), form, follow=True)
    browser.post(act_url(transfer, "paste"), form)

    assert lines_of(transfer) == {level.variant_id: (7, 0, 0)}
    assert "4 units of 1 articles added." in said(answer)


def edit_form(transfer, seen=None, **units):
    """Return the form of the lines of a transfer, by SKU, filled in as it was shown."""
    form = {"key": "k1"}
    for line in transfer.lines.select_related("variant"):
        name, sku = f"units_{line.pk}", line.variant.sku
        form[f"initial-{name}"] = (seen or {}).get(sku, line.quantity)
        form[name] = units.get(sku, form[f"initial-{name}"])
    return form


def three_lines():
    location = LocationFactory()
    levels = [
        stock(location=location, variant=VariantFactory(sku=sku)) for sku in ("ONE", "TWO", "SIX")
    ]
    return levels, drafted_transfer(*levels, units=3)


def test_lines_are_changed_and_taken_off():
    (one, two, six), transfer = three_lines()

    answer = someone_who_may("edit-lines").post(
        act_url(transfer, "edit-lines"), edit_form(transfer, ONE="8", TWO="", SIX="3"), follow=True
    )

    assert lines_of(transfer) == {one.variant_id: (8, 0, 0), six.variant_id: (3, 0, 0)}
    assert two.variant_id not in lines_of(transfer)
    assert "1 lines changed, 1 taken off." in said(answer)


def test_a_line_that_somebody_else_changed_is_left_alone():
    (one, two, _six), transfer = three_lines()
    form = edit_form(transfer, ONE="8")
    transfer.lines.filter(variant=two.variant).update(quantity=5)

    someone_who_may("edit-lines").post(act_url(transfer, "edit-lines"), form)

    assert lines_of(transfer)[one.variant_id] == (8, 0, 0)
    assert lines_of(transfer)[two.variant_id] == (5, 0, 0)


def test_the_page_of_lines_carries_what_was_seen():
    _levels, transfer = three_lines()
    [first, *_] = transfer.lines.order_by("pk")

    page = said(someone_who_may("edit-lines").get(act_url(transfer, "edit-lines")))

    assert f'name="initial-units_{first.pk}" value="3"' in page


def test_lines_refuse_figures_that_make_no_sense():
    _levels, transfer = three_lines()
    before = all_rows()

    answer = someone_who_may("edit-lines").post(
        act_url(transfer, "edit-lines"), edit_form(transfer, ONE="-1", TWO="many")
    )

    assert "Ensure this value is greater than or equal to 0." in said(answer)
    assert "Enter a whole number." in said(answer)
    assert all_rows() == before


def test_cancel_drops_a_draft():
    transfer = drafted_transfer()

    answer = someone_who_may("cancel").post(act_url(transfer, "cancel"), {"key": "k1"}, follow=True)

    assert Transfer.objects.get().status == "CANCELLED"
    assert f"{transfer} is cancelled." in said(answer)


# Sending


def test_send_shows_what_leaves_and_what_is_free():
    transit_location()
    level = stock(units=10)
    promise(level=level, units=2)
    transfer = drafted_transfer(level, units=3)

    page = said(someone_who_may("send").get(act_url(transfer, "send")))

    cells = re.findall(r"<td>\s*(.*?)\s*</td>", page)
    assert cells == [level.variant.sku, level.variant.product.name, "3", "8"]
    assert f"on the way to {transfer.to_location}." in page


def test_send_sends_what_was_shown():
    transit = transit_location()
    transfer = drafted_transfer(level := stock(units=10), units=3)
    browser = someone_who_may("send")
    page = browser.get(act_url(transfer, "send"))

    answer = browser.post(
        act_url(transfer, "send"), {"key": "k1", "seen": hidden(page, "seen")}, follow=True
    )

    transfer.refresh_from_db()
    assert (transfer.status, transfer.dispatched_by is None) == ("DISPATCHED", False)
    assert (figures(level), units_at(transit, level.variant_id)) == ((7, 0), 3)
    assert f"{transfer} is on the way to {transfer.to_location}." in said(answer)


def test_send_shows_lines_again_that_were_changed_meanwhile():
    transit_location()
    transfer = drafted_transfer(stock(units=10), units=3)
    browser = someone_who_may("send")
    seen = hidden(browser.get(act_url(transfer, "send")), "seen")
    transfer.lines.update(quantity=4)
    before = all_rows()

    answer = browser.post(act_url(transfer, "send"), {"key": "k1", "seen": seen})

    assert "The lines were changed meanwhile: look at them again." in said(answer)
    assert all_rows() == before
    browser.post(act_url(transfer, "send"), {"key": "k1", "seen": hidden(answer, "seen")})
    assert Transfer.objects.get().status == "DISPATCHED"


@pytest.mark.parametrize("wrong", ["short", "no lines", "no transit"])
def test_send_says_why_it_cannot(wrong):
    level = stock(units=10)
    if wrong != "no transit":
        transit_location()
    transfer = drafted_transfer(level, units={"no lines": {}}.get(wrong, {level.variant_id: 11}))
    if wrong == "no transit":
        transfer.lines.update(quantity=1)
    browser = someone_who_may("send")
    seen = hidden(browser.get(act_url(transfer, "send")), "seen")
    before = all_rows()

    answer = browser.post(act_url(transfer, "send"), {"key": "k1", "seen": seen})

    expected = {
        "short": f"Not enough stock, missing 1 of {level.variant.sku}.",
        "no lines": f"{transfer} has no lines: there is nothing to send.",
        "no transit": "Set up a location of the kind In transit first",
    }
    assert expected[wrong] in said(answer)
    assert all_rows() == before


# Receiving


def receive_form(transfer, *units, key="k1"):
    lines = transfer.lines.order_by("pk")
    return {"key": key} | {
        f"units_{line.pk}": count for line, count in zip(lines, units, strict=True)
    }


def two_lines_on_the_way():
    location = LocationFactory()
    levels = [stock(location=location, value="10.00") for _ in range(2)]
    return levels, dispatched_transfer(*levels, units=3)


def test_receive_is_filled_in_with_what_is_on_the_way():
    (_first, _second), transfer = two_lines_on_the_way()
    arrival(transfer, units=1)
    [line, _other] = transfer.lines.order_by("pk")

    page = said(someone_who_may("receive").get(act_url(transfer, "receive")))

    assert f'name="units_{line.pk}" value="2"' in page
    assert "What did not arrive stays on the way." in page


def test_receive_shows_what_will_happen_and_does_it():
    (first, second), transfer = two_lines_on_the_way()
    before = all_rows()

    form = receive_form(transfer, "2", "")
    shown = someone_who_may("receive").post(act_url(transfer, "receive"), form)
    assert f"2 of {first.variant} go on the shelf at {transfer.to_location}." in said(shown)
    assert f"1 of {first.variant} stay on the way." in said(shown)
    assert f"3 of {second.variant} stay on the way." in said(shown)
    assert all_rows() == before

    _shown, answer = confirmed(someone_who_may("receive"), act_url(transfer, "receive"), form)

    receipt = transfer.receipts.get()
    assert lines_of(transfer) == {first.variant_id: (3, 2, 0), second.variant_id: (3, 0, 0)}
    assert receipt.received_by is not None
    assert f"{receipt} is posted; the goods are in stock" in said(answer)


def test_receive_says_when_all_has_arrived():
    _levels, transfer = two_lines_on_the_way()
    browser = someone_who_may("receive")

    shown, _answer = confirmed(
        browser, act_url(transfer, "receive"), receive_form(transfer, "3", "3")
    )

    assert f"Everything has arrived then: {transfer} is finished." in said(shown)
    assert Transfer.objects.get().status == "RECEIVED"


def test_receive_sent_twice_is_posted_once():
    _levels, transfer = two_lines_on_the_way()
    browser, form = someone_who_may("receive"), receive_form(transfer, "1", "1")

    confirmed(browser, act_url(transfer, "receive"), form)
    browser.post(act_url(transfer, "receive"), form)

    assert transfer.receipts.count() == 1
    assert StockMovement.objects.filter(reference__startswith="TI-").count() == 4


@pytest.mark.parametrize("units", [("4", "1"), ("9999", "3")])
def test_receive_refuses_more_than_is_on_the_way(units):
    (first, _second), transfer = two_lines_on_the_way()
    before = all_rows()

    answer = someone_who_may("receive").post(
        act_url(transfer, "receive"), receive_form(transfer, *units)
    )

    page = said(answer)
    assert f"Cannot arrive: {units[0]} of {first.variant} (3 on the way)." in page
    assert all_rows() == before


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (("0", ""), "Say how many units of what arrived."),
        (("-1", "1"), "Ensure this value is greater than or equal to 0."),
        (("1.5", "1"), "Enter a whole number."),
    ],
)
def test_receive_says_what_is_wrong(units, expected):
    _levels, transfer = two_lines_on_the_way()
    before = all_rows()

    answer = someone_who_may("receive").post(
        act_url(transfer, "receive"), receive_form(transfer, *units)
    )

    assert expected in said(answer)
    assert all_rows() == before


# Giving up


def test_close_short_shows_what_is_written_off_and_does_it():
    (first, second), transfer = two_lines_on_the_way()
    arrival(transfer, units=2)
    before = all_rows()
    browser, form = someone_who_may("close-short"), {"key": "k1", "reason": "Stolen"}

    shown = browser.post(act_url(transfer, "close-short"), form)
    assert f"1 of {first.variant} are written off." in said(shown)
    assert f"1 of {second.variant} are written off." in said(shown)
    assert all_rows() == before

    _shown, answer = confirmed(browser, act_url(transfer, "close-short"), form)

    transfer.refresh_from_db()
    assert (transfer.status, transfer.close_reason) == ("CLOSED_SHORT", "Stolen")
    assert transfer.closed_by is not None
    assert pool_of(first) == (9, 9)
    assert "what never came is written off." in said(answer)


def test_close_short_tells_first_how_much_is_missing():
    _levels, transfer = two_lines_on_the_way()

    page = said(someone_who_may("close-short").get(act_url(transfer, "close-short")))

    assert "6 units that never came are written off at today&#x27;s average cost." in page


@pytest.mark.parametrize("reason", ["", "   "])
def test_close_short_asks_for_a_reason(reason):
    _levels, transfer = two_lines_on_the_way()
    before = all_rows()

    answer = someone_who_may("close-short").post(
        act_url(transfer, "close-short"), {"key": "k1", "reason": reason}
    )

    assert "This field is required." in said(answer)
    assert all_rows() == before


# Who may do what, and when


@pytest.mark.parametrize("act", MAY)
def test_acts_are_for_those_who_may(act):
    transfer = dispatched_transfer() if act in ON_THE_WAY else drafted_transfer()
    url = new_url() if act == "new" else act_url(transfer, act)
    others = {other for other, permission in MAY.items() if permission != MAY[act]}
    before = all_rows()

    answer = someone_who_may(*others).post(url, {"key": "k1", "reason": "Stolen"})

    assert answer.status_code == 403
    assert all_rows() == before


@pytest.mark.parametrize("act", OF_A_DRAFT + ON_THE_WAY)
@pytest.mark.parametrize("state", ["draft", "on the way", "received", "cancelled"])
def test_acts_are_offered_when_they_make_sense(act, state):
    transfer = drafted_transfer() if state in {"draft", "cancelled"} else dispatched_transfer()
    if state == "cancelled":
        cancel_transfer(transfer_id=transfer.pk, at=STOCKED_AT)
    if state == "received":
        arrival(transfer, units=3)
    fits = {"draft": OF_A_DRAFT, "on the way": ON_THE_WAY}.get(state, [])

    browser = browser_of(superuser())
    page, answer = browser.get(page_url(transfer)), browser.get(act_url(transfer, act), follow=True)

    assert (act_url(transfer, act) in said(page)) == (act in fits)
    assert (f"is not possible for {transfer} as it is now." in said(answer)) == (act not in fits)


@pytest.mark.parametrize("action", ["add", "change", "delete"])
def test_transfers_are_not_typed_over(action):
    transfer = drafted_transfer()
    before = all_rows()

    answer = browser_of(superuser()).post(
        reverse(
            f"admin:inventory_transfer_{action}", args=[] if action == "add" else [transfer.pk]
        ),
        {"note": "x", "post": "yes"},
    )

    assert answer.status_code == 403
    assert all_rows() == before


# Lists and pages


def test_the_list_tells_how_much_is_where():
    transfer = dispatched_transfer(stock(units=10), units=5)
    arrival(transfer, units=2)

    [row] = browser_of(superuser()).get(list_url()).context["cl"].result_list

    admin = browser_of(superuser()).get(list_url()).context["cl"].model_admin
    assert (admin.units(row), admin.received(row), admin.in_transit(row)) == (5, 2, 3)


def test_a_draft_has_nothing_on_the_way():
    drafted_transfer(units=5)

    change_list = browser_of(superuser()).get(list_url()).context["cl"]

    [row] = change_list.result_list
    assert (change_list.model_admin.units(row), change_list.model_admin.in_transit(row)) == (5, 0)


@pytest.mark.parametrize("term", ["number", "sku", "gtin", "barcode"])
def test_transfers_are_found_by_what_is_on_them(term):
    level = stock(variant=VariantFactory(gtin="4006381333931"))
    level.variant.barcodes.create(code="5012345678900")
    found, _other = drafted_transfer(level), drafted_transfer()
    terms = {
        "number": found.number,
        "sku": level.variant.sku,
        "gtin": "4006381333931",
        "barcode": "5012345678900",
    }

    page = browser_of(superuser()).get(list_url(), {"q": terms[term]})

    assert list(page.context["cl"].result_list) == [found]


def test_a_transfer_that_a_search_finds_twice_is_listed_once():
    location = LocationFactory()
    levels = [stock(location=location, variant=VariantFactory(sku=f"RED-{n}")) for n in range(2)]
    found = drafted_transfer(*levels)

    page = browser_of(superuser()).get(list_url(), {"q": "RED"})

    assert list(page.context["cl"].result_list) == [found]


@pytest.mark.parametrize("by", ["status", "from", "to", "date"])
def test_transfers_are_filtered(by):
    sent, draft = dispatched_transfer(), drafted_transfer()
    asked, expected = {
        "status": ({"status__exact": "DRAFT"}, draft),
        "from": ({"from_location__id__exact": sent.from_location_id}, sent),
        "to": ({"to_location__id__exact": draft.to_location_id}, draft),
        "date": ({"dispatched_at_from": "2026-11-01", "dispatched_at_to": "2026-11-01"}, sent),
    }[by]

    page = browser_of(superuser()).get(list_url(), asked)

    assert list(page.context["cl"].result_list) == [expected]


def test_a_transfer_shows_its_lines_and_what_came_when():
    transfer = dispatched_transfer(level := stock(), units=3)
    receipt = arrival(transfer, units=2)

    page = said(browser_of(superuser()).get(page_url(transfer)))

    assert receipt.number in page
    assert f"2 of {level.variant.sku}" in page
    assert f"source_kind__exact=TRANSFER&amp;source_id__exact={transfer.pk}" in page


def test_a_transfer_leads_to_its_movements():
    transfer = dispatched_transfer(stock(), units=3)
    dispatched_transfer()

    page = browser_of(superuser()).get(
        reverse("admin:inventory_stockmovement_changelist"),
        {"source_kind__exact": "TRANSFER", "source_id__exact": transfer.pk},
    )

    assert {row.reference for row in page.context["cl"].result_list} == {transfer.number}
    assert len(page.context["cl"].result_list) == 2


def queries_of(browser, url):
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(url).status_code == 200
    return len(captured)


@pytest.mark.parametrize(
    ("page", "queries"),
    [("list", 6), ("page", 7), ("scan", 4), ("edit-lines", 4), ("send", 6), ("receive", 5)],
)
@pytest.mark.parametrize("rows", [1, 3])
def test_lists_and_pages_cost_the_same_for_one_row_and_for_three(page, queries, rows):
    location, browser = LocationFactory(), browser_of(superuser())
    transit_location()
    levels = [stock(location=location) for _ in range(rows)]
    if page == "list":
        for level in levels:
            dispatched_transfer(level)
        url = list_url()
    elif page in {"page", "receive"}:
        transfer = dispatched_transfer(*levels, units=9)
        for n in range(rows):
            arrival(transfer, key=f"R-{n}")
        url = page_url(transfer) if page == "page" else act_url(transfer, page)
    else:
        url = act_url(drafted_transfer(*levels), page)
    browser.get(url)

    assert queries_of(browser, url) == queries


# From the stock level


def level_form(goal, **changes):
    return {"key": "k1", "units": "2", "to_location": goal.pk, "note": "Fill up"} | changes


def test_a_level_is_drafted_for_another_place():
    level, goal = stock(units=5), LocationFactory()

    answer = someone_who_may("new").post(level_url(level), level_form(goal), follow=True)

    transfer = Transfer.objects.get()
    assert (transfer.status, transfer.note, transfer.to_location) == ("DRAFT", "Fill up", goal)
    assert lines_of(transfer) == {level.variant_id: (2, 0, 0)}
    assert figures(level) == (5, 0)
    told = f"{transfer} is drafted: 2 of {level.variant} from {level.location} to {goal}."
    assert told in said(answer)


def test_a_level_is_sent_to_another_place_at_once():
    transit, level, goal = transit_location(), stock(units=5), LocationFactory()
    browser = someone_who_may("new", "send")

    for _ in range(2):
        answer = browser.post(level_url(level), level_form(goal, is_sent_now="on"), follow=True)

    transfer = Transfer.objects.get()
    assert transfer.status == "DISPATCHED"
    assert (figures(level), units_at(transit, level.variant_id)) == ((3, 0), 2)
    assert f"{transfer} is on the way: 2 of {level.variant}" in said(answer)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"units": "6", "is_sent_now": "on"}, "Not enough stock, missing 1 of"),
        ({"units": "0"}, "Ensure this value is greater than or equal to 1."),
        ({"units": "-2"}, "Ensure this value is greater than or equal to 1."),
        ({"units": ""}, "This field is required."),
        ({"to_location": "4711"}, "That choice is not one of the available choices."),
    ],
)
def test_a_level_says_what_is_wrong_and_drafts_nothing(changes, expected):
    transit_location()
    level, goal = stock(units=5), LocationFactory()
    before = all_rows()

    answer = someone_who_may("new", "send").post(level_url(level), level_form(goal, **changes))

    assert expected in said(answer)
    assert all_rows() == before


def test_a_level_does_not_go_where_it_is():
    level = stock(units=5)
    before = all_rows()

    answer = someone_who_may("new").post(level_url(level), level_form(level.location))

    assert "That choice is not one of the available choices." in said(answer)
    assert all_rows() == before


def test_a_level_is_sent_only_by_those_who_may():
    transit_location()
    level, goal = stock(units=5), LocationFactory()
    before = all_rows()

    answer = someone_who_may("new").post(level_url(level), level_form(goal, is_sent_now="on"))

    assert "You may draft transfers, not send them" in said(answer)
    assert all_rows() == before


def test_goods_on_the_way_are_not_sent_on():
    transfer = dispatched_transfer()
    level = transfer.transit.stock_levels.get()
    before = all_rows()

    answer = someone_who_may("new").post(
        level_url(level), level_form(LocationFactory()), follow=True
    )

    assert "Transfer is not possible for" in said(answer)
    assert all_rows() == before
