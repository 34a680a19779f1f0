"""
The controls of the Italian exchange (SdI) that can be made without its registers.

Their names are its error codes; FPA-... are our own. The exchange refuses what breaks a code, so
that a file that does has not come through it, or not as it is. Fatal is what leaves the amount
to pay or its tax in doubt. Source: "Elenco controlli", technical specifications of SdI.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from stdnum.it import codicefiscale, iva

from purchasing.einvoices.documents import Party, RuleBreak
from purchasing.einvoices.elements import Element
from purchasing.einvoices.fattura_pa_parts import (
    CENT,
    SPLIT_PAYMENT,
    Body,
    Detail,
    Fund,
    Summary,
)
from purchasing.einvoices.fattura_pa_totals import Totals, tax_on
from purchasing.einvoices.values import tax_number_of
from retail.common.money import ZERO

FORMATS = {"FPA12": 6, "FPR12": 7, "FSM10": 7}
ONE_EURO = Decimal(1)
GENERIC_NATURES = frozenset({"N2", "N3", "N6"})
GENERIC_UNTIL = date(2021, 1, 1)
# Documents that the buyer writes for the tax office; nobody asks for money with one.
OWN_DOCUMENTS = {
    "TD16": "the tax on a domestic purchase with reverse charge",
    "TD17": "the tax on services from abroad",
    "TD18": "the tax on goods from the EU",
    "TD19": "the tax on goods bought in Italy from abroad",
    "TD20": "an invoice that the supplier did not send",
    "TD21": "what was bought beyond the limit without tax",
    "TD22": "taking goods out of a tax warehouse",
    "TD23": "taking goods out of a tax warehouse",
    "TD27": "own use or gifts",
    "TD28": "the tax on purchases from San Marino",
    "TD29": "an invoice that the supplier did not send",
}
OTHER_SELLER = frozenset({"TD16", "TD17", "TD18", "TD19", "TD20"})
FROM_ABROAD = frozenset({"TD17", "TD18", "TD19"})
TYPES = frozenset(f"TD{number:02}" for number in (*range(1, 10), *range(16, 30)))


def of_header(header: Element, version: str) -> Iterator[RuleBreak]:
    """Look at who sends to whom, once per file."""
    sent = header.part("DatiTrasmissione")
    form, address = sent.text("FormatoTrasmissione"), sent.text("CodiceDestinatario")
    if form not in FORMATS or (version and form != version):
        yield _remark("00428", f"<FormatoTrasmissione> is {form or 'empty'}, not {version}.", 1)
    elif address and len(address) != FORMATS[form]:
        yield _remark(
            "00427", f"A <CodiceDestinatario> of {form} has {FORMATS[form]} characters.", 1
        )
    for role, words, of_vat, of_fiscal in (
        ("CedentePrestatore", "seller", "00301", "00302"),
        ("CessionarioCommittente", "buyer", "00305", "00306"),
    ):
        for path in ("DatiAnagrafici", "IdentificativiFiscali", ""):
            own = header.part(f"{role}/{path}" if path else role)
            yield from _of_numbers(own, words, of_vat, of_fiscal)


def _of_numbers(node: Element, words: str, of_vat: str, of_fiscal: str) -> Iterator[RuleBreak]:
    vat = tax_number_of(node.text("IdFiscaleIVA/IdCodice"))
    is_italian = node.text("IdFiscaleIVA/IdPaese").upper() == "IT"
    if vat and is_italian and not iva.is_valid(vat):
        yield _remark(of_vat, f"The VAT number of the {words} cannot be right: {vat}.", 1)
    fiscal = tax_number_of(node.text("CodiceFiscale"))
    if fiscal and not codicefiscale.is_valid(fiscal):
        yield _remark(of_fiscal, f"The tax code of the {words} cannot be right: {fiscal}.", 1)


def of_body(body: Body, totals: Totals, seller: Party, buyer: Party) -> Iterator[RuleBreak]:
    """Look at one document."""
    yield from _of_type(body, totals, seller, buyer)
    yield from _of_header_values(body, buyer)
    yield from _of_natures(body)
    yield from _of_lines(body)
    yield from _of_summaries(body)
    yield from _of_money(body, totals)


def _remark(rule: str, message: str, invoice: int) -> RuleBreak:
    return RuleBreak(rule=rule, message=message, is_fatal=False, invoice=invoice)


def _fault(rule: str, message: str, invoice: int) -> RuleBreak:
    return RuleBreak(rule=rule, message=message, is_fatal=True, invoice=invoice)


def _of_type(body: Body, totals: Totals, seller: Party, buyer: Party) -> Iterator[RuleBreak]:
    code, place = body.type_code, body.position
    is_same = bool(set(seller.tax_numbers) & set(buyer.tax_numbers))
    if code not in TYPES:
        yield _remark("00200", f"<TipoDocumento> {code or 'is empty'} is none of the list.", place)
    if code in OWN_DOCUMENTS:
        yield _fault(
            "FPA-OWN",
            f"{code} is written by the buyer for {OWN_DOCUMENTS[code]}: nothing is to be paid.",
            place,
        )
    if code in OTHER_SELLER and is_same:
        yield _fault("00471", f"Seller and buyer of a {code} cannot be the same.", place)
    if code == "TD21" and not is_same:
        yield _fault("00472", "Seller and buyer of a TD21 are the same.", place)
    if code in FROM_ABROAD and any(number.startswith("IT") for number in seller.tax_numbers):
        yield _fault("00473", f"The seller of a {code} is not from Italy.", place)
    if totals.total < 0 and code in {"TD04", "TD08"}:
        yield _fault(
            "FPA-SIGN",
            "A credit note with a total below zero: it is taken to give back that amount.",
            place,
        )


def _of_header_values(body: Body, buyer: Party) -> Iterator[RuleBreak]:
    place = body.position
    if not any(sign.isdigit() for sign in body.number):
        yield _remark("00425", f"The number {body.number} has no digit.", place)
    if not buyer.tax_numbers:
        yield _remark("00417", "The buyer has neither a VAT number nor a tax code.", place)
    for number, day in body.preceding:
        if day is not None and body.issued_on < day:
            yield _remark("00418", f"It is older than {number} of {day}, which it names.", place)
    for name in body.empty_texts:
        yield _remark("00200", f"<{name}> is written and says nothing.", place)


def _of_natures(body: Body) -> Iterator[RuleBreak]:
    """Look at the reasons why there is no tax: one wherever the rate is 0, none elsewhere."""
    groups: tuple[tuple[Sequence[Detail | Fund | Summary], str, str, str], ...] = (
        (body.details, "00400", "00401", "A line"),
        (body.funds, "00413", "00414", "A pension fund"),
        (body.summaries, "00429", "00430", "A summary"),
    )
    for group, missing, needless, words in groups:
        if any(not row.rate and not row.nature for row in group):
            yield _fault(
                missing, f"{words} without tax does not say why (<Natura>).", body.position
            )
        if any(row.rate and row.nature for row in group):
            yield _fault(needless, f"{words} with tax says why there is none.", body.position)
    rows: list[Detail | Fund | Summary] = [*body.details, *body.funds, *body.summaries]
    if any(0 < row.rate < 1 for row in rows):
        yield _fault("00424", "A rate of tax is not written in percent.", body.position)
    if body.issued_on >= GENERIC_UNTIL:
        for nature in sorted({row.nature for row in rows} & GENERIC_NATURES):
            yield _remark("00445", f"{nature} alone is no <Natura> since 2021.", body.position)


def _of_lines(body: Body) -> Iterator[RuleBreak]:
    for row in body.details:
        if not row.is_worked_out_right:
            yield _fault(
                "00423",
                f"Line {row.position}: {row.quantity} x {row.price} with its discounts "
                f"is not {row.amount}.",
                body.position,
            )
        if any(discount.says_nothing for discount in row.discounts):
            yield _fault("00438", f"Line {row.position}: a discount of nothing.", body.position)
    if any(discount.says_nothing for discount in body.discounts):
        yield _fault("00437", "The document has a discount of nothing.", body.position)
    if not body.has_withholding:
        if any(row.is_withheld_from for row in body.details):
            yield _fault("00411", "A line is subject to withholding, but none is.", body.position)
        if any(row.is_withheld_from for row in body.funds):
            yield _fault("00415", "A fund is subject to withholding, but none is.", body.position)


def _of_summaries(body: Body) -> Iterator[RuleBreak]:
    summed: dict[tuple[Decimal, str], Decimal] = {}
    taxed: list[Detail | Fund] = [*body.details, *body.funds]
    for row in taxed:
        key = (row.rate, row.nature)
        summed[key] = summed.get(key, ZERO) + row.amount
    stated: dict[tuple[Decimal, str], list[Decimal]] = {}
    for summary in body.summaries:
        sums = stated.setdefault((summary.rate, summary.nature), [ZERO, ZERO, ZERO])
        sums[0] += summary.taxable
        sums[1] += summary.rounding
        sums[2] += summary.extra
        yield from _of_tax(body, summary.rate, summary.taxable, summary.tax)
        if summary.nature.startswith("N6") and summary.due == SPLIT_PAYMENT:
            yield _fault("00420", "Reverse charge and split payment at once.", body.position)
    rates = {rate for rate, _ in stated}
    for rate in sorted({rate for rate, _ in summed} - rates):
        yield _fault("00419", f"There is no summary of the tax at {rate} %.", body.position)
    for (rate, nature), (taxable, rounding, extra) in stated.items():
        yield from _of_taxable(
            body, rate, taxable, summed.get((rate, nature), ZERO), (rounding, extra)
        )


def _of_tax(body: Body, rate: Decimal, taxable: Decimal, tax: Decimal) -> Iterator[RuleBreak]:
    if abs(tax_on(taxable, rate) - tax) > CENT:
        yield _fault(
            "00421",
            f"The tax at {rate} % on {taxable} is {tax_on(taxable, rate)}, not {tax}.",
            body.position,
        )


def _of_taxable(
    body: Body,
    rate: Decimal,
    taxable: Decimal,
    lines: Decimal,
    others: tuple[Decimal, Decimal],
) -> Iterator[RuleBreak]:
    """Lines make the taxable amount, with or without rounding and ancillary expenses."""
    rounding, extra = others
    gaps = [taxable - lines - more for more in (ZERO, rounding, extra, rounding + extra)]
    gap = min(gaps, key=abs)
    if abs(gap) <= CENT * max(1, len(body.details)):
        return
    words = f"At {rate} % {taxable} is taxed, but the lines come to {lines.quantize(CENT)}."
    # The exchange lets one euro pass.
    yield (_fault if abs(gap) > ONE_EURO else _remark)("00422", words, body.position)


def _of_money(body: Body, totals: Totals) -> Iterator[RuleBreak]:
    amounts = [row.amount for row in body.instalments if row.amount is not None]
    payable = totals.total - totals.kept_back + totals.rounding
    asked = sum(amounts, ZERO)
    if amounts and asked not in {payable, totals.total}:
        yield _remark(
            "FPA-PAY", f"It asks for {asked}, but {payable} is to be paid.", body.position
        )
