"""How an unknown file is probably read: never guessed without saying so."""

import pytest

from purchasing.models import SupplierFileProfile
from purchasing.proposing import propose_reading
from purchasing.staging import Article, read_supplier_file
from retail.common.tabular import BrokenFile
from tests.xls import xls

GTINS = ("4006381333931", "4012345678901", "5901234123457")


@pytest.fixture
def propose(tmp_path):
    def write_and_propose(content, name="prices.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return propose_reading(path)

    return write_and_propose


@pytest.mark.parametrize(
    "titles",
    [
        pytest.param("Item No.;EAN;Description;Net price;Stock;Pack size;MOQ", id="english"),
        pytest.param("SupplierPartNo;Barcode;Model;Cost;StockLevel;PackSize;MinQty", id="camel"),
        pytest.param("Artikel-Nr.;EAN;Bezeichnung;EK netto;Bestand;VPE;Mindestmenge", id="german"),
        pytest.param(
            "Kod produktu;Kod kreskowy;Nazwa;Cena zakupu;Stan;Szt. w opak.;Min. zam.", id="polish"
        ),
        pytest.param(
            "Preces kods;Svītrkods;Nosaukums;Cena bez PVN;Atlikums;Iepakojums;Minimālais daudzums",
            id="latvian",
        ),
        pytest.param(
            "Prekės kodas;Barkodas;Pavadinimas;Kaina be PVM;Likutis;Pakuotė;Minimalus kiekis",
            id="lithuanian",
        ),
        pytest.param(
            "Cod. Art.;Codice EAN;Descrizione;Prezzo netto;Giacenza;Confezione;Quantità minima",
            id="italian",
        ),
        pytest.param(
            "Referencia;Código de barras;Descripción;Precio neto;Existencias;Envase;Pedido mínimo",
            id="spanish",
        ),
        pytest.param(
            "Référence;Code barres;Désignation;Prix d'achat;Stock dispo;Colisage;Qté min",
            id="french",
        ),
        pytest.param(
            "Артикул;Штрих-код;Назва;Ціна закупки;Залишок;Упаковка;Мінімальне замовлення",
            id="ukrainian",
        ),
        pytest.param(
            "Код товара;Штрихкод;Наименование;Цена закупки;Остаток;Упаковка;Мин. заказ",
            id="russian",
        ),
    ],
)
def test_columns_are_known_by_their_titles(propose, titles):
    rows = [f"A-{n};{gtin};Mug blue;{n}2,50;{n * 7};6;12" for n, gtin in enumerate(GTINS, 1)]

    proposed = propose("\n".join([titles, *rows]))

    names = ("supplier_sku", "gtin", "name", "unit_cost", "available_units")
    names += ("pack_size", "minimum_quantity")
    assert proposed.columns == dict(zip(names, titles.split(";"), strict=True))
    assert (proposed.decimal_separator, proposed.has_titles) == (",", True)


def test_rarer_columns_are_known_too(propose):
    proposed = propose(
        "SKU,Pack price,Pack qty,Your SKU,Multiple,Lead time,ETA,Valid from,Currency\n"
        "A-1,25.00,6,MUG-1,6,14,24/12/2026,01/01/2027,EUR\n"
        "A-2,26.00,6,MUG-2,6,14,13/12/2026,01/01/2027,EUR\n"
    )

    assert proposed.columns == {
        "supplier_sku": "SKU",
        "pack_cost": "Pack price",
        "pack_size": "Pack qty",
        "our_sku": "Your SKU",
        "order_multiple": "Multiple",
        "lead_time_days": "Lead time",
        "back_in_stock_on": "ETA",
        "valid_from": "Valid from",
        "currency": "Currency",
    }
    assert proposed.day_format == "%d/%m/%Y"


def test_cost_is_preferred_to_what_customers_pay(propose):
    proposed = propose("SKU;RRP;Price;Cost\nA;9.90;8.90;5.00\nB;19.90;18.90;15.00\n")

    assert proposed.columns == {"supplier_sku": "SKU", "unit_cost": "Cost"}


def test_price_of_customers_is_proposed_with_a_doubt_when_there_is_no_other(propose):
    proposed = propose("Cod Art;Desc;PVP\nA-1;Rollo;167,00 €\nA-2;Caja;183,00 €\n")

    assert proposed.columns["unit_cost"] == "PVP"
    assert any("is it what you pay?" in note for note in proposed.notes)


def test_title_whose_cells_speak_against_it_is_not_believed(propose):
    proposed = propose("SKU;Price;EAN\nA-1;on request;123\nA-2;ask us;456\n")

    assert proposed.columns == {"supplier_sku": "SKU"}
    assert "Price sounds like the price, but does not hold numbers." in proposed.notes
    assert "No column was found for the price." in proposed.notes


def test_columns_without_titles_are_known_by_their_cells(propose):
    proposed = propose(
        "A-1;4006381333931;Mug, blue and white;1.111,34 €;1.500,00 €;3\n"
        "A-2;4012345678901;Mug, red and white;12,00 €;19,00 €;3\n"
    )

    assert not proposed.has_titles
    assert proposed.columns == {
        "gtin": "column 2",
        "unit_cost": "column 4",
        "supplier_sku": "column 1",
        "name": "column 3",
    }
    assert proposed.titles == [f"column {n}" for n in range(1, 7)]
    assert any("the lowest of 2 columns of amounts" in note for note in proposed.notes)


def test_lines_above_the_titles_and_totals_below_are_found(propose):
    rows = "\n".join(f"A-{n};Mug;{n},50" for n in range(1, 9))
    proposed = propose(
        f"Preisliste März\nalle Preise netto\n\nArtikelnummer;Name;EK\n{rows}\nSumme;;31,00\n"
    )

    assert (proposed.dialect.skipped_lines, proposed.footer_words) == (3, "Summe")
    assert proposed.sample[0] == {"Artikelnummer": "A-1", "Name": "Mug", "EK": "1,50"}


@pytest.mark.parametrize(
    ("days", "form", "doubt"),
    [
        (("2026-12-31", "2027-01-01"), "%Y-%m-%d", False),
        (("31.12.2026", "01.01.2027"), "%d.%m.%Y", False),
        (("12/31/2026", "01/01/2027"), "%m/%d/%Y", False),
        (("31/12/2026", "01/01/2027"), "%d/%m/%Y", False),
        (("01/02/2026", "03/04/2027"), "%d/%m/%Y", True),
    ],
)
def test_form_of_days_is_read_from_the_days(propose, days, form, doubt):
    proposed = propose(f"SKU;Cost;Valid from\nA-1;1;{days[0]}\nA-2;2;{days[1]}\n")

    assert proposed.day_format == form
    assert any("No day shows" in note for note in proposed.notes) == doubt


def test_number_that_may_be_read_both_ways_is_pointed_out(propose):
    proposed = propose("SKU;Cost\nA-1;1.250\nA-2;3.400\n")

    assert proposed.decimal_separator == "."
    assert any("No number shows whether 1.250" in note for note in proposed.notes)


def test_unknown_columns_are_not_guessed(propose):
    proposed = propose("foo,bar,baz\n1,2,3\n")

    assert proposed.columns == {}
    assert proposed.notes[-2:] == [
        "No column was found for the supplier's SKU.",
        "No column was found for the price.",
    ]


def test_encoding_that_is_only_likely_is_said_to_be(propose):
    proposed = propose("kod;nazwa;cena\nA-1;Łyżka żółta;5,90\nA-2;Śruba;3,20\n".encode("cp1250"))

    assert proposed.dialect.encoding == "cp1250"
    assert proposed.sample[0]["nazwa"] == "Łyżka żółta"
    assert proposed.notes[0].startswith("Not UTF-8; of the other encodings cp1250 fits well")


def test_title_that_stands_twice_is_used_for_nothing(propose):
    proposed = propose("SKU;Price;Price\nA-1;1;2\nA-2;3;4\n")

    assert proposed.columns == {"supplier_sku": "SKU"}
    assert "These titles stand there more than once: Price." in proposed.notes


def test_workbook_is_proposed_with_its_sheet(propose):
    cells = [(0, 0, "SKU"), (0, 1, "Cost"), (1, 0, "A-1"), (1, 1, 5.25), (2, 0, "B-1"), (2, 1, 6)]

    proposed = propose(xls({"Prices": cells, "Terms": [(0, 0, "net")]}), "prices.xls")

    assert (proposed.sheet, proposed.columns["unit_cost"]) == ("Prices", "Cost")
    assert proposed.notes[0] == "Sheet Prices, the first of Prices, Terms."


def test_file_that_breaks_off_is_refused(propose):
    with pytest.raises(BrokenFile):
        propose('SKU;Cost\nA-1;"5\n')


def test_proposal_reads_the_file_as_a_profile(propose, tmp_path):
    proposed = propose("List\nArtNr;EK\nA-1;1.234,50\nA-2;5,-\nGesamt;1.239,50\n")
    profile = SupplierFileProfile(code="new", **proposed.fields())

    lines = list(read_supplier_file(tmp_path / "prices.csv", profile))

    assert [str(line.unit_cost) for line in lines if isinstance(line, Article)] == [
        "1234.5000",
        "5.0000",
    ]
    assert len(lines) == 3
