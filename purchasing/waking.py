"""Waking scheduled work after commit; the clock does the same when the hint is lost."""

from __future__ import annotations

from django.db import transaction

from purchasing import tasks


def wake_matching() -> None:
    """Let bills that wait for goods be matched as soon as what came is committed."""
    transaction.on_commit(tasks.match_waiting_invoices.delay, robust=True)
