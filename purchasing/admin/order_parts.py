"""What hangs on an order that is no draft any more: lines, charges, approvals, versions."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from unfold.decorators import display

from purchasing.models import (
    PurchaseApproval,
    PurchaseOrderCharge,
    PurchaseOrderLine,
    PurchaseOrderVersion,
)
from retail.common.admin import ViewOnlyInline

VERSION_LOOKS = {
    PurchaseOrderVersion.Status.PROPOSED: "warning",
    PurchaseOrderVersion.Status.IN_FORCE: "success",
    PurchaseOrderVersion.Status.SUPERSEDED: "info",
    PurchaseOrderVersion.Status.DECLINED: "danger",
}


class LineInline(ViewOnlyInline):
    """The lines once they are submitted, and how far each got."""

    model = PurchaseOrderLine
    verbose_name_plural = "Lines"
    ordering = ("position",)
    fields = (
        *("position", "variant", "supplier_sku", "list_cost", "less", "unit_cost"),
        *("ordered", "cancelled", "received", "sent_back", "still_to_come", "invoiced"),
        *("expected_on", "confirmed_on", "close_reason"),
    )
    readonly_fields = ("less", "sent_back", "still_to_come")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchaseOrderLine]:
        lines: QuerySet[PurchaseOrderLine] = super().get_queryset(request)
        return lines.select_related("variant")

    @display(description="Less")
    def less(self, line: PurchaseOrderLine) -> str:
        return f"{line.discount_percent.normalize():f} %" if line.discount_percent else ""

    @display(description="Sent back")
    def sent_back(self, line: PurchaseOrderLine) -> str:
        counts = ((line.returned, "for a credit"), (line.to_replace, "to be replaced"))
        return ", ".join(f"{units:,} {why}" for units, why in counts if units)

    @display(description="Still to come")
    def still_to_come(self, line: PurchaseOrderLine) -> int:
        return line.expected


class ChargeInline(ViewOnlyInline):
    """The charges once the order is submitted."""

    model = PurchaseOrderCharge
    verbose_name_plural = "Charges"
    ordering = ("pk",)
    fields = ("kind", "description", "amount")


class ApprovalInline(ViewOnlyInline):
    """Who has to approve what, and who did."""

    model = PurchaseApproval
    verbose_name_plural = "Approvals"
    ordering = ("version", "pk")
    fields = ("version", "terms", "role", "asked_at", "approved_by", "approved_at")
    readonly_fields = ("role",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchaseApproval]:
        approvals: QuerySet[PurchaseApproval] = super().get_queryset(request)
        return approvals.select_related("group", "approved_by")

    @display(description="By whom")
    def role(self, approval: PurchaseApproval) -> str:
        return str(approval.group) if approval.group else "Anybody who may approve"


class VersionInline(ViewOnlyInline):
    """What the supplier was told when, and what differed each time."""

    model = PurchaseOrderVersion
    verbose_name_plural = "Versions"
    ordering = ("-version",)
    fields = (
        *("version", "shown_status", "shown_changes", "why"),
        *("proposed_by", "proposed_at", "decided_by", "decided_at"),
    )
    readonly_fields = ("shown_status", "shown_changes", "why")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchaseOrderVersion]:
        versions: QuerySet[PurchaseOrderVersion] = super().get_queryset(request)
        return versions.select_related("proposed_by", "decided_by")

    @display(description="Status", label=VERSION_LOOKS)
    def shown_status(self, version: PurchaseOrderVersion) -> tuple[str, str]:
        return version.status, version.get_status_display()

    @display(description="What changed")
    def shown_changes(self, version: PurchaseOrderVersion) -> str:
        if not version.changes:
            return "As it was sent first."
        return format_html_join("", "<div>{}</div>", ((line,) for line in version.changes))

    @display(description="Why")
    def why(self, version: PurchaseOrderVersion) -> str:
        declined = version.content.get("declined_because")
        return f"{version.reason} - declined: {declined}" if declined else version.reason
