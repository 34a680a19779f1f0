"""The ledger of buying in the admin, and clearing what stays open on an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display

from purchasing import operations
from purchasing.models import Account, LedgerLine, LedgerPosting, PurchaseOrder
from purchasing.queries.grni import grni_lines
from retail.common import money
from retail.common.admin import Act, ActForm, ViewOnlyAdmin, ViewOnlyInline


class LedgerLineInline(ViewOnlyInline):
    model = LedgerLine
    verbose_name_plural = "Lines"
    ordering = ("pk",)
    per_page = 50
    fields = ("account", "debit", "credit", "order", "delivery", "bill")
    readonly_fields = ("debit", "credit", "order", "delivery", "bill")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LedgerLine]:
        queryset: QuerySet[LedgerLine] = super().get_queryset(request)
        return queryset.select_related(
            "order_line__order", "receipt_line__receipt", "invoice_line__invoice"
        )

    @display(description="Debit")
    def debit(self, line: LedgerLine) -> str:
        return _shown(line.amount) if line.amount > 0 else ""

    @display(description="Credit")
    def credit(self, line: LedgerLine) -> str:
        return _shown(-line.amount) if line.amount < 0 else ""

    @display(description="Order line")
    def order(self, line: LedgerLine) -> str:
        ordered = line.order_line
        return f"{ordered.order} line {ordered.position}" if ordered else ""

    @display(description="Delivery")
    def delivery(self, line: LedgerLine) -> str:
        return str(line.receipt_line.receipt) if line.receipt_line else ""

    @display(description="Bill")
    def bill(self, line: LedgerLine) -> str:
        printed = line.invoice_line
        return f"{printed.invoice.number} line {printed.position}" if printed else ""


@admin.register(LedgerPosting)
class LedgerPostingAdmin(ViewOnlyAdmin):
    """What each document changed in the accounts of buying; nothing of it ever changes."""

    inlines = (LedgerLineInline,)
    list_display = ("reference", "kind", "posted_at", "posted_by", "reason")
    list_select_related = ("posted_by",)
    list_filter = ("kind", ("posted_at", RangeDateTimeFilter))
    search_fields = (
        *("reference", "receipt__number", "supplier_return__number", "landed_cost__number"),
        *("invoice__number", "invoice__supplier_number", "lines__order_line__order__number"),
    )
    search_help_text = "Number of a document, or of the order"
    fields = (
        ("reference", "kind"),
        ("receipt", "supplier_return"),
        ("invoice", "landed_cost"),
        ("posted_at", "posted_by"),
        "reason",
    )


class ClearForm(ActForm):
    """Which line of the order, and why."""

    line = forms.ChoiceField(label="Line that stays open")
    reason = forms.CharField(max_length=200, help_text="Kept in the ledger.")

    def __init__(self, *args: Any, document: PurchaseOrder, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        lines = document.lines.order_by("pk").values_list("pk", flat=True)
        found = grni_lines(as_of=timezone.now(), order_line_ids=list(lines))
        self.fields["line"].choices = [
            (line.order_line_id, f"Line {line.position}, {line.sku}: {_shown(line.balance)}")
            for line in found
        ]


def has_open_lines(order: PurchaseOrder) -> bool:
    """Whether goods and bills of a line of the order do not make up for each other."""
    open_lines = (
        LedgerLine.objects.filter(order_line__order=order, account=Account.GRNI)
        .values("order_line")
        .annotate(balance=Sum("amount"))
        .exclude(balance=0)
    )
    return open_lines.exists()


def plan_clearing(
    _request: HttpRequest, _order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> Sequence[str]:
    found = operations.plan_clearing(order_line_id=int(cleaned["line"]), at=now)
    parts = [
        f"{Account(account).label}: {_shown(amount)}"
        for account, amount in found.to_clear.items()
        if amount
    ]
    return [f"{Account.GRNI.label}: {_shown(-found.balance)}", *parts]


def clear(
    request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> str:
    posting = operations.clear_grni(
        order_line_id=int(cleaned["line"]),
        reason=cleaned["reason"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    return f"The line of {order} is cleared: {posting.lines.count()} accounts moved."


CLEARING_ACTS = (
    Act(
        name="clear-grni",
        label="Clear what stays open",
        permission="purchasing.clear_grni",
        perform=clear,
        form=ClearForm,
        plan=plan_clearing,
        is_offered=has_open_lines,
        consequences=lambda _order: (
            (
                "What stays open between goods and bills goes to differences of quantity, price and"
                " exchange. Should a document come after all, it is cleared back."
            ),
        ),
        is_dangerous=True,
        icon="mop",
    ),
)


def _shown(amount: Any) -> str:
    return money.display(amount, settings.RETAIL_CURRENCY)
