"""What a line of a supplier's file says, cell by cell; nothing here needs a database."""

from datetime import date
from decimal import Decimal

import pytest

from purchasing.models import Supplier, SupplierFileProfile
from purchasing.staging import Article, Skip, read_supplier_file
from retail.common.imports import Reject
from retail.common.tabular import BrokenFile, MissingSheet
from tests.xls import xls

COLUMNS = {
    "supplier_sku": "SKU",
    "unit_cost": "Cost",
    "our_sku": "Ours",
    "order_multiple": "Multiple",
    "lead_time_days": "Days",
    "back_in_stock_on": "Back",
    "valid_from": "From",
    "currency": "Currency",
}
TITLES = "SKU;Cost;Ours;Multiple;Days;Back;From;Currency"


def profile_of(*, currency="EUR", **fields):
    defaults = {"delimiter": ";", "sheet": "", "footer_words": "", "columns": COLUMNS}
    return SupplierFileProfile(
        code="prices", supplier=Supplier(currency=currency), **{**defaults, **fields}
    )


@pytest.fixture
def read(tmp_path):
    """Read lines below the titles by a profile."""

    def write_and_read(*lines, titles=TITLES, **fields):
        path = tmp_path / "prices.csv"
        path.write_text("\n".join([titles, *lines]) + "\n", encoding="utf-8")
        return list(read_supplier_file(path, profile_of(**fields)))

    return write_and_read


def short(columns=("supplier_sku", "unit_cost"), **more):
    return {"columns": {name: COLUMNS.get(name, name) for name in columns} | more}


def test_article_has_all_that_the_line_says(read):
    line = read("A-1;2.50;MUG-1;6;14;2026-12-24;2027-01-01;EUR")[0]

    assert line == Article(
        line_number=2,
        supplier_sku="A-1",
        gtin="",
        name="",
        unit_cost=Decimal("2.50"),
        pack_size=None,
        minimum_quantity=None,
        available_units=None,
        our_sku="MUG-1",
        order_multiple=6,
        lead_time_days=14,
        back_in_stock_on=date(2026, 12, 24),
        valid_from=date(2027, 1, 1),
    )


def test_what_the_line_leaves_empty_is_nothing(read):
    line = read("A-1;2.50;;;;;;")[0]

    assert line[5:] == (None, None, None, "", None, None, None, None)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("A-1;2.50;4.00638E+12;;;;;", "damaged_code"),
        (f"A-1;2.50;{'M' * 101};;;;;", "our_sku_too_long"),
        ("A-1;2.50;;0;;;;", "invalid_order_multiple"),
        ("A-1;2.50;;;1000;;;", "invalid_lead_time_days"),
        ("A-1;2.50;;;-1;;;", "invalid_lead_time_days"),
        ("A-1;2.50;;;;soon;;", "invalid_day"),
        ("A-1;2.50;;;;;31.12.2026;", "invalid_day"),
        ("A-1;2.50;;;;;2026-02-30;", "invalid_day"),
        ("A-1;2.50;;;;;0026-12-31;", "invalid_day"),
        ("A-1;2.50;;;;;;USD", "other_currency"),
        ("A-1;2.50 USD;;;;;;", "other_currency"),
        ("A-1;£2.50;;;;;;", "other_currency"),
        ("#N/A;2.50;;;;;;", "damaged_code"),
        ("#####;2.50;;;;;;", "damaged_code"),
        ("2026-12-10;2.50;;;;;;", "damaged_code"),
    ],
)
def test_line_that_cannot_be_taken_is_refused_by_name(read, line, code):
    [refused, taken] = read(line, "GOOD-1;2.50;;;;;;")

    assert (type(refused), refused.code, refused.line_number) == (Reject, code, 2)
    assert taken.supplier_sku == "GOOD-1"


@pytest.mark.parametrize("price", ["2.50 €", "€2.50", "2.50 EUR", "2.50"])
def test_own_currency_is_taken_however_it_is_written(read, price):
    assert read(f"A-1;{price};;;;;;€")[0].unit_cost == Decimal("2.50")


@pytest.mark.parametrize("currency", ["USD", "CAD"])
def test_sign_that_several_currencies_share_is_no_other_currency(read, currency):
    line = read("A-1;$2.50;;;;;;", currency=currency)[0]

    assert line.unit_cost == Decimal("2.50")


