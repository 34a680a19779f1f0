"""Files with suppliers' invoices: kept as they came, read, captured, and what a person adds."""

from __future__ import annotations

import mimetypes
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from pathlib import PureWindowsPath
from typing import Any

import structlog
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction
from django.utils.text import get_valid_filename

from purchasing.einvoices import (
    ReadDocument,
    UnreadableDocument,
    read_document,
    with_official_breaks,
)
from purchasing.einvoices.containers import found_in_bytes
from purchasing.models import InvoiceDocument, Supplier, SupplierInvoice
from purchasing.operations.document_capture import (
    Problem,
    Said,
    captured_positions,
    end,
    failed,
    has_one_seller,
    need_person,
    settle,
)
from purchasing.operations.ending import MissingReason
from purchasing.operations.invoices import capture_invoice
from purchasing.operations.matching import match_invoice
from purchasing.operations.supplier_identity import remember_identity
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move

logger = structlog.get_logger(__name__)

Status = InvoiceDocument.Status
FoundBy = InvoiceDocument.FoundBy

LONGEST_NAME, LONGEST_ORIGIN, LONGEST_TYPE = 200, 300, 100
OPENED_AGAIN = "OPENED_AGAIN"


class NoSuchSupplier(BusinessError):
    """The supplier that a document is said to be of does not exist."""


NOTHING_SAID = Said()


def receive_document(
    *,
    content: bytes,
    filename: str,
    channel: str,
    at: datetime,
    by: User | None,
    origin: str = "",
) -> InvoiceDocument:
    """
    Keep a file, capture the invoices in it, and match them.

    In transactions of their own, so that the bytes are kept whatever becomes of them; what is kept
    and not read yet, because the program died, `purchasing.read_received_documents` goes on with.
    The same bytes again return the first document. Whatever hinders leaves it NEEDS_PERSON with
    `problem_code` and `problem`; nothing is raised.
    """
    document = keep_document(
        content=content, filename=filename, channel=channel, origin=origin, at=at, by=by
    )
    return read_kept_document(document_id=document.pk, at=at, by=by)


def receive_files(
    *,
    content: bytes,
    filename: str,
    channel: str,
    at: datetime,
    by: User | None,
    origin: str = "",
) -> list[InvoiceDocument]:
    """
    Receive a file or, of a zip, an e-mail or a mailbox, every file in it, as `receive_document`.

    What holds something that cannot be got at is kept itself too, for a person.
    """
    kept = keep_files(
        content=content, filename=filename, channel=channel, origin=origin, at=at, by=by
    )
    return [read_kept_document(document_id=document.pk, at=at, by=by) for document in kept]


@transaction.atomic
def keep_files(
    *,
    content: bytes,
    filename: str,
    channel: str,
    at: datetime,
    by: User | None,
    origin: str = "",
) -> list[InvoiceDocument]:
    """Keep a file, or every file in it, as `receive_files` does, to be read."""
    words: dict[str, Any] = {"channel": channel, "at": at, "by": by}
    kept: list[InvoiceDocument] = []
    is_whole = True
    for found in found_in_bytes(content, name=filename, origin=origin):
        if found.content is None:
            is_whole = False
            continue
        kept.append(
            keep_document(content=found.content, filename=found.name, origin=found.origin, **words)
        )
    if not is_whole:
        kept.append(keep_document(content=content, filename=filename, origin=origin, **words))
    return kept


@transaction.atomic
def keep_document(
    *,
    content: bytes,
    filename: str,
    channel: str,
    at: datetime,
    by: User | None,
    origin: str = "",
) -> InvoiceDocument:
    """Keep a file as it came, to be read; the same bytes again return the first document."""
    fingerprint = sha256(content).hexdigest()
    same_bytes = InvoiceDocument.objects.filter(sha256=fingerprint)
    if earlier := same_bytes.first():
        return earlier
    name = PureWindowsPath(filename.replace("\x00", "")).name[-LONGEST_NAME:] or "file"
    document = InvoiceDocument(
        filename=name,
        media_type=(mimetypes.guess_type(name)[0] or "application/octet-stream")[:LONGEST_TYPE],
        bytes=len(content),
        sha256=fingerprint,
        channel=channel,
        origin=origin.replace("\x00", "")[:LONGEST_ORIGIN],
        received_at=at,
        received_by=by,
    )
    # The bytes before the row: a row without its file would be worse than a file without its row.
    document.file.save(_name_on_disk(name), ContentFile(content), save=False)
    try:
        with transaction.atomic():
            document.save()
    except IntegrityError:
        document.file.delete(save=False)
        # Two at once: the other one was stored first.
        if earlier := same_bytes.first():
            return earlier
        raise
    return document


def read_kept_document(*, document_id: int, at: datetime, by: User | None) -> InvoiceDocument:
    """
    Read a document that was kept, capture its invoices and match them.

    Read before, by whomever, it is returned as it is. Reading takes its time, so it is done before
    anything is locked. Locks: the document; then, in a transaction of its own, as `match_invoice`.
    """
    document = InvoiceDocument.objects.get(pk=document_id)
    if document.status != Status.RECEIVED:
        return document
    read = _read(document)
    with transaction.atomic():
        document = _lock(document_id)
        if document.status != Status.RECEIVED:
            return document
        captured = settle(document, read, said=NOTHING_SAID, at=at, by=by)
    _match(captured, at=at)
    return document


