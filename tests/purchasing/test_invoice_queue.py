"""The queue of the invoice desk: what waits for whom, in which order, and what comes next."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from purchasing import queries
from purchasing.models import MatchException
from purchasing.queries import DeskQueue, Neighbours
from tests.factories.common import NOON, UserFactory, person_in
from tests.factories.purchasing_invoices import MatchExceptionFactory, SupplierInvoiceFactory
from tests.people import browser_of

pytestmark = pytest.mark.django_db

QUEUE = reverse("admin:purchasing_supplierinvoice_queue")
DAY = NOON.date()


def waits(owner="Buyer", *, due_on=DAY, status="ON_HOLD", invoice=None, **values):
    """Return a bill on hold with one more open difference of a role."""
    invoice = invoice or SupplierInvoiceFactory(status=status)
    MatchExceptionFactory(invoice=invoice, owner=owner, due_on=due_on, **values)
    return invoice


def queue(*owners, state="", age="", now=NOON):
    return DeskQueue(owners=owners, now=now, state=state, age=age)


def bills(wanted):
    items = wanted.items().select_related("supplier" if wanted.state else "invoice__supplier")
    return [waiting.invoice for waiting in queries.waiting_bills(wanted, items)]


def test_bill_stands_once_by_its_most_pressing_difference():
    late = waits(due_on=DAY - timedelta(days=2))
    waits(invoice=late, due_on=DAY + timedelta(days=9), kind="PRICE")
    early, undated = waits(due_on=DAY - timedelta(days=1)), waits(due_on=None)
    waits(invoice=undated, due_on=None, kind="PRICE")
    waits("Warehouse", due_on=DAY - timedelta(days=9))

    assert bills(queue("Buyer")) == [late, early, undated]


def test_difference_that_comes_due_first_leads_wherever_it_was_raised():
    bill = waits(due_on=DAY + timedelta(days=5))
    waits(invoice=bill, due_on=DAY - timedelta(days=5), kind="PRICE")
    other = waits(due_on=DAY)

    assert bills(queue("Buyer")) == [bill, other]
    assert [item.kind for item in queue("Buyer").items()] == ["PRICE", "HEADER"]


def test_several_roles_see_a_bill_once():
    bill = waits("Buyer", due_on=DAY)
    waits("Warehouse", invoice=bill, due_on=DAY - timedelta(days=1), kind="QUANTITY")

    assert bills(queue("Buyer", "Warehouse")) == [bill]
    assert bills(queue("Buyer", "Warehouse", "Accountant")) == [bill]


def test_what_is_only_said_decided_or_on_its_way_waits_for_nobody():
    waits(is_blocking=False)
    waits(status="MATCHING", kind="NOT_RECEIVED")
    waits(kind="PRICE", invoice=(decided := SupplierInvoiceFactory(status="ON_HOLD")))
    MatchException.objects.filter(invoice=decided).update(
        status="DISPUTED", decided_at=NOON, decided_by=UserFactory(), reason="Too dear"
    )

    assert bills(queue("Buyer")) == []


def test_row_tells_the_worst_difference_and_all_that_is_at_stake():
    bill = waits(at_stake=Decimal(3))
    waits(invoice=bill, kind="PRICE", at_stake=Decimal(40))
    waits("Warehouse", invoice=bill, kind="QUANTITY", at_stake=Decimal(500))

    wanted = queue("Buyer")
    (row,) = queries.waiting_bills(wanted, wanted.items().select_related("invoice__supplier"))

    assert (row.worst.kind, row.differences, row.at_stake) == ("PRICE", 2, 43)


@pytest.mark.parametrize(
    ("age", "expected"),
    [("overdue", ["late"]), ("week", ["old", "late"]), ("month", ["old"])],
)
def test_age_narrows_the_queue(age, expected):
    named = {
        "old": waits(due_on=DAY, raised_at=NOON - timedelta(days=31)),
        "late": waits(due_on=DAY - timedelta(days=1), raised_at=NOON - timedelta(days=8)),
        "new": waits(due_on=DAY, raised_at=NOON),
    }

    found = bills(queue("Buyer", age=age))

    assert {bill.pk for bill in found} == {named[name].pk for name in expected}


def test_states_hold_what_waits_for_something_else():
    corrected = waits(kind="PRICE")
    MatchException.objects.filter(invoice=corrected).update(
        status="CREDIT_ASKED", decided_at=NOON, decided_by=UserFactory(), reason="Too dear"
    )
    of_state = {
        "correction": corrected,
        "goods": waits("Warehouse", kind="NOT_RECEIVED", status="MATCHING"),
        "captured": SupplierInvoiceFactory(),
        "matched": SupplierInvoiceFactory(status="MATCHED"),
        "approved": SupplierInvoiceFactory(
            status="APPROVED", approved_at=NOON, approved_by=UserFactory()
        ),
    }
    waits()

    assert {state: bills(queue(state=state)) for state in of_state} == {
        state: [bill] for state, bill in of_state.items()
    }
    assert {tab.value: tab.bills for tab in queries.desk_state_tabs()} == dict.fromkeys(of_state, 1)


def test_tabs_count_bills_not_differences():
    bill = waits(due_on=DAY - timedelta(days=1), at_stake=Decimal(5))
    waits(invoice=bill, kind="PRICE", at_stake=Decimal(6))
    waits("Warehouse", at_stake=Decimal(7))

    buyer, warehouse, accountant = queries.desk_role_tabs(today=DAY)

    assert (buyer.bills, buyer.overdue, buyer.at_stake) == (1, 1, 11)
    assert (warehouse.bills, warehouse.overdue, warehouse.at_stake) == (1, 0, 7)
    assert (accountant.bills, accountant.at_stake) == (0, 0)


@pytest.mark.parametrize("days", [(0, 0, 0), (0, 1, 2), (0, 1, None), (None, None, None)])
def test_neighbours_follow_the_order_of_the_queue(days):
    first, second, third = (
        waits(due_on=None if day is None else DAY + timedelta(days=day)) for day in days
    )
    wanted = queue("Buyer")
    assert bills(wanted) == [first, second, third]

    beside = [queries.desk_neighbours(wanted, bill.pk) for bill in (first, second, third)]

    assert beside == [
        Neighbours(before=None, after=second.pk),
        Neighbours(before=first.pk, after=third.pk),
        Neighbours(before=second.pk, after=None),
    ]


def test_neighbours_of_a_state_go_by_the_bills_own_day():
    later = SupplierInvoiceFactory(status="MATCHED", due_on=date(2026, 12, 9))
    sooner = SupplierInvoiceFactory(status="MATCHED", due_on=date(2026, 12, 1))

    beside = queries.desk_neighbours(queue(state="matched"), sooner.pk)

    assert beside == Neighbours(before=None, after=later.pk)


def test_beside_a_bill_that_does_not_wait_stands_the_first_of_the_queue():
    first = waits()

    beside = queries.desk_neighbours(queue("Buyer"), SupplierInvoiceFactory().pk)

    assert beside == Neighbours(before=None, after=first.pk)


@pytest.mark.parametrize("role", ["Buyer", "Warehouse", "Accountant"])
def test_queue_shows_people_what_waits_for_their_role(role):
    of_role = {owner: waits(owner) for owner in ("Buyer", "Warehouse", "Accountant")}

    page = browser_of(person_in(role)).get(QUEUE)

    assert [row.invoice for row in page.context["rows"]] == [of_role[role]]
    here = [link.label for link in page.context["role_tabs"] if link.is_here]
    assert here == [role]


def test_who_has_none_of_the_roles_sees_everybodys():
    shown = {waits("Buyer").pk, waits("Warehouse").pk}

    page = browser_of(person_in("Manager")).get(QUEUE)

    assert {row.invoice.pk for row in page.context["rows"]} == shown


def test_links_keep_the_part_of_the_queue_that_is_looked_at():
    bill = waits("Warehouse", due_on=DAY - timedelta(days=400))

    page = browser_of(person_in("Buyer")).get(QUEUE, {"role": "Warehouse", "age": "overdue"})

    desk = reverse("admin:purchasing_supplierinvoice_desk", args=[bill.pk])
    assert [row.url for row in page.context["rows"]] == [f"{desk}?role=Warehouse&age=overdue"]
    assert f"{QUEUE}?age=overdue&amp;state=goods" in page.text
    assert f"{QUEUE}?role=Warehouse&amp;age=week" in page.text


@pytest.mark.parametrize("asked", ["role=Nobody", "state=nowhere", "age=old", "page=99&role=Buyer"])
def test_an_address_that_makes_no_sense_shows_the_usual_queue(asked):
    bill = waits("Buyer")

    page = browser_of(person_in("Buyer")).get(f"{QUEUE}?{asked}")

    assert [row.invoice for row in page.context["rows"]] == [bill]


def test_queue_is_closed_to_who_sees_no_invoices():
    assert browser_of(person_in("Support")).get(QUEUE).status_code == 403


def test_queue_says_when_nothing_waits_and_loads_nothing_from_elsewhere():
    page = browser_of(person_in("Accountant")).get(QUEUE)

    assert "Nothing waits here." in page.text
    assert "default-src 'self'" in page["Content-Security-Policy"]


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("asked", ["", "?state=correction", "?state=matched"])
def test_queue_takes_the_same_queries_however_much_waits(count, asked, django_assert_num_queries):
    for number in range(count):
        waits(due_on=DAY + timedelta(days=number))
        SupplierInvoiceFactory(status="MATCHED")
        waits(invoice=SupplierInvoiceFactory(status="ON_HOLD"), is_blocking=False)
    browser = browser_of(person_in("Buyer"))
    browser.get(QUEUE)

    with django_assert_num_queries(11):
        browser.get(f"{QUEUE}{asked}")


def test_list_of_invoices_leads_to_the_desk():
    page = browser_of(person_in("Accountant")).get(
        reverse("admin:purchasing_supplierinvoice_changelist")
    )

    assert f'href="{QUEUE}"' in page.text


def test_overdue_is_marked_by_today():
    waits(due_on=timezone.localdate() - timedelta(days=1))
    waits(due_on=timezone.localdate())

    page = browser_of(person_in("Buyer")).get(QUEUE)

    assert [row.is_overdue for row in page.context["rows"]] == [True, False]
