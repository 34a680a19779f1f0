import pytest

from retail.common.exports import csv_lines, harmless


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
