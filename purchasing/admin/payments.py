"""What the bank is told to pay, what is handed over, and what bank and ledger say was paid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import display

from purchasing import operations
from purchasing.admin.payables import ChosenForm, HandoverInline
from purchasing.admin.payment_reading import READ_PAYMENTS
from purchasing.models import (
    Handover,
    PaymentBatch,
    PaymentItem,
    PaymentNotice,
    PaymentTransfer,
    SupplierInvoice,
)
from purchasing.operations import PaymentPlan, PlannedTransfer
from purchasing.sepa import CURRENCY
from retail.common import money
from retail.common.admin import (
    Act,
    ActForm,
    DayRangeFilter,
    Download,
    PageAct,
    ViewOnlyAdmin,
    ViewOnlyInline,
)
from retail.common.admin.acts import DayInput

MAKES = "purchasing.make_paymentbatch"
SATURDAY = 5
NAMED_AT_MOST = 10
BATCH_COLORS = {"MADE": "success", "CANCELLED": "warning"}
STATE_COLORS = {"DUE": "info", "DONE": "success", "FAILED": "danger"}
OUTCOME_COLORS = {
    "PAID": "success",
    "PAID_BEFORE": "info",
    "UNKNOWN": "default",
    "NOT_EXPORTED": "warning",
    "OTHER_AMOUNT": "danger",
    "UNREADABLE": "danger",
}


def next_bank_day() -> date:
    """Return today, or the Monday after it."""
    today = timezone.localdate()
    return today + timedelta(days=7 - today.weekday()) if today.weekday() >= SATURDAY else today


class PayForm(ChosenForm):
    """What is approved, in euro and not ordered to be paid yet."""

    execution_on = forms.DateField(label="To be paid on", initial=next_bank_day, widget=DayInput)
    field_order = ("execution_on", "invoices")

    def offered(self) -> QuerySet[SupplierInvoice]:
        ordered = PaymentItem.objects.filter(invoice=OuterRef("pk"), is_cancelled=False)
        status = SupplierInvoice.Status
        return SupplierInvoice.objects.filter(
            ~Exists(ordered), status__in=[status.APPROVED, status.EXPORTED], currency=CURRENCY
        )


def pay(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, PaymentBatch]:
    batch = operations.make_payment_batch(
        invoice_ids=[invoice.pk for invoice in cleaned["invoices"]],
        execution_on=cleaned["execution_on"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    way = "is laid where the bank fetches it" if settings.RETAIL_HANDOVER_DIR else "can be fetched"
    return f"{batch} orders {money.display(batch.total, CURRENCY)}; its file {way}.", batch


def pay_plan(_request: HttpRequest, cleaned: Mapping[str, Any], now: datetime) -> Sequence[str]:
    if PaymentBatch.objects.filter(key=cleaned["key"]).exists():
        return ()
    plan = operations.plan_payments(
        invoice_ids=[invoice.pk for invoice in cleaned["invoices"]],
        execution_on=cleaned["execution_on"],
        at=now,
    )
    return [*(_told(transfer) for transfer in plan.transfers), _together(plan)]


def _told(transfer: PlannedTransfer) -> str:
    documents = [item.invoice.supplier_number for item in transfer.items]
    more = f" and {len(documents) - NAMED_AT_MOST} more" if len(documents) > NAMED_AT_MOST else ""
    told = (
        f"{transfer.supplier}: {money.display(transfer.amount, CURRENCY)} to"
        f" {transfer.account.iban} for {', '.join(documents[:NAMED_AT_MOST])}{more}"
    )
    if transfer.discount:
        told += f", less {money.display(transfer.discount, CURRENCY)} for paying early"
    return f"{told}."


def _together(plan: PaymentPlan) -> str:
    saved = f", {money.display(plan.discount, CURRENCY)} saved" if plan.discount else ""
    count = len(plan.transfers)
    return (
        f"Together: {money.display(plan.total, CURRENCY)} in {count:,}"
        f" {'transfer' if count == 1 else 'transfers'} on {plan.execution_on} from"
        f" {plan.debtor.iban}{saved}."
    )


PAY = PageAct(
    name="pay",
    label="Pay suppliers by the bank",
    permission=MAKES,
    perform=pay,
    form=PayForm,
    plan=pay_plan,
    consequences=(
        "Each supplier gets one transfer, to the account on file, less their credit notes.",
        "No invoice is ordered to be paid twice; the file stays as it is.",
    ),
    icon="account_balance_wallet",
)


class CancelForm(ActForm):
    reason = forms.CharField(max_length=200)


def cancel(
    request: HttpRequest, batch: PaymentBatch, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.cancel_payment_batch(
        batch_id=batch.pk, reason=cleaned["reason"], at=now, by=request.user
    )
    return f"{batch} is taken back; its invoices can be paid by another file."


def cancel_consequences(batch: PaymentBatch) -> Sequence[str]:
    handover = Handover.objects.filter(batch=batch).first()
    lies = handover is not None and handover.state == Handover.State.DONE
    return (
        "Its invoices can be paid by another file.",
        "Make sure first that the bank does not carry it out, else it is paid twice.",
        *([f"{handover} lies where the bank fetches it: it is not removed."] if lies else []),
    )


def is_made(batch: PaymentBatch) -> bool:
    return batch.status == PaymentBatch.Status.MADE


def download_batch(_request: HttpRequest, batch: PaymentBatch) -> HttpResponse:
    return HttpResponse(
        batch.content,
        content_type="application/xml; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{batch.number}.xml"'},
    )


class TransferInline(ViewOnlyInline):
    model = PaymentTransfer
    ordering = ("end_to_end_id",)
    fields = ("end_to_end_id", "supplier", "name", "iban", "shown_amount", "remittance")
    readonly_fields = ("shown_amount",)
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentTransfer]:
        rows: QuerySet[PaymentTransfer] = super().get_queryset(request)
        return rows.select_related("supplier")

    @display(description="Amount")
    def shown_amount(self, transfer: PaymentTransfer) -> str:
        return money.display(transfer.amount, CURRENCY)


@admin.register(PaymentBatch)
class PaymentBatchAdmin(ViewOnlyAdmin):
    """The files that order the bank to pay."""

    page_acts = (PAY,)
    acts = (
        Act(
            name="cancel",
            label="Take back",
            permission="purchasing.cancel_paymentbatch",
            perform=cancel,
            form=CancelForm,
            is_offered=is_made,
            consequences=cancel_consequences,
            is_dangerous=True,
            icon="undo",
        ),
    )
    downloads = (
        Download(
            name="xml",
            label="Download for the bank",
            permission=MAKES,
            open=download_batch,
            is_offered=is_made,
        ),
    )
    inlines = (TransferInline, HandoverInline)
    list_display = (
        "number",
        "shown_status",
        "execution_on",
        "shown_total",
        "transfer_count",
        "made_at",
        "made_by",
    )
    list_select_related = ("made_by",)
    list_filter = ("status", ("execution_on", DayRangeFilter))
    search_fields = (
        "number",
        "transfers__end_to_end_id",
        "transfers__supplier__name",
        "transfers__items__invoice__supplier_number",
    )
    readonly_fields = ("shown_total", "items")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("number", "status"),
                    ("execution_on", "shown_total"),
                    ("made_at", "made_by"),
                    ("cancelled_at", "cancelled_by"),
                    "cancel_reason",
                    "sha256",
                )
            },
        ),
        ("Documents", {"fields": ("items",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentBatch]:
        batches: QuerySet[PaymentBatch] = super().get_queryset(request)
        return batches.annotate(transfer_count=Count("transfers", distinct=True))

    @display(description="Status", ordering="status", label=BATCH_COLORS)
    def shown_status(self, batch: PaymentBatch) -> tuple[str, str]:
        return batch.status, batch.get_status_display()

    @display(description="Total", ordering="total")
    def shown_total(self, batch: PaymentBatch) -> str:
        return money.display(batch.total, batch.currency)

    @display(description="Paid by it")
    def items(self, batch: PaymentBatch) -> str:
        rows = (
            PaymentItem.objects.filter(transfer__batch=batch)
            .select_related("invoice", "transfer")
            .order_by("transfer__end_to_end_id", "pk")
        )
        return render_to_string("admin/purchasing/payment_items.html", {"rows": rows})

    @display(description="Transfers", ordering="transfer_count")
    def transfer_count(self, batch: PaymentBatch) -> int:
        return batch.transfer_count  # type: ignore[attr-defined,no-any-return]  # annotated


class ItemInline(ViewOnlyInline):
    """Which documents a transfer settles."""

    model = PaymentItem
    ordering = ("pk",)
    fields = ("invoice", "amount", "discount", "is_cancelled")

    def get_queryset(self, request: HttpRequest) -> QuerySet[PaymentItem]:
        rows: QuerySet[PaymentItem] = super().get_queryset(request)
        return rows.select_related("invoice")


@admin.register(PaymentTransfer)
class PaymentTransferAdmin(ViewOnlyAdmin):
    """What each supplier gets by the files for the bank."""

    inlines = (ItemInline,)
    list_display = ("end_to_end_id", "batch", "supplier", "iban", "amount", "remittance")
    list_select_related = ("batch", "supplier")
    search_fields = ("end_to_end_id", "supplier__name", "remittance")
    fields = (
        ("end_to_end_id", "batch"),
        ("supplier", "name"),
        ("iban", "amount"),
        "remittance",
    )


def retry(
    _request: HttpRequest, handover: Handover, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.retry_handover(handover_id=handover.pk, at=now)
    return f"{handover} is tried again within a minute."


def can_be_retried(handover: Handover) -> bool:
    is_cancelled = (
        handover.batch is not None and handover.batch.status == PaymentBatch.Status.CANCELLED
    )
    return handover.state == Handover.State.FAILED and not is_cancelled


@admin.register(Handover)
class HandoverAdmin(ViewOnlyAdmin):
    """Files that are laid where accounting and the bank fetch them."""

    acts = (
        Act(
            name="retry",
            label="Try again",
            permission="purchasing.retry_handover",
            perform=retry,
            is_offered=can_be_retried,
            consequences=lambda handover: (
                f"The same file is laid as {handover.filename}; one that lies there is left alone.",
            ),
            icon="refresh",
        ),
    )
    list_display = ("filename", "shown_state", "tries", "try_at", "done_at", "error")
    list_select_related = ("batch", "export")
    list_filter = ("state",)
    search_fields = ("filename",)
    fields = (
        ("filename", "state"),
        ("export", "batch"),
        ("tries", "try_at"),
        ("done_at", "error"),
    )

    @display(description="State", ordering="state", label=STATE_COLORS)
    def shown_state(self, handover: Handover) -> tuple[str, str]:
        return handover.state, handover.get_state_display()


@admin.register(PaymentNotice)
class PaymentNoticeAdmin(ViewOnlyAdmin):
    """What bank and ledger say was paid, to look after what did not fit."""

    page_acts = (READ_PAYMENTS,)
    list_display = (
        "paid_on",
        "shown_outcome",
        "shown_amount",
        "counterparty",
        "reference",
        "invoice",
        "message",
        "noted_at",
    )
    list_display_links = ("paid_on", "shown_outcome")
    list_select_related = ("invoice",)
    list_filter = (
        "outcome",
        ("paid_on", DayRangeFilter),
        ("invoice__supplier", AutocompleteSelectFilter),
    )
    search_fields = ("reference", "counterparty", "invoice__number", "invoice__supplier_number")
    fields = (
        ("outcome", "message"),
        ("paid_on", "shown_amount"),
        ("reference", "counterparty"),
        "invoice",
        ("run", "line_number", "noted_at"),
    )
    readonly_fields = ("shown_amount",)

    @display(description="Outcome", ordering="outcome", label=OUTCOME_COLORS)
    def shown_outcome(self, notice: PaymentNotice) -> tuple[str, str]:
        return notice.outcome, notice.get_outcome_display()

    @display(description="Amount", ordering="amount", empty_value="-")
    def shown_amount(self, notice: PaymentNotice) -> str | None:
        if notice.amount is None:
            return None
        return f"{money.display_rate(notice.amount)} {notice.currency}".strip()
