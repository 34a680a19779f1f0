"""A report as a page, as CSV and as an Excel file: what all reports have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone

from retail.backoffice.tables import Cell, Table
from retail.common.admin.acts import dress
from retail.common.exports import XLSX_TYPE, csv_lines, xlsx_bytes

SEES_COST = "inventory.view_costpool"
ROWS_PER_PAGE = 100


def _as_it_is(value: Any) -> object:
    return value


def _nowhere(_row: Any) -> str:
    return ""


def where_it_lies(row: Any) -> str:
    """Return the page that tells where the article of a row lies."""
    return reverse("stock-where", args=[row.variant_id])


@dataclass(frozen=True)
class Column:
    """
    One column of a report: the attribute of a row that it shows, with dots for one within another.

    shown: how the page shows it. filed: how the files hold it. url: where a row's cell leads, if
    anywhere. is_total: it is added up over all rows. is_cost: it is for those who may see what
    goods cost.
    """

    title: str
    attribute: str
    shown: Callable[[Any], str] = str
    filed: Callable[[Any], object] = _as_it_is
    url: Callable[[Any], str] = _nowhere
    is_number: bool = False
    is_total: bool = False
    is_cost: bool = False

    def value(self, row: Any) -> Any:
        return attrgetter(self.attribute)(row)


@dataclass(frozen=True)
class Report:
    """
    A report: what it is called, what its figures mean, and what stands in its rows.

    permission: who may see it. counted: what a row is, one and many.
    """

    name: str
    title: str
    icon: str
    about: Sequence[str]
    columns: Sequence[Column]
    empty: str
    permission: str
    counted: tuple[str, str] = ("article", "articles")


def answer_report(
    request: HttpRequest,
    report: Report,
    form: forms.Form,
    ask: Callable[[dict[str, Any]], Sequence[Any]],
) -> HttpResponseBase:
    """Answer with a page of a report's rows, or with all of them as a file."""
    if not request.user.has_perm(report.permission):
        raise PermissionDenied
    sees_cost = request.user.has_perm(SEES_COST)
    columns = [column for column in report.columns if sees_cost or not column.is_cost]
    is_answered = form.is_valid()
    rows = ask(form.cleaned_data) if is_answered else []
    if is_answered and (write := _FILES.get(request.GET.get("file", ""))):
        return write(report, columns, rows)
    dress(form)
    page = Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    context = {
        **admin.site.each_context(request),
        "title": report.title,
        "about": report.about,
        "form": form,
        "is_answered": is_answered,
        "page": page,
        "table": _table(report, columns, page.object_list, rows),
    }
    return TemplateResponse(request, "backoffice/report.html", context)


def _table(
    report: Report, columns: Sequence[Column], shown: Sequence[Any], rows: Sequence[Any]
) -> Table:
    one, many = report.counted
    count = f"{len(rows):,} {many}" if len(rows) != 1 else f"1 {one}"
    return Table(
        title=f"{report.title}: {count}",
        headings=[Cell(_title(column), is_number=column.is_number) for column in columns],
        rows=[[_cell(column, row) for column in columns] for row in shown],
        total=_totals(report, columns, rows),
        empty=report.empty,
    )


def _title(column: Column) -> str:
    return column.title.format(settings.RETAIL_CURRENCY)


def _cell(column: Column, row: Any) -> Cell:
    text = column.shown(column.value(row))
    return Cell(text, column.url(row), is_number=column.is_number)


def _totals(report: Report, columns: Sequence[Column], rows: Sequence[Any]) -> Sequence[Cell]:
    """Return the last row of the table, which adds up the rows of all pages, if anything is."""
    if not rows or not any(column.is_total for column in columns):
        return ()
    return (
        Cell(f"All {report.counted[1]}"),
        *(
            Cell(column.shown(sum(column.value(row) for row in rows)), is_number=True)
            if column.is_total
            else Cell("")
            for column in columns[1:]
        ),
    )


def _csv(report: Report, columns: Sequence[Column], rows: Sequence[Any]) -> HttpResponseBase:
    return StreamingHttpResponse(
        csv_lines([_title(column) for column in columns], _filed(columns, rows)),
        content_type="text/csv; charset=utf-8",
        headers=_attached(report, "csv"),
    )


def _xlsx(report: Report, columns: Sequence[Column], rows: Sequence[Any]) -> HttpResponseBase:
    return HttpResponse(
        xlsx_bytes([_title(column) for column in columns], _filed(columns, rows)),
        content_type=XLSX_TYPE,
        headers=_attached(report, "xlsx"),
    )


def _filed(columns: Sequence[Column], rows: Sequence[Any]) -> Iterator[list[object]]:
    for row in rows:
        yield [column.filed(column.value(row)) for column in columns]


def _attached(report: Report, kind: str) -> dict[str, str]:
    name = f"{report.name}-{timezone.localdate():%Y-%m-%d}.{kind}"
    return {"Content-Disposition": f'attachment; filename="{name}"'}


_FILES = {"csv": _csv, "xlsx": _xlsx}
