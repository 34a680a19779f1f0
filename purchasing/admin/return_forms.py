"""What people fill in about goods that go back to a supplier, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from purchasing.models import (
    SupplierReturn,
    SupplierReturnLine,
)
from purchasing.queries import replaced_units
from retail.common.admin import ActForm, LineTable
from retail.common.fields import MAX_UNITS

Cell = str | BoundField


def units_field(*, initial: int | None = None, most: int = MAX_UNITS - 1) -> forms.IntegerField:
    return forms.IntegerField(min_value=0, max_value=most, initial=initial, required=False)


class ShipForm(ActForm):
    tracking_number = forms.CharField(max_length=100, required=False)


class RmaForm(ActForm):
    rma_number = forms.CharField(label="RMA number", max_length=100)

    def __init__(self, *args: Any, document: SupplierReturn, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["rma_number"].initial = document.rma_number


class ReasonForm(ActForm):
    reason = forms.CharField(max_length=200, help_text="Kept with the return.")


class OutcomeForm(ActForm):
    """Units of each line of a return, next to what is still awaited."""

    heading = ""

    def __init__(self, *args: Any, document: SupplierReturn, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        owed = with_what_goes_back(document.lines.filter(held_goods__isnull=True))
        self._lines = list(owed)
        self._came = replaced_units(self._lines)
        for line in self._lines:
            self.fields[f"units_{line.pk}"] = units_field(
                initial=self.initial_of(line), most=line.units - line.credited
            )

    def initial_of(self, _line: SupplierReturnLine) -> int:
        raise NotImplementedError

    def line_table(self) -> LineTable:
        rows: list[Sequence[Cell]] = [
            (
                name_of(line),
                f"{line.units:,}",
                f"{line.credited:,}",
                f"{self._came.get(line.pk, 0):,}",
                self[f"units_{line.pk}"],
            )
            for line in self._lines
        ]
        return LineTable(
            headings=("Article", "Went back", "Credited", "Came again", self.heading), rows=rows
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["units"] = {line.pk: cleaned.get(f"units_{line.pk}") or 0 for line in self._lines}
        return cleaned


class CreditForm(OutcomeForm):
    number = forms.CharField(
        label="Credit note", max_length=100, help_text="The supplier's number of it."
    )
    heading = "Credited by it"

    def initial_of(self, line: SupplierReturnLine) -> int:
        return line.units - line.credited - self._came.get(line.pk, 0)


class SettleForm(OutcomeForm):
    note = forms.CharField(
        max_length=200,
        required=False,
        help_text="Why nothing more comes, where something is still awaited.",
    )
    heading = "Count as replaced"

    def initial_of(self, line: SupplierReturnLine) -> int:
        return self._came.get(line.pk, 0)


def with_what_goes_back(lines: Any) -> Iterable[SupplierReturnLine]:
    """Return lines with all that is shown of them, in their order."""
    rows: Iterable[SupplierReturnLine] = lines.select_related(
        *("variant", "location", "held_goods__receipt"),
        *("receipt_line__receipt", "receipt_line__order_line__order"),
    ).order_by("position")
    return rows


def name_of(line: SupplierReturnLine) -> str:
    """Return the SKU of what goes back, of an unknown article the code it was scanned by."""
    if line.variant:
        return line.variant.sku
    return line.held_goods.code if line.held_goods else "-"


def source_of(line: SupplierReturnLine) -> str:
    """Say from which delivery it came."""
    if line.receipt_line:
        source = line.receipt_line
        return f"{source.receipt.number}, {source.order_line.order.number}"
    if line.held_goods:
        return f"{line.held_goods.receipt.number}, not taken in"
    return "Stock"
