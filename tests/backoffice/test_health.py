"""The health page and the tasks behind it."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from inventory.models import StockLevel
from retail.backoffice import tasks
from retail.backoffice.ages import in_words
from retail.backoffice.queries import task_healths
from retail.common.models import TaskRun
from tests.factories.channels import ChannelFactory, OutboxEntryFactory, SyncCursorFactory
from tests.factories.common import TaskRunFactory
from tests.factories.inventory import stock
from tests.people import browser_of, person_who_may


@pytest.fixture
def every_minute():
    interval = IntervalSchedule.objects.create(every=60, period="seconds")

    def schedule(name, **values):
        return PeriodicTask.objects.create(name=name, task=name, interval=interval, **values)

    return schedule


def health_of(name):
    return {health.name: health for health in task_healths(at=timezone.now())}[name]


@pytest.mark.django_db
def test_task_that_ran_lately_is_well(every_minute):
    every_minute("orders.pull_orders")
    TaskRunFactory(started_at=timezone.now() - timedelta(hours=5))
    last = TaskRunFactory(
        started_at=timezone.now() - timedelta(minutes=2),
        status="DONE",
        finished_at=timezone.now(),
    )

    health = health_of("orders.pull_orders")

    assert (health.last, health.every, health.is_well) == (last, timedelta(minutes=1), True)


@pytest.mark.django_db
def test_task_that_missed_its_turns_is_late(every_minute):
    every_minute("orders.pull_orders")
    every_minute("inventory.push_stock")
    TaskRunFactory(started_at=timezone.now() - timedelta(minutes=4))

    assert health_of("orders.pull_orders").is_late
    assert health_of("inventory.push_stock").is_late


@pytest.mark.django_db
def test_task_that_is_switched_off_is_not_late(every_minute):
    every_minute("orders.pull_orders", enabled=False)

    assert health_of("orders.pull_orders").is_well


@pytest.mark.django_db
def test_task_that_failed_is_not_well():
    TaskRunFactory(status="FAILED", error="boom", finished_at=timezone.now())

    assert not health_of("orders.pull_orders").is_well


@pytest.mark.django_db
def test_page_tells_about_tasks_channels_and_outbox(every_minute):
    every_minute("orders.pull_orders")
    TaskRunFactory(
        started_at=timezone.now() - timedelta(minutes=2),
        status="DONE",
        finished_at=timezone.now(),
        summary={"orders_created": 3, "errors": 0},
    )
    shop = ChannelFactory(name="Web shop", mode="FULL")
    SyncCursorFactory(channel=shop, stream="orders", read_at=None, failures=2, error="no answer")
    OutboxEntryFactory(channel=shop)

    page = browser_of(person_who_may("common.view_taskrun")).get("/health/tasks/").content.decode()

    for text in ("orders created: 3", "every 1 minute", "no answer", "They were never compared."):
        assert text in page
    assert "errors: 0" not in page


@pytest.mark.django_db
def test_page_needs_the_right_to_see_runs():
    assert browser_of(person_who_may()).get("/health/tasks/").status_code == 403


@pytest.mark.django_db(transaction=True)
def test_integrity_check_finds_what_differs_and_the_page_shows_it():
    level = stock(units=10)
    assert tasks.check_integrity() == {"differences": 0, "first": []}
    StockLevel.objects.filter(pk=level.pk).update(on_hand=11)

    found = tasks.check_integrity()

    page = browser_of(person_who_may("common.view_taskrun")).get("/health/tasks/").content.decode()
    assert found["differences"] >= 1
    assert "Nothing was repaired." in page
    for difference in found["first"]:
        assert difference in page
    assert (
        f"units on hand: {level.variant.sku} at {level.location.code} should be 10 and is 11"
        in found["first"]
    )
    assert StockLevel.objects.get().on_hand == 11


@pytest.mark.django_db
def test_old_runs_are_forgotten_but_not_the_checks():
    long_ago = timezone.now() - timedelta(days=31)
    TaskRunFactory(started_at=long_ago, finished_at=long_ago, status="DONE")
    check = TaskRunFactory(
        name="backoffice.check_integrity", started_at=long_ago, finished_at=long_ago, status="DONE"
    )
    unfinished = TaskRunFactory(started_at=long_ago)

    tasks.forget_task_runs()

    kept = TaskRun.objects.exclude(name="backoffice.forget_task_runs")
    assert set(kept) == {check, unfinished}


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(0), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=119), "1 minute"),
        (timedelta(hours=23), "23 hours"),
        (timedelta(days=3, hours=5), "3 days"),
    ],
)
def test_age_is_said_in_its_largest_unit(age, words):
    assert in_words(age) == words
