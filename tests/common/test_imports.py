"""The record of a file: begun once, closed with every line accounted for."""

import csv
import io

import pytest
from django.db import IntegrityError, transaction

from retail.common import imports
from retail.common.imports import AlreadyImported, ImportIsOver, LinesUnaccountedFor, Reject
from retail.common.models import ImportReject, ImportRun
from tests.factories.common import NOON, ImportRunFactory, UserFactory
from tests.races import race

A_FILE = {"kind": "sales", "profile": "practice", "file_name": "march.csv", "sha256": "a" * 64}


@pytest.mark.django_db
def test_start_import_opens_a_run():
    clerk = UserFactory()

    run = imports.start_import(**A_FILE, at=NOON, by=clerk)

    assert (run.status, run.started_at, run.started_by) == ("RUNNING", NOON, clerk)


@pytest.mark.django_db
def test_start_import_refuses_the_same_file_and_says_where_it_is():
    first = imports.start_import(**A_FILE, at=NOON, by=None)

    with pytest.raises(AlreadyImported, match=r"22 November 2026 at 12:00") as refusal:
        imports.start_import(**{**A_FILE, "file_name": "copy.csv"}, at=NOON, by=None)

    assert refusal.value.run_id == first.pk
    assert ImportRun.objects.get() == first


@pytest.mark.django_db
def test_start_import_takes_the_file_under_another_profile():
    imports.start_import(**A_FILE, at=NOON, by=None)

    imports.start_import(**{**A_FILE, "profile": "other"}, at=NOON, by=None)

    assert ImportRun.objects.count() == 2


@pytest.mark.django_db
def test_start_import_lets_a_failed_file_be_tried_again():
    failed = imports.start_import(**A_FILE, at=NOON, by=None)
    imports.fail_import(run=failed, error="broken", at=NOON)

    again = imports.start_import(**A_FILE, at=NOON, by=None)

    assert again != failed


@pytest.mark.django_db(transaction=True)
def test_start_import_at_once_from_two_windows_opens_one_run():
    def upload():
        return imports.start_import(**A_FILE, at=NOON, by=None)

    outcomes = race(upload, upload)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == [
        "AlreadyImported",
        "ImportRun",
    ]
    assert ImportRun.objects.count() == 1


@pytest.mark.django_db
def test_finish_import_closes_the_run():
    run = imports.start_import(**A_FILE, at=NOON, by=None)

    closed = imports.finish_import(
        run=run, read=5, imported=3, refused=1, skipped=1, report={"seconds": 2}, at=NOON
    )

    assert (closed.status, closed.finished_at, closed.report) == ("DONE", NOON, {"seconds": 2})


@pytest.mark.django_db
def test_finish_import_refuses_lines_unaccounted_for():
    run = imports.start_import(**A_FILE, at=NOON, by=None)

    with pytest.raises(LinesUnaccountedFor):
        imports.finish_import(run=run, read=6, imported=3, refused=1, skipped=1, report={}, at=NOON)

    run.refresh_from_db()
    assert (run.status, run.lines_read) == ("RUNNING", 0)


@pytest.mark.django_db
@pytest.mark.parametrize("end", ["finish", "fail", "stage"])
def test_run_that_is_over_stays_as_it_is(end):
    run = imports.start_import(**A_FILE, at=NOON, by=None)
    imports.finish_import(run=run, read=0, imported=0, refused=0, skipped=0, report={}, at=NOON)

    with pytest.raises(ImportIsOver):
        {
            "finish": lambda: imports.finish_import(
                run=run, read=1, imported=1, refused=0, skipped=0, report={}, at=NOON
            ),
            "fail": lambda: imports.fail_import(run=run, error="late", at=NOON),
            "stage": lambda: imports.stage_import(run=run, read=1, refused=0, skipped=0, report={}),
        }[end]()

    run.refresh_from_db()
    assert (run.status, run.lines_read, run.error) == ("DONE", 0, "")


@pytest.mark.django_db
def test_stage_import_waits_and_can_then_be_finished():
    run = imports.start_import(**A_FILE, at=NOON, by=None)

    staged = imports.stage_import(run=run, read=4, refused=1, skipped=0, report={"new": 3})
    done = imports.finish_import(
        run=run, read=4, imported=3, refused=1, skipped=0, report={"applied": 3}, at=NOON
    )

    assert staged.status == "STAGED"
    assert (done.status, done.report) == ("DONE", {"new": 3, "applied": 3})


@pytest.mark.django_db
def test_record_rejects_stores_each_once_however_often_it_is_told():
    run = ImportRunFactory()
    rejects = [
        Reject(2, "not_a_number", "'x' is not a number.", {"sku": "A-1", "price": "x"}),
        Reject(2, "unknown_sku", "Nobody knows A-1.", {"sku": "A-1", "price": "x"}),
    ]

    first = imports.record_rejects(run=run, rejects=iter(rejects))
    imports.record_rejects(run=run, rejects=iter(rejects))

    assert first == 2
    assert ImportReject.objects.count() == 2


@pytest.mark.django_db
def test_record_rejects_takes_thousands_in_few_queries(django_assert_num_queries):
    run = ImportRunFactory()

    with django_assert_num_queries(7):
        recorded = imports.record_rejects(
            run=run, rejects=(Reject(line, "x", "x" * 600, {"a": "1"}) for line in range(2500))
        )

    assert recorded == ImportReject.objects.count() == 2500


@pytest.mark.django_db
def test_rejects_csv_keeps_the_columns_of_the_file_and_runs_nothing():
    run = ImportRunFactory()
    imports.record_rejects(
        run=run,
        rejects=[Reject(7, "bad", "=1+1", {"zz": "=HYPERLINK(1)", "a": "-5", "mm": "x,\ny"})],
    )
    run.refresh_from_db()

    text = "".join(imports.rejects_csv(run))

    assert list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))) == [
        ["zz", "a", "mm", "line_number", "error_code", "error_text"],
        ["'=HYPERLINK(1)", "-5", "x,\ny", "7", "bad", "'=1+1"],
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("one_per_file", lambda run: ImportRunFactory(sha256=run.sha256)),
        ("lines_not_negative", lambda run: set_on(run, lines_refused=-1)),
        (
            "every_line_accounted_for",
            lambda run: set_on(run, status="DONE", finished_at=NOON, lines_read=1),
        ),
        ("every_line_accounted_for", lambda run: set_on(run, status="DONE")),
        (
            "once_per_line_and_code",
            lambda run: ImportReject.objects.bulk_create(
                [ImportReject(run=run, line_number=1, code="x", text="x")] * 2
            ),
        ),
    ],
)
def test_database_refuses(rule, broken):
    run = ImportRunFactory()

    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        broken(run)


def set_on(run, **values):
    ImportRun.objects.filter(pk=run.pk).update(**values)
