"""Writing a draft order: its head, its lines and its charges."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.forms.models import BaseInlineFormSet
from django.utils import timezone

from purchasing.models import PurchaseOrder, PurchaseOrderCharge, PurchaseOrderLine, Supplier
from purchasing.operations import NewCharge, NewLine
from purchasing.queries import supplier_offers
from retail.common.admin import BaseInline
from retail.common.admin.acts import new_key
from retail.common.money import ZERO


class OrderForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    """The head of a draft; `reference` keeps a form that is sent twice from ordering twice."""

    reference = forms.CharField(
        max_length=100, required=False, widget=forms.HiddenInput, initial=new_key
    )

    class Meta:
        model = PurchaseOrder
        fields: ClassVar = ["supplier", "location", "expected_on", "discount_percent", "note"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "discount_percent" in self.fields:
            self.fields["discount_percent"].required = False

    def clean_supplier(self) -> Supplier:
        supplier: Supplier = self.cleaned_data["supplier"]
        if not supplier.is_active:
            raise forms.ValidationError(f"{supplier} is no longer an active supplier.")
        return supplier

    def clean_discount_percent(self) -> Any:
        return self.cleaned_data["discount_percent"] or ZERO


class LineFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # Django's own is not generic
    """The lines of a draft; a line without a cost takes the supplier's price."""

    def new_lines(self) -> list[NewLine]:
        return [form.new_line() for form in self._kept()]

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        kept = self._kept()
        if not kept:
            raise forms.ValidationError("An order needs at least one line.")
        unpriced = [form for form in kept if form.cleaned_data["list_cost"] is None]
        if not unpriced or self.instance.supplier_id is None:
            return
        wanted = {
            (form.cleaned_data["variant"].pk, form.cleaned_data["ordered"]) for form in unpriced
        }
        offers = supplier_offers(
            supplier_id=self.instance.supplier_id, wanted=wanted, on=timezone.now().date()
        )
        for form in unpriced:
            if (form.cleaned_data["variant"].pk, form.cleaned_data["ordered"]) not in offers:
                form.add_error("list_cost", "This supplier has no price for it: enter the cost.")

    def _kept(self) -> list[Any]:
        return [
            form
            for form in self.forms
            if form.cleaned_data.get("variant") and not form.cleaned_data.get("DELETE")
        ]


class LineForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's own is not generic
    """A line of a draft; a net cost that was agreed stays net until somebody types another."""

    class Meta:
        model = PurchaseOrderLine
        fields: ClassVar = ["variant", "ordered", "list_cost", "discount_percent", "expected_on"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["variant"].label = "Article"
        self.fields["ordered"].label = "Units"
        self.fields["list_cost"].label = "Cost"
        self.fields["list_cost"].help_text = "Empty: the supplier's price for the quantity."
        self.fields["discount_percent"].label = "Less %"
        self.fields["discount_percent"].required = False
        self.fields["expected_on"].label = "Wanted on"
        self.was_net = self.instance.pk is not None and self.instance.list_cost is None
        if self.was_net:
            self.initial["list_cost"] = self.instance.unit_cost

    def clean_list_cost(self) -> Any:
        cost = self.cleaned_data["list_cost"]
        if cost is not None and cost < 0:
            raise forms.ValidationError("A cost is not below zero.")
        return cost

    def clean_discount_percent(self) -> Any:
        return self.cleaned_data["discount_percent"] or ZERO

    def new_line(self) -> NewLine:
        """Return the line as it is ordered."""
        asked = self.cleaned_data
        priced = {"variant", "list_cost", "discount_percent"}
        stays_net = self.was_net and not priced & set(self.changed_data)
        return NewLine(
            variant_id=asked["variant"].pk,
            units=asked["ordered"],
            unit_cost=asked["list_cost"] if stays_net else None,
            list_cost=None if stays_net else asked["list_cost"],
            discount_percent=ZERO if stays_net else asked["discount_percent"],
            expected_on=asked["expected_on"],
        )


class DraftLineInline(BaseInline):
    """The lines while they are still written."""

    model = PurchaseOrderLine
    form = LineForm
    formset = LineFormSet
    verbose_name_plural = "Lines"
    fields = ("variant", "ordered", "list_cost", "discount_percent", "unit_cost", "expected_on")
    readonly_fields = ("unit_cost",)
    autocomplete_fields = ("variant",)
    ordering = ("position",)
    extra = 1


class ChargeFormSet(BaseInlineFormSet):  # type: ignore[type-arg]  # Django's own is not generic
    """What a draft is charged on top of the goods."""

    def new_charges(self) -> list[NewCharge]:
        return [
            NewCharge(
                amount=form.cleaned_data["amount"],
                kind=form.cleaned_data["kind"],
                description=form.cleaned_data["description"],
            )
            for form in self.forms
            if form.cleaned_data.get("amount") is not None and not form.cleaned_data.get("DELETE")
        ]


class DraftChargeInline(BaseInline):
    """The charges while they are still written."""

    model = PurchaseOrderCharge
    formset = ChargeFormSet
    verbose_name_plural = "Charges"
    fields = ("kind", "description", "amount")
    ordering = ("pk",)
