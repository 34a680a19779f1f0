"""What is wrong with a supplier's document by itself, before any order is laid beside it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from purchasing.adding_up import StatedTax, Taxed, Totals, sum_findings
from purchasing.einvoices import RuleBreak
from purchasing.models import (
    MatchException,
    SupplierInvoice,
    SupplierInvoiceLine,
    SupplierInvoiceTax,
)
from purchasing.queries import invoices_like
from purchasing.tax_numbers import is_same_tax_number
from purchasing.tolerances import Finding, Limits
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.money import ZERO, round_rate

Kind = MatchException.Kind
LONGEST_DETAIL, LONGEST_SUBJECT = 500, 100
ALIKE_NAMED = 3
DIGITS_SHOWN = 4
# The digits of an account by themselves, where a document does not write the IBAN.
LEAST_ACCOUNT = 6


@dataclass(frozen=True)
class Addressee:
    """Whom a document is addressed to; tax numbers in capitals and digits."""

    name: str
    tax_numbers: Sequence[str]
    country: str = ""


def capture_findings(
    invoice: SupplierInvoice,
    lines: Sequence[SupplierInvoiceLine],
    taxes: Sequence[SupplierInvoiceTax],
    *,
    payable: Decimal | None,
    addressee: Addressee | None,
    breaks: Sequence[RuleBreak],
    limits: Limits,
) -> list[Finding]:
    """
    Return what is wrong with a document that was stored just now, whatever its orders say.

    payable: what it says is to be paid. breaks: rules of e-invoices that it does not keep.
    """
    return [
        *_wrong_sums(invoice, lines, taxes, payable=payable, limits=limits),
        *_broken_rules(breaks),
        *_wrong_addressee(invoice, addressee),
        *_other_account(invoice),
        *_earlier_than_agreed(invoice),
        *_unclear_units(lines),
        *_alike(invoice),
    ]


def is_counted_in_units(quantity: Decimal) -> bool:
    """Tell whether a printed quantity is a number of whole units."""
    return 1 <= quantity < MAX_UNITS and quantity == quantity.to_integral_value()


def shown_account(account: str) -> str:
    """Return what of a bank account may stand in texts and logs: its last four digits."""
    return f"…{account[-DIGITS_SHOWN:]}"


def _wrong_sums(
    invoice: SupplierInvoice,
    lines: Sequence[SupplierInvoiceLine],
    taxes: Sequence[SupplierInvoiceTax],
    *,
    payable: Decimal | None,
    limits: Limits,
) -> list[Finding]:
    return sum_findings(
        [
            Taxed(
                net=-line.net_amount if line.is_deduction else line.net_amount,
                category=line.tax_category,
                rate=line.tax_rate,
            )
            for line in lines
        ],
        [StatedTax(row.category, row.rate, row.taxable, row.tax) for row in taxes],
        Totals(
            net=invoice.net_total,
            tax=invoice.tax_total,
            total=invoice.total,
            prepaid=invoice.prepaid_total,
            rounding=invoice.rounding,
            payable=payable,
        ),
        currency=invoice.currency,
        tax_slack=limits.tax_amount,
    )


def _broken_rules(breaks: Sequence[RuleBreak]) -> Iterable[Finding]:
    """Yield one finding for each rule, however many places break it."""
    messages: dict[str, list[str]] = defaultdict(list)
    fatal = set()
    for one in breaks:
        rule = one.rule[:LONGEST_SUBJECT]
        messages[rule].append(one.message)
        if one.is_fatal:
            fatal.add(rule)
    for rule, said in messages.items():
        yield Finding(
            invoice_line_id=None,
            kind=Kind.RULE,
            expected=ZERO,
            actual=ZERO,
            subject=rule,
            detail=" ".join(dict.fromkeys(said))[:LONGEST_DETAIL],
            is_blocking=rule in fatal,
        )


def _wrong_addressee(invoice: SupplierInvoice, addressee: Addressee | None) -> Iterable[Finding]:
    """A document that names no tax number of the buyer is not held against anybody."""
    ours = settings.RETAIL_TAX_NUMBER
    if not ours or addressee is None or not addressee.tax_numbers:
        return
    if any(
        is_same_tax_number(
            number, ours, country=addressee.country, other_country=settings.RETAIL_COUNTRY
        )
        for number in addressee.tax_numbers
    ):
        return
    whom = f"{addressee.name} ({', '.join(addressee.tax_numbers)})".strip()
    yield Finding(
        invoice_line_id=None,
        kind=Kind.ADDRESSEE,
        expected=ZERO,
        actual=ZERO,
        detail=f"It is addressed to {whom}, not to us ({ours})."[:LONGEST_DETAIL],
        at_stake=invoice.total,
    )


def _other_account(invoice: SupplierInvoice) -> Iterable[Finding]:
    on_file = invoice.supplier.iban
    asked = "".join(sign for sign in invoice.iban if sign.isalnum())
    if not on_file or not asked or asked == on_file:
        return
    if len(asked) >= LEAST_ACCOUNT and on_file.endswith(asked):
        return
    yield Finding(
        invoice_line_id=None,
        kind=Kind.BANK_ACCOUNT,
        expected=ZERO,
        actual=ZERO,
        detail=(
            f"It asks to be paid to the account {shown_account(asked)}; on file for "
            f"{invoice.supplier} is {shown_account(on_file)}. Ask the supplier on a number you "
            "know before you change it."
        )[:LONGEST_DETAIL],
    )


def _earlier_than_agreed(invoice: SupplierInvoice) -> Iterable[Finding]:
    stated = invoice.stated_due_on
    if stated is None or stated >= invoice.due_on:
        return
    yield Finding(
        invoice_line_id=None,
        kind=Kind.TERMS,
        expected=Decimal((invoice.due_on - invoice.invoiced_on).days),
        actual=Decimal((stated - invoice.invoiced_on).days),
        detail=f"It wants to be paid by {stated}; by the supplier's terms it is {invoice.due_on}.",
    )


def _unclear_units(lines: Sequence[SupplierInvoiceLine]) -> Iterable[Finding]:
    for line in lines:
        stated = line.stated_quantity
        if stated is None or line.kind == line.Kind.CHARGE:
            continue
        # Parts of a pack may still be whole units.
        if is_counted_in_units(stated) or line.quantity > 1:
            continue
        yield Finding(
            invoice_line_id=line.pk,
            kind=Kind.UNIT,
            expected=Decimal(line.quantity),
            actual=round_rate(max(min(stated, Decimal(MAX_AMOUNT - 1)), ZERO)),
            detail=f"{stated.normalize():f} {line.unit_code} is no number of whole units."[
                :LONGEST_DETAIL
            ],
        )


def _alike(invoice: SupplierInvoice) -> Iterable[Finding]:
    others = list(invoices_like(invoice)[: ALIKE_NAMED + 1])
    if not others:
        return
    named = ", ".join(
        f"{other.number} (“{other.supplier_number}” of {other.invoiced_on})"
        for other in others[:ALIKE_NAMED]
    )
    more = " and more" if len(others) > ALIKE_NAMED else ""
    yield Finding(
        invoice_line_id=None,
        kind=Kind.ALIKE,
        expected=invoice.total,
        actual=invoice.total,
        detail=f"{named}{more} over the same total: the same bill?"[:LONGEST_DETAIL],
        is_blocking=False,
        at_stake=invoice.total,
    )
