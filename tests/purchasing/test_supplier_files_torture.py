"""Every file that others made to be hard to read goes through the same intake as a price list."""

import csv
import json

import pytest

from purchasing.inspecting import inspect_file
from retail.common.imports import Reject
from tests.shared_data import SHARED_DATA, needs_shared_data

pytestmark = needs_shared_data

PRICE_LISTS = SHARED_DATA / "supplier-price-lists"
TORTURE = SHARED_DATA / "csv-torture"
RFC_4180 = TORTURE / "csv-test-data"
SPECTRUM = TORTURE / "csv-spectrum"

# What becomes of each list: lines read and accepted, lines refused by reason, or why it is refused.
EXPECTED_OF_LISTS = {
    "de_crafts_articles.csv": (2007, 1599, {"invalid_price": 408}, ""),
    "de_it_articles_two_prices.csv": (60, 60, {}, ""),
    "es_ventilation_tarifa.csv": (67, 67, {}, ""),
    "manifest.csv": (10, 0, {"columns_not_found": 10}, "columns_not_found"),
    "pl_buying_prices.csv": (13, 13, {}, ""),
    "pl_furniture_parts.csv": (252, 0, {"columns_not_found": 252}, "columns_not_found"),
    "ua_car_parts_pricelist.csv": (209, 204, {"duplicate_sku": 3, "missing_price": 2}, ""),
    "ua_marketplace_categories.csv": (0, 0, {}, "duplicate_column"),
    "ua_marketplace_wide_header.csv": (0, 0, {}, "duplicate_column"),
    "uk_telecom_pricelist.csv": (1930, 1816, {"duplicate_sku": 85, "missing_sku": 29}, ""),
    "us_magento_new_inventory.csv": (
        168,
        0,
        {"missing_sku": 167, "invalid_minimum_quantity": 1},
        "",
    ),
}
# Broken in themselves, besides what is called bad: read by nobody, and said so.
BROKEN = {"location_coordinates.csv", "invalid_many_rows.csv"}
# The manifest lists itself not, counts a title row as a row, and forgot the row of one column.
COUNTED_OTHERWISE = {"manifest.csv", "title-row.csv", "one-column.csv"}


def files(folder, pattern="*.csv"):
    return sorted(folder.rglob(pattern)) if folder.is_dir() else []


def inspect(path):
    found, lines = inspect_file(path, None)
    return found, list(lines)


def name(path):
    return path.name


def records_listed(path):
    """Return how many rows below the titles the manifest counted."""
    with (TORTURE / "manifest.csv").open(newline="") as file:
        listed = {row["file"]: row["records_incl_header"] for row in csv.DictReader(file)}
    return int(listed[path.relative_to(TORTURE).as_posix()]) - 1


def test_no_price_list_is_left_out():
    assert {path.name for path in files(PRICE_LISTS)} == set(EXPECTED_OF_LISTS)


@pytest.mark.parametrize("path", files(PRICE_LISTS), ids=name)
def test_price_list_is_taken_or_refused_for_these_reasons(path):
    found, lines = inspect(path)

    read, accepted, codes, error_code = EXPECTED_OF_LISTS[path.name]
    assert (found.read, found.accepted, found.error_code) == (read, accepted, error_code)
    assert found.codes == codes
    assert found.read == found.accepted + found.refused + found.skipped
    assert len(lines) == found.refused + found.skipped
    assert all(line.text for line in lines if isinstance(line, Reject))


@pytest.mark.parametrize("path", files(RFC_4180, "bad-*.csv"), ids=name)
def test_bad_file_is_refused_and_says_why(path):
    found, lines = inspect(path)

    # Without columns agreed before, other titles are only columns that nobody knows.
    is_only_other = path.name == "bad-header-wrong-header.csv"
    assert found.error_code == ("columns_not_found" if is_only_other else "broken_file")
    assert found.error
    assert (found.read, found.accepted, lines) == (0, 0, [])


@pytest.mark.parametrize(
    "path",
    [path for path in files(TORTURE) if not path.name.startswith("bad-")],
    ids=name,
)
def test_hard_file_loses_no_row_and_none_is_taken_for_an_article(path):
    found, lines = inspect(path)

    if path.name in BROKEN:
        assert (found.error_code, found.read) == ("broken_file", 0)
        return
    assert found.error_code == "columns_not_found"
    assert found.error.startswith("No column was found for")
    assert (found.accepted, len(lines)) == (0, found.read)
    assert found.read == found.refused + found.skipped
    if path.name not in COUNTED_OTHERWISE:
        assert found.read == records_listed(path)


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        (answer, folder / answer.with_suffix(".csv").name)
        for suite, folder in ((RFC_4180, RFC_4180 / "csv"), (SPECTRUM, SPECTRUM / "csvs"))
        for answer in files(suite / "json", "*.json")
        if answer.stem != "location_coordinates"
    ],
    ids=lambda value: value.stem,
)
def test_cells_are_those_that_the_suite_expects(answer, path):
    _, lines = inspect(path)

    rows = json.loads(answer.read_text())
    rows = rows[1:] if rows and isinstance(rows[0], list) else rows
    rows = [row if isinstance(row, list) else list(row.values()) for row in rows]
    # Empty rows are skipped by name, and the file lost carriage returns when it was checked out.
    expected = [[cell.replace("\r\n", "\n") for cell in row] for row in rows if any(row)]
    cells = [list(line.columns.values()) for line in lines if isinstance(line, Reject)]
    assert cells == expected


@pytest.mark.parametrize("path", files(TORTURE / "naughty-strings", "blns.*"), ids=name)
def test_naughty_strings_are_refused_by_name(path):
    found, _ = inspect(path)

    assert found.error_code == "broken_file"
    assert found.error.startswith("Line ")
