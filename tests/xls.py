"""The smallest .xls there can be: no spreadsheet is needed to write one, nor a package."""

import struct

SECTOR = 512
END, FREE, TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
LARGEST_IN_SMALL_SECTORS = 4096


def xls(sheets):
    """Return a workbook; sheets: name -> list of (row, column, text or number)."""
    return compound_file(workbook_stream(sheets))


def workbook_stream(sheets):
    bodies = [sheet_records(cells) for cells in sheets.values()]
    begin, end = record(0x0809, struct.pack("<HHHHII", 0x0600, 5, 0, 0, 0, 0)), record(0x000A)
    position = len(begin) + sum(len(text(name, "<B")) + 10 for name in sheets) + len(end)
    listed = []
    for name, body in zip(sheets, bodies, strict=True):
        listed.append(record(0x0085, struct.pack("<IH", position, 0) + text(name, "<B")))
        position += len(body)
    return begin + b"".join(listed) + end + b"".join(bodies)


def sheet_records(cells):
    rows = max((row for row, _, _ in cells), default=-1) + 1
    columns = max((column for _, column, _ in cells), default=-1) + 1
    return b"".join(
        [
            record(0x0809, struct.pack("<HHHHII", 0x0600, 0x10, 0, 0, 0, 0)),
            record(0x0200, struct.pack("<IIHHH", 0, rows, 0, columns, 0)),
            *(cell_record(*cell) for cell in cells),
            record(0x000A),
        ]
    )


def cell_record(row, column, value):
    place = struct.pack("<HHH", row, column, 0)
    if isinstance(value, str):
        return record(0x0204, place + text(value, "<H"))
    return record(0x0203, place + struct.pack("<d", value))


def text(content, length):
    return struct.pack(length, len(content)) + b"\1" + content.encode("utf-16-le")


def record(kind, body=b""):
    return struct.pack("<HH", kind, len(body)) + body


def compound_file(stream):
    """Return a compound file with one stream: one table, one directory, then the stream."""
    stream = stream.ljust(LARGEST_IN_SMALL_SECTORS, b"\0")
    count = -(-len(stream) // SECTOR)
    tables = -(-(count + 2) // (SECTOR // 4)) + 1
    first = tables + 1
    following = [*([TABLE] * tables), END, *range(first + 1, first + count), END]
    following += [FREE] * (tables * SECTOR // 4 - len(following))
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(10)
    header += struct.pack("<IIII", tables, tables, 0, LARGEST_IN_SMALL_SECTORS)
    header += struct.pack("<IIII", END, 0, END, 0)
    header += b"".join(struct.pack("<I", n if n < tables else FREE) for n in range(109))
    directory = entry("Root Entry", 5, END, 0, child=1) + entry("Workbook", 2, first, len(stream))
    directory = directory.ljust(SECTOR, b"\0")
    table = struct.pack(f"<{len(following)}I", *following)
    return header + table + directory + stream.ljust(count * SECTOR, b"\0")


def entry(name, kind, start, size, child=FREE):
    encoded = name.encode("utf-16-le")
    return (
        encoded.ljust(64, b"\0")
        + struct.pack("<HBBIII", len(encoded) + 2, kind, 1, FREE, FREE, child)
        + bytes(36)
        + struct.pack("<IQ", start, size)
    )
