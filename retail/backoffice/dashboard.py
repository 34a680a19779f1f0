"""The home page: what waits for this person, each figure leading to the list behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from channels.queries import sync_ages
from orders.models import Order
from purchasing.queries import exceptions_by_owner
from retail.backoffice import buying, handling, queries
from retail.backoffice.ages import in_words
from retail.backoffice.navigation import INVOICE_DESK

# Older than this, something that should run every few minutes does not.
STALE = timedelta(minutes=15)
OLD_EXCEPTION = timedelta(days=3)
OLD_HOLD = timedelta(days=1)
# They are compared every night.
OLD_CHECK = timedelta(days=2)


@dataclass(frozen=True)
class Figure:
    """
    One line of a card: how many, of what, and where to see them.

    tone: "" as it should be, "warn" somebody should look, "bad" something is wrong.
    permission: what it takes to see it, besides that of its card.
    """

    label: str
    value: int | str
    url: str
    note: str = ""
    tone: str = ""
    permission: str = ""


@dataclass(frozen=True)
class Card:
    """The figures of one desk."""

    title: str
    icon: str
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Bar:
    """One day of the sales chart; height in percent of the best day."""

    weekday: str
    day: str
    orders: int
    total: str
    height: int


def home(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the home page what this person may see of what waits."""
    now = timezone.now()
    may_see_orders = request.user.has_perm("orders.view_order")
    cards = [
        Card(title, icon, tuple(_permitted(request, figures(now))))
        for title, icon, permission, figures in _CARDS
        if request.user.has_perm(permission)
    ]
    return {
        **context,
        "title": "Home",
        "cards": [card for card in cards if card.figures],
        "bars": _bars(now) if may_see_orders else [],
        "newest_orders": _newest_orders(now) if may_see_orders else [],
        "currency": settings.RETAIL_CURRENCY,
    }


def _permitted(request: HttpRequest, figures: Iterable[Figure]) -> Iterator[Figure]:
    for figure in figures:
        if not figure.permission or request.user.has_perm(figure.permission):
            yield figure


def _orders(now: datetime) -> Iterator[Figure]:
    waiting = queries.orders_waiting(at=now)
    yield Figure(
        "Ready to ship",
        waiting.to_ship,
        _list("orders_order", queue="ship"),
        tone="warn" if waiting.to_ship else "",
    )
    yield Figure(
        "Waiting for stock",
        waiting.waiting_orders,
        _list("orders_order", queue="stock"),
        note=f"{waiting.waiting_lines} lines" if waiting.waiting_lines else "",
        tone="warn" if waiting.waiting_orders else "",
    )
    conflicts = handling.conflicts_waiting()
    is_due = conflicts.first_due_at is not None and conflicts.first_due_at < now
    yield Figure(
        "Channels disagree with us",
        conflicts.count,
        _list("orders_channelconflict", state="open"),
        note="overdue" if is_due else "",
        tone="bad" if is_due else "warn" if conflicts.count else "",
        permission="orders.view_channelconflict",
    )
    for hold in waiting.holds:
        yield Figure(
            f"On hold: {hold.label.lower()}",
            hold.count,
            _list("orders_orderhold", state="open", kind__exact=hold.kind),
            note=f"oldest {in_words(hold.oldest)}",
            tone="bad" if hold.oldest > OLD_HOLD else "warn",
        )


def _packing(now: datetime) -> Iterator[Figure]:
    waiting = handling.packing_waiting(at=now)
    yield _waits("Orders to pick", waiting.to_pick, _list("orders_order", queue="pick"))
    yield _waits(
        "Being picked", waiting.in_picking, _list("orders_fulfillment", status__exact="PICKING")
    )
    yield _waits("Packed, to be sent", waiting.to_send, _list("orders_fulfillment", queue="ship"))


def _pickups(now: datetime) -> Iterator[Figure]:
    waiting = handling.pickups_at_counter(at=now)
    yield _waits(
        "Customers who have arrived",
        waiting.arrived,
        _list("orders_pickup", queue="arrived"),
        tone="bad",
    )
    yield _waits(
        "To make ready",
        waiting.to_make_ready,
        _list("orders_pickup", queue="waiting"),
    )
    yield _waits(
        "Not ready in time", waiting.overdue, _list("orders_pickup", queue="overdue"), tone="bad"
    )
    yield _waits("Ready", waiting.ready, _list("orders_pickup", queue="ready"), tone="")
    yield _waits("Nobody came", waiting.expired, _list("orders_pickup", queue="expired"))


def _returns(_now: datetime) -> Iterator[Figure]:
    waiting = handling.returns_waiting()
    yield _waits("Returns to approve", waiting.to_approve, _list("orders_return", queue="approve"))
    yield _waits(
        "Returns expected", waiting.expected, _list("orders_return", queue="expected"), tone=""
    )
    yield _waits("Returns to decide", waiting.to_decide, _list("orders_return", queue="decide"))


