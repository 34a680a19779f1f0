"""What the acts of the receiving desk ask for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField

from catalog.forms import ScanInput
from catalog.scanning import LONGEST_CODE
from inventory.models import Location
from purchasing.models import Delivery, PurchaseOrder, RejectReason, Supplier
from purchasing.operations import Count
from purchasing.queries import (
    DeliveryRow,
    deliveries_found,
    delivery_rows,
    orders_to_receive,
)
from retail.common.admin import ActForm, LineTable
from retail.common.fields import MAX_UNITS

REASONS = (("", "-"), *RejectReason.choices)


class DeliveryNoteForm(ActForm):
    delivery_note = forms.CharField(
        max_length=100, required=False, help_text="Number on the supplier's paper."
    )


class NewDeliveryForm(DeliveryNoteForm):
    """From whom and where; the orders by their numbers, or all that is still to come."""

    supplier = forms.ModelChoiceField(
        queryset=Supplier.objects.filter(is_active=True).order_by("name", "pk")
    )
    location = forms.ModelChoiceField(
        queryset=Location.objects.filter(
            kind__in=[Location.Kind.WAREHOUSE, Location.Kind.STORE]
        ).order_by("priority", "code")
    )
    orders = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="Numbers of the orders that came, PO-100001 PO-100002."
        " Empty: all that the supplier still owes to the location.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        numbers = {word.upper() for word in re.split(r"[\s,;]+", cleaned["orders"]) if word}
        if numbers:
            found = dict(
                PurchaseOrder.objects.filter(number__in=numbers).values_list("number", "pk")
            )
            if unknown := sorted(numbers - found.keys()):
                self.add_error("orders", f"No order has the number {', '.join(unknown)}.")
            cleaned["order_ids"] = list(found.values())
        else:
            orders = orders_to_receive(
                supplier_id=cleaned["supplier"].pk, location_id=cleaned["location"].pk
            )
            cleaned["order_ids"] = list(orders.values_list("pk", flat=True))
        return cleaned


class FindDeliveryForm(DeliveryNoteForm):
    """
    A paper that came with the goods: leads to the delivery it means, or opens one for its order.

    `found` is the open delivery, or None with `order`.
    """

    paper = forms.CharField(
        label="Order or delivery note",
        max_length=LONGEST_CODE,
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
        help_text="Scan or type the number of a purchase order, a delivery note or a delivery.",
    )
    field_order = ("paper", "delivery_note")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        paper = cleaned["paper"].strip()
        found = deliveries_found(paper)
        if len(found) > 1:
            numbers = ", ".join(delivery.number for delivery in found)
            raise ValidationError(f"Several open deliveries are meant: {numbers}.")
        cleaned["found"] = found[0] if found else None
        cleaned["order"] = (
            PurchaseOrder.objects.select_related("supplier", "location")
            .filter(number=paper.upper())
            .first()
        )
        if not found and cleaned["order"] is None:
            msg = f"No open delivery and no order has the number {paper}."
            raise ValidationError(msg)
        return cleaned


class AddOrderForm(ActForm):
    order = forms.CharField(
        max_length=20, label="Order", help_text="Number of the purchase order that came with it."
    )

    def clean_order(self) -> PurchaseOrder:
        number = self.cleaned_data["order"].strip().upper()
        order = PurchaseOrder.objects.filter(number=number).first()
        if order is None:
            msg = f"No order has the number {number}."
            raise ValidationError(msg)
        return order


class ScanForm(ActForm):
    """One code after the other."""

    code = forms.CharField(
        max_length=LONGEST_CODE,
        widget=ScanInput,
        help_text="SKU, GTIN, barcode or the supplier's SKU. A carton's code counts all in it.",
    )
    units = forms.IntegerField(
        min_value=1, max_value=MAX_UNITS - 1, initial=1, label="How many", required=False
    )

    def clean_units(self) -> int:
        return self.cleaned_data["units"] or 1


class CountForm(ActForm):
    """What came of each line in all, filled in with what was counted so far."""

    def __init__(self, *args: Any, document: Delivery | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self._rows = delivery_rows(document.pk) if document is not None else []
        for row in self._rows:
            line = row.line
            for name, units in (("accepted", line.accepted), ("rejected", line.rejected)):
                self.fields[f"{name}_{line.pk}"] = forms.IntegerField(
                    min_value=0, max_value=MAX_UNITS - 1, initial=units, required=False
                )
            self.fields[f"reason_{line.pk}"] = forms.ChoiceField(
                choices=REASONS, initial=line.reject_reason, required=False
            )
            self.fields[f"note_{line.pk}"] = forms.CharField(
                max_length=200, initial=line.note, required=False
            )
            # What the person saw: what others count meanwhile must not be written over.
            self.fields[f"seen_{line.pk}"] = forms.CharField(
                initial=f"{line.accepted} {line.rejected}",
                required=False,
                widget=forms.HiddenInput,
            )

    def line_table(self) -> LineTable:
        rows: list[Sequence[str | BoundField]] = [
            (
                row.sku,
                row.name or "Unknown code",
                row.order_number or "Not ordered",
                f"{row.expected:,}" if not row.is_unplanned else "",
                self[f"accepted_{row.line.pk}"],
                self[f"rejected_{row.line.pk}"],
                self[f"reason_{row.line.pk}"],
                self[f"note_{row.line.pk}"],
            )
            for row in self._rows
        ]
        return LineTable(
            headings=(
                *("SKU", "Article", "Order", "Expected"),
                *("Accepted", "Rejected", "Why rejected", "Note"),
            ),
            rows=rows,
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for row in self._rows:
            pk = row.line.pk
            if cleaned.get(f"rejected_{pk}") and not cleaned.get(f"reason_{pk}"):
                self.add_error(f"reason_{pk}", "Say why.")
        if not self.errors:
            # Only what was typed: on the other lines somebody may be scanning right now.
            cleaned["counts"] = [
                self._count(cleaned, row.line.pk) for row in self._rows if self._is_typed(row)
            ]
        return cleaned

    def _is_typed(self, row: DeliveryRow) -> bool:
        """Tell whether a line that the person saw was changed on the page."""
        line, seen = row.line, self._seen(self.cleaned_data, row.line.pk)
        typed = self._count(self.cleaned_data, line.pk)
        return seen is not None and (
            (typed.accepted, typed.rejected) != seen
            or (typed.reject_reason, typed.note) != (line.reject_reason, line.note)
        )

    def _count(self, cleaned: dict[str, Any], pk: int) -> Count:
        rejected = cleaned[f"rejected_{pk}"] or 0
        return Count(
            line_id=pk,
            accepted=cleaned[f"accepted_{pk}"] or 0,
            rejected=rejected,
            reject_reason=cleaned[f"reason_{pk}"] if rejected else "",
            note=cleaned[f"note_{pk}"],
            seen=self._seen(cleaned, pk),
        )

    def _seen(self, cleaned: dict[str, Any], pk: int) -> tuple[int, int] | None:
        match = re.fullmatch(r"(\d+) (\d+)", cleaned[f"seen_{pk}"])
        return (int(match[1]), int(match[2])) if match else None


class DiscardForm(ActForm):
    reason = forms.CharField(max_length=200, help_text="Kept with the delivery.")
