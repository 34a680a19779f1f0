"""
Which eight-bit encoding a text most likely has, told from the letters it would then be made of.

Only ever a proposal: a person looks at real rows before anything is read by it.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import NamedTuple

LOOKED_AT = 5000
TRIED_BYTES = 64 * 1024
GOOD, FOREIGN, CONTROL, MISPLACED = 1.0, -1.5, -4.0, -1.0
SIGN_APART, OTHER_SIGN = 0.7, -0.5

_LATIN = {
    "German": "äöüß",
    "French": "àâçèéêëîïôùûüœ",
    "Spanish": "áéíñóúüªº",
    "Italian": "àèéìíòóù",
    "Portuguese": "áâãàçéêíóôõú",
    "Nordic": "åäöæøé",
}
_CENTRAL = {
    "Polish": "ąćęłńóśźż",
    "Czech or Slovak": "áäčďéěíĺľňóôŕřšťúůýž",
    "Hungarian": "áéíóöőúüű",
    "Croatian or Slovenian": "čćđšž",
    "Romanian": "ăâîşţ",
}
_BALTIC = {
    "Latvian": "āčēģīķļņšūž",
    "Lithuanian": "ąčęėįšųūž",
    "Estonian": "äöõüšž",
}
_CYRILLIC = {
    "Ukrainian or Russian": "абвгґдеєёжзиіїйклмнопрстуфхцчшщъыьэюя",
}
# The first of equals is proposed, so the commoner encoding stands before the rarer one.
CANDIDATES: tuple[tuple[str, dict[str, str]], ...] = (
    ("cp1252", _LATIN),
    ("cp1250", _CENTRAL),
    ("cp1257", _BALTIC),
    ("cp1251", _CYRILLIC),
    ("iso-8859-15", _LATIN),
    ("iso-8859-2", _CENTRAL),
    ("iso-8859-13", _BALTIC),
    ("koi8-u", _CYRILLIC),
    ("cp866", _CYRILLIC),
    ("cp852", _CENTRAL),
    ("cp850", _LATIN),
)
_APOSTROPHES = "\u2019\u00b4`"
_SIGNS = frozenset("€£¥§©®™°±²³¹¼½¾µ×÷«»„“”‚‘’–—…•·¿¡№Ø´`¨\u00a0\u00ad")  # noqa: RUF001 - signs


class Likely(NamedTuple):
    """An encoding, the language its letters speak for, and how well they do, at most 1."""

    encoding: str
    language: str
    score: float


def likely_encodings(sample: bytes) -> list[Likely]:
    """Return the encodings the bytes may have, the likeliest first; latin-1 if nothing fits."""
    found: list[Likely] = []
    for encoding, alphabets in CANDIDATES:
        try:
            text = sample[:TRIED_BYTES].decode(encoding)
        except UnicodeDecodeError:
            continue
        surroundings = _surroundings(text)
        for language, letters in alphabets.items():
            score = _score(surroundings, frozenset(letters + letters.upper()))
            found.append(Likely(encoding, language, score))
    # Sorting keeps the order of equals.
    return sorted(found, key=lambda likely: -likely.score) or [Likely("latin-1", "", CONTROL)]


def _surroundings(text: str) -> Counter[tuple[str, str, str]]:
    """Return how often each character beyond ASCII stands between which neighbors."""
    padded = f" {text} "
    places = (found.start() for found in re.finditer(r"[^\x00-\x7f]", padded))
    return Counter((padded[at - 1], padded[at], padded[at + 1]) for at in islice(places, LOOKED_AT))


def _score(surroundings: Counter[tuple[str, str, str]], letters: frozenset[str]) -> float:
    total = sum(
        count * _fits(before, character, after, letters)
        for (before, character, after), count in surroundings.items()
    )
    return total / max(surroundings.total(), 1)


def _fits(before: str, character: str, after: str, letters: frozenset[str]) -> float:
    """Tell how well a character stands where it stands."""
    if character in letters:
        beside = before + after
        is_misplaced = (
            (character.isupper() and before.islower())
            or (any(n.isdigit() for n in beside) and not any(n.isalpha() for n in beside))
            # No word mixes Cyrillic and Latin letters.
            or (character >= "\u0400" and any(n.isascii() and n.isalpha() for n in beside))
        )
        return MISPLACED if is_misplaced else GOOD
    if character in _SIGNS:
        is_within = before.isalpha() and after.isalpha() and character not in _APOSTROPHES
        return MISPLACED if is_within else SIGN_APART
    if character.isalpha():
        return FOREIGN
    return CONTROL if "\x80" <= character <= "\x9f" else OTHER_SIGN
