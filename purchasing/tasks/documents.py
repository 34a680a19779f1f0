"""Taking in the files of invoices that came into a folder or a mailbox, and reading them."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from purchasing import operations
from purchasing.einvoices.mail import messages_of
from purchasing.fetching import Memory, Place, fetch
from purchasing.fetching.base import MOST_BYTES
from purchasing.models import InvoiceDocument, Transport
from retail.common.models import TaskRun
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

TASK = "purchasing.receive_invoice_files"
MESSAGES_PER_RUN = 200
DOCUMENTS_PER_RUN = 100
# What nobody has written to for so long is complete.
STILL_FOR = timedelta(seconds=60)
# A file that is being read by whoever uploaded it is left to them.
LEFT_ALONE_FOR = timedelta(minutes=2)

Channel = InvoiceDocument.Channel


@shared_task(name=TASK)
@recorded(TASK)
def receive_invoice_files(**_future: object) -> dict[str, int]:
    """
    Take in the files of the drop folder and the e-mails of the mailbox, capture what is in them.

    A file of the folder ends in its folder `done`, or `error` when somebody has to look at it; an
    e-mail is marked as seen. Nothing is deleted, and the same bytes are taken in once.
    """
    counts: Counter[str] = Counter(files=0, captured=0, waiting=0, mailboxes=0)
    surprise: Exception | None = None
    for take_in in (_from_folder, _from_mailbox):
        try:
            take_in(counts)
        except Exception as error:  # noqa: BLE001 - raised below, when both had their turn
            surprise = error
    if surprise is not None:
        raise surprise
    return dict(counts)


@shared_task(name="purchasing.read_received_documents")
@recorded("purchasing.read_received_documents")
def read_received_documents(**_future: object) -> dict[str, int]:
    """Go on with the files that were kept and not read, because the program died in between."""
    counts: Counter[str] = Counter(captured=0, waiting=0)
    left = InvoiceDocument.objects.filter(
        status=InvoiceDocument.Status.RECEIVED, received_at__lte=timezone.now() - LEFT_ALONE_FOR
    )
    for kept in list(left.select_related("received_by").order_by("pk")[:DOCUMENTS_PER_RUN]):
        document = operations.read_kept_document(
            document_id=kept.pk, at=timezone.now(), by=kept.received_by
        )
        _count(counts, [document])
    return dict(counts)


def _from_folder(counts: Counter[str]) -> None:
    if not settings.RETAIL_INVOICE_DROP:
        return
    folder = Path(settings.RETAIL_INVOICE_DROP)
    now = timezone.now()
    place = Place(transport=Transport.FOLDER, address=folder.name, root=folder.parent)
    with closing(fetch(place, _still_files(folder, at=now), at=now)) as files:
        for fetched in files:
            documents = operations.receive_files(
                content=fetched.path.read_bytes(),
                filename=fetched.name,
                channel=Channel.FOLDER,
                origin=folder.name,
                at=timezone.now(),
                by=None,
            )
            counts["files"] += 1
            fetched.settle(_count(counts, documents))


def _still_files(folder: Path, *, at: datetime) -> Memory:
    """
    Return what a look at the folder a minute ago would have remembered of it.

    There is no row to keep what was seen, so a file counts as complete by the time since it was
    last written to, or by a marker beside it.
    """
    waiting: dict[str, list[Any]] = {}
    latest = (at - STILL_FOR).timestamp()
    for file in folder.iterdir() if folder.is_dir() else ():
        try:
            facts = file.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(facts.st_mode) and facts.st_mtime <= latest:
            waiting[file.name] = [facts.st_size, facts.st_mtime, facts.st_mtime]
            if facts.st_size > MOST_BYTES:
                logger.warning("invoice_file_too_large", file=file.name, bytes=facts.st_size)
    return Memory(waiting=waiting)


def _from_mailbox(counts: Counter[str]) -> None:
    if not settings.RETAIL_INVOICE_MAILBOX:
        return
    mailbox = Path(settings.RETAIL_INVOICE_MAILBOX)
    messages = _of_maildir(mailbox) if mailbox.is_dir() else _of_mbox(mailbox)
    for name, message, settle in messages:
        documents = operations.receive_files(
            content=message,
            filename=name,
            channel=Channel.MAIL,
            at=timezone.now(),
            by=None,
        )
        counts["files"] += 1
        _count(counts, documents)
        settle()
        counts["mailboxes"] = 1


Message = tuple[str, bytes, Callable[[], object]]


def _of_maildir(mailbox: Path) -> Iterator[Message]:
    """
    Yield the messages of a Maildir that nobody has seen, each with what marks it as seen.

    Source: the Maildir manual of qmail: a message is written in tmp and moved to new when it is
    complete; seen, it lies in cur under a name that ends in `:2,S`.
    """
    unseen = sorted(_files_of(mailbox / "new")) + sorted(
        file for file in _files_of(mailbox / "cur") if "S" not in _flags(file)
    )
    for file in unseen[:MESSAGES_PER_RUN]:
        base = file.name.split(":2,")[0]
        flags = "".join(sorted({*_flags(file), "S"}))
        seen = mailbox / "cur" / f"{base}:2,{flags}"
        seen.parent.mkdir(exist_ok=True)
        yield f"{base}.eml", file.read_bytes(), partial(file.rename, seen)


def _of_mbox(mailbox: Path) -> Iterator[Message]:
    """Yield all messages of an mbox that was written to since it was read, once it lies still."""
    if not mailbox.is_file():
        logger.warning("invoice_mailbox_missing")
        return
    changed_at = mailbox.stat().st_mtime
    if changed_at > (timezone.now() - STILL_FOR).timestamp() or changed_at <= _read_up_to():
        return
    with mailbox.open("rb") as file:
        for place, message in enumerate(messages_of(file), start=1):
            yield f"message-{place}.eml", message, lambda: None


def _read_up_to() -> float:
    """Return when the last run that read the mailbox began, less the time it has to lie still."""
    done = TaskRun.objects.filter(name=TASK, status=TaskRun.Status.DONE, summary__mailboxes__gt=0)
    started_at = done.order_by("-started_at").values_list("started_at", flat=True).first()
    return 0.0 if started_at is None else (started_at - STILL_FOR).timestamp()


def _files_of(folder: Path) -> list[Path]:
    """Return the files of a folder that are no links: who writes there may not read elsewhere."""
    if not folder.is_dir():
        return []
    return [
        file
        for file in folder.iterdir()
        if not file.name.startswith(".") and stat.S_ISREG(file.lstat().st_mode)
    ]


def _flags(file: Path) -> str:
    return file.name.rpartition(":2,")[2] if ":2," in file.name else ""


def _count(counts: Counter[str], documents: Sequence[InvoiceDocument]) -> bool:
    """Count what became of documents; tell whether nobody has to look at any of them."""
    waiting = sum(document.status == InvoiceDocument.Status.NEEDS_PERSON for document in documents)
    counts["waiting"] += waiting
    counts["captured"] += len(documents) - waiting
    return waiting == 0
