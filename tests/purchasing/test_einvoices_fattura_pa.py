"""FatturaPA: what Italian invoices say becomes what every invoice says."""

import base64
from datetime import date
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.serialization import pkcs7

from purchasing.einvoices import Charge, Kind, ReadTax, UnreadableDocument, read_document
from tests.purchasing.national_invoices import (
    FATTURE,
    ITALIAN_SELLER,
    body,
    detail,
    fattura,
    read_one,
    signed_file,
    summary,
)

PLAIN = body([detail(1, "10", "2.00", "20.00")], [summary("20.00", "4.40")])


def code_of(content):
    with pytest.raises(UnreadableDocument) as refusal:
        read_document(content, filename="fattura.xml")
    return refusal.value.code


def test_fattura_gives_its_parties_totals_and_taxes():
    invoice, broken = read_one(fattura(PLAIN))

    assert (invoice.kind, invoice.type_code, invoice.number) == (Kind.INVOICE, "TD01", "7/2026")
    assert invoice.issued_on == date(2026, 10, 1)
    assert invoice.seller.name == "Ceramiche Rossi SRL"
    assert invoice.seller.tax_numbers == ("IT02182030391",)
    assert (invoice.seller.street, invoice.seller.city) == ("Via Roma 5", "Ravenna")
    assert invoice.buyer.name == "Maria Bianchi"
    assert (invoice.net_total, invoice.tax_total, invoice.total) == (
        Decimal("20.00"),
        Decimal("4.40"),
        Decimal("24.40"),
    )
    assert invoice.taxes == (
        ReadTax(
            category="S",
            rate=Decimal("22.00"),
            taxable=Decimal("20.00"),
            tax=Decimal("4.40"),
        ),
    )
    assert broken == {"BR-CO-25": False}


def test_fattura_with_several_bodies_is_several_documents():
    second = body(
        [detail(1, "1", "5.00", "5.00")], [summary("5.00", "1.10")], number="8/2026", kind="TD04"
    )

    document = read_document(fattura(PLAIN, second), filename="two.xml")

    assert [(one.position, one.kind, one.number) for one in document.invoices] == [
        (1, Kind.INVOICE, "7/2026"),
        (2, Kind.CREDIT_NOTE, "8/2026"),
    ]


def test_lines_take_the_order_and_delivery_note_that_name_them():
    references = """
        <DatiOrdineAcquisto><RiferimentoNumeroLinea>1</RiferimentoNumeroLinea>
          <IdDocumento>PO-1</IdDocumento><NumItem>3</NumItem></DatiOrdineAcquisto>
        <DatiOrdineAcquisto><IdDocumento>PO-2</IdDocumento></DatiOrdineAcquisto>
        <DatiFattureCollegate><IdDocumento>5/2026</IdDocumento></DatiFattureCollegate>
        <DatiDDT><NumeroDDT>DDT-9</NumeroDDT><DataDDT>2026-09-20</DataDDT>
          <RiferimentoNumeroLinea>2</RiferimentoNumeroLinea></DatiDDT>
    """
    lines = [detail(1, "1", "5.00", "5.00"), detail(2, "1", "5.00", "5.00")]

    invoice, _ = read_one(fattura(body(lines, [summary("10.00", "2.20")], references=references)))

    assert invoice.order_number == "PO-2"
    assert invoice.preceding == ("5/2026",)
    assert [(row.order_number, row.order_position, row.delivery_note) for row in invoice.lines] == [
        ("PO-1", "3", ""),
        ("", "", "DDT-9"),
    ]


def test_several_orders_for_all_lines_are_named_and_none_is_taken():
    references = "".join(
        f"<DatiOrdineAcquisto><IdDocumento>{number}</IdDocumento></DatiOrdineAcquisto>"
        for number in ("PO-1", "PO-2")
    )

    invoice, _ = read_one(
        fattura(
            body(
                [detail(1, "10", "2.00", "20.00")],
                [summary("20.00", "4.40")],
                references=references,
            )
        )
    )

    assert invoice.order_number == ""
    assert invoice.note == "Orders: PO-1, PO-2."


