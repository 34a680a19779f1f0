"""A large file applied a part at a time: nothing twice, nothing lost, whoever dies in between."""

from datetime import timedelta
from unittest import mock

import pytest
from django.db import connection

from purchasing import operations
from purchasing.models import SupplierFileRow, SupplierPrice, SupplierProduct
from purchasing.operations import AnotherFileIsApplied
from purchasing.operations.catalogues import applying
from purchasing.tasks import apply_supplier_files
from retail.common.errors import WrongStatus
from retail.common.models import ImportRun
from tests.factories.common import NOON
from tests.factories.purchasing import (
    SupplierFileProfileFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
)

pytestmark = pytest.mark.django_db

TODAY = NOON.date()
TOMORROW = NOON + timedelta(days=1)


@pytest.fixture(autouse=True)
def _two_lines_at_once(monkeypatch):
    monkeypatch.setattr(applying, "LINES_AT_ONCE", 2)


@pytest.fixture
def profile():
    return SupplierFileProfileFactory(
        columns={"supplier_sku": "SKU", "unit_cost": "Cost"},
        max_missing_percent=100,
        max_large_changes_percent=100,
    )


@pytest.fixture
def stage(profile, tmp_path):
    def write_and_stage(*lines, profile=profile, name="prices.csv"):
        path = tmp_path / name
        path.write_text("\n".join(["SKU;Cost", *lines]) + "\n", encoding="utf-8")
        return operations.stage_supplier_file(profile=profile, path=path, at=NOON, by=None)

    return write_and_stage


@pytest.fixture
def run(stage, profile):
    """Seven lines: five new, one unchanged, one refused."""
    known = SupplierProductFactory(supplier=profile.supplier, supplier_sku="KNOWN")
    SupplierPriceFactory(supplier_product=known, unit_cost="1")
    return stage("KNOWN;1", "A-1;1", "A-2;1", "BAD;x", "A-3;1", "A-4;1", "A-5;1")


def begin(run, at=NOON):
    return operations.begin_applying(run_id=run.pk, at=at, by=None)


def part(run, at=NOON):
    return operations.apply_part(run_id=run.pk, at=at)


def figures(run):
    run.refresh_from_db()
    return run.lines_imported, run.lines_refused, run.lines_skipped


def test_large_file_is_taken_in_part_by_part(run):
    begun = begin(run)
    waiting = SupplierFileRow.objects.count()
    statuses = [(part(run).status, *figures(run)) for _ in range(3)]

    assert (begun.status, waiting, begun.report["to_apply"]) == ("APPLYING", 5, 5)
    assert statuses == [
        ("APPLYING", 2, 1, 1),
        ("APPLYING", 4, 1, 1),
        ("DONE", 5, 1, 1),
    ]
    assert SupplierProduct.objects.count() == SupplierPrice.objects.count() == 6
    assert SupplierFileRow.objects.count() == 0
    assert (run.report["new"], run.report["changed"], run.report["unchanged"]) == (5, 0, 1)


def test_parts_that_end_with_the_last_line_close_the_run(stage):
    run = stage("A-1;1", "A-2;1", "A-3;1", "A-4;1")

    done = operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)

    assert (done.status, done.lines_imported, done.lines_read) == ("DONE", 4, 4)


def test_beginning_twice_begins_once(run):
    begin(run)
    part(run)

    assert begin(run, at=TOMORROW).status == "APPLYING"
    assert figures(run) == (2, 1, 1)
    assert SupplierPrice.objects.count() == 3


def test_part_of_a_file_that_is_done_changes_nothing(run):
    done = operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)

    again = part(run, at=TOMORROW)

    assert (again.status, again.finished_at) == ("DONE", done.finished_at)
    assert SupplierPrice.objects.count() == 6


def test_file_that_nobody_decided_about_is_not_applied(run):
    assert part(run).status == "STAGED"
    assert SupplierPrice.objects.count() == 1


def test_worker_killed_in_the_middle_of_a_part_loses_and_doubles_nothing(run):
    begin(run)
    part(run)
    write = applying._write

    def write_and_die(*arguments, **options):
        write(*arguments, **options)
        raise SystemExit

    with mock.patch.object(applying, "_write", write_and_die), pytest.raises(SystemExit):
        part(run)
    before = figures(run), SupplierFileRow.objects.count(), SupplierPrice.objects.count()
    counts = apply_supplier_files()

    assert before == ((2, 1, 1), 3, 3)
    assert counts == {"parts": 2, "done": 1, "failed": 0}
    assert figures(run) == (5, 1, 1)
    assert SupplierProduct.objects.count() == SupplierPrice.objects.count() == 6


def test_prices_hold_from_the_day_of_the_decision_whenever_the_rest_is_taken(run):
    begin(run)
    part(run, at=TOMORROW)
    done = operations.apply_supplier_file(run_id=run.pk, at=TOMORROW, by=None)

    assert done.finished_at == TOMORROW
    assert set(
        SupplierPrice.objects.exclude(supplier_product__supplier_sku="KNOWN").values_list(
            "valid_from", flat=True
        )
    ) == {TODAY}


def test_line_that_became_unchanged_meanwhile_is_skipped(run, profile):
    begin(run)
    product = SupplierProductFactory(supplier=profile.supplier, supplier_sku="A-5", variant=None)
    SupplierPriceFactory(supplier_product=product, unit_cost="1", valid_from=TODAY)

    done = operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)

    assert (done.status, *figures(run)) == ("DONE", 4, 1, 2)
    assert (done.report["new"], done.report["unchanged"]) == (4, 2)


def test_file_being_applied_is_neither_discarded_nor_joined_by_another(run, stage):
    begin(run)
    other = stage("A-1;9", "A-2;9", "A-3;9", name="other.csv")

    with pytest.raises(WrongStatus):
        operations.discard_supplier_file(run_id=run.pk, at=NOON, by=None)
    with pytest.raises(AnotherFileIsApplied, match=r"prices\.csv of the same supplier"):
        begin(other)
    apply_supplier_files()

    assert begin(other).status == "APPLYING"


def test_file_of_another_supplier_does_not_wait(run, stage):
    begin(run)
    other = stage(
        "A-1;9",
        name="other.csv",
        profile=SupplierFileProfileFactory(columns={"supplier_sku": "SKU", "unit_cost": "Cost"}),
    )

    assert begin(other).status == "DONE"


def test_task_carries_on_with_the_others_when_the_database_refuses_one(run, stage):
    begin(run)
    other = stage(
        "A-1;9",
        "A-2;9",
        "A-3;9",
        name="other.csv",
        profile=SupplierFileProfileFactory(columns={"supplier_sku": "SKU", "unit_cost": "Cost"}),
    )
    begin(other)
    write = applying._write

    def refuse_one(being_applied, *arguments, **options):
        if being_applied.pk == run.pk:
            SupplierPriceFactory(min_quantity=0)
        write(being_applied, *arguments, **options)

    with mock.patch.object(applying, "_write", refuse_one):
        counts = apply_supplier_files()

    assert counts == {"parts": 3, "done": 1, "failed": 1}
    assert list(ImportRun.objects.order_by("pk").values_list("status", flat=True)) == [
        "APPLYING",
        "DONE",
    ]


def test_task_without_files_does_nothing(run):
    assert apply_supplier_files() == {"parts": 0, "done": 0, "failed": 0}
    assert figures(run) == (0, 1, 1)


def test_planner_is_left_as_it_was(run):
    operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)

    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_nestloop")
        assert cursor.fetchone() == ("on",)
