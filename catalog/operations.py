"""What is done to the catalog: prices take effect, products come and go, codes are linked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from catalog.models import (
    Barcode,
    Category,
    Price,
    PriceList,
    Product,
    TaxClass,
    Variant,
    validate_gtin,
)
from catalog.queries import gtin_forms, variants_by_code
from retail.common.errors import BusinessError
from retail.common.fields import MAX_AMOUNT
from retail.common.money import round_rate
from retail.common.status import check_move

# As the columns of variant and product hold them.
LONGEST_SKU, LONGEST_NAME = 64, 200


class PriceOutOfRange(BusinessError):
    """A price is a number, not negative and not absurdly large."""


class NothingToSell(BusinessError):
    """The product has no variant, so there is nothing a customer could buy."""


class BarcodeTaken(BusinessError):
    """The code means another variant, or another number of units, already."""


class InvalidArticle(BusinessError):
    """A new article lacks a name or an SKU, or its GTIN cannot be one."""


class CodeTaken(BusinessError):
    """Another article has the SKU or the GTIN already; `sku` is the SKU of that one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPrice:
    """The price of one unit of a variant in a price list, from a quantity on."""

    variant_id: int
    price_list_id: int
    unit_price: Decimal
    min_quantity: int = 1


@transaction.atomic
def set_price(
    *,
    variant: Variant,
    price_list: PriceList,
    unit_price: Decimal,
    at: datetime,
    min_quantity: int = 1,
) -> Price:
    """Let a price hold from a moment on; see `set_prices`."""
    new = NewPrice(
        variant_id=variant.pk,
        price_list_id=price_list.pk,
        unit_price=unit_price,
        min_quantity=min_quantity,
    )
    return set_prices(prices=[new], at=at)[0]


@transaction.atomic
def set_prices(*, prices: Sequence[NewPrice], at: datetime) -> list[Price]:
    """
    Let prices hold from a moment on, and return the rows that hold then, in the same order.

    What held before ends at that moment; a price planned for later still begins on its day. A
    price that holds already stays as it is, so a second call changes nothing.

    Locks: the variants, by primary key.

    :raises PriceOutOfRange: one of them is negative, too large or no number; none is set.
    """
    wanted = {_place(price): _checked(price) for price in prices}
    variant_ids = {variant_id for variant_id, *_ in wanted}
    list(Variant.objects.for_update().filter(pk__in=variant_ids))
    rows = _rows_from(at, variant_ids, {price_list_id for _, price_list_id, _ in wanted})

    ended: list[int] = []
    corrected: list[Price] = []
    begun: list[Price] = []
    holding: dict[tuple[int, int, int], Price] = {}
    for place, unit_price in wanted.items():
        price, next_from = _current_and_next(rows.get(place, ()), at)
        if price is None or (price.unit_price != unit_price and price.valid_from != at):
            if price is not None:
                ended.append(price.pk)
            price = _begun(place, unit_price, at, next_from)
            begun.append(price)
        elif price.unit_price != unit_price:
            price.unit_price = unit_price
            corrected.append(price)
        holding[place] = price

    # The old price ends first: for no moment may two hold.
    Price.objects.filter(pk__in=ended).update(valid_to=at)
    Price.objects.bulk_update(corrected, ["unit_price"], batch_size=500)
    Price.objects.bulk_create(begun)
    return [holding[_place(price)] for price in prices]


@transaction.atomic
def create_draft(
    *,
    sku: str,
    name: str,
    at: datetime,
    gtin: str = "",
    category: Category | None = None,
    tax_class: TaxClass | None = None,
) -> Variant:
    """
    Bring a new article into the catalog: a product that is a draft, with one variant.

    Not on sale until `activate_product`. A second call with the SKU is refused.

    :raises InvalidArticle: the name or the SKU is empty, or the GTIN's check digit is wrong.
    :raises CodeTaken: another article has the SKU, in whatever case, or the GTIN, also one with
        another number of zeros in front.
    """
    sku, name, gtin = sku.strip(), name.strip(), gtin.strip()
    _refuse_incomplete(sku=sku, name=name, gtin=gtin)
    _refuse_taken(sku=sku, gtin=gtin)
    product = Product.objects.create(name=name, category=category)
    variant = Variant.objects.create(
        product=product, sku=sku, gtin=gtin or None, tax_class=tax_class
    )
    # By update, because Django stamps its own clock on a row that is created.
    Product.objects.filter(pk=product.pk).update(created_at=at, updated_at=at)
    Variant.objects.filter(pk=variant.pk).update(created_at=at, updated_at=at)
    return variant


@transaction.atomic
def activate_product(*, product_id: int, at: datetime) -> Product:
    """
    Put a product on sale, also one that was discontinued.

    Locks: the product.

    :raises WrongStatus: it is active already.
    :raises NothingToSell: it has no variant.
    """
    product = Product.objects.for_update().get(pk=product_id)
    check_move(product, Product.Status.ACTIVE)
    if not product.variants.exists():
        msg = f"{product} has no variant yet: add at least one before it is sold."
        raise NothingToSell(msg)
    return _moved(product, Product.Status.ACTIVE, at)


