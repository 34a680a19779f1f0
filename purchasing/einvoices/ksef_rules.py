"""
Whether the amounts of a KSeF invoice fit one another.

KSeF checks the form of a file, not its sums, and has no codes for them: the rules are named after
the fields they look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from stdnum.pl import nip

from purchasing.einvoices.documents import ReadInvoice, RuleBreak
from purchasing.einvoices.elements import Element
from purchasing.einvoices.ksef_parts import BUCKETS, CENT, HUNDRED, MARGIN, Bucket, Rate
from retail.common.money import ZERO

SETTLEMENT = "ROZ"
# Words of reasons that give money back; a correction for one of them does not raise the price.
GIVING_BACK = (
    "rabat",
    "upust",
    "opust",
    "zwrot",
    "obniż",
    "zmniejsz",
    "bonus",
    "skonto",
    "reklamac",
    "discount",
    "rebate",
    "return",
    "refund",
)


def breaks_of(
    body: Element, invoice: ReadInvoice, lines: Sequence[tuple[Element, Rate]]
) -> Iterator[RuleBreak]:
    """Look at an invoice as it was read, with its signs as printed."""
    yield from _of_seller(invoice)
    yield from _of_lines(invoice, lines)
    # Of a final invoice after advances the totals are what is left, the lines are all there was.
    if lines and SETTLEMENT not in invoice.type_code:
        yield from _of_net(body, invoice, lines)
    yield from _of_tax(body, len(lines))
    yield from _of_total(body, invoice)
    yield from _of_correction(body, invoice)
    yield from _of_settlement(body, invoice)


def _break(rule: str, message: str, *, is_fatal: bool = True) -> RuleBreak:
    return RuleBreak(rule=rule, message=message, is_fatal=is_fatal)


def _of_seller(invoice: ReadInvoice) -> Iterator[RuleBreak]:
    number = next(iter(invoice.seller.tax_numbers), "")
    if not nip.is_valid(number.removeprefix("PL")):
        yield _break(
            "KSEF-NIP",
            f"The NIP of the seller cannot be right: {number or 'none'}.",
            is_fatal=False,
        )


def _of_lines(invoice: ReadInvoice, lines: Sequence[tuple[Element, Rate]]) -> Iterator[RuleBreak]:
    for read, (row, rate) in zip(invoice.lines, lines, strict=True):
        makes = read.quantity * read.unit_price + read.adjustment
        is_gross = row.first("P_9A") is None
        if not is_gross and abs(makes - read.net_amount) > CENT:
            yield _break(
                "KSEF-P_11",
                f"Line {read.position}: {abs(read.quantity)} x {read.unit_price} "
                f"is not {abs(read.net_amount)}.",
            )
        if rate.bucket is None and rate.words:
            yield _break(
                "KSEF-P_12",
                f"Line {read.position}: {rate.words} is no rate of the list.",
                is_fatal=False,
            )


def _of_net(
    body: Element, invoice: ReadInvoice, lines: Sequence[tuple[Element, Rate]]
) -> Iterator[RuleBreak]:
    """Compare what lines of a rate come to with its total, where every line says its rate."""
    sums: dict[Bucket, Decimal] = {}
    for read, (_, rate) in zip(invoice.lines, lines, strict=True):
        if rate.bucket is None:
            return
        sums[rate.bucket] = sums.get(rate.bucket, ZERO) + read.net_amount
    for bucket in BUCKETS:
        stated = body.number(bucket.net, term=f"<{bucket.net}>") or ZERO
        summed = sums.get(bucket, ZERO)
        if bucket is not MARGIN and abs(stated - summed) > CENT * len(lines):
            yield _break(
                f"KSEF-{bucket.net}",
                f"<{bucket.net}> is {stated}, but the lines come to {summed}.",
            )


def _of_tax(body: Element, count: int) -> Iterator[RuleBreak]:
    """Compare the tax with its rate; it may be worked out per line, so a cent for each passes."""
    for bucket in BUCKETS:
        if not bucket.tax or not bucket.rates:
            continue
        net = body.number(bucket.net, term=f"<{bucket.net}>") or ZERO
        tax = body.number(bucket.tax, term=f"<{bucket.tax}>") or ZERO
        gaps = [abs(net * Decimal(rate) / HUNDRED - tax) for rate in bucket.rates]
        if min(gaps) > CENT * max(1, count):
            yield _break(
                f"KSEF-{bucket.tax}",
                f"<{bucket.tax}> is {tax}, which is no tax at {' or '.join(bucket.rates)} % "
                f"on {net}.",
            )


def _of_total(body: Element, invoice: ReadInvoice) -> Iterator[RuleBreak]:
    if not invoice.taxes:
        yield _break(
            "KSEF-P_13",
            "The invoice has no totals per rate, only what is to be paid.",
            is_fatal=False,
        )
    elif abs(invoice.net_total + invoice.tax_total - invoice.total) >= CENT:
        # A simplified invoice need not say what its tax is.
        is_simplified = body.text("RodzajFaktury") == "UPR"
        yield _break(
            "KSEF-P_15",
            f"<P_15> is {invoice.total}, but net and tax make "
            f"{invoice.net_total + invoice.tax_total}.",
            is_fatal=not is_simplified,
        )


def gives_back(body: Element, total: Decimal) -> bool:
    """
    Tell a correction that gives money back, though its total is above zero.

    A correction states differences. Some programs write a credit note as if it were an invoice,
    without sign; only the reason then tells which way it is meant.
    """
    reason = body.text("PrzyczynaKorekty").casefold()
    return (
        "KOR" in body.text("RodzajFaktury")
        and total > 0
        and any(word in reason for word in GIVING_BACK)
        and not any(row.text("StanPrzed") for row in body.all("FaWiersz"))
    )


def _of_correction(body: Element, invoice: ReadInvoice) -> Iterator[RuleBreak]:
    if "KOR" not in invoice.type_code:
        return
    if gives_back(body, invoice.total):
        yield _break(
            "KSEF-KOR",
            f"A correction states the difference, and this one would raise what is owed by "
            f"{invoice.total} {invoice.currency}, but its reason is “"
            f"{body.text('PrzyczynaKorekty')}”. It is taken to give back that amount: ask the "
            "supplier.",
        )
    if not invoice.preceding:
        yield _break("KSEF-KOR", "The correction does not say what it corrects.", is_fatal=False)


def _of_settlement(body: Element, invoice: ReadInvoice) -> Iterator[RuleBreak]:
    for row in body.all("Rozliczenie/Obciazenia"):
        amount = row.number("Kwota", term="charge <Obciazenia>")
        if amount:
            yield _break(
                "KSEF-OBCIAZENIA",
                f"Beside the invoice {amount} {invoice.currency} is asked for "
                f"({row.text('Powod') or 'no reason'}), which is in no total of it.",
            )
    asked = body.number("Rozliczenie/DoZaplaty", term="<DoZaplaty>")
    beside = body.number("Rozliczenie/SumaObciazen", term="<SumaObciazen>") or ZERO
    expected = (invoice.payable or ZERO) + beside
    if asked is not None and abs(asked - expected) >= CENT:
        yield _break(
            "KSEF-DOZAPLATY",
            f"<DoZaplaty> is {asked}, but {expected} is left to be paid.",
            is_fatal=False,
        )
