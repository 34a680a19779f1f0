"""What the acts on an order ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from catalog.queries import variants_by_code
from channels.models import Channel
from customers.operations import Buyer, PostalAddress
from inventory.models import Location
from orders.admin.shown import component_words
from orders.models import Order, OrderLine
from orders.operations import NewOrderLine, read_promises
from orders.operations.begun import begun_pieces, free_pieces
from retail.common.admin import ActForm, LineTable

LINES_OF_A_NEW_ORDER = 8


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


class LinkForm(ActForm):
    """Which variant an unknown article is."""

    code = forms.CharField(label="Is", max_length=100, help_text="SKU or barcode of ours.")
    pack_size = forms.IntegerField(
        label="Units in one", min_value=1, initial=1, help_text="6 for a box of six."
    )

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            unknown = document.lines.unknown().order_by("pk")
            self.fields["line"] = forms.ModelChoiceField(queryset=unknown, initial=unknown.first())
            self.order_fields(["line", "code", "pack_size"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if code := cleaned.get("code"):
            cleaned["variant_id"] = variants_by_code([code]).get(code)
            if cleaned["variant_id"] is None:
                self.add_error("code", f"No article has the code {code}.")
        return cleaned


class NewOrderForm(ActForm):
    """An order that somebody gives us by telephone or at the desk."""

    channel = forms.ModelChoiceField(
        queryset=Channel.objects.filter(kind=Channel.Kind.MANUAL).order_by("name", "pk")
    )
    name = forms.CharField(label="Buyer", max_length=200)
    email = forms.EmailField(label="E-mail", required=False)
    street = forms.CharField(max_length=200)
    postcode = forms.CharField(max_length=20)
    city = forms.CharField(max_length=100)
    country = forms.CharField(max_length=2, min_length=2, help_text="Two letters: GB, DE.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for row in range(LINES_OF_A_NEW_ORDER):
            self.fields[f"sku_{row}"] = forms.CharField(
                label="SKU or barcode", max_length=100, required=False
            )
            self.fields[f"pieces_{row}"] = forms.IntegerField(
                label="Pieces", min_value=1, max_value=1_000_000, required=False
            )
            self.fields[f"price_{row}"] = forms.DecimalField(
                label="Price of one", min_value=0, max_digits=16, decimal_places=4, required=False
            )

    def line_table(self) -> LineTable:
        return LineTable(
            headings=("SKU or barcode", "Pieces", "Price of one, when not the channel's"),
            rows=[
                [self[f"sku_{row}"], self[f"pieces_{row}"], self[f"price_{row}"]]
                for row in range(LINES_OF_A_NEW_ORDER)
            ],
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        cleaned["lines"] = self._order_lines(cleaned)
        cleaned["buyer"] = Buyer(name=cleaned["name"], email=cleaned["email"])
        cleaned["address"] = PostalAddress(
            name=cleaned["name"],
            street=cleaned["street"],
            postcode=cleaned["postcode"],
            city=cleaned["city"],
            country=cleaned["country"].upper(),
        )
        return cleaned

    def _order_lines(self, cleaned: Mapping[str, Any]) -> list[NewOrderLine]:
        asked = _asked_lines(cleaned)
        if not asked:
            msg = "Give at least one article."
            raise ValidationError(msg)
        variants = variants_by_code([code for code, _, _ in asked])
        if unknown := [code for code, _, _ in asked if code not in variants]:
            msg = f"No article has the code {', '.join(unknown)}."
            raise ValidationError(msg)
        return [
            NewOrderLine(variant_id=variants[code], quantity=pieces, unit_price=price)
            for code, pieces, price in asked
        ]


def _asked_lines(cleaned: Mapping[str, Any]) -> Sequence[tuple[str, int, Decimal | None]]:
    """Return code, pieces and price of the rows that were filled in; one piece by default."""
    rows = [
        (cleaned[f"sku_{row}"].strip(), cleaned[f"pieces_{row}"] or 1, cleaned[f"price_{row}"])
        for row in range(LINES_OF_A_NEW_ORDER)
    ]
    return [row for row in rows if row[0]]
