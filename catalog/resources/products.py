"""Products and their variants in one file, a line for each variant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Func, QuerySet, TextField
from django.utils import timezone
from import_export.fields import Field
from import_export.resources import ModelResource
from import_export.results import Result
from tablib import Dataset

from catalog.models import PriceList, Product, Variant
from catalog.operations import NewPrice, set_prices
from catalog.queries import STOCK_IS_SETTLED, sku_key, stocked_for_bundles
from catalog.resources.columns import (
    OPTION,
    PRICE,
    REFUSALS,
    OptionField,
    PriceField,
    file_columns,
    text_of,
)
from catalog.resources.formats import read_dataset
from catalog.resources.references import References
from catalog.resources.scan import FileRow, Scan, listed_prices, scan_file, set_listed_prices
from retail.common.errors import BusinessError

# Sets the advisory lock taken here apart from everybody else's.
FILE_LOCK = 0x50524F44


class ProductFileRefused(BusinessError):
    """A product file has mistakes, named line by line; nothing of it was taken in."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__(" ".join(problems), problems=list(problems))
        self.problems = list(problems)


class ProductResource(ModelResource):
    """
    The catalog as one table: a line per variant, found again by its SKU whatever the case.

    Lines that name the same product and brand are variants of one product. A file may leave out
    columns; what they hold stays as it is. One mistake anywhere and nothing is taken in.
    """

    class Meta:
        model = Variant
        name = "Products and their variants"
        fields = ()
        import_id_fields = ("sku",)
        use_bulk = True
        batch_size = None  # everything at the end, when the last line is known to be right
        skip_unchanged = True
        report_skipped = True
        use_transactions = True

    def __init__(self, *, at: datetime | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.at = at or timezone.now()
        self.references = References()
        self.price_lists = dict(PriceList.objects.order_by("code").values_list("code", "pk"))
        options: list[Field] = [OptionField(name) for name in _option_names()]
        prices = [PriceField(price_list_id=pk, code=code) for code, pk in self.price_lists.items()]
        columns = {field.column_name: field for field in (*options, *prices)}
        self.fields = {**file_columns(self.references), **columns}
        self.scan = Scan()
        self.stored_products: dict[int, tuple[Any, ...]] = {}
        self.stocked_for_bundles: Mapping[int, bool] = {}
        self.saved: list[Any] = []
        self.listed: Mapping[int, Mapping[int, Decimal]] = {}

    def import_data(self, dataset: Dataset, *args: Any, **kwargs: Any) -> Result:
        """Take in a file, whole or not at all, or only look what it would do (`dry_run`)."""
        dataset.headers = [_title(header) for header in dataset.headers or ()]
        if problems := self._heading_problems(dataset.headers):
            result = self.get_result_class()()
            result.append_invalid_row(1, {}, ValidationError({"Line 1": problems}))
            return result

        self._keep_columns(dataset.headers)
        kwargs["rollback_on_validation_errors"] = True
        # Only a preview is looked at; coloring the differences takes most of the time.
        self._meta = copy(self._meta)
        self._meta.skip_html_diff = not kwargs.get("dry_run")
        result = super().import_data(dataset, *args, **kwargs)
        for invalid_row in result.invalid_rows:
            invalid_row.number = self.scan.rows[invalid_row.number - 1].line_number
        return result

    def before_import(self, dataset: Dataset, **kwargs: Any) -> None:  # noqa: ARG002 - the signature of import-export
        # One file at a time: two that bring the same new brand would collide at the end.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [FILE_LOCK])
        self.scan = scan_file(list(_file_rows(dataset)), self.at)
        products = {variant.product.pk: variant.product for variant in self.scan.variants.values()}
        products |= {product.pk: product for product in self.scan.products.values() if product.pk}
        self.stored_products = {pk: _stated(product) for pk, product in products.items()}
        self.stocked_for_bundles = stocked_for_bundles(
            [variant.pk for variant in self.scan.variants.values()]
        )

    def get_instance(self, instance_loader: object, row: Mapping[str, Any]) -> Variant | None:  # noqa: ARG002 - the signature of import-export
        return self.scan.variants.get(sku_key(text_of(row["sku"])))

    def init_instance(self, row: Mapping[str, Any] | None = None) -> Variant:
        sku = sku_key(text_of(row["sku"])) if row else ""
        variant = Variant(product=self.scan.products.get(sku) or Product())
        set_listed_prices(variant, {})
        return variant

    def import_instance(self, instance: Variant, row: Mapping[str, Any], **kwargs: Any) -> None:
        file_row = self.scan.rows[kwargs["row_number"] - 1]
        problems = dict(self.scan.problems.get(file_row.line_number, {}))
        for field in self.get_import_fields():
            if field.column_name == "sku" and instance.pk is not None:
                continue  # found by it; another spelling in a file does not rename
            try:
                self.import_field(field, instance, row, **kwargs)
            except REFUSALS as refusal:
                problems.setdefault(field.column_name, []).append(str(refusal))
        if text := self._status_problem(instance.product):
            problems.setdefault("status", []).append(text)
        is_stocked = self.stocked_for_bundles.get(instance.pk, instance.is_stocked)
        if is_stocked != instance.is_stocked:
            problems.setdefault("stocked", []).append(STOCK_IS_SETTLED[is_stocked])
        if problems:
            raise ValidationError(
                {
                    f"Line {file_row.line_number}, {column}": texts
                    for column, texts in problems.items()
                }
            )

    def save_instance(self, instance: Variant, *args: Any, **kwargs: Any) -> None:
        """Put a changed variant aside; all are stored when the last line is known to be right."""
        self.saved.append(instance)
        super().save_instance(instance, *args, **kwargs)

    def bulk_create(self, *args: Any, **kwargs: Any) -> None:
        """Store new variants, after the products of all variants of the file."""
        self._save_products()
        super().bulk_create(*args, **kwargs)

    def bulk_update(self, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 - the signature of import-export
        """Store changed variants; as an upsert by id, because bulk_update is ten times slower."""
        Variant.objects.bulk_create(
            self.update_instances,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=[
                "gtin",
                "name",
                "options",
                "weight_grams",
                "volume_ml",
                "is_stocked",
                "base_unit",
                "tax_class",
                "updated_at",
            ],
        )
        self.update_instances.clear()

    def after_import(self, dataset: Dataset, result: Result, **kwargs: Any) -> None:  # noqa: ARG002 - the signature of import-export
        if result.has_errors() or result.has_validation_errors():
            return
        prices = [
            NewPrice(variant_id=variant.pk, price_list_id=price_list_id, unit_price=price)
            for variant in self.saved
            for price_list_id, price in variant.listed_prices.items()
            if variant.stored_prices.get(price_list_id) != price
        ]
        set_prices(prices=prices, at=self.at)

    def get_queryset(self) -> QuerySet[Variant]:
        return Variant.objects.select_related(
            "product__brand", "product__category", "tax_class"
        ).order_by("product__name", "sku")

    def export(self, queryset: QuerySet[Variant] | None = None, **kwargs: Any) -> Dataset:
        """Return the catalog, or some variants of it, as the table that `import_data` takes."""
        variants = self.get_queryset() if queryset is None else queryset
        variant_ids = list(variants.order_by().values_list("pk", flat=True))
        self.listed = listed_prices(variant_ids, self.at)
        return super().export(variants, **kwargs)

    def export_resource(self, instance: Variant, *args: Any, **kwargs: Any) -> list[str]:
        set_listed_prices(instance, self.listed.get(instance.pk, {}))
        cells: list[str] = super().export_resource(instance, *args, **kwargs)
        return cells

    def _heading_problems(self, titles: Sequence[str]) -> list[str]:
        codes = {f"{PRICE}{code}".casefold() for code in self.price_lists}
        known = [title for title in self.fields if not title.startswith((OPTION, PRICE))]
        problems = [
            f'There is no column "{title}". There are: {", ".join(known)}, option: (name),'
            f" {', '.join(f'{PRICE}{code}' for code in self.price_lists) or 'no price lists yet'}."
            for title in titles
            if title not in known and not _is_option(title) and title.casefold() not in codes
        ]
        problems += [
            f'The column "{title}" stands there {count} times.'
            for title, count in Counter(titles).items()
            if count > 1
        ]
        if "sku" not in titles:
            problems.append('The column "sku" is missing: it says which variant a line is about.')
        return problems

    def _keep_columns(self, titles: Sequence[str]) -> None:
        """Look at the file's own columns only, in its order."""
        columns = {title.casefold(): field for title, field in self.fields.items()}
        self.fields = {}
        for title in titles:
            field = columns.get(title.casefold()) or OptionField(title.removeprefix(OPTION))
            field.column_name = title
            self.fields[title] = field

    def _status_problem(self, product: Product) -> str:
        if product.pk not in self.stored_products:
            return ""
        *_, before = self.stored_products[product.pk]
        if product.status == before or product.status in Product.NEXT[before]:
            return ""
        return f"{product} is {before} and cannot become {product.status}."

    def _save_products(self) -> None:
        variants = [*self.create_instances, *self.update_instances]
        products = list({id(variant.product): variant.product for variant in variants}.values())
        self.references.save_new()
        changed = [
            product
            for product in products
            if product.pk is not None and self.stored_products[product.pk] != _stated(product)
        ]
        for product in changed:
            product.updated_at = self.at
        Product.objects.bulk_create([product for product in products if product.pk is None])
        Product.objects.bulk_update(
            changed, ["name", "brand", "category", "status", "updated_at"], batch_size=500
        )


def _title(header: object) -> str:
    """Return a column title as it is compared: "Weight_Grams " and "weight grams" are the same."""
    title = text_of(header)
    head, colon, tail = title.partition(":")
    if colon and head.strip().casefold() in {OPTION.strip(": "), PRICE.strip(": ")}:
        return f"{head.strip().casefold()}: {tail.strip()}"
    return "_".join(title.casefold().split())


def _is_option(title: str) -> bool:
    return title.startswith(OPTION) and title != OPTION


def _file_rows(dataset: Dataset) -> Iterator[FileRow]:
    count = len(dataset)
    line_numbers = getattr(dataset, "line_numbers", range(2, count + 2))
    row_errors = getattr(dataset, "row_errors", [""] * count)
    for cells, line_number, error in zip(dataset, line_numbers, row_errors, strict=True):
        texts = {title: text_of(cell) for title, cell in zip(dataset.headers, cells, strict=True)}
        yield FileRow(line_number, texts, error)


def _stated(product: Product) -> tuple[Any, ...]:
    """Return what a file says about a product; the status comes last."""
    return product.name, product.brand, product.category, product.status


def _option_names() -> list[str]:
    names = Variant.objects.annotate(
        option=Func("options", function="jsonb_object_keys", output_field=TextField())
    ).values_list("option", flat=True)
    return sorted(set(names.distinct()))


def load_products(*, path: Path, at: datetime) -> Result:
    """
    Take in a product file from disk, whole or not at all; new prices hold from `at`.

    :raises ProductFileRefused: the file has mistakes.
    :raises BusinessError: the file cannot be read as a table.
    """
    result = ProductResource(at=at).import_data(read_dataset(path))
    problems = [
        f"{where}: {text}"
        for row in result.invalid_rows
        for where, texts in row.error_dict.items()
        for text in texts
    ]
    problems += [str(error.error) for error in result.base_errors]
    problems += [str(error.error) for row in result.error_rows for error in row.errors]
    if problems:
        raise ProductFileRefused(problems)
    return result