@transaction.atomic
def discontinue_product(*, product_id: int, at: datetime) -> Product:
    """
    Mark a product as one that is not bought again; what is in stock is still sold.

    Locks: the product.

    :raises WrongStatus: it is discontinued already.
    """
    product = Product.objects.for_update().get(pk=product_id)
    check_move(product, Product.Status.DISCONTINUED)
    return _moved(product, Product.Status.DISCONTINUED, at)


@transaction.atomic
def link_barcode(*, variant_id: int, code: str, pack_size: int = 1) -> Barcode:
    """
    Let a scanned code mean units of a variant; linking it again changes nothing.

    Locks: the variant.

    :raises BarcodeTaken: the code is another variant's SKU, GTIN or barcode, or this one's for
        another number of units.
    """
    variant = Variant.objects.for_update().get(pk=variant_id)
    code = code.strip()
    meant_id = variants_by_code([code]).get(code)
    if meant_id is not None and meant_id != variant.pk:
        meant = Variant.objects.get(pk=meant_id)
        msg = f"The code {code} belongs to {meant} already."
        raise BarcodeTaken(msg, code=code, sku=meant.sku)

    barcode, _ = Barcode.objects.get_or_create(
        code=code, defaults={"variant": variant, "pack_size": pack_size}
    )
    if (barcode.variant_id, barcode.pack_size) != (variant.pk, pack_size):
        msg = f"The code {code} stands for {barcode.pack_size} x {barcode.variant} already."
        raise BarcodeTaken(msg, code=code, sku=barcode.variant.sku)
    return barcode


def _refuse_incomplete(*, sku: str, name: str, gtin: str) -> None:
    if not sku or not name:
        msg = "A new article needs an SKU and a name."
        raise InvalidArticle(msg, sku=sku, name=name)
    for text, longest in ((sku, LONGEST_SKU), (name, LONGEST_NAME)):
        if len(text) > longest:
            msg = f"{text[:30]} ... is too long: {longest} characters at most."
            raise InvalidArticle(msg, longest=longest)
    if gtin:
        try:
            validate_gtin(gtin)
        except ValidationError as error:
            raise InvalidArticle(error.messages[0], gtin=gtin) from error


def _refuse_taken(*, sku: str, gtin: str) -> None:
    same = Variant.objects.filter(Q(sku__iexact=sku) | Q(gtin__in=gtin_forms(gtin)))
    if taken := same.order_by("pk").first():
        code = f"SKU {sku}" if taken.sku.upper() == sku.upper() else f"GTIN {gtin}"
        msg = f"{taken} has the {code} already."
        raise CodeTaken(msg, sku=taken.sku, code=code)


def _place(price: NewPrice) -> tuple[int, int, int]:
    return price.variant_id, price.price_list_id, price.min_quantity


def _checked(price: NewPrice) -> Decimal:
    if not (price.unit_price.is_finite() and 0 <= price.unit_price < MAX_AMOUNT):
        msg = f"{price.unit_price} is no price: it must be zero or more."
        raise PriceOutOfRange(msg, variant_id=price.variant_id)
    return round_rate(price.unit_price)


def _rows_from(
    at: datetime, variant_ids: Iterable[int], price_list_ids: Iterable[int]
) -> dict[tuple[int, int, int], list[Price]]:
    """Return the prices that hold at the moment or later, by what they are the price of."""
    rows: dict[tuple[int, int, int], list[Price]] = {}
    for row in Price.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gt=at),
        variant_id__in=list(variant_ids),
        price_list_id__in=list(price_list_ids),
    ):
        place = (row.variant_id, row.price_list_id, row.min_quantity)
        rows.setdefault(place, []).append(row)
    return rows


def _current_and_next(rows: Iterable[Price], at: datetime) -> tuple[Price | None, datetime | None]:
    """Return the price that holds at the moment, and when the next one begins."""
    current: Price | None = None
    next_from: datetime | None = None
    for row in rows:
        if row.valid_from is None or row.valid_from <= at:
            current = row
        elif next_from is None or row.valid_from < next_from:
            next_from = row.valid_from
    return current, next_from


def _begun(
    place: tuple[int, int, int], unit_price: Decimal, at: datetime, next_from: datetime | None
) -> Price:
    variant_id, price_list_id, min_quantity = place
    return Price(
        variant_id=variant_id,
        price_list_id=price_list_id,
        min_quantity=min_quantity,
        unit_price=unit_price,
        valid_from=at,
        valid_to=next_from,
    )


def _moved(product: Product, status: Product.Status, at: datetime) -> Product:
    product.status = status
    product.updated_at = at
    # By update, because saving would stamp the server's clock over the moment that was passed in.
    Product.objects.filter(pk=product.pk).update(status=status, updated_at=at)
    return product
