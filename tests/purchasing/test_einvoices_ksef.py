"""KSeF: what Polish invoices say becomes what every invoice says."""

from datetime import date
from decimal import Decimal

import pytest

from purchasing.einvoices import Kind, ReadTax, UnreadableDocument, read_document
from tests.purchasing.national_invoices import FA_RR, fa, faktura, read_one, wiersz

SUMS = "<P_13_1>20.00</P_13_1><P_14_1>4.60</P_14_1><P_15>24.60</P_15>"
PLAIN = fa(SUMS, wiersz(1, "10", "2.00", "20.00"))


def code_of(content):
    with pytest.raises(UnreadableDocument) as refusal:
        read_document(content, filename="faktura.xml")
    return refusal.value.code


@pytest.mark.parametrize("form", ["FA (2)", "FA (3)"])
def test_faktura_gives_its_parties_totals_and_taxes(form):
    invoice, broken = read_one(faktura(PLAIN, form=form))

    assert (invoice.kind, invoice.type_code, invoice.number) == (Kind.INVOICE, "VAT", "FV/7/2026")
    assert invoice.issued_on == date(2026, 10, 1)
    assert invoice.seller.name == "Świece Kowal Sp. z o.o."
    assert invoice.seller.tax_numbers == ("PL5265877635", "5265877635")
    assert invoice.seller.electronic_address == "0088:5901234123457"
    assert (invoice.seller.postcode, invoice.seller.city) == ("00-001", "Warszawa")
    assert invoice.buyer.tax_numbers == ("DE136695976",)
    assert (invoice.net_total, invoice.tax_total, invoice.total, invoice.payable) == (
        Decimal("20.00"),
        Decimal("4.60"),
        Decimal("24.60"),
        Decimal("24.60"),
    )
    assert broken == {"BR-CO-25": False}


def test_each_rate_has_its_category():
    sums = """<P_13_1>100.00</P_13_1><P_14_1>23.00</P_14_1><P_13_2>100.00</P_13_2>
        <P_14_2>8.00</P_14_2><P_13_3>100.00</P_13_3><P_14_3>5.00</P_14_3>
        <P_13_6_1>10.00</P_13_6_1><P_13_6_2>20.00</P_13_6_2><P_13_6_3>30.00</P_13_6_3>
        <P_13_7>40.00</P_13_7><P_13_8>50.00</P_13_8><P_13_9>60.00</P_13_9>
        <P_13_10>70.00</P_13_10><P_15>616.00</P_15>"""
    rates = {
        "23": "100.00",
        "8": "100.00",
        "5": "100.00",
        "0 KR": "10.00",
        "0 WDT": "20.00",
        "0 EX": "30.00",
        "zw": "40.00",
        "np I": "50.00",
        "np II": "60.00",
        "oo": "70.00",
    }
    lines = "".join(
        wiersz(place, "1", net, net, rate=rate)
        for place, (rate, net) in enumerate(rates.items(), start=1)
    )

    invoice, broken = read_one(faktura(fa(sums, lines)))

    assert [(line.tax_category, line.tax_rate) for line in invoice.lines] == [
        ("S", 23),
        ("S", 8),
        ("S", 5),
        ("Z", 0),
        ("K", 0),
        ("G", 0),
        ("E", 0),
        ("O", 0),
        ("AE", 0),
        ("AE", 0),
    ]
    assert (
        ReadTax(category="AE", rate=Decimal(0), taxable=Decimal("130.00"), tax=Decimal(0))
        in invoice.taxes
    )
    assert (invoice.tax_total, invoice.total) == (Decimal("36.00"), Decimal("616.00"))
    assert not any(broken.values())


def test_order_delivery_note_and_codes_are_taken():
    more = """<WZ>WZ/12</WZ><DodatkowyOpis><NrWiersza>2</NrWiersza><Klucz>Nr zamówienia</Klucz>
        <Wartosc>PO-9</Wartosc></DodatkowyOpis>"""
    terms = """<WarunkiTransakcji><Zamowienia><DataZamowienia>2026-09-01</DataZamowienia>
        <NrZamowienia>PO-1</NrZamowienia></Zamowienia></WarunkiTransakcji>"""
    codes = "<Indeks>SW-1</Indeks><GTIN>5901234123457</GTIN>"
    lines = wiersz(1, "5", "2.00", "10.00", more=codes) + wiersz(2, "5", "2.00", "10.00")

    invoice, _ = read_one(faktura(fa(SUMS, lines + terms, more=more)))

    assert (invoice.order_number, invoice.delivery_note) == ("PO-1", "WZ/12")
    [first, second] = invoice.lines
    assert (first.supplier_sku, first.gtin, first.unit_code) == ("SW-1", "5901234123457", "szt.")
    assert (first.order_number, second.order_number) == ("", "PO-9")


