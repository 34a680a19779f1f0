"""The range as a product file, taken in the way a shopkeeper would."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from catalog.resources import load_products
from retail.demo.articles import Article


def import_catalogue(*, articles: Sequence[Article], path: Path, at: datetime) -> None:
    """Write the range to a product file and take it in; its prices hold from `at`."""
    options = sorted({article.option for article in articles})
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(
            [
                *("product", "brand", "category", "status", "sku", "gtin", "variant"),
                *("weight_grams", "tax_class", "price: retail"),
                *(f"option: {option}" for option in options),
            ]
        )
        writer.writerows(_row(article, options) for article in articles)
    load_products(path=path, at=at)


def _row(article: Article, options: Sequence[str]) -> list[str]:
    return [
        article.product,
        article.brand,
        article.category,
        "ACTIVE",
        article.sku,
        article.gtin,
        article.value,
        str(article.weight_grams),
        "standard",
        str(article.unit_price),
        *(article.value if option == article.option else "" for option in options),
    ]
