"""Making suppliers' invoices of what was read from a file, each whole or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction

from purchasing.einvoices import Party, ReadDocument, ReadInvoice, RuleBreak, UnreadableDocument
from purchasing.models import InvoiceDocument, Supplier, SupplierInvoice
from purchasing.operations.capture_findings import Addressee
from purchasing.operations.document_lines import printed_lines, stated_taxes
from purchasing.operations.invoices import capture_invoice
from purchasing.operations.supplier_identity import Identity, identify_supplier
from retail.common.errors import BusinessError
from retail.common.models import User

logger = structlog.get_logger(__name__)

Status = InvoiceDocument.Status
FoundBy = InvoiceDocument.FoundBy

LONGEST_PROFILE, LONGEST_CODE, LONGEST_PROBLEM = 200, 50, 500
SUPPLIER_UNKNOWN, PROGRAM_FAILED = "SUPPLIER_UNKNOWN", "PROGRAM_FAILED"


@dataclass(frozen=True)
class Said:
    """What a person says of a document: whose it is, and why a number comes again."""

    supplier: Supplier | None = None
    duplicate_reason: str = ""


@dataclass(frozen=True)
class Problem:
    code: str
    text: str


def settle(
    document: InvoiceDocument,
    read: ReadDocument | UnreadableDocument | Problem,
    *,
    said: Said,
    at: datetime,
    by: User | None,
) -> list[int]:
    """Make of a document, locked by the caller, what can be made of it; return new invoices."""
    if said.supplier is not None:
        document.supplier, document.supplier_found_by = said.supplier, FoundBy.PERSON
    if isinstance(read, Problem):
        need_person(document, read)
        return []
    if isinstance(read, UnreadableDocument):
        document.syntax = read.syntax
        need_person(document, Problem(read.code, read.message))
        return []
    document.syntax, document.profile = read.syntax, read.profile[:LONGEST_PROFILE]
    document.stated = [stated_of(invoice) for invoice in read.invoices]
    document.findings = [vars(one) for one in read.breaks]

    taken = captured_positions(document)
    captured: list[int] = []
    problems: list[Problem] = []
    for invoice in read.invoices:
        if invoice.position in taken:
            continue
        outcome = _capture(document, invoice, read, said=said, at=at, by=by)
        if isinstance(outcome, SupplierInvoice):
            captured.append(outcome.pk)
        else:
            problems.append(outcome)
    if problems:
        need_person(document, _joined(problems, of=len(read.invoices)))
    else:
        end(document, Status.CAPTURED, at=at, by=by)
    return captured


def _capture(
    document: InvoiceDocument,
    invoice: ReadInvoice,
    read: ReadDocument,
    *,
    said: Said,
    at: datetime,
    by: User | None,
) -> SupplierInvoice | Problem:
    """Capture one invoice of a file, whole or not at all."""
    identity = _identity(invoice, read, said=said)
    if identity.supplier is None:
        document.suggested_supplier = identity.suggestion
        return Problem(SUPPLIER_UNKNOWN, identity.problem)
    if document.supplier is None:
        document.supplier = identity.supplier
        document.supplier_found_by = identity.found_by
    breaks = [one for one in read.breaks if one.invoice == invoice.position]
    try:
        with transaction.atomic():
            return _capture_whole(
                document, invoice, breaks, identity.supplier, said=said, at=at, by=by
            )
    except BusinessError as refusal:
        return Problem(refusal.code.upper(), refusal.message)
    except Exception as surprise:
        logger.exception("invoice_not_captured", document=document.number)
        return failed(surprise)


def _capture_whole(
    document: InvoiceDocument,
    invoice: ReadInvoice,
    breaks: Sequence[RuleBreak],
    supplier: Supplier,
    *,
    said: Said,
    at: datetime,
    by: User | None,
) -> SupplierInvoice:
    buyer = invoice.buyer
    return capture_invoice(
        supplier=supplier,
        kind=invoice.kind,
        supplier_number=invoice.number,
        invoiced_on=invoice.issued_on,
        currency=invoice.currency,
        lines=printed_lines(invoice, supplier=supplier),
        net_total=invoice.net_total,
        tax_total=invoice.tax_total,
        total=invoice.total,
        taxes=stated_taxes(invoice),
        stated_due_on=invoice.due_on,
        prepaid_total=invoice.prepaid,
        rounding=invoice.rounding,
        payable=invoice.payable,
        iban=invoice.iban,
        payment_reference=invoice.payment_reference,
        note=invoice.note,
        addressee=Addressee(buyer.name, buyer.tax_numbers, buyer.country),
        source=document,
        source_position=invoice.position,
        breaks=breaks,
        duplicate_reason=said.duplicate_reason,
        at=at,
        by=by,
    )


def _identity(invoice: ReadInvoice, read: ReadDocument, *, said: Said) -> Identity:
    """Return whose an invoice is; a person's word goes before what its seller says of itself."""
    if said.supplier is not None and has_one_seller(read.invoices):
        return Identity(said.supplier, FoundBy.PERSON)
    identity = identify_supplier(invoice.seller)
    if identity.supplier is None and said.supplier is not None:
        # Of several sellers the one that could not be told.
        return Identity(said.supplier, FoundBy.PERSON)
    return identity


