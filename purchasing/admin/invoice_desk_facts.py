"""What is said above the lines of a bill on the desk: money, days, account and file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.formats import date_format

from purchasing.models import SupplierInvoice
from retail.common import money


@dataclass(frozen=True)
class Fact:
    """One fact; `is_bad` when somebody should look at it."""

    label: str
    text: str
    is_bad: bool = False


def facts_of(invoice: SupplierInvoice, *, today: date) -> list[Fact]:
    """Return the facts of the head; invoice: with its supplier and source."""
    return [
        *_money_facts(invoice),
        *_day_facts(invoice, today=today),
        _account_fact(invoice),
        *_file_facts(invoice),
    ]


def _money_facts(invoice: SupplierInvoice) -> Sequence[Fact]:
    amounts = [
        ("Net", invoice.net_total, True),
        ("Tax", invoice.tax_total, True),
        ("Total", invoice.total, True),
        ("Prepaid", invoice.prepaid_total, bool(invoice.prepaid_total)),
        ("Rounding", invoice.rounding, bool(invoice.rounding)),
        ("To pay", invoice.payable, invoice.payable != invoice.total),
    ]
    return [
        Fact(label, f"{money.display_rate(amount)} {invoice.currency}")
        for label, amount, is_shown in amounts
        if is_shown
    ]


def _day_facts(invoice: SupplierInvoice, *, today: date) -> Sequence[Fact]:
    is_unpaid = invoice.status not in {"PAID", "VOID"}
    terms = f"{invoice.supplier.payment_days} days"
    if invoice.supplier.discount_percent and invoice.supplier.discount_days:
        percent = invoice.supplier.discount_percent.normalize()
        terms += f", {percent:f} % off within {invoice.supplier.discount_days}"
    facts = [
        Fact("Invoiced on", _day(invoice.invoiced_on)),
        Fact("Due on", _day(invoice.due_on), is_bad=is_unpaid and invoice.due_on < today),
        Fact("Our terms", terms),
    ]
    if invoice.stated_due_on and invoice.stated_due_on != invoice.due_on:
        earlier = invoice.stated_due_on < invoice.due_on
        facts.append(Fact("Due as printed", _day(invoice.stated_due_on), is_bad=earlier))
    return facts


def _account_fact(invoice: SupplierInvoice) -> Fact:
    printed, known = _plain(invoice.iban), _plain(invoice.supplier.iban)
    if not printed:
        return Fact(
            "Account", "None printed; paid to the supplier's own" if known else "None known"
        )
    if not known:
        return Fact("Account", f"{printed}: the supplier's own is not known", is_bad=True)
    if printed != known:
        return Fact("Account", f"{printed} printed, the supplier's own is {known}", is_bad=True)
    return Fact("Account", f"{printed}, the supplier's own")


def _file_facts(invoice: SupplierInvoice) -> Sequence[Fact]:
    entered = f"{invoice.captured_by or 'by itself'}, {_day(invoice.captured_at.date())}"
    facts = [Fact("Entered", entered)]
    if invoice.duplicate_reason:
        facts.append(Fact("Same number as another", invoice.duplicate_reason))
    if invoice.payment_reference:
        facts.append(Fact("To be named", invoice.payment_reference))
    source = invoice.source
    if source is not None:
        broken = [
            finding
            for finding in source.findings
            if finding.get("invoice", 1) == invoice.source_position
        ]
        facts.append(Fact("File", f"{source.number}, {source.get_syntax_display()}"))
        if broken:
            rules = ", ".join(sorted({str(finding.get("rule", "")) for finding in broken}))
            is_fatal = any(finding.get("is_fatal") for finding in broken)
            facts.append(Fact("Breaks rules", rules, is_bad=is_fatal))
    if invoice.status == "VOID":
        facts.append(Fact("Void", invoice.void_reason, is_bad=True))
    return facts


def _plain(iban: str) -> str:
    return "".join(iban.split()).upper()


def _day(day: date) -> str:
    return date_format(day, "j M Y")
