"""Codes of UN/CEFACT, as far as they decide what something in a document is."""

from __future__ import annotations

import re

import iso4217

from purchasing.einvoices.documents import Charge, Kind


def _set_of(codes: str) -> frozenset[str]:
    return frozenset(codes.split())


# Source: UNTDID 1001, the codes EN 16931 lists for credit notes.
CREDIT_NOTE_TYPES = frozenset(
    {"81", "83", "261", "262", "296", "308", "381", "396", "420", "458", "502", "503", "532"}
)

# Source: UNTDID 1001, the codes EN 16931 lists for invoices; 130 is one for information only.
INVOICE_TYPES = _set_of(
    "71 80 82 84 102 130 202 203 204 211 218 219 295 325 326 331 380 382 383 384 385 386 387 388 "
    "389 390 393 394 395 456 457 471 472 473 500 501 527 553 575 623 633 751 780 817 870 875 876 "
    "877 935"
)
# Source: UNTDID 5305, as far as EN 16931 has it. Under the second set no tax is due.
TAX_CATEGORIES = frozenset({"AE", "B", "E", "G", "K", "L", "M", "O", "S", "Z"})
UNTAXED = frozenset({"AE", "E", "G", "K", "O", "Z"})
# Source: ISO 4217 but for what it has for tests and for no currency at all.
CURRENCIES = frozenset(currency.code for currency in iso4217.Currency) - {"XTS", "XXX"}
# Source: ISO 3166-1; 1A (Kosovo) and XI (Northern Ireland) as EN 16931 adds them, EL as tax
# offices call Greece.
COUNTRIES = _set_of(
    "1A AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ "
    "BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO "
    "DZ EC EE EG EH EL ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT "
    "GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR "
    "KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT "
    "MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT "
    "PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD "
    "TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XI YE "
    "YT ZA ZM ZW"
)
# Source: UN/ECE Recommendations 20 and 21, whose 2,000 codes all look so.
UNIT_CODE = re.compile(r"[A-Z0-9]{1,3}", re.ASCII)

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
