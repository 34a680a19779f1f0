"""What the acts on an order ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from inventory.models import Location
from orders.admin.shown import component_words
from orders.models import Order, OrderLine
from orders.operations import read_promises
from orders.operations.begun import begun_pieces, free_pieces
from retail.common.admin import ActForm, LineTable


class ReasonForm(ActForm):
    """Why something is done, for whoever reads the order later."""

    reason = forms.CharField(max_length=200)


class LinesForm(ActForm):
    """A number of pieces for each line of the order."""

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.lines = list(self.lines_to_choose(document)) if document is not None else []
        for line, _, most, proposed in self.lines:
            self.fields[f"pieces_{line.pk}"] = forms.IntegerField(
                label=str(line), min_value=0, max_value=most, initial=proposed, required=False
            )

    def lines_to_choose(self, order: Order) -> Iterator[tuple[OrderLine, str, int, int]]:
        """Yield lines with what to say of them, the most pieces and the proposed ones."""
        raise NotImplementedError

    def line_table(self) -> LineTable:
        return LineTable(
            headings=("Article", "SKU", "", "Pieces"),
            rows=[
                [str(line), line.raw_sku, told, self[f"pieces_{line.pk}"]]
                for line, told, _, _ in self.lines
            ],
        )

    def pieces(self) -> dict[int, int]:
        """Return line id -> pieces of the lines that were given any."""
        chosen = {line.pk: self.cleaned_data.get(f"pieces_{line.pk}") for line, *_ in self.lines}
        return {line_id: pieces for line_id, pieces in chosen.items() if pieces}

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors and not self.pieces():
            msg = "Give a number of pieces for at least one line."
            raise ValidationError(msg)
        cleaned["pieces"] = self.pieces()
        return cleaned


class ShipForm(LinesForm):
    """What leaves from where, and the parcel's number."""

    carrier = forms.CharField(max_length=50, required=False)
    tracking_number = forms.CharField(max_length=100, required=False)

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        self.promises = read_promises(list(document.lines.all()) if document is not None else [])
        self.begun = begun_pieces([document.pk] if document is not None else [])
        super().__init__(*args, document=document, **kwargs)
        if document is None:
            return
        self.fields["location"] = forms.ModelChoiceField(
            label="From",
            queryset=Location.objects.filter(pk__in=self._places()).order_by("priority", "pk"),
            initial=self._default_location(document),
            help_text="Where goods are promised.",
        )

    def lines_to_choose(self, order: Order) -> Iterator[tuple[OrderLine, str, int, int]]:
        location_id = self._default_location(order)
        free = free_pieces(self.promises, self.begun, location_id) if location_id else {}
        lines = order.lines.filter(is_stocked=True).prefetch_related("components__variant")
        for line in lines.order_by("pk"):
            here, parts = free.get(line.pk, 0), component_words(line)
            told = f"{here} of {line.open_quantity} promised"
            picked = self.begun.get((line.pk, location_id or 0), 0)
            told += f", {picked} more being picked" if picked else ""
            told += f", each of {parts}" if parts else ""
            yield line, told, line.open_quantity, here

    def _places(self) -> set[int]:
        return {spot.location_id for spot in self.promises.units()}

    def _default_location(self, order: Order) -> int | None:
        places = self._places()
        if order.location_id in places or not places:
            return order.location_id
        return min(places)


class ReleaseForm(ActForm):
    """Which hold is released, and why that is right."""

    note = forms.CharField(max_length=300, help_text="Why the order may go on.")

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            holds = document.holds.open().order_by("pk")
            self.fields["hold"] = forms.ModelChoiceField(queryset=holds, initial=holds.first())
