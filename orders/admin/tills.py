"""Tills: their receipts, whether each day adds up, and what was sold without being there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from orders import operations, queries
from orders.models import OversellIncident, RegisterDay, Return, StoreReceipt
from retail.common.admin import Act, ActForm, DayRangeFilter, ViewOnlyAdmin
from retail.common.models import User
from retail.common.money import display as shown_amount
from retail.common.money import display_rate

LONGEST_NOTE = 300
MOST_GAPS = 20


class NotTakenFilter(admin.SimpleListFilter):
    """Receipts with goods that nobody could take back."""

    title = "to look at"
    parameter_name = "not_taken"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("yes", "Something could not be taken back"),)

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[StoreReceipt]
    ) -> QuerySet[StoreReceipt]:
        return queryset.filter(payload__has_key="not_taken") if self.value() == "yes" else queryset


@admin.register(StoreReceipt)
class StoreReceiptAdmin(ViewOnlyAdmin):
    """Receipts as the tills printed them, with the order and the return they became."""

    list_display = (
        *("number", "register", "location", "sold_at", "total", "currency", "shown_tenders"),
        *("order", "registered_return", "is_training", "to_look_at"),
    )
    list_select_related = ("location", "order", "registered_return")
    list_filter = (
        *("channel", "location", "is_training", NotTakenFilter),
        ("sold_at", DayRangeFilter),
    )
    search_fields = ("number", "register", "order__number", "cashier")
    ordering = ("-sold_at", "-pk")
    fields = (
        *("channel", "location", "register", "number", "sequence", "business_on", "sold_at"),
        *("cashier", "currency", "total", "shown_tenders", "is_training", "order", "all_returns"),
        *("printed_lines", "to_look_at", "received_at"),
    )
    readonly_fields = ("shown_tenders", "all_returns", "printed_lines", "to_look_at")

    @display(description="Paid with")
    def shown_tenders(self, receipt: StoreReceipt) -> str:
        return _tenders(receipt.tenders, receipt.currency)

    @display(description="To look at", empty_value="-")
    def to_look_at(self, receipt: StoreReceipt) -> str | None:
        return " ".join(receipt.payload.get("not_taken", ())) or None

    @display(description="Returns", empty_value="-")
    def all_returns(self, receipt: StoreReceipt) -> str | None:
        returns = queries.returns_of_receipt(receipt)
        return ", ".join(_with_sale(returned) for returned in returns) or None

    @display(description="Lines as printed", empty_value="-")
    def printed_lines(self, receipt: StoreReceipt) -> str | None:
        lines = receipt.payload.get("lines", ())
        return "; ".join(_printed(line) for line in lines) or None


class DifferenceFilter(admin.SimpleListFilter):
    """Days that add up, and those that do not."""

    title = "state"
    parameter_name = "state"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return (("open", "Differs, not accepted"), ("differs", "Differs"), ("right", "Adds up"))

    def queryset(
        self, _request: HttpRequest, queryset: QuerySet[RegisterDay]
    ) -> QuerySet[RegisterDay]:
        if self.value() == "open":
            return queryset.filter(is_different=True, accepted_at__isnull=True)
        if self.value() in {"differs", "right"}:
            return queryset.filter(is_different=self.value() == "differs")
        return queryset


class AcceptForm(ActForm):
    """Why a day is accepted though it does not add up."""

    note = forms.CharField(max_length=LONGEST_NOTE, widget=forms.Textarea(attrs={"rows": 3}))


def accept(
    request: HttpRequest, day: RegisterDay, cleaned: Mapping[str, Any], now: datetime
) -> str:
    by = request.user if isinstance(request.user, User) else None
    operations.accept_register_day(day_id=day.pk, note=cleaned["note"], at=now, by=by)
    return f"{day} is accepted."


def is_open(day: RegisterDay) -> bool:
    return day.accepted_at is None


def consequences(day: RegisterDay) -> Sequence[str]:
    """Say what is accepted: each difference, and that the till cannot correct it any more."""
    found = queries.register_days().get(pk=day.pk)
    differences = [sentence for sentence in _differences(found) if sentence]
    gaps = _gaps(found)
    return [
        *(differences or ["The day adds up."]),
        *([f"Receipts that never came: {gaps}."] if gaps else []),
        "The till cannot state the day otherwise any more.",
    ]


@admin.register(RegisterDay)
class RegisterDayAdmin(ViewOnlyAdmin):
    """What tills stated at their day close, beside what their receipts come to."""

    list_display = (
        *("business_on", "register", "channel", "stated_receipts", "found_receipts"),
        *("stated_total", "found_total", "currency", "shown_state", "accepted_by"),
    )
    list_select_related = ("channel", "accepted_by")
    list_filter = (DifferenceFilter, "channel", "register")
    search_fields = ("register", "channel__name", "accept_note")
    ordering = ("-business_on", "-pk")
    fields = (
        *("channel", "register", "business_on", "currency", "closed_at", "shown_state"),
        *("stated_receipts", "found_receipts", "stated_total", "found_total"),
        *("stated_paid_with", "found_paid_with", "shown_differences", "missing_numbers"),
        *("accepted_at", "accepted_by", "accept_note"),
    )
    readonly_fields = (
        *("shown_state", "found_receipts", "found_total", "stated_paid_with", "found_paid_with"),
        *("shown_differences", "missing_numbers"),
    )
    acts = (
        Act(
            name="accept",
            label="Accept",
            permission="orders.accept_registerday",
            perform=accept,
            form=AcceptForm,
            is_offered=is_open,
            consequences=consequences,
            icon="task_alt",
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[RegisterDay]:  # noqa: ARG002 - Django's signature
        return queries.register_days()

    @display(
        description="State",
        label={"Adds up": "success", "Accepted": "info", "Differs": "danger"},
    )
    def shown_state(self, day: RegisterDay) -> str:
        if not day.is_different:  # type: ignore[attr-defined]  # annotated
            return "Adds up"
        return "Differs" if day.accepted_at is None else "Accepted"

    @display(description="Receipts that came", ordering="found_receipts")
    def found_receipts(self, day: RegisterDay) -> int:
        return int(day.found_receipts)  # type: ignore[attr-defined]  # annotated

    @display(description="Total of receipts", ordering="found_total")
    def found_total(self, day: RegisterDay) -> str:
        return display_rate(day.found_total)  # type: ignore[attr-defined]  # annotated

    @display(description="Paid with, as stated")
    def stated_paid_with(self, day: RegisterDay) -> str:
        return _tenders(day.stated_tenders, day.currency)

    @display(description="Paid with, by receipts")
    def found_paid_with(self, day: RegisterDay) -> str:
        return _tenders(day.found_tenders, day.currency)  # type: ignore[attr-defined]  # annotated

    @display(description="Differences", empty_value="None")
    def shown_differences(self, day: RegisterDay) -> str | None:
        return " ".join(_differences(day)) or None

    @display(description="Receipts that never came", empty_value="None")
    def missing_numbers(self, day: RegisterDay) -> str | None:
        return _gaps(day) or None


@admin.register(OversellIncident)
class OversellIncidentAdmin(ViewOnlyAdmin):
    """Units that channels sold and that were not there, and how that came about."""

    list_display = (
        *("opened_at", "order", "shown_channel", "variant", "units", "shown_cause"),
        *("pushed", "pushed_at", "right"),
    )
    list_select_related = ("order__channel", "variant")
    list_filter = ("cause", "order__channel", ("opened_at", DayRangeFilter))
    search_fields = ("order__number", "order__external_number", "variant__sku")
    date_hierarchy = "opened_at"
    ordering = ("-opened_at", "-pk")

    @display(description="Channel", ordering="order__channel__name")
    def shown_channel(self, incident: OversellIncident) -> str:
        return str(incident.order.channel)

    @display(description="Cause", ordering="cause", label=True)
    def shown_cause(self, incident: OversellIncident) -> str:
        return incident.get_cause_display()


def _tenders(tenders: Mapping[str, str], currency: str) -> str:
    return ", ".join(
        f"{kind} {display_rate(_number(amount))}" for kind, amount in tenders.items()
    ) or (f"Nothing in {currency}")


def _number(text: str) -> Any:
    return forms.DecimalField().to_python(text)


def _differences(day: RegisterDay) -> list[str]:
    """Say in sentences what a day, annotated with what was found, does not agree on."""
    found_receipts, found_total = day.found_receipts, day.found_total  # type: ignore[attr-defined]  # annotated
    sentences = []
    if found_receipts != day.stated_receipts:
        sentences.append(f"Stated are {day.stated_receipts} receipts, {found_receipts} came.")
    if found_total != day.stated_total:
        difference = found_total - day.stated_total
        told = shown_amount(abs(difference), day.currency)
        sentences.append(f"The receipts come to {told} {'more' if difference > 0 else 'less'}.")
    found_tenders = day.found_tenders  # type: ignore[attr-defined]  # annotated
    for kind in sorted(found_tenders.keys() | day.stated_tenders.keys()):
        stated = _number(day.stated_tenders.get(kind, "0"))
        found = _number(found_tenders.get(kind, "0"))
        if stated != found:
            amounts = f"{display_rate(stated)} stated, {display_rate(found)} by receipts."
            sentences.append(f"{kind}: {amounts}")
    return sentences


def _gaps(day: RegisterDay) -> str:
    gaps = queries.missing_receipts([(day.channel_id, day.register, day.business_on)])
    named = ", ".join(str(gap) for gap in gaps[:MOST_GAPS])
    return f"{named} and {len(gaps) - MOST_GAPS} stretches more" if len(gaps) > MOST_GAPS else named


def _with_sale(returned: Return) -> str:
    return f"{returned} of {returned.order}" if returned.order else f"{returned} of no known sale"


def _printed(line: Mapping[str, Any]) -> str:
    name = line.get("name") or line.get("sku") or line.get("gtin") or "?"
    return f"{line.get('quantity')} x {name}: {line.get('total')}"
