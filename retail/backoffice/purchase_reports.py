"""Reports over buying: what is still to come, what is late, what it costs and who keeps word."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from inventory.models import Location
from purchasing.models import Supplier
from purchasing.queries import payables
from purchasing.queries import reports as queries
from purchasing.queries.grni import grni_lines
from purchasing.queries.ledger import account_months
from retail.backoffice.reporting import Column, Report, answer_report, where_it_lies
from retail.common.admin.acts import DayInput
from retail.common.money import display_rate, round_amount

YEAR = timedelta(days=365)
LONGEST_STRETCH = timedelta(days=3650)
SEES_LEDGER = "purchasing.view_ledgerposting"
SEES_LINES, SEES_PRICES = "purchasing.view_purchaseorderline", "purchasing.view_supplierprice"


def _count(value: int) -> str:
    return f"{value:,}"


def _day(day: date | None) -> str:
    # Blanks that do not break: a day stays on one line.
    return f"{day:%d\u00a0%b\u00a0%Y}" if day else "not said"


def _month(month: date) -> str:
    return f"{month:%B %Y}"


def _percent(value: Decimal | None) -> str:
    return "was free" if value is None else f"{value:+.1f} %"


def _tenths(value: Decimal | None) -> Decimal | None:
    return None if value is None else round(value, 1)


def _book(value: Decimal) -> Decimal:
    return round_amount(value, settings.RETAIL_CURRENCY)


def _book_shown(value: Decimal) -> str:
    return f"{_book(value):,}"


def _rate(value: Decimal) -> str:
    return display_rate(value)


def _days(days: Decimal | None) -> str:
    return "" if days is None else f"{days}"


def _share(percent: Decimal | None) -> str:
    return "" if percent is None else f"{percent} %"


def _change(percent: Decimal | None) -> str:
    return "" if percent is None else f"{percent:+} %"


def _supplier_page(row: Any) -> str:
    return reverse("admin:purchasing_supplier_change", args=[row.supplier_id])


def _order_page(row: Any) -> str:
    return reverse("admin:purchasing_purchaseorder_change", args=[row.order_id])


def _postings_page(row: Any) -> str:
    return f"{reverse('admin:purchasing_ledgerposting_changelist')}?q={row.number}"


def _article_page(row: Any) -> str:
    return where_it_lies(row) if row.variant_id else ""


_LINE = (
    Column("Due", "due_on", _day),
    Column("Order", "number", url=_order_page),
    Column("Supplier", "supplier"),
    Column("SKU", "sku", url=where_it_lies),
    Column("Supplier's SKU", "supplier_sku"),
    Column("To", "location"),
)
_UNITS = Column("Still to come", "units", _count, is_number=True, is_total=True)

OPEN_LINES = Report(
    name="open-order-lines",
    title="On order",
    icon="pending_actions",
    about=(
        "Every line of an order that was sent of which units are still to come.",
        "It is due when the supplier confirmed it, else when we asked for it.",
        "Amounts are net of discounts, in the currency of the order, without charges and tax.",
    ),
    columns=(
        *_LINE,
        Column("Confirmed", "confirmed_on", lambda day: _day(day) if day else ""),
        Column("Ordered", "ordered", _count, is_number=True, is_total=True),
        Column("Came", "received", _count, is_number=True, is_total=True),
        _UNITS,
        Column("Unit cost", "unit_cost", _rate, is_number=True),
        Column("Open amount", "open_amount", _rate, is_number=True),
        Column("Currency", "currency"),
    ),
    empty="Nothing is on order.",
    permission=SEES_LINES,
    counted=("line", "lines"),
)
LATE_LINES = Report(
    name="late-order-lines",
    title="Late",
    icon="alarm",
    about=(
        "Lines that should have come by now: the day the supplier confirmed, else ours, is over.",
        "Who waits: customers' orders that this line would serve, in the turn they are served in.",
    ),
    columns=(
        Column("Days late", "days", _count, is_number=True),
        *(replace(column, attribute=f"line.{column.attribute}") for column in _LINE),
        replace(_UNITS, attribute="line.units"),
        Column("Orders that wait", "waiting_orders", _count, is_number=True),
        Column("Units they wait for", "waiting_units", _count, is_number=True, is_total=True),
        Column("Who waits", "who"),
    ),
    empty="Nothing is late.",
    permission=SEES_LINES,
    counted=("line", "lines"),
)
PRICE_CHANGES = Report(
    name="price-changes",
    title="Price changes",
    icon="trending_up",
    about=(
        "Suppliers' prices that began in these days and differ from the one before them.",
        "Prices are those of one unit, in the supplier's currency, from the quantity on.",
        "The largest change in percent stands first, whether up or down.",
    ),
    columns=(
        Column("From", "changed_on", _day),
        Column("Supplier", "supplier"),
        Column("Supplier's SKU", "supplier_sku"),
        Column("Our SKU", "sku", url=_article_page),
        Column("Article", "name"),
        Column("From units", "min_quantity", _count, is_number=True),
        Column("Before", "before", _rate, is_number=True),
        Column("After", "after", _rate, is_number=True),
        Column("Currency", "currency"),
        Column("Change", "percent", _percent, _tenths, is_number=True),
        Column("By file", "file_name"),
    ),
    empty="No price changed in these days.",
    permission=SEES_PRICES,
    counted=("price", "prices"),
)
SPEND = Report(
    name="spend",
    title="Spend by supplier",
    icon="payments",
    about=(
        "What came from each supplier in each month, at the cost at which it entered the stock.",
        "What was sent back counts at the credit expected for it, in the month it left.",
        "Freight and other charges, tax and differences of bills are not in it.",
        "A receipt that was reversed does not count.",
    ),
    columns=(
        Column("Month", "month", _month),
        Column("Supplier", "supplier"),
        Column("Receipts", "receipts", _count, is_number=True, is_total=True),
        Column("Units", "units", _count, is_number=True, is_total=True),
        Column("Received ({})", "received", _book_shown, _book, is_number=True, is_total=True),
        Column("Sent back ({})", "sent_back", _book_shown, _book, is_number=True, is_total=True),
        Column("Spent ({})", "spent", _book_shown, _book, is_number=True, is_total=True),
    ),
    empty="Nothing came in these months.",
    permission=SEES_PRICES,
    counted=("row", "rows"),
)
SCORECARD = Report(
    name="supplier-scorecard",
    title="Supplier scorecard",
    icon="workspace_premium",
    about=(
        "Lead time: days from an order being sent to its goods being accepted, each delivery once.",
        "On time: of the lines due in these days, those that had come whole by their day.",
        "A line's day is the one the supplier confirmed, else the one we wanted.",
        "Short: of the units on lines that ended in these days, those that never came.",
        "Rejected: of the units that came, those refused at the door; sent back: returned later.",
        "Price: what was ordered again, against the cost of the article's first order in the time.",
        "Reversed receipts and cancelled orders count nowhere.",
    ),
    columns=(
        Column("Supplier", "supplier", url=_supplier_page),
        Column("Deliveries", "figures.deliveries", _count, is_number=True),
        Column("Days, median", "figures.median_days", _days, is_number=True),
        Column("Days, spread", "figures.spread_days", _days, is_number=True),
        Column("Lines due", "figures.lines_due", _count, is_number=True),
        Column("On time", "figures.on_time_percent", _share, is_number=True),
        Column("Short", "figures.short_percent", _share, is_number=True),
        Column("Units delivered", "figures.delivered_units", _count, is_number=True),
        Column("Rejected", "figures.rejected_percent", _share, is_number=True),
        Column("Sent back", "figures.returned_percent", _share, is_number=True),
        Column("Price", "figures.price_change_percent", _change, is_number=True),
    ),
    empty="No supplier delivered or owed anything in these days.",
    permission=SEES_PRICES,
    counted=("supplier", "suppliers"),
)


CASH = Report(
    name="cash-by-week",
    title="Cash needed by week",
    icon="savings",
    about=(
        "What suppliers' documents take in the week in which they fall due, from Monday on.",
        "To pay: what is approved, bills and credit notes, which count below zero.",
        "Ordered: how much of it the bank was told to pay. Expected: what is not approved yet.",
        "Book amounts are at today's rate; a currency without a rate counts zero there.",
        "What should have been paid before today stands in rows of its own, in front.",
    ),
    columns=(
        Column("Week from", "monday", lambda day: _day(day) if day else "Overdue"),
        Column("Currency", "currency"),
        Column("Documents", "count", _count, is_number=True, is_total=True),
        Column("Bills", "owed", _rate, is_number=True),
        Column("Credit notes", "credits", _rate, is_number=True),
        Column("To pay", "to_pay", _rate, is_number=True),
        Column("Ordered", "ordered", _rate, is_number=True),
        Column("Not approved", "expected_count", _count, is_number=True, is_total=True),
        Column("Expected", "expected", _rate, is_number=True),
        Column("Rate", "rate", lambda rate: "no rate" if rate is None else _rate(rate)),
        Column("To pay ({})", "book_to_pay", _book_shown, _book, is_number=True, is_total=True),
        Column("Expected ({})", "book_expected", _book_shown, _book, is_number=True, is_total=True),
    ),
    empty="Nothing is owed.",
    permission="purchasing.view_supplierinvoice",
    counted=("row", "rows"),
)


def _money(title: str, attribute: str) -> Column:
    return Column(title, attribute, _book_shown, _book, is_number=True, is_total=True)


GRNI = Report(
    name="goods-received-not-invoiced",
    title="Goods received not invoiced",
    icon="receipt_long",
    about=(
        "Order lines whose goods and approved bills did not make up for each other that day.",
        (
            "Received: goods at the cost of their receipts, less what was sent back. Invoiced: what"
            " approved bills and credit notes say of them. Invoiced less received is the"
            " difference: of quantity, of price and of exchange."
        ),
        (
            "What of it went to stock, cost of sales and differences is booked; what somebody wrote"
            " off is cleared; the rest is the balance, below zero where goods wait for their bill."
        ),
        "The balances add up to the account in the ledger of buying.",
    ),
    columns=(
        Column("Since", "since", _day),
        Column("Days", "days", _count, is_number=True),
        Column("Order", "number", url=_order_page),
        Column("Line", "position", _count, is_number=True),
        Column("Supplier", "supplier"),
        Column("SKU", "sku", url=where_it_lies),
        Column("Units received", "received_units", _count, is_number=True),
        Column("Units invoiced", "invoiced_units", _count, is_number=True),
        _money("Received ({})", "received"),
        _money("Invoiced ({})", "invoiced"),
        _money("Quantity ({})", "quantity_difference"),
        _money("Price ({})", "price_difference"),
        _money("Exchange ({})", "exchange_difference"),
        _money("Booked ({})", "booked"),
        _money("Cleared ({})", "cleared"),
        replace(_money("Balance ({})", "balance"), url=_postings_page),
    ),
    empty="Goods and bills make up for each other.",
    permission=SEES_LEDGER,
    counted=("line", "lines"),
)
LEDGER = Report(
    name="ledger-of-buying",
    title="Ledger of buying by month",
    icon="menu_book",
    about=(
        "What moved each account in each month, and what it stood at before and after.",
        "A balance above zero is a debit, below zero a credit.",
    ),
    columns=(
        Column("Account", "label"),
        Column("Month", "month", _month),
        Column("Before ({})", "opening", _book_shown, _book, is_number=True),
        _money("Debit ({})", "debit"),
        _money("Credit ({})", "credit"),
        Column("Balance ({})", "closing", _book_shown, _book, is_number=True),
    ),
    empty="Nothing was posted in these months.",
    permission=SEES_LEDGER,
    counted=("row", "rows"),
)


def _supplier_field() -> forms.ModelChoiceField[Supplier]:
    return forms.ModelChoiceField(
        Supplier.objects.order_by("name", "pk"), required=False, empty_label="All suppliers"
    )


class SupplierForm(forms.Form):
    """Of whom."""

    supplier = _supplier_field()


class LinesForm(forms.Form):
    """Of whom and for where."""

    supplier = _supplier_field()
    location = forms.ModelChoiceField(
        Location.objects.order_by("name", "pk"), required=False, empty_label="All locations"
    )


class StretchForm(forms.Form):
    """From which day to which, and of whom."""

    first = forms.DateField(label="From", widget=DayInput)
    last = forms.DateField(label="to", widget=DayInput)
    supplier = _supplier_field()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and not first <= last <= first + LONGEST_STRETCH:
            self.add_error("last", "Ask for ten years at most, from the earlier day on.")
        return cleaned


class AsOfForm(forms.Form):
    """As of the end of which day."""

    day = forms.DateField(label="As of", widget=DayInput)


class MonthsForm(forms.Form):
    """From the month of one day to that of another."""

    first = forms.DateField(label="From", widget=DayInput)
    last = forms.DateField(label="to", widget=DayInput)


def _pk(row: Any) -> int | None:
    return row.pk if row else None


@require_safe
def open_order_lines(request: HttpRequest) -> HttpResponseBase:
    """Show what suppliers still owe, line by line."""
    return answer_report(
        request,
        OPEN_LINES,
        LinesForm(request.GET.dict()),
        lambda asked: queries.open_lines(
            supplier_id=_pk(asked["supplier"]), location_id=_pk(asked["location"])
        ),
    )


@require_safe
def late_order_lines(request: HttpRequest) -> HttpResponseBase:
    """Show what should have come, and who waits for it."""
    return answer_report(
        request,
        LATE_LINES,
        LinesForm(request.GET.dict()),
        lambda asked: queries.late_lines(
            today=timezone.localdate(),
            supplier_id=_pk(asked["supplier"]),
            location_id=_pk(asked["location"]),
        ),
    )


@require_safe
def cash_by_week(request: HttpRequest) -> HttpResponseBase:
    """Show what the open documents of suppliers take week by week."""
    return answer_report(
        request,
        CASH,
        SupplierForm(request.GET.dict()),
        lambda asked: payables.cash_by_week(
            today=timezone.localdate(), supplier_id=_pk(asked["supplier"])
        ),
    )


def _of_stretch(report: Report, ask: Callable[..., Any], request: HttpRequest) -> HttpResponseBase:
    today = timezone.localdate()
    usual = {"first": (today - YEAR).replace(day=1).isoformat(), "last": today.isoformat()}
    return answer_report(
        request,
        report,
        StretchForm({**usual, **request.GET.dict()}),
        lambda asked: ask(
            first=asked["first"], last=asked["last"], supplier_id=_pk(asked["supplier"])
        ),
    )


@require_safe
def goods_received_not_invoiced(request: HttpRequest) -> HttpResponseBase:
    """Show what the account stands for at the end of a day, order line by order line."""
    usual = {"day": timezone.localdate().isoformat()}
    return answer_report(
        request,
        GRNI,
        AsOfForm({**usual, **request.GET.dict()}),
        lambda asked: grni_lines(
            as_of=timezone.make_aware(datetime.combine(asked["day"], time.max))
        ),
    )


@require_safe
def ledger_of_buying(request: HttpRequest) -> HttpResponseBase:
    """Show each account month by month."""
    today = timezone.localdate()
    usual = {"first": today.replace(month=1, day=1).isoformat(), "last": today.isoformat()}
    return answer_report(
        request,
        LEDGER,
        MonthsForm({**usual, **request.GET.dict()}),
        lambda asked: account_months(first=asked["first"], last=asked["last"]),
    )


PAGES: Mapping[Report, Callable[[HttpRequest], HttpResponseBase]] = {
    OPEN_LINES: open_order_lines,
    LATE_LINES: late_order_lines,
    PRICE_CHANGES: require_safe(partial(_of_stretch, PRICE_CHANGES, queries.price_changes)),
    SPEND: require_safe(partial(_of_stretch, SPEND, queries.spend_by_month)),
    CASH: cash_by_week,
    SCORECARD: require_safe(partial(_of_stretch, SCORECARD, queries.scorecard)),
    GRNI: goods_received_not_invoiced,
    LEDGER: ledger_of_buying,
}


def menu(request: HttpRequest) -> Iterator[tuple[str, str, str]]:
    """Return title, icon and address of each report that this person may see."""
    for report in PAGES:
        if request.user.has_perm(report.permission):
            yield report.title, report.icon, reverse(f"report-{report.name}")
