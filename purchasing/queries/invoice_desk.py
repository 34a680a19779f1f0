"""The invoice desk: which bills wait for whom, for how long, and which one comes next."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import (
    Count,
    DateField,
    Exists,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    TextChoices,
    Value,
)
from django.db.models.functions import Coalesce
from django.utils import timezone

from purchasing.models import MatchException, SupplierInvoice
from purchasing.queries.exceptions import exceptions_to_decide
from retail.common.money import ZERO

Owner = MatchException.Owner
Key = tuple[int, int | None, str, str]

# Decided, and payment waits until what was decided has made up for the difference.
STILL_BLOCKING = frozenset({"CREDIT_ASKED", "ORDER_WRONG", "RECEIPT_WRONG", "DISPUTED"})
_OLDER_THAN_DAYS = {"week": 7, "month": 30}


class DeskState(TextChoices):
    """What a bill waits for when it is not for somebody to decide a difference."""

    CORRECTION = "correction", "Credit or correction"
    GOODS = "goods", "Goods to come"
    CAPTURED = "captured", "To be matched"
    MATCHED = "matched", "To be approved"
    APPROVED = "approved", "To be exported"


class DeskAge(TextChoices):
    OVERDUE = "overdue", "Overdue"
    WEEK = "week", "Older than a week"
    MONTH = "month", "Older than a month"


STATUS_OF = {
    DeskState.CORRECTION: SupplierInvoice.Status.ON_HOLD,
    DeskState.GOODS: SupplierInvoice.Status.MATCHING,
    DeskState.CAPTURED: SupplierInvoice.Status.CAPTURED,
    DeskState.MATCHED: SupplierInvoice.Status.MATCHED,
    DeskState.APPROVED: SupplierInvoice.Status.APPROVED,
}


@dataclass(frozen=True)
class DeskQueue:
    """
    Bills that wait, what falls due first on top.

    owners: the roles whose open differences are looked for; with `state`, bills that wait for
    something else instead. now: its day tells what is overdue.
    """

    owners: tuple[str, ...]
    now: datetime
    state: str = ""
    age: str = ""

    @property
    def today(self) -> date:
        return timezone.localdate(self.now)

    def items(self) -> QuerySet[Any]:
        """
        Return a row for each bill: the difference that is to be decided first; by state, the bill.

        That no other difference comes before is asked of each row, so that rows come in the order
        of the index and a page reads about as many as it shows.
        """
        if self.state:
            return self._bills().order_by("due_on", "pk")
        waiting = self._differences()
        one_before = waiting.annotate(due=_DUE).filter(
            Q(due__lt=OuterRef("due")) | Q(due=OuterRef("due"), pk__lt=OuterRef("pk")),
            invoice=OuterRef("invoice"),
        )
        return waiting.annotate(due=_DUE).filter(~Exists(one_before)).order_by("due_on", "pk")

    def _differences(self) -> QuerySet[MatchException]:
        waiting = _to_decide().filter(self._is_of_age("raised_at"))
        if set(self.owners) == set(Owner.values):
            return waiting
        return waiting.filter(owner__in=self.owners)

    def _bills(self) -> QuerySet[SupplierInvoice]:
        bills = SupplierInvoice.objects.filter(
            self._is_of_age("captured_at"), status=STATUS_OF[DeskState(self.state)]
        )
        return bills.filter(~_HAS_OPEN) if self.state == DeskState.CORRECTION else bills

    def _is_of_age(self, begun_at: str) -> Q:
        if self.age == DeskAge.OVERDUE:
            return Q(due_on__lt=self.today)
        if days := _OLDER_THAN_DAYS.get(self.age):
            return Q(**{f"{begun_at}__lt": self.now - timedelta(days=days)})
        return Q()


@dataclass(frozen=True)
class WaitingBill:
    """One bill of the queue and what is worst about it; due_on is the decision's, or its own."""

    invoice: SupplierInvoice
    due_on: date | None
    differences: int
    at_stake: Decimal
    worst: MatchException | None


@dataclass(frozen=True)
class DeskTab:
    """How many bills wait, how many of them too long, and what accepting everything would cost."""

    value: str
    label: str
    bills: int
    overdue: int = 0
    at_stake: Decimal = ZERO


@dataclass(frozen=True)
class Neighbours:
    """The bills before and after one in a queue, None at its ends."""

    before: int | None
    after: int | None


def waiting_bills(queue: DeskQueue, items: Iterable[Any]) -> list[WaitingBill]:
    """Return the rows of a page: items of the queue, read with their suppliers."""
    invoices = {item.pk: item if queue.state else item.invoice for item in items}
    of_invoice: dict[int, list[MatchException]] = defaultdict(list)
    rows = MatchException.objects.filter(
        invoice__in=[invoice.pk for invoice in invoices.values()], is_blocking=True
    ).order_by("pk")
    for exception in standing_exceptions(rows):
        if _is_looked_at(queue, exception):
            of_invoice[exception.invoice_id].append(exception)
    return [
        WaitingBill(
            invoice=(invoice := invoices[item.pk]),
            due_on=item.due_on,
            differences=len(of_invoice[invoice.pk]),
            at_stake=sum((row.at_stake for row in of_invoice[invoice.pk]), ZERO),
            worst=max(of_invoice[invoice.pk], key=_badness, default=None),
        )
        for item in items
    ]


