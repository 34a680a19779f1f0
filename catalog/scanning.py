"""Whatever a scanner sends or a person types: which article it stands for, and how many units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import InvalidOperation
from typing import Any

from django.db.models import Q
from django.db.models.functions import Upper
from stdnum import gs1_128

from catalog.models import Barcode, Variant
from catalog.queries import gtin_forms, sku_key
from retail.common.errors import BusinessError

LONGEST_CODE = 200

# Ends a part of variable length. Source: GS1 General Specifications, section 7.8, FNC1.
FNC1 = "\x1d"
# What many scanners put in front: "]C1" GS1-128, "]d2" GS1 DataMatrix, "]E0" EAN-13 ...
# Source: ISO/IEC 15424, symbology identifiers.
SYMBOLOGY = re.compile(r"^\][A-Za-z][0-9A-Za-z]")
PART_IN_BRACKETS = re.compile(r"\((\d{2,4})\)")
# Source: GS1 General Specifications, section 3.2: the article itself; what a box holds, how many.
ARTICLE, CONTENT, COUNT = "01", "02", "37"


class UnknownCode(BusinessError):
    """No article has this code."""


class AmbiguousCode(BusinessError):
    """The code means one article by its SKU and another by its GTIN, or two numbers of units."""


@dataclass(frozen=True)
class Scanned:
    """An article, and how many units of it one scan stands for."""

    variant: Variant
    units: int


def scan(code: str) -> Scanned:
    """
    Return what a code stands for: an SKU (ignoring case), a GTIN, a barcode, or a GS1 code.

    A GTIN equals the longer one with zeros in front. Of a GS1 element string, "(01)0400..." or as
    scanned with FNC1, the GTIN counts, and the number of units a box is said to hold.

    :raises UnknownCode: no article has it.
    :raises AmbiguousCode: it means more than one thing; they are named.
    """
    code = code.strip()
    if not _is_code(code):
        msg = "Scan a barcode or type an SKU."
        raise UnknownCode(msg, code=code[:LONGEST_CODE])
    found = meanings(code)
    if not found:
        msg = f"No article has the code {code}."
        raise UnknownCode(msg, code=code)
    if len(found) > 1:
        named = sorted(f"{one.units} x {one.variant}" for one in found)
        msg = f"The code {code} stands for {' and for '.join(named)}. Use another of their codes."
        raise AmbiguousCode(msg, code=code, meanings=named)
    return found.pop()


def meanings(code: str) -> set[Scanned]:
    """Return all that a code can stand for, as `scan` reads it; nothing when nobody has it."""
    code = code.strip()
    if not _is_code(code):
        return set()
    bare = SYMBOLOGY.sub("", code).strip()
    return (
        _meanings_of_whole(code)
        or (bare != code and _meanings_of_whole(bare))
        or _meanings_of_parts(bare)
    )


def _is_code(text: str) -> bool:
    return bool(text) and len(text) <= LONGEST_CODE and "\x00" not in text


def _meanings_of_whole(code: str) -> set[Scanned]:
    gtins = gtin_forms(code)
    variants = (
        Variant.objects.alias(key=Upper("sku"))
        .filter(Q(key=sku_key(code)) | Q(gtin__in=gtins))
        .select_related("product")
    )
    barcodes = Barcode.objects.filter(code__in={code, *gtins}).select_related("variant__product")
    return {Scanned(variant=variant, units=1) for variant in variants} | {
        Scanned(variant=barcode.variant, units=barcode.pack_size) for barcode in barcodes
    }


def _meanings_of_parts(code: str) -> set[Scanned]:
    """Return what a GS1 element string can stand for, nothing when it is none."""
    parts = _parts(code)
    if ARTICLE in parts:
        return _meanings_of_whole(parts[ARTICLE])
    if CONTENT in parts and parts.get(COUNT):
        return {
            Scanned(variant=one.variant, units=one.units * parts[COUNT])
            for one in _meanings_of_whole(parts[CONTENT])
        }
    return set()


def _parts(code: str) -> Mapping[str, Any]:
    """Return the parts of a GS1 element string by their identifiers, none when it is none."""
    if not code.startswith(("(", FNC1, ARTICLE, CONTENT)):
        return {}
    try:
        parts: Mapping[str, Any] = gs1_128.info(PART_IN_BRACKETS.sub(FNC1 + r"\1", code), FNC1)
    except (ValueError, InvalidOperation):
        return {}
    return parts
