"""A database to measure on, a stopwatch, and the table that is printed at the end."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from django.core.management import call_command
from django.db import connection, connections


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """
    What was done how fast, by us and by hand-written SQL.

    ours, theirs: units of work a second. A ratio of 0.5 means SQL alone is twice as fast.
    """

    name: str
    unit: str
    ours: float
    theirs: float

    @property
    def ratio(self) -> float:
        return self.ours / self.theirs


@contextmanager
def fresh_database(name: str) -> Iterator[None]:
    """Create, migrate and select a database for the time of the block, then drop it."""
    connections.close_all()
    original = connection.settings_dict["NAME"]
    _run_outside(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)', f'CREATE DATABASE "{name}"')
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0, interactive=False)
        yield
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = original
        _run_outside(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _run_outside(*statements: str) -> None:
    with connection._nodb_cursor() as cursor:  # noqa: SLF001 - Django's own way to create databases
        for statement in statements:
            cursor.execute(statement)


def seconds_for(act: Callable[[], object]) -> float:
    """Return how long the act takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def print_table(measures: list[Measure]) -> None:
    """Print a line for each measure."""
    print(f"\n{'measure':<58} {'ours':>12} {'SQL':>12} {'ratio':>6}")
    for measure in measures:
        print(
            f"{measure.name:<58} {measure.ours:>10,.0f}/s {measure.theirs:>10,.0f}/s"
            f" {measure.ratio:>6.2f}  {measure.unit}"
        )


def write_json(measures: list[Measure], path: Path) -> None:
    """Store the measures, ratios included, for comparison with another run."""
    rows = [{**asdict(measure), "ratio": round(measure.ratio, 3)} for measure in measures]
    path.write_text(json.dumps(rows, indent=2) + "\n")
