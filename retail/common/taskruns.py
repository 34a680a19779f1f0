"""The record of every run of a scheduled task, for the health page."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.utils import timezone

from retail.common.models import TaskRun

Arguments = ParamSpec("Arguments")
Summary = TypeVar("Summary")

LONGEST_ERROR = 2000


def recorded(
    name: str,
) -> Callable[[Callable[Arguments, Summary]], Callable[Arguments, Summary]]:
    """
    Decorator: write a TaskRun row for every run of the task, below `@shared_task`.

    The task's return value, a flat dictionary of counts, is the row's summary. An exception is
    kept on the row and raised on. The row is written outside the task's transactions, so it stays
    when they are rolled back.
    """

    def decorate(task: Callable[Arguments, Summary]) -> Callable[Arguments, Summary]:
        @wraps(task)
        def run_and_record(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Summary:
            run = TaskRun.objects.create(name=name, started_at=timezone.now())
            try:
                summary = task(*args, **kwargs)
            except Exception as error:
                text = f"{type(error).__name__}: {error}"[:LONGEST_ERROR]
                _finish(run, status=TaskRun.Status.FAILED, error=text)
                raise
            _finish(run, status=TaskRun.Status.DONE, summary=_as_dictionary(summary))
            return summary

        return run_and_record

    return decorate


def _finish(run: TaskRun, **outcome: Any) -> None:
    TaskRun.objects.filter(pk=run.pk).update(finished_at=timezone.now(), **outcome)


def _as_dictionary(summary: object) -> dict[str, Any]:
    if isinstance(summary, dict):
        return summary
    return {} if summary is None else {"result": summary}
