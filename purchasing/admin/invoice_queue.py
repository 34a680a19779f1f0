"""The queue of the invoice desk: which bills wait for whom, the most pressing on top."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern
from django.utils import timezone
from unfold.enums import ActionVariant

from orders.admin.paging import StoppedPaginator
from purchasing.admin.desk_queue import EVERYBODY, DeskView
from purchasing.models import MatchException, SupplierInvoice
from purchasing.queries import (
    DeskAge,
    DeskState,
    DeskTab,
    WaitingBill,
    desk_role_tabs,
    desk_state_tabs,
    waiting_bills,
)
from retail.common import money
from retail.common.admin import ViewOnlyAdmin

BILLS_ON_A_PAGE = 50
# Unfold's own scripts need to evaluate text; nothing comes from, or goes to, another host.
DESK_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval';"
    " style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
    " frame-ancestors 'none'; base-uri 'self'; form-action 'self'"
)


@dataclass(frozen=True)
class Link:
    """A tab or a filter: where it leads, what it counts, and whether it is looked at now."""

    label: str
    url: str
    is_here: bool
    count: str = ""
    about: str = ""


@dataclass(frozen=True)
class QueueRow:
    """A bill as the queue shows it."""

    url: str
    invoice: SupplierInvoice
    total: str
    difference: str
    more: int
    at_stake: str
    owner: str
    due_on: date | None
    is_overdue: bool
    days: int


class InvoiceQueue(ViewOnlyAdmin):
    """The page `desk/` of suppliers' invoices."""

    def get_urls(self) -> list[URLPattern]:
        return [self._path("desk/", self.queue_view, "queue"), *super().get_urls()]

    def queue_view(self, request: HttpRequest) -> HttpResponseBase:
        """Show what waits, by role or by what it waits for, and by age."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now, view = timezone.now(), DeskView.of(request)
        queue = view.queue(now)
        supplier = "supplier" if queue.state else "invoice__supplier"
        items = queue.items().select_related(supplier)
        page = StoppedPaginator(items, BILLS_ON_A_PAGE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "title": "Invoice desk",
            "opts": self.opts,
            "role_tabs": _role_links(view, desk_role_tabs(today=queue.today)),
            "state_tabs": _state_links(view, desk_state_tabs()),
            "ages": _age_links(view),
            "page": page,
            "is_stopped": page.paginator.is_stopped,
            "is_by_state": bool(queue.state),
            "rows": [
                _row(view, waiting, now=now) for waiting in waiting_bills(queue, page.object_list)
            ],
        }
        answer = TemplateResponse(request, "admin/purchasing/invoice_queue.html", context)
        answer["Content-Security-Policy"] = DESK_POLICY
        return answer

    def _list_buttons(self, request: HttpRequest) -> list[dict[str, Any]]:
        """Lead from the plain list to the desk, before what can be done with the list."""
        desk = {
            "title": "Invoice desk",
            "icon": "difference",
            "variant": ActionVariant.DEFAULT,
            "attrs": {},
            "dialog": None,
            "path": self._url("queue"),
        }
        return [desk, *super()._list_buttons(request)]


def _role_links(view: DeskView, tabs: list[DeskTab]) -> list[Link]:
    own, everybody = set(view.owners), set(MatchException.Owner.values)
    return [
        *(
            Link(
                label=tab.label,
                url=view.list_url(role=tab.value),
                is_here=not view.state and own == {tab.value},
                count=f"{tab.bills:,}",
                about=_about(tab),
            )
            for tab in tabs
        ),
        Link(
            label="Everybody",
            url=view.list_url(role=EVERYBODY),
            is_here=not view.state and own == everybody,
        ),
    ]


def _about(tab: DeskTab) -> str:
    parts = []
    if tab.overdue:
        parts.append(f"{tab.overdue:,} overdue")
    if tab.at_stake:
        parts.append(f"{_stake(tab.at_stake)} at stake")
    return ", ".join(parts)


def _state_links(view: DeskView, tabs: list[DeskTab]) -> list[Link]:
    return [
        Link(
            label=tab.label,
            url=view.list_url(state=tab.value),
            is_here=view.state == tab.value,
            count=f"{tab.bills:,}",
        )
        for tab in tabs
    ]


def _age_links(view: DeskView) -> list[Link]:
    return [
        Link(label="Any age", url=view.list_url(age=""), is_here=not view.age),
        *(
            Link(label=age.label, url=view.list_url(age=age.value), is_here=view.age == age)
            for age in DeskAge
        ),
    ]


def _row(view: DeskView, waiting: WaitingBill, *, now: datetime) -> QueueRow:
    invoice, worst = waiting.invoice, waiting.worst
    sign = -1 if invoice.kind == SupplierInvoice.Kind.CREDIT_NOTE else 1
    begun_at = worst.raised_at if worst and not view.state else invoice.captured_at
    is_waiting = view.state in {"", DeskState.MATCHED, DeskState.CAPTURED, DeskState.APPROVED}
    return QueueRow(
        url=view.bill_url(invoice.pk),
        invoice=invoice,
        total=money.display(sign * invoice.total, invoice.currency),
        difference=difference_in_words(worst) if worst else "",
        more=max(waiting.differences - 1, 0),
        at_stake=_stake(waiting.at_stake) if waiting.at_stake else "",
        owner=worst.get_owner_display() if worst else "",
        due_on=waiting.due_on,
        is_overdue=bool(is_waiting and waiting.due_on and waiting.due_on < timezone.localdate(now)),
        days=(now - begun_at).days,
    )


def difference_in_words(exception: MatchException) -> str:
    """Return what does not agree, with the figures: `Unit price 2.50, billed 3.00`."""
    what = f"{exception.get_kind_display()} {exception.subject}".strip()
    if exception.expected == exception.actual:
        return what
    expected, actual = money.display_rate(exception.expected), money.display_rate(exception.actual)
    return f"{what}: {expected} expected, {actual} billed"


def _stake(amount: Decimal) -> str:
    return money.display(amount, settings.RETAIL_CURRENCY)
