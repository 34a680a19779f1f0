"""What a check of totals against their ledgers finds, and the one moment it looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction


@dataclass(frozen=True, slots=True)
class Difference:
    """
    A stored figure that is not what the ledgers say.

    kind: which rule is broken, stable. key: which row, in words a person can look up.
    """

    kind: str
    key: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.key} should be {self.expected} and is {self.actual}"


def differences_of(checks: Mapping[str, str]) -> list[Difference]:
    """
    Return what queries find wrong.

    checks: kind of the difference -> a SELECT of key, expected and actual figure of each row that
    is wrong.
    """
    found = []
    with connection.cursor() as cursor:
        for kind, query in checks.items():
            cursor.execute(query)
            found += [
                Difference(kind=kind, key=key, expected=str(expected), actual=str(actual))
                for key, expected, actual in cursor.fetchall()
            ]
    return found


@contextmanager
def snapshot() -> Iterator[None]:
    """
    Let every query inside see the database as it was at one moment, and change nothing.

    Two statements under READ COMMITTED see two moments: a sale between them looks like a mistake.
    It begins a transaction of its own, so it cannot be used inside one.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
