"""
The outside of an .xls file: looked over before the reader is let near it.

An .xls is a small file system (compound file) whose stream "Workbook" is a chain of records; only
as much of both is read here as tells how far the cells reach. Source: MS-CFB 2.2 to 2.6, MS-XLS
2.4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from retail.common.tabular.refusals import BrokenFile

MAX_XLS_BYTES = 100_000_000
HEADER_BYTES = 512
DIRECTORY_ENTRY_BYTES = 128
LAST_SECTOR = 0xFFFFFFFA
STREAMS = ("Workbook", "Book")
ROOT, STREAM = 5, 2

BEGIN_OF_SHEET, DIMENSIONS, PASSWORD = 0x0809, 0x0200, 0x002F
ONE_CELL = frozenset({0x0006, 0x0201, 0x0203, 0x0204, 0x0205, 0x027E, 0x00FD, 0x00D6})
SEVERAL_CELLS = frozenset({0x00BD, 0x00BE})
ROWS_OF_A_SHEET, COLUMNS_OF_A_SHEET = 65_536, 256

DAMAGED = "This Excel file is damaged: save it again as .xlsx."


def look_over_old_excel(path: Path, max_cells: int) -> None:
    """
    Find out how far the cells of an .xls reach.

    The reader holds a sheet as one rectangle, and asks for as much memory as the file says that
    it needs.

    :raises BrokenFile: damaged, protected by a password, or too large.
    """
    if path.stat().st_size > MAX_XLS_BYTES:
        raise BrokenFile("The Excel file is too large: save it as CSV.")
    try:
        stream = _workbook(path.read_bytes())
        for rows, columns in _reaches(stream):
            if rows * columns > max_cells:
                raise BrokenFile("The Excel sheet is too large: save it as CSV.")
    except (struct.error, IndexError, ValueError, UnicodeDecodeError) as error:
        raise BrokenFile(DAMAGED) from error


def _reaches(stream: bytes) -> Iterator[tuple[int, int]]:
    """Yield for each sheet how many rows and columns its cells span from the first one."""
    rows = columns = position = 0
    while position + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, position)
        body = stream[position + 4 : position + 4 + length]
        position += 4 + length
        if kind == BEGIN_OF_SHEET:
            yield rows, columns
            rows = columns = 0
        elif kind == PASSWORD:
            raise BrokenFile("This Excel file is protected by a password: save it without one.")
        elif kind == DIMENSIONS:
            _check_dimensions(body)
        elif kind in ONE_CELL or kind in SEVERAL_CELLS:
            row, column = struct.unpack_from("<HH", body)
            if kind in SEVERAL_CELLS:
                (column,) = struct.unpack_from("<H", body, len(body) - 2)
            rows, columns = max(rows, row + 1), max(columns, column + 1)
    yield rows, columns


def _check_dimensions(body: bytes) -> None:
    shape = "<IIHH" if len(body) >= struct.calcsize("<IIHH") else "<HHHH"
    first_row, end_row, first_column, end_column = struct.unpack_from(shape, body)
    if (
        not first_row <= end_row <= ROWS_OF_A_SHEET
        or not first_column <= end_column <= COLUMNS_OF_A_SHEET
    ):
        raise BrokenFile(DAMAGED)


def _workbook(data: bytes) -> bytes:
    """Return the stream of the workbook."""
    sector_shift, small_shift = struct.unpack_from("<HH", data, 30)
    first_of_directory, _, small_below, first_small_table = struct.unpack_from("<IIII", data, 48)
    if sector_shift not in {9, 12} or small_shift != 6:  # noqa: PLR2004 - the only ones there are
        raise BrokenFile(DAMAGED)
    sectors = _Sectors(data[1 << sector_shift :], sector_shift, _table(data, sector_shift))
    entries = list(_entries(sectors.chain(first_of_directory)))
    root = next((entry for entry in entries if entry[1] == ROOT), None)
    for name, kind, start, size in entries:
        if kind == STREAM and name in STREAMS:
            if size >= small_below or root is None:
                return sectors.chain(start)[:size]
            small_table = _numbers(sectors.chain(first_small_table))
            small = _Sectors(sectors.chain(root[2]), small_shift, small_table)
            return small.chain(start)[:size]
    raise BrokenFile("This is no Excel file: save it as .xlsx or CSV.")


class _Sectors:
    """The pieces a compound file is cut into, and the table that says which follows which."""

    def __init__(self, data: bytes, shift: int, table: tuple[int, ...]) -> None:
        self._data, self._size, self._table = data, 1 << shift, table

    def chain(self, sector: int) -> bytes:
        pieces: list[bytes] = []
        while sector < LAST_SECTOR:
            if len(pieces) > len(self._table):
                raise BrokenFile(DAMAGED)
            pieces.append(self._data[sector * self._size : (sector + 1) * self._size])
            sector = self._table[sector]
        return b"".join(pieces)


def _table(data: bytes, shift: int) -> tuple[int, ...]:
    """Return the table of sectors: its own sectors are listed in the header and behind it."""
    listed = list(_numbers(data[76:HEADER_BYTES]))
    following, count = struct.unpack_from("<II", data, 68)
    size = 1 << shift
    for _ in range(min(count, len(data) // size)):
        *numbers, following = _numbers(data[(following + 1) * size : (following + 2) * size])
        listed.extend(numbers)
    used = [sector for sector in listed if sector < LAST_SECTOR]
    if len(used) > len(data) // size:
        raise BrokenFile(DAMAGED)
    return _numbers(b"".join(data[(sector + 1) * size : (sector + 2) * size] for sector in used))


def _entries(directory: bytes) -> Iterator[tuple[str, int, int, int]]:
    """Yield name, kind, first sector and size of what is in the file."""
    for at in range(0, len(directory) - DIRECTORY_ENTRY_BYTES + 1, DIRECTORY_ENTRY_BYTES):
        entry = directory[at : at + DIRECTORY_ENTRY_BYTES]
        (length,) = struct.unpack_from("<H", entry, 64)
        start, size = struct.unpack_from("<II", entry, 116)
        name = entry[: max(min(length, 64) - 2, 0)].decode("utf-16-le")
        yield name, entry[66], start, size


def _numbers(data: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(data) // 4}I", data[: len(data) // 4 * 4])
