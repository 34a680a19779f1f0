"""Files of receipts: one row a line, read into the receipts that tills would have sent."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from channels.connectors.receipts import IncomingReceipt, IncomingReceiptLine, IncomingTender
from retail.common.errors import BusinessError
from retail.common.imports import Reject
from retail.common.money import ZERO, round_amount
from retail.common.tabular import NotANumber, Row, is_damaged_code, parse_decimal, parse_integer

WANTED = ("register", "receipt_no", "closed_at", "line_no", "qty", "unit_price", "total")
CODES = ("sku", "gtin")
_MOMENTS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M")
_YES = frozenset({"1", "yes", "true", "y"})
_LAST_NUMBER = re.compile(r"([0-9]{1,9})\Z")


class RowRefused(BusinessError):
    """A row cannot be read; `reason_code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.reason_code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptFormat:
    """How a till writes its files, and in which money and time zone."""

    currency: str
    timezone: ZoneInfo
    decimal_separator: str = "."
    is_tax_included: bool = True


@dataclass(slots=True)
class FiledReceipt:
    """The rows of one receipt, and the receipt they make; `store` is the code in the file."""

    rows: list[Row]
    store: str
    receipt: IncomingReceipt


@dataclass(slots=True)
class ReadFile:
    """What a file came to: receipts, refused rows, and how many rows there were."""

    receipts: list[FiledReceipt] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    rows: int = 0


def read_receipts(rows: Iterable[Row], form: ReceiptFormat) -> ReadFile:
    """
    Read rows into receipts, in the order in which each began; a receipt is read whole or not.

    One bad row refuses the others of its receipt with it: half a receipt would not add up. The
    columns are those of `WANTED` with sku, gtin or both; store, cashier, name, discount, tax_rate,
    tender, ref_receipt_no, ref_register, card_no, sequence, business_date, receipt_total, currency
    and training may be there. `tender` is one kind for all of the total, or `CASH:10.00|CARD:5.00`.
    """
    read = ReadFile()
    of_receipt: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        read.rows += 1
        if row.error:
            read.rejects.append(_reject(row, row.error_code, row.error))
        key = (_text(row, "register"), _text(row, "receipt_no"))
        if all(key):
            of_receipt[key].append(row)
        elif not row.error:
            read.rejects.append(_reject(row, "no_receipt", "Register and receipt_no are needed."))
    for together in of_receipt.values():
        _read_one(together, form, read)
    return read


def _read_one(rows: Sequence[Row], form: ReceiptFormat, read: ReadFile) -> None:
    lines: list[IncomingReceiptLine] = []
    refused: dict[int, RowRefused] = {}
    for row in rows:
        try:
            if not row.error:
                lines.append(_line(row, form))
        except RowRefused as refusal:
            refused[row.line_number] = refusal
    if not refused and not any(row.error for row in rows):
        try:
            receipt = _receipt(rows, lines, form)
        except RowRefused as refusal:
            refused = dict.fromkeys((row.line_number for row in rows), refusal)
        else:
            read.receipts.append(FiledReceipt(list(rows), _text(rows[0], "store"), receipt))
            return
    for row in rows:
        if own := refused.get(row.line_number):
            read.rejects.append(_reject(row, own.reason_code, own.message))
        elif not row.error:
            text = "Another row of this receipt cannot be read."
            read.rejects.append(_reject(row, "receipt_refused", text))


def _line(row: Row, form: ReceiptFormat) -> IncomingReceiptLine:
    sku, gtin = _text(row, "sku"), _text(row, "gtin")
    for code in (sku, gtin):
        if is_damaged_code(code):
            raise RowRefused("damaged_code", f"{code} was damaged by a spreadsheet.")
    total = _amount(row, "total", form)
    return IncomingReceiptLine(
        external_line_id=_text(row, "line_no"),
        quantity=_number(row, "qty"),
        unit_price=_amount(row, "unit_price", form),
        total=total,
        sku=sku,
        gtin=gtin,
        name=_text(row, "name"),
        discount=_amount(row, "discount", form, otherwise=ZERO),
        tax=_tax(row, total, form),
        sold_with=_text(row, "ref_receipt_no"),
        sold_at_register=_text(row, "ref_register"),
    )


def _receipt(
    rows: Sequence[Row], lines: Sequence[IncomingReceiptLine], form: ReceiptFormat
) -> IncomingReceipt:
    stated = _agreed(rows, "receipt_total")
    total = _parsed(stated, form) if stated else sum((line.total for line in lines), ZERO)
    sold_at = _moment(_agreed(rows, "closed_at"), form.timezone)
    number = _agreed(rows, "receipt_no")
    _agreed(rows, "store")
    return IncomingReceipt(
        register=_agreed(rows, "register"),
        number=number,
        sequence=_sequence(_agreed(rows, "sequence") or number),
        business_on=_day(_agreed(rows, "business_date"))
        or sold_at.astimezone(form.timezone).date(),
        sold_at=sold_at,
        cashier=_agreed(rows, "cashier"),
        currency=_agreed(rows, "currency") or form.currency,
        total=total,
        lines=tuple(lines),
        tenders=tuple(_tenders(_agreed(rows, "tender"), total, form)),
        is_training=_agreed(rows, "training").lower() in _YES,
        loyalty_card=_agreed(rows, "card_no"),
    )


def _agreed(rows: Sequence[Row], title: str) -> str:
    """Return what the rows of a receipt say in a column; a row may leave it empty."""
    said = dict.fromkeys(text for row in rows if (text := _text(row, title)))
    if len(said) > 1:
        raise RowRefused("contradicts", f"The receipt says {' and '.join(said)} as {title}.")
    return next(iter(said), "")


def _tenders(text: str, total: Decimal, form: ReceiptFormat) -> Iterator[IncomingTender]:
    if not text:
        return
    if ":" not in text:
        yield IncomingTender(kind=text, amount=total)
        return
    for part in text.split("|"):
        kind, _, amount = part.partition(":")
        yield IncomingTender(kind=kind, amount=_parsed(amount.strip(), form))


def _tax(row: Row, total: Decimal, form: ReceiptFormat) -> Decimal:
    """Work the tax out of a line's rate, as the file gives no amount of it."""
    rate = _amount(row, "tax_rate", form, otherwise=ZERO)
    if not 0 <= rate <= 100:  # noqa: PLR2004 - percent
        raise RowRefused("not_a_rate", f"{rate} is no tax rate.")
    base = 100 + rate if form.is_tax_included else Decimal(100)
    return round_amount(total * rate / base, form.currency)


def _sequence(text: str) -> int | None:
    match = _LAST_NUMBER.search(text)
    return int(match.group()) if match else None


def _moment(text: str, zone: ZoneInfo) -> datetime:
    """Read a moment; one without an offset is the till's own time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _moment_by_hand(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _moment_by_hand(text: str) -> datetime:
    for form in _MOMENTS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - the caller knows the zone
        except ValueError:
            continue
    raise RowRefused("not_a_moment", f"{text or 'Nothing'} is no day and time.")


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        pass
    return _moment_by_hand(f"{text} {time.min:%H:%M}").date()


def _number(row: Row, title: str) -> int:
    try:
        return parse_integer(_text(row, title))
    except NotANumber as error:
        raise RowRefused("not_a_number", f"{title}: {error.message}") from error


def _amount(
    row: Row, title: str, form: ReceiptFormat, *, otherwise: Decimal | None = None
) -> Decimal:
    text = _text(row, title)
    if not text and otherwise is not None:
        return otherwise
    try:
        return parse_decimal(text, form.decimal_separator)
    except NotANumber as error:
        raise RowRefused("not_a_number", f"{title}: {error.message}") from error


def _parsed(text: str, form: ReceiptFormat) -> Decimal:
    try:
        return parse_decimal(text, form.decimal_separator)
    except NotANumber as error:
        raise RowRefused("not_a_number", error.message) from error


def _text(row: Row, title: str) -> str:
    return row.columns.get(title, "").strip()


def _reject(row: Row, code: str, text: str) -> Reject:
    return Reject(line_number=row.line_number, code=code, text=text, columns=dict(row.columns))
