"""What acts about customers who wait ask for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms
from django.db.models import Q
from django.forms.boundfield import BoundField
from django.utils.formats import date_format
from django.utils.timezone import localtime

from inventory.models import Location
from orders.models import Order, OrderLine
from orders.queries import waiting_lines
from purchasing import operations
from purchasing.models import PurchaseOrder, PurchaseOrderLine, Supplier
from purchasing.queries import waiting_for_lines
from retail.common.admin import ActForm, LineTable
from retail.common.fields import MAX_AMOUNT, MAX_UNITS

MOST_OFFERED = 200


class ConfirmForm(ActForm):
    """When the supplier says that lines come: one day for all, or each its own."""

    supplier_reference = forms.CharField(
        max_length=100, required=False, help_text="The supplier's number of this order."
    )
    day = forms.DateField(
        label="All on", required=False, help_text="Counts for every line that you do not change."
    )

    def __init__(self, *args: Any, document: PurchaseOrder, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.initial.setdefault("supplier_reference", document.supplier_reference)
        lines = document.lines.select_related("variant", "order").order_by("position")
        self._lines = [line for line in lines if line.expected]
        for line in self._lines:
            self.fields[f"day_{line.pk}"] = forms.DateField(
                required=False, initial=line.confirmed_on
            )

    def line_table(self) -> LineTable:
        rows: list[Sequence[str | BoundField]] = [
            (
                line.variant.sku,
                f"{line.expected:,}",
                _shown(operations.counted_on(line)),
                self[f"day_{line.pk}"],
            )
            for line in self._lines
        ]
        return LineTable(headings=("SKU", "Still to come", "Expected", "Comes on"), rows=rows)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        dates = {}
        for line in self._lines:
            own = cleaned.get(f"day_{line.pk}")
            is_changed = own is not None and own != line.confirmed_on
            day = own if is_changed else cleaned.get("day") or own
            if day is not None:
                dates[line.pk] = day
        cleaned["dates"] = dates
        return cleaned


class KeepForm(ActForm):
    """Which units on order are kept for whom."""

    waiting = forms.ChoiceField(label="For")
    units = forms.IntegerField(
        min_value=1,
        max_value=MAX_UNITS - 1,
        required=False,
        help_text="Empty: all that this customer waits for here.",
    )

    def __init__(self, *args: Any, document: PurchaseOrder, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        skus = dict(document.lines.values_list("pk", "variant__sku"))
        rows = [row for row in waiting_for_lines(list(skus)) if not row.is_tied][:MOST_OFFERED]
        self._units = {f"{row.purchase_line_id}-{row.order_line_id}": row.units for row in rows}
        choice = self.fields["waiting"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - declared above
        choice.choices = [
            (
                f"{row.purchase_line_id}-{row.order_line_id}",
                f"{row.order}: {row.units:,} of {skus[row.purchase_line_id]}"
                + (f", ship by {_shown(localtime(row.ship_by).date())}" if row.ship_by else ""),
            )
            for row in rows
        ]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if chosen := cleaned.get("waiting"):
            cleaned["units"] = cleaned.get("units") or self._units[chosen]
        return cleaned


class SentForm(ActForm):
    """What the supplier has sent to the customer, filled in with all that is still expected."""

    carrier = forms.CharField(max_length=50, required=False)
    tracking_number = forms.CharField(max_length=100, required=False)

    def __init__(self, *args: Any, document: PurchaseOrder, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        lines = document.lines.select_related("variant").order_by("position")
        self._lines: list[PurchaseOrderLine] = [line for line in lines if line.expected]
        for line in self._lines:
            self.fields[f"units_{line.pk}"] = forms.IntegerField(
                min_value=0, max_value=MAX_UNITS - 1, initial=line.expected, required=False
            )

    def line_table(self) -> LineTable:
        rows: list[Sequence[str | BoundField]] = [
            (line.variant.sku, f"{line.expected:,}", self[f"units_{line.pk}"])
            for line in self._lines
        ]
        return LineTable(headings=("SKU", "Still to come", "Sent"), rows=rows)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["sent"] = {line.pk: cleaned.get(f"units_{line.pk}") or 0 for line in self._lines}
        return cleaned


class SupplierForm(ActForm):
    """From which supplier the articles come that an order waits for."""

    supplier = forms.ModelChoiceField(
        queryset=Supplier.objects.none(), help_text="Those who offer what the order waits for."
    )

    def __init__(self, *args: Any, document: Order, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self._lines = list(
            waiting_lines().filter(order=document).select_related("variant").order_by("pk")
        )
        variants = [line.variant_id for line in self._lines]
        supplier = self.fields["supplier"]
        assert isinstance(supplier, forms.ModelChoiceField)  # noqa: S101 - declared above
        supplier.queryset = (
            Supplier.objects.filter(
                is_active=True, products__variant__in=variants, products__is_active=True
            )
            .distinct()
            .order_by("name", "pk")
        )


class OrderFromSupplierForm(SupplierForm):
    line = forms.ChoiceField(label="Article")
    units = forms.IntegerField(
        min_value=1,
        max_value=MAX_UNITS - 1,
        required=False,
        help_text="Empty: all that the line waits for.",
    )
    location = forms.ModelChoiceField(label="To come to", queryset=Location.objects.none())

    def __init__(self, *args: Any, document: Order, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        on_order = operations.units_on_order(order_line_ids=[line.pk for line in self._lines])
        self._units = {
            str(line.pk): lacking(line) - on_order.get(line.pk, 0) for line in self._lines
        }
        choice, location = self.fields["line"], self.fields["location"]
        assert isinstance(choice, forms.ChoiceField)  # noqa: S101 - declared above
        assert isinstance(location, forms.ModelChoiceField)  # noqa: S101 - declared above
        choice.choices = [
            (str(line.pk), f"{line.variant} {line}: {self._units[str(line.pk)]:,} units")
            for line in self._lines
            if self._units[str(line.pk)] > 0
        ]
        serves = Q(is_shipping=True)
        if document.delivery == Order.Delivery.PICKUP:
            serves = Q(pk=document.pickup_location_id)
        location.queryset = Location.objects.filter(serves).order_by("priority", "code", "pk")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if chosen := cleaned.get("line"):
            cleaned["units"] = cleaned.get("units") or self._units[chosen]
        return cleaned


class DropShipForm(SupplierForm):
    """What the supplier is to send to the customer, filled in with all that the order waits for."""

    expected_on = forms.DateField(required=False)

    def __init__(self, *args: Any, document: Order, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self._lines = [line for line in self._lines if not line.is_bundle]
        for line in self._lines:
            self.fields[f"units_{line.pk}"] = forms.IntegerField(
                min_value=0, max_value=MAX_UNITS - 1, initial=lacking(line), required=False
            )
            self.fields[f"cost_{line.pk}"] = forms.DecimalField(
                min_value=0, max_value=MAX_AMOUNT - 1, decimal_places=4, required=False
            )

    def line_table(self) -> LineTable:
        rows: list[Sequence[str | BoundField]] = [
            (f"{line.variant}", f"{line}", self[f"units_{line.pk}"], self[f"cost_{line.pk}"])
            for line in self._lines
        ]
        return LineTable(
            headings=("SKU", "Article", "Units", "Cost (empty: the supplier's price)"), rows=rows
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        units = {line.pk: cleaned.get(f"units_{line.pk}") or 0 for line in self._lines}
        costs = {line.pk: cleaned.get(f"cost_{line.pk}") for line in self._lines}
        cleaned["sent"] = {pk: count for pk, count in units.items() if count}
        cleaned["costs"] = {pk: cost for pk, cost in costs.items() if cost is not None}
        return cleaned


def lacking(line: OrderLine) -> int:
    """Return the units that a line of `waiting_lines` wants and is not promised."""
    return int(line.wanted - line.promised)  # type: ignore[attr-defined]  # annotated


def _shown(day: date | None) -> str:
    return date_format(day, "j F Y") if day else ""
