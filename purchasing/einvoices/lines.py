"""Lines that say too little: what can be worked out, and one line for a document without any."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from purchasing.einvoices.documents import ReadInvoice, ReadLine, RuleBreak
from retail.common.money import ZERO

ONE = Decimal(1)
WHOLE_DOCUMENT = "Whole document"


@dataclass(frozen=True)
class Figures:
    """The three numbers that make a line: net amount = quantity x unit price + adjustment."""

    quantity: Decimal
    unit_price: Decimal
    net_amount: Decimal


def complete_figures(
    *,
    position: str,
    quantity: Decimal | None,
    unit_price: Decimal | None,
    net_amount: Decimal | None,
    adjustment: Decimal,
    breaks: list[RuleBreak],
    invoice: int = 1,
) -> Figures:
    """
    Work out what a line does not say from what it does; `breaks` gets a rule for what is missing.

    A line without quantity counts as one unit. A line without an amount is in doubt, whatever the
    price makes of it.
    """
    missing: list[tuple[str, str, bool]] = []
    if net_amount is None:
        missing.append(("BR-24", "amount", True))
        net_amount = (quantity or ZERO) * (unit_price or ZERO) + adjustment
    if quantity is None:
        missing.append(("BR-22", "quantity", False))
        quantity, unit_price = ONE, net_amount - adjustment
    if unit_price is None:
        missing.append(("BR-26", "price", False))
        unit_price = (net_amount - adjustment) / quantity if quantity else ZERO
    breaks += [
        RuleBreak(
            rule=rule,
            message=f"Line {position} has no {what}.",
            is_fatal=is_fatal,
            invoice=invoice,
        )
        for rule, what, is_fatal in missing
    ]
    return Figures(quantity, unit_price, net_amount)


def with_lines(invoice: ReadInvoice) -> ReadInvoice:
    """
    Return the invoice, one without any line with a line per tax rate that stands for all of it.

    Profiles MINIMUM and BASIC WL have totals only. Charges and allowances of the document keep
    their place: they are taken out of the lines of their rate.
    """
    if invoice.lines:
        return invoice
    taxed: dict[tuple[str, Decimal | None], Decimal] = {}
    for row in invoice.taxes:
        taxed[row.category, row.rate] = taxed.get((row.category, row.rate), ZERO) + row.taxable
    if sum(taxed.values(), ZERO) != invoice.net_total:
        taxed = {("", None): invoice.net_total}
    for charge in invoice.charges:
        rate = (charge.tax_category, charge.tax_rate)
        key = rate if rate in taxed else next(iter(taxed))
        taxed[key] += charge.amount if charge.is_allowance else -charge.amount
    lines = tuple(
        ReadLine(
            position=str(position),
            quantity=ONE,
            unit_price=amount,
            net_amount=amount,
            tax_category=category,
            tax_rate=rate,
            description=WHOLE_DOCUMENT,
        )
        for position, ((category, rate), amount) in enumerate(taxed.items(), start=1)
    )
    return replace(invoice, lines=lines)
