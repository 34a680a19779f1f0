"""Imports and task runs are read, and refused lines downloaded."""

import pytest

from tests.factories.common import ImportRejectFactory, ImportRunFactory
from tests.people import browser_of, person_who_may

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk():
    return browser_of(person_who_may("common.view_importrun", "common.view_importreject"))


def test_rejected_lines_are_downloaded_as_csv(clerk):
    run = ImportRunFactory(file_name="../../März 1.csv", lines_refused=1)
    ImportRejectFactory(run=run, line_number=3, columns={"sku": "=A1"}, text="No such article.")

    page = clerk.get(f"/common/importrun/{run.pk}/change/").content.decode()
    answer = clerk.get(f"/common/importrun/{run.pk}/download/rejects/")

    assert f"/common/importrun/{run.pk}/download/rejects/" in page
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith("attachment; ")
    assert "/" not in answer["Content-Disposition"]
    assert b"".join(answer).decode("utf-8-sig").splitlines() == [
        "sku,line_number,error_code,error_text",
        "'=A1,3,not_a_number,No such article.",
    ]


def test_run_without_rejects_offers_no_download(clerk):
    run = ImportRunFactory()

    page = clerk.get(f"/common/importrun/{run.pk}/change/").content.decode()

    assert "download/rejects" not in page


def test_download_needs_the_right_to_see_rejects():
    run = ImportRunFactory(lines_refused=1)
    reader = browser_of(person_who_may("common.view_importrun"))

    assert reader.get(f"/common/importrun/{run.pk}/download/rejects/").status_code == 403
