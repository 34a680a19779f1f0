"""Product files as they are uploaded and downloaded: CSV of any dialect, and Excel."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from import_export.formats import base_formats
from tablib import Dataset

from retail.common.exports import harmless
from retail.common.tabular import column_titles, propose_dialect, read_table


class NumberedDataset(Dataset):
    """
    The rows of a file, and for each the line it stands in and what is wrong with it as a row.

    `row_errors` is empty text where nothing is.
    """

    def __init__(self, headers: list[str]) -> None:
        super().__init__(headers=headers)
        self.line_numbers: list[int] = []
        self.row_errors: list[str] = []


def read_dataset(path: Path | str) -> NumberedDataset:
    """
    Read a product file, CSV (also gzipped) or Excel.

    :raises BusinessError: one of the refusals of retail.common.tabular; the file is unreadable.
    """
    dialect = propose_dialect(path)
    titles = column_titles(path, dialect)
    dataset = NumberedDataset(titles)
    for row in read_table(path, dialect):
        dataset.append([_unarmed(row.columns.get(title, "")) for title in titles])
        dataset.line_numbers.append(row.line_number)
        dataset.row_errors.append(row.error)
    return dataset


def _unarmed(text: str) -> str:
    """Take back the apostrophe that our own download put in front of a would-be formula."""
    return text[1:] if text.startswith("'") and harmless(text[1:]) == text else text


class _Table:
    """Both kinds of file are read by the project's own reader, from their bytes."""

    def is_binary(self) -> bool:
        return True

    def get_read_mode(self) -> str:
        return "rb"

    def create_dataset(self, in_stream: bytes) -> NumberedDataset:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "products"
            path.write_bytes(in_stream)
            return read_dataset(path)

    def _escape_formulae(self, dataset: Dataset) -> None:
        for _ in range(len(dataset)):
            dataset.append([harmless(str(cell)) for cell in dataset.lpop()])


class TableCsv(_Table, base_formats.CSV):
    """CSV: comma, semicolon or tab when it comes in, comma when it goes out."""

    def export_data(self, dataset: Dataset, **kwargs: Any) -> str:
        # The mark in front tells a spreadsheet that this is UTF-8.
        return f"\ufeff{super().export_data(dataset, **kwargs)}"


class TableXlsx(_Table, base_formats.XLSX):
    """The first sheet of an Excel file."""
