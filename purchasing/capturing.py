"""Suppliers' invoices taken in by the heap: files, folders, zip files and mailboxes, one by one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Any

import structlog
from django.db import DatabaseError

from purchasing.einvoices import Party, ReadDocument, UnreadableDocument, read_document
from purchasing.einvoices.containers import Found, found_in
from purchasing.models import InvoiceDocument, Supplier, SupplierInvoice
from purchasing.operations.document_capture import stated_of
from purchasing.operations.documents import receive_document
from purchasing.operations.supplier_identity import identify_supplier
from retail.common.models import User

logger = structlog.get_logger(__name__)

PROGRAM_FAILED, SUPPLIER_UNKNOWN = "PROGRAM_FAILED", "SUPPLIER_UNKNOWN"


class Verdict(StrEnum):
    """What became of a file, or would: refused is what holds no invoice that can be read."""

    CAPTURED = "captured"
    WAITING = "waiting for a person"
    REFUSED = "refused"
    SEEN = "seen before"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """
    One file and what became of it.

    code, reason: why it was refused or waits. document: the number under which it is kept.
    invoices: one plain mapping per invoice in it. findings: the rules it breaks.
    """

    name: str
    origin: str
    verdict: Verdict
    code: str = ""
    reason: str = ""
    syntax: str = ""
    profile: str = ""
    document: str = ""
    fingerprint: str = ""
    size: int = 0
    invoices: tuple[Mapping[str, Any], ...] = ()
    findings: tuple[Mapping[str, Any], ...] = ()


def take_in(
    paths: Iterable[Path], *, channel: str, at: datetime, by: User | None
) -> Iterator[Outcome]:
    """
    Keep and capture every file at these paths, each in transactions of its own.

    What cannot be captured waits for a person with its bytes kept; what fails in a way nobody
    foresaw is logged, and the next file is taken.
    """
    for path in paths:
        for found in found_in(path):
            if found.content is None:
                yield _not_got_at(found)
            else:
                yield _taken(found, found.content, channel=channel, at=at, by=by)


def look_at(paths: Iterable[Path]) -> Iterator[Outcome]:
    """Say what `take_in` would make of the files at these paths, and write nothing anywhere."""
    known = _Known()
    for path in paths:
        for found in found_in(path):
            if found.content is None:
                yield _not_got_at(found)
            else:
                yield _looked_at(found, found.content, known)


def _not_got_at(found: Found) -> Outcome:
    assert found.refusal is not None  # noqa: S101 - of Found: content or refusal
    return Outcome(
        name=found.name,
        origin=found.origin,
        verdict=Verdict.REFUSED,
        code=found.refusal.code,
        reason=found.refusal.message,
    )


def _of_file(found: Found, content: bytes, **known: Any) -> Outcome:
    return Outcome(
        name=found.name,
        origin=found.origin,
        fingerprint=sha256(content).hexdigest(),
        size=len(content),
        **known,
    )


def _failed(found: Found, content: bytes, surprise: Exception) -> Outcome:
    logger.error("invoice_file_failed", name=found.name, exc_info=surprise)
    return _of_file(
        found,
        content,
        verdict=Verdict.REFUSED,
        code=PROGRAM_FAILED,
        reason=f"The program failed on it: {type(surprise).__name__}.",
    )


def _taken(found: Found, content: bytes, *, channel: str, at: datetime, by: User | None) -> Outcome:
    try:
        fingerprint = sha256(content).hexdigest()
        is_seen = InvoiceDocument.objects.filter(sha256=fingerprint).exists()
        document = receive_document(
            content=content,
            filename=found.name,
            channel=channel,
            origin=found.origin,
            at=at,
            by=by,
        )
        return _of_document(found, content, document, is_seen=is_seen)
    except Exception as surprise:  # noqa: BLE001 - one file never stops the others
        return _failed(found, content, surprise)


def _of_document(
    found: Found, content: bytes, document: InvoiceDocument, *, is_seen: bool
) -> Outcome:
    captured = {
        invoice.source_position: invoice
        for invoice in SupplierInvoice.objects.filter(source=document)
        .exclude(status=SupplierInvoice.Status.VOID)
        .select_related("supplier")
        .order_by("pk")
    }
    invoices = []
    for stated in document.stated:
        invoice = captured.get(stated["position"])
        supplier = invoice.supplier if invoice else document.supplier
        row = _row(stated, supplier)
        row["invoice"] = invoice.number if invoice else ""
        invoices.append(row)
    return _of_file(
        found,
        content,
        verdict=_verdict(document, is_seen=is_seen),
        code=document.problem_code,
        reason=document.problem,
        syntax=document.syntax,
        profile=document.profile,
        document=document.number,
        invoices=tuple(invoices),
        findings=tuple(document.findings),
    )


def _verdict(document: InvoiceDocument, *, is_seen: bool) -> Verdict:
    if is_seen:
        return Verdict.SEEN
    if document.status == InvoiceDocument.Status.CAPTURED:
        return Verdict.CAPTURED
    return Verdict.WAITING if document.stated else Verdict.REFUSED


@dataclass
class _Known:
    """
    What was met before: files by their fingerprint, sellers with the supplier they are.

    Without a database that answers, nothing of it is looked up; a look at files needs none.
    """

    fingerprints: set[str] = field(default_factory=set)
    suppliers: dict[Party, tuple[Supplier | None, str]] = field(default_factory=dict)
    has_database: bool = True

    def has_seen(self, fingerprint: str) -> bool:
        if fingerprint in self.fingerprints:
            return True
        self.fingerprints.add(fingerprint)
        try:
            return self.has_database and InvoiceDocument.objects.filter(sha256=fingerprint).exists()
        except DatabaseError:
            self.has_database = False
            return False

    def supplier_of(self, seller: Party) -> tuple[Supplier | None, str]:
        """Return the supplier that a seller is, or None and why it cannot be told."""
        if seller not in self.suppliers:
            self.suppliers[seller] = self._look_up(seller)
        return self.suppliers[seller]

    def _look_up(self, seller: Party) -> tuple[Supplier | None, str]:
        if not self.has_database:
            return None, "The database does not answer, so its supplier was not looked up."
        identity = identify_supplier(seller)
        return identity.supplier, identity.problem


def _looked_at(found: Found, content: bytes, known: _Known) -> Outcome:
    try:
        is_seen = known.has_seen(sha256(content).hexdigest())
        document = read_document(content, filename=found.name)
        return _of_reading(found, content, document, known, is_seen=is_seen)
    except UnreadableDocument as refusal:
        return _of_file(
            found,
            content,
            verdict=Verdict.SEEN if is_seen else Verdict.REFUSED,
            code=refusal.code,
            reason=refusal.message,
            syntax=str(refusal.syntax),
        )
    except Exception as surprise:  # noqa: BLE001 - one file never stops the others
        return _failed(found, content, surprise)


def _of_reading(
    found: Found, content: bytes, document: ReadDocument, known: _Known, *, is_seen: bool
) -> Outcome:
    rows, problems = [], []
    for invoice in document.invoices:
        supplier, problem = known.supplier_of(invoice.seller)
        rows.append(_row(stated_of(invoice), supplier))
        if supplier is None:
            problems.append(problem)
    read = Verdict.WAITING if problems else Verdict.CAPTURED
    return _of_file(
        found,
        content,
        verdict=Verdict.SEEN if is_seen else read,
        code=SUPPLIER_UNKNOWN if problems else "",
        reason=" ".join(dict.fromkeys(problems)),
        syntax=str(document.syntax),
        profile=document.profile,
        invoices=tuple(rows),
        findings=tuple(vars(one) for one in document.breaks),
    )


def _row(stated: Mapping[str, Any], supplier: Supplier | None) -> dict[str, Any]:
    """Return an invoice as the report has it; amounts as texts, so that no cent is lost."""
    seller = stated["seller"]
    return {
        "position": stated["position"],
        "kind": stated["kind"],
        "type_code": stated["type_code"],
        "number": stated["number"],
        "issued_on": stated["issued_on"],
        "due_on": stated["due_on"],
        "supplier": {
            "name": seller["name"],
            "tax_numbers": seller["tax_numbers"],
            "code": supplier.code if supplier else "",
        },
        "currency": stated["currency"],
        "net": stated["net_total"],
        "tax": stated["tax_total"],
        "gross": stated["total"],
        "payable": stated["payable"],
        "line_count": stated["lines"],
    }


def counted(verdicts: Collection[Verdict]) -> str:
    """Return how many files became what: `3 captured, 1 waiting for a person, ...`."""
    return ", ".join(f"{list(verdicts).count(verdict)} {verdict}" for verdict in Verdict)
