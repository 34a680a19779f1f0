"""Which column is which: by what it is called, or, without titles, by what it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from purchasing.column_words import WORDS, is_retail, likeness, normalized
from purchasing.columns import Column

LEAST_LIKENESS = 0.35
SOME, MOST, NEARLY_ALL = 0.5, 0.8, 0.9
# A column fits less the emptier it is, and much less when it is wholly empty beside full ones.
EMPTINESS, WHOLLY_EMPTY = 0.2, 0.5
SHOWN = 10
Found = tuple[Column | None, str]

SPOKEN = {
    "supplier_sku": "the supplier's SKU",
    "our_sku": "our SKU",
    "gtin": "the GTIN",
    "name": "the name",
    "unit_cost": "the price",
    "pack_cost": "the price of a pack",
    "pack_size": "the size of a pack",
    "minimum_quantity": "the minimum quantity",
    "order_multiple": "the order multiple",
    "lead_time_days": "the lead time in days",
    "available_units": "what the supplier has in stock",
    "back_in_stock_on": "the day it is back in stock",
    "valid_from": "the day from which the price holds",
    "currency": "the currency",
}
# What must be true of the cells of a column that is called so.
_HOLDS: dict[str, tuple[str, Callable[[Column], bool]]] = {
    "supplier_sku": ("codes that differ", lambda c: c.distinct >= SOME),
    "our_sku": ("codes that differ", lambda c: c.distinct >= SOME),
    "gtin": ("GTINs with a valid check digit", lambda c: c.gtins >= SOME),
    "unit_cost": ("numbers", lambda c: c.numbers >= SOME),
    "pack_cost": ("numbers", lambda c: c.numbers >= SOME),
    "pack_size": ("numbers", lambda c: c.numbers >= SOME),
    "minimum_quantity": ("numbers", lambda c: c.numbers >= SOME),
    "order_multiple": ("numbers", lambda c: c.numbers >= SOME),
    "lead_time_days": ("numbers", lambda c: c.numbers >= SOME),
    "available_units": ("numbers", lambda c: c.numbers >= SOME),
    "back_in_stock_on": ("days", lambda c: c.days >= SOME),
    "valid_from": ("days", lambda c: c.days >= SOME),
    "currency": ("currencies", lambda c: c.currencies >= SOME),
    "name": ("text", lambda c: c.numbers < SOME),
}


def by_titles(columns: Sequence[Column], notes: list[str]) -> dict[str, Column]:
    """Return our name -> column by the titles, where the cells do not speak against it."""
    counts = Counter(column.title for column in columns)
    if repeated := [title for title, count in counts.items() if count > 1]:
        notes.append(f"These titles stand there more than once: {', '.join(repeated[:SHOWN])}.")
    fits = [
        (fit * _weight(column), -column.position, name, column)
        for column in columns
        if counts[column.title] == 1
        for name in WORDS
        if (fit := likeness(normalized(column.title), name)) >= LEAST_LIKENESS
    ]
    named: dict[str, Column] = {}
    for _fit, _place, name, column in sorted(fits, key=lambda found: found[:3], reverse=True):
        if name in named or column in named.values():
            continue
        what, holds = _HOLDS[name]
        if holds(column) or not column.cells:
            named[name] = column
            notes.append(_reason(name, column, what))
        else:
            notes.append(f"{column.title} sounds like {SPOKEN[name]}, but does not hold {what}.")
    return {name: named[name] for name in WORDS if name in named}


def by_content(columns: Sequence[Column], notes: list[str]) -> dict[str, Column]:
    """Return our name -> column by the cells alone: GTIN, price, SKU and name, in that order."""
    named: dict[str, Column] = {}
    for name, find in _BY_CELLS.items():
        column, why = find([c for c in columns if c.cells and c not in named.values()])
        if column is not None:
            named[name] = column
            notes.append(f"{column.title} is taken for {SPOKEN[name]}: {why}. Look at it.")
    return named


def _weight(column: Column) -> float:
    if column.rows and not column.cells:
        return WHOLLY_EMPTY
    return 1 - EMPTINESS * (1 - column.filled)


def _reason(name: str, column: Column, what: str) -> str:
    checked = f"its cells hold {what}" if column.cells else "it has no cells to check"
    reason = f"{column.title} is {SPOKEN[name]}: by its title, and {checked}."
    if name == "unit_cost" and is_retail(normalized(column.title)):
        return f"{reason} It sounds like what a shop's customers pay: is it what you pay?"
    return reason


def _gtin(free: Sequence[Column]) -> Found:
    found = [column for column in free if column.gtins >= MOST]
    return (found[0] if found else None), "its check digits are valid"


def _price(free: Sequence[Column]) -> Found:
    money = [c for c in free if c.numbers >= NEARLY_ALL and c.amounts >= SOME]
    if len(money) > 1:
        why = f"the lowest of {len(money)} columns of amounts, the others may be retail prices"
        return min(money, key=lambda column: column.middle), why
    if money:
        return money[0], "it alone holds amounts with cents or a currency"
    code, _ = _code(free)
    whole = [c for c in free if c.numbers >= NEARLY_ALL and c is not code]
    if not whole:
        return None, ""
    why = "it has the largest of the whole numbers, which is only likely"
    return max(whole, key=lambda column: column.middle), why


def _code(free: Sequence[Column]) -> Found:
    codes = [c for c in free if c.codes >= MOST and c.distinct >= NEARLY_ALL and c.amounts < SOME]
    mixed = [column for column in codes if column.numbers < SOME]
    return next(iter(mixed or codes), None), "it holds codes, nearly all different"


def _name(free: Sequence[Column]) -> Found:
    longest = max(free, key=lambda column: column.words, default=None)
    return (longest if longest and longest.words >= 1 else None), "it holds the most words"


_BY_CELLS: dict[str, Callable[[Sequence[Column]], Found]] = {
    "gtin": _gtin,
    "unit_cost": _price,
    "supplier_sku": _code,
    "name": _name,
}