def test_codes_of_a_line_are_told_apart_by_their_kind():
    codes = "".join(
        f"<CodiceArticolo><CodiceTipo>{kind}</CodiceTipo><CodiceValore>{value}</CodiceValore>"
        "</CodiceArticolo>"
        for kind, value in (
            ("CPV", "39221000"),
            ("EAN", "8001090302007"),
            ("Codice cliente", "OUR-1"),
            ("INT", "THEIRS-1"),
            ("EAN", "no-ean"),
        )
    )

    invoice, _ = read_one(
        fattura(body([detail(1, "10", "2.00", "20.00", before=codes)], [summary("20.00", "4.40")]))
    )

    [line] = invoice.lines
    assert (line.gtin, line.buyer_sku, line.supplier_sku) == (
        "8001090302007",
        "OUR-1",
        "THEIRS-1",
    )


@pytest.mark.parametrize(
    ("discounts", "total", "price", "adjustment"),
    [
        ("<Tipo>SC</Tipo><Percentuale>10.00</Percentuale>", "18.00", "1.80", "0"),
        ("<Tipo>SC</Tipo><Importo>0.50</Importo>", "15.00", "1.50", "0"),
        ("<Tipo>MG</Tipo><Percentuale>5.00</Percentuale>", "21.00", "2.10", "0"),
        ("<Tipo>SC</Tipo><Importo>3.00</Importo>", "17.00", "2.00", "-3.00"),
    ],
)
def test_discount_of_a_line_makes_its_net_price(discounts, total, price, adjustment):
    more = f"<ScontoMaggiorazione>{discounts}</ScontoMaggiorazione>"
    tax = (Decimal(total) * Decimal("0.22")).quantize(Decimal("0.01"))

    invoice, broken = read_one(
        fattura(body([detail(1, "10", "2.00", total, more=more)], [summary(total, str(tax))]))
    )

    [line] = invoice.lines
    assert (line.unit_price, line.adjustment) == (Decimal(price), Decimal(adjustment))
    assert "00423" not in broken


def test_discount_on_the_document_below_the_tax_is_an_allowance():
    head = """<ScontoMaggiorazione><Tipo>SC</Tipo><Percentuale>10.00</Percentuale>
        </ScontoMaggiorazione><ImportoTotaleDocumento>22.40</ImportoTotaleDocumento>"""

    invoice, broken = read_one(
        fattura(body([detail(1, "10", "2.00", "20.00")], [summary("20.00", "4.40")], head=head))
    )

    [charge] = invoice.charges
    assert (charge.is_allowance, charge.amount, charge.charge) == (
        True,
        Decimal("2.00"),
        Charge.DISCOUNT,
    )
    assert (invoice.net_total, invoice.total) == (Decimal("18.00"), Decimal("22.40"))
    assert not any(broken.values())


def test_discount_on_the_document_within_the_taxable_amount_is_counted_once():
    head = """<ScontoMaggiorazione><Tipo>SC</Tipo><Importo>2.00</Importo></ScontoMaggiorazione>
        <ImportoTotaleDocumento>21.96</ImportoTotaleDocumento>"""

    invoice, _ = read_one(
        fattura(body([detail(1, "10", "2.00", "20.00")], [summary("18.00", "3.96")], head=head))
    )

    assert [charge.amount for charge in invoice.charges] == [Decimal("2.00")]
    assert (invoice.net_total, invoice.total) == (Decimal("18.00"), Decimal("21.96"))


