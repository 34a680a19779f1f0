"""The practice shop's five suppliers and the price files they send, each in its own dialect."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from tablib import Dataset

from retail.demo.articles import Article

PAPER, AS_DATA, AS_PDF = "paper", "data", "PDF with data"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierFile:
    """How one supplier writes a price list: the file's columns and its dialect."""

    extension: str
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal_separator: str = "."
    skipped_lines: tuple[str, ...] = ()
    columns: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSupplier:
    """
    A supplier as it is entered in the books; `rate` is book currency per unit of theirs.

    bills: how its bills come; on paper, which somebody types in, unless it sends data.
    """

    code: str
    name: str
    currency: str
    rate: Decimal
    country: str
    language: str
    lead_time_days: int
    payment_days: int
    street: str
    postcode: str
    city: str
    tax_number: str
    electronic_address: str
    iban: str
    bic: str
    file: SupplierFile
    bills: str = PAPER
    discount_percent: Decimal = Decimal(0)
    discount_days: int = 0


SUPPLIERS = (
    DemoSupplier(
        code="stonehouse",
        name="Stonehouse Pottery Ltd",
        currency="GBP",
        rate=Decimal(1),
        country="GB",
        language="en",
        lead_time_days=12,
        payment_days=30,
        street="Kiln Lane 4",
        postcode="ST6 4JW",
        city="Stoke-on-Trent",
        tax_number="GB123456782",
        electronic_address="9932:GB123456782",
        iban="GB29NWBK60161331926819",
        bic="NWBKGB2L",
        file=SupplierFile(
            extension="csv",
            columns=(
                ("supplier_sku", "Code"),
                ("gtin", "Barcode"),
                ("name", "Description"),
                ("unit_cost", "Trade price"),
                ("pack_size", "Pack"),
                ("available_units", "In stock"),
            ),
        ),
    ),
    DemoSupplier(
        code="nordtex",
        name="Nordtex Heimtextilien GmbH",
        currency="EUR",
        rate=Decimal("0.86"),
        country="DE",
        language="de",
        lead_time_days=9,
        payment_days=14,
        street="Speicherstraße 11",
        postcode="20457",
        city="Hamburg",
        tax_number="DE136695976",
        electronic_address="9930:DE136695976",
        iban="DE89370400440532013000",
        bic="COBADEFFXXX",
        bills=AS_PDF,
        file=SupplierFile(
            extension="csv",
            encoding="cp1252",
            delimiter=";",
            decimal_separator=",",
            skipped_lines=("Preisliste Nordtex; gültig ab sofort",),
            columns=(
                ("supplier_sku", "Artikelnummer"),
                ("gtin", "EAN"),
                ("name", "Bezeichnung"),
                ("unit_cost", "Händlerpreis"),
                ("available_units", "Verfügbar"),
            ),
        ),
    ),
    DemoSupplier(
        code="lumina",
        name="Lumina Candle Works Ltd",
        currency="GBP",
        rate=Decimal(1),
        country="GB",
        language="en",
        lead_time_days=6,
        payment_days=30,
        street="The Wax House",
        postcode="BS1 6XN",
        city="Bristol",
        tax_number="GB123456838",
        electronic_address="9932:GB123456838",
        iban="GB94BARC10201530093459",
        bic="BARCGB22",
        file=SupplierFile(
            extension="tsv",
            delimiter="\t",
            columns=(
                ("supplier_sku", "item_no"),
                ("gtin", "ean"),
                ("name", "item_name"),
                ("unit_cost", "net_price"),
                ("minimum_quantity", "min_order"),
                ("available_units", "stock"),
            ),
        ),
    ),
    DemoSupplier(
        code="drewno",
        name="Drewno i Dom sp. z o.o.",
        currency="PLN",
        rate=Decimal("0.20"),
        country="PL",
        language="pl",
        lead_time_days=14,
        payment_days=21,
        street="ul. Tartaczna 7",
        postcode="34-400",
        city="Nowy Targ",
        tax_number="PL8567346215",
        electronic_address="9945:PL8567346215",
        iban="PL61109010140000071219812874",
        bic="BREXPLPW",
        file=SupplierFile(
            extension="csv",
            encoding="cp1250",
            delimiter=";",
            decimal_separator=",",
            columns=(
                ("supplier_sku", "Indeks"),
                ("gtin", "EAN"),
                ("name", "Nazwa towaru"),
                ("unit_cost", "Cena zakupu"),
                ("available_units", "Ilość"),
            ),
        ),
    ),
    DemoSupplier(
        code="papier",
        name="Papier & Co. BV",
        currency="EUR",
        rate=Decimal("0.86"),
        country="NL",
        language="en",
        lead_time_days=7,
        payment_days=30,
        street="Papiermolenlaan 3",
        postcode="3581 AB",
        city="Utrecht",
        tax_number="NL4495445B01",
        electronic_address="9944:NL4495445B01",
        iban="NL91ABNA0417164300",
        bic="ABNANL2A",
        bills=AS_DATA,
        discount_percent=Decimal(2),
        discount_days=10,
        file=SupplierFile(
            extension="xlsx",
            columns=(
                ("supplier_sku", "SKU"),
                ("gtin", "EAN13"),
                ("name", "Title"),
                ("unit_cost", "Price"),
                ("minimum_quantity", "MOQ"),
                ("available_units", "Available"),
            ),
        ),
    ),
)


def supplier_sku(article: Article) -> str:
    """Return the supplier's own number for an article, which is not ours."""
    return f"{article.supplier[:2].upper()}{article.gtin[6:12]}"


def price_file(
    supplier: DemoSupplier,
    articles: Iterable[Article],
    cost: Callable[[Article], Decimal],
    extra_lines: Iterable[dict[str, str]] = (),
) -> bytes:
    """
    Return a price list as the supplier would send it.

    cost: what a unit costs us now, in the supplier's currency.
    extra_lines: lines by our column names, mistakes included, put in as they are.
    """
    layout = supplier.file
    rows = [_row(supplier, article, cost(article)) for article in articles]
    rows += [{ours: line.get(ours, "") for ours, _ in layout.columns} for line in extra_lines]
    titles = [title for _, title in layout.columns]
    cells = [[row[ours] for ours, _ in layout.columns] for row in rows]
    if layout.extension == "xlsx":
        return bytes(Dataset(*cells, headers=titles).export("xlsx"))
    text = io.StringIO(newline="")
    text.writelines(f"{line}\r\n" for line in layout.skipped_lines)
    writer = csv.writer(text, delimiter=layout.delimiter)
    writer.writerow(titles)
    writer.writerows(cells)
    return text.getvalue().encode(layout.encoding)


def _row(supplier: DemoSupplier, article: Article, cost: Decimal) -> dict[str, str]:
    number = f"{cost:.2f}".replace(".", supplier.file.decimal_separator)
    return {
        "supplier_sku": supplier_sku(article),
        "gtin": article.gtin,
        "name": f"{article.product} {article.value}",
        "unit_cost": number,
        "pack_size": "1",
        "minimum_quantity": "6",
        "available_units": str(int(article.popularity * 40) + 12),
    }
