"""What is owed, and what belongs to each document of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import (
    Case,
    Count,
    DateField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)
from django.db.models.functions import Cast, Round, TruncWeek

from catalog.queries import NoExchangeRate, exchange_rate
from purchasing.models import (
    LedgerLine,
    MatchAllocation,
    PaymentItem,
    SupplierInvoice,
    SupplierInvoiceTax,
)
from purchasing.payables_file import PayableFacts
from retail.common.fields import MoneyField
from retail.common.money import ZERO, round_amount

OWED = (SupplierInvoice.Status.APPROVED, SupplierInvoice.Status.EXPORTED)
EXPECTED = (
    SupplierInvoice.Status.CAPTURED,
    SupplierInvoice.Status.MATCHING,
    SupplierInvoice.Status.ON_HOLD,
    SupplierInvoice.Status.MATCHED,
)


def payable_facts(invoices: Collection[SupplierInvoice]) -> dict[int, PayableFacts]:
    """Return invoice id -> what the file for accounting says of it beside its own columns."""
    ids = [invoice.pk for invoice in invoices]
    taxes: dict[int, list[SupplierInvoiceTax]] = defaultdict(list)
    for tax in SupplierInvoiceTax.objects.filter(invoice__in=ids).order_by("category", "rate"):
        taxes[tax.invoice_id].append(tax)
    orders: dict[int, list[str]] = defaultdict(list)
    for invoice_id, number in (
        MatchAllocation.objects.filter(invoice_line__invoice__in=ids)
        .values_list("invoice_line__invoice", "order_line__order__number")
        .order_by("order_line__order__number")
        .distinct()
    ):
        orders[invoice_id].append(number)
    postings: dict[int, dict[str, Decimal]] = defaultdict(dict)
    for invoice_id, account, amount in (
        LedgerLine.objects.filter(posting__invoice__in=ids)
        .values("posting__invoice", "account")
        .annotate(sum=Sum("amount"))
        .order_by("account")
        .values_list("posting__invoice", "account", "sum")
    ):
        postings[invoice_id][account] = amount
    documents = dict(SupplierInvoice.objects.filter(pk__in=ids).values_list("pk", "source__sha256"))
    return {
        pk: PayableFacts(
            taxes=taxes[pk],
            orders=orders[pk],
            document_sha256=documents[pk] or "",
            postings=postings[pk],
        )
        for pk in ids
    }


@dataclass(frozen=True)
class CashWeek:
    """
    What one week takes in one currency; `monday` is None for what should have been paid before.

    owed: approved bills; credits: approved credit notes, below zero; ordered: of both together
    what the bank was told to pay; expected: what is not approved yet, credit notes taken off.
    rate: to book currency as of today, None when none is known: then the book amounts are zero.
    """

    monday: date | None
    currency: str
    count: int
    owed: Decimal
    credits: Decimal
    ordered: Decimal
    expected_count: int
    expected: Decimal
    rate: Decimal | None

    @property
    def to_pay(self) -> Decimal:
        return self.owed + self.credits

    @property
    def book_to_pay(self) -> Decimal:
        return self._book(self.to_pay)

    @property
    def book_expected(self) -> Decimal:
        return self._book(self.expected)

    def _book(self, amount: Decimal) -> Decimal:
        rate = ZERO if self.rate is None else self.rate
        return round_amount(amount * rate, settings.RETAIL_CURRENCY)


@dataclass(frozen=True)
class DueDay:
    """What falls due, or ends being cheaper, on one day in one currency; signed by kind."""

    on: date
    currency: str
    count: int
    amount: Decimal
    expected_count: int
    expected: Decimal
    discount_count: int = 0
    discount: Decimal = ZERO


def cash_by_week(*, today: date, supplier_id: int | None = None) -> list[CashWeek]:
    """Return what the open documents take week by week, what is overdue first."""
    ordered = PaymentItem.objects.filter(invoice=OuterRef("pk"), is_cancelled=False)
    invoices = SupplierInvoice.objects.filter(status__in=[*OWED, *EXPECTED])
    if supplier_id is not None:
        invoices = invoices.filter(supplier=supplier_id)
    owed, bills = Q(status__in=OWED), Q(kind=SupplierInvoice.Kind.INVOICE)
    rows = (
        invoices.alias(signed=_signed_payable(), is_ordered=Exists(ordered))
        .annotate(
            monday=Case(
                When(due_on__lt=today, then=Value(None)),
                default=Cast(TruncWeek("due_on"), DateField()),
                output_field=DateField(),
            )
        )
        .values("monday", "currency")
        .annotate(
            count=Count("pk", filter=owed),
            owed=Sum("signed", filter=owed & bills, default=ZERO),
            credits=Sum("signed", filter=owed & ~bills, default=ZERO),
            ordered=Sum("signed", filter=Q(is_ordered=True), default=ZERO),
            expected_count=Count("pk", filter=~owed),
            expected=Sum("signed", filter=~owed, default=ZERO),
        )
        .order_by(F("monday").asc(nulls_first=True), "currency")
    )
    found = list(rows)
    rates = book_rates({row["currency"] for row in found}, today)
    return [CashWeek(**row, rate=rates[row["currency"]]) for row in found]


def due_days(*, first: date, last: date) -> list[DueDay]:
    """
    Return what falls due on each day of a stretch, both ends in it, and which discounts end.

    A discount counts on the last day on which paying is early, with what it takes off.
    """
    owed = Q(status__in=OWED)
    open_ones = SupplierInvoice.objects.filter(status__in=[*OWED, *EXPECTED])
    due = (
        open_ones.filter(due_on__range=(first, last))
        .alias(signed=_signed_payable())
        .values("due_on", "currency")
        .annotate(
            count=Count("pk", filter=owed),
            amount=Sum("signed", filter=owed, default=ZERO),
            expected_count=Count("pk", filter=~owed),
            expected=Sum("signed", filter=~owed, default=ZERO),
        )
    )
    days = {
        (row["due_on"], row["currency"]): DueDay(
            on=row["due_on"],
            currency=row["currency"],
            count=row["count"],
            amount=row["amount"],
            expected_count=row["expected_count"],
            expected=row["expected"],
        )
        for row in due
    }
    for row in _ending_discounts(open_ones, first, last):
        key = (row["ends_on"], row["currency"])
        day = days.get(key) or DueDay(*key, 0, ZERO, 0, ZERO)
        days[key] = replace(day, discount_count=row["count"], discount=row["discount"])
    return [days[key] for key in sorted(days)]


def overdue(*, today: date) -> list[tuple[str, int, Decimal]]:
    """Return currency, count and signed amount of what is approved and should have been paid."""
    rows = (
        SupplierInvoice.objects.filter(status__in=OWED, due_on__lt=today)
        .alias(signed=_signed_payable())
        .values("currency")
        .annotate(count=Count("pk"), amount=Sum("signed"))
        .order_by("currency")
    )
    return [(row["currency"], row["count"], row["amount"]) for row in rows]


def book_rates(currencies: Iterable[str], on: date) -> dict[str, Decimal | None]:
    """Return currency -> its rate to book currency on a day, None when none is known."""
    rates: dict[str, Decimal | None] = {}
    for currency in sorted(set(currencies)):
        try:
            rates[currency] = exchange_rate(currency, on)
        except NoExchangeRate:
            rates[currency] = None
    return rates


def _ending_discounts(
    open_ones: QuerySet[SupplierInvoice], first: date, last: date
) -> QuerySet[SupplierInvoice, Any]:
    percent = F("supplier__discount_percent")
    return (
        open_ones.filter(
            kind=SupplierInvoice.Kind.INVOICE, supplier__discount_percent__gt=0, payable__gt=0
        )
        .annotate(
            ends_on=ExpressionWrapper(
                F("invoiced_on") + F("supplier__discount_days"), output_field=DateField()
            )
        )
        .filter(ends_on__range=(first, last))
        .values("ends_on", "currency")
        .annotate(
            count=Count("pk"),
            discount=Sum(Round(F("payable") * percent / 100, 2, output_field=MoneyField())),
        )
    )


def _signed_payable() -> Case:
    return Case(
        When(kind=SupplierInvoice.Kind.CREDIT_NOTE, then=-F("payable")),
        default=F("payable"),
        output_field=MoneyField(),
    )
