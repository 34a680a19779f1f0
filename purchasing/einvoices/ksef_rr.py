"""VAT RR: the invoice by which a buyer pays a farmer who charges tax at a flat rate (KSeF)."""

from __future__ import annotations

from decimal import Decimal

from purchasing.einvoices.documents import Kind, ReadInvoice, ReadLine, ReadTax, RuleBreak
from purchasing.einvoices.elements import Element
from purchasing.einvoices.ksef_parts import SYNTAX, party_of, payment_of, sign_of
from purchasing.einvoices.lines import complete_figures
from purchasing.einvoices.values import required
from retail.common.money import ZERO

FORM = "FA_RR(1)"


def read_invoice(document: Element, breaks: list[RuleBreak]) -> ReadInvoice:
    """
    Read the form FA_RR(1); the farmer sells, though the buyer writes it.

    :raises UnreadableDocument: INCOMPLETE, BAD_VALUE, TEMPLATE.
    """
    body = document.part("FakturaRR")
    seller, buyer = party_of(document.part("Podmiot1")), party_of(document.part("Podmiot2"))
    required(seller.name, term="farmer <Podmiot1>", syntax=SYNTAX)
    payment = payment_of(body.part("Platnosc"), "RachunekBankowy1")
    net = body.required_number("P_11_1", term="net total <P_11_1>")
    tax = body.required_number("P_11_2", term="flat-rate tax <P_11_2>")
    total = body.required_number("P_12_1", term="total <P_12_1>")
    rows = list(body.all("FakturaRRWiersz"))
    return ReadInvoice(
        kind=Kind.INVOICE,
        type_code=body.text("RodzajFaktury"),
        number=body.required("P_4C", term="number <P_4C>"),
        issued_on=body.required_day("P_4B", term="date <P_4B>"),
        due_on=payment.due_on,
        currency=body.required("KodWaluty", term="currency <KodWaluty>").upper(),
        seller=seller,
        buyer=buyer,
        preceding=tuple(body.texts("DaneFaKorygowanej/NrFaKorygowanej")),
        lines=tuple(_line(row, breaks) for row in rows),
        taxes=_taxes(rows, net, tax),
        net_total=net,
        tax_total=tax,
        total=total,
        payable=total,
        iban=payment.iban,
        bic=payment.bic,
        note=body.text("PrzyczynaKorekty"),
    )


def _taxes(rows: list[Element], net: Decimal, tax: Decimal) -> tuple[ReadTax, ...]:
    """Return the tax per rate: as stated for the only one, else as the lines make it."""
    sums: dict[Decimal, tuple[Decimal, Decimal]] = {}
    for row in rows:
        rate = row.number("P_9", term="rate <P_9>") or ZERO
        taxable, so_far = sums.get(rate, (ZERO, ZERO))
        sign = sign_of(row)
        sums[rate] = (
            taxable + sign * (row.number("P_8", term="net amount <P_8>") or ZERO),
            so_far + sign * (row.number("P_10", term="tax <P_10>") or ZERO),
        )
    if len(sums) == 1:
        sums = dict.fromkeys(sums, (net, tax))
    return tuple(
        ReadTax(category="S", rate=rate, taxable=taxable, tax=of_rate)
        for rate, (taxable, of_rate) in sums.items()
    )


def _line(row: Element, breaks: list[RuleBreak]) -> ReadLine:
    position = row.text("NrWierszaFa")
    sign = sign_of(row)
    figures = complete_figures(
        position=position,
        quantity=row.number("P_6B", term="quantity <P_6B>"),
        unit_price=row.number("P_7", term="price <P_7>"),
        net_amount=row.number("P_8", term="net amount <P_8>"),
        adjustment=ZERO,
        breaks=breaks,
    )
    return ReadLine(
        position=position,
        quantity=sign * figures.quantity,
        unit_code=row.text("P_6A"),
        unit_price=figures.unit_price,
        net_amount=sign * figures.net_amount,
        tax_category="S",
        tax_rate=row.number("P_9", term="rate <P_9>"),
        description=f"{row.text('P_5')} {row.text('P_6C')}".strip(),
    )