def test_correction_that_lowers_the_price_is_a_credit_note():
    sums = "<P_13_1>-10.00</P_13_1><P_14_1>-2.30</P_14_1><P_15>-12.30</P_15>"
    corrected = """<PrzyczynaKorekty>Rabat</PrzyczynaKorekty><DaneFaKorygowanej>
        <NrFaKorygowanej>FV/1/2026</NrFaKorygowanej></DaneFaKorygowanej>"""
    lines = wiersz(1, "10", "5.00", "50.00", more="<StanPrzed>1</StanPrzed>") + wiersz(
        1, "10", "4.00", "40.00"
    )

    invoice, broken = read_one(faktura(fa(sums, lines, kind="KOR", more=corrected)))

    assert (invoice.kind, invoice.type_code) == (Kind.CREDIT_NOTE, "KOR")
    assert (invoice.net_total, invoice.tax_total, invoice.total) == (
        Decimal("10.00"),
        Decimal("2.30"),
        Decimal("12.30"),
    )
    assert [(line.quantity, line.unit_price, line.net_amount) for line in invoice.lines] == [
        (10, 5, 50),
        (-10, 4, -40),
    ]
    assert invoice.preceding == ("FV/1/2026",)
    assert invoice.note == "Rabat"
    assert broken == {}


def test_correction_that_raises_the_price_is_an_invoice():
    sums = "<P_13_1>10.00</P_13_1><P_14_1>2.30</P_14_1><P_15>12.30</P_15>"
    corrected = """<PrzyczynaKorekty>Błąd w cenie</PrzyczynaKorekty><DaneFaKorygowanej>
        <NrFaKorygowanej>FV/1/2026</NrFaKorygowanej></DaneFaKorygowanej>"""
    lines = wiersz(1, "10", "4.00", "40.00", more="<StanPrzed>1</StanPrzed>") + wiersz(
        1, "10", "5.00", "50.00"
    )

    invoice, broken = read_one(faktura(fa(sums, lines, kind="KOR", more=corrected)))

    assert (invoice.kind, invoice.total) == (Kind.INVOICE, Decimal("12.30"))
    assert [line.net_amount for line in invoice.lines] == [-40, 50]
    assert not any(broken.values())


def test_correction_for_a_discount_that_asks_for_money_is_flagged():
    more = """<PrzyczynaKorekty>Rabat posprzedażowy</PrzyczynaKorekty><DaneFaKorygowanej>
        <NrFaKorygowanej>FV/1/2026</NrFaKorygowanej></DaneFaKorygowanej>"""

    invoice, broken = read_one(
        faktura(fa(SUMS, wiersz(1, "10", "2.00", "20.00"), kind="KOR", more=more))
    )

    assert (invoice.kind, invoice.total) == (Kind.CREDIT_NOTE, Decimal("24.60"))
    assert broken["KSEF-KOR"] is True


def test_correction_without_lines_gets_one_for_its_rate():
    sums = "<P_13_2>-100.00</P_13_2><P_14_2>-8.00</P_14_2><P_15>-108.00</P_15>"

    invoice, _ = read_one(faktura(fa(sums, kind="KOR")))

    [line] = invoice.lines
    assert (line.description, line.tax_rate, line.net_amount) == ("Whole document", 8, 100)