def _refunds(_now: datetime) -> Iterator[Figure]:
    waiting = handling.refunds_waiting()
    yield _waits("Refunds to approve", waiting.to_approve, _list("orders_refund", queue="approve"))
    yield _waits("Refunds to pay out", waiting.to_pay_out, _list("orders_refund", queue="pay"))
    yield _waits(
        "Refunds that failed", waiting.failed, _list("orders_refund", queue="failed"), tone="bad"
    )


def _waits(label: str, count: int, url: str, *, tone: str = "warn") -> Figure:
    """Return a figure that is marked as soon as anything waits."""
    return Figure(label, count, url, tone=tone if count else "")


def _stock(now: datetime) -> Iterator[Figure]:
    today = timezone.localdate(now)
    tomorrow = timezone.make_aware(datetime.combine(today + timedelta(days=1), time.min))
    waiting = queries.stock_waiting(at=now, today=today, day_ends_at=tomorrow)
    yield Figure(
        "Transfers on the way",
        waiting.on_the_way,
        _list("inventory_transfer", status__in="DISPATCHED,PARTLY_RECEIVED"),
        note=f"{waiting.late} late" if waiting.late else "",
        tone="warn" if waiting.late else "",
        permission="inventory.view_transfer",
    )
    yield Figure(
        "Counts to approve",
        waiting.to_approve,
        _list("inventory_stockcount", status__exact="AWAITING_APPROVAL"),
        tone="warn" if waiting.to_approve else "",
        permission="inventory.view_stockcount",
    )
    yield Figure(
        "Articles to be counted",
        waiting.to_count,
        _list("inventory_countrequest", settled_at__isnull=True),
        tone="warn" if waiting.to_count else "",
        permission="inventory.view_countrequest",
    )
    yield Figure(
        "Put aside until today",
        waiting.ending,
        _list("inventory_allocation", closed_at__isnull=True, expires_at__lte=tomorrow.isoformat()),
        tone="warn" if waiting.ending else "",
        permission="inventory.view_allocation",
    )
    oldest = waiting.oldest_withdrawn
    yield Figure(
        "Promises taken back, orders not told yet",
        waiting.withdrawn,
        _list("inventory_withdrawnpromise", settled_at__isnull=True),
        note=f"oldest {in_words(oldest)}" if oldest is not None else "",
        tone="bad" if oldest is not None and oldest > STALE else "",
        permission="inventory.view_withdrawnpromise",
    )


def _buying(now: datetime) -> Iterator[Figure]:
    waiting = buying.buying_waiting(today=timezone.localdate(now))
    yield Figure(
        "Articles to buy",
        waiting.proposals,
        _list("purchasing_replenishmentproposal"),
        tone="warn" if waiting.proposals else "",
        permission="purchasing.view_replenishmentproposal",
    )
    for label, count, filters in (
        ("Orders to approve", waiting.to_approve, {"status__exact": "AWAITING_APPROVAL"}),
        (
            "Order changes to approve",
            waiting.changes_to_approve,
            {"versions__status__exact": "PROPOSED"},
        ),
        ("Approved orders to send", waiting.to_send, {"status__exact": "APPROVED"}),
    ):
        yield Figure(
            label,
            count,
            _list("purchasing_purchaseorder", **filters),
            tone="warn" if count else "",
        )
    yield Figure("Lines due within a week", waiting.due_soon, reverse("report-open-order-lines"))
    yield Figure(
        "Lines that are late",
        waiting.late,
        reverse("report-late-order-lines"),
        tone="bad" if waiting.late else "",
    )
    yield Figure(
        "Slipped deliveries",
        waiting.slipped,
        _list("purchasing_deliveryslip", state="new"),
        tone="warn" if waiting.slipped else "",
        permission="purchasing.view_deliveryslip",
    )
    yield Figure(
        "Returns to suppliers to approve",
        waiting.returns_to_approve,
        _list("purchasing_supplierreturn", status__exact="DRAFT"),
        tone="warn" if waiting.returns_to_approve else "",
        permission="purchasing.view_supplierreturn",
    )


def _receiving(_now: datetime) -> Iterator[Figure]:
    waiting = buying.receiving_waiting()
    yield Figure(
        "Deliveries being counted",
        waiting.deliveries,
        _list("purchasing_delivery", status__exact="OPEN"),
        tone="warn" if waiting.deliveries else "",
    )
    yield Figure(
        "Held goods to decide about",
        waiting.held,
        _list("purchasing_heldgoods"),
        tone="warn" if waiting.held else "",
        permission="purchasing.view_heldgoods",
    )
    yield Figure(
        "Returns to suppliers to send",
        waiting.returns_to_send,
        _list("purchasing_supplierreturn", status__exact="APPROVED"),
        tone="warn" if waiting.returns_to_send else "",
        permission="purchasing.view_supplierreturn",
    )


