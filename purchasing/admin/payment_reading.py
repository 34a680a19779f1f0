"""Taking in a file of the bank or the ledger: how it is read is proposed beside its rows."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Model
from django.http import HttpRequest

from purchasing import operations
from purchasing.models import PaymentNotice, SupplierFileProfile
from purchasing.payment_columns import NEEDED, Reading, propose_reading
from purchasing.payment_rows import PaymentRow, read_payment_rows
from retail.common import money
from retail.common.admin import ActForm, LineTable, PageAct
from retail.common.errors import BusinessError
from retail.common.tabular import Dialect, column_titles

LARGEST_FILE = 5_000_000
LARGEST_PACKED = 1_800_000
ROWS_SHOWN = 8
DECIMAL_SEPARATORS = ((".", "Point, 1,234.50"), (",", "Comma, 1.234,50"))
SIGNS = (
    ("positive", "Positive: a list of payments"),
    ("negative", "Negative: a statement of account"),
)
# Our columns in the order a person looks for them.
COLUMNS = {
    "paid_on": "Day",
    "amount": "Amount",
    "currency": "Currency",
    "reference": "Reference, what it is for",
    "end_to_end_id": "End-to-end id",
    "our_number": "Our number",
    "counterparty": "Paid to",
}
OUTCOMES_TOLD = {
    "PAID_BEFORE": "{} for what was paid already.",
    "UNKNOWN": "{} about no invoice of ours.",
    "NOT_EXPORTED": "{} for invoices that were not handed to accounting yet.",
    "OTHER_AMOUNT": "{} over another amount.",
    "UNREADABLE": "{} that cannot be read.",
}


class ReadPaymentsForm(ActForm):
    """The file; once it is there, what its columns are, proposed, and its first rows so read."""

    file = forms.FileField(
        required=False, help_text="CSV or Excel, as the bank or the ledger gives it."
    )
    content = forms.CharField(required=False, widget=forms.HiddenInput)
    file_name = forms.CharField(required=False, widget=forms.HiddenInput)
    encoding = forms.CharField(required=False, widget=forms.HiddenInput)
    delimiter = forms.CharField(required=False, widget=forms.HiddenInput, strip=False)
    skipped_lines = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows: Sequence[PaymentRow] = ()
        self._is_new, self._refusal = False, ""
        upload = self.files.get("file")
        if upload is not None:
            self._take(upload)
        content = unpacked(self["content"].value() or "")
        if content is None:
            return
        self.fields["file"].label = "Another file"
        try:
            with laid_down(content) as path:
                titles = column_titles(path, self._dialect())
        except BusinessError as refusal:
            self._refusal = refusal.message
            return
        self._ask_for_columns(titles)

    def _take(self, upload: Any) -> None:
        """Keep a file that was sent in the form itself, and fill in how it is probably read."""
        self.data, self._is_new = self.data.copy(), True
        self.data["content"] = ""
        if upload.size > LARGEST_FILE:
            self._refusal = "The file is too large: take a shorter stretch of days."
            return
        content = upload.read()
        packed = base64.b64encode(zlib.compress(content)).decode()
        try:
            with laid_down(content) as path:
                reading = propose_reading(path, currency=settings.RETAIL_CURRENCY)
        except BusinessError as refusal:
            self._refusal = refusal.message
            return
        if len(packed) > LARGEST_PACKED:
            self._refusal = "The file is too large: take a shorter stretch of days."
            return
        proposed = {
            "content": packed,
            "file_name": upload.name,
            "encoding": reading.dialect.encoding,
            "delimiter": reading.dialect.delimiter,
            "skipped_lines": str(reading.dialect.skipped_lines),
            "decimal_separator": reading.dialect.decimal_separator,
            "day_format": reading.day_format,
            "usual_currency": reading.currency,
            "sign": "negative" if reading.is_negative_paid else "positive",
            **{f"column_{name}": reading.columns.get(name, "") for name in COLUMNS},
        }
        for name, value in proposed.items():
            self.data[name] = value

    def _ask_for_columns(self, titles: Sequence[str]) -> None:
        for name, label in COLUMNS.items():
            self.fields[f"column_{name}"] = forms.ChoiceField(
                label=label,
                required=name in NEEDED,
                choices=[("", "-"), *((title, title) for title in titles)],
            )
        self.fields["day_format"] = forms.ChoiceField(
            label="Days are written", choices=SupplierFileProfile.DayFormat.choices
        )
        self.fields["decimal_separator"] = forms.ChoiceField(
            label="Decimal separator", choices=DECIMAL_SEPARATORS
        )
        self.fields["sign"] = forms.ChoiceField(label="What we pay is", choices=SIGNS)
        self.fields["usual_currency"] = forms.CharField(
            label="Currency where none stands", min_length=3, max_length=3
        )

    def _dialect(self) -> Dialect:
        lines = self["skipped_lines"].value() or "0"
        return Dialect(
            encoding=self["encoding"].value() or "",
            delimiter=self["delimiter"].value() or "",
            skipped_lines=int(lines) if str(lines).isdecimal() else 0,
        )

    def reading(self, cleaned: Mapping[str, Any]) -> Reading:
        return Reading(
            dialect=replace(self._dialect(), decimal_separator=cleaned["decimal_separator"]),
            day_format=cleaned["day_format"],
            columns={name: title for name in COLUMNS if (title := cleaned[f"column_{name}"])},
            currency=cleaned["usual_currency"].upper(),
            is_negative_paid=cleaned["sign"] == "negative",
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self._refusal:
            raise forms.ValidationError(self._refusal)
        content = unpacked(cleaned.get("content", ""))
        if content is None:
            raise forms.ValidationError("Choose the file.")
        if self.errors:
            return cleaned
        reading = self.reading(cleaned)
        try:
            with laid_down(content) as path:
                self.rows = read_payment_rows(path, reading)
        except BusinessError as refusal:
            raise forms.ValidationError(refusal.message) from refusal
        if self._is_new:
            raise forms.ValidationError(
                "This is how it would be read. Look at the first rows and correct the columns."
            )
        return cleaned | {"bytes": content, "reading": reading}

    def line_table(self) -> LineTable | None:
        if not self.rows:
            return None
        return LineTable(
            headings=("Line", "Day", "Paid", "For", "To"),
            rows=[
                (
                    str(row.line_number),
                    row.fault or str(row.paid_on),
                    "" if row.amount is None else money.display(row.amount, row.currency),
                    row.about,
                    row.counterparty,
                )
                for row in self.rows[:ROWS_SHOWN]
            ],
        )


def unpacked(text: str) -> bytes | None:
    """Return the file that a form carries; None when it carries none, or more than may be."""
    if not text:
        return None
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(base64.b64decode(text, validate=True), LARGEST_FILE)
    except (binascii.Error, zlib.error, ValueError):
        return None
    return content if unpacking.eof else None


@contextmanager
def laid_down(content: bytes) -> Iterator[Path]:
    """Give the path of a file with this content, for as long as it is needed."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "payments"
        path.write_bytes(content)
        yield path


