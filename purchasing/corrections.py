"""A download of refused lines on its way back in: the same columns, but a file of our own kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from retail.common.errors import BusinessError
from retail.common.exports import as_told
from retail.common.imports import REJECT_TITLES
from retail.common.tabular import Record, Table, open_table
from retail.common.tabular.dialects import is_excel, is_gzip

HEAD_BYTES = 1 << 20


def open_corrections(path: Path) -> Table | None:
    """
    Return the table of a file that was downloaded as refused lines; None for any other.

    However a spreadsheet has saved it: what parts its columns is recognized, not taken from the
    profile by which the supplier's own files are read. Apostrophes that kept a spreadsheet from
    running a cell are off again.
    """
    if not _may_be(path):
        return None
    try:
        table = open_table(path)
    except BusinessError:
        # Whatever is wrong with it is said by who reads it as the supplier's.
        return None
    if tuple(table.titles[-len(REJECT_TITLES) :]) != REJECT_TITLES:
        return None
    return Table([as_told(title) for title in table.titles], _as_told(table.records))


def _may_be(path: Path) -> bool:
    """Look for the last title in the bytes, which is quicker than finding out how to read them."""
    if is_excel(path):
        return True
    if is_gzip(path):
        return False
    with path.open("rb") as file:
        # UTF-16 has a zero beside each of these letters.
        return REJECT_TITLES[-1].encode() in file.read(HEAD_BYTES).replace(b"\0", b"")


def _as_told(records: Iterator[Record]) -> Iterator[Record]:
    for record in records:
        yield record._replace(cells=[as_told(cell) for cell in record.cells])