def complete_document(
    *,
    document_id: int,
    supplier_id: int,
    at: datetime,
    by: User | None,
    remember: bool = False,
    duplicate_reason: str = "",
) -> InvoiceDocument:
    """
    Say whose a document is and capture its invoices, those that were not captured before.

    It stays NEEDS_PERSON, with what hinders, where one of them still cannot be. Said again of a
    document that was captured, it changes nothing.
    remember: fill in the supplier's tax number and electronic address where it has none.
    duplicate_reason: why numbers that were entered before are right this time.
    Locks: the document, the supplier; then, in a transaction of its own, as `match_invoice`.

    :raises WrongStatus: it was captured from another supplier, or set aside.
    :raises NoSuchSupplier: nothing is changed.
    """
    document = InvoiceDocument.objects.get(pk=document_id)
    read = _read(document)
    with transaction.atomic():
        document = _lock(document_id)
        if document.status == Status.CAPTURED and document.supplier_id == supplier_id:
            return document
        check_move(document, Status.CAPTURED)
        supplier = Supplier.objects.filter(pk=supplier_id).first()
        if supplier is None:
            msg = "There is no such supplier."
            raise NoSuchSupplier(msg, supplier=supplier_id)
        said = Said(supplier, duplicate_reason.strip())
        captured = settle(document, read, said=said, at=at, by=by)
        if remember and isinstance(read, ReadDocument) and has_one_seller(read.invoices):
            remember_identity(supplier, read.invoices[0].seller)
    _match(captured, at=at)
    return document


@transaction.atomic
def enter_document(
    *, document_id: int, at: datetime, by: User | None, **printed: Any
) -> SupplierInvoice:
    """
    Store an invoice that a person read off a document, which ends with it.

    printed: as `capture_invoice` takes it. Locks: the document.

    :raises WrongStatus: nobody has to look at it.
    :raises DuplicateInvoice: the number was entered before.
    :raises InvalidInvoice: nothing is stored.
    """
    document = _lock(document_id)
    check_move(document, Status.CAPTURED)
    if document.status != Status.NEEDS_PERSON:
        msg = f"{document} is not read yet."
        raise WrongStatus(msg, status=document.status)
    taken = captured_positions(document)
    invoice = capture_invoice(
        source=document, source_position=max(taken, default=0) + 1, at=at, by=by, **printed
    )
    document.supplier = invoice.supplier
    document.supplier_found_by = FoundBy.PERSON
    end(document, Status.CAPTURED, at=at, by=by)
    return invoice


@transaction.atomic
def set_aside_document(
    *, document_id: int, reason: str, at: datetime, by: User | None
) -> InvoiceDocument:
    """
    Put away a document that is no invoice of ours; it is kept, and can be opened again.

    Set aside before, it is returned as it is. Locks: the document.

    :raises WrongStatus: it was captured.
    :raises MissingReason: the reason is empty.
    """
    document = _lock(document_id)
    if document.status == Status.SET_ASIDE:
        return document
    check_move(document, Status.SET_ASIDE)
    if not reason.strip():
        msg = "Say why it is set aside."
        raise MissingReason(msg, document=document.number)
    document.end_reason = reason.strip()
    document.status, document.ended_at, document.ended_by = Status.SET_ASIDE, at, by
    document.save()
    return document


@transaction.atomic
def reopen_document(*, document_id: int, at: datetime, by: User | None) -> InvoiceDocument:
    """
    Let a document wait for a person again: it was set aside by mistake, or its invoice is void.

    What was captured from it stays. Open already, it is returned as it is. Locks: the document.

    :raises WrongStatus: it is not read yet.
    """
    document = _lock(document_id)
    if document.status == Status.NEEDS_PERSON:
        return document
    if document.status == Status.RECEIVED:
        msg = f"{document} is not read yet."
        raise WrongStatus(msg, status=document.status)
    check_move(document, Status.NEEDS_PERSON)
    problem = Problem(OPENED_AGAIN, f"Opened again by {by or 'the system'} on {at:%d %B %Y}.")
    need_person(document, problem)
    return document


def _read(document: InvoiceDocument) -> ReadDocument | UnreadableDocument | Problem:
    """Read the bytes; what the reader does not foresee is a problem of the program, and logged."""
    try:
        with document.file.open("rb") as file:
            content = file.read()
        return with_official_breaks(read_document(content, filename=document.filename))
    except UnreadableDocument as refusal:
        # A zip or an e-mail is kept only for what could not be taken out of it.
        inside = found_in_bytes(content, name=document.filename)
        return next((found.refusal for found in inside if found.refusal), refusal)
    except Exception as surprise:
        logger.exception("invoice_document_not_read", document=document.number)
        return failed(surprise)


def _match(invoice_ids: Collection[int], *, at: datetime) -> None:
    """Match what was captured; what cannot be now is matched by the next run of the task."""
    for invoice_id in invoice_ids:
        try:
            match_invoice(invoice_id=invoice_id, at=at)
        except BusinessError as refusal:
            logger.warning("invoice_not_matched", invoice=invoice_id, reason=refusal.message)


def _lock(document_id: int) -> InvoiceDocument:
    return InvoiceDocument.objects.for_update().select_related("supplier").get(pk=document_id)


def _name_on_disk(name: str) -> str:
    try:
        return get_valid_filename(name)
    except SuspiciousFileOperation:
        # Nothing of the name is left but points.
        return "file"
