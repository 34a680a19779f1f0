"""What the lines of a bank's or a ledger's file say: days, amounts, and what they are about."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from purchasing.cells import ISO_DAY, LENGTH_OF_ISO_DAY
from purchasing.payment_columns import Reading
from retail.common.errors import BusinessError
from retail.common.fields import MAX_AMOUNT
from retail.common.tabular import NotANumber, Row, parse_decimal, read_table

MOST_ROWS = 20_000
LONGEST_REFERENCE, LONGEST_COUNTERPARTY, LONGEST_CURRENCY = 300, 200, 3
FIRST_YEAR, LAST_YEAR = 2000, 2100
MOST_DECIMALS = 4
_CURRENCY = re.compile(r"[A-Z]{3}\Z")
# Banks write words beside each other without a blank: EREF+PB-100001-1SVWZ+R-1.
_TRANSFER = re.compile(r"PB-[0-9]{6,12}-[0-9]{1,6}")
_OUR_NUMBER = re.compile(r"SI-[0-9]{6,12}")


class TooManyRows(BusinessError):
    """More than one file is read at a time; a shorter stretch of days is not."""


@dataclass(frozen=True)
class PaymentRow:
    """
    One line: what was paid when and for what; `amount` above zero left the account.

    key: of its content and of how often the file had the same before, so that the same line of
    another file has it too and two equal payments of a day have not. fault: why it cannot be read.
    """

    line_number: int
    key: str
    paid_on: date | None = None
    amount: Decimal | None = None
    currency: str = ""
    reference: str = ""
    end_to_end_id: str = ""
    our_number: str = ""
    counterparty: str = ""
    fault: str = ""

    @property
    def about(self) -> str:
        """All that it says of what was paid."""
        parts = (self.our_number, self.end_to_end_id, self.reference)
        return " ".join(part for part in parts if part)


class _Fault(Exception):
    """Why a line cannot be read; caught where the line is put together."""


def read_payment_rows(path: Path, reading: Reading) -> list[PaymentRow]:
    """
    Return the lines of a file, those that cannot be read with the reason.

    :raises BrokenFile: the file cannot be read to its end.
    :raises MissingColumn: a column of the reading is not in it.
    :raises TooManyRows: it has more than twenty thousand.
    """
    seen: Counter[str] = Counter()
    rows: list[PaymentRow] = []
    for row in read_table(path, reading.dialect, wanted=list(reading.columns.values())):
        if len(rows) == MOST_ROWS:
            msg = f"The file has more than {MOST_ROWS:,} lines: take a shorter stretch of days."
            raise TooManyRows(msg)
        rows.append(_payment(row, reading, seen))
    return rows


def transfers_in(text: str) -> list[str]:
    """Return the ids of transfers of ours in a text, each once."""
    return list(dict.fromkeys(_TRANSFER.findall(text.upper())))


def our_numbers_in(text: str) -> list[str]:
    """Return our numbers of suppliers' documents in a text, each once."""
    return list(dict.fromkeys(_OUR_NUMBER.findall(text.upper())))


def numbers_in(text: str, *, words_at_most: int = 3) -> Iterator[str]:
    """
    Yield what could be a document's number in a text, as numbers are compared: R 24/17 is R2417.

    Each word of it, and neighbors taken together.
    """
    words = [compared for word in text.split() if (compared := compared_number(word))]
    for length in range(1, words_at_most + 1):
        for start in range(len(words) - length + 1):
            yield compared_number("".join(words[start : start + length]))


def compared_number(text: str) -> str:
    """Return capitals and digits without zeros in front, as the database compares numbers."""
    return "".join(sign for sign in text.upper() if sign.isalnum()).lstrip("0")


def _payment(row: Row, reading: Reading, seen: Counter[str]) -> PaymentRow:
    cells = {name: row.columns.get(title, "").strip() for name, title in reading.columns.items()}
    row_as_read = PaymentRow(
        line_number=row.line_number,
        key="",
        reference=cells.get("reference", "")[:LONGEST_REFERENCE],
        end_to_end_id=cells.get("end_to_end_id", ""),
        our_number=cells.get("our_number", ""),
        counterparty=cells.get("counterparty", "")[:LONGEST_COUNTERPARTY],
    )
    try:
        _require_whole(row)
        day = _day(cells.get("paid_on", ""), reading.day_format)
        amount = _amount(cells.get("amount", ""), reading)
        currency = _currency(cells.get("currency", "") or reading.currency)
    except _Fault as fault:
        key = _key([list(row.columns.items())], seen)
        return replace(row_as_read, key=key, fault=str(fault))
    content = [
        day.isoformat(),
        f"{amount:.4f}",
        currency,
        cells.get("reference", ""),
        row_as_read.reference,
        row_as_read.end_to_end_id,
        row_as_read.our_number,
        row_as_read.counterparty,
    ]
    return replace(
        row_as_read, key=_key(content, seen), paid_on=day, amount=amount, currency=currency
    )


def _require_whole(row: Row) -> None:
    if row.error:
        raise _Fault(row.error)


def _key(content: object, seen: Counter[str]) -> str:
    text = json.dumps(content, ensure_ascii=True)
    seen[text] += 1
    return hashlib.sha256(f"{text}/{seen[text]}".encode()).hexdigest()


def _day(text: str, day_format: str) -> date:
    without_time = text[:LENGTH_OF_ISO_DAY]
    for form in (day_format, ISO_DAY):
        try:
            day = datetime.strptime(without_time, form).date()  # noqa: DTZ007 - a day, no moment
        except ValueError:
            continue
        if FIRST_YEAR <= day.year < LAST_YEAR:
            return day
    msg = f"“{text[:30]}” is no day." if text else "The day is missing."
    raise _Fault(msg)


def _amount(text: str, reading: Reading) -> Decimal:
    if not text:
        msg = "The amount is missing."
        raise _Fault(msg)
    try:
        amount = parse_decimal(text, reading.dialect.decimal_separator)
    except NotANumber as error:
        raise _Fault(error.message) from error
    if not amount or abs(amount) >= MAX_AMOUNT:
        msg = f"“{text[:30]}” is no amount that can have been paid."
        raise _Fault(msg)
    if amount != round(amount, MOST_DECIMALS):
        msg = f"“{text[:30]}” has more decimals than money has."
        raise _Fault(msg)
    return -amount if reading.is_negative_paid else amount


def _currency(text: str) -> str:
    code = text.upper()
    if not _CURRENCY.match(code):
        msg = f"“{text[:30]}” is no currency." if text else "The currency is missing."
        raise _Fault(msg)
    return code
