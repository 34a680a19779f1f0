"""The reports over buying: their pages, their files and who may see them."""

import csv
import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from retail.backoffice import purchase_reports
from retail.common.roles import Role
from tests.factories.common import UserFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
    sent_order,
)
from tests.factories.purchasing_invoices import delivery
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db

REPORTS = list(purchase_reports.PAGES)
# The accounts are asked for by day, whoever the supplier is.
OF_SUPPLIERS = [
    report for report in REPORTS if report not in {purchase_reports.GRNI, purchase_reports.LEDGER}
]
every_report = pytest.mark.parametrize("report", REPORTS, ids=[report.name for report in REPORTS])


def open_report(browser, report, **asked):
    answer = browser.get(reverse(f"report-{report.name}"), asked)
    assert answer.status_code == 200
    return answer


def file_of(browser, report, **asked):
    answer = open_report(browser, report, file="csv", **asked)
    return list(csv.reader(b"".join(answer.streaming_content).decode("utf-8-sig").splitlines()))


def buyer(report):
    return browser_of(person_who_may(report.permission))


@every_report
def test_an_empty_report_says_so(report):
    assert report.empty in open_report(buyer(report), report).content.decode()


@every_report
def test_report_is_closed_to_those_who_may_not_see_it(report):
    browser = browser_of(person_who_may("inventory.view_stocklevel"))

    for asked in ({}, {"file": "csv"}, {"file": "xlsx"}):
        assert browser.get(reverse(f"report-{report.name}"), asked).status_code == 403
    assert browser.post(reverse(f"report-{report.name}")).status_code == 405


@pytest.mark.parametrize(("role", "sees"), [(Role.BUYER, True), (Role.SUPPORT, False)])
@every_report
def test_menu_shows_the_report_to_buyers(report, role, sees):
    person = UserFactory(is_staff=True)
    person.groups.add(Group.objects.get(name=role))

    home = browser_of(person).get(reverse("admin:index")).content.decode()

    assert (reverse(f"report-{report.name}") in home) is sees


def test_what_is_on_order_is_shown_and_filed():
    order = sent_order(units=(4,), unit_cost="2.50", expected_on=timezone.localdate())
    line = order.lines.get()
    report = purchase_reports.OPEN_LINES

    shown = open_report(buyer(report), report).content.decode()
    titles, row = file_of(buyer(report), report)

    assert "On order: 1 line" in shown
    assert reverse("admin:purchasing_purchaseorder_change", args=[order.pk]) in shown
    assert dict(zip(titles, row, strict=True)) == {
        "Due": order.expected_on.isoformat(),
        "Order": order.number,
        "Supplier": order.supplier.name,
        "SKU": line.variant.sku,
        "Supplier's SKU": "",
        "To": order.location.name,
        "Confirmed": "",
        "Ordered": "4",
        "Came": "0",
        "Still to come": "4",
        "Unit cost": "2.5000",
        "Open amount": "10.0000",
        "Currency": "GBP",
    }


def test_excel_file_holds_numbers_and_harmless_names():
    report = purchase_reports.SPEND
    order = sent_order(supplier=SupplierFactory(name="=Kiln"), units=(4,), unit_cost="2.50")
    delivery(order, at=timezone.now())

    answer = open_report(buyer(report), report, file="xlsx")

    rows = list(load_workbook(io.BytesIO(answer.content)).active.values)
    assert rows[1][1:] == ("'=Kiln", 1, 4, 10, 0, 10)
    assert answer["Content-Disposition"] == (
        f'attachment; filename="spend-{timezone.localdate():%Y-%m-%d}.xlsx"'
    )


def test_price_changes_are_those_of_the_days_asked_for():
    today, report = timezone.localdate(), purchase_reports.PRICE_CHANGES
    product = SupplierProductFactory()
    SupplierPriceFactory(supplier_product=product, unit_cost="2.00", valid_to=today)
    SupplierPriceFactory(supplier_product=product, unit_cost="2.50", valid_from=today)

    shown = open_report(buyer(report), report).content.decode()
    before = open_report(
        buyer(report),
        report,
        first=(today - timedelta(days=9)).isoformat(),
        last=(today - timedelta(days=1)).isoformat(),
    ).content.decode()

    assert "+25.0 %" in shown
    assert report.empty in before


def test_scorecard_tells_who_kept_word():
    now, report = timezone.now(), purchase_reports.SCORECARD
    order = sent_order(supplier=SupplierFactory(name="Kiln"), expected_on=timezone.localdate())
    delivery(order, at=now)

    shown = open_report(buyer(report), report).content.decode()
    titles, row = file_of(buyer(report), report)

    assert "Supplier scorecard: 1 supplier" in shown
    assert reverse("admin:purchasing_supplier_change", args=[order.supplier_id]) in shown
    scored = dict(zip(titles, row, strict=True))
    assert (scored["Supplier"], scored["Deliveries"], scored["Units delivered"]) == (
        "Kiln",
        "1",
        "10",
    )
    assert (scored["On time"], scored["Short"], scored["Rejected"], scored["Price"]) == (
        "100.0",
        "0.0",
        "0.0",
        "",
    )


@pytest.mark.parametrize(
    "report",
    [purchase_reports.PRICE_CHANGES, purchase_reports.SPEND, purchase_reports.SCORECARD],
    ids=lambda report: report.name,
)
def test_days_go_forward(report):
    shown = open_report(buyer(report), report, first="2026-02-01", last="2026-01-31")

    assert "from the earlier day on" in shown.content.decode()


@pytest.mark.parametrize("report", OF_SUPPLIERS, ids=[report.name for report in OF_SUPPLIERS])
@pytest.mark.parametrize("asked", [{"supplier": "x"}, {"supplier": "999999999"}])
def test_an_unknown_supplier_is_refused_in_words(report, asked):
    shown = open_report(buyer(report), report, **asked).content.decode()

    assert "Select a valid choice" in shown
    assert "<table" not in shown


def test_goods_not_invoiced_add_up_to_the_account_on_paper_and_in_the_file():
    report, today = purchase_reports.GRNI, timezone.localdate()
    first, second = (sent_order(units=(count,), unit_cost="2.50") for count in (4, 2))
    for order in (first, second):
        delivery(order, at=timezone.now())

    shown = open_report(buyer(report), report).content.decode()
    titles, *rows = file_of(buyer(report), report)
    yesterday = (today - timedelta(days=1)).isoformat()

    assert "Goods received not invoiced: 2 lines" in shown
    assert "-15.00" in shown
    balances = [row[titles.index("Balance (GBP)")] for row in rows]
    assert [(row[titles.index("Order")], row[titles.index("Received (GBP)")]) for row in rows] == [
        (first.number, "10.00"),
        (second.number, "5.00"),
    ]
    assert balances == ["-10.00", "-5.00"]
    assert report.empty in open_report(buyer(report), report, day=yesterday).content.decode()


def test_the_ledger_of_buying_shows_each_account_and_its_balance():
    report = purchase_reports.LEDGER
    delivery(sent_order(units=(4,), unit_cost="2.50"), at=timezone.now())

    _, *rows = file_of(buyer(report), report)

    assert [(row[0], *row[2:]) for row in rows] == [
        ("Stock", "0.00", "10.00", "0.00", "10.00"),
        ("Goods received not invoiced", "0.00", "0.00", "10.00", "-10.00"),
    ]
