"""What stands on printed pages: their words, and what a scanner reads on a picture of them."""

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

OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
PAGE = re.compile(rb"/Type/Page/Resources (\d+) 0 R.*?/Contents (\d+) 0 R")
FONT = re.compile(rb"/(f\d+) (\d+) 0 R")
CODES = re.compile(rb"^<([0-9A-F]{4})> <([0-9A-F]+)>$", re.MULTILINE)
RUN = re.compile(rb"/(f\d+) \S+ Tf(.*?)\nET", re.DOTALL)
PART = re.compile(rb"\\.|[^\\]", re.DOTALL)
ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
ESCAPED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def words_on(pdf):
    """Return the text of a PDF as Typst writes it, run after run with a blank between them."""
    objects = {int(number): body for number, body in OBJECT.findall(pdf)}
    words = []
    for resources, contents in PAGE.findall(pdf):
        fonts = {
            name: _letters(objects, int(font))
            for name, font in FONT.findall(objects[int(resources)].partition(b"/Font<<")[2])
        }
        for font, shown in RUN.findall(_stream(objects[int(contents)])):
            codes = b"".join(_unescaped(each) for each in _literals(shown))
            pairs = [codes[i : i + 2] for i in range(0, len(codes), 2)]
            words.append("".join(fonts[font].get(pair, "") for pair in pairs).strip())
    return " ".join(words)


def _letters(objects, font):
    """Return what each glyph of a font stands for, by the map that is there for copying text."""
    found = re.search(rb"/ToUnicode (\d+) 0 R", objects[font])
    rows = CODES.findall(_stream(objects[int(found[1])]))
    return {
        bytes.fromhex(code.decode()): bytes.fromhex(letters.decode()).decode("utf-16-be")
        for code, letters in rows
    }


def _stream(body):
    return zlib.decompress(body.partition(b"stream\n")[2].rpartition(b"\nendstream")[0])


def _literals(shown):
    """Yield the strings of a run: within brackets, which may stand in pairs within them."""
    depth, literal = 0, b""
    for part in PART.findall(shown):
        depth -= part == b")"
        if part == b")" and not depth:
            yield literal
            literal = b""
        elif depth:
            literal += part
        depth += part == b"("


def _unescaped(literal):
    def byte(found):
        code = found[1]
        return bytes([int(code, 8)]) if code.isdigit() else ESCAPED.get(code, code)

    return ESCAPE.sub(byte, literal)


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