def test_rounding_counts_where_the_total_holds_it_and_beside_it_where_not():
    lines, sums = [detail(1, "10", "2.00", "20.00")], [summary("20.00", "4.40")]
    within = body(
        lines,
        sums,
        head="<ImportoTotaleDocumento>24.00</ImportoTotaleDocumento>"
        "<Arrotondamento>-0.40</Arrotondamento>",
    )
    beside = body(
        lines,
        sums,
        head="<ImportoTotaleDocumento>24.40</ImportoTotaleDocumento>"
        "<Arrotondamento>-0.40</Arrotondamento>",
    )

    of_within, _ = read_one(fattura(within))
    of_beside, _ = read_one(fattura(beside))

    assert (of_within.total, of_within.rounding, of_within.payable) == (
        Decimal("24.00"),
        0,
        Decimal("24.00"),
    )
    assert (of_beside.total, of_beside.rounding, of_beside.payable) == (
        Decimal("24.40"),
        Decimal("-0.40"),
        Decimal("24.00"),
    )


def test_withholding_and_split_payment_are_kept_back():
    head = """<DatiRitenuta><TipoRitenuta>RT02</TipoRitenuta><ImportoRitenuta>4.00</ImportoRitenuta>
        <AliquotaRitenuta>20.00</AliquotaRitenuta></DatiRitenuta>"""
    split = """<DatiRiepilogo><AliquotaIVA>22.00</AliquotaIVA>
        <ImponibileImporto>20.00</ImponibileImporto><Imposta>4.40</Imposta>
        <EsigibilitaIVA>S</EsigibilitaIVA></DatiRiepilogo>"""

    invoice, _ = read_one(fattura(body([detail(1, "10", "2.00", "20.00")], [split], head=head)))

    assert (invoice.total, invoice.prepaid, invoice.payable) == (
        Decimal("24.40"),
        Decimal("8.40"),
        Decimal("16.00"),
    )


def test_lines_on_top_of_the_goods_are_charges():
    freight = detail(2, "1", "8.00", "8.00").replace(
        "<Descrizione>Vaso 2",
        "<TipoCessionePrestazione>AC</TipoCessionePrestazione><Descrizione>Spese di trasporto",
    )

    invoice, broken = read_one(
        fattura(body([detail(1, "10", "2.00", "20.00"), freight], [summary("28.00", "6.16")]))
    )

    assert [line.position for line in invoice.lines] == ["1"]
    [charge] = invoice.charges
    assert (charge.charge, charge.amount) == (Charge.FREIGHT, Decimal("8.00"))
    assert not any(broken.values())


def test_price_below_zero_takes_away():
    money_off = detail(2, "5", "-1.00", "-5.00")

    invoice, broken = read_one(
        fattura(body([detail(1, "10", "2.00", "20.00"), money_off], [summary("15.00", "3.30")]))
    )

    [_, line] = invoice.lines
    assert (line.quantity, line.unit_price, line.net_amount) == (-5, 1, -5)
    assert not any(broken.values())


def test_credit_note_below_zero_stays_one_and_is_flagged():
    content = body([detail(1, "10", "-2.00", "-20.00")], [summary("-20.00", "-4.40")], kind="TD04")

    invoice, broken = read_one(fattura(content))

    assert (invoice.kind, invoice.total) == (Kind.CREDIT_NOTE, Decimal("24.40"))
    assert [line.net_amount for line in invoice.lines] == [Decimal("20.00")]
    assert broken["FPA-SIGN"] is True


def test_payment_gives_account_first_due_day_and_instalments():
    payment = """<DatiPagamento><CondizioniPagamento>TP01</CondizioniPagamento>
        <DettaglioPagamento><DataScadenzaPagamento>2026-12-31</DataScadenzaPagamento>
          <ImportoPagamento>14.40</ImportoPagamento></DettaglioPagamento>
        <DettaglioPagamento><DataRiferimentoTerminiPagamento>2026-10-01
          </DataRiferimentoTerminiPagamento><GiorniTerminiPagamento>30</GiorniTerminiPagamento>
          <ImportoPagamento>10.00</ImportoPagamento><IBAN>IT60X0542811101000000123456</IBAN>
          <CodicePagamento>RIF-7</CodicePagamento></DettaglioPagamento></DatiPagamento>"""

    invoice, broken = read_one(
        fattura(
            body([detail(1, "10", "2.00", "20.00")], [summary("20.00", "4.40")], payment=payment)
        )
    )

    assert invoice.due_on == date(2026, 10, 31)
    assert (invoice.iban, invoice.payment_reference) == ("IT60X0542811101000000123456", "RIF-7")
    assert invoice.note == "Instalments: 14.40 on 2026-12-31, 10.00 on 2026-10-31."
    assert broken == {}


