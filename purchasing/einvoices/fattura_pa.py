"""
FatturaPA: the invoices of Italy, ordinary (FPA12, FPR12) and simplified (FSM10).

A file has one header (who sells, who buys) and one body or more, each a document of its own. Of
what the buyer has to keep back for the tax office (withholding, and the tax itself where it is
split off) `prepaid` is the sum, so that `payable` is what is transferred to the supplier.
Source: technical specifications of the ordinary and the simplified electronic invoice, 1.2.x.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from stdnum import ean

from purchasing.einvoices import fattura_pa_rules
from purchasing.einvoices.documents import (
    Kind,
    Parsed,
    Party,
    ReadInvoice,
    ReadLine,
    ReadTax,
    RuleBreak,
    UnreadableDocument,
)
from purchasing.einvoices.elements import Element
from purchasing.einvoices.fattura_pa_parts import (
    CENT,
    HUNDRED,
    SYNTAX,
    Body,
    Detail,
    Reference,
    category_of,
    read_body,
)
from purchasing.einvoices.fattura_pa_totals import Totals, is_charge, taxes_of, totals_of
from purchasing.einvoices.safety import Root
from purchasing.einvoices.values import required, shortened, tax_number_of
from retail.common.money import ZERO

NAMESPACES = re.compile(
    r"http://(ivaservizi\.agenziaentrate\.gov\.it|www\.fatturapa\.gov\.it)/[\w./-]*fattur\w*/v1\.\d+"
)
CREDIT_NOTES = frozenset({"TD04", "TD08"})
SIMPLIFIED = "FatturaElettronicaSemplificata"
# What suppliers write in <CodiceTipo>, in small letters; other codes are the supplier's own.
_GTINS = ("ean", "gtin", "upc", "barre", "barcode")
_BUYERS = ("cli", "buyer", "committente", "acquirente")
_NO_ARTICLES = ("cpv", "taric", "ssc", "carb", "aic", "atc", "nc8", "cup", "cig")


def read(root: Root) -> Parsed:
    """
    Read a file of one invoice or more.

    :raises UnreadableDocument: UNKNOWN_SYNTAX (another namespace), INCOMPLETE, BAD_VALUE, TEMPLATE.
    """
    document = Element(root, SYNTAX)
    if not NAMESPACES.fullmatch(document.namespace):
        raise UnreadableDocument(
            "UNKNOWN_SYNTAX",
            f"The XML is called {document.name}, as in FatturaPA, but its namespace is "
            f"{shortened(document.namespace)}.",
        )
    header = document.part("FatturaElettronicaHeader")
    bodies = list(document.all("FatturaElettronicaBody"))
    if not bodies:
        raise UnreadableDocument(
            "INCOMPLETE", "The file has no <FatturaElettronicaBody>, so no invoice.", syntax=SYNTAX
        )
    version = document.attribute("versione")
    breaks = list(fattura_pa_rules.of_header(header, version))
    reader = _simplified if document.name == SIMPLIFIED else _ordinary
    return Parsed(
        syntax=SYNTAX,
        profile=version or header.text("DatiTrasmissione/FormatoTrasmissione"),
        invoices=tuple(
            reader(header, body, position, breaks) for position, body in enumerate(bodies, start=1)
        ),
        breaks=tuple(breaks),
    )


def _ordinary(
    header: Element, node: Element, position: int, breaks: list[RuleBreak]
) -> ReadInvoice:
    seller = _party(header.part("CedentePrestatore"))
    buyer = _party(header.part("CessionarioCommittente"))
    required(seller.name, term="seller <CedentePrestatore>", syntax=SYNTAX)
    body = read_body(node, position)
    totals = totals_of(body)
    breaks += fattura_pa_rules.of_body(body, totals, seller, buyer)
    return _invoice(body, totals, seller, buyer)


def _party(node: Element) -> Party:
    own = node.first("DatiAnagrafici") or node
    naming = own.first("Anagrafica") or own
    country = own.text("IdFiscaleIVA/IdPaese")
    vat = tax_number_of(country + own.text("IdFiscaleIVA/IdCodice"))
    fiscal = tax_number_of(own.text("CodiceFiscale"))
    person = f"{naming.text('Nome')} {naming.text('Cognome')}".strip()
    email = node.text("Contatti/Email")
    return Party(
        name=naming.text("Denominazione") or person,
        tax_numbers=tuple(dict.fromkeys(number for number in (vat, fiscal) if number)),
        electronic_address=f"EM:{email}" if email else "",
        street=f"{node.text('Sede/Indirizzo')} {node.text('Sede/NumeroCivico')}".strip(),
        postcode=node.text("Sede/CAP"),
        city=node.text("Sede/Comune"),
        country=node.text("Sede/Nazione").upper(),
    )


def _invoice(body: Body, totals: Totals, seller: Party, buyer: Party) -> ReadInvoice:
    paid_to = next((row for row in body.instalments if row.iban), None)
    days = [row.due_on for row in body.instalments if row.due_on]
    return ReadInvoice(
        position=body.position,
        kind=_kind(body, totals),
        type_code=body.type_code,
        number=body.number,
        issued_on=body.issued_on,
        due_on=min(days, default=None),
        currency=body.currency,
        seller=seller,
        buyer=buyer,
        order_number=_of_all(body.orders),
        delivery_note=_of_all(body.delivery_notes),
        preceding=tuple(dict.fromkeys(number for number, _ in body.preceding)),
        lines=tuple(_line(detail, body) for detail in body.details if not is_charge(detail)),
        charges=totals.charges,
        taxes=taxes_of(body),
        net_total=totals.net,
        tax_total=totals.tax,
        total=totals.total,
        prepaid=totals.kept_back,
        rounding=totals.rounding,
        payable=totals.total - totals.kept_back + totals.rounding,
        iban=paid_to.iban if paid_to else "",
        bic=paid_to.bic if paid_to else "",
        payment_reference=next((row.reference for row in body.instalments if row.reference), ""),
        note=_note(body),
    )


def _kind(body: Body, totals: Totals) -> Kind:
    """
    Return the kind; a credit note below zero is one all the same, not an invoice to be paid.

    Whoever reads it turns the signs of a document below zero and its kind with them.
    """
    is_credit_note = body.type_code in CREDIT_NOTES
    return Kind.CREDIT_NOTE if is_credit_note and totals.total >= 0 else Kind.INVOICE


def _of_all(references: tuple[Reference, ...]) -> str:
    """Return the one document that all lines are about, nothing when there are several."""
    numbers = {row.number for row in references if row.number and not row.lines}
    return numbers.pop() if len(numbers) == 1 else ""


def _of_line(references: tuple[Reference, ...], position: str) -> Reference | None:
    named = (row for row in references if row.number and position in row.lines)
    return next(named, None)


def _line(detail: Detail, body: Body) -> ReadLine:
    order = _of_line(body.orders, detail.position)
    delivery = _of_line(body.delivery_notes, detail.position)
    gtin, buyer_sku, supplier_sku = _codes(detail.codes)
    # Money off is written as a price below zero here, elsewhere as a quantity.
    turn = -1 if detail.unit_price < 0 else 1
    return ReadLine(
        position=detail.position,
        quantity=turn * detail.quantity,
        unit_code=detail.unit,
        unit_price=turn * detail.unit_price,
        adjustment=detail.adjustment,
        net_amount=detail.amount,
        tax_category=detail.category,
        tax_rate=detail.rate,
        order_number=order.number if order else "",
        order_position=order.item if order else "",
        delivery_note=delivery.number if delivery else "",
        supplier_sku=supplier_sku,
        gtin=gtin,
        buyer_sku=buyer_sku,
        description=detail.description,
    )


def _codes(codes: tuple[tuple[str, str], ...]) -> tuple[str, str, str]:
    """Return the GTIN, the buyer's code and the supplier's code of a line."""
    gtin = buyer_sku = supplier_sku = ""
    for kind, value in codes:
        words = kind.casefold()
        if any(word in words for word in _NO_ARTICLES) or not value:
            continue
        if any(word in words for word in _GTINS) and ean.is_valid(value):
            gtin = gtin or value
        elif any(word in words for word in _BUYERS):
            buyer_sku = buyer_sku or value
        else:
            supplier_sku = supplier_sku or value
    return gtin, buyer_sku, supplier_sku


def _note(body: Body) -> str:
    """Return the reasons as printed, and what does not fit anywhere else."""
    notes = list(body.reasons)
    dated = [row for row in body.instalments if row.due_on and row.amount is not None]
    if len({row.due_on for row in dated}) > 1:
        notes.append("Instalments: " + ", ".join(f"{r.amount} on {r.due_on}" for r in dated) + ".")
    for words, references in (
        ("Orders", body.orders),
        ("Delivery notes", body.delivery_notes),
    ):
        numbers = list(dict.fromkeys(row.number for row in references if not row.lines))
        if len(numbers) > 1:
            notes.append(f"{words}: {', '.join(numbers)}.")
    return "\n".join(notes)


def _simplified_buyer(node: Element) -> Party:
    numbered = _party(node.part("IdentificativiFiscali"))
    named = _party(node.part("AltriDatiIdentificativi"))
    return Party(
        name=named.name,
        tax_numbers=numbered.tax_numbers,
        street=named.street,
        postcode=named.postcode,
        city=named.city,
        country=named.country,
    )


def _simplified(
    header: Element, node: Element, position: int, _breaks: list[RuleBreak]
) -> ReadInvoice:
    """Read a document whose lines have their tax within them."""
    seller = _party(header.part("CedentePrestatore"))
    required(seller.name, term="seller <CedentePrestatore>", syntax=SYNTAX)
    head = node.part("DatiGenerali/DatiGeneraliDocumento")
    type_code = head.text("TipoDocumento").upper()
    rows = [
        _simplified_row(part, number)
        for number, part in enumerate(node.all("DatiBeniServizi"), start=1)
    ]
    taxes: dict[tuple[str, Decimal], tuple[Decimal, Decimal]] = {}
    for line, tax in rows:
        key = (line.tax_category, line.tax_rate or ZERO)
        taxable, so_far = taxes.get(key, (ZERO, ZERO))
        taxes[key] = (taxable + line.net_amount, so_far + tax)
    net = sum((line.net_amount for line, _ in rows), ZERO)
    tax_total = sum((tax for _, tax in rows), ZERO)
    corrected = node.text("DatiGenerali/DatiFatturaRettificata/NumeroFR")
    is_credit_note = type_code in CREDIT_NOTES and net + tax_total >= 0
    return ReadInvoice(
        position=position,
        kind=Kind.CREDIT_NOTE if is_credit_note else Kind.INVOICE,
        type_code=type_code,
        number=head.required("Numero", term="number <Numero>"),
        issued_on=head.required_day("Data", term="date <Data>"),
        currency=head.required("Divisa", term="currency <Divisa>").upper(),
        seller=seller,
        buyer=_simplified_buyer(header.part("CessionarioCommittente")),
        preceding=(corrected,) if corrected else (),
        lines=tuple(line for line, _ in rows),
        taxes=tuple(
            ReadTax(category=category, rate=rate, taxable=taxable, tax=tax)
            for (category, rate), (taxable, tax) in taxes.items()
        ),
        net_total=net,
        tax_total=tax_total,
        total=net + tax_total,
        payable=net + tax_total,
    )


def _simplified_row(node: Element, number: int) -> tuple[ReadLine, Decimal]:
    gross = node.required_number("Importo", term="<Importo>")
    rate = node.number("DatiIVA/Aliquota", term="<Aliquota>")
    tax = node.number("DatiIVA/Imposta", term="<Imposta>")
    if tax is None:
        share = (rate or ZERO) / (HUNDRED + (rate or ZERO)) if rate != -HUNDRED else ZERO
        tax = (gross * share).quantize(CENT, rounding=ROUND_HALF_UP)
    net = gross - tax
    if rate is None:
        rate = (tax / net * HUNDRED).quantize(Decimal(1)) if net else ZERO
    nature = node.text("Natura").upper()
    line = ReadLine(
        position=str(number),
        quantity=Decimal(1),
        unit_price=net,
        net_amount=net,
        tax_category=category_of(nature, rate),
        tax_rate=rate,
        description=node.text("Descrizione"),
    )
    return line, tax
