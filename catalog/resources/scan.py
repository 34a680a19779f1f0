"""A product file looked over as a whole, before a line of it is taken in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models.functions import Upper

from catalog.models import Price, Product, Variant
from catalog.queries import gtin_forms, gtin_key, sku_key
from catalog.resources.columns import text_of

PRODUCT_COLUMNS = ("product", "brand", "category", "status")

Problems = dict[str, list[str]]


@dataclass(frozen=True)
class FileRow:
    """One line of a file: where it stands, its cells by column, what is wrong with its shape."""

    line_number: int
    cells: Mapping[str, str]
    error: str = ""

    @property
    def sku(self) -> str:
        return sku_key(self.cells.get("sku", ""))


@dataclass
class Scan:
    """
    What is known about the lines of a file.

    variants: SKU key -> the variant it names, with `listed_prices`.
    products: SKU key -> the product of a line whose SKU is new; lines share it.
    problems: SKU key and line number of what only the whole file shows -> column -> texts.
    """

    rows: Sequence[FileRow] = ()
    variants: dict[str, Variant] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    problems: dict[int, Problems] = field(default_factory=lambda: defaultdict(dict))

    def add_problem(self, row: FileRow, column: str, text: str) -> None:
        self.problems[row.line_number].setdefault(column, []).append(text)


def scan_file(rows: Sequence[FileRow], at: datetime) -> Scan:
    """
    Look a file over: find its variants and products, note what lines say against each other.

    Locks: the variants the file names, by primary key.
    """
    scan = Scan(rows=rows, variants=_known_variants({row.sku for row in rows}, at))
    for row in rows:
        if row.error:
            scan.add_problem(row, "line", row.error)
    _note_repeated_skus(scan)
    _note_taken_gtins(scan)
    _find_products(scan)
    _note_disagreement(scan)
    return scan


def listed_prices(variant_ids: Collection[int], at: datetime) -> dict[int, dict[int, Decimal]]:
    """Return variant id -> price list id -> the price of a single unit that holds."""
    listed: dict[int, dict[int, Decimal]] = defaultdict(dict)
    for variant_id, price_list_id, unit_price in (
        Price.objects.valid_at(at)
        .filter(variant_id__in=variant_ids, min_quantity=1)
        .values_list("variant_id", "price_list_id", "unit_price")
    ):
        listed[variant_id][price_list_id] = unit_price
    return listed


def _known_variants(skus: Iterable[str], at: datetime) -> dict[str, Variant]:
    variants = list(
        Variant.objects.for_update()
        .alias(key=Upper("sku"))
        .filter(key__in=list(skus))
        .select_related("product__brand", "product__category", "tax_class")
    )
    listed = listed_prices([variant.pk for variant in variants], at)
    products: dict[int, Product] = {}
    for variant in variants:
        # Variants of one product share its object, so that the product is changed once.
        variant.product = products.setdefault(variant.product_id, variant.product)
        set_listed_prices(variant, listed.get(variant.pk, {}))
    return {sku_key(variant.sku): variant for variant in variants}


def set_listed_prices(variant: Any, prices: Mapping[int, Decimal]) -> None:
    """Put the prices of a variant where the price columns look for them."""
    variant.listed_prices = dict(prices)
    variant.stored_prices = dict(prices)


def _note_repeated_skus(scan: Scan) -> None:
    first_lines: dict[str, int] = {}
    for row in scan.rows:
        first_line = first_lines.setdefault(row.sku, row.line_number)
        if row.sku and first_line != row.line_number:
            scan.add_problem(
                row, "sku", f"{text_of(row.cells['sku'])} is on line {first_line} already."
            )


def _note_taken_gtins(scan: Scan) -> None:
    """Note GTINs that stand in the file twice or belong to another variant, however written."""
    gtins = {row.line_number: gtin_key(text_of(row.cells.get("gtin"))) for row in scan.rows}
    forms = {form for gtin in gtins.values() if gtin for form in gtin_forms(gtin)}
    owners = {
        gtin_key(gtin): sku
        for gtin, sku in Variant.objects.filter(gtin__in=forms).values_list("gtin", "sku")
        if gtin is not None
    }
    first_lines: dict[str, int] = {}
    for row in scan.rows:
        gtin = gtins[row.line_number]
        if not gtin:
            continue
        first_line = first_lines.setdefault(gtin, row.line_number)
        text = text_of(row.cells["gtin"])
        if first_line != row.line_number:
            scan.add_problem(row, "gtin", f"{text} is on line {first_line} already.")
        elif gtin in owners and sku_key(owners[gtin]) != row.sku:
            scan.add_problem(row, "gtin", f"{text} belongs to {owners[gtin]} already.")


def _find_products(scan: Scan) -> None:
    """
    Give every line with a new SKU its product: one of the file's, a stored one, or a new one.

    Products are the same when name and brand are, ignoring case.
    """
    by_name: dict[tuple[str, str], list[Product]] = defaultdict(list)
    for row in scan.rows:
        if row.sku in scan.variants:
            product = scan.variants[row.sku].product
            _add_once(by_name[_product_key(row, product)], product)
    new_rows = [row for row in scan.rows if row.sku not in scan.variants]
    names = {text_of(row.cells.get("product")) for row in new_rows}
    known = {product.pk for products in by_name.values() for product in products}
    for product in (
        Product.objects.alias(key=Upper("name"))
        .filter(key__in={sku_key(name) for name in names})
        .exclude(pk__in=known)
        .select_related("brand", "category")
        .order_by("pk")
    ):
        brand = product.brand.name if product.brand else ""
        by_name[product.name.casefold(), brand.casefold()].append(product)

    for row in new_rows:
        name = text_of(row.cells.get("product"))
        if not name:
            scan.add_problem(row, "product", "This SKU is new: name its product.")
            continue
        products = by_name[_product_key(row, None)]
        if len(products) > 1:
            scan.add_problem(
                row, "product", f"{len(products)} products have this name: which one is meant?"
            )
        elif not products:
            products.append(Product(name=name))
        scan.products[row.sku] = products[0]


def _add_once(products: list[Product], product: Product) -> None:
    if all(product is not other for other in products):
        products.append(product)


def _product_key(row: FileRow, product: Product | None) -> tuple[str, str]:
    """Return name and brand of a line's product; what the file leaves out is as it is stored."""
    name = text_of(row.cells.get("product")) or (product.name if product else "")
    brand = text_of(row.cells.get("brand"))
    if "brand" not in row.cells and product is not None and product.brand is not None:
        brand = product.brand.name
    return name.casefold(), brand.casefold()


def _note_disagreement(scan: Scan) -> None:
    """Note lines of one product that say different things about it."""
    first_rows: dict[int, FileRow] = {}
    for row in scan.rows:
        variant = scan.variants.get(row.sku)
        product = variant.product if variant else scan.products.get(row.sku)
        if product is None:
            continue
        first = first_rows.setdefault(id(product), row)
        for column in PRODUCT_COLUMNS:
            here, there = text_of(row.cells.get(column)), text_of(first.cells.get(column))
            if here.casefold() != there.casefold():
                scan.add_problem(
                    row,
                    column,
                    f'"{here}" here but "{there}" on line {first.line_number}, for one product.',
                )