def test_simplified_invoice_has_its_tax_within_its_lines():
    content = f"""<p:FatturaElettronicaSemplificata versione="FSM10" xmlns:p="{FATTURE}">
        <FatturaElettronicaHeader><DatiTrasmissione>
          <FormatoTrasmissione>FSM10</FormatoTrasmissione>
          <CodiceDestinatario>ABCDEF1</CodiceDestinatario></DatiTrasmissione>
        <CedentePrestatore><IdFiscaleIVA><IdPaese>IT</IdPaese><IdCodice>02182030391</IdCodice>
          </IdFiscaleIVA><Denominazione>Bar Roma</Denominazione></CedentePrestatore>
        <CessionarioCommittente><IdentificativiFiscali><IdFiscaleIVA><IdPaese>IT</IdPaese>
          <IdCodice>02780790107</IdCodice></IdFiscaleIVA></IdentificativiFiscali>
          <AltriDatiIdentificativi><Denominazione>Noi SRL</Denominazione>
          </AltriDatiIdentificativi></CessionarioCommittente></FatturaElettronicaHeader>
        <FatturaElettronicaBody><DatiGenerali><DatiGeneraliDocumento>
          <TipoDocumento>TD07</TipoDocumento><Divisa>EUR</Divisa><Data>2026-10-01</Data>
          <Numero>16</Numero></DatiGeneraliDocumento></DatiGenerali>
        <DatiBeniServizi><Descrizione>Pranzo</Descrizione><Importo>61.00</Importo>
          <DatiIVA><Aliquota>22.00</Aliquota></DatiIVA></DatiBeniServizi>
        <DatiBeniServizi><Descrizione>Libro</Descrizione><Importo>10.40</Importo>
          <DatiIVA><Imposta>0.40</Imposta></DatiIVA></DatiBeniServizi>
        </FatturaElettronicaBody></p:FatturaElettronicaSemplificata>""".encode()

    invoice, broken = read_one(content)

    assert (invoice.seller.name, invoice.buyer.name) == ("Bar Roma", "Noi SRL")
    assert invoice.buyer.tax_numbers == ("IT02780790107",)
    assert [(row.rate, row.taxable, row.tax) for row in invoice.taxes] == [
        (Decimal(22), Decimal("50.00"), Decimal("11.00")),
        (Decimal(4), Decimal("10.00"), Decimal("0.40")),
    ]
    assert invoice.total == Decimal("71.40")
    assert not any(broken.values())


@pytest.mark.parametrize(
    ("rule", "content"),
    [
        ("00400", body([detail(1, "1", "5.00", "5.00", rate="0.00")], [])),
        (
            "00419",
            body([detail(1, "1", "5.00", "5.00", rate="10.00")], [summary("5.00", "1.10")]),
        ),
        ("00421", body([detail(1, "10", "2.00", "20.00")], [summary("20.00", "5.40")])),
        ("00422", body([detail(1, "10", "2.00", "20.00")], [summary("25.00", "5.50")])),
        ("00423", body([detail(1, "10", "2.00", "25.00")], [summary("25.00", "5.50")])),
        ("00424", body([detail(1, "1", "5.00", "5.00", rate="0.22")], [])),
        ("00429", body([detail(1, "1", "5.00", "5.00")], [summary("5.00", "0.00", rate="0.00")])),
        (
            "00430",
            body(
                [detail(1, "1", "5.00", "5.00")],
                [summary("5.00", "1.10", more="<Natura>N4</Natura>")],
            ),
        ),
        (
            "00437",
            body(
                [detail(1, "1", "5.00", "5.00")],
                [summary("5.00", "1.10")],
                head="<ScontoMaggiorazione><Tipo>SC</Tipo></ScontoMaggiorazione>",
            ),
        ),
        ("FPA-OWN", PLAIN.replace("TD01", "TD17")),
        ("00473", PLAIN.replace("TD01", "TD17")),
    ],
)
def test_control_of_the_exchange_is_named_and_blocks(rule, content):
    _, broken = read_one(fattura(content))

    assert broken[rule] is True