@pytest.mark.parametrize(
    ("payment", "prepaid"),
    [
        ("<Platnosc><Zaplacono>1</Zaplacono></Platnosc>", "24.60"),
        (
            """<Platnosc><ZnacznikZaplatyCzesciowej>1</ZnacznikZaplatyCzesciowej>
            <ZaplataCzesciowa><KwotaZaplatyCzesciowej>4.60</KwotaZaplatyCzesciowej>
            </ZaplataCzesciowa></Platnosc>""",
            "4.60",
        ),
        (
            """<Rozliczenie><Odliczenia><Kwota>5.00</Kwota><Powod>Nadpłata</Powod></Odliczenia>
            <SumaOdliczen>5.00</SumaOdliczen><DoZaplaty>19.60</DoZaplaty></Rozliczenie>""",
            "5.00",
        ),
    ],
)
def test_what_was_paid_or_is_set_off_is_not_asked_for(payment, prepaid):
    invoice, broken = read_one(faktura(fa(SUMS, wiersz(1, "10", "2.00", "20.00") + payment)))

    assert invoice.prepaid == Decimal(prepaid)
    assert invoice.payable == invoice.total - invoice.prepaid
    assert not any(broken.values())


def test_what_is_asked_for_beside_the_invoice_blocks():
    beside = """<Rozliczenie><Obciazenia><Kwota>7.00</Kwota><Powod>Odsetki</Powod></Obciazenia>
        <SumaObciazen>7.00</SumaObciazen><DoZaplaty>31.60</DoZaplaty></Rozliczenie>"""

    invoice, broken = read_one(faktura(fa(SUMS, wiersz(1, "10", "2.00", "20.00") + beside)))

    assert invoice.payable == Decimal("24.60")
    assert broken["KSEF-OBCIAZENIA"] is True
    assert "KSEF-DOZAPLATY" not in broken


def test_payment_gives_account_and_first_due_day():
    payment = """<Platnosc><TerminPlatnosci><Termin>2026-11-30</Termin></TerminPlatnosci>
        <TerminPlatnosci><Termin>2026-10-31</Termin></TerminPlatnosci><RachunekBankowy>
        <NrRB>61109010140000071219812874</NrRB><SWIFT>WBKPPLPP</SWIFT></RachunekBankowy>
        </Platnosc>"""
    factor = payment.replace(
        "</Platnosc>",
        "<RachunekBankowyFaktora><NrRB>PL27114020040000300201355387</NrRB>"
        "</RachunekBankowyFaktora></Platnosc>",
    )

    plain, broken = read_one(faktura(fa(SUMS, wiersz(1, "10", "2.00", "20.00") + payment)))
    sold, _ = read_one(faktura(fa(SUMS, wiersz(1, "10", "2.00", "20.00") + factor)))

    assert (plain.iban, plain.bic) == ("PL61109010140000071219812874", "WBKPPLPP")
    assert plain.due_on == date(2026, 10, 31)
    assert plain.note == "Due: 2026-10-31, 2026-11-30."
    assert broken == {}
    assert sold.iban == "PL27114020040000300201355387"
    assert "that of the factor" in sold.note


def test_foreign_currency_keeps_its_own_tax_and_tells_that_in_zloty():
    sums = """<P_13_1>20.00</P_13_1><P_14_1>4.60</P_14_1><P_14_1W>19.55</P_14_1W>
        <P_15>24.60</P_15>"""

    invoice, _ = read_one(faktura(fa(sums, wiersz(1, "10", "2.00", "20.00"), currency="EUR")))

    assert (invoice.currency, invoice.tax_total) == ("EUR", Decimal("4.60"))
    assert invoice.note == "Tax in PLN: 19.55."


def test_line_with_tax_within_its_price_is_made_net():
    line = """<FaWiersz><NrWierszaFa>1</NrWierszaFa><P_7>Świeca</P_7><P_8B>2</P_8B>
        <P_9B>12.30</P_9B><P_11A>24.60</P_11A><P_12>23</P_12></FaWiersz>"""

    invoice, broken = read_one(faktura(fa(SUMS, line)))

    [read] = invoice.lines
    assert (read.unit_price, read.net_amount) == (Decimal(10), Decimal("20.00"))
    assert not any(broken.values())


@pytest.mark.parametrize(
    ("discount", "net", "price", "adjustment"),
    [("5.00", "15.00", "2.00", "-5.00"), ("0.50", "15.00", "1.50", "0")],
)
def test_discount_is_for_the_line_or_for_each_unit(discount, net, price, adjustment):
    line = wiersz(1, "10", "2.00", net, more=f"<P_10>{discount}</P_10>")
    sums = "<P_13_1>15.00</P_13_1><P_14_1>3.45</P_14_1><P_15>18.45</P_15>"

    invoice, broken = read_one(faktura(fa(sums, line)))

    [read] = invoice.lines
    assert (read.unit_price, read.adjustment) == (Decimal(price), Decimal(adjustment))
    assert not any(broken.values())


