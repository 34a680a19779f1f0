"""The same file, or two files of one supplier, at the same moment."""

from functools import partial
from pathlib import Path
from threading import Barrier
from unittest import mock

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, models

from purchasing import operations
from purchasing.models import SupplierFile, SupplierPrice, SupplierProduct
from purchasing.operations import FileCameBefore
from purchasing.operations.catalogues import applying, files
from retail.common.errors import WrongStatus
from retail.common.imports import AlreadyImported, LinesUnaccountedFor
from retail.common.models import ImportRun
from tests.factories.common import NOON
from tests.factories.purchasing import SupplierFactory, SupplierFileProfileFactory
from tests.races import both_read_before_either_writes, race
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stage(tmp_path):
    profile = SupplierFileProfileFactory(
        columns={"supplier_sku": "SKU", "unit_cost": "Cost"}, max_large_changes_percent=100
    )

    def prepare(name, cost):
        path = tmp_path / name
        path.write_text(f"SKU;Cost\nA-1;{cost}\nA-2;{cost}\n", encoding="utf-8")
        return partial(operations.stage_supplier_file, profile=profile, path=path, at=NOON, by=None)

    return prepare


def apply(run):
    return partial(operations.apply_supplier_file, run_id=run.pk, at=NOON, by=None)


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A run of five new articles that is applied in three parts."""
    monkeypatch.setattr(applying, "LINES_AT_ONCE", 2)
    path = tmp_path / "large.csv"
    path.write_text("SKU;Cost\nA;1\nB;1\nC;1\nD;1\nE;1\n", encoding="utf-8")
    return operations.stage_supplier_file(
        profile=SupplierFileProfileFactory(columns={"supplier_sku": "SKU", "unit_cost": "Cost"}),
        path=path,
        at=NOON,
        by=None,
    )


def receive(supplier, name):
    return partial(
        operations.receive_supplier_file,
        supplier=supplier,
        name=name,
        content=ContentFile(b"SKU;Cost\nA-1;1\n"),
        at=NOON,
        by=None,
    )


def files_on_disk():
    return Path(settings.MEDIA_ROOT).glob("supplier-files/**/*.csv")


def test_same_bytes_that_come_twice_at_once_are_kept_once():
    supplier, before = SupplierFactory(), set(files_on_disk())

    with both_read_before_either_writes((files, "_name_on_disk")):
        outcomes = race(receive(supplier, "one.csv"), receive(supplier, "two.csv"))

    [refusal] = [outcome for outcome in outcomes if isinstance(outcome, FileCameBefore)]
    kept = SupplierFile.objects.get()
    assert refusal.file_id == kept.pk
    assert set(files_on_disk()) - before == {Path(kept.file.path)}


def test_without_the_constraint_the_same_bytes_are_kept_twice():
    """Control: both look for the bytes before either keeps them."""
    supplier = SupplierFactory()
    index = "purchasing_supplierfile_same_bytes_once"
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [index])
        [(definition,)] = cursor.fetchall()
    execute(f"DROP INDEX {index}")
    try:
        with both_read_before_either_writes((files, "_name_on_disk")):
            race(receive(supplier, "one.csv"), receive(supplier, "two.csv"))

        assert SupplierFile.objects.filter(supplier=supplier).count() == 2
    finally:
        SupplierFile.objects.all().delete()
        execute(definition)


def test_large_file_applied_by_two_at_once_is_applied_once(large):
    outcomes = race(apply(large), apply(large))

    assert [outcome.status for outcome in outcomes] == ["DONE", "DONE"]
    large.refresh_from_db()
    assert (large.lines_imported, large.lines_skipped) == (5, 0)
    assert SupplierProduct.objects.count() == SupplierPrice.objects.count() == 5


def test_without_the_lock_the_second_worker_takes_an_empty_part_for_the_last(large):
    """Control: both read the run before either takes its lines."""
    operations.begin_applying(run_id=large.pk, at=NOON, by=None)
    part = partial(operations.apply_part, run_id=large.pk, at=NOON)

    with (
        mock.patch.object(models.QuerySet, "select_for_update", lambda queryset, **_: queryset),
        both_read_before_either_writes((applying, "create_incoming")),
    ):
        outcomes = race(part, part)

    assert sum(isinstance(outcome, LinesUnaccountedFor) for outcome in outcomes) == 1


def test_file_is_either_applied_or_taken_back():
    supplier = SupplierFactory()
    profile = SupplierFileProfileFactory(
        supplier=supplier, columns={"supplier_sku": "SKU", "unit_cost": "Cost"}
    )
    file = operations.read_received_file(
        file_id=receive(supplier, "one.csv")().pk, profile=profile, at=NOON, by=None
    )

    outcomes = race(
        apply(file.run), partial(operations.take_back_file, file_id=file.pk, at=NOON, by=None)
    )

    file.refresh_from_db()
    ended = (file.status, ImportRun.objects.get().status, SupplierProduct.objects.count())
    assert sum(isinstance(outcome, WrongStatus) for outcome in outcomes) == 1
    assert ended in {("STAGED", "DONE", 1), ("RECEIVED", "FAILED", 0)}


def test_file_uploaded_twice_at_once_is_staged_once(stage):
    outcomes = race(stage("one.csv", 1), stage("two.csv", 1))

    assert sum(isinstance(outcome, AlreadyImported) for outcome in outcomes) == 1
    assert ImportRun.objects.get().status == "STAGED"


def test_file_applied_twice_at_once_is_applied_once(stage):
    run = stage("prices.csv", 1)()

    outcomes = race(apply(run), apply(run))

    assert [outcome.lines_imported for outcome in outcomes] == [2, 2]
    assert SupplierProduct.objects.count() == SupplierPrice.objects.count() == 2


def test_two_files_of_a_supplier_are_applied_in_turn(stage):
    cheap, dear = stage("cheap.csv", 1)(), stage("dear.csv", 2)()

    outcomes = race(apply(cheap), apply(dear))

    assert all(outcome.status == "DONE" for outcome in outcomes)
    assert SupplierProduct.objects.count() == SupplierPrice.objects.count() == 2
    assert len(set(SupplierPrice.objects.values_list("unit_cost", flat=True))) == 1


def test_without_the_locks_two_files_add_the_same_article(stage):
    """Control: both compare with an empty catalog before either writes."""
    cheap, dear = stage("cheap.csv", 1)(), stage("dear.csv", 2)()
    both_have_compared, compare = Barrier(2), applying.compare

    def compare_and_wait(**facts):
        figures = compare(**facts)
        both_have_compared.wait(timeout=5)
        return figures

    with (
        mock.patch.object(models.QuerySet, "select_for_update", lambda queryset, **_: queryset),
        mock.patch.object(applying, "compare", compare_and_wait),
    ):
        outcomes = race(apply(cheap), apply(dear))

    assert sum(isinstance(outcome, IntegrityError) for outcome in outcomes) == 1
