"""Several callers at the same moment, for tests of what only one of them may get."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import Barrier
from typing import Any
from unittest import mock

from django.db import IntegrityError, connections

SECONDS_TO_WAIT = 30


def race(*calls: Callable[[], Any]) -> list[Any]:
    """
    Make all calls at once, each in a thread with a database connection of its own.

    Returns what each call returned, or the exception it raised, in the order of the calls. The
    test needs `django_db(transaction=True)`, else the threads see none of its rows.
    """
    start = Barrier(len(calls))

    def at_once(call: Callable[[], Any]) -> Any:
        connections["default"].ensure_connection()
        start.wait(timeout=SECONDS_TO_WAIT)
        return call()

    with ThreadPoolExecutor(max_workers=len(calls)) as threads:
        futures = [threads.submit(in_its_own_connection, partial(at_once, call)) for call in calls]
    return [_outcome(future) for future in futures]


@contextmanager
def beside(call: Callable[[], Any]) -> Iterator[Future[Any]]:
    """Make a call in another thread, with a database connection of its own; give its future."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        yield thread.submit(in_its_own_connection, call)


@contextmanager
def both_read_before_either_writes(*places: tuple[Any, str]) -> Iterator[None]:
    """Hold two callers at these functions, each (owner, name), until both have got there."""
    both_have_read = Barrier(2)

    def held(write: Callable[..., Any]) -> Callable[..., Any]:
        def wait_and_write(*args: Any, **kwargs: Any) -> Any:
            both_have_read.wait(timeout=SECONDS_TO_WAIT)
            return write(*args, **kwargs)

        return wait_and_write

    with ExitStack() as patches:
        for owner, name in places:
            patches.enter_context(mock.patch.object(owner, name, held(getattr(owner, name))))
        yield


def refusal_among(outcomes: Iterable[Any]) -> str:
    """Return the words of the one refusal by the database among what calls returned."""
    [refusal] = [outcome for outcome in outcomes if isinstance(outcome, IntegrityError)]
    return str(refusal)


def in_its_own_connection(call: Callable[[], Any]) -> Any:
    """Make a call whose thread leaves no database connection behind."""
    try:
        return call()
    finally:
        connections.close_all()


def _outcome(future: Future[Any]) -> Any:
    return future.exception() or future.result()
