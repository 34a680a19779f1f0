"""Reading files: small ones made here, each with one fault."""

import gzip
import io
import tracemalloc
import zipfile
from decimal import Decimal

import pytest
import tablib

from retail.common.tabular import (
    BrokenFile,
    Dialect,
    DuplicateColumn,
    MissingColumn,
    NotANumber,
    Row,
    TooManyColumns,
    column_titles,
    fingerprint,
    is_damaged_code,
    parse_decimal,
    parse_integer,
    propose_dialect,
    read_table,
)


@pytest.fixture
def file(tmp_path):
    def make(content, name="table.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def cells(path, dialect=None):
    return [list(row.columns.values()) for row in read_table(path, dialect)]


def test_row_knows_its_line_and_its_columns(file):
    path = file('sku,name\nA-1,"two\nlines"\n\nB-2,one\n')

    assert list(read_table(path)) == [
        Row(2, {"sku": "A-1", "name": "two\nlines"}),
        Row(5, {"sku": "B-2", "name": "one"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_is_the_one_the_lines_agree_on(file, delimiter):
    path = file(delimiter.join(["sku", "price"]) + "\n" + delimiter.join(["A-1", "5"]) + "\n")

    assert propose_dialect(path) == Dialect(encoding="utf-8", delimiter=delimiter)
    assert cells(path) == [["A-1", "5"]]


def test_decimal_commas_do_not_make_a_comma_file(file):
    path = file("sku;price\nA-1;5,90\nB-2;12,00\n")

    assert cells(path) == [["A-1", "5,90"], ["B-2", "12,00"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encoding_is_read_from_the_bytes(file, encoding):
    path = file("sku;name\nA-1;Käse żółty\n".encode(encoding))

    assert list(read_table(path)) == [Row(2, {"sku": "A-1", "name": "Käse żółty"})]


def test_encoding_that_is_not_utf_8_is_never_guessed(file):
    path = file("sku;name\nA-1;brie\nB-2;Käse\n".encode("cp1252"))

    with pytest.raises(BrokenFile, match=r"^Line 3: This is not UTF-8") as refusal:
        list(read_table(path))
    assert refusal.value.details == {"line": 3}
    assert cells(path, Dialect(encoding="cp1252")) == [["A-1", "brie"], ["B-2", "Käse"]]


@pytest.mark.parametrize("delimiter", ["", ","])
@pytest.mark.parametrize("encoding", ["klingon", "rot13"])
def test_encoding_that_is_none_of_text_is_refused(file, encoding, delimiter):
    with pytest.raises(BrokenFile, match=f"no encoding called {encoding}"):
        list(read_table(file("a,b\n1,2\n"), Dialect(encoding=encoding, delimiter=delimiter)))


def test_lines_above_the_titles_are_skipped_and_counted(file):
    path = file("Price list;;\nof March;;\nsku;name;price\nA-1;brie;5\n")

    rows = list(read_table(path, Dialect(skipped_lines=2)))

    assert rows == [Row(4, {"sku": "A-1", "name": "brie", "price": "5"})]


def test_table_without_titles_has_numbered_columns(file):
    path = file("A-1;brie\nB-2;gouda\n")

    rows = list(read_table(path, Dialect(has_titles=False)))

    assert rows == [
        Row(1, {"column 1": "A-1", "column 2": "brie"}),
        Row(2, {"column 1": "B-2", "column 2": "gouda"}),
    ]


def test_gzipped_file_is_read_like_the_file_itself(file):
    path = file(gzip.compress(b"sku,name\nA-1,brie\n"), "table.csv.gz")

    assert cells(path) == [["A-1", "brie"]]


def test_damaged_gzip_is_refused(file):
    path = file(gzip.compress(b"sku,name\n" + b"A-1,brie\n" * 100_000)[:-20], "table.csv.gz")

    with pytest.raises(BrokenFile, match="compressed file is damaged"):
        list(read_table(path))


@pytest.mark.parametrize(
    ("content", "reason", "line"),
    [
        pytest.param("", "The file is empty", None, id="empty"),
        pytest.param("a,b\n1,x\0y\n", "NUL character", 2, id="nul"),
        pytest.param('a,b\n1,2\n3,"open\n5,6\n', "A quote opens here", 3, id="open_quote"),
        pytest.param('a,b\n1,"x" y\n', "behind a closing quote", 2, id="text_behind_quote"),
        pytest.param("a,b\n1," + "x" * 1_000_001, "longer than a line", 2, id="endless_line"),
        pytest.param('a,b\n1,"' + "x" * 200_000 + '"', "131,072 characters", 2, id="endless_cell"),
        pytest.param('a,b\n1,"' + "x\n" * 200_000, "A quote opens here", 2, id="quote_over_all"),
    ],
)
def test_broken_file_is_refused_with_the_line(file, content, reason, line):
    with pytest.raises(BrokenFile, match=reason) as refusal:
        list(read_table(file(content)))
    assert refusal.value.details == {"line": line}


def test_title_that_stands_twice_is_refused(file):
    with pytest.raises(DuplicateColumn) as refusal:
        list(read_table(file("sku,price, price\nA-1,5,6\n")))
    assert refusal.value.details == {"titles": ["price"]}


def test_columns_without_title_are_numbered(file):
    assert column_titles(file("sku,,\nA-1,5,6\n")) == ["sku", "column 2", "column 3"]


def test_wanted_column_that_is_missing_is_refused(file):
    path = file("sku,cost\nA-1,5\n")

    with pytest.raises(MissingColumn) as refusal:
        list(read_table(path, wanted={"sku", "price"}))
    assert refusal.value.details == {"missing": ["price"], "found": ["sku", "cost"]}


def test_too_many_columns_are_refused(file):
    with pytest.raises(TooManyColumns):
        list(read_table(file(",".join(f"c{n}" for n in range(1001)))))


def test_ragged_row_is_marked_and_the_others_are_read(file):
    rows = list(read_table(file("a,b\n1\n1,2,3\n1,2,\n1,2\n")))

    assert [(row.line_number, row.error_code, row.columns) for row in rows] == [
        (2, "ragged_row", {"a": "1"}),
        (3, "ragged_row", {"a": "1", "b": "2", "column 3": "3"}),
        (4, "", {"a": "1", "b": "2"}),
        (5, "", {"a": "1", "b": "2"}),
    ]


def test_stray_quote_is_marked_unless_the_file_does_not_quote(file):
    path = file('sku,name\nA-1,nail 5" long\nB-2,"5"" nail"\n')

    assert [row.error_code for row in read_table(path)] == ["stray_quote", ""]
    unquoted = Dialect(quote="", delimiter=",")
    assert cells(path, unquoted) == [["A-1", 'nail 5" long'], ["B-2", '"5"" nail"']]


def peak_memory_of_reading(path):
    tracemalloc.start()
    for _ in read_table(path):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_file(file):
    long = file("sku,name\n" + "A-1,some cheese\n" * 20_000, "long.csv")
    longer = file("sku,name\n" + "A-1,some cheese\n" * 60_000, "longer.csv")

    peak_of_long, peak_of_longer = peak_memory_of_reading(long), peak_memory_of_reading(longer)

    assert peak_of_longer < peak_of_long * 1.1


def excel(*rows, titles=("sku", "price")):
    return tablib.Dataset(*rows, headers=titles).export("xlsx")


def test_excel_is_read_as_text(file):
    path = file(excel(("A-1", 5), ("B-2", 5.25), (4006381333931, None)), "prices.xlsx")

    assert list(read_table(path)) == [
        Row(2, {"sku": "A-1", "price": "5"}),
        Row(3, {"sku": "B-2", "price": "5.25"}),
        Row(4, {"sku": "4006381333931", "price": ""}),
    ]


def test_excel_is_known_by_its_bytes_not_its_name(file):
    assert cells(file(excel(("A-1", 5)), "prices.csv")) == [["A-1", "5"]]


def sheet_with(cell_xml):
    """Return an Excel file whose sheet is the given cells, as no spreadsheet would write it."""
    content = io.BytesIO(excel(("A-1", 5)))
    changed = io.BytesIO()
    with zipfile.ZipFile(content) as old, zipfile.ZipFile(changed, "w") as new:
        for member in old.infolist():
            body = old.read(member)
            if member.filename == "xl/worksheets/sheet1.xml":
                start, end = body.index(b"<sheetData>"), body.index(b"</sheetData>")
                body = body[:start] + b"<sheetData>" + cell_xml + body[end:]
            new.writestr(member, body)
    return changed.getvalue()


def test_excel_with_far_apart_cells_is_refused_before_it_takes_the_memory(file):
    wide = file(sheet_with(b'<row r="1"><c r="A1"/><c r="XFD1"/></row>'), "wide.xlsx")
    large = file(sheet_with(b'<row r="1048576"><c r="A1"/><c r="Z1048576"/></row>'), "large.xlsx")

    with pytest.raises(TooManyColumns):
        list(read_table(wide))
    with pytest.raises(BrokenFile, match="too large"):
        list(read_table(large))


def test_excel_that_unpacks_without_end_is_refused(file, monkeypatch):
    monkeypatch.setattr("retail.common.tabular.excel.MAX_UNPACKED_BYTES", 1000)

    with pytest.raises(BrokenFile, match="too large"):
        list(read_table(file(excel(("A-1", 5)), "bomb.xlsx")))


@pytest.mark.parametrize(
    "content",
    # Named, because a workbook holds the moment it was made and the names must not.
    [
        pytest.param(b"PK\x03\x04 and nothing more", id="only_its_first_bytes"),
        pytest.param(excel(("A-1", 5))[:-30], id="without_its_end"),
    ],
)
def test_damaged_excel_is_refused(file, content):
    with pytest.raises(BrokenFile, match="damaged"):
        list(read_table(file(content, "prices.xlsx")))


def test_fingerprint_is_that_of_the_bytes(file):
    assert fingerprint(file(b"abc")) == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize(("text", "number"), [("12", 12), (" -3 ", -3), ("+7", 7), ("007", 7)])
def test_integer_is_read(text, number):
    assert parse_integer(text) == number


@pytest.mark.parametrize("text", ["", "1_000", "1e3", "12.0", "１２", "٣", "1 000", "x", "9" * 19])  # noqa: RUF001 - full-width on purpose
def test_integer_in_another_form_is_refused(text):
    with pytest.raises(NotANumber):
        parse_integer(text)


@pytest.mark.parametrize(
    ("text", "separator", "number"),
    [
        ("5", ".", "5"),
        ("5.90", ".", "5.90"),
        ("1,111.34", ".", "1111.34"),
        ("-0.5", ".", "-0.5"),
        ("5,90", ",", "5.90"),
        ("1.111,34 €", ",", "1111.34"),
        (" 167 € ", ",", "167"),
        ("EUR 12,00", ",", "12.00"),
        ("12,00\u00a0zł", ",", "12.00"),
        ("1\u202f234\u202f567,89", ",", "1234567.89"),
    ],
)
def test_decimal_is_read(text, separator, number):
    assert parse_decimal(text, separator) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "separator"),
    [
        ("", "."),
        ("1.5", ","),
        ("1,5", "."),
        ("1e5", "."),
        ("1_000", "."),
        ("１２", "."),  # noqa: RUF001 - full-width on purpose
        ("NaN", "."),
        ("Infinity", "."),
        ("1.23.4", "."),
        ("1,23,456", "."),
        ("--1", "."),
        ("1" * 31, "."),
    ],
)
def test_decimal_in_another_form_is_refused(text, separator):
    with pytest.raises(NotANumber):
        parse_decimal(text, separator)


@pytest.mark.parametrize("code", ["4.00638E+12", "4,00638E+12", "4E12", "4.0e+12"])
def test_code_damaged_by_a_spreadsheet_is_told(code):
    assert is_damaged_code(code)


@pytest.mark.parametrize("code", ["4006381333931", "E12", "12E-3A", "4E12X", "AB4E12"])
def test_sound_code_is_not_called_damaged(code):
    assert not is_damaged_code(code)
