"""What one cell of a supplier's file says, or why it cannot be taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from catalog.queries import GTIN_LENGTHS
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.money import round_rate
from retail.common.tabular import NotANumber, currency_mark, is_damaged_code, parse_decimal

Reader = Callable[[str], Any]

LONGEST_SKU = 100
LONGEST_NAME = 300
LARGEST_PACK = 1_000_000
LONGEST_LEAD_TIME = 1000
LONGEST_PLAIN_NUMBER = 15
LONGEST_SHOWN = 30
# Counts, days and prices repeat from line to line; more than so many different ones are read anew.
REMEMBERED_CELLS = 4096
ISO_DAY = "%Y-%m-%d"
LENGTH_OF_ISO_DAY = 10
FIRST_YEAR, LAST_YEAR = 2000, 2100

# A sign says the currency, or one of several that share it.
CURRENCIES_OF_SIGNS: dict[str, frozenset[str]] = {
    "€": frozenset({"EUR"}),
    "£": frozenset({"GBP"}),
    "¥": frozenset({"JPY", "CNY"}),
    "$": frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"}),
    "zł": frozenset({"PLN"}),
    "Kč": frozenset({"CZK"}),
    "kr": frozenset({"SEK", "NOK", "DKK", "ISK"}),
    "Ft": frozenset({"HUF"}),
    "лв": frozenset({"BGN"}),
    "грн": frozenset({"UAH"}),
    "₴": frozenset({"UAH"}),
    "lei": frozenset({"RON"}),
    "Fr": frozenset({"CHF"}),
}


class Fault(Exception):
    """What is wrong with one cell; caught where the line is put together."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def readers_of_cells(
    *, decimal_separator: str, day_format: str, currency: str, sku_length: int
) -> dict[str, Reader]:
    """
    Return our name of a column -> what reads its cells; each takes text without blanks around it.

    currency: of the supplier; another one in a cell is refused. Empty: any is taken.
    sku_length: of SKUs of digits, a shorter one having lost its zeros; 0 when there is no such.
    """
    number = partial(_number, decimal_separator=decimal_separator)
    cost = partial(_cost, number=number, currency=currency)
    day = partial(_day, day_format=day_format)
    readers: dict[str, Reader] = {
        "supplier_sku": partial(_sku, length=sku_length),
        "gtin": _gtin,
        # Only read by people; the whole name stays in the file.
        "name": lambda text: text[:LONGEST_NAME],
        "unit_cost": _remembered(lambda text: round_rate(cost(text))),
        # Not rounded before it is divided by the size of the pack.
        "pack_cost": _remembered(cost),
        "our_sku": _our_sku,
        "currency": _remembered(partial(_currency, expected=currency)),
        "back_in_stock_on": _remembered(partial(day, "day it is back in stock")),
        "valid_from": _remembered(partial(day, "first day of the price")),
    }
    for name, (words, low, high) in {
        "pack_size": ("pack size", 1, LARGEST_PACK),
        "minimum_quantity": ("minimum quantity", 1, MAX_UNITS),
        "available_units": ("available units", 0, MAX_UNITS),
        "order_multiple": ("order multiple", 1, MAX_UNITS),
        "lead_time_days": ("lead time in days", 0, LONGEST_LEAD_TIME),
    }.items():
        readers[name] = _remembered(partial(_count, name, words, low, high, number=number))
    return readers


def is_gtin(text: str) -> bool:
    """Tell what `catalog.models.validate_gtin` tells, fast enough for every line of a file."""
    if len(text) not in GTIN_LENGTHS or not (text.isascii() and text.isdigit()):
        return False
    return _has_check_digit(text)


def _remembered(reader: Reader) -> Reader:
    return lru_cache(maxsize=REMEMBERED_CELLS)(reader)


def _has_check_digit(digits: str) -> bool:
    # Summed as bytes, each 48 above its digit, which is much faster than digit by digit.
    codes = digits.encode()
    ones, threes = codes[-1::-2], codes[-2::-2]
    return (sum(ones) - 48 * len(ones) + 3 * (sum(threes) - 48 * len(threes))) % 10 == 0


def _sku(text: str, *, length: int) -> str:
    if not text:
        raise Fault("missing_sku", "The SKU is missing.")
    _refuse_damaged(text, "an SKU")
    if len(text) > LONGEST_SKU:
        raise Fault("sku_too_long", f"The SKU is longer than {LONGEST_SKU} characters.")
    if len(text) < length and text.isdigit():
        raise Fault(
            "damaged_code",
            f"{text} has {len(text)} digits where the others have {length}: a spreadsheet has"
            " probably taken the zeros in front.",
        )
    return text


def _our_sku(text: str) -> str:
    _refuse_damaged(text, "our SKU")
    if len(text) > LONGEST_SKU:
        raise Fault("our_sku_too_long", f"Our SKU is longer than {LONGEST_SKU} characters.")
    return text


