"""Two workers who fetch suppliers' files at the same moment."""

from functools import partial
from pathlib import Path
from threading import Barrier
from unittest import mock

import pytest
from django.db import models

from purchasing import operations
from purchasing.fetching import Memory, Place, fetch, folder
from purchasing.models import SupplierFile, SupplierFileProfile, Transport
from purchasing.tasks import fetch_supplier_files
from retail.common.models import ImportRun
from tests.factories.common import NOON
from tests.factories.purchasing import SupplierFileProfileFactory
from tests.races import SECONDS_TO_WAIT, both_read_before_either_writes, race

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "SKU;Cost\nA-1;2.50\n"


@pytest.fixture
def drop(settings, tmp_path):
    settings.SUPPLIER_DROP_DIR = str(tmp_path / "drop")
    settings.MEDIA_ROOT = tmp_path / "media"
    (tmp_path / "drop/potters").mkdir(parents=True)
    return tmp_path / "drop"


def profile():
    return SupplierFileProfileFactory(
        transport=Transport.FOLDER,
        address="potters",
        columns={"supplier_sku": "SKU", "unit_cost": "Cost"},
    )


def put(drop):
    (drop / "potters/prices.csv").write_text(TEXT)
    (drop / "potters/prices.csv.ok").write_text("")


def claim():
    return operations.claim_due_profile(at=NOON)


def take(drop):
    place = Place("FOLDER", "potters", root=drop)
    return [fetched.path for fetched in fetch(place, Memory(), at=NOON)]


def test_profile_is_claimed_by_one_worker():
    wanted = profile()

    assert sorted(race(claim, claim), key=bool) == [None, wanted]


def test_two_workers_fetch_a_file_once(drop):
    profile()
    put(drop)

    outcomes = race(fetch_supplier_files, fetch_supplier_files)

    assert sorted(outcome["profiles"] for outcome in outcomes) == [0, 1]
    assert sum(outcome["new"] for outcome in outcomes) == 1
    assert SupplierFile.objects.get().status == "STAGED"
    assert ImportRun.objects.count() == 1


def test_the_race_for_the_profile_is_real_once_the_lock_is_gone():
    """Control: both read that it is due before either says that it was asked."""
    wanted = profile()

    with (
        mock.patch.object(models.QuerySet, "select_for_update", lambda rows, **_options: rows),
        both_read_before_either_writes((SupplierFileProfile, "save")),
    ):
        outcomes = race(claim, claim)

    assert outcomes == [wanted, wanted]


def test_two_who_look_into_a_folder_at_once_take_a_file_once(drop):
    put(drop)
    both_have_seen, look = Barrier(2), folder.complete

    def look_together(*arguments, **options):
        ready = look(*arguments, **options)
        both_have_seen.wait(timeout=SECONDS_TO_WAIT)
        return ready

    with mock.patch.object(folder, "complete", look_together):
        first, second = race(partial(take, drop), partial(take, drop))

    assert sorted([len(first), len(second)]) == [0, 1]


def test_the_race_for_the_file_is_real_once_it_is_copied_and_not_moved(drop):
    """Control: who copies a file does not keep another from doing the same."""
    put(drop)
    both_have_seen, look = Barrier(2), folder.complete

    def look_together(*arguments, **options):
        ready = look(*arguments, **options)
        both_have_seen.wait(timeout=SECONDS_TO_WAIT)
        return ready

    def copy(file: Path, taken: Path) -> bool:
        taken.write_bytes(file.read_bytes())
        return True

    with (
        mock.patch.object(folder, "complete", look_together),
        mock.patch.object(folder, "_take", copy),
    ):
        first, second = race(partial(take, drop), partial(take, drop))

    assert (len(first), len(second)) == (1, 1)
