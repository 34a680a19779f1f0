"""Fetching suppliers' files, and applying those that nobody has to look at."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import structlog
from celery import shared_task
from django.conf import settings
from django.core.files import File
from django.utils import timezone

from purchasing import operations
from purchasing.fetching import Fetched, FetchFailed, Memory, Place, fetch
from purchasing.models import SupplierFile, SupplierFileProfile
from purchasing.queries import runs_to_apply
from retail.common.errors import BusinessError
from retail.common.taskruns import recorded

logger = structlog.get_logger(__name__)

PROFILES_PER_RUN = 50
# What cannot be applied by then, because another file is in the way, waits for a person.
TRIED_FOR = timedelta(days=2)
FILES_PER_RUN = 50
# What cannot be applied by then, because another file is in the way, waits for a person.
TRIED_FOR = timedelta(days=2)


@shared_task(name="purchasing.fetch_supplier_files")
@recorded("purchasing.fetch_supplier_files")
def fetch_supplier_files(**_future: object) -> dict[str, int]:
    """
    Fetch the files of every profile that is due, read them, and apply those of trusted profiles.

    A profile is claimed first, so two workers never ask the same place at once. What goes wrong
    with one stands on it, for a person, and stops no other.
    """
    counts: Counter[str] = Counter(profiles=0, failed=0, new=0, known=0, refused=0, applied=0)
    surprise: Exception | None = None
    for _ in range(PROFILES_PER_RUN):
        profile = operations.claim_due_profile(at=timezone.now())
        if profile is None:
            break
        counts["profiles"] += 1
        try:
            _fetch_from(profile, counts)
        except Exception as error:  # noqa: BLE001 - raised below, when the others had their turn
            surprise = error
    counts["applied"] = _apply_unattended()
    if surprise is not None:
        raise surprise
    return dict(counts)


def _fetch_from(profile: SupplierFileProfile, counts: Counter[str]) -> None:
    memory, error = Memory.of(profile.poll_state), ""
    try:
        with closing(fetch(_place(profile), memory, at=timezone.now())) as files:
            for fetched in files:
                file = _receive(profile, fetched, counts)
                fetched.settle(file.status != SupplierFile.Status.REFUSED)
    except FetchFailed as failure:
        error = str(failure)
        counts["failed"] += 1
        logger.warning("supplier_files_not_fetched", profile=profile.code, reason=error)
    except Exception as surprise:
        # Its words may quote anything, an address with its password too.
        error = f"The program failed ({type(surprise).__name__}); the log says where."
        counts["failed"] += 1
        raise
    finally:
        operations.note_poll(profile_id=profile.pk, state=memory.stored(), error=error)


def _receive(profile: SupplierFileProfile, fetched: Fetched, counts: Counter[str]) -> SupplierFile:
    """Keep a fetched file and read it; one that came before stays what became of it."""
    now = timezone.now()
    try:
        with fetched.path.open("rb") as content:
            file = operations.receive_supplier_file(
                supplier=profile.supplier,
                name=fetched.name,
                content=File(content, name=fetched.name),
                transport=profile.transport,
                profile=profile,
                at=now,
                by=None,
            )
    except operations.FileCameBefore as refusal:
        counts["known"] += 1
        file = SupplierFile.objects.get(pk=refusal.file_id)
        # Kept by a worker that died before it read it.
        if file.status != SupplierFile.Status.RECEIVED or file.received_by_id is not None:
            return file
    else:
        counts["new"] += 1
    file = operations.read_received_file(file_id=file.pk, profile=profile, at=now, by=None)
    if file.status == SupplierFile.Status.REFUSED:
        counts["refused"] += 1
        logger.warning("supplier_file_refused", profile=profile.code, reason=file.error_code)
    return file


def _apply_unattended() -> int:
    """Apply the files that no guard stops; one that cannot be applied waits for a person."""
    applied = 0
    since = timezone.now() - TRIED_FOR
    for run_id in runs_to_apply(since=since, limit=FILES_PER_RUN):
        try:
            operations.begin_applying(run_id=run_id, at=timezone.now(), by=None)
        except BusinessError as refusal:
            logger.warning("supplier_file_not_applied", run=run_id, reason=refusal.message)
        else:
            applied += 1
    return applied


def _place(profile: SupplierFileProfile) -> Place:
    root = settings.SUPPLIER_DROP_DIR
    return Place(
        transport=profile.transport,
        address=profile.address,
        pattern=profile.file_pattern,
        username=profile.username,
        secret=profile.secret,
        host_key=profile.host_key,
        root=Path(root) if root else None,
        own_hosts=settings.SUPPLIER_FETCH_OWN_HOSTS,
    )
