"""The outbox: files for accounting and the bank, laid where they are fetched, each once."""

from __future__ import annotations

import os
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import F

from purchasing.models import Handover, PayableExport, PaymentBatch
from retail.common.errors import BusinessError, WrongStatus

State = Handover.State

# A minute after the first failure, then twice as long each time: two hours in all.
FIRST_WAIT = timedelta(minutes=1)
MOST_TRIES = 8
LONGEST_ERROR = 300
READABLE_BY_GROUP = 0o640


class AnotherFileLiesThere(BusinessError):
    """A file of the same name and other content is there; nothing is written over it."""


def owe_export(export: PayableExport, *, at: datetime) -> None:
    """Note that the file has to be laid in the folder, if there is one."""
    if settings.RETAIL_HANDOVER_DIR:
        Handover.objects.create(export=export, filename=f"{export.number}.csv", try_at=at)


def owe_batch(batch: PaymentBatch, *, at: datetime) -> None:
    """Note that the file has to be laid in the folder, if there is one."""
    if settings.RETAIL_HANDOVER_DIR:
        Handover.objects.create(batch=batch, filename=f"{batch.number}.xml", try_at=at)


def withdraw_batch(batch: PaymentBatch) -> Handover | None:
    """
    Keep the file of a batch that is taken back from being laid; return its row, if it has one.

    One that lies there stays: whoever fetches it has to be told. Locks: the handover, held by a
    worker until the file lies there or does not.
    """
    handover = Handover.objects.for_update().filter(batch=batch).first()
    if handover is not None and handover.state == State.DUE:
        handover.state, handover.error = State.FAILED, f"{batch} was taken back."
        handover.save(update_fields=["state", "error"])
    return handover


@transaction.atomic
def hand_over_next(*, folder: Path, at: datetime) -> Handover | None:
    """
    Lay the file that is due the longest into the folder; None when none is due.

    What keeps it from being laid is noted on it, and it is due again later, until a person has to
    look. A worker that dies on the way leaves the row due and, at most, the whole file, which the
    next one finds. Locks: the handover, skipping those that others hold.
    """
    # The row stays locked while the file is written, so that no two workers write it and a batch
    # that is taken back waits; nothing else ever waits for this row.
    handover = (
        Handover.objects.filter(state=State.DUE, try_at__lte=at)
        .select_related("export", "batch")
        .order_by("try_at", "pk")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .first()
    )
    if handover is None:
        return None
    try:
        lay_file(folder, handover.filename, _content(handover))
    except (OSError, AnotherFileLiesThere) as failure:
        _note_failure(handover, failure, at=at)
    else:
        _note_done(handover, at=at)
    handover.tries = F("tries") + 1
    handover.save(update_fields=["state", "done_at", "error", "tries", "try_at"])
    handover.refresh_from_db(fields=["tries"])
    return handover


@transaction.atomic
def retry_handover(*, handover_id: int, at: datetime) -> Handover:
    """
    Let a file that could not be handed over be tried again, from the next run on.

    :raises WrongStatus: it lies there, will be tried by itself, or its batch was taken back.
    """
    handover = Handover.objects.for_update().select_related("batch").get(pk=handover_id)
    batch = handover.batch
    if batch is not None and batch.status == PaymentBatch.Status.CANCELLED:
        msg = f"{batch} was taken back: its file is not handed over."
        raise WrongStatus(msg, status=batch.status)
    if handover.state != State.FAILED:
        msg = f"{handover} is {handover.get_state_display().lower()}: there is nothing to retry."
        raise WrongStatus(msg, status=handover.state)
    handover.state, handover.tries, handover.try_at = State.DUE, 0, at
    handover.save(update_fields=["state", "tries", "try_at"])
    return handover


def lay_file(folder: Path, filename: str, content: bytes) -> None:
    """
    Put a file into a folder so that whoever looks finds all of it or nothing.

    Written under another name, forced onto the disk, then renamed. The same file twice is one.

    :raises AnotherFileLiesThere: the name is taken by another content.
    :raises OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / filename
    for leftover in folder.glob(f".{filename}.*"):
        leftover.unlink(missing_ok=True)
    if place.exists():
        if place.read_bytes() != content:
            msg = f"Another file called {filename} lies there; it was left alone."
            raise AnotherFileLiesThere(msg)
        _force_to_disk(folder)
        return
    descriptor, name = tempfile.mkstemp(prefix=f".{filename}.", dir=folder)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), READABLE_BY_GROUP)
        os.fsync(file.fileno())
    Path(name).replace(place)
    _force_to_disk(folder)


def _force_to_disk(folder: Path) -> None:
    """Make the name of a file survive a power cut, not only its content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _content(handover: Handover) -> bytes:
    source = handover.export or handover.batch
    assert source is not None  # noqa: S101 - a constraint has it so
    return source.content.encode()


def _note_done(handover: Handover, *, at: datetime) -> None:
    handover.state, handover.done_at, handover.error = State.DONE, at, ""


def _note_failure(handover: Handover, failure: Exception, *, at: datetime) -> None:
    handover.error = str(failure)[:LONGEST_ERROR]
    if handover.tries + 1 >= MOST_TRIES:
        handover.state = State.FAILED
    else:
        handover.try_at = at + FIRST_WAIT * 2**handover.tries
