"""The command that says what taking files in would make of them."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from purchasing.inspecting import inspect_file
from purchasing.models import SupplierFileProfile, SupplierProduct
from retail.common.models import ImportRun
from tests.factories.purchasing import SupplierFileProfileFactory
from tests.xls import xls

ROOT = Path(__file__).resolve().parents[2]
MOST_MEGABYTES = 200
LINES = 100_000


@pytest.fixture
def report_on(tmp_path, capsys):
    """Run the command and return what its report says of each file."""

    def run(*paths, **options):
        report = tmp_path / "report" / "out.json"
        report.parent.mkdir(exist_ok=True)
        call_command("inspect_supplier_file", *map(str, paths), report=report, **options)
        return json.loads(report.read_text(encoding="utf-8"))["files"]

    return run


@pytest.fixture
def file(tmp_path):
    def make(content, name="prices.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return make


def test_report_says_what_was_read_and_why_not_the_rest(report_on, file):
    path = file("SKU;Preis;EAN\nA-1;1,50;\nA-2;nan;\nA-1;2,00;\nA-3;3,00;123\nSumme;6,50;\n")

    [found] = report_on(path)

    assert found["lines_not_accepted"] == [
        {"line": 3, "verdict": "refused", "code": "invalid_price", "text": "'nan' is not a price."},
        {
            "line": 4,
            "verdict": "refused",
            "code": "duplicate_sku",
            "text": "A-1 stands on line 2 already.",
        },
        {"line": 6, "verdict": "skipped", "reason": "The line begins with Summe."},
    ]
    assert (found["rows_read"], found["rows_accepted"]) == (5, 2)
    assert (found["rows_refused"], found["rows_skipped"]) == (2, 1)
    assert found["refused_by_code"] == {"invalid_price": 1, "duplicate_sku": 1}
    assert (found["verdict"], found["error"]) == ("read", "")
    assert found["reading"]["columns"] == {"supplier_sku": "SKU", "unit_cost": "Preis"}
    assert found["reading"]["decimal_separator"] == ","
    assert found["peak_memory_mb"] > 0


def test_refused_file_is_in_the_report_with_its_reason(report_on, file):
    broken, unknown = file('a;b\n"1;2\n', "broken.csv"), file("foo,bar\n1,2\n", "unknown.csv")

    of_broken, of_unknown = report_on(broken, unknown)

    assert (of_broken["verdict"], of_broken["error_code"]) == ("refused", "broken_file")
    assert of_broken["error"] == "Line 2: A quote opens here and does not close."
    assert of_broken["rows_read"] == of_broken["rows_refused"] == 0
    assert (of_unknown["verdict"], of_unknown["error_code"]) == ("refused", "columns_not_found")
    assert (of_unknown["rows_read"], of_unknown["rows_refused"]) == (1, 1)


def test_folder_means_its_files(report_on, file, tmp_path):
    folder = tmp_path / "lists" / "of-march"
    folder.mkdir(parents=True)
    (folder / "b.csv").write_text("SKU;Cost\nA-1;1\n")
    (folder.parent / "a.csv.gz").write_bytes(gzip.compress(b"SKU;Cost\nA-1;1\n"))
    (folder / "c.xls").write_bytes(
        xls({"S": [(0, 0, "SKU"), (0, 1, "Cost"), (1, 0, "A"), (1, 1, 2)]})
    )

    found = report_on(folder.parent)

    assert [Path(one["file"]).name for one in found] == ["a.csv.gz", "b.csv", "c.xls"]
    assert [one["rows_accepted"] for one in found] == [1, 1, 1]


@pytest.mark.parametrize("make", [lambda _path: None, os.mkfifo], ids=["missing", "pipe"])
def test_what_is_no_file_is_refused_without_waiting(report_on, tmp_path, make):
    path = tmp_path / "prices.csv"
    make(path)

    [found] = report_on(path)

    assert (found["error_code"], found["rows_read"]) == ("not_a_file", 0)


@pytest.mark.django_db
def test_profile_reads_instead_of_the_proposal_and_nothing_is_written(report_on, file):
    profile = SupplierFileProfileFactory(
        supplier__currency="EUR", columns={"supplier_sku": "foo", "unit_cost": "bar"}
    )
    path = file("foo;bar\nA-1;1.50\nA-2;2 USD\n")

    [found] = report_on(path, profile=profile.code)

    assert (found["rows_accepted"], found["refused_by_code"]) == (1, {"other_currency": 1})
    assert found["reading"]["notes"] == [f"Read by the profile {profile.code}."]
    assert ImportRun.objects.count() == SupplierProduct.objects.count() == 0
    assert SupplierFileProfile.objects.count() == 1


@pytest.mark.django_db
def test_unknown_profile_is_refused(report_on, file):
    with pytest.raises(CommandError, match="no supplier file profile nobody"):
        report_on(file("a;b\n"), profile="nobody")


def test_report_that_cannot_be_written_is_refused(file, tmp_path):
    with pytest.raises(CommandError, match="report cannot be written"):
        call_command(
            "inspect_supplier_file", str(file("a;b\n")), report=tmp_path / "nowhere" / "out.json"
        )


TABLE_LIKE = st.text(alphabet=';,\t|"\n\r 0123456789.€AEe+-SKUCost\0ł', max_size=300)
LINES_LIKE = st.lists(
    st.lists(st.sampled_from(["A-1", "1,50", "2.00", '"', '"x"', "", "Total", "SKU"]), max_size=4),
    max_size=8,
).map(lambda rows: "SKU;Cost\n" + "\n".join(";".join(row) for row in rows))
ANY_BYTES = st.one_of(
    st.binary(max_size=300),
    TABLE_LIKE.map(str.encode),
    LINES_LIKE.map(str.encode),
    TABLE_LIKE.map(lambda text: text.encode("utf-16")),
    st.binary(max_size=60).map(lambda tail: b"PK\x03\x04" + tail),
    st.binary(max_size=600).map(lambda tail: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + tail),
    st.binary(max_size=60).map(lambda tail: b"\x1f\x8b" + tail),
    st.binary(max_size=200).map(gzip.compress),
)


@given(content=ANY_BYTES)
@example(content=b"SKU;Cost\nA-1;1\nTotal;1\nSKU;Cost\n;\nA-1;2\nx\n")
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_every_line_read_is_accepted_refused_or_skipped_whatever_the_bytes(content, tmp_path):
    path = tmp_path / "any"
    path.write_bytes(content)

    found, lines = inspect_file(path, None)
    not_accepted = list(lines)

    assert found.read == found.accepted + found.refused + found.skipped
    assert len(not_accepted) <= found.read
    assert not found.is_refused or found.accepted == 0


def peak_megabytes(path, tmp_path):
    """Inspect a file in a process of its own; return its most memory and the report."""
    report = tmp_path / "out.json"
    command = [sys.executable, "manage.py", "inspect_supplier_file", str(path)]
    subprocess.run(
        [*command, "--report", str(report)],
        cwd=ROOT,
        env={**os.environ, "RETAIL_DEMO": "1"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    [found] = json.loads(report.read_text(encoding="utf-8"))["files"]
    return found["peak_memory_mb"], found


@pytest.mark.parametrize("cost", ["{0},50", "free"], ids=["accepted", "refused"])
def test_long_list_needs_little_memory_whatever_becomes_of_its_lines(file, tmp_path, cost):
    row = "A-{0:06};4006381333931;Mug {0} of stoneware;" + cost + ";6;12;480\n"
    path = file(
        "SKU;EAN;Name;Cost;Pack;Minimum;Stock\n" + "".join(row.format(n) for n in range(LINES))
    )

    peak, found = peak_megabytes(path, tmp_path)

    assert found["rows_read"] == LINES
    assert peak < MOST_MEGABYTES