@pytest.mark.parametrize(
    ("rule", "content"),
    [
        ("00425", fattura(PLAIN.replace("7/2026", "SETTE"))),
        ("00427", fattura(PLAIN).replace(b"ABCDEF1", b"ABC")),
        ("00428", fattura(PLAIN).replace(b'versione="FPR12"', b'versione="FPA12"')),
        ("00301", fattura(PLAIN, seller=ITALIAN_SELLER.replace("02182030391", "02182030392"))),
        ("00417", fattura(PLAIN, buyer="")),
        ("00200", fattura(PLAIN.replace("Vaso 1", " "))),
    ],
)
def test_control_that_leaves_the_money_alone_is_named_and_passes(rule, content):
    _, broken = read_one(content)

    assert broken[rule] is False


def test_rounding_of_up_to_a_euro_passes_as_at_the_exchange():
    _, broken = read_one(
        fattura(body([detail(1, "10", "2.00", "20.00")], [summary("20.50", "4.51")]))
    )

    assert broken["00422"] is False


@pytest.mark.parametrize(
    ("code", "content"),
    [
        ("INCOMPLETE", fattura(PLAIN.replace("<Numero>7/2026</Numero>", ""))),
        ("INCOMPLETE", fattura()),
        ("INCOMPLETE", fattura(PLAIN, seller="")),
        ("BAD_VALUE", fattura(PLAIN.replace("2026-10-01", "2026-13-01"))),
        ("BAD_VALUE", fattura(PLAIN.replace(">4.40<", ">quattro<"))),
        ("UNKNOWN_SYNTAX", fattura(PLAIN).replace(FATTURE.encode(), b"urn:other")),
    ],
)
def test_file_without_what_an_invoice_needs_is_refused(code, content):
    assert code_of(content) == code


@pytest.mark.parametrize("elliptic", [False, True])
def test_signed_invoice_is_taken_out_of_its_envelope(elliptic):
    inner = fattura(PLAIN)
    envelope = signed_file(inner, elliptic=elliptic)
    twice = signed_file(envelope)
    lines = base64.encodebytes(envelope).replace(b"\n", b"\r\n")
    armored = b"-----BEGIN PKCS7-----\n" + base64.encodebytes(envelope) + b"-----END PKCS7-----\n"

    for content in (envelope, twice, lines, armored):
        document = read_document(content, filename="IT02182030391_1.xml.p7m")

        assert document.invoices == read_document(inner, filename="1.xml").invoices
        assert document.xml == inner


def test_signed_invoice_that_was_changed_is_refused():
    envelope = signed_file(fattura(PLAIN))

    assert code_of(envelope.replace(b"<Imposta>4.40<", b"<Imposta>9.40<")) == "SIGNATURE_BROKEN"
    assert code_of(envelope[:-40]) == "SIGNATURE_BROKEN"
    assert code_of(envelope[:-4] + b"abcd") == "SIGNATURE_BROKEN"


def test_signature_without_its_invoice_is_refused():
    detached = signed_file(fattura(PLAIN), pkcs7.PKCS7Options.DetachedSignature)

    assert code_of(detached) == "SIGNED_WITHOUT_CONTENT"
