"""What the acts of picking, packing and sending ask for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import Q

from catalog.forms import ScanInput
from catalog.scanning import LONGEST_CODE
from inventory.models import Location
from orders.models import Fulfillment, Order, Parcel
from orders.operations import NewParcel
from retail.common.admin import ActForm, LineTable
from retail.common.fields import MAX_UNITS

PARCELS_AT_ONCE = 5
ORDERS_IN_A_WAVE = 500


class StartPickingForm(ActForm):
    """Where a walk begins, and for which orders."""

    location = forms.ModelChoiceField(
        queryset=Location.objects.filter(Q(is_shipping=True) | Q(is_pickup=True)).order_by(
            "priority", "code"
        )
    )
    limit = forms.IntegerField(
        label="Orders at most",
        min_value=1,
        max_value=ORDERS_IN_A_WAVE,
        initial=20,
        help_text="Those whose turn it is: to be sent first, then of higher priority, then oldest.",
    )
    orders = forms.CharField(
        label="Or just these",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Numbers of orders, SO-100001 SO-100002. Empty: those whose turn it is.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        numbers = [word for word in re.split(r"[\s,;]+", cleaned.get("orders") or "") if word]
        cleaned["order_ids"] = self._order_ids(numbers) if numbers else None
        return cleaned

    def _order_ids(self, numbers: Sequence[str]) -> list[int]:
        wanted = [number.upper() for number in numbers]
        found = dict(Order.objects.filter(number__in=wanted).values_list("number", "pk"))
        if unknown := sorted(set(wanted) - found.keys()):
            self.add_error("orders", f"No order has the number {', '.join(unknown)}.")
        return list(found.values())


class ScanForm(ActForm):
    """One code after the other, beside what still lacks."""

    code = forms.CharField(
        max_length=LONGEST_CODE,
        widget=ScanInput,
        help_text="Scan each unit as it goes into the box. A carton's code counts all in it.",
    )

    def line_table(self) -> LineTable:
        return LineTable(
            headings=("SKU", "Article", "Belong in", "Are in", "Still to come"),
            rows=[
                (
                    item.variant.sku,
                    item.variant.full_name,
                    f"{item.units:,}",
                    f"{item.packed:,}",
                    f"{item.units - item.packed:,}" if item.packed < item.units else "complete",
                )
                for item in self._items()
            ],
        )

    def _items(self) -> list[Any]:
        if not isinstance(self.document, Fulfillment):
            return []
        items = self.document.items.select_related("variant__product")
        # What lacks comes first: that is what is looked for.
        return sorted(
            items, key=lambda item: (item.packed == item.units, item.variant.sku, item.pk)
        )


class ParcelsForm(ActForm):
    """The boxes, a row for each."""

    def __init__(self, *args: Any, document: Fulfillment | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        known = list(document.parcels.order_by("pk")) if document is not None else []
        self._rows = range(max(PARCELS_AT_ONCE, len(known)))
        for row in self._rows:
            parcel = known[row] if row < len(known) else Parcel()
            self.fields[f"carrier_{row}"] = forms.CharField(
                max_length=50, required=False, initial=parcel.carrier
            )
            self.fields[f"number_{row}"] = forms.CharField(
                max_length=100, required=False, initial=parcel.tracking_number
            )
            self.fields[f"url_{row}"] = forms.URLField(
                required=False, initial=parcel.tracking_url, assume_scheme="https"
            )
            self.fields[f"weight_{row}"] = forms.IntegerField(
                min_value=1, max_value=MAX_UNITS, required=False, initial=parcel.weight
            )
            self.fields[f"cost_{row}"] = forms.DecimalField(
                min_value=0, max_digits=12, decimal_places=2, required=False, initial=parcel.cost
            )

    def line_table(self) -> LineTable:
        names = ("carrier", "number", "url", "weight", "cost")
        return LineTable(
            headings=(
                *("Carrier", "Tracking number", "Link to follow it", "Grams"),
                f"Cost in {settings.RETAIL_CURRENCY}",
            ),
            rows=[[self[f"{name}_{row}"] for name in names] for row in self._rows],
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        boxes = [self._box(cleaned, row) for row in self._rows]
        cleaned["parcels"] = [box for box in boxes if box != NewParcel()]
        if any(not (box.carrier and box.tracking_number) for box in cleaned["parcels"]):
            msg = "Give each box its carrier and its tracking number."
            raise ValidationError(msg)
        return cleaned

    def _box(self, cleaned: dict[str, Any], row: int) -> NewParcel:
        return NewParcel(
            carrier=cleaned[f"carrier_{row}"].strip(),
            tracking_number=cleaned[f"number_{row}"].strip(),
            tracking_url=cleaned[f"url_{row}"],
            weight=cleaned[f"weight_{row}"],
            cost=cleaned[f"cost_{row}"],
        )


class CorrectTrackingForm(ActForm):
    """Which box has another number than was told."""

    parcel = forms.ModelChoiceField(queryset=Parcel.objects.none())
    carrier = forms.CharField(max_length=50)
    tracking_number = forms.CharField(max_length=100)
    tracking_url = forms.URLField(label="Link to follow it", required=False, assume_scheme="https")

    def __init__(self, *args: Any, document: Fulfillment | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is None:
            return
        parcels = document.parcels.order_by("pk")
        self.fields["parcel"] = forms.ModelChoiceField(queryset=parcels)
        if first := parcels.first():
            self.fields["parcel"].initial = first
            self.fields["carrier"].initial = first.carrier


class ReasonForm(ActForm):
    """Why something is taken back."""

    reason = forms.CharField(max_length=300)
