"""Proposing encoding and delimiter, and the many ways to write a number."""

import time
from decimal import Decimal

import pytest

from retail.common.tabular import (
    NotANumber,
    currency_mark,
    parse_decimal,
    propose_dialect,
    read_table,
)

GERMAN = "Nr;Bezeichnung;Preis\n1;Käse groß;5,90\n2;Größe über 5 m;12,00\n"
FRENCH = "réf;désignation\n1;Crème brûlée\n2;Pâté à l’ancienne\n"  # noqa: RUF001 - as typeset
POLISH = "kod;nazwa;cena\n1;Łyżka żółta;5,90 zł\n2;Śruba źródło ąę;3,20 zł\n"
LATVIAN = "kods;nosaukums;cena\n1;Krāsa zaļa šķīdums;5,90\n2;Ūdens ģenerators čiekurs;3\n"
LITHUANIAN = "kodas;pavadinimas\n1;Žalias dažas įrankis\n2;Ąžuolas šviesus ėdalas\n"
UKRAINIAN = "код;назва;ціна\n1;Радіатор кондиціонера;5\n2;Свіча запалювання;7\n"
POUNDS = "sku,price\nA,£5.00\nB,£7.50\n"


@pytest.fixture
def file(tmp_path):
    def make(content):
        path = tmp_path / "table.csv"
        path.write_bytes(content)
        return path

    return make


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        pytest.param(GERMAN, "cp1252", id="german"),
        pytest.param(FRENCH, "cp1252", id="french"),
        pytest.param(POUNDS, "cp1252", id="pounds"),
        pytest.param(POLISH, "cp1250", id="polish"),
        pytest.param(POLISH, "iso-8859-2", id="polish_latin_2"),
        pytest.param(LATVIAN, "cp1257", id="latvian"),
        pytest.param(LITHUANIAN, "cp1257", id="lithuanian"),
        pytest.param(UKRAINIAN, "cp1251", id="ukrainian"),
        pytest.param(UKRAINIAN, "koi8-u", id="ukrainian_koi8"),
        pytest.param(UKRAINIAN, "utf-16-le", id="utf_16_without_mark"),
        pytest.param(GERMAN + "3;5 €;1\n", "utf-16-be", id="utf_16_big_end_without_mark"),
    ],
)
def test_encoding_is_the_one_whose_letters_make_sense(file, text, encoding):
    path = file(text.encode(encoding))

    dialect = propose_dialect(path)

    assert dialect.encoding == encoding
    assert list(read_table(path, dialect))[-1].columns == dict(
        zip(
            text.splitlines()[0].split(dialect.delimiter),
            text.splitlines()[-1].split(dialect.delimiter),
            strict=True,
        )
    )


def test_latin_1_reads_the_same_as_its_successor(file):
    path = file(GERMAN.encode("latin-1"))

    assert path.read_bytes().decode(propose_dialect(path).encoding) == GERMAN


def test_letters_far_down_in_the_file_count_too(file):
    plain = "sku;name\n" + "A-1;cheese\n" * 40_000
    path = file((plain + "B-2;Käse\n").encode("cp1252"))

    dialect = propose_dialect(path)

    assert dialect.encoding == "cp1252"
    assert list(read_table(path, dialect))[-1].columns == {"sku": "B-2", "name": "Käse"}


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("Price list, March\nAll prices net\n\nsku;name;price\nA;b;5,90\nC;d;6,10\n", ";"),
        ("sku\tname\nA-1\tbrie, ripe; fine\n", "\t"),
        ("sku,name\nA-1,brie\nTotal\n", ","),
        ("name\nbrie, ripe\ngouda\nedam, red, round\n", ";"),
    ],
)
def test_delimiter_is_the_one_most_lines_agree_on(file, text, delimiter):
    assert propose_dialect(file(text.encode())).delimiter == delimiter


@pytest.mark.parametrize(
    ("text", "separator", "number"),
    [
        ("12.50-", ".", "-12.50"),
        ("12,50 -", ",", "-12.50"),
        ("(1,234.50)", ".", "-1234.50"),
        ("-€5.00", ".", "-5.00"),
        ("€ -5.00", ".", "-5.00"),
        ("\u22125.00", ".", "-5.00"),
        ("12,-", ",", "12"),
        ("12.--", ".", "12"),
        ("1'234.50", ".", "1234.50"),
        ("1’234.50 Fr.", ".", "1234.50"),  # noqa: RUF001 - the apostrophe of Swiss lists
        ("1\u2009234,5", ",", "1234.5"),
        ("1\u00a0234,50\u00a0zł", ",", "1234.50"),
        (".5", ".", "0.5"),
        ("0.333333333333333", ".", "0.333333333333333"),
    ],
)
def test_number_is_read_however_it_is_written(text, separator, number):
    assert parse_decimal(text, separator) == Decimal(number)


@pytest.mark.parametrize(
    "text", ["-5-", "(-5)", "(5", "5)", "-", "€", "()", "1-2", "12-5", "1 2", "5%", "1,2,3"]
)
def test_number_that_is_none_is_refused(text):
    with pytest.raises(NotANumber):
        parse_decimal(text, ".")


@pytest.mark.parametrize(
    ("text", "mark"), [("5 €", "€"), ("USD 5", "USD"), ("5", ""), ("zł 5,20", "zł"), ("five", "")]
)
def test_currency_of_an_amount_is_told(text, mark):
    assert currency_mark(text) == mark


def test_text_on_which_a_pattern_could_think_for_minutes_is_told_at_once(file):
    path = file(b"a,b;" + b"1.1.1.1." * 2400)

    started = time.process_time()
    propose_dialect(path)

    assert time.process_time() - started < 5
