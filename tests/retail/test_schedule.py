"""The scheduled tasks of a new installation, and the one clock that rings them."""

from datetime import time, timedelta

import pytest
from celery import current_app
from django.core.management import call_command
from django.db import connection
from django_celery_beat.models import PeriodicTask

from retail import celery
from retail.backoffice.queries import INTEGRITY_TASK
from retail.beat import BEAT_LOCK, SECONDS_BETWEEN_TRIES, SingleScheduler
from retail.celery import ScheduledTask
from retail.management.commands import setup_schedule

SCHEDULE = (
    ScheduledTask("Ask often", "orders.ask", timedelta(seconds=15)),
    ScheduledTask("Ask as often", "orders.ask_too", timedelta(seconds=15)),
    ScheduledTask("Look at night", "retail.look", time(2, 30)),
)


@pytest.fixture
def _schedule(monkeypatch):
    monkeypatch.setattr(setup_schedule, "DEFAULT_SCHEDULE", SCHEDULE)


@pytest.mark.django_db
@pytest.mark.usefixtures("_schedule")
def test_setup_schedule_creates_what_is_missing():
    call_command("setup_schedule", verbosity=0)

    rows = PeriodicTask.objects.filter(task__in=[task.task for task in SCHEDULE])
    seen = rows.order_by("task").values_list(
        "task", "interval__every", "crontab__hour", "crontab__minute", "crontab__day_of_week"
    )
    assert list(seen) == [
        ("orders.ask", 15, None, None, None),
        ("orders.ask_too", 15, None, None, None),
        ("retail.look", None, "2", "30", "*"),
    ]


@pytest.mark.django_db
@pytest.mark.usefixtures("_schedule")
def test_setup_schedule_leaves_what_a_manager_changed():
    call_command("setup_schedule", verbosity=0)
    PeriodicTask.objects.filter(name="Ask often").update(enabled=False, queue="slow")

    call_command("setup_schedule", verbosity=0)

    assert PeriodicTask.objects.filter(task__in=["orders.ask"]).count() == 1
    changed = PeriodicTask.objects.get(name="Ask often")
    assert (changed.enabled, changed.queue) == (False, "slow")


def test_every_scheduled_task_exists():
    current_app.loader.import_default_modules()

    known = set(current_app.tasks)

    assert [task.task for task in celery.DEFAULT_SCHEDULE if task.task not in known] == []


def test_totals_are_compared_every_night_and_reservations_freed_all_day():
    when = {task.task: task.when for task in celery.DEFAULT_SCHEDULE}

    assert when[INTEGRITY_TASK] == time(2, 30)
    assert when["inventory.release_expired"] == timedelta(minutes=1)


@pytest.mark.django_db(transaction=True)
def test_second_clock_waits_until_the_first_one_stops(monkeypatch):
    waits = []
    first = SingleScheduler(app=current_app)

    def first_stops_while_the_second_waits(seconds):
        waits.append(seconds)
        first.close()

    monkeypatch.setattr("retail.beat.time.sleep", first_stops_while_the_second_waits)

    second = SingleScheduler(app=current_app)

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE objid = %s AND granted", [BEAT_LOCK])
        holders = cursor.fetchone()[0]
    second.close()
    assert set(waits) == {SECONDS_BETWEEN_TRIES}
    assert holders == 1