def _gtin(text: str) -> str:
    """
    Read a GTIN of 8, 12, 13 or 14 digits.

    Twelve digits are the same number as thirteen with a zero in front (GS1 General
    Specifications, 1.4.2), so that a lost zero does no harm there; fewer are no GTIN any more.
    """
    if not text or is_gtin(text):
        return text
    _refuse_damaged(text, "a GTIN")
    if text.isascii() and text.isdigit() and _lacks_zeros(text):
        raise Fault(
            "damaged_code",
            f"{text} would be a GTIN with zeros in front: a spreadsheet has probably taken them.",
        )
    if text.endswith((".0", ",0")) and is_gtin(text[:-2]):
        raise Fault("damaged_code", f"{text} was a GTIN before a program made a number of it.")
    raise Fault(
        "invalid_gtin", f"{text[:LONGEST_SHOWN]} is not a GTIN: wrong length or check digit."
    )


def _lacks_zeros(digits: str) -> bool:
    shortest, longest = min(GTIN_LENGTHS), max(GTIN_LENGTHS)
    return (
        shortest - 2 <= len(digits) < longest
        and len(digits) not in GTIN_LENGTHS
        and digits.strip("0") != ""
        and _has_check_digit(digits)
    )


def _refuse_damaged(text: str, what: str) -> None:
    # Nearly all codes have none of these characters, and a file has codes by the hundred thousand.
    if text[4:5] == "-" and _DAY.match(text):
        raise Fault("damaged_code", f"{text} was {what} before a spreadsheet made a day of it.")
    if ("E" in text or "e" in text) and is_damaged_code(text):
        raise Fault("damaged_code", f"{text} was {what} before a spreadsheet rounded it.")
    if text.startswith("#") and (text in _ERRORS_OF_SPREADSHEETS or not text.strip("#")):
        raise Fault("damaged_code", f"{text} stands where a spreadsheet could not show {what}.")


_DAY = re.compile(r"(19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]([T ]00:00:00)?\Z")
_ERRORS_OF_SPREADSHEETS = frozenset(
    {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"}
)


def _number(text: str, *, decimal_separator: str) -> int | Decimal | None:
    """Read a number; None when it is none."""
    # Most cells are plain digits.
    if len(text) <= LONGEST_PLAIN_NUMBER and text.isascii():
        whole, separator, fraction = text.partition(decimal_separator)
        if whole.isdigit() and not separator:
            return int(whole)
        if whole.isdigit() and fraction.isdigit():
            return Decimal(f"{whole}.{fraction}")
    try:
        return parse_decimal(text, decimal_separator)
    except NotANumber:
        return None


def _cost(text: str, *, number: Callable[[str], int | Decimal | None], currency: str) -> Decimal:
    if not text:
        raise Fault("missing_price", "The price is missing.")
    amount = number(text)
    if amount is None or amount >= MAX_AMOUNT:
        raise Fault("invalid_price", f"{text[:LONGEST_SHOWN]!r} is not a price.")
    if amount < 0:
        raise Fault("negative_price", f"The price {text} is below zero.")
    if not text[-1].isdigit() or not text[0].isdigit():
        _currency(currency_mark(text), expected=currency)
    return Decimal(amount)


def _currency(mark: str, *, expected: str) -> str:
    """Take the supplier's own currency, by code or by sign, or none at all."""
    if not mark or not expected:
        return mark
    code = mark.upper()
    if code == expected or expected in CURRENCIES_OF_SIGNS.get(mark.rstrip("."), ()):
        return expected
    raise Fault(
        "other_currency",
        f"The price is in {mark[:LONGEST_SHOWN]}, but we buy from this supplier in {expected}.",
    )


def _count(
    name: str,
    words: str,
    low: int,
    high: int,
    text: str,
    *,
    number: Callable[[str], int | Decimal | None],
) -> int | None:
    """Read a whole number, also one written with zeros behind the separator."""
    if not text:
        return None
    found = number(text)
    if found is None or found % 1 or not low <= found < high:
        raise Fault(f"invalid_{name}", f"{text[:LONGEST_SHOWN]!r} cannot be the {words}.")
    return int(found)


def _day(words: str, text: str, *, day_format: str) -> date | None:
    """Read a day in the profile's form; that of ISO 8601, which Excel gives, is always clear."""
    if not text:
        return None
    forms: Collection[str] = (day_format, ISO_DAY) if day_format != ISO_DAY else (ISO_DAY,)
    without_time = text[:LENGTH_OF_ISO_DAY] if text[LENGTH_OF_ISO_DAY:] in _MIDNIGHT else text
    for form in forms:
        try:
            day = datetime.strptime(without_time, form).date()  # noqa: DTZ007 - a day, no moment
        except ValueError:
            continue
        if FIRST_YEAR <= day.year < LAST_YEAR and text.isascii():
            return day
    raise Fault("invalid_day", f"{text[:LONGEST_SHOWN]!r} cannot be the {words}.")


_MIDNIGHT = frozenset({"T00:00:00", " 00:00:00", " 00:00"})