def has_one_seller(invoices: Iterable[ReadInvoice]) -> bool:
    return len({(one.seller.name, one.seller.tax_numbers) for one in invoices}) == 1


def stated_of(invoice: ReadInvoice) -> dict[str, Any]:
    """Return what an invoice says of itself, in plain values, to be judged by a person."""
    return {
        "position": invoice.position,
        "kind": str(invoice.kind),
        "type_code": invoice.type_code,
        "number": invoice.number,
        "issued_on": invoice.issued_on.isoformat(),
        "due_on": invoice.due_on.isoformat() if invoice.due_on else "",
        "currency": invoice.currency,
        "seller": _stated_party(invoice.seller),
        "buyer": _stated_party(invoice.buyer),
        "order_number": invoice.order_number,
        "delivery_note": invoice.delivery_note,
        "preceding": list(invoice.preceding),
        "lines": len(invoice.lines),
        "net_total": str(invoice.net_total),
        "tax_total": str(invoice.tax_total),
        "total": str(invoice.total),
        "prepaid": str(invoice.prepaid),
        "rounding": str(invoice.rounding),
        "payable": "" if invoice.payable is None else str(invoice.payable),
        "iban": invoice.iban,
        "payment_reference": invoice.payment_reference,
    }


def _stated_party(party: Party) -> dict[str, Any]:
    return {
        "name": party.name,
        "tax_numbers": list(party.tax_numbers),
        "electronic_address": party.electronic_address,
        "street": party.street,
        "postcode": party.postcode,
        "city": party.city,
        "country": party.country,
    }


def captured_positions(document: InvoiceDocument) -> set[int]:
    counting = document.invoices.exclude(status=SupplierInvoice.Status.VOID)
    return set(counting.values_list("source_position", flat=True))


def _joined(problems: Sequence[Problem], *, of: int) -> Problem:
    """Return what hinders in one text; the first problem gives the code."""
    texts = list(dict.fromkeys(problem.text for problem in problems))
    if of > 1:
        texts.insert(0, f"{len(problems)} of {of} invoices in it were not captured.")
    return Problem(problems[0].code, " ".join(texts))


def failed(surprise: Exception) -> Problem:
    # Its words may quote anything, an account or an address too.
    name = type(surprise).__name__
    return Problem(PROGRAM_FAILED, f"The program failed ({name}); the log says where.")


def need_person(document: InvoiceDocument, problem: Problem) -> None:
    document.status = Status.NEEDS_PERSON
    document.problem_code = problem.code[:LONGEST_CODE]
    document.problem = problem.text[:LONGEST_PROBLEM] or "Somebody has to look."
    document.ended_at = document.ended_by = None
    document.end_reason = ""
    document.save()


def end(document: InvoiceDocument, status: str, *, at: datetime, by: User | None) -> None:
    document.status = status
    document.problem_code = document.problem = ""
    document.suggested_supplier = None
    document.ended_at, document.ended_by = at, by
    document.save()
