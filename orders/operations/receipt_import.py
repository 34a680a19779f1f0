"""Taking in a file of receipts: each in a transaction of its own, each row accounted for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from channels.models import Channel
from inventory.models import Location
from orders.operations.receipts import deliver_receipt
from orders.resources.receipt_files import (
    CODES,
    WANTED,
    FiledReceipt,
    ReceiptFormat,
    read_receipts,
)
from retail.common.errors import BusinessError
from retail.common.imports import Reject
from retail.common.tabular import Dialect, MissingColumn, Row, column_titles, read_table


@dataclass(slots=True)
class ReceiptImportResult:
    """What became of a file: lines read are lines imported, refused or skipped as known."""

    lines_read: int = 0
    lines_skipped: int = 0
    rejects: list[Reject] = field(default_factory=list)
    receipts: int = 0
    receipts_known: int = 0
    receipts_refused: int = 0

    @property
    def lines_imported(self) -> int:
        return self.lines_read - self.lines_skipped - len(self.rejects)


def import_receipts(
    *, path: Path, channel: Channel, at: datetime, decimal_separator: str = "."
) -> ReceiptImportResult:
    """
    Take in a file of receipts of a till, see `orders.resources.receipt_files.read_receipts`.

    Receipts that are known and say the same are passed over, so a file that was broken off can be
    taken in again. One that is refused becomes a reject of each of its rows. Call it outside of any
    transaction.

    :raises MissingColumn: the file lacks a column that is needed.
    :raises BrokenFile: it cannot be read at all.
    """
    form = ReceiptFormat(
        currency=channel.currency,
        timezone=ZoneInfo(channel.timezone),
        decimal_separator=decimal_separator,
        is_tax_included=channel.is_tax_included,
    )
    read = read_receipts(_rows(path), form)
    result = ReceiptImportResult(lines_read=read.rows, rejects=read.rejects)
    stores = {place.code: place for place in Location.objects.order_by("pk")}
    for filed in read.receipts:
        _deliver(filed, channel, stores, at, result)
    result.rejects.sort(key=lambda reject: reject.line_number)
    return result


def _rows(path: Path) -> Iterator[Row]:
    titles = column_titles(path)
    if not set(CODES) & set(titles):
        raise MissingColumn(CODES[:1], titles)
    return read_table(path, Dialect(), wanted=WANTED)


def _deliver(
    filed: FiledReceipt,
    channel: Channel,
    stores: dict[str, Location],
    at: datetime,
    result: ReceiptImportResult,
) -> None:
    if filed.store and filed.store not in stores:
        _refuse(filed, "unknown_store", f"There is no location {filed.store}.", result)
        return
    try:
        taken = deliver_receipt(
            channel=channel, receipt=filed.receipt, at=at, location=stores.get(filed.store)
        )
    except BusinessError as refusal:
        _refuse(filed, refusal.code, refusal.message, result)
        return
    if taken.is_new:
        result.receipts += 1
    else:
        result.receipts_known += 1
        result.lines_skipped += len(filed.rows)


def _refuse(filed: FiledReceipt, code: str, text: str, result: ReceiptImportResult) -> None:
    result.receipts_refused += 1
    result.rejects += [
        Reject(line_number=row.line_number, code=code, text=text, columns=dict(row.columns))
        for row in filed.rows
    ]