def read_plan(_request: HttpRequest, cleaned: Mapping[str, Any], now: datetime) -> list[str]:
    with laid_down(cleaned["bytes"]) as path:
        plan = operations.plan_payment_notices(path=path, reading=cleaned["reading"], at=now)
    told = [
        f"{count:,} {'document is' if count == 1 else 'documents are'} noted as paid, over"
        f" {money.display(amount, currency)}."
        for currency, (count, amount) in plan.paid().items()
    ]
    told += [
        words.format(_lines(count))
        for outcome, words in OUTCOMES_TOLD.items()
        if (count := plan.count(outcome))
    ]
    if plan.known:
        told.append(f"{_lines(plan.known)} that stood in an earlier file: they change nothing.")
    return told or ["Nothing: the file has no lines."]


def _lines(count: int) -> str:
    return f"{count:,} {'line' if count == 1 else 'lines'}"


def read(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    with laid_down(cleaned["bytes"]) as path:
        run = operations.take_payment_notices(
            path=path,
            file_name=cleaned["file_name"],
            reading=cleaned["reading"],
            at=now,
            by=request.user,
        )
    unfit = run.lines_read - run.lines_imported - run.report["known"]
    paid = PaymentNotice.objects.filter(run=run, outcome=PaymentNotice.Outcome.PAID).count()
    told = f"{_lines(run.lines_read)} read: {paid:,} documents are paid"
    return f"{told}, {_lines(unfit)} to look after.", None


READ_PAYMENTS = PageAct(
    name="read",
    label="Read what was paid",
    permission="purchasing.pay_supplierinvoice",
    perform=read,
    form=ReadPaymentsForm,
    plan=read_plan,
    consequences=(
        "Only what agrees to the cent is noted as paid; everything else is listed to look after.",
        "A line that stood in an earlier file changes nothing.",
    ),
    icon="upload_file",
)
