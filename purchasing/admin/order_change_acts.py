"""Changing an order that was sent: amendments, and lines that are closed short or reopened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.http import HttpRequest

from catalog.queries import variants_by_code
from purchasing import operations, queries
from purchasing.models import PurchaseOrder, PurchaseOrderCharge, PurchaseOrderLine
from purchasing.operations import LineChange, NewCharge, NewLine, OrderChange
from purchasing.queries import STILL_TO_COME
from retail.common.admin import Act, ActForm, LineTable
from retail.common.fields import MAX_UNITS
from retail.common.money import ZERO, display_rate

Status = PurchaseOrder.Status
NEW_LINES = range(1, 4)


class WhyForm(ActForm):
    reason = forms.CharField(max_length=200, help_text="Kept with the version.")


def _cost(**options: Any) -> forms.DecimalField:
    return forms.DecimalField(
        min_value=0, max_digits=16, decimal_places=4, required=False, **options
    )


def _percent(**options: Any) -> forms.DecimalField:
    return forms.DecimalField(
        min_value=0, max_value=99.999, max_digits=6, decimal_places=3, required=False, **options
    )


class AmendForm(ActForm):
    """The order as it stands, to be changed, with room for more articles and one more charge."""

    reason = forms.CharField(max_length=200, help_text="Why; kept with the version.")
    expected_on = forms.DateField(required=False, label="Wanted on")
    discount_percent = _percent(label="Discount on the order, %")
    note = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *args: Any, document: PurchaseOrder, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self._order = document
        self._lines: list[PurchaseOrderLine] = list(
            document.lines.select_related("variant__product").order_by("position")
        )
        self._charges = list(document.charges.order_by("pk"))
        self.fields["expected_on"].initial = document.expected_on
        self.fields["discount_percent"].initial = document.discount_percent
        self.fields["note"].initial = document.note
        for charge in self._charges:
            name = f"{charge}, {charge.description}" if charge.description else str(charge)
            self.fields[f"charge_{charge.pk}"] = _cost(
                label=name, initial=charge.amount, help_text="Empty: no longer charged."
            )
        self.fields["new_charge"] = _cost(label="One more charge")
        self.fields["new_charge_kind"] = forms.ChoiceField(
            label="What for", choices=PurchaseOrderCharge.Kind.choices, required=False
        )
        for line in self._lines:
            self._add_line_fields(line)
        for number in NEW_LINES:
            self.fields[f"sku_{number}"] = forms.CharField(max_length=100, required=False)
            self.fields[f"new_units_{number}"] = _units(initial=None)
            self.fields[f"new_cost_{number}"] = _cost()
            self.fields[f"new_discount_{number}"] = _percent()
            self.fields[f"new_day_{number}"] = forms.DateField(required=False)

    def _add_line_fields(self, line: PurchaseOrderLine) -> None:
        cost = line.unit_cost if line.list_cost is None else line.list_cost
        self.fields[f"units_{line.pk}"] = _units(initial=line.ordered - line.cancelled)
        self.fields[f"cost_{line.pk}"] = _cost(initial=cost)
        self.fields[f"discount_{line.pk}"] = _percent(initial=line.discount_percent)
        self.fields[f"day_{line.pk}"] = forms.DateField(required=False, initial=line.expected_on)

    def line_table(self) -> LineTable:
        standing: list[Sequence[str | BoundField]] = [
            (
                f"{line.position}",
                f"{line.variant.sku} {line.variant.full_name}",
                f"{line.received:,}",
                self[f"units_{line.pk}"],
                self[f"cost_{line.pk}"],
                self[f"discount_{line.pk}"],
                display_rate(line.unit_cost),
                self[f"day_{line.pk}"],
            )
            for line in self._lines
        ]
        added: list[Sequence[str | BoundField]] = [
            (
                "new",
                self[f"sku_{number}"],
                "",
                self[f"new_units_{number}"],
                self[f"new_cost_{number}"],
                self[f"new_discount_{number}"],
                "",
                self[f"new_day_{number}"],
            )
            for number in NEW_LINES
        ]
        return LineTable(
            headings=(
                *("Line", "Article", "Came", "Units", "Cost", "Less %", "Net now", "Wanted on"),
            ),
            rows=[*standing, *added],
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        added = self._added(cleaned)
        if not self.errors:
            cleaned["change"] = OrderChange(
                lines=[change for line in self._lines if (change := self._changed(line, cleaned))],
                added=added,
                charges=self._listed_charges(cleaned),
                discount_percent=cleaned["discount_percent"] or ZERO,
                expected_on=cleaned["expected_on"],
                note=cleaned["note"],
            )
        return cleaned

    def _changed(self, line: PurchaseOrderLine, cleaned: Mapping[str, Any]) -> LineChange | None:
        """Return what was typed into a line, None where nothing was."""
        names = {name: f"{name}_{line.pk}" for name in ("units", "cost", "discount", "day")}
        if not set(names.values()) & set(self.changed_data):
            return None
        typed = {name: cleaned[field] for name, field in names.items()}
        is_priced = bool({names["cost"], names["discount"]} & set(self.changed_data))
        return LineChange(
            line_id=line.pk,
            units=typed["units"] or 0,
            list_cost=typed["cost"] if is_priced else None,
            discount_percent=(typed["discount"] or ZERO) if is_priced else None,
            expected_on=typed["day"],
        )

    def _added(self, cleaned: Mapping[str, Any]) -> list[NewLine]:
        codes = {number: cleaned.get(f"sku_{number}") or "" for number in NEW_LINES}
        variants = variants_by_code([code for code in codes.values() if code])
        added = []
        for number, code in codes.items():
            units = cleaned.get(f"new_units_{number}")
            if code and code not in variants:
                self.add_error(f"sku_{number}", "No article has this code.")
            elif code and not units:
                self.add_error(f"new_units_{number}", "How many?")
            elif code and units:
                added.append(
                    NewLine(
                        variant_id=variants[code],
                        units=units,
                        list_cost=cleaned.get(f"new_cost_{number}"),
                        discount_percent=cleaned.get(f"new_discount_{number}") or ZERO,
                        expected_on=cleaned.get(f"new_day_{number}"),
                    )
                )
        return added

    def _listed_charges(self, cleaned: Mapping[str, Any]) -> list[NewCharge]:
        charges = [
            NewCharge(amount, charge.kind, charge.description)
            for charge in self._charges
            if (amount := cleaned[f"charge_{charge.pk}"]) is not None
        ]
        if cleaned["new_charge"] is not None:
            charges.append(NewCharge(cleaned["new_charge"], cleaned["new_charge_kind"]))
        return charges


def _units(*, initial: int | None) -> forms.IntegerField:
    return forms.IntegerField(min_value=0, max_value=MAX_UNITS - 1, required=False, initial=initial)


class LineReasonForm(ActForm):
    """One of the lines, and why."""

    line = forms.ChoiceField()
    reason = forms.CharField(max_length=200, help_text="Kept with the line.")

    def __init__(self, *args: Any, document: PurchaseOrder, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["line"] = _choice_of(
            document.lines.annotate(to_come=STILL_TO_COME).filter(to_come__gt=0),
            "{expected:,} to come",
        )


class ReopenForm(ActForm):
    """One of the lines of which something was cancelled."""

    line = forms.ChoiceField()

    def __init__(self, *args: Any, document: PurchaseOrder, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["line"] = _choice_of(
            document.lines.filter(cancelled__gt=0), "{cancelled:,} cancelled"
        )


def _choice_of(lines: Any, how_many: str) -> forms.ChoiceField:
    return forms.ChoiceField(
        choices=[
            (
                line.pk,
                f"{line.position}. {line.variant.sku} {line.variant.full_name}: "
                + how_many.format(expected=line.expected, cancelled=line.cancelled),
            )
            for line in lines.select_related("variant__product").order_by("position")
        ]
    )


def plan_amend(
    _request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> Sequence[str]:
    plan = operations.plan_amendment(
        order_id=order.pk, change=cleaned["change"], reason=cleaned["reason"], at=now
    )
    asked = [f"To be approved: {caught.terms}" for caught in plan.judgment.caught]
    at_once = "In force at once: it is e-mailed to the supplier as a new version."
    return [*plan.changes, *(asked or [at_once])]


def amend(
    request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> str:
    version = operations.amend(
        order_id=order.pk,
        change=cleaned["change"],
        reason=cleaned["reason"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    if version.status == version.Status.PROPOSED:
        return f"Version {version.version} of {order} waits for approval."
    return f"Version {version.version} of {order} is in force; tell the supplier if need be."


def approve_change(
    request: HttpRequest, order: PurchaseOrder, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    version = operations.approve_change(order_id=order.pk, at=now, by=request.user)
    if version.status == version.Status.PROPOSED:
        return f"Your approval of version {version.version} is noted; it waits for others."
    return f"Version {version.version} of {order} is in force."


def decline_change(
    request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.decline_change(order_id=order.pk, reason=cleaned["reason"], at=now, by=request.user)
    return f"The change of {order} is declined; it stands as it was."


def withdraw_change(
    request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.withdraw_change(order_id=order.pk, reason=cleaned["reason"], at=now, by=request.user)
    return f"The change of {order} is withdrawn; it stands as it was."


def close_line(
    request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> str:
    line = operations.close_line_short(
        line_id=int(cleaned["line"]), reason=cleaned["reason"], at=now, by=request.user
    )
    return f"Nothing more is expected of {line} of {order}."


def reopen_line(
    _request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> str:
    line = operations.reopen_line(line_id=int(cleaned["line"]), at=now)
    return f"{line.expected:,} units are expected again on {line} of {order}."


def _proposed(order: PurchaseOrder) -> Any:
    return order.versions.filter(status="PROPOSED").first()


def is_amendable(order: PurchaseOrder) -> bool:
    return queries.is_amendable(order) and _proposed(order) is None


def has_change(order: PurchaseOrder) -> bool:
    return order.status in {Status.SENT, Status.CLOSED} and _proposed(order) is not None


def change_consequences(order: PurchaseOrder) -> Sequence[str]:
    version = _proposed(order)
    return [*version.changes, f"Why: {version.reason}"] if version else []


def is_closable(order: PurchaseOrder) -> bool:
    """Whether single lines can be closed; the whole order has an act of its own."""
    return order.status == Status.SENT


def is_reopenable(order: PurchaseOrder) -> bool:
    return (
        order.status in {Status.SENT, Status.CLOSED}
        and order.lines.filter(cancelled__gt=0).exists()
    )


CHANGE_ACTS = (
    Act(
        name="approve-change",
        label="Approve change",
        permission="purchasing.approve_purchaseorder",
        perform=approve_change,
        is_offered=has_change,
        consequences=change_consequences,
        icon="check",
    ),
    Act(
        name="decline-change",
        label="Decline change",
        permission="purchasing.approve_purchaseorder",
        perform=decline_change,
        form=WhyForm,
        is_offered=has_change,
        consequences=change_consequences,
        icon="close",
    ),
    Act(
        name="withdraw-change",
        label="Withdraw change",
        permission="purchasing.change_purchaseorder",
        perform=withdraw_change,
        form=WhyForm,
        is_offered=has_change,
        consequences=change_consequences,
        icon="undo",
    ),
    Act(
        name="amend",
        label="Amend",
        permission="purchasing.change_purchaseorder",
        perform=amend,
        plan=plan_amend,
        form=AmendForm,
        is_offered=is_amendable,
        consequences=lambda order: (
            "The supplier has this order already: what is changed becomes a new version.",
            "Never below what came or was billed; 0 units orders no more of a line.",
            *(
                ("A cost that is typed is before the discounts of line and order.",)
                if order.discount_percent
                else ()
            ),
        ),
        icon="edit_document",
    ),
    Act(
        name="close-line",
        label="Close a line short",
        permission="purchasing.change_purchaseorder",
        perform=close_line,
        form=LineReasonForm,
        is_offered=is_closable,
        consequences=lambda _order: ("What has not come of the line counts as cancelled.",),
        icon="content_cut",
    ),
    Act(
        name="reopen-line",
        label="Reopen a line",
        permission="purchasing.change_purchaseorder",
        perform=reopen_line,
        form=ReopenForm,
        is_offered=is_reopenable,
        consequences=lambda order: (
            "What was cancelled of the line is expected again.",
            *((f"{order} is open again.",) if order.status == Status.CLOSED else ()),
        ),
        icon="restart_alt",
    ),
)
