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
    if not code or len(code) > LONGEST_CODE or "\x00" in code:
        msg = "Scan a barcode or type an SKU."
        raise UnknownCode(msg, code=code[:LONGEST_CODE])
    bare = SYMBOLOGY.sub("", code).strip()
    found = _meaning(code) or (_meaning(bare) if bare != code else None) or _meaning_of_parts(bare)
    if found is None:
        msg = f"No article has the code {code}."
        raise UnknownCode(msg, code=code)
    return found


def _meaning(code: str) -> Scanned | None:
    """Return what a code without parts stands for, None when nobody has it."""
    gtins = gtin_forms(code)
    meanings = {
        (variant, 1)
        for variant in Variant.objects.alias(key=Upper("sku"))
        .filter(Q(key=sku_key(code)) | Q(gtin__in=gtins))
        .select_related("product")
    }
    meanings |= {
        (barcode.variant, barcode.pack_size)
        for barcode in Barcode.objects.filter(code__in={code, *gtins}).select_related(
            "variant__product"
        )
    }
    if not meanings:
        return None
    if len(meanings) > 1:
        named = sorted(f"{units} x {variant.sku}" for variant, units in meanings)
        msg = f"The code {code} stands for {' and for '.join(named)}. Use another of their codes."
        raise AmbiguousCode(msg, code=code, meanings=named)
    [(variant, units)] = meanings
    return Scanned(variant=variant, units=units)


def _meaning_of_parts(code: str) -> Scanned | None:
    """Return what a GS1 element string stands for, None when it is none."""
    parts = _parts(code)
    if ARTICLE in parts:
        return _meaning(parts[ARTICLE])
    if CONTENT in parts and parts.get(COUNT) and (one := _meaning(parts[CONTENT])):
        return Scanned(variant=one.variant, units=one.units * parts[COUNT])
    return None


def _parts(code: str) -> Mapping[str, Any]:
    """Return the parts of a GS1 element string by their identifiers, none when it is none."""
    if not code.startswith(("(", FNC1, ARTICLE, CONTENT)):
        return {}
    try:
        parts: Mapping[str, Any] = gs1_128.info(PART_IN_BRACKETS.sub(FNC1 + r"\1", code), FNC1)
    except (ValueError, InvalidOperation):
        return {}
    return parts
