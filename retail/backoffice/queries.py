"""What waits for somebody, over all apps: a constant number of queries each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Count, Min, Q, Sum
from django.db.models.functions import TruncDate
from django_celery_beat.models import PeriodicTask

from catalog.models import ExchangeRate
from channels.models import OutboxEntry
from inventory.models import (
    Allocation,
    AvailabilityChange,
    CountRequest,
    StockCount,
    Transfer,
    WithdrawnPromise,
)
from orders.models import Order, OrderHold
from orders.queries import orders_to_ship, waiting_lines, waiting_orders
from purchasing.models import Handover, InvoiceDocument, SupplierInvoice
from retail.common.models import ImportRun, TaskRun
from retail.common.money import ZERO, round_amount

FAILED_IMPORTS_OF = timedelta(days=7)
SALES_DAYS = 14
NEWEST_ORDERS = 8
# A task may miss a turn while the worker is busy; two missed ones are a fault.
TURNS_UNTIL_LATE = 3
INTEGRITY_TASK = "backoffice.check_integrity"


@dataclass(frozen=True)
class HoldsWaiting:
    """Open holds of one kind."""

    kind: str
    label: str
    count: int
    oldest: timedelta


@dataclass(frozen=True)
class OrdersWaiting:
    to_ship: int
    waiting_orders: int
    waiting_lines: int
    holds: tuple[HoldsWaiting, ...]


@dataclass(frozen=True)
class StockWaiting:
    """
    What waits in the stockroom.

    late: of the transfers on the way, those that should have arrived. to_count: articles at a
    location. ending: goods put aside that are free again tomorrow. withdrawn: promises taken back
    whose orders do not know it yet, the oldest of them so old.
    """

    on_the_way: int
    late: int
    to_approve: int
    to_count: int
    ending: int
    withdrawn: int
    oldest_withdrawn: timedelta | None


@dataclass(frozen=True)
class InvoicesWaiting:
    """What waits at the invoices desk; documents: files that nobody could make a bill of yet."""

    on_hold: int
    waiting_for_goods: int
    to_approve: int
    to_export: int
    documents: int
    not_handed_over: int


@dataclass(frozen=True)
class ImportsWaiting:
    """Files that failed in the last week, and files waiting for a decision."""

    failed: int
    staged: int


@dataclass(frozen=True)
class Unpushed:
    """Stock changes that no channel was told yet."""

    changes: int
    oldest: timedelta | None


@dataclass(frozen=True)
class DaySales:
    """Orders placed on a day; `total` in book currency at the last known rates."""

    day: date
    orders: int
    total: Decimal


@dataclass(frozen=True)
class TaskHealth:
    """
    How a scheduled task fares; `title` is what the schedule calls it.

    last: its newest run, None when it never ran. every: how often it should run, None when it has
    no interval. is_late: it should have run again by now.
    """

    name: str
    title: str
    last: TaskRun | None
    every: timedelta | None
    is_enabled: bool
    is_late: bool

    @property
    def is_well(self) -> bool:
        return not self.is_late and (self.last is None or self.last.status != "FAILED")


def orders_waiting(*, at: datetime) -> OrdersWaiting:
    """Return what waits at the orders desk."""
    holds = (
        OrderHold.objects.filter(released_at__isnull=True)
        .values("kind")
        .annotate(count=Count("pk"), oldest=Min("opened_at"))
        .order_by("kind")
    )
    return OrdersWaiting(
        to_ship=orders_to_ship().count(),
        waiting_orders=waiting_orders().count(),
        waiting_lines=waiting_lines().count(),
        holds=tuple(
            HoldsWaiting(
                kind=row["kind"],
                label=OrderHold.Kind(row["kind"]).label,
                count=row["count"],
                oldest=at - row["oldest"],
            )
            for row in holds
        ),
    )


def stock_waiting(*, at: datetime, today: date, day_ends_at: datetime) -> StockWaiting:
    """Return what waits in the stockroom; the day as the people there count it."""
    transfers = Transfer.objects.on_the_way().aggregate(
        on_the_way=Count("pk"), late=Count("pk", filter=Q(expected_on__lt=today))
    )
    withdrawn = WithdrawnPromise.objects.filter(settled_at__isnull=True).aggregate(
        count=Count("pk"), oldest=Min("withdrawn_at")
    )
    oldest = withdrawn["oldest"]
    return StockWaiting(
        on_the_way=transfers["on_the_way"],
        late=transfers["late"],
        to_approve=StockCount.objects.filter(status=StockCount.Status.AWAITING_APPROVAL).count(),
        to_count=CountRequest.objects.filter(settled_at__isnull=True).count(),
        ending=Allocation.objects.open().filter(expires_at__lte=day_ends_at).count(),
        withdrawn=withdrawn["count"],
        oldest_withdrawn=at - oldest if oldest else None,
    )


def invoices_waiting() -> InvoicesWaiting:
    """Return what waits at the invoices desk."""
    status = SupplierInvoice.Status
    counts = SupplierInvoice.objects.aggregate(
        on_hold=Count("pk", filter=Q(status=status.ON_HOLD)),
        waiting_for_goods=Count("pk", filter=Q(status=status.MATCHING)),
        to_approve=Count("pk", filter=Q(status=status.MATCHED)),
        to_export=Count("pk", filter=Q(status=status.APPROVED)),
    )
    documents = InvoiceDocument.objects.filter(status=InvoiceDocument.Status.NEEDS_PERSON)
    return InvoicesWaiting(
        **counts,
        documents=documents.count(),
        not_handed_over=Handover.objects.filter(state=Handover.State.FAILED).count(),
    )


def imports_waiting(*, at: datetime) -> ImportsWaiting:
    """Return the files that somebody should look at."""
    status = ImportRun.Status
    counts = ImportRun.objects.aggregate(
        failed=Count("pk", filter=Q(status=status.FAILED, started_at__gte=at - FAILED_IMPORTS_OF)),
        staged=Count("pk", filter=Q(status=status.STAGED)),
    )
    return ImportsWaiting(**counts)


def unpushed(*, at: datetime) -> Unpushed:
    """Return how many stock changes no push has read yet."""
    found = AvailabilityChange.objects.aggregate(changes=Count("pk"), oldest=Min("changed_at"))
    oldest = found["oldest"]
    return Unpushed(changes=found["changes"], oldest=at - oldest if oldest else None)


def refused_by_channels() -> int:
    """Return how many messages channels refused for good."""
    return OutboxEntry.objects.filter(status=OutboxEntry.Status.FAILED).count()


def sales_by_day(*, today: date) -> list[DaySales]:
    """Return the last two weeks, days without orders included; cancelled orders do not count."""
    first_day = today - timedelta(days=SALES_DAYS - 1)
    rows = (
        Order.objects.exclude(lifecycle__in=[Order.Lifecycle.DRAFT, Order.Lifecycle.CANCELLED])
        .filter(placed_at__date__gte=first_day, placed_at__date__lte=today)
        .annotate(day=TruncDate("placed_at"))
        .values("day", "currency")
        .annotate(orders=Count("pk"), total=Sum("total"))
        .order_by("day", "currency")
    )
    rates = _last_known_rates()
    counted = {first_day + timedelta(days=n): [0, ZERO] for n in range(SALES_DAYS)}
    for row in rows:
        counted[row["day"]][0] += row["orders"]
        counted[row["day"]][1] += row["total"] * rates.get(row["currency"], ZERO)
    return [
        DaySales(day=day, orders=orders, total=round_amount(total, settings.RETAIL_CURRENCY))
        for day, (orders, total) in counted.items()
    ]


def newest_orders() -> list[Order]:
    """Return the orders that came last."""
    return list(Order.objects.select_related("channel").order_by("-pk")[:NEWEST_ORDERS])


def task_healths(*, at: datetime) -> list[TaskHealth]:
    """Return every scheduled task, and every other one that ever left a run, by name."""
    last = {
        run.name: run
        for run in TaskRun.objects.filter(slot="")
        .order_by("name", "-started_at", "-pk")
        .distinct("name")
    }
    scheduled = {
        task.task: task
        for task in PeriodicTask.objects.select_related("interval")
        .exclude(task__startswith="celery.")
        .order_by("pk")
    }
    return [
        _health(name, last.get(name), scheduled.get(name), at)
        for name in sorted({*last, *scheduled})
    ]


def last_integrity_check() -> TaskRun | None:
    """Return the newest finished check of totals against their ledgers."""
    return (
        TaskRun.objects.filter(name=INTEGRITY_TASK, status=TaskRun.Status.DONE)
        .order_by("-started_at", "-pk")
        .first()
    )


def interval_of(task: PeriodicTask) -> timedelta | None:
    """Return how often a task runs, None when it runs by the clock."""
    interval = task.interval
    return timedelta(**{interval.period: interval.every}) if interval else None


def _health(
    name: str, last: TaskRun | None, scheduled: PeriodicTask | None, at: datetime
) -> TaskHealth:
    every = interval_of(scheduled) if scheduled else None
    is_enabled = bool(scheduled and scheduled.enabled)
    is_due = is_enabled and every is not None
    is_late = is_due and (last is None or at - last.started_at > every * TURNS_UNTIL_LATE)
    return TaskHealth(
        name=name,
        title=scheduled.name if scheduled else name,
        last=last,
        every=every,
        is_enabled=is_enabled,
        is_late=is_late,
    )


def _last_known_rates() -> dict[str, Decimal]:
    rates = dict(
        ExchangeRate.objects.order_by("currency", "-valid_on")
        .distinct("currency")
        .values_list("currency", "rate")
    )
    return {**rates, settings.RETAIL_CURRENCY: Decimal(1)}
