"""Small Italian and Polish invoices, written as the exchanges of these countries want them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from cryptography.x509.oid import NameOID

from purchasing.einvoices import read_document

FATTURE = "http://ivaservizi.agenziaentrate.gov.it/docs/xsd/fatture/v1.2"
FA_3 = "http://crd.gov.pl/wzor/2025/06/25/13775/"
FA_RR = "http://crd.gov.pl/wzor/2026/03/06/14189/"
ITALIAN_SELLER = """
<CedentePrestatore><DatiAnagrafici>
  <IdFiscaleIVA><IdPaese>IT</IdPaese><IdCodice>02182030391</IdCodice></IdFiscaleIVA>
  <Anagrafica><Denominazione>Ceramiche Rossi SRL</Denominazione></Anagrafica>
</DatiAnagrafici><Sede><Indirizzo>Via Roma</Indirizzo><NumeroCivico>5</NumeroCivico>
  <CAP>48124</CAP><Comune>Ravenna</Comune><Nazione>IT</Nazione></Sede></CedentePrestatore>
"""
ITALIAN_BUYER = """
<CessionarioCommittente><DatiAnagrafici>
  <IdFiscaleIVA><IdPaese>IT</IdPaese><IdCodice>02780790107</IdCodice></IdFiscaleIVA>
  <Anagrafica><Nome>Maria</Nome><Cognome>Bianchi</Cognome></Anagrafica>
</DatiAnagrafici><Sede><Comune>Milano</Comune><Nazione>IT</Nazione></Sede>
</CessionarioCommittente>
"""


def fattura(*bodies, version="FPR12", seller=ITALIAN_SELLER, buyer=ITALIAN_BUYER):
    """Return a FatturaPA file with these bodies."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<p:FatturaElettronica versione="{version}" xmlns:p="{FATTURE}">
<FatturaElettronicaHeader><DatiTrasmissione>
<FormatoTrasmissione>{version}</FormatoTrasmissione>
<CodiceDestinatario>{"ABC123" if version == "FPA12" else "ABCDEF1"}</CodiceDestinatario>
</DatiTrasmissione>{seller}{buyer}</FatturaElettronicaHeader>
{"".join(bodies)}</p:FatturaElettronica>""".encode()


def body(
    lines,
    summaries,
    *,
    kind="TD01",
    number="7/2026",
    day="2026-10-01",
    head="",
    references="",
    payment="",
):
    """Return one FatturaElettronicaBody; head, references and payment are put in as they are."""
    return f"""<FatturaElettronicaBody><DatiGenerali><DatiGeneraliDocumento>
<TipoDocumento>{kind}</TipoDocumento><Divisa>EUR</Divisa><Data>{day}</Data>
<Numero>{number}</Numero>{head}</DatiGeneraliDocumento>{references}</DatiGenerali>
<DatiBeniServizi>{"".join(lines)}{"".join(summaries)}</DatiBeniServizi>{payment}
</FatturaElettronicaBody>"""


def detail(position, quantity, price, total, *, rate="22.00", more="", before=""):
    """Return a DettaglioLinee; `before` stands in front of the quantity, `more` behind the rate."""
    return f"""<DettaglioLinee><NumeroLinea>{position}</NumeroLinea>{before}
<Descrizione>Vaso {position}</Descrizione><Quantita>{quantity}</Quantita>
<UnitaMisura>PZ</UnitaMisura><PrezzoUnitario>{price}</PrezzoUnitario>{more}
<PrezzoTotale>{total}</PrezzoTotale><AliquotaIVA>{rate}</AliquotaIVA></DettaglioLinee>"""


def summary(taxable, tax, *, rate="22.00", more=""):
    return f"""<DatiRiepilogo><AliquotaIVA>{rate}</AliquotaIVA>{more}
<ImponibileImporto>{taxable}</ImponibileImporto><Imposta>{tax}</Imposta></DatiRiepilogo>"""


def faktura(content, *, nip="5265877635", form="FA (3)", namespace=FA_3):
    """Return a KSeF file with this content of <Fa>."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Faktura xmlns="{namespace}"><Naglowek>
<KodFormularza kodSystemowy="{form}" wersjaSchemy="1-0E">FA</KodFormularza></Naglowek>
<Podmiot1><DaneIdentyfikacyjne><NIP>{nip}</NIP><Nazwa>Świece Kowal Sp. z o.o.</Nazwa>
</DaneIdentyfikacyjne><Adres><KodKraju>PL</KodKraju><AdresL1>ul. Polna 1</AdresL1>
<AdresL2>00-001 Warszawa</AdresL2><GLN>5901234123457</GLN></Adres></Podmiot1>
<Podmiot2><DaneIdentyfikacyjne><KodUE>DE</KodUE><NrVatUE>136695976</NrVatUE>
<Nazwa>Wolf GmbH</Nazwa></DaneIdentyfikacyjne></Podmiot2>
{content}</Faktura>""".encode()


def fa(sums, lines="", *, kind="VAT", number="FV/7/2026", currency="PLN", more=""):
    """Return <Fa>; sums are the P_ fields, lines the FaWiersz elements."""
    return f"""<Fa><KodWaluty>{currency}</KodWaluty><P_1>2026-10-01</P_1><P_2>{number}</P_2>
{sums}<RodzajFaktury>{kind}</RodzajFaktury>{more}{lines}</Fa>"""


def wiersz(position, quantity, price, net, *, rate="23", more=""):
    return f"""<FaWiersz><NrWierszaFa>{position}</NrWierszaFa><P_7>Świeca {position}</P_7>
<P_8A>szt.</P_8A><P_8B>{quantity}</P_8B><P_9A>{price}</P_9A><P_11>{net}</P_11>
<P_12>{rate}</P_12>{more}</FaWiersz>"""


def read_one(content):
    """Return the only invoice of a file, and the rules it breaks as id -> fatal or not."""
    document = read_document(content, filename="invoice.xml")
    [invoice] = document.invoices
    return invoice, {one.rule: one.is_fatal for one in document.breaks}


def signed_file(content, *options, elliptic=False):
    """Return the content in a CAdES envelope, signed with a key made for the occasion."""
    key = (
        ec.generate_private_key(ec.SECP256R1())
        if elliptic
        else rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ceramiche Rossi")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now + timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(content)
        .add_signer(certificate, key, hashes.SHA256())
        .sign(Encoding.DER, [pkcs7.PKCS7Options.Binary, *options])
    )
