"""
KSeF: the structured invoices of Poland, forms FA(2), FA(3) and FA_RR(1).

A correction (KOR) states differences, and its lines as they were (`StanPrzed`) and as they are
now: those before count the other way, and a total below zero makes it a credit note.
Source: information brochure on the logical structure FA(3), Ministry of Finance.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from purchasing.einvoices import codes, ksef_rr, ksef_rules
from purchasing.einvoices.documents import (
    Kind,
    Parsed,
    ReadInvoice,
    ReadLine,
    ReadTax,
    RuleBreak,
    UnreadableDocument,
)
from purchasing.einvoices.elements import Element
from purchasing.einvoices.ksef_parts import (
    BUCKETS,
    CENT,
    HUNDRED,
    SYNTAX,
    Bucket,
    Payment,
    Rate,
    party_of,
    payment_of,
    percent_of,
    rate_of,
    sign_of,
    total_of,
)
from purchasing.einvoices.lines import complete_figures
from purchasing.einvoices.safety import Root
from purchasing.einvoices.values import required, shortened
from retail.common.money import ZERO

NAMESPACE = "http://crd.gov.pl/wzor/"
FORMS = frozenset({"FA(2)", "FA(3)"})


def read(root: Root) -> Parsed:
    """
    Read the one invoice of a file.

    :raises UnreadableDocument: UNKNOWN_SYNTAX (another form), INCOMPLETE, BAD_VALUE, TEMPLATE.
    """
    document = Element(root, SYNTAX)
    form = document.part("Naglowek/KodFormularza").attribute("kodSystemowy").replace(" ", "")
    if not document.namespace.startswith(NAMESPACE) or form not in FORMS | {ksef_rr.FORM}:
        raise UnreadableDocument(
            "UNKNOWN_SYNTAX",
            f"The XML is a Polish <Faktura>, but of the form {shortened(form)}; read are "
            f"{', '.join(sorted(FORMS))} and {ksef_rr.FORM}.",
            syntax=SYNTAX,
        )
    breaks: list[RuleBreak] = []
    reader = ksef_rr.read_invoice if form == ksef_rr.FORM else _read_invoice
    invoice = reader(document, breaks)
    return Parsed(syntax=SYNTAX, profile=form, invoices=(invoice,), breaks=tuple(breaks))


@dataclass(frozen=True)
class _Named:
    """What lines and the document name: orders and delivery notes."""

    orders: tuple[str, ...]
    deliveries: tuple[str, ...]
    orders_of_lines: dict[str, str]
    deliveries_of_lines: dict[str, str]


def _read_invoice(document: Element, breaks: list[RuleBreak]) -> ReadInvoice:
    body = document.part("Fa")
    number = body.required("P_2", term="number <P_2>")
    issued_on = body.required_day("P_1", term="date <P_1>")
    currency = body.required("KodWaluty", term="currency <KodWaluty>").upper()
    total = body.required_number("P_15", term="total <P_15>")
    seller, buyer = party_of(document.part("Podmiot1")), party_of(document.part("Podmiot2"))
    required(seller.name, term="seller <Podmiot1>", syntax=SYNTAX)
    named = _named(body)
    lines = [(row, rate_of(row)) for row in body.all("FaWiersz")]
    amounts = _amounts(body)
    taxes = _taxes(amounts, [rate for _, rate in lines])
    net = sum((row.taxable for row in taxes), ZERO) if taxes else total
    tax = sum((row.tax for row in taxes), ZERO)
    payment = payment_of(body.part("Platnosc"), "RachunekBankowy")
    prepaid = _prepaid(body, payment, total)
    type_code = body.text("RodzajFaktury")
    invoice = ReadInvoice(
        # A total below zero makes it a credit note, whatever it is called.
        kind=Kind.CREDIT_NOTE if ksef_rules.gives_back(body, total) else Kind.INVOICE,
        type_code=type_code,
        number=number,
        issued_on=issued_on,
        due_on=payment.due_on,
        currency=currency,
        seller=seller,
        buyer=buyer,
        order_number=named.orders[0] if len(named.orders) == 1 else "",
        delivery_note=named.deliveries[0] if len(named.deliveries) == 1 else "",
        preceding=tuple(
            dict.fromkeys(row.text("NrFaKorygowanej") for row in body.all("DaneFaKorygowanej"))
        ),
        lines=tuple(_line(row, rate, named, breaks) for row, rate in lines),
        taxes=taxes,
        net_total=net,
        tax_total=tax,
        total=total,
        prepaid=prepaid,
        payable=total - prepaid,
        iban=payment.iban,
        bic=payment.bic,
        note=_note(body, named, payment, currency),
    )
    breaks += ksef_rules.breaks_of(body, invoice, lines)
    return invoice


def _amounts(body: Element) -> list[tuple[Bucket, Decimal, Decimal]]:
    """Return the buckets that are written, with net amount and tax."""
    rows = []
    for bucket in BUCKETS:
        net = body.number(bucket.net, term=f"<{bucket.net}>")
        tax = body.number(bucket.tax, term=f"<{bucket.tax}>") if bucket.tax else None
        if net is not None or tax is not None:
            rows.append((bucket, net or ZERO, tax or ZERO))
    return rows


def _taxes(
    amounts: list[tuple[Bucket, Decimal, Decimal]], rates: list[Rate]
) -> tuple[ReadTax, ...]:
    """Return the tax per category and rate; buckets of one category are added up."""
    rows: dict[tuple[str, Decimal], tuple[Decimal, Decimal]] = {}
    for bucket, net, tax in amounts:
        of_lines = [
            rate.percent for rate in rates if rate.bucket is bucket and rate.percent is not None
        ]
        usual = percent_of(bucket.rates[0]) if bucket.rates else ZERO
        key = (bucket.category, of_lines[0] if of_lines else usual or ZERO)
        net_so_far, tax_so_far = rows.get(key, (ZERO, ZERO))
        rows[key] = (net_so_far + net, tax_so_far + tax)
    return tuple(
        ReadTax(category=category, rate=rate, taxable=net, tax=tax)
        for (category, rate), (net, tax) in rows.items()
    )


def _prepaid(body: Element, payment: Payment, total: Decimal) -> Decimal:
    """
    Return what was paid or is set off; never more than the invoice by what is charged beside it.

    Charges beside the invoice (<Obciazenia>: interest, deposits) are in no total of it; a rule
    says that they are there.
    """
    if payment.is_paid:
        return total
    off = body.number("Rozliczenie/SumaOdliczen", term="deductions <SumaOdliczen>") or ZERO
    return payment.paid + off


def _named(body: Element) -> _Named:
    orders_of_lines: dict[str, str] = {}
    deliveries_of_lines: dict[str, str] = {}
    for row in body.all("DodatkowyOpis"):
        line, key, value = row.text("NrWiersza"), row.text("Klucz").casefold(), row.text("Wartosc")
        if line and "zam" in key and ("wien" in key or "wień" in key):
            orders_of_lines[line] = value
        elif line and key.split()[-1:] == ["wz"]:
            deliveries_of_lines[line] = value
    return _Named(
        orders=tuple(dict.fromkeys(body.texts("WarunkiTransakcji/Zamowienia/NrZamowienia"))),
        deliveries=tuple(dict.fromkeys(body.texts("WZ"))),
        orders_of_lines=orders_of_lines,
        deliveries_of_lines=deliveries_of_lines,
    )


def _line(row: Element, rate: Rate, named: _Named, breaks: list[RuleBreak]) -> ReadLine:
    position = row.text("NrWierszaFa")
    sign = sign_of(row)
    net, price = _net(row, rate), _price(row, rate)
    quantity = row.number("P_8B", term="quantity <P_8B>")
    discount = row.number("P_10", term="discount <P_10>") or ZERO
    if discount and price is not None and quantity is not None and net is not None:
        per_unit = quantity * (price - discount)
        if abs(per_unit - net) < abs(quantity * price - discount - net):
            price, discount = price - discount, ZERO
    figures = complete_figures(
        position=position,
        quantity=quantity,
        unit_price=price,
        net_amount=net,
        adjustment=-discount,
        breaks=breaks,
    )
    return ReadLine(
        position=position,
        quantity=sign * figures.quantity,
        unit_code=row.text("P_8A"),
        unit_price=figures.unit_price,
        adjustment=-sign * discount,
        net_amount=sign * figures.net_amount,
        tax_category=rate.category,
        tax_rate=rate.percent,
        order_number=named.orders_of_lines.get(position, ""),
        delivery_note=named.deliveries_of_lines.get(position, ""),
        supplier_sku=row.text("Indeks"),
        gtin=codes.gtin_of(row.text("GTIN"), ""),
        description=row.text("P_7"),
    )


def _net(row: Element, rate: Rate) -> Decimal | None:
    """Return the net amount of a line, worked out where only the amount with tax is printed."""
    net = row.number("P_11", term="net amount <P_11>")
    gross = row.number("P_11A", term="gross amount <P_11A>")
    if net is not None or gross is None:
        return net
    tax = row.number("P_11Vat", term="tax <P_11Vat>")
    return gross - tax if tax is not None else _without_tax(gross, rate).quantize(CENT)


def _price(row: Element, rate: Rate) -> Decimal | None:
    net = row.number("P_9A", term="net price <P_9A>")
    gross = row.number("P_9B", term="gross price <P_9B>")
    return net if net is not None or gross is None else _without_tax(gross, rate)


def _without_tax(gross: Decimal, rate: Rate) -> Decimal:
    return gross * HUNDRED / (HUNDRED + (rate.percent or ZERO))


def _note(body: Element, named: _Named, payment: Payment, currency: str) -> str:
    """Return the reasons as printed, and what does not fit anywhere else."""
    notes = [body.text("PrzyczynaKorekty")]
    notes += [
        f"{row.text('Klucz')}: {row.text('Wartosc')}"
        for row in body.all("DodatkowyOpis")
        if not row.text("NrWiersza")
    ]
    for words, numbers in (
        ("Orders", named.orders),
        ("Delivery notes", named.deliveries),
        ("Due", tuple(str(day) for day in payment.days)),
    ):
        if len(numbers) > 1:
            notes.append(f"{words}: {', '.join(numbers)}.")
    advances = body.texts(
        "FakturaZaliczkowa/NrFaZaliczkowej", "FakturaZaliczkowa/NrKSeFFaZaliczkowej"
    )
    if advances:
        notes.append(f"After the advance invoices {', '.join(advances)}.")
    if payment.is_factor:
        notes.append("The claim was sold: the account is that of the factor.")
    in_zloty = total_of(
        body.number(f"{bucket.tax}W", term=f"<{bucket.tax}W>") for bucket in BUCKETS if bucket.tax
    )
    if in_zloty and currency != "PLN":
        notes.append(f"Tax in PLN: {in_zloty}.")
    return "\n".join(note for note in notes if note)
