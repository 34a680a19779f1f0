"""The calendar of due dates and the cash that suppliers' documents take."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import time_machine
from django.db.models import Sum
from django.urls import reverse
from django.utils import timezone

from purchasing.models import SupplierInvoice
from purchasing.queries.payables import cash_by_week, due_days, overdue
from retail.backoffice import purchase_reports
from tests.factories.catalog import ExchangeRateFactory
from tests.factories.purchasing_invoices import SupplierInvoiceFactory
from tests.factories.purchasing_payments import PaymentItemFactory, SupplierInEuroFactory, owed
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db

CALENDAR = reverse("due-calendar")
WEDNESDAY = date(2026, 11, 25)
MONDAY = date(2026, 11, 30)


def accountant():
    return browser_of(person_who_may("purchasing.view_supplierinvoice"))


def test_weeks_add_up_to_the_open_documents():
    ExchangeRateFactory(currency="EUR", rate="0.5", valid_on=WEDNESDAY)
    owed("100.00", due_on=WEDNESDAY - timedelta(days=1))
    owed("10.00", due_on=WEDNESDAY)
    owed("1.00", due_on=WEDNESDAY + timedelta(days=4))
    owed("3.00", due_on=WEDNESDAY + timedelta(days=2), kind="CREDIT_NOTE")
    PaymentItemFactory(invoice=owed("7.00", due_on=MONDAY))
    PaymentItemFactory(invoice=owed("8.00", due_on=MONDAY), is_cancelled=True)
    owed("20.00", due_on=MONDAY, currency="PLN")
    SupplierInvoiceFactory(total="5.00", due_on=MONDAY, status="ON_HOLD", currency="EUR")
    SupplierInvoiceFactory(
        total="2.00", due_on=MONDAY, status="MATCHED", currency="EUR", kind="CREDIT_NOTE"
    )
    owed("50.00", due_on=MONDAY, prepaid_total="49.00", currency="EUR")
    SupplierInvoiceFactory(due_on=MONDAY, status="VOID", voided_at=timezone.now(), void_reason="x")

    rows = cash_by_week(today=WEDNESDAY)

    assert [
        (row.monday, row.currency, row.count, row.owed, row.credits, row.to_pay) for row in rows
    ] == [
        (None, "EUR", 1, 100, 0, 100),
        (date(2026, 11, 23), "EUR", 3, 11, -3, 8),
        (MONDAY, "EUR", 3, 16, 0, 16),
        (MONDAY, "PLN", 1, 20, 0, 20),
    ]
    assert [(row.ordered, row.expected_count, row.expected) for row in rows] == [
        (0, 0, 0),
        (0, 0, 0),
        (7, 2, 3),
        (0, 0, 0),
    ]
    assert [(row.rate, row.book_to_pay) for row in rows[2:]] == [(Decimal("0.5"), 8), (None, 0)]
    open_ones = SupplierInvoice.objects.filter(status="APPROVED")
    bills = open_ones.filter(kind="INVOICE").aggregate(sum=Sum("payable"))["sum"]
    credit = open_ones.filter(kind="CREDIT_NOTE").aggregate(sum=Sum("payable"))["sum"]
    assert sum(row.to_pay for row in rows) == bills - credit


def test_week_of_one_supplier_leaves_out_the_others():
    ours = owed("5.00", due_on=MONDAY)
    owed("6.00", due_on=MONDAY)

    [row] = cash_by_week(today=WEDNESDAY, supplier_id=ours.supplier_id)

    assert row.to_pay == 5


def test_days_hold_what_is_due_and_where_discounts_end():
    supplier = SupplierInEuroFactory(discount_percent=2, discount_days=10)
    owed("100.00", supplier=supplier, invoiced_on=date(2026, 11, 20), due_on=MONDAY)
    owed("50.00", supplier=supplier, invoiced_on=date(2026, 11, 1), due_on=MONDAY)
    owed("10.00", due_on=MONDAY, kind="CREDIT_NOTE")
    SupplierInvoiceFactory(total="4.00", due_on=WEDNESDAY, currency="EUR")
    owed("1.00", due_on=date(2026, 12, 1))

    rows = due_days(first=date(2026, 11, 1), last=MONDAY)

    assert [
        (row.on, row.count, row.amount, row.expected_count, row.expected, row.discount)
        for row in rows
    ] == [
        (date(2026, 11, 11), 0, 0, 0, 0, 1),
        (WEDNESDAY, 0, 0, 1, 4, 0),
        (MONDAY, 3, 140, 0, 0, 2),
    ]


def test_overdue_is_what_is_approved_and_late():
    owed("7.00", due_on=WEDNESDAY - timedelta(days=1))
    owed("8.00", due_on=WEDNESDAY)
    SupplierInvoiceFactory(due_on=WEDNESDAY - timedelta(days=1))

    assert overdue(today=WEDNESDAY) == [("EUR", 1, 7)]


@time_machine.travel(datetime(2026, 11, 25, 12, tzinfo=UTC), tick=False)
def test_calendar_shows_the_month_with_links_and_book_currency():
    ExchangeRateFactory(currency="EUR", rate="0.8", valid_on=WEDNESDAY)
    owed("100.00", due_on=MONDAY)
    owed("7.00", due_on=WEDNESDAY - timedelta(days=40))
    owed("9.00", due_on=MONDAY, currency="PLN")

    page = accountant().get(CALENDAR)

    text = page.content.decode()
    assert page.context["title"] == "Due in November 2026"
    assert "1 due: 100.00 EUR (80.00 GBP)" in text
    assert "1 due: 9.00 PLN (no rate)" in text
    assert "1 overdue: 7.00 EUR (5.60 GBP)" in text
    link = reverse("admin:purchasing_supplierinvoice_changelist")
    assert f"{link}?due_on=2026-11-30&amp;status__in=APPROVED%2CEXPORTED" in text
    found = accountant().get(f"{link}?due_on=2026-11-30&status__in=APPROVED%2CEXPORTED")
    assert found.status_code == 200
    assert found.context["cl"].result_count == 2


@pytest.mark.parametrize("month", ["2026-12", "2026-13", "x", "2026-02"])
def test_calendar_opens_for_any_month(month):
    assert accountant().get(CALENDAR, {"month": month}).status_code == 200


def test_calendar_costs_the_same_with_one_and_three_documents(django_assert_num_queries):
    browser = accountant()
    browser.get(CALENDAR)
    for _ in range(2):
        owed("1.00", due_on=timezone.localdate())
        with django_assert_num_queries(8):
            browser.get(CALENDAR)
        owed("1.00", due_on=timezone.localdate())


def test_calendar_is_closed_to_those_who_may_not_see_invoices():
    browser = browser_of(person_who_may("inventory.view_stocklevel"))

    assert browser.get(CALENDAR).status_code == 403
    assert CALENDAR not in browser.get(reverse("admin:index")).content.decode()
    assert CALENDAR in accountant().get(reverse("admin:index")).content.decode()


def test_cash_is_filed_with_book_amounts():
    ExchangeRateFactory(currency="EUR", rate="0.5", valid_on=date(2020, 1, 1))
    owed("10.00", due_on=date(2020, 1, 1))
    url = reverse(f"report-{purchase_reports.CASH.name}")

    answer = accountant().get(url, {"file": "csv"})

    content = b"".join(answer.streaming_content).decode("utf-8-sig")
    [titles, row] = csv.reader(content.splitlines())
    filed = dict(zip(titles, row, strict=True))
    assert (filed["Week from"], filed["Currency"]) == ("", "EUR")
    assert (filed["To pay"], filed["To pay (GBP)"]) == ("10.0000", "5.00")
    assert "Overdue" in accountant().get(url).content.decode()
