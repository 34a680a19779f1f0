"""The run of a supplier's file: locked, asked whether it waits, thrown away."""

from __future__ import annotations

from datetime import datetime

from purchasing.models import SupplierFileRow
from purchasing.operations.catalogues.comparing import KIND
from retail.common.errors import WrongStatus
from retail.common.imports import fail_import
from retail.common.models import ImportRun


def lock_run(run_id: int) -> ImportRun:
    return ImportRun.objects.select_for_update(of=("self",), no_key=True).get(pk=run_id, kind=KIND)


def require_staged(run: ImportRun) -> None:
    if run.status != ImportRun.Status.STAGED:
        msg = f"{run.file_name} is {run.get_status_display().lower()}: nothing waits to be decided."
        raise WrongStatus(msg, status=run.status)


def remove_staged(run: ImportRun) -> None:
    SupplierFileRow.objects.filter(run=run).delete()


def throw_away(run_id: int, *, error: str, at: datetime) -> ImportRun:
    """
    Lock the run and close it with its staged lines thrown away.

    :raises WrongStatus: it was applied or thrown away before.
    """
    run = lock_run(run_id)
    require_staged(run)
    remove_staged(run)
    return fail_import(run=run, error=error, at=at)
