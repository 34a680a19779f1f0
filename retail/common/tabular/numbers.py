"""Numbers as people write them in files, read strictly."""

from __future__ import annotations

import re
from decimal import Decimal

from retail.common.errors import BusinessError

LONGEST_NUMBER = 30

# ASCII only: Python itself would read 1_000 and full-width digits as numbers.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
_DECIMAL_POINT = re.compile(r"[+-]?([0-9]{1,15}|[0-9]{1,3}([,' ][0-9]{3})+)(\.[0-9]{1,10})?\Z")
_DECIMAL_COMMA = re.compile(r"[+-]?([0-9]{1,15}|[0-9]{1,3}([.' ][0-9]{3})+)(,[0-9]{1,10})?\Z")
_GROUPS = re.compile(r"[,.' ]")
# A currency sign or code in front or behind says nothing about the number.
_MARK = r"[A-Z]{3}|zł|Kč|kr\.?|Ft|лв\.?|грн\.?|lei|Fr\.?|[$£€¥₴]"
_CURRENCY_IN_FRONT = re.compile(rf"\A({_MARK}) *")
_CURRENCY_BEHIND = re.compile(rf" *({_MARK})\Z")
_BLANKS = re.compile("[\u00a0\u2007\u2009\u202f]")
_DAMAGED_CODE = re.compile(r"[0-9]([.,][0-9]+)?[eE]\+?[0-9]{1,3}\Z")


class NotANumber(BusinessError):
    """The text is not a number in the form that was agreed."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text[:LONGEST_NUMBER]!r} is not a number.", text=text[:LONGEST_NUMBER])


def parse_integer(text: str) -> int:
    """
    Read a whole number: ASCII digits, a sign at most, blanks around it ignored.

    :raises NotANumber: anything else, 1_000, 1e3 and full-width digits included.
    """
    digits = text.strip(" \t")
    if not _INTEGER.match(digits):
        raise NotANumber(text)
    return int(digits)


def parse_decimal(text: str, decimal_separator: str) -> Decimal:
    """
    Read an amount such as `1.111,34 €` (separator ",") or `1,111.34` (separator ".").

    The other separator, a blank or an apostrophe may part groups of three digits. A currency sign
    or code at either end is ignored, as are blanks.

    :raises NotANumber: anything else, scientific notation included.
    """
    if len(text) > LONGEST_NUMBER:
        raise NotANumber(text)
    number = _without_currency(_BLANKS.sub(" ", text).strip(" \t"))
    shape = _DECIMAL_COMMA if decimal_separator == "," else _DECIMAL_POINT
    if not shape.match(number):
        raise NotANumber(text)
    whole, _, fraction = number.partition(decimal_separator)
    digits = _GROUPS.sub("", whole)
    return Decimal(f"{digits}.{fraction}") if fraction else Decimal(digits)


def currency_mark(text: str) -> str:
    """Return the currency's sign or code at either end of an amount, empty when there is none."""
    number = _BLANKS.sub(" ", text).strip(" \t")
    found = _CURRENCY_BEHIND.search(number) or _CURRENCY_IN_FRONT.match(number)
    return found[1] if found else ""


def is_damaged_code(text: str) -> bool:
    """Tell a code that a spreadsheet turned into a number and rounded, such as 4.00638E+12."""
    return _DAMAGED_CODE.match(text.strip()) is not None


def _without_currency(number: str) -> str:
    return _CURRENCY_BEHIND.sub("", _CURRENCY_IN_FRONT.sub("", number))
