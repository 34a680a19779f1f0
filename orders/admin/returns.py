"""Returned goods, exchanges and claims: the queues of whoever decides, and their pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from orders.admin.claim_acts import CLAIM_ACTS
from orders.admin.return_acts import (
    BLIND_RETURN,
    EXCHANGE_ACTS,
    FIND,
    RETURN_ACTS,
    RETURN_LINE_ACTS,
    balance_words,
)
from orders.models import Claim, Exchange, Refund, Return, ReturnLine
from orders.queries import Credit, credit_of
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline
from retail.common.money import display as display_money

_Status = Return.Status
RETURN_LOOKS = {
    _Status.REQUESTED: "warning",
    _Status.APPROVED: "info",
    _Status.IN_TRANSIT: "info",
    _Status.RECEIVED: "primary",
    _Status.CLOSED: "success",
    _Status.DECLINED: "danger",
    _Status.CANCELLED: "danger",
}
CLAIM_LOOKS = {
    Claim.Status.OPEN: "warning",
    Claim.Status.APPROVED: "primary",
    Claim.Status.DENIED: "danger",
    Claim.Status.RESOLVED: "success",
}
QUEUES = {
    "approve": ("To approve", [_Status.REQUESTED]),
    "expected": ("Expected", [_Status.APPROVED, _Status.IN_TRANSIT]),
    "decide": ("To decide", [_Status.RECEIVED]),
}


class ReturnQueueFilter(admin.SimpleListFilter):
    """The queues of the returns desk."""

    title = "what waits"
    parameter_name = "queue"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(code, title) for code, (title, _) in QUEUES.items()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Return]) -> QuerySet[Return]:
        if (code := self.value()) not in QUEUES:
            return queryset
        return queryset.filter(status__in=QUEUES[code][1])


class ReturnLineInline(ViewOnlyInline):
    """What is to come back, what came, and where it went."""

    model = ReturnLine
    fields = (
        *("name", "raw_sku", "variant", "quantity", "received", "reason", "condition"),
        *("disposition", "unit_price", "amount"),
    )
    ordering = ("pk",)
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[ReturnLine]:
        lines: QuerySet[ReturnLine] = super().get_queryset(request)
        return lines.select_related("variant")


class ReturnRefundInline(ViewOnlyInline):
    """What was granted for it."""

    model = Refund
    fk_name = "returned_with"
    fields = ("number", "status", "amount", "reason", "granted_at", "granted_by")
    readonly_fields = ("number",)
    ordering = ("pk",)
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Refund]:
        refunds: QuerySet[Refund] = super().get_queryset(request)
        return refunds.select_related("granted_by")


class ExchangeInline(ViewOnlyInline):
    """What was sent instead."""

    model = Exchange
    fields = ("order", "balance", "exchanged_at", "exchanged_by", "settled_at", "settle_note")
    ordering = ("pk",)
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Exchange]:
        exchanges: QuerySet[Exchange] = super().get_queryset(request)
        return exchanges.select_related("order", "exchanged_by")


@admin.register(Return)
class ReturnAdmin(ViewOnlyAdmin):
    """Goods that customers bring back."""

    acts = RETURN_ACTS
    page_acts = (FIND, BLIND_RETURN)
    list_display = (
        *("number", "shown_status", "order", "customer", "channel", "location"),
        *("requested_at", "received_at"),
    )
    list_select_related = ("order", "customer", "channel", "location")
    list_filter = (ReturnQueueFilter, "status", "channel", "location")
    search_fields = (
        *("number", "order__number", "external_id", "tracking_number", "customer__name"),
    )
    ordering = ("-pk",)
    inlines = (ReturnLineInline, ReturnRefundInline, ExchangeInline)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "shown_status", "order", "customer"),
                    ("channel", "location", "external_id"),
                    ("carrier", "tracking_number", "note"),
                    ("shown_paid", "shown_left"),
                )
            },
        ),
        (
            "What happened",
            {
                "fields": (
                    ("requested_at", "requested_by"),
                    ("decided_at", "decided_by"),
                    ("received_at", "received_by"),
                    ("closed_at", "closed_by", "close_note"),
                )
            },
        ),
    )
    readonly_fields = ("number", "shown_status", "shown_paid", "shown_left")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Return]:
        returns: QuerySet[Return] = super().get_queryset(request)
        return returns.select_related(
            *("order", "customer", "channel", "location"),
            *("requested_by", "decided_by", "received_by", "closed_by"),
        )

    @display(description="Status", ordering="status", label=RETURN_LOOKS)
    def shown_status(self, returned: Return) -> tuple[str, str]:
        return returned.status, returned.get_status_display()

    @display(description="Paid for what came")
    def shown_paid(self, returned: Return) -> str:
        return display_money(_credit_shown(returned).paid, returned.currency)

    @display(description="Not given back yet")
    def shown_left(self, returned: Return) -> str:
        return display_money(_credit_shown(returned).left, returned.currency)


def _credit_shown(returned: Return) -> Credit:
    """Work the credit out once for a row, as a page asks for each of its values several times."""
    known: Credit | None = getattr(returned, "credit_shown", None)
    if known is None:
        known = credit_of(returned)
        returned.credit_shown = known  # type: ignore[attr-defined]  # for this page only
    return known


@admin.register(ReturnLine)
class ReturnLineAdmin(ViewOnlyAdmin):
    """Lines of what came back; what was set apart is decided here."""

    acts = RETURN_LINE_ACTS
    list_display = (
        *("parent", "name", "raw_sku", "variant", "quantity", "received", "reason"),
        *("condition", "disposition"),
    )
    list_select_related = ("parent", "variant")
    list_filter = ("disposition", "condition", "reason")
    search_fields = ("parent__number", "raw_sku", "variant__sku")


@admin.register(Exchange)
class ExchangeAdmin(ViewOnlyAdmin):
    """Other goods for goods that came back, and who still owes what."""

    acts = EXCHANGE_ACTS
    list_display = ("parent", "order", "told_balance", "exchanged_at", "settled_at", "settle_note")
    list_select_related = ("parent", "order")
    list_filter = (("settled_at", admin.EmptyFieldListFilter),)
    search_fields = ("parent__number", "order__number")

    @display(description="Balance", ordering="balance")
    def told_balance(self, exchange: Exchange) -> str:
        return balance_words(exchange)


@admin.register(Claim)
class ClaimAdmin(ViewOnlyAdmin):
    """Complaints about goods that were sent."""

    acts = CLAIM_ACTS
    list_display = (
        *("number", "shown_status", "kind", "order", "line", "quantity", "opened_at"),
        *("opened_by", "resolution"),
    )
    list_select_related = ("order", "line", "opened_by")
    list_filter = ("status", "kind", "resolution")
    search_fields = ("number", "order__number", "order__external_number")
    readonly_fields = ("number", "shown_status")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "shown_status", "kind"),
                    ("order", "line", "quantity"),
                    "told",
                    ("opened_at", "opened_by"),
                )
            },
        ),
        (
            "Decision",
            {
                "fields": (
                    ("decided_at", "decided_by", "decision_note"),
                    ("resolution", "resolved_at", "carrier_compensation"),
                    ("returned_with", "replacement"),
                )
            },
        ),
    )

    @display(description="Status", ordering="status", label=CLAIM_LOOKS)
    def shown_status(self, claim: Claim) -> tuple[str, str]:
        return claim.status, claim.get_status_display()


class OrderReturnInline(ViewOnlyInline):
    """What came back, or is announced."""

    model = Return
    fields = ("number", "status", "location", "tracking_number", "received_at", "received_by")
    readonly_fields = ("number",)
    ordering = ("pk",)
    show_change_link = True
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Return]:
        returns: QuerySet[Return] = super().get_queryset(request)
        return returns.select_related("location", "received_by")


class OrderClaimInline(ViewOnlyInline):
    """What the customer complains about."""

    model = Claim
    fk_name = "order"
    fields = ("number", "kind", "status", "line", "quantity", "opened_at", "resolution")
    readonly_fields = ("number",)
    ordering = ("pk",)
    show_change_link = True
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Claim]:
        claims: QuerySet[Claim] = super().get_queryset(request)
        return claims.select_related("line")
