"""The command that takes in suppliers' invoices by the heap."""

import json
import mailbox
import zipfile
from email.message import EmailMessage

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from purchasing import capturing
from purchasing.einvoices.csv_invoices import SAMPLE
from purchasing.models import InvoiceDocument, SupplierInvoice
from tests.factories.purchasing import SupplierFactory
from tests.purchasing.national_invoices import fa, faktura, wiersz
from tests.shared_data import SHARED_DATA, needs_shared_data

pytestmark = pytest.mark.django_db

BILL = faktura(
    fa(
        "<P_13_1>20.00</P_13_1><P_14_1>4.60</P_14_1><P_15>24.60</P_15>",
        wiersz(1, "10", "2.00", "20.00"),
    )
)


@pytest.fixture(autouse=True)
def storage(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


@pytest.fixture
def supplier():
    return SupplierFactory(code="kowal", tax_number="526-587-76-35", country="PL")


@pytest.fixture
def drop(tmp_path):
    """Return a folder to lay files into."""
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


@pytest.fixture
def report_on(tmp_path, capsys):
    """Run the command; return its report, its exit code and what it says last."""

    def run(*paths, **options):
        report = tmp_path / "out.json"
        code = 0
        try:
            call_command("capture_invoices", *map(str, paths), report=report, **options)
        except SystemExit as end:
            code = end.code
        last_line = capsys.readouterr().out.splitlines()[-1]
        return json.loads(report.read_text(encoding="utf-8")), code, last_line

    return run


def verdicts(report):
    return {entry["path"]: (entry["verdict"], entry["code"]) for entry in report["files"]}


def test_report_says_what_is_in_a_file_and_whose_it_is(drop, report_on, supplier):
    (drop / "bill.xml").write_bytes(BILL)

    report, code, last_line = report_on(drop, dry_run=True)

    [entry] = report["files"]
    assert report["dry_run"] is True
    assert (entry["name"], entry["verdict"], entry["syntax"], entry["profile"]) == (
        "bill.xml",
        "captured",
        "KSEF",
        "FA(3)",
    )
    assert entry["invoices"] == [
        {
            "position": 1,
            "kind": "INVOICE",
            "type_code": "VAT",
            "number": "FV/7/2026",
            "issued_on": "2026-10-01",
            "due_on": "",
            "supplier": {
                "name": "Świece Kowal Sp. z o.o.",
                "tax_numbers": ["PL5265877635", "5265877635"],
                "code": "kowal",
            },
            "currency": "PLN",
            "net": "20.00",
            "tax": "4.60",
            "gross": "24.60",
            "payable": "24.60",
            "line_count": 1,
        }
    ]
    assert [finding["rule"] for finding in entry["findings"]] == ["BR-CO-25"]
    assert code == 0
    assert last_line == (
        "1 files: would be 1 captured, 0 waiting for a person, 0 refused, 0 seen before."
    )


def test_dry_run_writes_nothing(drop, report_on, supplier, storage):
    (drop / "bill.xml").write_bytes(BILL)

    report_on(drop, dry_run=True)

    assert InvoiceDocument.objects.count() == 0
    assert SupplierInvoice.objects.count() == 0
    assert not storage.exists()


def test_files_are_captured_wait_or_are_refused_and_the_run_goes_on(drop, report_on, supplier):
    (drop / "a_broken.xml").write_bytes(BILL[:-20])
    (drop / "b_bill.xml").write_bytes(BILL)
    (drop / "c_stranger.csv").write_text(SAMPLE)
    (drop / "d_bill_again.xml").write_bytes(BILL)

    report, code, last_line = report_on(drop)

    assert verdicts(report) == {
        "drop/a_broken.xml": ("refused", "XML_BROKEN"),
        "drop/b_bill.xml": ("captured", ""),
        "drop/c_stranger.csv": ("waiting for a person", "SUPPLIER_UNKNOWN"),
        "drop/d_bill_again.xml": ("seen before", ""),
    }
    assert report["summary"] == {
        "files": 4,
        "captured": 1,
        "waiting for a person": 1,
        "refused": 1,
        "seen before": 1,
    }
    assert code == 1
    assert last_line == ("4 files: 1 captured, 1 waiting for a person, 1 refused, 1 seen before.")
    # Nothing is dropped: what cannot be read is kept as well.
    assert InvoiceDocument.objects.count() == 3
    invoice = SupplierInvoice.objects.get()
    assert (invoice.supplier, invoice.supplier_number) == (supplier, "FV/7/2026")
    captured = report["files"][1]
    assert captured["document"] == invoice.source.number
    assert captured["invoices"][0]["invoice"] == invoice.number
    with default_storage.open(invoice.source.file.name) as file:
        assert file.read() == BILL


def test_second_run_over_the_same_files_changes_nothing(drop, report_on, supplier):
    (drop / "bill.xml").write_bytes(BILL)
    report_on(drop)

    report, code, _ = report_on(drop)
    looked_at, _, _ = report_on(drop, dry_run=True)

    assert (verdicts(report), code) == ({"drop/bill.xml": ("seen before", "")}, 0)
    assert verdicts(looked_at) == verdicts(report)
    assert report["files"][0]["invoices"][0]["supplier"]["code"] == "kowal"
    assert SupplierInvoice.objects.count() == 1


def test_zip_and_mailbox_are_opened_and_say_where_a_file_was(drop, report_on, supplier):
    with zipfile.ZipFile(drop / "bills.zip", "w") as archive:
        archive.writestr("october/bill.xml", BILL)
        archive.writestr("note.txt", "hello")
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "kowal@example.pl", "Faktura"
    mail.set_content("In the file.")
    mail.add_attachment(SAMPLE.encode(), maintype="text", subtype="csv", filename="bills.csv")
    box = mailbox.mbox(drop / "box")
    box.add(mail)
    box.close()

    report, _, _ = report_on(drop / "bills.zip", drop / "box", dry_run=True)

    assert verdicts(report) == {
        "bills.zip/note.txt": ("refused", "UNKNOWN_SYNTAX"),
        "bills.zip/bill.xml": ("captured", ""),
        "kowal@example.pl: Faktura/bills.csv": ("waiting for a person", "SUPPLIER_UNKNOWN"),
    }
    assert [row["number"] for row in report["files"][2]["invoices"]] == ["2026-118", "2026-119"]


def test_what_cannot_be_got_at_is_reported_beside_the_rest(tmp_path, drop, report_on, supplier):
    (drop / "bill.xml").write_bytes(BILL)

    report, code, _ = report_on(tmp_path / "nowhere", drop)

    assert verdicts(report) == {
        "nowhere": ("refused", "NOT_FOUND"),
        "drop/bill.xml": ("captured", ""),
    }
    assert code == 1


def test_failure_of_the_program_on_one_file_does_not_stop_the_run(
    drop, report_on, supplier, monkeypatch
):
    (drop / "a.xml").write_bytes(b"<fail/>")
    (drop / "b.xml").write_bytes(BILL)
    read = capturing.read_document

    def fails_once(content, *, filename):
        if filename == "a.xml":
            raise ZeroDivisionError
        return read(content, filename=filename)

    monkeypatch.setattr(capturing, "read_document", fails_once)

    report, code, _ = report_on(drop, dry_run=True)

    assert verdicts(report) == {
        "drop/a.xml": ("refused", "PROGRAM_FAILED"),
        "drop/b.xml": ("captured", ""),
    }
    assert code == 1


def test_report_that_cannot_be_written_leaves_the_earlier_one(drop, tmp_path, monkeypatch):
    (drop / "bill.xml").write_bytes(BILL)
    report = tmp_path / "out.json"
    report.write_text("earlier")

    def breaks(paths):
        yield from ()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("purchasing.management.commands.capture_invoices.look_at", breaks)

    with pytest.raises(CommandError, match="No space left"):
        call_command("capture_invoices", str(drop), report=report, dry_run=True)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("capture_invoices", str(drop), report=tmp_path / "no" / "out", dry_run=True)

    assert report.read_text() == "earlier"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drop", "out.json"]


def test_suppliers_of_a_heap_are_looked_up_once_each(
    drop, report_on, supplier, django_assert_max_num_queries
):
    for place in range(10):
        (drop / f"{place}.xml").write_bytes(BILL.replace(b"FV/7", b"FV/%d" % place))

    # Whether the file was seen is asked of each; who the seller is, once.
    with django_assert_max_num_queries(10 + 2):
        report, _, _ = report_on(drop, dry_run=True)

    assert report["summary"]["captured"] == 10


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200))
def test_arbitrary_bytes_get_an_entry(drop, report_on, content):
    (drop / "any").write_bytes(content)

    report, _, _ = report_on(drop, dry_run=True)

    assert len(report["files"]) == report["summary"]["files"] >= 1


@needs_shared_data
def test_every_einvoice_of_the_sample_data_gets_an_entry_and_none_fails(report_on):
    files = [path for path in (SHARED_DATA / "einvoices").rglob("*") if path.is_file()]

    report, code, _ = report_on(SHARED_DATA / "einvoices", dry_run=True)

    assert len(report["files"]) == len(files)
    assert "PROGRAM_FAILED" not in {entry["code"] for entry in report["files"]}
    assert all(entry["reason"] for entry in report["files"] if entry["verdict"] == "refused")
    assert all(entry["invoices"] for entry in report["files"] if not entry["reason"])
    assert code == 1
