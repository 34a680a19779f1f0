"""Numbers as people write them in files, read strictly."""

from __future__ import annotations

import re
from decimal import Decimal

from retail.common.errors import BusinessError

LONGEST_NUMBER = 40

# ASCII only: Python itself would read 1_000 and full-width digits as numbers.
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}\Z")
_DECIMAL_POINT = re.compile(r"([0-9]{1,15}|[0-9]{1,3}([,' ][0-9]{3})+)?(\.[0-9]{1,20})?\Z")
_DECIMAL_COMMA = re.compile(r"([0-9]{1,15}|[0-9]{1,3}([.' ][0-9]{3})+)?(,[0-9]{1,20})?\Z")
_GROUPS = re.compile(r"[,.' ]")
# A currency sign or code in front or behind says nothing about the number.
_MARK = r"[A-Z]{3}|zł|Kč|kr\.?|Ft|лв\.?|грн\.?|lei|Fr\.?|[$£€¥₴]"
_SIGNED = re.compile(
    rf"(?P<minus>[+-]?) *(?P<front>(?:{_MARK})?) *(?P<minus_within>-?)"
    r"(?P<number>[0-9.,' ]*[0-9](?:[.,]-{1,2})?) *(?P<minus_behind>-?)"
    rf" *(?P<behind>(?:{_MARK})?)\Z"
)
_IN_BRACKETS = re.compile(r"\(([^()-]+)\)\Z")
_ALIKE: dict[int, str] = {
    # No-break, thin and the other blanks that typesetting knows.
    **dict.fromkeys([0xA0, *range(0x2002, 0x200B), 0x202F, 0x205F], " "),
    **dict.fromkeys([0x2212, *range(0x2010, 0x2015)], "-"),
    **dict.fromkeys([0x60, 0xB4, 0x2BC, 0x2019], "'"),
}
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
    or code at either end is ignored, as are blanks. A minus may stand behind, as bookkeeping
    programs write it, or brackets around; `12,-` has no cents.

    :raises NotANumber: anything else, scientific notation included.
    """
    if len(text) > LONGEST_NUMBER:
        raise NotANumber(text)
    found = _parts(text)
    if found is None:
        raise NotANumber(text)
    number = found["number"].rstrip("-")
    if number != found["number"]:
        number = number[:-1]
    shape = _DECIMAL_COMMA if decimal_separator == "," else _DECIMAL_POINT
    if not shape.match(number):
        raise NotANumber(text)
    signs = found["minus"], found["minus_within"], found["minus_behind"]
    if sum(map(bool, signs)) > 1:
        raise NotANumber(text)
    whole, _, fraction = number.partition(decimal_separator)
    digits = _GROUPS.sub("", whole) or "0"
    amount = Decimal(f"{digits}.{fraction}") if fraction else Decimal(digits)
    return -amount if "-" in signs or _is_in_brackets(text) else amount


def currency_mark(text: str) -> str:
    """Return the currency's sign or code at either end of an amount, empty when there is none."""
    found = _parts(text)
    return "" if found is None else found["behind"] or found["front"]


def _parts(text: str) -> re.Match[str] | None:
    plain = text.translate(_ALIKE).strip(" \t")
    if brackets := _IN_BRACKETS.match(plain):
        plain = brackets[1].strip(" ")
    return _SIGNED.match(plain)


def _is_in_brackets(text: str) -> bool:
    return text.lstrip().startswith("(")


def is_damaged_code(text: str) -> bool:
    """Tell a code that a spreadsheet turned into a number and rounded, such as 4.00638E+12."""
    return _DAMAGED_CODE.match(text.strip()) is not None
