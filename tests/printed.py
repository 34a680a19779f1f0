"""What stands on printed pages: a PDF is drawn again, and a scanner is held over the picture."""

import re
import struct
import tempfile
import zlib
from pathlib import Path

import typst
import zxingcpp

PPI = 200
PNG_HEADER = 8
PAGES = re.compile(rb"/Type\s*/Pages\b.*?/Count (\d+)|/Count (\d+).*?/Type\s*/Pages\b", re.DOTALL)


def page_count(pdf):
    """Return how many pages a PDF has."""
    found = PAGES.search(pdf)
    return int(found[1] or found[2])


def picture(pdf, *, paper, page=1, left=0, top=0, width, height):
    """Return a part of a page of paper (width, height) as a PNG; all in mm."""
    source = (
        f"#set page(width: {width}mm, height: {height}mm, margin: 0mm)\n"
        f'#place(dx: -{left}mm, dy: -{top}mm, image("printed.pdf", page: {page},'
        f" width: {paper[0]}mm, height: {paper[1]}mm))\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "printed.pdf").write_bytes(pdf)
        Path(folder, "main.typ").write_text(source)
        return typst.compile(Path(folder, "main.typ"), root=folder, format="png", ppi=PPI)


def scanned(png):
    """Return the codes on a picture, each with its kind."""
    width, height, gray = _gray(png)
    image = memoryview(gray).cast("B", (height, width))
    return sorted((found.text, str(found.format)) for found in zxingcpp.read_barcodes(image))


def _gray(png):
    """Return width, height and the red of a picture of 8 bits per color; black is black."""
    chunks, at = {}, PNG_HEADER
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        chunks[png[at + 4 : at + 8]] = (
            chunks.get(png[at + 4 : at + 8], b"") + (png[at + 8 : at + 8 + length])
        )
        at += 12 + length
    width, height, depth, color = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, color) in {(8, 6), (8, 2)}
    size = 4 if color == 6 else 3
    lines, stride = zlib.decompress(chunks[b"IDAT"]), width * size
    gray, above = bytearray(), bytearray(stride)
    for start in range(0, len(lines), stride + 1):
        line = bytearray(lines[start + 1 : start + 1 + stride])
        _unfilter(lines[start], line, above, size)
        gray += line[::size]
        above = line
    return width, height, bytes(gray)


def _unfilter(kind, line, above, size):
    """Undo what was done to a line of pixels. Source: PNG specification, section 9."""
    for i in range(len(line)):
        left = line[i - size] if i >= size else 0
        up, corner = above[i], above[i - size] if i >= size else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        elif kind == 4:
            guess = min((left, up, corner), key=lambda near: abs(left + up - corner - near))
        else:
            return
        line[i] = (line[i] + guess) & 0xFF
