"""Every run of a scheduled task leaves a row, the failed ones too."""

import pytest
from django.db import IntegrityError, transaction

from retail.common.models import TaskRun
from retail.common.taskruns import recorded
from tests.factories.common import NOON, TaskRunFactory

pytestmark = pytest.mark.django_db


@recorded("shop.count_things")
def count_things(*, things):
    if things is None:
        raise ValueError("nothing to count")
    return things


def last_run():
    return TaskRun.objects.get()


def test_recorded_run_keeps_what_the_task_found():
    returned = count_things(things={"counted": 3})

    assert returned == {"counted": 3}
    assert last_run().name == "shop.count_things"
    assert (last_run().status, last_run().summary) == ("DONE", {"counted": 3})
    assert last_run().finished_at >= last_run().started_at


def test_recorded_run_without_a_dictionary_keeps_the_result():
    count_things(things=7)

    assert last_run().summary == {"result": 7}


def test_recorded_run_that_fails_keeps_the_error_and_raises_it():
    with pytest.raises(ValueError, match="nothing to count"):
        count_things(things=None)

    assert (last_run().status, last_run().error) == ("FAILED", "ValueError: nothing to count")
    assert last_run().finished_at is not None


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("one_per_slot", lambda: TaskRunFactory.create_batch(2, slot="2026-11-22")),
        ("finished_has_a_time", lambda: TaskRunFactory(status="DONE")),
        ("finished_has_a_time", lambda: TaskRunFactory(status="FAILED")),
    ],
)
def test_database_refuses(rule, broken):
    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        broken()


def test_runs_without_a_slot_may_be_many():
    TaskRunFactory.create_batch(2, started_at=NOON)

    assert TaskRun.objects.count() == 2
