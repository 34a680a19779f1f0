"""Where postcodes lie, as a file: taken in with a preview, and given out again."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Result
from import_export.widgets import DecimalWidget
from tablib import Dataset

from orders.models import PostcodeCentroid
from retail.common.errors import BusinessError
from retail.common.tabular import parse_decimal

COLUMNS = ("country", "prefix", "latitude", "longitude")


class DegreesWidget(DecimalWidget):  # type: ignore[misc]  # import-export has no type information
    """Degrees with a point or a comma, rounded to the hundred thousandth, about a meter."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Decimal:  # noqa: ARG002 - the signature of import-export
        text = str(value)
        try:
            return round(parse_decimal(text, "," if "," in text else "."), 5)
        except BusinessError as refusal:
            raise ValueError(refusal.message) from refusal


class PostcodeCentroidResource(ModelResource):
    """
    A line per beginning of postcodes, found by country and beginning, in degrees north and east.

    Beginnings that the file does not name stay as they are. One mistake anywhere and nothing is
    taken in.
    """

    latitude = Field("latitude", "latitude", widget=DegreesWidget())
    longitude = Field("longitude", "longitude", widget=DegreesWidget())

    class Meta:
        model = PostcodeCentroid
        name = "Where postcodes lie"
        fields = COLUMNS
        export_order = COLUMNS
        import_id_fields = ("country", "prefix")
        clean_model_instances = True
        skip_unchanged = True
        report_skipped = True
        use_transactions = True

    def import_data(self, dataset: Dataset, *args: Any, **kwargs: Any) -> Result:
        """Take in a file, whole or not at all, or only look what it would do (`dry_run`)."""
        dataset.headers = [str(header).strip().lower() for header in dataset.headers or ()]
        if missing := [column for column in COLUMNS if column not in dataset.headers]:
            result = self.get_result_class()()
            text = f"The file needs the columns {', '.join(COLUMNS)}; {', '.join(missing)} lacks."
            result.append_invalid_row(1, {}, ValidationError({"Line 1": [text]}))
            return result

        lines = getattr(dataset, "line_numbers", [])
        kwargs["rollback_on_validation_errors"] = True
        result = super().import_data(dataset, *args, **kwargs)
        for invalid_row in result.invalid_rows:
            if lines:
                invalid_row.number = lines[invalid_row.number - 1]
        return result

    def before_import_row(self, row: dict[str, Any], **kwargs: Any) -> None:  # noqa: ARG002 - the signature of import-export
        """Write countries and beginnings of postcodes as they are looked up."""
        for column in ("country", "prefix"):
            row[column] = "".join(str(row[column]).split()).upper()

    def get_queryset(self) -> QuerySet[PostcodeCentroid]:
        return PostcodeCentroid.objects.order_by("country", "prefix", "pk")
