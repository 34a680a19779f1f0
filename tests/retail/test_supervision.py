"""Programs that run as one."""

import io
import subprocess
import sys
import time

import pytest

from retail.management.supervision import Supervisor

SLEEPER = [sys.executable, "-c", "import time; print('awake', flush=True); time.sleep(60)"]
DEAF_PROGRAM = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def output():
    return io.StringIO()


@pytest.fixture
def supervisor(output):
    supervisor = Supervisor(output)
    yield supervisor
    supervisor.stop()


def _wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_wait_returns_the_program_that_ended_by_itself(supervisor):
    supervisor.start("steady", SLEEPER, {})
    supervisor.start("brittle", [sys.executable, "-c", "raise SystemExit(3)"], {})

    dead = supervisor.wait()

    assert (dead.name, dead.program.returncode) == ("brittle", 3)


def test_stop_ends_every_program(supervisor, output):
    supervisor.start("one", SLEEPER, {})
    supervisor.start("two", SLEEPER, {})
    _wait_for(lambda: output.getvalue().count("awake") == 2)

    supervisor.stop()

    assert sorted(output.getvalue().splitlines()) == ["   one | awake", "   two | awake"]
    assert supervisor.first_dead() is None  # none is left to be dead


def test_stop_kills_a_program_that_does_not_listen_and_what_it_started(
    supervisor, output, monkeypatch
):
    monkeypatch.setattr("retail.management.supervision.SECONDS_TO_STOP", 0.3)
    supervisor.start("deaf", [sys.executable, "-c", DEAF_PROGRAM], {})
    _wait_for(lambda: "\n" in output.getvalue())
    grandchild = output.getvalue().split("|")[1].strip()

    supervisor.stop()

    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", grandchild], check=False, capture_output=True, text=True
    )
    assert state.stdout.strip()[:1] in {"", "Z"}
