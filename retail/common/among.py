"""Conditions on very many keys."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models.expressions import RawSQL


def among(keys: Iterable[int]) -> RawSQL:
    """
    Return what a `..__in` lookup takes instead of a list: all keys as one parameter.

    A list of thousands costs more to be written into the statement, key by key, than to be found.
    """
    return RawSQL("SELECT unnest(%s::bigint[])", [list(keys)])


def among_texts(texts: Iterable[str]) -> RawSQL:
    """Return the same for texts."""
    return RawSQL("SELECT unnest(%s::text[])", [list(texts)])