@pytest.mark.parametrize(
    ("rule", "sums", "line"),
    [
        ("KSEF-P_11", SUMS, wiersz(1, "10", "3.00", "20.00")),
        ("KSEF-P_13_1", SUMS, wiersz(1, "10", "1.90", "19.00")),
        ("KSEF-P_14_1", SUMS.replace("4.60", "5.60"), wiersz(1, "10", "2.00", "20.00")),
        ("KSEF-P_15", SUMS.replace("24.60", "25.60"), wiersz(1, "10", "2.00", "20.00")),
    ],
)
def test_amount_that_does_not_fit_names_its_field_and_blocks(rule, sums, line):
    _, broken = read_one(faktura(fa(sums, line)))

    assert broken[rule] is True


def test_wrong_nip_and_unknown_rate_are_named_and_pass():
    _, broken = read_one(
        faktura(fa(SUMS, wiersz(1, "10", "2.00", "20.00", rate="19")), nip="5265877636")
    )

    assert broken["KSEF-NIP"] is False
    assert broken["KSEF-P_12"] is False


def test_invoice_of_a_flat_rate_farmer_is_read_with_the_farmer_as_seller():
    content = """<FakturaRR><KodWaluty>PLN</KodWaluty><P_4A>2026-09-30</P_4A>
        <P_4B>2026-10-01</P_4B><P_4C>RR/1</P_4C><P_11_1>750.00</P_11_1><P_11_2>52.50</P_11_2>
        <P_12_1>802.50</P_12_1><RodzajFaktury>VAT_RR</RodzajFaktury><FakturaRRWiersz>
        <NrWierszaFa>1</NrWierszaFa><P_5>ziemniaki</P_5><P_6A>kg</P_6A><P_6B>300.000</P_6B>
        <P_6C>klasa I</P_6C><P_7>2.50</P_7><P_8>750.00</P_8><P_9>7.0</P_9><P_10>52.50</P_10>
        <P_11>802.50</P_11></FakturaRRWiersz><Platnosc><RachunekBankowy1>
        <NrRB>61109010140000071219812874</NrRB></RachunekBankowy1><RachunekBankowy2>
        <NrRB>27114020040000300201355387</NrRB></RachunekBankowy2></Platnosc></FakturaRR>"""

    invoice, broken = read_one(faktura(content, form="FA_RR (1)", namespace=FA_RR))

    assert (invoice.number, invoice.issued_on) == ("RR/1", date(2026, 10, 1))
    assert invoice.seller.name == "Świece Kowal Sp. z o.o."
    assert invoice.iban == "PL61109010140000071219812874"
    assert (invoice.net_total, invoice.tax_total, invoice.total) == (
        Decimal("750.00"),
        Decimal("52.50"),
        Decimal("802.50"),
    )
    assert [line.description for line in invoice.lines] == ["ziemniaki klasa I"]
    assert not any(broken.values())


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("TEMPLATE", faktura(PLAIN, nip="#nip#")),
        ("TEMPLATE", faktura(PLAIN.replace("FV/7", "#invoice_number#"))),
        ("INCOMPLETE", faktura(fa(SUMS.replace("<P_15>24.60</P_15>", "")))),
        ("INCOMPLETE", faktura(PLAIN.replace("<P_2>FV/7/2026</P_2>", ""))),
        ("BAD_VALUE", faktura(PLAIN.replace("2026-10-01", "1 października"))),
        ("UNKNOWN_SYNTAX", faktura(PLAIN, form="FA (1)")),
        ("UNKNOWN_SYNTAX", faktura(PLAIN, namespace="urn:other")),
        (
            "NOT_AN_INVOICE",
            b'<Potwierdzenie xmlns="http://upo.schematy.mf.gov.pl/KSeF/v4-3"></Potwierdzenie>',
        ),
    ],
)
def test_file_that_is_no_invoice_yet_is_refused(code, content):
    assert code_of(content) == code
