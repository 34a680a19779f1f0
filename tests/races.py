"""Several callers at the same moment, for tests of what only one of them may get."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any

from django.db import connections

SECONDS_TO_WAIT = 30


def race(*calls: Callable[[], Any]) -> list[Any]:
    """
    Make all calls at once, each in a thread with a database connection of its own.

    Returns what each call returned, or the exception it raised, in the order of the calls. The
    test needs `django_db(transaction=True)`, else the threads see none of its rows.
    """
    start = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            connections["default"].ensure_connection()
            start.wait(timeout=SECONDS_TO_WAIT)
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(calls)) as threads:
        futures = [threads.submit(run, call) for call in calls]
    return [_outcome(future) for future in futures]


def _outcome(future: Future[Any]) -> Any:
    return future.exception() or future.result()
