import os
import stat
from datetime import timedelta
from hashlib import sha256
from unittest import mock

import pytest
from django.db import DatabaseError, IntegrityError, transaction

from purchasing import operations, tasks
from purchasing.models import Handover
from purchasing.operations import handing_over
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing_invoices import exported_batch
from tests.factories.purchasing_payments import (
    HandoverFactory,
    PaymentBatchFactory,
    owed,
    payment_batch,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """What ends a worker without a word, as SIGKILL does."""


@pytest.fixture
def folder(settings, tmp_path):
    settings.RETAIL_SHOP_NAME = "Aurum"
    settings.RETAIL_IBAN, settings.RETAIL_BIC = "DE02120300000000202051", "BYLADEM1001"
    settings.RETAIL_HANDOVER_DIR = str(tmp_path / "handover")
    return tmp_path / "handover"


def hand_over(folder, *, at=NOON):
    return operations.hand_over_next(folder=folder, at=at)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_for_accounting_and_the_bank_are_laid_once(folder):
    export, batch = exported_batch(), payment_batch(owed())

    counts = tasks.hand_over_files()
    again = tasks.hand_over_files()

    assert (counts, again) == ({"done": 2, "failed": 0}, {"done": 0, "failed": 0})
    laid = files(folder)
    assert set(laid) == {f"{export.number}.csv", f"{batch.number}.xml"}
    assert sha256(laid[f"{export.number}.csv"]).hexdigest() == export.sha256
    assert sha256(laid[f"{batch.number}.xml"]).hexdigest() == batch.sha256
    assert stat.S_IMODE((folder / f"{batch.number}.xml").stat().st_mode) == 0o640
    states = Handover.objects.values_list("state", "tries", "error")
    assert set(states) == {("DONE", 1, "")}
    assert not Handover.objects.filter(done_at=None).exists()


def test_without_a_folder_files_are_only_downloaded(settings, folder):
    settings.RETAIL_HANDOVER_DIR = ""
    exported_batch()

    assert tasks.hand_over_files() == {"done": 0, "failed": 0}

    assert not Handover.objects.exists()
    assert not folder.exists()


def test_the_same_batch_again_is_handed_over_once(folder):
    batch = payment_batch(owed(), key="act")
    payment_batch(owed(), key="act")

    assert Handover.objects.get().batch == batch


@pytest.mark.parametrize("where", ["replace", "_note_done"])
def test_worker_that_is_killed_leaves_one_whole_file_to_the_next(folder, where):
    """Killed in the rename, with the file written elsewhere, or behind it, before the commit."""
    batch = payment_batch(owed())
    owner = handing_over if where == "_note_done" else handing_over.Path
    with (
        mock.patch.object(owner, where, side_effect=Killed),
        pytest.raises(Killed),
        transaction.atomic(),
    ):
        hand_over(folder)
    [left] = files(folder)
    assert (left == f"{batch.number}.xml") is (where == "_note_done")
    assert Handover.objects.get().state == "DUE"

    done = hand_over(folder)

    assert files(folder) == {f"{batch.number}.xml": batch.content.encode()}
    assert (done.state, done.done_at) == ("DONE", NOON)
    assert hand_over(folder) is None


def test_file_is_on_the_disk_before_it_has_its_name(folder):
    payment_batch(owed())
    order = []

    def note(name, call):
        def noted(*args, **kwargs):
            order.append(name)
            return call(*args, **kwargs)

        return noted

    with (
        mock.patch.object(os, "fsync", note("forced", os.fsync)),
        mock.patch.object(handing_over.Path, "replace", note("named", handing_over.Path.replace)),
    ):
        hand_over(folder)

    assert order == ["forced", "named", "forced"]


def test_what_keeps_failing_is_tried_less_and_less_until_a_person_looks(folder):
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("A file where the folder should be.")
    payment_batch(owed())
    at, waits = NOON, []

    for _ in range(handing_over.MOST_TRIES):
        handover = hand_over(folder, at=at)
        assert hand_over(folder, at=at) is None
        waits.append((handover.try_at - at).total_seconds() / 60)
        at = handover.try_at

    assert waits == [1, 2, 4, 8, 16, 32, 64, 0]
    assert (handover.state, handover.tries) == ("FAILED", handing_over.MOST_TRIES)
    assert "exists" in handover.error
    assert hand_over(folder, at=at + timedelta(days=9)) is None

    folder.unlink()
    operations.retry_handover(handover_id=handover.pk, at=at)
    assert hand_over(folder, at=at).state == "DONE"


def test_file_of_the_same_name_is_never_written_over(folder):
    batch = payment_batch(owed())
    folder.mkdir(parents=True)
    (folder / f"{batch.number}.xml").write_text("Of another shop")

    handover = hand_over(folder)

    assert files(folder) == {f"{batch.number}.xml": b"Of another shop"}
    assert (handover.state, handover.tries) == ("DUE", 1)
    assert "was left alone" in handover.error


def test_one_that_fails_does_not_stop_the_others(folder):
    first, second = payment_batch(owed()), payment_batch(owed())
    folder.mkdir(parents=True)
    (folder / f"{first.number}.xml").write_text("Of another shop")

    assert tasks.hand_over_files() == {"done": 1, "failed": 1}

    assert Handover.objects.get(batch=second).state == "DONE"


@pytest.mark.parametrize("state", ["DUE", "DONE"])
def test_only_what_failed_is_tried_again_by_hand(state):
    handover = HandoverFactory(state=state, done_at=NOON if state == "DONE" else None, tries=3)

    with pytest.raises(WrongStatus, match="nothing to retry"):
        operations.retry_handover(handover_id=handover.pk, at=NOON)

    handover.refresh_from_db()
    assert (handover.state, handover.tries) == (state, 3)


def test_file_of_a_batch_that_was_taken_back_is_not_laid(folder):
    batch = payment_batch(owed())
    operations.cancel_payment_batch(
        batch_id=batch.pk, reason="Wrong day", at=NOON, by=UserFactory()
    )

    assert hand_over(folder) is None

    handover = Handover.objects.get()
    assert (handover.state, handover.error) == ("FAILED", f"{batch} was taken back.")
    with pytest.raises(WrongStatus, match="was taken back"):
        operations.retry_handover(handover_id=handover.pk, at=NOON)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"batch": None}, "handover_of_one_file"),
        ({"state": "DONE"}, "handover_done_has_a_time"),
        ({"tries": -1}, "handover_tries_not_negative"),
    ],
)
def test_database_refuses_a_handover_that(values, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        HandoverFactory(**values)


def test_database_refuses_to_hand_a_file_over_twice():
    batch = PaymentBatchFactory()
    HandoverFactory(batch=batch, filename="a.xml")

    for constraint, values in {
        "handover_batch_id": {"batch": batch},
        "handover_filename": {"filename": "a.xml"},
    }.items():
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            HandoverFactory(**values)


def test_database_lets_nothing_that_was_handed_over_become_due_again():
    handover = HandoverFactory(state="DONE", done_at=NOON)

    with pytest.raises(DatabaseError, match="Invalid transition"):
        execute("UPDATE purchasing_handover SET state = 'DUE', done_at = NULL")

    handover.refresh_from_db()
    assert handover.state == "DONE"
