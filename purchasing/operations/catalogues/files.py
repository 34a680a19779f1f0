"""A supplier's file from the moment it comes: kept, read by a profile, taken back, discarded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from pathlib import Path, PureWindowsPath
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files import File
from django.db import IntegrityError, transaction
from django.utils.text import get_valid_filename

from purchasing.models import Supplier, SupplierFile, SupplierFileProfile, Transport
from purchasing.operations.catalogues.runs import throw_away
from purchasing.operations.catalogues.staging import stage_supplier_file
from retail.common.errors import BusinessError
from retail.common.models import ImportRun, User
from retail.common.status import check_move

LONGEST_NAME = 255
LONGEST_CODE = 50

Status = SupplierFile.Status


class FileCameBefore(BusinessError):
    """The supplier's file came before, byte for byte; `file_id` and `run_id` say where it is."""

    def __init__(self, file: SupplierFile) -> None:
        super().__init__(
            f"This file came on {file.received_at:%d %B %Y at %H:%M} as {file.name}"
            f" ({file.get_status_display().lower()}).",
            file_id=file.pk,
            run_id=file.run_id,
            status=file.status,
        )
        self.file_id, self.run_id = file.pk, file.run_id


class ProfileOfAnotherSupplier(BusinessError):
    """A file is read by a profile of the supplier it came from."""


class ProfileCodeTaken(BusinessError):
    """Another supplier's profile has this code."""


@transaction.atomic
def receive_supplier_file(
    *,
    supplier: Supplier,
    name: str,
    content: File[Any],
    at: datetime,
    by: User | None,
    transport: str = Transport.UPLOAD,
    profile: SupplierFileProfile | None = None,
) -> SupplierFile:
    """
    Keep a supplier's file as it came; it waits to be read.

    profile: by which it is likely to be read.

    :raises FileCameBefore: the supplier sent the same bytes before, and they were not discarded.
    """
    fingerprint = _fingerprint(content)
    same_bytes = SupplierFile.objects.filter(supplier=supplier, sha256=fingerprint).exclude(
        status=Status.DISCARDED
    )
    if earlier := same_bytes.first():
        raise FileCameBefore(earlier)
    # The bytes before the row: a row without its file would be worse than a file without its row.
    file = SupplierFile(
        supplier=supplier,
        profile=profile,
        name=PureWindowsPath(name).name[-LONGEST_NAME:] or "file",
        size=content.size,
        sha256=fingerprint,
        transport=transport,
        received_at=at,
        received_by=by,
    )
    file.file.save(_name_on_disk(file.name), content, save=False)
    try:
        with transaction.atomic():
            file.save()
    except IntegrityError as error:
        file.file.delete(save=False)
        # Two at once: the other one was stored first.
        if earlier := same_bytes.first():
            raise FileCameBefore(earlier) from error
        raise
    return file


@transaction.atomic
def read_received_file(
    *, file_id: int, profile: SupplierFileProfile, at: datetime, by: User | None
) -> SupplierFile:
    """
    Read a file that waits, or that was refused before, by a profile of its supplier.

    Returns it STAGED, with its run, or REFUSED whole, which says why under `error_code` and
    `error`; nothing else is stored then. Read by the same profile before, it is returned as it is.
    Locks: the file.

    :raises ProfileOfAnotherSupplier: the profile reads another supplier's files.
    :raises WrongStatus: it was read by another profile, or discarded.
    """
    file = _lock(file_id)
    if profile.supplier_id != file.supplier_id:
        msg = f"{profile.code} reads the files of another supplier than {file.name} is from."
        raise ProfileOfAnotherSupplier(msg, profile=profile.code)
    if file.status == Status.STAGED and file.profile_id == profile.pk:
        return file
    check_move(file, Status.STAGED)
    file.profile = profile
    try:
        with transaction.atomic():
            file.run = stage_supplier_file(
                profile=profile, path=Path(file.file.path), at=at, by=by, name=file.name
            )
    except BusinessError as refusal:
        file.status, file.run = Status.REFUSED, None
        file.error_code, file.error = refusal.code, refusal.message
    else:
        file.status, file.error_code, file.error = Status.STAGED, "", ""
    file.save()
    return file


@transaction.atomic
def take_back_file(*, file_id: int, at: datetime, by: User | None) -> SupplierFile:
    """
    Let a file that was read wait again, to be read differently; its staged lines are thrown away.

    Locks: the file, then its run.

    :raises WrongStatus: it was not read, or its lines are applied or being applied.
    """
    file = _lock(file_id)
    check_move(file, Status.RECEIVED)
    if file.run_id is not None:
        throw_away(file.run_id, error=f"Taken back by {by or 'the system'}.", at=at)
    file.status, file.run = Status.RECEIVED, None
    file.error_code = file.error = ""
    file.save()
    return file


@transaction.atomic
def discard_file(*, file_id: int, at: datetime, by: User | None) -> SupplierFile:
    """
    Put away a file that should not have come; the same bytes may then come again.

    One that was read is taken back first.
    Locks: the file, then its run.

    :raises WrongStatus: it was discarded before, or its lines are applied or being applied.
    """
    file = _lock(file_id)
    if file.status == Status.STAGED:
        if file.run_id is not None:
            throw_away(file.run_id, error=f"Discarded by {by or 'the system'}.", at=at)
        file.status = Status.RECEIVED
        file.save()
    check_move(file, Status.DISCARDED)
    file.status = Status.DISCARDED
    file.save()
    return file


@transaction.atomic
def discard_supplier_file(*, run_id: int, at: datetime, by: User | None) -> ImportRun:
    """
    Throw the staged lines of a run away, and its file; the same bytes may then come again.

    Locks: the file, then the run.

    :raises WrongStatus: the run was applied or discarded before, or is being applied.
    """
    file_id = SupplierFile.objects.filter(run=run_id).values_list("pk", flat=True).first()
    if file_id is None:
        return throw_away(run_id, error=f"Discarded by {by or 'the system'}.", at=at)
    discard_file(file_id=file_id, at=at, by=by)
    return ImportRun.objects.get(pk=run_id)


@transaction.atomic
def save_profile(
    *, supplier: Supplier, code: str, reading: Mapping[str, Any]
) -> SupplierFileProfile:
    """
    Keep how a supplier's files are read, under a code; the supplier's profile of it is changed.

    reading: fields of the profile -> values: encoding, delimiter, quote, decimal_separator,
    day_format, sheet, skipped_lines, has_titles, footer_words, columns, and the guards.

    :raises ProfileCodeTaken: another supplier's profile has the code.
    """
    SupplierFileProfile.objects.get_or_create(code=code, defaults={"supplier": supplier, **reading})
    profile = SupplierFileProfile.objects.select_for_update(of=("self",), no_key=True).get(
        code=code
    )
    if profile.supplier_id != supplier.pk:
        msg = f"Another supplier's profile is called {code}. Choose another code."
        raise ProfileCodeTaken(msg, code=code)
    for name, value in reading.items():
        setattr(profile, name, value)
    profile.save()
    return profile


def _lock(file_id: int) -> SupplierFile:
    return SupplierFile.objects.select_for_update(of=("self",), no_key=True).get(pk=file_id)


def _fingerprint(content: File[Any]) -> str:
    digest = sha256()
    for chunk in content.chunks():
        digest.update(chunk)
    content.seek(0)
    return digest.hexdigest()


def _name_on_disk(name: str) -> str:
    try:
        return get_valid_filename(name)
    except SuspiciousFileOperation:
        # Nothing of the name is left but points.
        return "file"
