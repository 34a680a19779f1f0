"""The columns of a product file: what each means, and what may stand in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from import_export.fields import Field
from import_export.widgets import Widget

from catalog.models import Brand, Category, Product, TaxClass, Variant, validate_gtin
from catalog.resources.references import References
from retail.common.errors import BusinessError
from retail.common.fields import MAX_AMOUNT
from retail.common.tabular import is_damaged_code, parse_decimal, parse_integer

OPTION = "option: "
PRICE = "price: "
HEAVIEST = 100_000_000
LARGEST = 1_000_000_000
PRICE_DECIMALS = 4

_YES_NO = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
_STATUSES: Mapping[str, str] = {
    word.casefold(): value for value, label in Product.Status.choices for word in (value, label)
}


class TextColumn(Widget):
    """Text of bounded length, outer blanks left out."""

    def __init__(self, *, longest: int, is_required: bool = False) -> None:
        super().__init__()
        self.longest = longest
        self.is_required = is_required

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str | None:  # noqa: ARG002 - the signature of import-export
        text = text_of(value)
        if self.is_required and not text:
            raise ValueError("This must not be empty.")
        if len(text) > self.longest:
            raise ValueError(f"This has {len(text)} characters; at most {self.longest} fit.")
        return text


class SkuColumn(TextColumn):
    """An SKU as it was given; one that a spreadsheet rounded is refused."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str | None:
        refuse_damaged(text_of(value))
        return super().clean(value, row, **kwargs)


class GtinColumn(Widget):
    """A GTIN with its check digit, or nothing."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str | None:  # noqa: ARG002 - the signature of import-export
        text = text_of(value)
        refuse_damaged(text)
        if not text:
            return None
        try:
            validate_gtin(text)
        except ValidationError as error:
            raise ValueError(error.messages[0]) from error
        if not (text.isascii() and text.isdigit()):
            raise ValueError(f"{text} holds more than digits.")
        return text

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:  # noqa: ARG002 - the signature of import-export
        return value or ""


class LookedUpColumn(Widget):
    """A text that means something else; an empty cell means nothing."""

    def __init__(self, find: Callable[[str], Any], show: Callable[[Any], str] = str) -> None:
        super().__init__()
        self.find = find
        self.show = show

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:  # noqa: ARG002 - the signature of import-export
        text = text_of(value)
        return self.find(text) if text else None

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:  # noqa: ARG002 - the signature of import-export
        return "" if value is None else self.show(value)


class OptionField(Field):
    """One option of a variant, its color or size; an empty cell takes the option away."""

    def __init__(self, name: str) -> None:
        super().__init__(
            attribute="options", column_name=f"{OPTION}{name}", widget=TextColumn(longest=100)
        )
        self.name = name

    def get_value(self, instance: Variant) -> str:
        return str(instance.options.get(self.name, ""))

    def save(
        self,
        instance: Variant,
        row: Mapping[str, Any],
        is_m2m: bool = False,  # noqa: ARG002, FBT001, FBT002 - import-export's signature
        **kwargs: Any,
    ) -> None:
        value = self.clean(row, **kwargs)
        others = {name: text for name, text in instance.options.items() if name != self.name}
        instance.options = {**others, self.name: value} if value else others


class PriceField(Field):
    """
    The price of one unit in a price list; an empty cell leaves the price as it is.

    Prices stand in `listed_prices` of the variant, price list id -> price, while a file is read or
    written.
    """

    def __init__(self, *, price_list_id: int, code: str) -> None:
        super().__init__(
            attribute="listed_prices",
            column_name=f"{PRICE}{code}",
            widget=LookedUpColumn(find=price_of, show=shown_price),
        )
        self.price_list_id = price_list_id

    def get_value(self, instance: Any) -> Decimal | None:
        price: Decimal | None = instance.listed_prices.get(self.price_list_id)
        return price

    def save(
        self,
        instance: Any,
        row: Mapping[str, Any],
        is_m2m: bool = False,  # noqa: ARG002, FBT001, FBT002 - import-export's signature
        **kwargs: Any,
    ) -> None:
        price = self.clean(row, **kwargs)
        if price is not None:
            instance.listed_prices = {**instance.listed_prices, self.price_list_id: price}


def file_columns(references: References) -> dict[str, Field]:
    """Return the columns that every product file may have, by their title."""

    def column(title: str, attribute: str, widget: Widget, *, keeps_when_empty: bool) -> Field:
        return Field(
            attribute=attribute,
            column_name=title,
            widget=widget,
            saves_null_values=not keeps_when_empty,
        )

    def brand_name(brand: Brand) -> str:
        return brand.name

    def tax_code(tax_class: TaxClass) -> str:
        return tax_class.code

    def path(category: Category) -> str:
        return references.path(category)

    name = TextColumn(longest=200, is_required=True)
    brand = LookedUpColumn(references.brand, brand_name)
    category = LookedUpColumn(references.category, path)
    tax_class = LookedUpColumn(references.tax_class, tax_code)
    sku = SkuColumn(longest=64, is_required=True)
    columns = (
        column("product", "product__name", name, keeps_when_empty=False),
        column("brand", "product__brand", brand, keeps_when_empty=False),
        column("category", "product__category", category, keeps_when_empty=False),
        column("status", "product__status", LookedUpColumn(status_of), keeps_when_empty=True),
        column("sku", "sku", sku, keeps_when_empty=False),
        column("gtin", "gtin", GtinColumn(), keeps_when_empty=False),
        column("variant", "name", TextColumn(longest=200), keeps_when_empty=False),
        column("weight_grams", "weight_grams", LookedUpColumn(weight_of), keeps_when_empty=False),
        column("volume_ml", "volume_ml", LookedUpColumn(volume_of), keeps_when_empty=False),
        column("tax_class", "tax_class", tax_class, keeps_when_empty=False),
        column(
            "stocked", "is_stocked", LookedUpColumn(yes_or_no, shown_yes_no), keeps_when_empty=True
        ),
        column("unit", "base_unit", LookedUpColumn(unit_of), keeps_when_empty=True),
    )
    return {field.column_name: field for field in columns}


def text_of(value: Any) -> str:
    """Return a cell as text without outer blanks, whatever the file's reader made of it."""
    return "" if value is None else str(value).strip()


