"""SQL past every operation and model, for tests of what the database itself refuses."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction


def execute(statement: str, params: Sequence[Any] = ()) -> None:
    """Run a statement in a transaction of its own, its constraints checked at once."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement, params)
