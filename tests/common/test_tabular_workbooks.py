"""Reading workbooks: .xls, sheets by name, numbers as a spreadsheet keeps them, damaged files."""

import io
import random
import struct
import zipfile

import openpyxl
import pytest

from retail.common.tabular import (
    BrokenFile,
    Dialect,
    MissingSheet,
    Row,
    is_damaged_code,
    read_table,
    sheet_names,
)
from tests.xls import cell_record, compound_file, record, workbook_stream, xls

PRICES = [(0, 0, "sku"), (0, 1, "price"), (1, 0, "Łyżka"), (1, 1, 5.25), (3, 0, "B-2"), (3, 1, 6)]


@pytest.fixture
def file(tmp_path):
    def make(content, name="prices.xls"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return make


def xlsx(sheets):
    workbook = openpyxl.Workbook()
    workbook.remove(workbook.active)
    for name, rows in sheets.items():
        sheet = workbook.create_sheet(name)
        for row in rows:
            sheet.append(row)
    content = io.BytesIO()
    workbook.save(content)
    return content.getvalue()


@pytest.mark.parametrize("name", ["prices.xls", "prices.xlsx", "prices.csv", "prices"])
def test_old_excel_is_known_by_its_bytes_and_read(file, name):
    path = file(xls({"Prices": PRICES, "Terms": [(0, 0, "net")]}), name)

    assert list(read_table(path)) == [
        Row(2, {"sku": "Łyżka", "price": "5.25"}),
        Row(4, {"sku": "B-2", "price": "6"}),
    ]
    assert sheet_names(path) == ["Prices", "Terms"]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(xls({"A": [(0, 0, "x")], "B": PRICES}), id="xls"),
        pytest.param(
            xlsx({"A": [["x"]], "B": [["sku", "price"], ["Łyżka", 5.25], [], ["B-2", 6]]}),
            id="xlsx",
        ),
    ],
)
def test_sheet_is_found_by_its_name(file, content):
    path = file(content)

    rows = list(read_table(path, Dialect(sheet="B", decimal_separator=",")))

    assert [row.columns["price"] for row in rows] == ["5,25", "6"]
    with pytest.raises(MissingSheet) as refusal:
        list(read_table(path, Dialect(sheet="C")))
    assert refusal.value.details == {"missing": "C", "found": ["A", "B"]}


def test_numbers_are_those_that_a_spreadsheet_shows(file):
    cells = [(0, 0, "sku"), (1, 0, 0.1 + 0.2), (2, 0, 4006381333931), (3, 0, 1234567890123456)]

    texts = [row.columns["sku"] for row in read_table(file(xls({"S": cells})))]

    assert texts == ["0.3", "4006381333931", "1.23456789012346e+15"]
    assert [is_damaged_code(text) for text in texts] == [False, False, True]


def test_old_excel_with_far_apart_cells_is_refused_before_it_takes_the_memory(file):
    far = file(xls({"S": [(0, 0, "sku"), (65_535, 255, "price")]}))

    with pytest.raises(BrokenFile, match="too large"):
        list(read_table(far))


def test_old_excel_that_asks_for_all_memory_is_refused(file):
    stream = workbook_stream({"S": PRICES})
    honest = struct.pack("<IIHHH", 0, 4, 0, 2, 0)
    lying = struct.pack("<IIHHH", 0, 0xFFFFFFFF, 0, 0xFFFF, 0)
    assert honest in stream

    with pytest.raises(BrokenFile, match="damaged"):
        list(read_table(file(compound_file(stream.replace(honest, lying)))))


def test_old_excel_with_a_password_says_so(file):
    stream = workbook_stream({"S": PRICES})
    locked = stream[:20] + record(0x002F, bytes(54)) + stream[20:]

    with pytest.raises(BrokenFile, match="password"):
        list(read_table(file(compound_file(locked))))


def test_cells_in_one_record_count_too(file):
    stream = workbook_stream({"S": [(0, 0, "sku")]})
    last = cell_record(0, 0, "sku")
    blanks = record(0x00BE, struct.pack("<HH", 65_535, 0) + bytes(512) + struct.pack("<H", 255))

    with pytest.raises(BrokenFile, match="too large"):
        list(read_table(file(compound_file(stream.replace(last, last + blanks)))))


def test_damaged_workbook_is_refused_and_never_ends_the_program(file, capfd):
    sound = xls({"Prices": PRICES})
    chance = random.Random(5)
    outcomes = set()

    for _ in range(150):
        damaged = bytearray(sound)
        for _ in range(chance.randint(1, 20)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            list(read_table(file(bytes(damaged[: chance.randrange(600, len(damaged))]))))
        except BrokenFile:
            outcomes.add("refused")
        else:
            outcomes.add("read")
    # The reader prints where it stopped in panic.
    capfd.readouterr()

    assert "refused" in outcomes


def test_packed_file_that_is_no_workbook_is_refused(file):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("prices.csv", "sku,price\nA-1,5\n")

    with pytest.raises(BrokenFile, match="unpack it"):
        list(read_table(file(content.getvalue(), "prices.zip")))
