"""
Test databases made by copying one that was migrated once.

Migrating takes ten seconds, copying a tenth of one. So every process of pytest-xdist gets a copy,
and so does every test that commits: emptying the tables behind it, as Django would, is refused by
the ledgers, and would take along the rows that migrations put there.
"""

import functools
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.db import connection, connections

ROOT = Path(__file__).resolve().parent.parent
TEMPLATE_PREFIX = "template_of_tests_"
# Whatever decides what a migrated database looks like: of the packages, their versions do.
SOURCES = (
    "*/migrations/*.py",
    "retail/*/migrations/*.py",
    "*/models.py",
    "*/models/*.py",
    *(
        f"retail/common/{name}.py"
        for name in ("append_only", "constraints", "fields", "history", "numbering", "status")
    ),
    # A migration gives the roles what they may do.
    "retail/common/roles.py",
    "retail/backoffice/roles.py",
    "requirements/dev.txt",
)
TEMPLATE_LOCK = 72_657_462  # an advisory lock: one process migrates, the others wait for it


def recreate(name: str) -> None:
    """Make the database of this name anew and let the connection lead there."""
    connections.close_all()
    with connection._nodb_cursor() as cursor:
        template = _migrated_template(cursor)
        # FORCE ends sessions that a thread or a worker of the last test left open.
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    connection.settings_dict["NAME"] = name


def drop(name: str) -> None:
    """Remove the database of this name."""
    connections.close_all()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _migrated_template(cursor) -> str:
    name = TEMPLATE_PREFIX + _digest()
    if _exists(cursor, name):
        return name
    cursor.execute("SET lock_timeout = 0; SET statement_timeout = 0")  # migrating takes its time
    cursor.execute("SELECT pg_advisory_lock(%s)", [TEMPLATE_LOCK])
    try:
        if not _exists(cursor, name):
            _drop_templates(cursor)
            unfinished = f"{TEMPLATE_PREFIX}unfinished"
            cursor.execute(f'CREATE DATABASE "{unfinished}"')
            with _connected_to(unfinished):
                call_command("migrate", verbosity=0, interactive=False)
            cursor.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{name}"')
    finally:
        cursor.execute("SELECT pg_advisory_unlock(%s)", [TEMPLATE_LOCK])
    return name


@functools.cache
def _digest() -> str:
    content = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            if not path.relative_to(ROOT).parts[0].startswith("."):
                content.update(path.relative_to(ROOT).as_posix().encode())
                content.update(path.read_bytes())
    return content.hexdigest()[:16]


def _exists(cursor, name: str) -> bool:
    cursor.execute("SELECT FROM pg_database WHERE datname = %s", [name])
    return cursor.fetchone() is not None


def _drop_templates(cursor) -> None:
    """Remove the templates of older sources, and one that was never finished."""
    cursor.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [TEMPLATE_PREFIX]
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def _connected_to(name: str) -> Iterator[None]:
    before = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before
