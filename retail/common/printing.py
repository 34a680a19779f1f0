"""Printed pages as PDF, with barcodes. Typst sets them, fonts included, without network."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import typst
import zxingcpp
from django.conf import settings
from stdnum import ean
from zxingcpp import BarcodeFormat

from retail.common.errors import BusinessError

LABELS_AT_MOST = 1000
TEMPLATES = settings.BASE_DIR / "templates" / "print"

# Width of the thinnest bar, in mm: as it should be, and the least that scanners read for sure.
# Source: GS1 General Specifications, section 5.12, symbol specification table 1.
BAR, THINNEST_BAR = 0.33, 0.25
# Side of one square of a Data Matrix, in mm.
SQUARE = 0.5
SIZE_OF_SVG = re.compile(r'<svg width="(\d+)" height="(\d+)"')
EAN_13, LONGEST_GTIN = 13, 14


class TooManyLabels(BusinessError):
    """More labels than are printed at once."""


class NothingToPrint(BusinessError):
    """No labels at all were asked for."""


@dataclass(frozen=True)
class Label:
    """One label and how many of it: what is scanned, and what people read."""

    code: str
    name: str
    sku: str
    price: str = ""
    copies: int = 1


@dataclass(frozen=True)
class Sheet:
    """How labels lie on their paper; all measures in mm."""

    name: str
    width: float
    height: float
    page_width: float
    page_height: float
    columns: int = 1
    rows: int = 1
    left: float = 0
    top: float = 0

    @property
    def labels(self) -> int:
        return self.columns * self.rows


A4 = {"page_width": 210, "page_height": 297}
SHEETS: Mapping[str, Sheet] = {
    "A4_70X36": Sheet("A4, 24 labels of 70 x 36 mm", 70, 36, **A4, columns=3, rows=8, top=4.5),
    "A4_38X21": Sheet(
        "A4, 65 labels of 38.1 x 21.2 mm", 38.1, 21.2, **A4, columns=5, rows=13, left=9.75, top=10.7
    ),
    "ROLL_50X30": Sheet("Roll, 50 x 30 mm", 50, 30, 50, 30),
    "ROLL_57X32": Sheet("Roll, 57 x 32 mm", 57, 32, 57, 32),
}


def print_labels(*, labels: Sequence[Label], sheet: Sheet, skip: int = 0) -> bytes:
    """
    Return labels as a PDF.

    skip: labels of the first sheet that are used up already.

    :raises NothingToPrint: no labels.
    :raises TooManyLabels: more than `LABELS_AT_MOST`.
    """
    wanted = [label for label in labels if label.copies > 0]
    count = sum(label.copies for label in wanted)
    if not count:
        msg = "Say how many labels to print: one at least."
        raise NothingToPrint(msg)
    if count > LABELS_AT_MOST:
        msg = f"{count:,} labels are too many at once: {LABELS_AT_MOST:,} at most."
        raise TooManyLabels(msg, labels=count)
    data = {
        "sheet": asdict(sheet) | {"skip": skip % sheet.labels},
        "labels": [asdict(label) | _symbol(label, sheet) for label in wanted],
    }
    return print_page("labels", data)


def _symbol(label: Label, sheet: Sheet) -> dict[str, Any]:
    return symbol(label.code, room=sheet.width - 4, height=sheet.height * 0.36)


def print_page(template: str, data: Mapping[str, Any]) -> bytes:
    """
    Return a document as a PDF.

    template: name of a file in `templates/print`, without its ending. data: plain values, which
    the template reads as data, so that nothing in them is taken for markup.
    """
    return bytes(
        typst.compile(
            TEMPLATES / f"{template}.typ",
            root=TEMPLATES,
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(data)},
            format="pdf",
        )
    )


def symbol(code: str, *, room: float, height: float) -> dict[str, Any]:
    """
    Return the barcode of a code as SVG, and its width and height in mm.

    A GTIN is an EAN or UPC, anything else Code 128; where its bars would be too thin, or it holds
    letters that Code 128 does not have, Data Matrix.

    room: the most it may be wide, height: how high its bars are, both in mm.
    """
    if kind := _retail_format(code):
        digits = code[-EAN_13:] if len(code) == LONGEST_GTIN else code
        svg, bars, _ = _drawn(digits, kind)
        return {
            "symbol": svg,
            "symbol_width": bars * min(BAR, room / bars),
            "symbol_height": height,
        }
    if code.isascii():
        svg, bars, _ = _drawn(code, BarcodeFormat.Code128)
        if bars * THINNEST_BAR <= room:
            width = bars * min(BAR, room / bars)
            return {"symbol": svg, "symbol_width": width, "symbol_height": height}
    svg, across, down = _drawn(code, BarcodeFormat.DataMatrix)
    square = min(SQUARE, room / across, height / down)
    return {"symbol": svg, "symbol_width": across * square, "symbol_height": down * square}


def _retail_format(code: str) -> BarcodeFormat | None:
    """Return how a GTIN is drawn that tills read, None for one of a carton and for what is none."""
    if not (code.isascii() and ean.is_valid(code)):
        return None
    formats = {8: BarcodeFormat.EAN8, 12: BarcodeFormat.UPCA, EAN_13: BarcodeFormat.EAN13}
    if len(code) == LONGEST_GTIN and code.startswith("0"):
        return BarcodeFormat.EAN13
    return formats.get(len(code))


def _drawn(code: str, kind: BarcodeFormat) -> tuple[str, int, int]:
    """Return a barcode with its quiet zone as SVG, its width and height in bars."""
    svg = zxingcpp.create_barcode(code, kind).to_svg()
    size = SIZE_OF_SVG.search(svg)
    if size is None:
        msg = "The SVG of a barcode says its size."
        raise AssertionError(msg)
    return svg, int(size[1]), int(size[2])
