"""A text area that takes many articles at once, as they come out of a spreadsheet or a scanner."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from catalog.scanning import Scanned, scan
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS

LINES_AT_MOST = 1000
ERRORS_SHOWN = 50
CODE_AND_UNITS = re.compile(r"(?P<code>.+?)\s*[;,\t]\s*(?P<units>[^;,\t]*)")
WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,12}")


class PastedUnitsField(forms.CharField):
    """
    Articles and units, one line each: `SKU;units`, or a code alone for one scan of it.

    Any barcode or SKU will do; a code of a box counts what is in it. An article on several lines
    is added up. The cleaned value is variant id -> units; what is wrong is said of all lines at
    once.
    """

    widget = forms.Textarea

    def __init__(
        self,
        *,
        label: str = "Articles",
        help_text: str = (
            "One line each: a barcode or SKU, a semicolon, the units. Without units it counts as"
            " scanned once."
        ),
        **kwargs: Any,
    ) -> None:
        super().__init__(label=label, help_text=help_text, **kwargs)

    def clean(self, value: Any) -> dict[int, int]:  # type: ignore[override]  # as other fields do
        return _units_of(super().clean(value).splitlines())


def _units_of(lines: Iterable[str]) -> dict[int, int]:
    """
    Return variant id -> units of lines of text; empty ones count for nothing.

    :raises ValidationError: what is wrong, line by line.
    """
    written = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    if len(written) > LINES_AT_MOST:
        msg = f"{LINES_AT_MOST:,} lines are taken at once; these are {len(written):,}."
        raise ValidationError(msg, code="too_many")
    units: dict[int, int] = defaultdict(int)
    errors = []
    for number, line in written:
        try:
            scanned, times = _article_of(line)
        except BusinessError as refusal:
            errors.append(f"Line {number}: {refusal.message}")
            continue
        if error := _error(scanned, times):
            errors.append(f"Line {number}: {error}")
        units[scanned.variant.pk] += scanned.units * times
    if errors:
        more = len(errors) - ERRORS_SHOWN
        ending = [f"... and {more:,} more lines."] if more > 0 else []
        raise ValidationError([*errors[:ERRORS_SHOWN], *ending])
    return dict(units)


def _article_of(line: str) -> tuple[Scanned, int]:
    """
    Return the article of a line and how often it is meant.

    :raises BusinessError: no article, or no number of units, can be made of it.
    """
    parts = CODE_AND_UNITS.fullmatch(line)
    if parts is None:
        return scan(line), 1
    if WHOLE_NUMBER.fullmatch(parts["units"]):
        return scan(parts["code"]), int(parts["units"])
    # A code may hold a comma itself.
    try:
        return scan(line), 1
    except BusinessError as refusal:
        msg = f"{parts['units'] or 'nothing'} is not a whole number of units."
        raise NotANumber(msg) from refusal


class NotANumber(BusinessError):
    """What stands for units is none."""


def _error(scanned: Scanned, times: int) -> str:
    """Return what is wrong with an article and its number of units, nothing when it will do."""
    if times < 1:
        return f"Units are counted from 1; {times} cannot be moved."
    if scanned.units * times >= MAX_UNITS:
        return f"Fewer than {MAX_UNITS:,} units can be moved at once."
    if not scanned.variant.is_stocked:
        return f"{scanned.variant.sku} is not kept in stock."
    if not scanned.variant.is_active:
        return f"{scanned.variant.sku} is no longer dealt in."
    return ""
