"""What is asked for when the catalog is edited, and what is wrong with an answer."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from catalog.models import BundleComponent, Category, PriceList, Variant
from catalog.queries import STOCK_IS_SETTLED, stocked_for_bundles
from retail.common.admin import ActForm


class OptionsField(forms.CharField):
    """The options of a variant as lines of text, "Color: Red"."""

    widget = UnfoldAdminTextareaWidget

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return "\n".join(f"{name}: {text}" for name, text in value.items())
        return value

    def to_python(self, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        options: dict[str, str] = {}
        for line in str(value or "").splitlines():
            name, colon, text = (part.strip() for part in line.partition(":"))
            if line.strip() and not (name and colon and text):
                raise forms.ValidationError(f'Write "{line.strip()}" as name: value.')
            if name in options:
                raise forms.ValidationError(f"{name} stands there twice.")
            if name:
                options[name] = text
        return options


class VariantForm(forms.ModelForm):
    """A variant, its options one per line."""

    options = OptionsField(required=False, help_text="One per line, for example Color: Red.")

    class Meta:
        model = Variant
        fields = "__all__"  # noqa: DJ007 - the admin's fieldsets say which

    def clean_gtin(self) -> str | None:
        """Keep no GTIN as nothing: two empty texts would collide as two equal GTINs."""
        return self.cleaned_data["gtin"] or None

    def clean_is_stocked(self) -> bool:
        """Refuse what would leave a bundle with stock of its own, or a component without."""
        is_stocked = bool(self.cleaned_data["is_stocked"])
        if stocked_for_bundles([self.instance.pk]).get(self.instance.pk, is_stocked) != is_stocked:
            raise forms.ValidationError(STOCK_IS_SETTLED[not is_stocked])
        return is_stocked


class ComponentForm(forms.ModelForm):
    """A component of a bundle, and how many of it are in one."""

    class Meta:
        model = BundleComponent
        fields = ("component", "units")

    def clean_component(self) -> Variant:
        """Refuse what is not kept in stock, other bundles among it."""
        component: Variant = self.cleaned_data["component"]
        if not component.is_stocked:
            raise forms.ValidationError(
                f"{component} is not kept in stock. A bundle is made of stocked articles; its"
                " components are not bundles themselves."
            )
        return component


class ComponentFormSet(forms.BaseInlineFormSet):
    """The components of one bundle."""

    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if form.cleaned_data and form not in self.deleted_forms]
        if kept and self.instance.is_stocked:
            raise forms.ValidationError(
                f"{self.instance} is kept in stock, so it is no bundle. Untick that it is stocked"
                " first: what can be sold of a bundle follows from its components."
            )


class CategoryForm(forms.ModelForm):
    """A category and where it lies."""

    class Meta:
        model = Category
        fields = ("name", "parent")

    def clean_parent(self) -> Category | None:
        """Refuse a place within the category itself, however deep."""
        parent: Category | None = self.cleaned_data["parent"]
        above = parent
        while above is not None:
            if above.pk == self.instance.pk:
                raise forms.ValidationError("A category cannot lie within itself.")
            above = above.parent
        return parent


class PriceActForm(ActForm):
    """The price of one unit from now on."""

    price_list = forms.ModelChoiceField(queryset=PriceList.objects.order_by("name", "pk"))
    unit_price = forms.DecimalField(min_value=0, max_digits=16, decimal_places=4)
    min_quantity = forms.IntegerField(
        label="From quantity", min_value=1, initial=1, help_text="Holds for this many or more."
    )


class BarcodeActForm(ActForm):
    """A code, and what one scan of it means."""

    code = forms.CharField(max_length=100)
    pack_size = forms.IntegerField(
        label="Units", min_value=1, initial=1, help_text="Units behind one scan: 6 for a box of 6."
    )
