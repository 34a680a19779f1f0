"""Reading the catalog: which price holds, which variant a code means, where a category lies."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Upper

from catalog.models import (
    Barcode,
    BundleComponent,
    Category,
    ExchangeRate,
    Price,
    PriceList,
    Variant,
)
from retail.common.errors import BusinessError
from retail.common.money import display

GTIN_LENGTHS = (8, 12, 13, 14)
CATEGORY_SEPARATOR = " > "


class NoExchangeRate(BusinessError):
    """No rate is known for this currency on or before this day."""


@dataclass(frozen=True)
class PriceDecision:
    """The price that holds for a quantity, the list it stands in, and why it won."""

    price: Price
    unit_price: Decimal
    price_list: PriceList
    why: str


def price_for(
    *, variant_id: int, price_list_ids: Collection[int], quantity: int, at: datetime
) -> PriceDecision | None:
    """
    Return the price of one unit when `quantity` are bought, None when no list has one.

    Of the lists valid at the moment the one of highest priority that has a price decides (of
    equals the older list); within it the price from the largest quantity not above the asked one.
    """
    candidates = list(
        Price.objects.valid_at(at)
        .filter(variant_id=variant_id, price_list_id__in=price_list_ids, min_quantity__lte=quantity)
        .select_related("price_list")
        .order_by("-price_list__priority", "price_list_id", "-min_quantity", "pk")
    )
    if not candidates:
        return None
    winner, *others = candidates
    return PriceDecision(
        price=winner,
        unit_price=winner.unit_price,
        price_list=winner.price_list,
        why=" ".join(_reasons(winner, others)),
    )


def _reasons(winner: Price, others: Collection[Price]) -> Iterator[str]:
    """Yield sentences that say why a price won over the others that were possible."""
    price_list = winner.price_list
    yield (
        f"{display(winner.unit_price, price_list.currency)} from {price_list.name}"
        f" (priority {price_list.priority}), for {winner.min_quantity} or more."
    )
    for other in others:
        if other.price_list_id == winner.price_list_id:
            yield (f"The price for {other.min_quantity} or more holds for smaller quantities only.")
        elif other.price_list.priority == price_list.priority:
            yield f"{other.price_list.name} has the same priority and is newer."
        else:
            yield f"{other.price_list.name} has the lower priority {other.price_list.priority}."
    if winner.valid_to is not None:
        yield f"It ends on {winner.valid_to:%d %B %Y at %H:%M} UTC."


def variants_by_code(codes: Collection[str]) -> dict[str, int]:
    """
    Return code -> variant id for the codes that mean a variant; the others are left out.

    A code is looked up as SKU (ignoring case), then as GTIN (a shorter one equals the longer one
    with zeros in front), then as barcode. Keys are the codes as they were given.
    """
    wanted = {code: code.strip() for code in codes if code.strip()}
    by_sku = {
        sku_key(sku): variant_id
        for sku, variant_id in Variant.objects.alias(key=Upper("sku"))
        .filter(key__in={sku_key(code) for code in wanted.values()})
        .values_list("sku", "pk")
    }
    by_gtin = {
        gtin_key(gtin): variant_id
        for gtin, variant_id in Variant.objects.filter(
            gtin__in={form for code in wanted.values() for form in gtin_forms(code)}
        )
        .order_by("-pk")
        .values_list("gtin", "pk")
        if gtin is not None
    }
    by_barcode = dict(
        Barcode.objects.filter(code__in=set(wanted.values())).values_list("code", "variant_id")
    )
    found = {
        given: by_sku.get(sku_key(code)) or by_gtin.get(gtin_key(code)) or by_barcode.get(code)
        for given, code in wanted.items()
    }
    return {given: variant_id for given, variant_id in found.items() if variant_id is not None}


def sku_key(sku: str) -> str:
    """Return the SKU as the database compares it: upper case, letter by letter."""
    return "".join(upper if len(upper := letter.upper()) == 1 else letter for letter in sku.strip())


def gtin_key(code: str) -> str:
    """
    Return the 14 digits a GTIN stands for, empty when the code cannot be one.

    Source: GS1 General Specifications, section 3.3: shorter GTINs are filled up with zeros.
    """
    if len(code) not in GTIN_LENGTHS or not (code.isascii() and code.isdigit()):
        return ""
    return code.zfill(max(GTIN_LENGTHS))


def gtin_forms(code: str) -> set[str]:
    """Return every way to write the GTIN that a code is, none when it cannot be one."""
    if not (key := gtin_key(code)):
        return set()
    digits = key.lstrip("0")
    return {digits.zfill(length) for length in GTIN_LENGTHS if len(digits) <= length}


def exchange_rate(currency: str, on: date) -> Decimal:
    """
    Return the units of book currency for one unit of a currency: the last rate up to a day.

    :raises NoExchangeRate: none is known yet on that day.
    """
    if currency == settings.RETAIL_CURRENCY:
        return Decimal(1)
    rate = (
        ExchangeRate.objects.filter(currency=currency, valid_on__lte=on)
        .order_by("-valid_on")
        .values_list("rate", flat=True)
        .first()
    )
    if rate is None:
        msg = f"No exchange rate from {currency} to {settings.RETAIL_CURRENCY} is known on {on}."
        raise NoExchangeRate(msg, currency=currency, on=on.isoformat())
    return rate


def category_paths() -> dict[int, str]:
    """Return category id -> its path from the top, "Clothing > Shirts", for every category."""
    rows = {
        pk: (name, parent)
        for pk, name, parent in Category.objects.values_list("pk", "name", "parent_id")
    }
    paths: dict[int, str] = {}
    for pk in rows:
        names: list[str] = []
        seen: set[int] = set()
        above: int | None = pk
        while above is not None and above not in seen:
            seen.add(above)
            name, parent = rows[above]
            names.append(name)
            above = parent
        paths[pk] = CATEGORY_SEPARATOR.join(reversed(names))
    return paths


def categories_within(category_id: int) -> set[int]:
    """Return the ids of a category and of all that lie below it."""
    children: dict[int | None, list[int]] = {}
    for pk, parent_id in Category.objects.values_list("pk", "parent_id"):
        children.setdefault(parent_id, []).append(pk)
    found, open_ids = set(), [category_id]
    while open_ids:
        pk = open_ids.pop()
        if pk not in found:
            found.add(pk)
            open_ids += children.get(pk, [])
    return found


def components_of(variant_ids: Collection[int]) -> dict[int, dict[int, int]]:
    """Return bundle id -> component id -> units in one bundle, of those that are bundles."""
    components: dict[int, dict[int, int]] = {}
    rows = BundleComponent.objects.filter(bundle_id__in=list(variant_ids)).order_by("component_id")
    for bundle_id, component_id, units in rows.values_list("bundle_id", "component_id", "units"):
        components.setdefault(bundle_id, {})[component_id] = units
    return components


# Why an article is kept in stock, or is not, whatever somebody would like.
STOCK_IS_SETTLED = {
    True: "It is a component of a bundle, so it is kept in stock.",
    False: "It is a bundle, so it has no stock of its own: take its components out first.",
}


def stocked_for_bundles(variant_ids: Collection[int]) -> dict[int, bool]:
    """
    Return variant id -> whether it is kept in stock, where a bundle settles that.

    Components are, bundles are not: `STOCK_IS_SETTLED` says it in words.
    """
    wanted = list(variant_ids)
    rows = BundleComponent.objects.filter(Q(bundle_id__in=wanted) | Q(component_id__in=wanted))
    settled: dict[int, bool] = {}
    for bundle_id, component_id in rows.values_list("bundle_id", "component_id"):
        settled |= {bundle_id: False, component_id: True}
    return {pk: is_stocked for pk, is_stocked in settled.items() if pk in set(wanted)}
