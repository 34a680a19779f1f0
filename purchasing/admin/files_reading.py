"""How a supplier's file is read: proposed, corrected beside real rows, kept as a profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

from django import forms
from django.http import QueryDict

from purchasing.columns import columns_of
from purchasing.models import Supplier, SupplierFile, SupplierFileProfile
from purchasing.naming import by_titles
from purchasing.proposing import propose_reading
from purchasing.staging import Article, Line, Skip, dialect_of, read_supplier_file
from retail.common.admin.acts import dress
from retail.common.errors import BusinessError
from retail.common.imports import Reject
from retail.common.money import display_rate
from retail.common.tabular import column_titles, open_table

ROWS_SHOWN = 20
ROWS_LOOKED_AT = 200
RAW_ROWS_SHOWN = 3
LONGEST_CODE = 50

DELIMITERS = (
    ("", "Recognize"),
    (";", "Semicolon"),
    (",", "Comma"),
    ("\t", "Tab"),
    ("|", "Bar"),
)
ENCODINGS = (
    ("", "Recognize (byte order mark, else UTF-8)"),
    ("utf-8", "UTF-8"),
    ("utf-16", "UTF-16"),
    ("cp1250", "Windows, Central European (cp1250)"),
    ("cp1252", "Windows, Western (cp1252)"),
    ("cp1257", "Windows, Baltic (cp1257)"),
    ("latin-1", "ISO 8859-1, Western"),
    ("iso8859-2", "ISO 8859-2, Central European"),
)
# Python has codecs for other things than text, too.
OTHER_ENCODINGS = ("utf", "cp", "windows", "iso", "latin", "mac", "koi8")
DECIMAL_SEPARATORS = ((".", "Point, 1,234.50"), (",", "Comma, 1.234,50"))
QUOTES = (('"', 'Double, "'), ("'", "Single, '"), ("", "None"))

# Our columns in the order a person looks for them.
COLUMNS = {
    "supplier_sku": "Supplier's SKU",
    "gtin": "GTIN",
    "our_sku": "Our SKU",
    "name": "Name",
    "unit_cost": "Cost of one unit",
    "pack_cost": "Cost of a pack",
    "pack_size": "Units in a pack",
    "minimum_quantity": "Least units sold",
    "order_multiple": "Sold in multiples of",
    "available_units": "Units available",
    "back_in_stock_on": "There again on",
    "lead_time_days": "Lead time, days",
    "valid_from": "Price holds from",
    "currency": "Currency",
}
READ_AS = {name: label for name, label in COLUMNS.items() if name in Article._fields}
SETTINGS = (
    "encoding",
    "delimiter",
    "quote",
    "decimal_separator",
    "day_format",
    "sheet",
    "skipped_lines",
    "has_titles",
    "footer_words",
)


def faults_of_columns(columns: Mapping[str, str]) -> dict[str, str]:
    """Return our column -> what is wrong with how it is or is not named."""
    faults = {}
    if "supplier_sku" not in columns:
        faults["supplier_sku"] = "Without it no line can be told from another."
    if ("unit_cost" in columns) == ("pack_cost" in columns):
        faults["unit_cost"] = "Name the cost of one unit or of a pack, not both."
    if "pack_cost" in columns and "pack_size" not in columns:
        faults["pack_size"] = "Needed to work out the cost of one unit."
    return faults


class ReadingForm(forms.Form):
    """The dialect of one file and which of its columns is which of ours."""

    code = forms.SlugField(
        label="Profile",
        max_length=LONGEST_CODE,
        help_text="The supplier's next files are read in the same way. A code that is taken by"
        " this supplier is changed.",
    )
    encoding = forms.ChoiceField(choices=ENCODINGS, required=False)
    delimiter = forms.ChoiceField(choices=DELIMITERS, required=False, label="Columns are parted by")
    quote = forms.ChoiceField(choices=QUOTES, required=False, label="Quotes")
    decimal_separator = forms.ChoiceField(choices=DECIMAL_SEPARATORS, label="Decimals")
    day_format = forms.ChoiceField(choices=SupplierFileProfile.DayFormat, label="Days")
    sheet = forms.CharField(
        max_length=100, required=False, help_text="Of a workbook; empty: the first."
    )
    skipped_lines = forms.IntegerField(min_value=0, max_value=999, label="Lines above the titles")
    has_titles = forms.BooleanField(required=False, label="The columns have titles")
    footer_words = forms.CharField(
        max_length=200,
        required=False,
        label="Last lines begin with",
        help_text="Parted by commas: Total, Suma.",
    )

    def __init__(self, *args: Any, titles: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "-"), *((title, title) for title in titles)]
        for name, label in COLUMNS.items():
            self.fields[f"column_{name}"] = forms.ChoiceField(
                choices=choices, required=False, label=label
            )
        encoding = self["encoding"].value() or ""
        if encoding not in dict(ENCODINGS) and encoding.startswith(OTHER_ENCODINGS):
            self.fields["encoding"].choices = [*ENCODINGS, (encoding, encoding)]
        dress(self)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name, fault in faults_of_columns(self.columns()).items():
            self.add_error(f"column_{name}", fault)
        return cleaned

    def columns(self) -> dict[str, str]:
        named = {name: self.cleaned_data.get(f"column_{name}", "") for name in COLUMNS}
        return {name: title for name, title in named.items() if title}

    def reading(self) -> dict[str, Any]:
        """Return the fields of a profile as the form says them."""
        return {
            **{name: self.cleaned_data.get(name) for name in SETTINGS},
            "columns": self.columns(),
        }

    def initial_reading(self) -> dict[str, Any]:
        """Return the same of a form that nobody has sent yet."""
        return {name: self.initial[name] for name in (*SETTINGS, "columns") if name in self.initial}

    def settings_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in SETTINGS]

    def column_fields(self) -> list[forms.BoundField]:
        return [self[f"column_{name}"] for name in COLUMNS]


@dataclass(frozen=True)
class PreviewRow:
    """A line as it would be read: its cells, or why it would be refused or passed over."""

    line_number: int
    cells: Sequence[Any] = ()
    text: str = ""
    is_refused: bool = False


@dataclass(frozen=True)
class Preview:
    """The first rows of a file as they stand in it and as they would be read."""

    titles: Sequence[str] = ()
    raw_rows: Sequence[Sequence[str]] = ()
    headings: Sequence[str] = ()
    rows: Sequence[PreviewRow] = ()
    fault: str = ""


def first_form(file: SupplierFile) -> tuple[ReadingForm, Sequence[str]]:
    """
    Return the form filled in by the file's profile where that fits, else by what is proposed, and
    in words what it was concluded from.
    """
    if file.profile is not None:
        reading = {name: getattr(file.profile, name) for name in (*SETTINGS, "columns")}
        titles = _titles(file, reading)
        if set(file.profile.columns.values()) <= set(titles):
            return _filled_form(file.profile.code, reading, titles), ()
    code = _free_code(file.supplier)
    try:
        proposed = propose_reading(Path(file.file.path))
    except BusinessError as refusal:
        return ReadingForm(initial={"code": code}, titles=()), (refusal.message,)
    return _filled_form(code, proposed.fields(), proposed.titles), proposed.notes


def _filled_form(code: str, reading: Mapping[str, Any], titles: Sequence[str]) -> ReadingForm:
    columns = {f"column_{name}": title for name, title in reading["columns"].items()}
    return ReadingForm(initial={"code": code, **reading, **columns}, titles=titles)


def sent_form(file: SupplierFile, data: QueryDict) -> ReadingForm:
    """
    Return the form as it was sent, its titles those that the file has when read like that.

    Where none of the columns that were chosen is there any more, because the file is cut into
    columns differently now, they are proposed anew.
    """
    sent = data.copy()
    dialect = ReadingForm(sent, titles=())
    dialect.is_valid()
    reading = {name: dialect.cleaned_data.get(name) for name in SETTINGS}
    titles = _titles(file, reading)
    chosen = {name: sent.get(f"column_{name}", "") for name in COLUMNS}
    kept = {name: title for name, title in chosen.items() if title in titles}
    if any(chosen.values()) and not kept:
        kept = _proposed_columns(file, reading)
    for name in COLUMNS:
        sent[f"column_{name}"] = kept.get(name, "")
    return ReadingForm(sent, titles=titles)


def preview_of(file: SupplierFile, form: ReadingForm) -> Preview:
    """Read the first rows by what the form says, saved or not."""
    if form.is_bound:
        form.is_valid()
        reading = form.reading()
    else:
        reading = form.initial_reading()
    path, profile = Path(file.file.path), _profile(file, reading)
    try:
        table = open_table(path, dialect_of(profile))
        raw_rows = [record.cells for record in islice(table.records, RAW_ROWS_SHOWN)]
    except BusinessError as refusal:
        return Preview(fault=refusal.message)
    try:
        lines = islice(read_supplier_file(path, profile), ROWS_SHOWN)
        rows = tuple(_shown(line, profile.columns) for line in lines)
    except BusinessError as refusal:
        return Preview(titles=table.titles, raw_rows=raw_rows, fault=refusal.message)
    return Preview(
        titles=table.titles,
        raw_rows=raw_rows,
        headings=[label for name, label in READ_AS.items() if _is_read(name, profile.columns)],
        rows=rows,
    )


def _shown(line: Line, columns: Mapping[str, str]) -> PreviewRow:
    if isinstance(line, Reject):
        return PreviewRow(line.line_number, text=line.text, is_refused=True)
    if isinstance(line, Skip):
        return PreviewRow(line.line_number, text=line.reason)
    values = line._asdict()
    read = [values[name] for name in READ_AS if _is_read(name, columns)]
    return PreviewRow(
        line.line_number,
        cells=[display_rate(cell) if isinstance(cell, Decimal) else cell for cell in read],
    )


def _is_read(name: str, columns: Mapping[str, str]) -> bool:
    return name in columns or (name == "unit_cost" and "pack_cost" in columns)


def _titles(file: SupplierFile, reading: Mapping[str, Any]) -> list[str]:
    """Return the titles of the file's columns, none where it cannot be read like that."""
    try:
        return column_titles(file.file.path, dialect_of(_profile(file, reading)))
    except BusinessError:
        return []


def _proposed_columns(file: SupplierFile, reading: Mapping[str, Any]) -> dict[str, str]:
    """Return our column -> title, as far as the titles and the first cells tell."""
    try:
        table = open_table(file.file.path, dialect_of(_profile(file, reading)))
        cells = [record.cells for record in islice(table.records, ROWS_LOOKED_AT)]
    except BusinessError:
        return {}
    columns = by_titles(columns_of(table.titles, cells), [])
    return {name: column.title for name, column in columns.items()}


def _profile(file: SupplierFile, reading: Mapping[str, Any]) -> SupplierFileProfile:
    """Return a profile that is not stored; what the reading leaves out is as in a new one."""
    told = {name: value for name, value in reading.items() if value is not None}
    return SupplierFileProfile(supplier=file.supplier, code="preview", **told)


def _free_code(supplier: Supplier) -> str:
    """Return a code for a new profile of the supplier: theirs, or theirs with a number."""
    taken = set(
        SupplierFileProfile.objects.filter(code__startswith=supplier.code[:40]).values_list(
            "code", flat=True
        )
    )
    numbered = (f"{supplier.code[:40]}-{number}" for number in count(2))
    return next(code for code in chain([supplier.code], numbered) if code not in taken)