def standing_exceptions(rows: Iterable[MatchException]) -> list[MatchException]:
    """Return of several rows about the same thing the youngest. rows: the oldest first."""
    latest: dict[Key, MatchException] = {}
    for row in rows:
        latest[row.invoice_id, row.invoice_line_id, row.kind, row.subject] = row
    return list(latest.values())


def desk_role_tabs(*, today: date) -> list[DeskTab]:
    """Return for each role how many bills wait for its decisions."""
    per_bill = (
        _to_decide().values("owner", "invoice").annotate(due=Min("due_on"), stake=Sum("at_stake"))
    )
    totals = per_bill.aggregate(
        **{f"{owner}_bills": Count("invoice", filter=Q(owner=owner)) for owner in Owner.values},
        **{
            f"{owner}_overdue": Count("invoice", filter=Q(owner=owner, due__lt=today))
            for owner in Owner.values
        },
        **{f"{owner}_stake": Sum("stake", filter=Q(owner=owner)) for owner in Owner.values},
    )
    return [
        DeskTab(
            value=owner.value,
            label=owner.label,
            bills=totals[f"{owner.value}_bills"],
            overdue=totals[f"{owner.value}_overdue"],
            at_stake=totals[f"{owner.value}_stake"] or ZERO,
        )
        for owner in Owner
    ]


def desk_state_tabs() -> list[DeskTab]:
    """Return how many bills wait for something else than a decision."""
    counted = dict(
        SupplierInvoice.objects.filter(
            status__in=[
                status for state, status in STATUS_OF.items() if state != DeskState.CORRECTION
            ]
        )
        .values_list("status")
        .annotate(bills=Count("pk"))
    )
    counted[STATUS_OF[DeskState.CORRECTION]] = SupplierInvoice.objects.filter(
        ~_HAS_OPEN, status=STATUS_OF[DeskState.CORRECTION]
    ).count()
    return [
        DeskTab(value=state.value, label=state.label, bills=counted.get(STATUS_OF[state], 0))
        for state in DeskState
    ]


def is_at_desk(queue: DeskQueue, invoice_id: int) -> bool:
    """Tell whether a bill waits in the queue."""
    return _of_bill(queue, invoice_id).exists()


def desk_neighbours(queue: DeskQueue, invoice_id: int) -> Neighbours:
    """Return the bills before and after one; beside one that does not wait stands the first."""
    items = queue.items()
    here = _of_bill(queue, invoice_id).first()
    if here is None:
        return Neighbours(before=None, after=_bill(queue, items.first()))
    if here.due_on is None:
        before = items.filter(Q(due_on__isnull=False) | Q(pk__lt=here.pk))
        after = items.filter(due_on__isnull=True, pk__gt=here.pk)
    else:
        # The range is said apart, for only so it is looked up in the index.
        same_day = Q(due_on=here.due_on)
        before = items.filter(~same_day | Q(pk__lt=here.pk), due_on__lte=here.due_on)
        after = items.filter(~same_day | Q(pk__gt=here.pk), due_on__gte=here.due_on)
    following = after.first()
    if following is None and here.due_on is not None:
        following = items.filter(due_on__isnull=True).first()
    return Neighbours(before=_bill(queue, before.reverse().first()), after=_bill(queue, following))


def first_at_desk(queue: DeskQueue, *, but_not: int) -> int | None:
    """Return the bill on top of the queue, whatever one is left out."""
    items = queue.items()
    others = items.exclude(pk=but_not) if queue.state else items.exclude(invoice=but_not)
    return _bill(queue, others.first())


def _to_decide() -> QuerySet[MatchException]:
    return exceptions_to_decide().select_related(None).order_by()


def _of_bill(queue: DeskQueue, invoice_id: int) -> QuerySet[Any]:
    if queue.state:
        return queue.items().filter(pk=invoice_id)
    return queue.items().filter(invoice=invoice_id)


def _bill(queue: DeskQueue, item: Any) -> int | None:
    if item is None:
        return None
    bill: int = item.pk if queue.state else item.invoice_id
    return bill


def _is_looked_at(queue: DeskQueue, exception: MatchException) -> bool:
    if queue.state == DeskState.CORRECTION:
        return exception.status in STILL_BLOCKING
    is_open = exception.status == MatchException.Status.OPEN
    return is_open and (bool(queue.state) or exception.owner in queue.owners)


def _badness(exception: MatchException) -> tuple[Decimal, Decimal, int]:
    """What costs most is worst; of what costs nothing, what is furthest off."""
    return exception.at_stake, abs(exception.actual - exception.expected), -exception.pk


# What has no day is decided last.
_DUE = Coalesce("due_on", Value(date.max), output_field=DateField())
_HAS_OPEN = Exists(
    MatchException.objects.filter(
        invoice=OuterRef("pk"), status=MatchException.Status.OPEN, is_blocking=True
    )
)
