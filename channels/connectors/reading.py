"""Reading rows of other people's making: what cannot be read is named and left empty, not lost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.money import ZERO

# ASCII only: Decimal itself would read 1_000, 1e9, NaN and full-width digits.
_AMOUNT = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")


def _is_number(value: object) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


class RowReader:
    """
    The values of one row by name; each that makes no sense adds a sentence to `problems`.

    name: how the row is called in those sentences, empty for the outermost one.
    """

    def __init__(self, row: object, problems: list[str], *, name: str = "") -> None:
        self._row = row if isinstance(row, dict) else {}
        self._name = f"{name} " if name else ""
        self.problems = problems
        if not isinstance(row, dict):
            self._report("", row)

    def text(self, key: str) -> str:
        """Return a text or a number as text, without outer blanks; empty when there is none."""
        value = self._row.get(key)
        if value is None:
            return ""
        if isinstance(value, str) or _is_number(value):
            # PostgreSQL stores every character but this one.
            return str(value).replace("\x00", "").strip()
        self._report(key, value)
        return ""

    def amount(self, key: str) -> Decimal:
        """Return an amount of money, in digits with a point; 0 when there is none."""
        value = self._row.get(key)
        if value is None or value == "":
            return ZERO
        is_amount = _is_number(value) or (isinstance(value, str) and _AMOUNT.fullmatch(value))
        amount = Decimal(value) if is_amount else None
        if amount is None or abs(amount) >= MAX_AMOUNT:
            self._report(key, value)
            return ZERO
        return amount

    def units(self, key: str) -> int:
        """Return a whole number of either sign; 0 when there is none that can be."""
        value = self._row.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < MAX_UNITS:
            return value
        self._report(key, value)
        return 0

    def moment(self, key: str) -> datetime | None:
        """Return a moment in UTC; None when there is none, or none with a zone."""
        value = self._row.get(key)
        if value is None or value == "":
            return None
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self._report(key, value)
            return None
        return moment.astimezone(UTC)

    def flag(self, key: str) -> bool:
        """Return a yes or no; no when there is none."""
        value = self._row.get(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self._report(key, value)
        return False

    def part(self, key: str) -> RowReader | None:
        """Return a row within this row; None when there is none."""
        value = self._row.get(key)
        return None if value is None else RowReader(value, self.problems, name=key)

    def rows(self, key: str) -> Sequence[RowReader]:
        """Return the rows of a list within this row."""
        value = self._row.get(key)
        if not isinstance(value, list):
            self._report(key, value)
            return []
        return [
            RowReader(row, self.problems, name=f"{key} {place}")
            for place, row in enumerate(value, start=1)
        ]

    def optional_rows(self, key: str) -> Sequence[RowReader]:
        """Return the rows of a list that may be left out."""
        return [] if self._row.get(key) is None else self.rows(key)

    def _report(self, key: str, value: object) -> None:
        self.problems.append(f"{self._name}{key} cannot be read: {str(value)[:50]!r}")
