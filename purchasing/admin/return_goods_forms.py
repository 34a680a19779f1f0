"""What people fill in to say which goods go back to a supplier."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import F, Field, Model, QuerySet

from catalog.models import Variant
from inventory.models import Location
from purchasing.admin.return_forms import Cell, name_of, source_of, units_field, with_what_goes_back
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    HeldGoods,
    Supplier,
    SupplierReturn,
    SupplierReturnLine,
)
from purchasing.operations import ReturnedGoods
from purchasing.queries import ToGoBack, customers_goods_to_go_back
from retail.common.admin import ActForm, LineTable
from retail.common.fields import MAX_AMOUNT, MAX_UNITS

Expects = SupplierReturn.Expects
HELD_SHOWN = 200
_NOT_REPLACED = [choice for choice in Expects.choices if choice[0] != Expects.REPLACEMENT]


def _places() -> QuerySet[Location]:
    """Where goods lie that can be sent: not on the road."""
    return Location.objects.exclude(kind=Location.Kind.TRANSIT).order_by("name", "pk")


def _searched(model: type[Model], name: str) -> AutocompleteSelect:
    """Return the widget that searches what a foreign key leads to."""
    field: Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]  # noqa: SLF001 - Django's documented model API
    return AutocompleteSelect(field, admin.site)


def _rate(*, initial: Decimal | None = None) -> forms.DecimalField:
    return forms.DecimalField(
        min_value=0, max_value=MAX_AMOUNT, decimal_places=4, initial=initial, required=False
    )


class ReturnForm(ActForm):
    """Why goods go back and what is expected for them; subclasses add the table of goods."""

    expects = forms.ChoiceField(label="We expect", choices=Expects.choices)
    reason = forms.CharField(max_length=200, help_text="Stands on the return note.")
    rma_number = forms.CharField(
        label="RMA number",
        max_length=100,
        required=False,
        help_text="The supplier's permission to return, where they give one.",
    )

    def goods(self, cleaned: dict[str, Any]) -> Sequence[ReturnedGoods]:
        """Return what the filled form sends back."""
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            cleaned["goods"] = self.goods(cleaned)
            if not cleaned["goods"]:
                raise forms.ValidationError("Enter how many units go back: every line is empty.")
        return cleaned


class SendBackForm(ReturnForm):
    """Units of a receipt that go back; what is sent back already is left out."""

    location = forms.ModelChoiceField(label="The goods lie at", queryset=_places())

    def __init__(self, *args: Any, document: GoodsReceipt, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["location"].initial = document.location_id
        self._lines: list[GoodsReceiptLine] = list(
            document.lines.filter(accepted__gt=F("returned"))
            .select_related("order_line__order", "order_line__variant__product")
            .order_by("pk")
        )
        for line in self._lines:
            self.fields[f"units_{line.pk}"] = units_field(most=line.accepted - line.returned)
            self.fields[f"credit_{line.pk}"] = _rate(initial=line.unit_cost)

    def line_table(self) -> LineTable:
        rows: list[Sequence[Cell]] = [
            (
                line.order_line.variant.sku,
                line.order_line.variant.full_name,
                line.order_line.order.number,
                f"{line.accepted - line.returned:,}",
                self[f"units_{line.pk}"],
                self[f"credit_{line.pk}"],
            )
            for line in self._lines
        ]
        return LineTable(
            headings=("SKU", "Article", "Order", "Left", "Units back", "Credit for one"), rows=rows
        )

    def goods(self, cleaned: dict[str, Any]) -> Sequence[ReturnedGoods]:
        return [
            ReturnedGoods(
                receipt_line_id=line.pk,
                location_id=cleaned["location"].pk,
                units=units,
                unit_credit=cleaned[f"credit_{line.pk}"],
            )
            for line in self._lines
            if (units := cleaned[f"units_{line.pk}"])
        ]


class ReviseForm(ReturnForm):
    """The lines of a draft, and room for one more article."""

    variant = forms.ModelChoiceField(
        label="One more article",
        queryset=Variant.objects.filter(is_stocked=True),
        widget=_searched(SupplierReturnLine, "variant"),
        required=False,
        help_text="Of stock, whatever receipt it came by.",
    )
    location = forms.ModelChoiceField(label="It lies at", queryset=_places(), required=False)
    units = units_field()
    unit_credit = _rate()

    def __init__(self, *args: Any, document: SupplierReturn, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        for name in ("expects", "reason", "rma_number"):
            self.fields[name].initial = getattr(document, name)
        self._lines = list(with_what_goes_back(document.lines.all()))
        for line in self._lines:
            self.fields[f"units_{line.pk}"] = units_field(initial=line.units)
            self.fields[f"credit_{line.pk}"] = _rate(initial=line.unit_credit)

    def line_table(self) -> LineTable:
        rows: list[Sequence[Cell]] = [
            (
                name_of(line),
                source_of(line),
                line.location.name,
                self[f"units_{line.pk}"],
                "-" if line.held_goods_id else self[f"credit_{line.pk}"],
            )
            for line in self._lines
        ]
        return LineTable(
            headings=("Article", "Of", "Lies at", "Units back (0 drops it)", "Credit for one"),
            rows=rows,
        )

    def goods(self, cleaned: dict[str, Any]) -> Sequence[ReturnedGoods]:
        kept = [
            ReturnedGoods(
                receipt_line_id=line.receipt_line_id,
                held_goods_id=line.held_goods_id,
                variant_id=None if line.receipt_line_id or line.held_goods_id else line.variant_id,
                location_id=line.location_id,
                units=units,
                unit_credit=None if line.held_goods_id else cleaned.get(f"credit_{line.pk}"),
            )
            for line in self._lines
            if (units := cleaned[f"units_{line.pk}"])
        ]
        if not cleaned["variant"]:
            return kept
        return [
            *kept,
            ReturnedGoods(
                variant_id=cleaned["variant"].pk,
                location_id=cleaned["location"].pk if cleaned["location"] else None,
                units=cleaned["units"] or 0,
                unit_credit=cleaned["unit_credit"],
            ),
        ]


class NewReturnForm(ReturnForm):
    """Stock that goes back without its receipt, one article; a draft takes more."""

    supplier = forms.ModelChoiceField(
        queryset=Supplier.objects.order_by("name", "pk"),
        widget=_searched(SupplierReturn, "supplier"),
    )
    variant = forms.ModelChoiceField(
        label="Article",
        queryset=Variant.objects.filter(is_stocked=True),
        widget=_searched(SupplierReturnLine, "variant"),
    )
    location = forms.ModelChoiceField(label="It lies at", queryset=_places())
    units = forms.IntegerField(min_value=1, max_value=MAX_UNITS - 1)
    unit_credit = _rate()

    field_order = ("supplier", "variant", "location", "units", "unit_credit", "expects", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_no_replacement(self)
        self.fields["unit_credit"].help_text = "Empty: what was last paid to the supplier."

    def goods(self, cleaned: dict[str, Any]) -> Sequence[ReturnedGoods]:
        return [
            ReturnedGoods(
                variant_id=cleaned["variant"].pk,
                location_id=cleaned["location"].pk,
                units=cleaned["units"],
                unit_credit=cleaned["unit_credit"],
            )
        ]


class CustomersGoodsForm(ReturnForm):
    """What customers sent back that was set apart for the supplier."""

    supplier = forms.ModelChoiceField(
        queryset=Supplier.objects.order_by("name", "pk"),
        widget=_searched(SupplierReturn, "supplier"),
    )

    field_order = ("supplier", "expects", "reason", "rma_number")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _offer_no_replacement(self)
        self._found = customers_goods_to_go_back()
        for one in self._found:
            self.fields[f"units_{_key(one)}"] = units_field(most=one.units)
            self.fields[f"credit_{_key(one)}"] = _rate()

    def line_table(self) -> LineTable:
        rows: list[Sequence[Cell]] = [
            (
                one.sku,
                one.name,
                one.location,
                one.supplier or "-",
                f"{one.units:,}",
                self[f"units_{_key(one)}"],
                self[f"credit_{_key(one)}"],
            )
            for one in self._found
        ]
        return LineTable(
            headings=(
                *("SKU", "Article", "Lies at", "Last bought from", "Set apart", "Units back"),
                "Credit for one (empty: last paid)",
            ),
            rows=rows,
        )

    def goods(self, cleaned: dict[str, Any]) -> Sequence[ReturnedGoods]:
        return [
            ReturnedGoods(
                variant_id=one.variant_id,
                location_id=one.location_id,
                units=units,
                unit_credit=cleaned[f"credit_{_key(one)}"],
            )
            for one in self._found
            if (units := cleaned[f"units_{_key(one)}"])
        ]


class HeldGoodsForm(ActForm):
    """Goods that were not taken in and go back; `held` names those that were chosen in the list."""

    held = forms.CharField(required=False, widget=forms.HiddenInput)
    reason = forms.CharField(max_length=200, help_text="Stands on the return note.")
    rma_number = forms.CharField(label="RMA number", max_length=100, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = (self.data if self.is_bound else self.initial).get("held") or ""
        chosen = [int(part) for part in str(named).split(",") if part.isdecimal()]
        found = HeldGoods.objects.open().filter(receipt__status=GoodsReceipt.Status.POSTED)
        if chosen:
            found = found.filter(pk__in=chosen)
        self._found = list(
            found.select_related("receipt__supplier", "variant", "location").order_by(
                "receipt__supplier__name", "pk"
            )[:HELD_SHOWN]
        )
        for one in self._found:
            self.fields[f"units_{one.pk}"] = units_field(
                initial=one.left if chosen else None, most=one.left
            )

    def line_table(self) -> LineTable:
        rows: list[Sequence[Cell]] = [
            (
                one.receipt.supplier.name,
                one.variant.sku if one.variant else one.code,
                one.receipt.number,
                one.get_kind_display(),
                one.location.name,
                f"{one.left:,}",
                self[f"units_{one.pk}"],
            )
            for one in self._found
        ]
        return LineTable(
            headings=("Supplier", "Article", "Receipt", "Why", "Lies at", "Left", "Units back"),
            rows=rows,
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        goods: dict[Supplier, list[ReturnedGoods]] = {}
        for one in self._found:
            if units := cleaned.get(f"units_{one.pk}"):
                goods.setdefault(one.receipt.supplier, []).append(
                    ReturnedGoods(held_goods_id=one.pk, units=units)
                )
        if not goods and not self.errors:
            raise forms.ValidationError("Enter how many units go back: every line is empty.")
        cleaned["goods_of"] = goods
        return cleaned


def _offer_no_replacement(form: ReturnForm) -> None:
    """Without a receipt there is no order line that could expect a replacement."""
    field = form.fields["expects"]
    field.choices = _NOT_REPLACED  # type: ignore[attr-defined]  # a ChoiceField has them


def _key(one: ToGoBack) -> str:
    return f"{one.location_id}_{one.variant_id}"
