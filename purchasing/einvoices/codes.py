"""Codes of UN/CEFACT, as far as they decide what something in a document is."""

from __future__ import annotations

import re

from purchasing.einvoices.documents import Charge, Kind

# Source: UNTDID 1001, the codes EN 16931 lists for credit notes.
CREDIT_NOTE_TYPES = frozenset(
    {"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"}
)

# Source: UNTDID 7161, the codes that are one of our charges; every other one is OTHER.
_CHARGES: dict[str, Charge] = {
    **dict.fromkeys(("DL", "FAB", "FAC", "FC", "ID", "RE", "SAA", "TV", "AAT"), Charge.FREIGHT),
    **dict.fromkeys(("ABL", "ABR", "ABS", "ABU", "PC", "PL", "RAB", "SAD"), Charge.PACKING),
    **dict.fromkeys(("AEL", "DAN"), Charge.SMALL_ORDER),
    "CAP": Charge.INSURANCE,
}
# Most suppliers give no code, or ZZZ; these words of their reasons leave no doubt.
_WORDS: tuple[tuple[Charge, re.Pattern[str]], ...] = tuple(
    (charge, re.compile(rf"\b({words})", re.IGNORECASE))
    for charge, words in (
        (Charge.FREIGHT, "freight|carriage|shipping|delivery|fracht|versand|frais de port|fragt"),
        (Charge.PACKING, "packing|packaging|verpackung|emballage"),
        (Charge.INSURANCE, "insurance|versicherung|assurance"),
        (Charge.CUSTOMS, "customs|duty|zoll|douane"),
        (Charge.SMALL_ORDER, "small order|minimum order|mindermengen"),
    )
)

# Source: ISO 6523 code list; 0160 is GTIN, 0088 (GLN) stands on articles in ZUGFeRD 1.
GTIN_SCHEMES = frozenset({"", "0160", "0088", "GTIN", "EAN", "SRV"})
_GTIN = re.compile(r"\d{8}|\d{12,14}", re.ASCII)


def kind_of(type_code: str) -> Kind:
    """Return which way a document of this type counts."""
    return Kind.CREDIT_NOTE if type_code in CREDIT_NOTE_TYPES else Kind.INVOICE


def charge_of(code: str, reason: str, *, is_allowance: bool) -> Charge:
    """
    Return which of our charges something added to a document is.

    code: UNTDID 7161; where it says nothing the words of the reason do.
    """
    if is_allowance:
        return Charge.DISCOUNT
    if code in _CHARGES:
        return _CHARGES[code]
    return next((charge for charge, words in _WORDS if words.search(reason)), Charge.OTHER)


def gtin_of(number: str, scheme: str) -> str:
    """Return the number when it is a GTIN by its scheme and shape, else nothing."""
    digits = number.replace(" ", "")
    if scheme.upper() in GTIN_SCHEMES and _GTIN.fullmatch(digits):
        return digits
    return ""
