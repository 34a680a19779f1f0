"""The health page: whether the scheduled work runs and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from channels.queries import OutboxAge, SyncAge, outbox_ages, sync_ages
from retail.backoffice import queries
from retail.backoffice.ages import in_words
from retail.common.models import TaskRun


@dataclass(frozen=True)
class Line:
    """One line of a table: its cells, and whether it is as it should be."""

    cells: tuple[str, ...]
    is_well: bool


@require_safe
def tasks(request: HttpRequest) -> TemplateResponse:
    """Show the last run of each scheduled task, and how far behind the channels are."""
    if not request.user.has_perm("common.view_taskrun"):
        raise PermissionDenied
    now = timezone.now()
    check = queries.last_integrity_check()
    changes = queries.unpushed(at=now)
    context = {
        **admin.site.each_context(request),
        "title": "Health",
        "task_headings": ("Work", "Runs", "Last run", "Result", "Took", "Found"),
        "stream_headings": ("Channel", "What", "Last read", "Failed in a row", "Error"),
        "outbox_headings": ("Channel", "Waiting", "Oldest", "Refused"),
        "tasks": [_task(health, now) for health in queries.task_healths(at=now)],
        "streams": [_stream(sync) for sync in sync_ages(at=now)],
        "outbox": [_outbox(age) for age in outbox_ages(at=now)],
        "changes": changes.changes,
        "changes_age": in_words(changes.oldest) if changes.oldest else "",
        "check": check,
        "check_age": in_words(now - check.started_at) if check else "",
        "differences": check.summary.get("differences", 0) if check else 0,
        "first_differences": check.summary.get("first", []) if check else [],
    }
    return TemplateResponse(request, "admin/health.html", context)


def _task(health: queries.TaskHealth, now: datetime) -> Line:
    last = health.last
    return Line(
        cells=(
            health.title,
            _schedule(health),
            f"{in_words(now - last.started_at)} ago" if last else "never",
            "Late" if health.is_late else (last.get_status_display() if last else ""),
            _duration(last) if last else "",
            _found(last) if last else "",
        ),
        is_well=health.is_well,
    )


def _schedule(health: queries.TaskHealth) -> str:
    if not health.is_enabled:
        return "not scheduled"
    return f"every {in_words(health.every)}" if health.every else "once a day"


def _duration(run: TaskRun) -> str:
    if run.finished_at is None:
        return ""
    return f"{(run.finished_at - run.started_at).total_seconds():.1f} s"


def _found(run: TaskRun) -> str:
    """Return the counts of the run's summary, or its error."""
    if run.error:
        return run.error
    counts = (f"{key.replace('_', ' ')}: {value}" for key, value in run.summary.items() if value)
    return ", ".join(counts)[:200]


def _stream(sync: SyncAge) -> Line:
    return Line(
        cells=(
            sync.channel.name,
            sync.stream,
            f"{in_words(sync.age)} ago" if sync.age is not None else "never",
            str(sync.failures or ""),
            sync.error,
        ),
        is_well=not sync.failures and sync.age is not None,
    )


def _outbox(age: OutboxAge) -> Line:
    return Line(
        cells=(
            age.channel.name,
            str(age.waiting),
            in_words(age.oldest) if age.oldest else "",
            str(age.refused or ""),
        ),
        is_well=not age.refused,
    )