def test_profile_without_a_supplier_takes_any_currency(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text("SKU;Cost\nA-1;2.50 USD\nB-1;3 €\n")
    profile = SupplierFileProfile(code="x", delimiter=";", sheet="", footer_words="", **short())

    lines = list(read_supplier_file(path, profile))

    assert [line.unit_cost for line in lines] == [Decimal("2.50"), Decimal(3)]


@pytest.mark.parametrize(
    ("day_format", "text", "day"),
    [
        ("%d.%m.%Y", "5.12.2026", date(2026, 12, 5)),
        ("%d/%m/%Y", "05/12/2026", date(2026, 12, 5)),
        ("%m/%d/%Y", "05/12/2026", date(2026, 5, 12)),
        ("%d.%m.%Y", "2026-12-05T00:00:00", date(2026, 12, 5)),
    ],
)
def test_day_is_read_in_the_form_of_the_profile(read, day_format, text, day):
    assert read(f"A-1;2.50;;;;;{text};", day_format=day_format)[0].valid_from == day


@pytest.mark.parametrize(
    ("gtin", "code"),
    [
        ("40063813339", "damaged_code"),  # with zeros in front its check digit is right
        ("40063813338", "invalid_gtin"),
        ("4006381333931.0", "damaged_code"),
        ("4.00638E+12", "damaged_code"),
    ],
)
def test_gtin_that_a_spreadsheet_damaged_is_refused(read, gtin, code):
    columns = {"supplier_sku": "SKU", "unit_cost": "Cost", "gtin": "EAN"}

    [line, _] = read(f"A-1;2;{gtin}", "B-1;2;", titles="SKU;Cost;EAN", columns=columns)

    assert line.code == code


def test_twelve_digits_are_a_gtin_of_their_own(read):
    columns = {"supplier_sku": "SKU", "unit_cost": "Cost", "gtin": "EAN"}

    [line] = read("A-1;2;036000291452", titles="SKU;Cost;EAN", columns=columns)

    assert line.gtin == "036000291452"


def codes_read(read, skus):
    lines = read(*(f"{sku};1" for sku in skus), titles="SKU;Cost", **short())
    return [line.code if isinstance(line, Reject) else line.supplier_sku for line in lines]


def test_code_shorter_than_all_others_has_lost_its_zeros(read):
    codes = [f"71001168{n:02}" for n in range(20)]

    assert codes_read(read, [*codes, "700002300"]) == [*codes, "damaged_code"]


def test_code_that_is_padded_elsewhere_has_lost_its_zeros(read):
    codes = [f"{n:05}" for n in range(9_990, 10_010)]

    assert codes_read(read, [*codes, "9989"]) == [*codes, "damaged_code"]


@pytest.mark.parametrize(
    "codes",
    [
        pytest.param([str(n) for n in range(998, 1030)], id="running_numbers"),
        pytest.param(["12345678", "12345679", "1234567", "123456"], id="of_many_lengths"),
        pytest.param([*(f"1234567{n}" for n in range(10)), "A-1", "AB-2", "X", "7"], id="letters"),
    ],
)
def test_shorter_code_is_sound_where_lengths_differ(read, codes):
    assert codes_read(read, codes) == codes


@pytest.mark.parametrize("footer", ["Total;120.00", "suma: 2 pozycje;", "Total", ";Razem", "SUMA;"])
def test_total_is_skipped_with_its_reason(read, footer):
    lines = read("A-1;2.50", footer, titles="SKU;Cost", footer_words="Total, Suma,Razem", **short())

    assert [type(line) for line in lines] == [Article, Skip]
    assert lines[1].line_number == 3
    assert lines[1].reason.startswith("The line begins with ")


@pytest.mark.parametrize("sku", ["TOTAL-1", "Totally", "SUMATRA"])
def test_code_that_begins_like_a_total_is_an_article(read, sku):
    lines = read(f"{sku};2.50", titles="SKU;Cost", footer_words="Total,Suma", **short())

    assert [line.supplier_sku for line in lines] == [sku]


def test_titles_once_more_and_empty_lines_are_skipped(read):
    lines = read("A-1;1", "SKU;Cost", " ; ", ";", "B-1;2", titles="SKU;Cost", **short())

    assert lines[1:4] == [
        Skip(3, "The line repeats the titles of the columns."),
        Skip(4, "The line is empty."),
        Skip(5, "The line is empty."),
    ]
    assert [lines[0].supplier_sku, lines[4].supplier_sku] == ["A-1", "B-1"]


def test_file_of_which_no_line_can_be_read_is_broken(read):
    with pytest.raises(BrokenFile, match=r"^Line 2: Not one of the 2 lines can be read"):
        read("A-1", "B-1;2;3", titles="SKU;Cost", **short())


def test_file_broken_at_its_end_yields_no_line(tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text('SKU;Cost\nA-1;2\nB-1;"3\n')

    with pytest.raises(BrokenFile, match=r"^Line 3"):
        next(read_supplier_file(path, profile_of(**short())))


def test_sheet_of_an_old_workbook_is_read_by_name(tmp_path):
    path = tmp_path / "prices.xls"
    sheet = [(0, 0, "SKU"), (0, 1, "Cost"), (1, 0, "A-1"), (1, 1, 5.255)]
    path.write_bytes(xls({"Terms": [(0, 0, "net")], "Prices": sheet}))

    [line] = read_supplier_file(path, profile_of(sheet="Prices", decimal_separator=",", **short()))

    assert (line.supplier_sku, line.unit_cost) == ("A-1", Decimal("5.255"))
    with pytest.raises(MissingSheet):
        next(read_supplier_file(path, profile_of(sheet="Stock", **short())))
