"""The range of the practice shop: about 300 invented products, the same ones every time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from stdnum import ean


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Products that differ by their design only; every design comes in every option."""

    prefix: str
    category: str
    supplier: str
    thing: str
    option: str
    values: tuple[str, ...]
    price: str
    weight_grams: int
    designs: int = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One variant of the range, as its line in the catalogue file says."""

    sku: str
    gtin: str
    product: str
    brand: str
    category: str
    option: str
    value: str
    unit_price: Decimal
    unit_cost: Decimal
    weight_grams: int
    supplier: str
    popularity: float


DESIGNS = (
    *("Harbour", "Meadow", "Birch", "Cinder", "Linden", "Orchard", "Pebble", "Saltmarsh"),
    *("Thistle", "Willow", "Bramble", "Copper", "Dune", "Ember", "Fjord"),
)

# Supplier codes are those of `retail.demo.suppliers`.
FAMILIES = (
    Family(
        prefix="MUG",
        category="Kitchen > Tableware",
        supplier="stonehouse",
        thing="stoneware mug",
        option="Color",
        values=("Blue", "Cream", "Sage"),
        price="11.50",
        weight_grams=380,
        designs=15,
    ),
    Family(
        prefix="BWL",
        category="Kitchen > Tableware",
        supplier="stonehouse",
        thing="serving bowl",
        option="Size",
        values=("Small", "Large"),
        price="18.00",
        weight_grams=720,
        designs=15,
    ),
    Family(
        prefix="PLT",
        category="Kitchen > Tableware",
        supplier="stonehouse",
        thing="dinner plate",
        option="Color",
        values=("Blue", "Cream"),
        price="13.00",
        weight_grams=610,
        designs=15,
    ),
    Family(
        prefix="JUG",
        category="Kitchen > Tableware",
        supplier="stonehouse",
        thing="water jug",
        option="Color",
        values=("Blue", "Cream"),
        price="24.00",
        weight_grams=900,
        designs=15,
    ),
    Family(
        prefix="TWL",
        category="Kitchen > Textiles",
        supplier="nordtex",
        thing="tea towel",
        option="Color",
        values=("Natural", "Rust", "Slate"),
        price="8.50",
        weight_grams=90,
        designs=15,
    ),
    Family(
        prefix="APR",
        category="Kitchen > Textiles",
        supplier="nordtex",
        thing="linen apron",
        option="Color",
        values=("Natural", "Slate"),
        price="29.00",
        weight_grams=310,
        designs=15,
    ),
    Family(
        prefix="CUS",
        category="Living > Textiles",
        supplier="nordtex",
        thing="cushion cover",
        option="Size",
        values=("45 cm", "60 cm"),
        price="22.00",
        weight_grams=210,
        designs=15,
    ),
    Family(
        prefix="THR",
        category="Living > Textiles",
        supplier="nordtex",
        thing="wool throw",
        option="Color",
        values=("Natural", "Moss"),
        price="64.00",
        weight_grams=950,
        designs=15,
    ),
    Family(
        prefix="CDL",
        category="Living > Candles",
        supplier="lumina",
        thing="scented candle",
        option="Scent",
        values=("Fig", "Cedar", "Sea salt"),
        price="16.00",
        weight_grams=420,
        designs=15,
    ),
    Family(
        prefix="LAN",
        category="Living > Candles",
        supplier="lumina",
        thing="lantern",
        option="Size",
        values=("Small", "Large"),
        price="27.50",
        weight_grams=1100,
        designs=15,
    ),
    Family(
        prefix="VAS",
        category="Living > Decoration",
        supplier="lumina",
        thing="glass vase",
        option="Color",
        values=("Clear", "Smoke"),
        price="21.00",
        weight_grams=840,
        designs=15,
    ),
    Family(
        prefix="FRM",
        category="Living > Decoration",
        supplier="drewno",
        thing="picture frame",
        option="Size",
        values=("13 x 18", "20 x 30"),
        price="14.00",
        weight_grams=350,
        designs=15,
    ),
    Family(
        prefix="BRD",
        category="Kitchen > Wood",
        supplier="drewno",
        thing="chopping board",
        option="Size",
        values=("Small", "Large"),
        price="26.00",
        weight_grams=1300,
        designs=15,
    ),
    Family(
        prefix="SPN",
        category="Kitchen > Wood",
        supplier="drewno",
        thing="wooden spoon set",
        option="Wood",
        values=("Beech", "Olive"),
        price="12.50",
        weight_grams=180,
        designs=15,
    ),
    Family(
        prefix="TRY",
        category="Kitchen > Wood",
        supplier="drewno",
        thing="serving tray",
        option="Size",
        values=("Small", "Large"),
        price="32.00",
        weight_grams=1450,
        designs=15,
    ),
    Family(
        prefix="NTB",
        category="Gifts > Paper",
        supplier="papier",
        thing="notebook",
        option="Paper",
        values=("Plain", "Lined"),
        price="9.00",
        weight_grams=240,
        designs=15,
    ),
    Family(
        prefix="CRD",
        category="Gifts > Paper",
        supplier="papier",
        thing="greeting card",
        option="Pack",
        values=("Single", "Set of 8"),
        price="3.20",
        weight_grams=30,
        designs=15,
    ),
    Family(
        prefix="WRP",
        category="Gifts > Paper",
        supplier="papier",
        thing="wrapping paper",
        option="Pack",
        values=("2 m", "10 m"),
        price="4.50",
        weight_grams=150,
        designs=15,
    ),
    Family(
        prefix="CAL",
        category="Gifts > Paper",
        supplier="papier",
        thing="wall calendar",
        option="Year",
        values=("2026", "2027"),
        price="15.00",
        weight_grams=420,
        designs=15,
    ),
    Family(
        prefix="PUZ",
        category="Gifts > Games",
        supplier="papier",
        thing="jigsaw puzzle",
        option="Pieces",
        values=("500", "1000"),
        price="19.50",
        weight_grams=650,
        designs=15,
    ),
)


def articles() -> Iterator[Article]:
    """Yield every variant of the range; the second and later options cost a little more."""
    chance = random.Random(2026)  # noqa: S311 - a believable spread, not a secret
    serial = 0
    for family in FAMILIES:
        for number, design in enumerate(DESIGNS[: family.designs], start=1):
            popularity = chance.paretovariate(1.3)
            for position, value in enumerate(family.values):
                serial += 1
                price = Decimal(family.price) + Decimal(position) * Decimal("2.50")
                cost = price * Decimal(chance.randint(38, 52)) / 100
                suffix = value[:3].upper().replace(" ", "")
                yield Article(
                    sku=f"{family.prefix}-{number:02}-{suffix}{position}",
                    gtin=_gtin(serial),
                    product=f"{design} {family.thing}",
                    brand=family.supplier.capitalize(),
                    category=family.category,
                    option=family.option,
                    value=value,
                    unit_price=price,
                    unit_cost=cost.quantize(Decimal("0.01")),
                    weight_grams=family.weight_grams,
                    supplier=family.supplier,
                    popularity=popularity / (position + 1),
                )


def _gtin(serial: int) -> str:
    """Return a GTIN-13 of the range 20 to 29, which GS1 leaves to shops for their own use."""
    digits = f"29{serial:010}"
    return digits + ean.calc_check_digit(digits)
