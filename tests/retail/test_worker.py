"""A task sent for real: through a broker, by a worker process of its own."""

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from celery import current_app
from django.db import connection

from channels.tasks import refresh_listings
from retail.common.models import TaskRun
from retail.embedded import valkey

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def broker(tmp_path):
    yield valkey.start(tmp_path / "valkey")
    valkey.remove(tmp_path / "valkey")


@pytest.fixture
def worker(broker, tmp_path, transactional_db):
    """Run a worker on the test's database; yield the program and the file of its lines."""
    name = connection.settings_dict["NAME"]
    host = connection.settings_dict["HOST"] or connection.settings_dict["OPTIONS"].get("host", "")
    lines = tmp_path / "worker.log"
    command = [sys.executable, "-m", "celery", "-A", "retail", "worker", "--concurrency", "1"]
    environment = {
        **os.environ,
        "CELERY_BROKER_URL": broker,
        "DATABASE_URL": f"postgresql://postgres@/{name}?host={host}",
    }
    with lines.open("w") as log:
        program = subprocess.Popen(
            [*command, "--loglevel", "INFO", "--without-mingle", "--without-gossip"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    yield program, lines
    program.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(timeout=20)
    program.kill()
    program.wait()


def _wait_until(condition, worker):
    program, lines = worker
    deadline = time.monotonic() + 60
    while not condition():
        assert program.poll() is None, lines.read_text()[-3000:]
        assert time.monotonic() < deadline, lines.read_text()[-3000:]
        time.sleep(0.1)


def test_worker_runs_a_task_and_records_how_it_went(broker, worker):
    with current_app.connection_for_write(broker) as connection_to_broker:
        refresh_listings.apply_async(
            kwargs={"a_word_of_next_year": 1}, connection=connection_to_broker
        )

    _wait_until(lambda: TaskRun.objects.exclude(status=TaskRun.Status.RUNNING).exists(), worker)

    run = TaskRun.objects.get()
    assert (run.name, run.status) == ("channels.refresh_listings", TaskRun.Status.DONE)
    assert run.summary["channels"] == 0
