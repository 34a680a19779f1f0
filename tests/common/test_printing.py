"""Labels: what is printed can be scanned, from the very PDF that is printed."""

import pytest

from retail.common.printing import (
    LABELS_AT_MOST,
    SHEETS,
    Label,
    NothingToPrint,
    TooManyLabels,
    print_labels,
)
from tests.printed import page_count, picture, scanned

EAN = "4006381333931"


def label(code=EAN, **values):
    return Label(code=code, **{"sku": "LAMP-G", "name": "Reading lamp, Green", **values})


def codes(pdf, sheet, slot=0):
    """Return what a scanner reads on one label, told by its number."""
    page, place = divmod(slot, sheet.labels)
    down, across = divmod(place, sheet.columns)
    return scanned(
        picture(
            pdf,
            paper=(sheet.page_width, sheet.page_height),
            page=page + 1,
            left=sheet.left + across * sheet.width,
            top=sheet.top + down * sheet.height,
            width=sheet.width,
            height=sheet.height,
        )
    )


@pytest.mark.parametrize("sheet", SHEETS.values(), ids=SHEETS)
@pytest.mark.parametrize(
    ("code", "kind", "read"),
    [
        (EAN, "EAN-13", EAN),
        ("96385074", "EAN-8", "96385074"),
        ("036000291452", "EAN-13", "0036000291452"),
        ("00036000291452", "EAN-13", "0036000291452"),
        ("LAMP", "Code 128", "LAMP"),
        ("LAMP-GREEN-40-CM-SPECIAL-EDITION", "Data Matrix", "LAMP-GREEN-40-CM-SPECIAL-EDITION"),
        ("L" * 64, "Data Matrix", "L" * 64),
        ("Tee-Röd", "Data Matrix", "Tee-Röd"),
        ('#"\\$x$', "Code 128", '#"\\$x$'),
    ],
)
def test_every_label_can_be_scanned(sheet, code, kind, read):
    pdf = print_labels(labels=[label(code, price="1,212.50 GBP")], sheet=sheet)

    assert codes(pdf, sheet) == [(read, kind)]


@pytest.mark.parametrize("code", ["14006381333938", "4006381333932"])
def test_what_no_till_reads_is_no_ean(code):
    sheet = SHEETS["A4_70X36"]

    pdf = print_labels(labels=[label(code)], sheet=sheet)

    assert codes(pdf, sheet) == [(code, "Code 128")]


def test_labels_follow_each_other_on_as_many_sheets_as_they_need():
    sheet = SHEETS["A4_70X36"]

    pdf = print_labels(labels=[label("FIRST", copies=24), label("NEXT", copies=2)], sheet=sheet)

    assert page_count(pdf) == 2
    assert codes(pdf, sheet, slot=23) == [("FIRST", "Code 128")]
    assert codes(pdf, sheet, slot=24) == [("NEXT", "Code 128")]
    assert codes(pdf, sheet, slot=25) == [("NEXT", "Code 128")]
    assert codes(pdf, sheet, slot=26) == []


def test_labels_that_are_used_up_stay_empty():
    sheet = SHEETS["A4_70X36"]

    pdf = print_labels(labels=[label("NEXT", copies=2)], sheet=sheet, skip=23)

    assert page_count(pdf) == 2
    assert codes(pdf, sheet, slot=22) == []
    assert codes(pdf, sheet, slot=23) == [("NEXT", "Code 128")]
    assert codes(pdf, sheet, slot=24) == [("NEXT", "Code 128")]


def test_a_label_from_a_roll_has_a_page_of_its_own():
    sheet = SHEETS["ROLL_50X30"]

    pdf = print_labels(labels=[label(copies=3), label("LAMP", copies=0)], sheet=sheet)

    assert page_count(pdf) == 3


def test_a_name_is_no_markup():
    name = '#panic("no") *bold* $x$ \\ <label> @ref `raw` // https://example.com "'

    pdf = print_labels(labels=[label(name=name, sku="#[x]")], sheet=SHEETS["ROLL_50X30"])

    assert codes(pdf, SHEETS["ROLL_50X30"]) == [(EAN, "EAN-13")]


def test_no_labels_are_refused():
    with pytest.raises(NothingToPrint, match="one at least"):
        print_labels(labels=[label(copies=0)], sheet=SHEETS["ROLL_50X30"])


def test_too_many_labels_are_refused_by_name():
    half = LABELS_AT_MOST // 2 + 1

    with pytest.raises(TooManyLabels, match="1,002 labels are too many at once: 1,000 at most"):
        print_labels(labels=[label(copies=half)] * 2, sheet=SHEETS["ROLL_50X30"])


def test_as_many_labels_as_allowed_are_printed():
    sheet = SHEETS["A4_38X21"]

    pdf = print_labels(labels=[label(copies=LABELS_AT_MOST)], sheet=sheet)

    assert page_count(pdf) == 16
    assert codes(pdf, sheet, slot=LABELS_AT_MOST - 1) == [(EAN, "EAN-13")]
