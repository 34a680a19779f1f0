"""Form fields that ask for an article as people have it at hand: by scanner, or by its name."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.urls import reverse_lazy
from unfold.widgets import INPUT_CLASSES

from catalog.models import Variant
from catalog.scanning import LONGEST_CODE, Scanned, UnknownCode, scan
from retail.common.errors import BusinessError

NAMED_AT_MOST = 10


class ScanInput(forms.TextInput):
    """A line to scan into; while a name is typed it offers the SKUs of the articles."""

    class Media:
        js = ("catalog/scan.js",)

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        usual = {
            "class": " ".join(INPUT_CLASSES),
            "autocomplete": "off",
            "autocapitalize": "off",
            "autofocus": True,
            "inputmode": "text",
            "maxlength": LONGEST_CODE,
            "spellcheck": "false",
            "data-suggest-url": reverse_lazy("admin:catalog_variant_suggest"),
        }
        super().__init__(attrs=usual | (attrs or {}))

    def format_value(self, value: Any) -> Any:
        return value.variant.sku if isinstance(value, Scanned) else super().format_value(value)


class ScanField(forms.Field):
    """
    One article by any barcode, GTIN or SKU, or by a name that only one article has.

    The cleaned value is `Scanned`: its `variant`, and its `units` behind one scan of the code.
    stocked_only: refuse what is not kept in stock. active_only: refuse what is no longer dealt in.
    """

    widget = ScanInput
    default_error_messages = {
        "not_stocked": "%(sku)s is not kept in stock.",
        "inactive": "%(sku)s is no longer dealt in.",
        "many": "Several articles are called that: %(skus)s. Type the SKU of one.",
    }

    def __init__(
        self,
        *,
        label: str = "Article",
        help_text: str = "Scan a barcode, or type an SKU or a name.",
        stocked_only: bool = False,
        active_only: bool = False,
        **kwargs: Any,
    ) -> None:
        self.stocked_only = stocked_only
        self.active_only = active_only
        super().__init__(label=label, help_text=help_text, **kwargs)

    def to_python(self, value: Any) -> Scanned | None:
        if isinstance(value, Scanned):
            return value
        text = str(value or "").strip()
        if not text:
            return None
        try:
            return scan(text)
        except UnknownCode as refusal:
            return self._by_name(text, refusal)
        except BusinessError as refusal:
            raise ValidationError(refusal.message, code=refusal.code) from refusal

    def validate(self, value: Scanned | None) -> None:
        super().validate(value)
        if value is None:
            return
        for is_refused, code in (
            (self.stocked_only and not value.variant.is_stocked, "not_stocked"),
            (self.active_only and not value.variant.is_active, "inactive"),
        ):
            if is_refused:
                raise ValidationError(
                    self.error_messages[code], code=code, params={"sku": value.variant.sku}
                )

    def _by_name(self, text: str, refusal: UnknownCode) -> Scanned:
        """Return the article of a name, if only one has it."""
        if "\x00" in text or len(text) > LONGEST_CODE:
            raise ValidationError(refusal.message, code=refusal.code) from refusal
        named = list(variants_named(text).filter(**self._limits())[: NAMED_AT_MOST + 1])
        if not named:
            raise ValidationError(refusal.message, code=refusal.code) from refusal
        if len(named) > 1:
            skus = ", ".join(variant.sku for variant in named[:NAMED_AT_MOST])
            more = " and more" if len(named) > NAMED_AT_MOST else ""
            raise ValidationError(
                self.error_messages["many"], code="many", params={"skus": skus + more}
            )
        return Scanned(variant=named[0], units=1)

    def _limits(self) -> dict[str, bool]:
        limits = {"is_stocked": self.stocked_only, "is_active": self.active_only}
        return {flag: True for flag, is_asked in limits.items() if is_asked}


def variants_named(text: str) -> QuerySet[Variant]:
    """Return the variants whose SKU or names hold every word of a text, by SKU."""
    found = Variant.objects.select_related("product").order_by("sku", "pk")
    for word in text.split():
        found = found.filter(
            Q(sku__icontains=word) | Q(name__icontains=word) | Q(product__name__icontains=word)
        )
    return found
