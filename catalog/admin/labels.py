"""Printing labels with barcodes, of one article or of those chosen in a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from catalog.forms import ScanField
from catalog.labels import labels_of
from catalog.models import PriceList, Variant
from retail.common.admin import ActForm, BaseAdmin, Download, LineTable, PageAct
from retail.common.printing import LABELS_AT_MOST, SHEETS, print_labels

CHOSEN_AT_MOST = 200
DIGITS_OF_AN_ID = 18


class LabelsForm(ActForm):
    """
    Which labels, how many of each, and on what paper.

    `chosen` are rows of a list, by primary key; without any the form asks for one article.
    """

    chosen = forms.CharField(required=False, widget=forms.HiddenInput)
    article = ScanField()
    copies = forms.IntegerField(label="Labels", min_value=1, max_value=LABELS_AT_MOST, initial=1)
    sheet = forms.ChoiceField(
        label="Paper", choices=[(key, sheet.name) for key, sheet in SHEETS.items()]
    )
    skip = forms.IntegerField(
        label="Used up",
        min_value=0,
        max_value=max(sheet.labels for sheet in SHEETS.values()) - 1,
        initial=0,
        required=False,
        help_text="Labels that are missing on the first sheet.",
    )
    price_list = forms.ModelChoiceField(
        label="Price",
        queryset=PriceList.objects.order_by("name", "pk"),
        required=False,
        empty_label="None",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.copies_of = self.usual_copies(_ids(self["chosen"].value()))
        self.variants = list(
            Variant.objects.filter(pk__in=list(self.copies_of))
            .select_related("product")
            .order_by("sku", "pk")
        )
        if not self.variants:
            return
        del self.fields["article"], self.fields["copies"]
        for variant in self.variants:
            self.fields[_field(variant)] = forms.IntegerField(
                min_value=0,
                max_value=LABELS_AT_MOST,
                initial=self.copies_of[variant.pk],
                required=False,
            )

    def usual_copies(self, chosen: Sequence[int]) -> Mapping[int, int]:
        """Return how many labels to propose, variant id -> labels, for what was chosen."""
        return dict.fromkeys(chosen, 1)

    def line_table(self) -> LineTable | None:
        if not self.variants:
            return None
        return LineTable(
            headings=["SKU", "Name", "Labels"],
            rows=[
                [variant.sku, variant.full_name, self[_field(variant)]] for variant in self.variants
            ],
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.variants:
            copies = {variant.pk: cleaned.get(_field(variant)) or 0 for variant in self.variants}
        elif "article" in cleaned and "copies" in cleaned:
            copies = {cleaned["article"].variant.pk: cleaned["copies"]}
        else:
            copies = {}
        return cleaned | {"copies_of": copies}


def print_page(_request: HttpRequest, cleaned: Mapping[str, Any], now: datetime) -> HttpResponse:
    """Answer with the labels as a PDF that the browser shows and prints."""
    pdf = print_labels(
        labels=labels_of(cleaned["copies_of"], price_list=cleaned["price_list"], at=now),
        sheet=SHEETS[cleaned["sheet"]],
        skip=cleaned["skip"] or 0,
    )
    return HttpResponse(
        pdf,
        content_type="application/pdf",
        headers={"Content-Disposition": 'inline; filename="labels.pdf"'},
    )


def labels_act(permission: str, form: type[LabelsForm] = LabelsForm) -> PageAct:
    """Return the page of a list that prints labels."""
    return PageAct(
        name="labels",
        label="Print labels",
        permission=permission,
        perform=print_page,
        form=form,
        icon="print",
    )


def labels_button(permission: str) -> Download:
    """Return the button on the page of a row that leads to its labels."""
    return Download(
        name="labels", label="Print labels", permission=permission, open=_open, icon="print"
    )


@admin.action(description="Print labels")
def print_labels_of_chosen(
    model_admin: BaseAdmin, request: HttpRequest, queryset: QuerySet[Any]
) -> HttpResponseRedirect | None:
    """Ask how many labels of each chosen row are wanted."""
    ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: CHOSEN_AT_MOST + 1])
    if len(ids) > CHOSEN_AT_MOST:
        model_admin.message_user(
            request, f"Choose {CHOSEN_AT_MOST} rows at most to print labels.", messages.WARNING
        )
        return None
    return _page_with(queryset.model, ids)


def _open(_request: HttpRequest, row: Model) -> HttpResponseRedirect:
    return _page_with(type(row), [row.pk])


def _page_with(model: type[Model], ids: Sequence[int]) -> HttpResponseRedirect:
    options = model._meta  # noqa: SLF001 - Django's documented model API
    name = f"admin:{options.app_label}_{options.model_name}_page_act"
    query = urlencode({"chosen": ",".join(map(str, ids))})
    return HttpResponseRedirect(f"{reverse(name, args=['labels'])}?{query}")


def _ids(text: Any) -> list[int]:
    """Return the primary keys in a text, as many as may be chosen."""
    parts = [part for part in str(text or "").split(",") if part.isascii() and part.isdecimal()]
    return [int(part) for part in parts[:CHOSEN_AT_MOST] if len(part) <= DIGITS_OF_AN_ID]


def _field(variant: Variant) -> str:
    return f"labels_{variant.pk}"