def _invoices(now: datetime) -> Iterator[Figure]:
    waiting = queries.invoices_waiting()
    yield Figure(
        "Files that somebody has to look at",
        waiting.documents,
        _list("purchasing_invoicedocument", status__exact="NEEDS_PERSON"),
        tone="warn" if waiting.documents else "",
        permission="purchasing.view_invoicedocument",
    )
    for label, count, status, tone in (
        ("Invoices on hold", waiting.on_hold, "ON_HOLD", "bad"),
        ("Invoices waiting for goods", waiting.waiting_for_goods, "MATCHING", ""),
        ("Invoices to approve", waiting.to_approve, "MATCHED", "warn"),
        ("Invoices to hand to accounting", waiting.to_export, "APPROVED", "warn"),
    ):
        yield Figure(
            label,
            count,
            _list("purchasing_supplierinvoice", status__exact=status),
            tone=tone if count else "",
            permission="purchasing.view_payableexport",
        )
    yield Figure(
        "Files that could not be handed over",
        waiting.not_handed_over,
        _list("purchasing_handover", state__exact="FAILED"),
        tone="bad" if waiting.not_handed_over else "",
        permission="purchasing.view_handover",
    )
    for group in exceptions_by_owner(at=now):
        age = now - group.oldest_at
        overdue = f", {group.overdue} overdue" if group.overdue else ""
        yield Figure(
            f"Differences for the {group.owner.lower()}",
            group.count,
            f"{reverse(INVOICE_DESK)}?{urlencode({'role': group.owner})}",
            note=f"oldest {in_words(age)}{overdue}",
            tone="bad" if group.overdue or age > OLD_EXCEPTION else "warn",
        )


def _channels(now: datetime) -> Iterator[Figure]:
    for sync in sync_ages(at=now):
        age = f"{in_words(sync.age)} ago" if sync.age is not None else "never"
        is_stale = sync.age is None or sync.age > STALE
        yield Figure(
            f"{sync.channel.name}: {sync.stream} read",
            age,
            _list("channels_synccursor", channel__id__exact=sync.channel.pk),
            note=f"{sync.failures} failed in a row" if sync.failures else "",
            tone="bad" if sync.failures or is_stale else "",
        )
    changes = queries.unpushed(at=now)
    is_slow = changes.oldest is not None and changes.oldest > STALE
    yield Figure(
        "Stock changes not pushed yet",
        changes.changes,
        _list("inventory_availabilitychange"),
        note=f"oldest {in_words(changes.oldest)}" if changes.oldest else "",
        tone="bad" if is_slow else "",
    )
    refused = queries.refused_by_channels()
    yield Figure(
        "Messages refused by channels",
        refused,
        _list("channels_outboxentry", status__exact="FAILED"),
        tone="bad" if refused else "",
    )


def _imports(now: datetime) -> Iterator[Figure]:
    waiting = queries.imports_waiting(at=now)
    yield Figure(
        "Waiting for a decision",
        waiting.staged,
        _list("common_importrun", status__exact="STAGED"),
        tone="warn" if waiting.staged else "",
    )
    yield Figure(
        "Failed in the last week",
        waiting.failed,
        _list("common_importrun", status__exact="FAILED"),
        tone="bad" if waiting.failed else "",
    )


def _health(now: datetime) -> Iterator[Figure]:
    check = queries.last_integrity_check()
    differences = check.summary.get("differences", 0) if check else 0
    is_late = check is None or now - check.started_at > OLD_CHECK
    yield Figure(
        "Totals that differ from their ledgers",
        differences,
        reverse("health-tasks"),
        note=f"compared {in_words(now - check.started_at)} ago" if check else "never compared",
        tone="bad" if differences else "warn" if is_late else "",
    )


_CARDS: tuple[tuple[str, str, str, Callable[[datetime], Iterator[Figure]]], ...] = (
    ("Orders", "shopping_bag", "orders.view_order", _orders),
    ("Picking and packing", "package_2", "orders.view_fulfillment", _packing),
    ("Pickups", "storefront", "orders.view_pickup", _pickups),
    ("Returns", "assignment_return", "orders.view_return", _returns),
    ("Refunds", "currency_exchange", "orders.view_refund", _refunds),
    ("Stockroom", "warehouse", "inventory.view_stocklevel", _stock),
    ("Receiving", "move_to_inbox", "purchasing.view_delivery", _receiving),
    ("Buying", "receipt_long", "purchasing.view_purchaseorder", _buying),
    ("Invoices", "request_quote", "purchasing.view_supplierinvoice", _invoices),
    ("Channels", "hub", "channels.view_synccursor", _channels),
    ("Imported files", "file_open", "common.view_importrun", _imports),
    ("Health", "monitor_heart", "common.view_taskrun", _health),
)


def _newest_orders(now: datetime) -> list[tuple[Order, str]]:
    """Return the newest orders, each with how long ago it was placed."""
    return [
        (order, in_words(max(now - order.placed_at, timedelta(0))))
        for order in queries.newest_orders()
    ]


def _bars(now: datetime) -> list[Bar]:
    days = queries.sales_by_day(today=now.date())
    best = max((day.orders for day in days), default=0) or 1
    return [
        Bar(
            weekday=f"{day.day:%a}",
            day=f"{day.day:%d}",
            orders=day.orders,
            total=f"{day.total:,}",
            height=round(100 * day.orders / best),
        )
        for day in days
    ]


def _list(name: str, **filters: Any) -> str:
    url = reverse(f"admin:{name}_changelist")
    return f"{url}?{urlencode(filters)}" if filters else url
