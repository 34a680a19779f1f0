"""A database to measure on, a stopwatch, and the table that is printed at the end."""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.synchronize import Event, Semaphore
from pathlib import Path
from statistics import median

from django.core.management import call_command
from django.db import connection, connections

Act = Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """
    What was done how fast, by us and by hand-written SQL.

    ours, theirs: units of work a second. A ratio of 0.5 means SQL alone is twice as fast.
    note: what else there is to say of ours.
    """

    name: str
    unit: str
    ours: float
    theirs: float
    note: str = ""

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


def gather_statistics() -> None:
    """Tell PostgreSQL what is in the tables, as autovacuum does where they are in use."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def seconds_for(act: Act) -> float:
    """Return how long the act takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def seconds_and_megabytes_for(act: Act) -> tuple[float, float]:
    """Return how long the act takes, and the most memory this process holds meanwhile."""
    # Source: proc_pid_clear_refs(5); begins the peak anew.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    seconds = seconds_for(act)
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [peak] = [line for line in status if line.startswith("VmHWM:")]
    return seconds, int(peak.split()[1]) / 1024


def in_turn(
    *, name: str, unit: str, units: int, ours: Iterable[Act], theirs: Iterable[Act]
) -> Measure:
    """
    Time our acts and theirs one after the other and keep the median of each.

    units: of work in one act. In turn, because what else the machine does slows both down alike
    then, and the median, because it does not do so all the time.
    """
    rounds = [
        (seconds_for(our_act), seconds_for(their_act))
        for our_act, their_act in zip(ours, theirs, strict=True)
    ]
    return Measure(
        name=name,
        unit=unit,
        ours=units / median(our_time for our_time, _ in rounds),
        theirs=units / median(their_time for _, their_time in rounds),
    )


def do_side_by_side(acts_of: Callable[[int], Iterable[Act]], *, processes: int) -> float:
    """
    Do acts in as many processes, each with a connection of its own; return how long that takes.

    acts_of: number of the process, from 0 -> its acts. The clock starts when all are connected.
    """
    context = multiprocessing.get_context("fork")
    start, ready = context.Event(), context.Semaphore(0)
    connection.close()
    workers = [
        context.Process(target=_work, args=(acts_of, part, start, ready))
        for part in range(processes)
    ]
    for worker in workers:
        worker.start()
    for _ in workers:
        ready.acquire()
    begun = time.perf_counter()
    start.set()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - begun
    if any(worker.exitcode for worker in workers):
        msg = "A process failed, as it says above."
        raise RuntimeError(msg)
    return seconds


def _work(
    acts_of: Callable[[int], Iterable[Act]], part: int, start: Event, ready: Semaphore
) -> None:
    """Prepare, connect, wait for the others, then do the acts."""
    try:
        acts = list(acts_of(part))
        connection.ensure_connection()
        ready.release()
        start.wait()
        for act in acts:
            act()
    except BaseException:
        ready.release()
        raise
    finally:
        connection.close()


def print_table(measures: list[Measure]) -> None:
    """Print a line for each measure."""
    print(f"\n{'measure':<62} {'ours':>12} {'SQL':>12} {'ratio':>6}")
    for measure in measures:
        print(
            f"{measure.name:<62} {measure.ours:>10,.0f}/s {measure.theirs:>10,.0f}/s"
            f" {measure.ratio:>6.2f}  {measure.unit}{measure.note and ', '}{measure.note}"
        )


def write_json(measures: list[Measure], path: Path) -> None:
    """Store the measures, ratios included, for comparison with another run."""
    rows = [{**asdict(measure), "ratio": round(measure.ratio, 3)} for measure in measures]
    path.write_text(json.dumps(rows, indent=2) + "\n")
