"""
Reading the tables other people send: CSV of every dialect, compressed or not, and Excel.

    for row in read_table(path, Dialect(delimiter=";")):
        row.line_number, row.columns["Artikel"]
"""

from retail.common.tabular.alphabets import likely_encodings
from retail.common.tabular.dialects import (
    Dialect,
    bytes_against_utf_8,
    fingerprint,
    is_excel,
    propose_dialect,
)
from retail.common.tabular.excel import Record, sheet_names
from retail.common.tabular.numbers import (
    NotANumber,
    currency_mark,
    is_damaged_code,
    parse_decimal,
    parse_integer,
)
from retail.common.tabular.reading import (
    MAX_COLUMNS,
    Row,
    Table,
    column_titles,
    open_table,
    raw_records,
    read_table,
)
from retail.common.tabular.refusals import (
    BrokenFile,
    DuplicateColumn,
    MissingColumn,
    MissingSheet,
    TooManyColumns,
)

__all__ = [
    "MAX_COLUMNS",
    "BrokenFile",
    "Dialect",
    "DuplicateColumn",
    "MissingColumn",
    "MissingSheet",
    "NotANumber",
    "Record",
    "Row",
    "Table",
    "TooManyColumns",
    "bytes_against_utf_8",
    "column_titles",
    "currency_mark",
    "fingerprint",
    "is_damaged_code",
    "is_excel",
    "likely_encodings",
    "open_table",
    "parse_decimal",
    "parse_integer",
    "propose_dialect",
    "raw_records",
    "read_table",
    "sheet_names",
]
