"""Deciding about what should be bought: the forms, and what they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.validators import MaxValueValidator
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from inventory.models import Location
from purchasing import operations
from purchasing.models import ReplenishmentProposal
from purchasing.operations import PlannedOrder
from retail.common.admin import ActForm, BaseAdmin, Download, LineTable, PageAct
from retail.common.fields import MAX_UNITS
from retail.common.money import display as display_money
from retail.common.money import display_rate

STARTS = "purchasing.start_replenishmentrun"
DECIDES = "purchasing.decide_replenishmentproposal"
# As many as fit into an address.
CHOSEN_AT_MOST = 300
DIGITS_OF_AN_ID = 18
USUALLY_PUT_OFF = timedelta(days=14)


class WorkOutForm(ActForm):
    location = forms.ModelChoiceField(
        queryset=Location.objects.filter(
            kind__in=[Location.Kind.WAREHOUSE, Location.Kind.STORE]
        ).order_by("name", "pk"),
        required=False,
        empty_label="All locations",
    )


class ChosenForm(ActForm):
    """Proposals that were chosen in the list, by primary key."""

    chosen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.proposals = list(
            ReplenishmentProposal.objects.filter(pk__in=_ids(self["chosen"].value()))
            .select_related("variant__product", "location", "supplier")
            .order_by("supplier__name", "supplier_id", "location__name", "location_id", "pk")
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.proposals:
            raise forms.ValidationError("Choose what you mean in the list first.")
        return cleaned | {"proposal_ids": [proposal.pk for proposal in self.proposals]}


class AcceptForm(ChosenForm):
    """What is ordered of each; a field that is emptied leaves the proposal for later."""

    reason = forms.CharField(
        label="Why other units",
        max_length=200,
        required=False,
        help_text="Needed where you order other units than proposed; kept with these.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for proposal in self.proposals:
            self.fields[_field(proposal)] = forms.IntegerField(
                min_value=1,
                validators=[MaxValueValidator(MAX_UNITS - 1)],
                initial=proposal.units,
                required=False,
            )

    def line_table(self) -> LineTable | None:
        return LineTable(
            headings=(
                *("Supplier", "Location", "SKU", "Article", "Position", "Lasts", "Proposed"),
                *("Cost", "To order"),
            ),
            rows=[
                (
                    proposal.supplier.name,
                    proposal.location.name,
                    proposal.variant.sku,
                    proposal.variant.full_name,
                    f"{proposal.position:,}",
                    shown_cover(proposal),
                    f"{proposal.units:,}",
                    f"{display_rate(proposal.unit_cost)} {proposal.currency}",
                    self[_field(proposal)],
                )
                for proposal in self.proposals
            ],
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        units = {
            proposal.pk: count
            for proposal in self.proposals
            if (count := cleaned.get(_field(proposal))) is not None
        }
        if not units and not self.errors:
            raise forms.ValidationError("Enter units of one at least.")
        changed = [each for each in self.proposals if units.get(each.pk, each.units) != each.units]
        if changed and not cleaned.get("reason", "").strip():
            self.add_error("reason", "Say why other units are ordered than proposed.")
        return cleaned | {"units": units, "proposal_ids": list(units)}


class DismissForm(ChosenForm):
    reason = forms.CharField(max_length=200)
    until = forms.DateField(
        label="Not before",
        required=False,
        initial=lambda: timezone.localdate() + USUALLY_PUT_OFF,
        help_text="First day on which it may be proposed again. Empty: at the next look, if it is"
        " still needed then.",
    )

    def line_table(self) -> LineTable | None:
        return LineTable(
            headings=("Supplier", "Location", "SKU", "Article", "Proposed"),
            rows=[
                (
                    proposal.supplier.name,
                    proposal.location.name,
                    proposal.variant.sku,
                    proposal.variant.full_name,
                    f"{proposal.units:,}",
                )
                for proposal in self.proposals
            ],
        )

    def clean_until(self) -> Any:
        until = self.cleaned_data["until"]
        if until is not None and until <= timezone.localdate():
            raise forms.ValidationError("A day after today, or none at all.")
        return until


def work_out(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    run = operations.propose_replenishment(
        key=cleaned["key"],
        location=cleaned["location"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    faults = run.faults.count()
    told = (
        f"Looked at: {run.considered:,}. New proposals: {run.proposed:,}, brought up to date:"
        f" {run.renewed:,}, no longer needed: {run.withdrawn:,}."
    )
    if not faults:
        return told, None
    return f"{told} Not worked out: {faults:,}; see below why.", run


def accept(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    orders = operations.accept_proposals(
        proposal_ids=cleaned["proposal_ids"],
        units=cleaned["units"],
        reason=cleaned["reason"],
        key=cleaned["key"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    numbers = ", ".join(order.number for order in orders)
    return f"Drafted: {numbers}.", orders[0] if len(orders) == 1 else None


def accept_plan(_request: HttpRequest, cleaned: Mapping[str, Any], now: datetime) -> Sequence[str]:
    if operations.orders_of_acceptance(cleaned["key"]):
        return ()
    plan = operations.plan_acceptance(
        proposal_ids=cleaned["proposal_ids"],
        units=cleaned["units"],
        reason=cleaned["reason"],
        at=now,
    )
    return [_told(order) for order in plan]


def _told(order: PlannedOrder) -> str:
    currency, count = order.supplier.currency, len(order.lines)
    told = (
        f"A draft for {order.supplier}, to {order.location}: {count:,}"
        f" {'article' if count == 1 else 'articles'},"
        f" {sum(line.units for line in order.lines):,} units, without tax"
        f" {display_money(order.amount, currency)}."
    )
    if order.missing:
        least = display_money(order.amount + order.missing, currency)
        told += (
            f" They deliver for {least} at least: {display_money(order.missing, currency)} are"
            " missing."
        )
    return told


def dismiss(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    dismissed = operations.dismiss_proposals(
        proposal_ids=cleaned["proposal_ids"],
        reason=cleaned["reason"],
        until=cleaned["until"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{len(dismissed):,} dismissed; nothing of them is ordered.", None


def shown_cover(proposal: ReplenishmentProposal) -> str:
    days = proposal.inputs.get("days_of_cover")
    return "-" if days is None else f"{days:,} days"


def is_open(proposal: ReplenishmentProposal) -> bool:
    return proposal.status == ReplenishmentProposal.Status.OPEN


@admin.action(description="Accept into draft orders", permissions=["decide"])
def accept_chosen(
    model_admin: BaseAdmin, request: HttpRequest, queryset: QuerySet[ReplenishmentProposal]
) -> HttpResponseRedirect | None:
    """Show what the chosen ones would order, to be changed and confirmed."""
    return _page_of_chosen(model_admin, request, queryset, "accept")


@admin.action(description="Dismiss", permissions=["decide"])
def dismiss_chosen(
    model_admin: BaseAdmin, request: HttpRequest, queryset: QuerySet[ReplenishmentProposal]
) -> HttpResponseRedirect | None:
    """Ask why the chosen ones are not bought."""
    return _page_of_chosen(model_admin, request, queryset, "dismiss")


def _page_of_chosen(
    model_admin: BaseAdmin,
    request: HttpRequest,
    queryset: QuerySet[ReplenishmentProposal],
    act: str,
) -> HttpResponseRedirect | None:
    undecided = queryset.filter(status=ReplenishmentProposal.Status.OPEN).order_by("pk")
    ids = list(undecided.values_list("pk", flat=True)[: CHOSEN_AT_MOST + 1])
    if not ids:
        model_admin.message_user(request, "All of these are decided.", messages.WARNING)
        return None
    if len(ids) > CHOSEN_AT_MOST:
        told = f"Choose {CHOSEN_AT_MOST} at most."
        model_admin.message_user(request, told, messages.WARNING)
        return None
    return _page(act, ids)


def _open_accept(_request: HttpRequest, proposal: ReplenishmentProposal) -> HttpResponseRedirect:
    return _page("accept", [proposal.pk])


def _open_dismiss(_request: HttpRequest, proposal: ReplenishmentProposal) -> HttpResponseRedirect:
    return _page("dismiss", [proposal.pk])


def _page(act: str, ids: Sequence[int]) -> HttpResponseRedirect:
    url = reverse("admin:purchasing_replenishmentproposal_page_act", args=[act])
    return HttpResponseRedirect(f"{url}?chosen={','.join(map(str, ids))}")


def _ids(text: Any) -> list[int]:
    """Return the primary keys in a text, as many as may be chosen."""
    parts = [part for part in str(text or "").split(",") if part.isascii() and part.isdecimal()]
    return [int(part) for part in parts[:CHOSEN_AT_MOST] if len(part) <= DIGITS_OF_AN_ID]


def _field(proposal: ReplenishmentProposal) -> str:
    return f"units_{proposal.pk}"


PAGE_ACTS = (
    PageAct(
        name="work-out",
        label="Work out what to buy",
        permission=STARTS,
        perform=work_out,
        form=WorkOutForm,
        consequences=(
            "Every article with a rule is looked at, as every night.",
            "Open proposals are brought up to date or withdrawn; nothing is ordered.",
        ),
        icon="calculate",
    ),
    PageAct(
        name="accept",
        label="Accept into draft orders",
        permission=DECIDES,
        perform=accept,
        form=AcceptForm,
        plan=accept_plan,
        consequences=(
            "One new draft is written for each supplier and location; nothing is sent.",
            "Units can be changed. An empty field leaves the proposal for later.",
        ),
        is_listed=False,
        icon="add_shopping_cart",
    ),
    PageAct(
        name="dismiss",
        label="Dismiss",
        permission=DECIDES,
        perform=dismiss,
        form=DismissForm,
        consequences=("They are not ordered, and not proposed again before the day named.",),
        is_dangerous=True,
        is_listed=False,
        icon="block",
    ),
)

DOWNLOADS = (
    Download(
        name="accept",
        label="Accept",
        permission=DECIDES,
        open=_open_accept,
        is_offered=is_open,
        icon="add_shopping_cart",
    ),
    Download(
        name="dismiss",
        label="Dismiss",
        permission=DECIDES,
        open=_open_dismiss,
        is_offered=is_open,
        icon="block",
    ),
)