def refuse_damaged(text: str) -> None:
    if is_damaged_code(text):
        raise ValueError(
            f"{text} was rounded by a spreadsheet: format the column as text and enter the code"
            " again."
        )


def status_of(text: str) -> str:
    if text.casefold() not in _STATUSES:
        raise ValueError(f"{text} is no status; use {', '.join(Product.Status.values)}.")
    return _STATUSES[text.casefold()]


def weight_of(text: str) -> int:
    grams = parse_integer(text)
    if not 0 <= grams < HEAVIEST:
        raise ValueError(f"{text} is no weight in grams.")
    return grams


def volume_of(text: str) -> int:
    milliliters = parse_integer(text)
    if not 0 <= milliliters < LARGEST:
        raise ValueError(f"{text} is no volume in milliliters.")
    return milliliters


def unit_of(text: str) -> str:
    return TextColumn(longest=20).clean(text) or ""


def yes_or_no(text: str) -> bool:
    if text.casefold() not in _YES_NO:
        raise ValueError(f"{text} is neither yes nor no.")
    return _YES_NO[text.casefold()]


def shown_yes_no(value: object) -> str:
    return "yes" if value else "no"


def price_of(text: str) -> Decimal:
    """Read a price with a decimal point; thousands may be parted by commas."""
    price = parse_decimal(text, ".")
    if not 0 <= price < MAX_AMOUNT:
        raise ValueError(f"{text} is no price: it must be zero or more.")
    if price != round(price, PRICE_DECIMALS):
        raise ValueError(f"{text} has more than {PRICE_DECIMALS} decimals.")
    return price


def shown_price(price: Decimal) -> str:
    """Return the price with the decimals it needs, two at least."""
    return f"{price:.2f}" if price == round(price, 2) else f"{price.normalize():f}"


REFUSALS = (ValueError, BusinessError)
