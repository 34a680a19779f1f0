"""Safety stock as a file: taken in with a preview, and given out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Result
from tablib import Dataset

from catalog.models import Variant
from catalog.queries import variants_by_code
from inventory.models import SafetyStock
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS
from retail.common.tabular import parse_integer

COLUMNS = ("sku", "units")


class SafetyStockResource(ModelResource):
    """
    A line per article, found by its SKU, GTIN or barcode, with the units kept from all channels.

    Articles the file does not name keep what they have; 0 units keep nothing back. One mistake
    anywhere and nothing is taken in.
    """

    sku = Field(column_name="sku", attribute="variant__sku", readonly=True)
    product = Field(column_name="product", attribute="variant__product__name", readonly=True)
    units = Field(column_name="units", attribute="units", readonly=True)

    class Meta:
        model = SafetyStock
        name = "Safety stock"
        fields = ("sku", "product", "units")
        import_id_fields = ("sku",)
        use_bulk = True
        batch_size = None  # everything at the end, when the last line is known to be right
        use_transactions = True
        report_skipped = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lines: list[int] = []
        self.mistakes: list[str] = []
        self.variants: dict[str, Variant] = {}
        self.kept: dict[int, SafetyStock] = {}
        self.times: Counter[int] = Counter()

    def import_data(self, dataset: Dataset, *args: Any, **kwargs: Any) -> Result:
        """Take in a file, whole or not at all, or only look what it would do (`dry_run`)."""
        dataset.headers = [str(header).strip().lower() for header in dataset.headers or ()]
        if missing := [column for column in COLUMNS if column not in dataset.headers]:
            result = self.get_result_class()()
            text = f"The file needs the columns sku and units; {' and '.join(missing)} is missing."
            result.append_invalid_row(1, {}, ValidationError({"Line 1": [text]}))
            return result

        self.lines = getattr(dataset, "line_numbers", [])
        self.mistakes = getattr(dataset, "row_errors", [])
        kwargs["rollback_on_validation_errors"] = True
        result = super().import_data(dataset, *args, **kwargs)
        for invalid_row in result.invalid_rows:
            invalid_row.number = self._line(invalid_row.number)
        return result

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:  # noqa: ARG002 - the signature of import-export
        codes = {str(code) for code in dataset["sku"]}
        found = variants_by_code(codes)
        variants = Variant.objects.select_related("product").in_bulk(set(found.values()))
        self.variants = {code: variants[pk] for code, pk in found.items()}
        rows = self.get_queryset().filter(variant__in=variants).order_by("pk")
        rows = rows.select_for_update(of=("self",), no_key=True)
        self.kept = {kept.variant_id: kept for kept in rows}
        named = (self.variants.get(str(code)) for code in dataset["sku"])
        self.times = Counter(variant.pk for variant in named if variant is not None)

    def get_instance(
        self,
        instance_loader: object,  # noqa: ARG002 - the signature of import-export
        row: Mapping[str, Any],
    ) -> SafetyStock | None:
        variant = self.variants.get(str(row["sku"]))
        return self.kept.get(variant.pk) if variant else None

    def import_instance(self, instance: SafetyStock, row: Mapping[str, Any], **kwargs: Any) -> None:
        number = kwargs["row_number"]
        try:
            self._require_whole_row(number)
            variant = self._variant(str(row["sku"]))
            units = _units(str(row["units"]))
        except (ValueError, BusinessError) as refusal:
            raise ValidationError({f"Line {self._line(number)}": [str(refusal)]}) from refusal
        if instance.pk is None:
            instance.variant = variant
        instance.units = units

    def skip_row(
        self,
        instance: SafetyStock,
        original: SafetyStock,
        row: Mapping[str, Any],  # noqa: ARG002 - the signature of import-export
        import_validation_errors: object = None,  # noqa: ARG002 - the signature of import-export
    ) -> bool:
        return instance.pk is not None and instance.units == original.units

    def get_bulk_update_fields(self) -> list[str]:
        return ["units"]

    def get_queryset(self) -> QuerySet[SafetyStock]:
        return SafetyStock.objects.select_related("variant__product").order_by("variant__sku", "pk")

    def _require_whole_row(self, row_number: int) -> None:
        if self.mistakes and (mistake := self.mistakes[row_number - 1]):
            raise ValueError(mistake)

    def _variant(self, code: str) -> Variant:
        variant = self.variants.get(code)
        if variant is None:
            raise ValueError(f"No article has the SKU, GTIN or barcode {code!r}.")
        if not variant.is_stocked:
            raise ValueError(f"{variant} is not kept in stock.")
        if self.times[variant.pk] > 1:
            raise ValueError(f"{variant} stands in {self.times[variant.pk]} lines.")
        return variant

    def _line(self, row_number: int) -> int:
        return self.lines[row_number - 1] if self.lines else row_number


def _units(text: str) -> int:
    units = parse_integer(text)
    if not 0 <= units < MAX_UNITS:
        raise ValueError(f"Safety stock is 0 to {MAX_UNITS - 1:,} units, not {units:,}.")
    return units
