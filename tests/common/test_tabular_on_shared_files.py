"""Reading files that others made to be hard to read."""

import csv
import json

import pytest

from retail.common.tabular import (
    BrokenFile,
    DuplicateColumn,
    MissingColumn,
    propose_dialect,
    read_table,
)
from tests.shared_data import SHARED_DATA, needs_shared_data

pytestmark = needs_shared_data

TORTURE = SHARED_DATA / "csv-torture"
RFC_4180 = TORTURE / "csv-test-data"
SPECTRUM = TORTURE / "csv-spectrum"
PRICE_LISTS = SHARED_DATA / "supplier-price-lists"
# Its quotes are those that RFC 4180 forbids, and the answer beside it is of another file.
NOT_COMPARABLE = {"location_coordinates"}


def names(folder, pattern="*.csv"):
    return sorted(path.stem for path in folder.glob(pattern)) if folder.is_dir() else []


def manifest(folder):
    if not folder.is_dir():
        return []
    with (folder / "manifest.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["file"].endswith((".csv", ".tsv"))]


def expected_cells(answer):
    """Return the cells below the titles; the suites write rows as lists or as objects."""
    if answer and isinstance(answer[0], list):
        return answer[1:]
    return [list(row.values()) for row in answer]


@pytest.mark.parametrize("name", names(RFC_4180 / "json", "*.json"))
def test_good_file_reads_as_the_suite_expects(name):
    rows = list(read_table(RFC_4180 / "csv" / f"{name}.csv"))

    answer = json.loads((RFC_4180 / "json" / f"{name}.json").read_text())
    assert [list(row.columns.values()) for row in rows] == expected_cells(answer)
    assert [row.error for row in rows] == [""] * len(rows)


@pytest.mark.parametrize("name", names(RFC_4180 / "csv", "bad-*.csv"))
def test_bad_file_is_refused_whole_or_row_by_row(name):
    try:
        rows = list(read_table(RFC_4180 / "csv" / f"{name}.csv", wanted={"foo", "bar", "baz"}))
    except (BrokenFile, MissingColumn):
        return
    assert [bool(row.error) for row in rows] == [True]


@pytest.mark.parametrize("name", [n for n in names(SPECTRUM / "csvs") if n not in NOT_COMPARABLE])
def test_spectrum_reads_as_expected(name):
    rows = [row.columns for row in read_table(SPECTRUM / "csvs" / f"{name}.csv")]

    answer = json.loads((SPECTRUM / "json" / f"{name}.json").read_text())
    # Checked out with Unix line ends, the file lost the carriage returns of its answer.
    assert rows == [
        {title: cell.replace("\r\n", "\n") for title, cell in row.items()} for row in answer
    ]


@pytest.mark.parametrize("listed", manifest(PRICE_LISTS), ids=lambda row: row["file"])
def test_dialect_of_a_price_list_is_proposed_right(listed):
    dialect = propose_dialect(PRICE_LISTS / listed["file"])

    expected = {
        "utf-8 BOM": {"utf-8-sig"},
        "utf-8": {"utf-8"},
        "ascii": {"utf-8"},
        "8-bit (not utf-8)": {"windows-1252", "cp1252"},
    }[listed["encoding"]]
    assert dialect.encoding in expected
    assert dialect.delimiter == listed["delimiter"]


@pytest.mark.parametrize("listed", manifest(PRICE_LISTS), ids=lambda row: row["file"])
def test_price_list_is_read_to_its_end_or_refused_by_name(listed):
    path = PRICE_LISTS / listed["file"]

    if listed["file"].startswith("ua_marketplace"):
        with pytest.raises(DuplicateColumn):
            list(read_table(path, propose_dialect(path)))
        return
    rows = list(read_table(path, propose_dialect(path)))

    assert len(rows) == int(listed["records_incl_header"]) - 1
    assert {row.error for row in rows} == {""}
    assert {len(row.columns) for row in rows} == {int(listed["columns"])}


@pytest.mark.parametrize(
    ("name", "line"),
    [("invalid_many_rows", 4), ("invalid-byte-sequence", 1)],
)
def test_fault_planted_in_a_validators_fixture_is_found(name, line):
    with pytest.raises(BrokenFile) as refusal:
        list(read_table(TORTURE / "csvlint" / f"{name}.csv"))
    assert refusal.value.details == {"line": line}
