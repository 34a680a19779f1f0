from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from openpyxl import load_workbook

from retail.common.exports import csv_lines, harmless, xlsx_bytes


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1",
        "\uff1d1+1",
        "\uff0b1",
        "\uff0d1x",
        "\uff20x",
        "|x",
        "%x",
        "\0x",
    ],
)
def test_formula_is_made_harmless(text):
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "A-1", "-5", "+5", "-5.25", "-1,234.50", "a=b", "x@y.example"]
)
def test_ordinary_text_and_numbers_stay_as_they_are(text):
    assert harmless(text) == text


def test_csv_lines_are_quoted_and_empty_for_none():
    assert list(csv_lines(["a", "=b"], [["x,y", None], [5, 'say "hi"']])) == [
        "\ufeffa,'=b\r\n",
        '"x,y",\r\n',
        '5,"say ""hi"""\r\n',
    ]


def test_workbook_holds_numbers_days_and_harmless_text(tmp_path):
    path = tmp_path / "report.xlsx"
    moment = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)

    path.write_bytes(
        xlsx_bytes(
            ["SKU", "=cost"],
            [
                ["=1+1", Decimal("2.50")],
                ["00123", 7],
                [date(2026, 11, 24), moment],
                [None, "\x00a"],
            ],
        )
    )

    sheet = load_workbook(path).active
    assert [[cell.value for cell in row] for row in sheet.rows] == [
        ["SKU", "'=cost"],
        ["'=1+1", 2.5],
        ["00123", 7],
        [datetime(2026, 11, 24), datetime(2026, 11, 24, 9, 30)],  # noqa: DTZ001 - a sheet's own
        [None, "'a"],
    ]
    assert {cell.data_type for row in sheet.rows for cell in row} == {"s", "n", "d"}
