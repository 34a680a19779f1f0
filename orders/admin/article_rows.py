"""Rows of a form in which articles are named by what a scanner reads or hands type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from catalog.queries import variants_by_code
from retail.common.admin import ActForm, LineTable


@dataclass(frozen=True, slots=True)
class ArticleRow:
    """One row that was filled in; a price only where one was given."""

    position: int
    variant_id: int
    pieces: int
    price: Decimal | None


class ArticleRowsForm(ActForm):
    """
    So many rows of article, pieces and price; the filled ones are `cleaned["articles"]`.

    price_heading: what the price of a row means where it is left out.
    """

    rows = 4
    price_heading = "Price of one, when not the channel's"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for row in range(self.rows):
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
            headings=("SKU or barcode", "Pieces", self.price_heading),
            rows=[
                [self[f"{name}_{row}"] for name in ("sku", "pieces", "price")]
                for row in range(self.rows)
            ],
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            cleaned["articles"] = self._articles(cleaned)
        return cleaned

    def _articles(self, cleaned: Mapping[str, Any]) -> Sequence[ArticleRow]:
        codes = {row: cleaned[f"sku_{row}"].strip() for row in range(self.rows)}
        asked = {row: code for row, code in codes.items() if code}
        if not asked:
            msg = "Give at least one article."
            raise ValidationError(msg)
        variants = variants_by_code(list(asked.values()))
        if unknown := [code for code in asked.values() if code not in variants]:
            msg = f"No article has the code {', '.join(unknown)}."
            raise ValidationError(msg)
        return [
            ArticleRow(
                position=row,
                variant_id=variants[code],
                pieces=cleaned[f"pieces_{row}"] or 1,
                price=cleaned[f"price_{row}"],
            )
            for row, code in asked.items()
        ]
