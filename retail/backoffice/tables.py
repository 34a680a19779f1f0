"""Tables of our own pages: cells that may lead somewhere, totals, and where the rest is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True)
class Cell:
    """What stands in a cell, and the page it leads to, if any."""

    text: str
    url: str = ""
    is_number: bool = False


@dataclass(frozen=True)
class Table:
    """
    Rows under headings; `empty` is said when there are none.

    total: a last row that adds the others up. more: the address of the list these rows are taken
    from, when it may be longer.
    """

    title: str
    headings: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    empty: str
    total: Sequence[Cell] = ()
    more: str = ""


def number(count: int, url: str = "") -> Cell:
    return Cell(f"{count:,}", url, is_number=True)


def headings(*titles: str) -> tuple[Cell, ...]:
    """Return the headings of columns; one that begins with # is of numbers."""
    return tuple(Cell(title.removeprefix("#"), is_number=title.startswith("#")) for title in titles)


def page_of(request: HttpRequest, row: Model) -> str:
    """Return the address of a row's page, nothing when the person may not see it."""
    return page_by_key(request, type(row), row.pk)


def page_by_key(request: HttpRequest, model: type[Model], key: int) -> str:
    """Return the address of the page of a row, nothing when the person may not see it."""
    return _address(request, model, "change", args=[key])


def list_of(request: HttpRequest, model: type[Model], **filters: Any) -> str:
    """Return the address of a list, filtered, nothing when the person may not see it."""
    address = _address(request, model, "changelist")
    return f"{address}?{urlencode(filters)}" if address else ""


def _address(request: HttpRequest, model: type[Model], name: str, args: Sequence[int] = ()) -> str:
    if not admin.site.is_registered(model):
        return ""
    if not admin.site.get_model_admin(model).has_view_permission(request):
        return ""
    options = model._meta  # noqa: SLF001 - Django's documented model API
    return reverse(f"admin:{options.app_label}_{options.model_name}_{name}", args=args)
