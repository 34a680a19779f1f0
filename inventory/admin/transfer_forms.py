"""The forms that ask what goes where on a transfer, and what of it arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator
from django.db.models import F, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms.boundfield import BoundField

from catalog.forms import ScanField
from inventory.admin.pasted import PastedUnitsField
from inventory.admin.shown import FURTHEST_DAY
from inventory.models import Location, StockLevel, Transfer, TransferLine
from retail.common.admin import ActForm, LineTable
from retail.common.fields import MAX_UNITS


def places() -> QuerySet[Location]:
    """Return the locations that goods can be sent from or to."""
    return Location.objects.exclude(kind=Location.Kind.TRANSIT).order_by("priority", "code")


def shown_lines(transfer: Transfer) -> list[Any]:
    """Return the lines of a transfer by SKU, each with the units `free` where it goes from."""
    free = StockLevel.objects.filter(
        location=transfer.from_location_id, variant=OuterRef("variant")
    ).values(free=F("on_hand") - F("allocated"))
    return list(
        transfer.lines.select_related("variant__product")
        .annotate(free=Coalesce(Subquery(free, output_field=IntegerField()), 0))
        .order_by("variant__sku", "pk")
    )


def article(line: TransferLine) -> str:
    return f"{line.variant.product.name} {line.variant.name}".rstrip()


class NewTransferForm(ActForm):
    """What goes where; the articles may follow later."""

    from_location = forms.ModelChoiceField(queryset=places(), label="From")
    to_location = forms.ModelChoiceField(queryset=places(), label="To")
    expected_on = forms.DateField(
        required=False,
        label="Expected on",
        help_text="When it should arrive.",
        validators=[MaxValueValidator(FURTHEST_DAY)],
    )
    note = forms.CharField(max_length=200, required=False, help_text="What it is for.")
    units = PastedUnitsField(required=False)


class TransferForm(ActForm):
    """A form about a transfer: `lines` are its lines as they are now."""

    def __init__(self, *args: Any, document: Transfer, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.transfer = document
        self.lines = shown_lines(document)

    def line_table(self) -> LineTable | None:
        """Show what is on it."""
        rows = [
            (line.variant.sku, article(line), f"{line.quantity:,}", f"{line.free:,}")
            for line in self.lines
        ]
        if not rows:
            return None
        return LineTable(headings=("SKU", "Article", "Units", "Free now"), rows=rows)


class ScanForm(TransferForm):
    """One article, by scanner or by hand, and how often."""

    article = ScanField(stocked_only=True, active_only=True)
    times = forms.IntegerField(
        initial=1,
        min_value=1,
        max_value=MAX_UNITS - 1,
        label="How many",
        help_text="The code of a box counts what is in it.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("article") and cleaned.get("times"):
            cleaned["count"] = cleaned["article"].units * cleaned["times"]
        return cleaned


class PasteForm(TransferForm):
    """Many articles at once."""

    units = PastedUnitsField()


class EditLinesForm(TransferForm):
    """The units of every line; what is emptied is taken off."""

    def __init__(self, *args: Any, document: Transfer, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        for line in self.lines:
            # The figure the person saw comes back with the page, so that a line somebody else
            # changed meanwhile is left alone unless this person changed it too.
            self.fields[f"units_{line.pk}"] = forms.IntegerField(
                min_value=0,
                max_value=MAX_UNITS - 1,
                initial=line.quantity,
                required=False,
                show_hidden_initial=True,
            )

    def line_table(self) -> LineTable | None:
        rows: list[Sequence[str | BoundField]] = [
            (line.variant.sku, article(line), f"{line.free:,}", self[f"units_{line.pk}"])
            for line in self.lines
        ]
        return LineTable(headings=("SKU", "Article", "Free now", "Units"), rows=rows)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        wanted = {
            line.variant_id: cleaned.get(f"units_{line.pk}") or 0
            for line in self.lines
            if f"units_{line.pk}" in self.changed_data
        }
        cleaned["units"] = {pk: units for pk, units in wanted.items() if units}
        cleaned["taken_off"] = [pk for pk, units in wanted.items() if not units]
        return cleaned


class SendForm(TransferForm):
    """The plan of what leaves; only what the person saw is sent."""

    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, document: Transfer, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["seen"].initial = self._plan()

    def clean_seen(self) -> str:
        seen: str = self.cleaned_data["seen"]
        if seen != self._plan():
            # The next confirmation is of the lines that this page shows.
            self.data = self.data.copy()
            self.data["seen"] = self._plan()
            msg = "The lines were changed meanwhile: look at them again."
            raise forms.ValidationError(msg, code="changed")
        return seen

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["units"] = {line.variant_id: line.quantity for line in self.lines}
        return cleaned

    def _plan(self) -> str:
        return ",".join(f"{line.variant_id}:{line.quantity}" for line in self.lines) or "nothing"


class ReceiveForm(TransferForm):
    """What arrived of each line, filled in with what is on the way."""

    def __init__(self, *args: Any, document: Transfer, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.lines = [line for line in self.lines if line.in_transit]
        for line in self.lines:
            self.fields[f"units_{line.pk}"] = forms.IntegerField(
                min_value=0, max_value=MAX_UNITS - 1, initial=line.in_transit, required=False
            )

    def line_table(self) -> LineTable | None:
        rows: list[Sequence[str | BoundField]] = [
            (
                line.variant.sku,
                article(line),
                f"{line.quantity:,}",
                f"{line.received:,}",
                f"{line.in_transit:,}",
                self[f"units_{line.pk}"],
            )
            for line in self.lines
        ]
        headings = ("SKU", "Article", "Sent", "Arrived", "On the way", "Arrives now")
        return LineTable(headings=headings, rows=rows)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["received"] = {
            line.pk: cleaned[f"units_{line.pk}"]
            for line in self.lines
            if cleaned.get(f"units_{line.pk}")
        }
        return cleaned


class ReasonForm(ActForm):
    """Why what is missing is given up."""

    reason = forms.CharField(max_length=200, help_text="What became of the goods.")


class SendLevelForm(ActForm):
    """How much of a stock level goes where."""

    units = forms.IntegerField(min_value=1, max_value=MAX_UNITS - 1)
    to_location = forms.ModelChoiceField(queryset=places(), label="To")
    note = forms.CharField(max_length=200, required=False, help_text="What it is for.")
    is_sent_now = forms.BooleanField(
        required=False,
        label="Send now",
        help_text="Without it, a draft is written that others can add to.",
    )

    def __init__(self, *args: Any, document: StockLevel, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["to_location"].queryset = places().exclude(  # type: ignore[attr-defined]  # its field
            pk=document.location_id
        )
