"""Files of invoices that came into a folder or a mailbox, and those a worker left unread."""

import os
import time
from datetime import timedelta
from email.message import EmailMessage

import pytest
from django.utils import timezone

from purchasing import operations
from purchasing.models import InvoiceDocument, SupplierInvoice
from purchasing.tasks import read_received_documents, receive_invoice_files
from retail.common.models import TaskRun
from tests.factories.common import UserFactory
from tests.factories.purchasing_documents import known_supplier, ubl_invoice

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def drop(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.RETAIL_INVOICE_DROP = str(tmp_path / "drop")
    settings.RETAIL_INVOICE_MAILBOX = ""
    (tmp_path / "drop").mkdir()
    return tmp_path / "drop"


def invoice_of_today(**values):
    return ubl_invoice(issued_on=timezone.localdate(), **values)


def lay(path, content, *, seconds_ago=120):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    changed = time.time() - seconds_ago
    os.utime(path, (changed, changed))


def counts(**values):
    return {"files": 0, "captured": 0, "waiting": 0, "mailboxes": 0} | values


def an_email(*attachments):
    message = EmailMessage()
    message["From"] = "Potter <bills@potter.example>"
    message["To"] = "shop@example.com"
    message["Subject"] = "Your invoice"
    message.set_content("Please find attached.")
    for name, content in attachments:
        message.add_attachment(content, maintype="application", subtype="xml", filename=name)
    return bytes(message)


def names_in(folder):
    return sorted(file.name.split("-", 1)[-1] for file in folder.iterdir())


def test_files_of_the_folder_are_captured_or_left_to_a_person(drop):
    known_supplier()
    invoice = invoice_of_today()
    lay(drop / "good.xml", invoice)
    lay(drop / "bad.xml", b"<Invoice")

    summary = receive_invoice_files()

    assert summary == counts(files=2, captured=1, waiting=1)
    assert names_in(drop / "done") == ["good.xml"]
    assert names_in(drop / "error") == ["bad.xml"]
    document = InvoiceDocument.objects.get(filename="good.xml")
    assert (document.channel, document.origin, document.status) == ("FOLDER", "drop", "CAPTURED")
    assert TaskRun.objects.get().summary == summary
    assert receive_invoice_files() == counts()


def test_file_that_is_still_written_is_left_until_it_lies_still_or_is_marked(drop):
    known_supplier()
    lay(drop / "growing.xml", invoice_of_today(), seconds_ago=0)
    lay(drop / "sent.xml.part", invoice_of_today())
    lay(drop / "marked.xml", invoice_of_today(), seconds_ago=1)
    lay(drop / "marked.xml.ok", b"", seconds_ago=0)

    assert receive_invoice_files() == counts(files=1, captured=1)

    assert names_in(drop / "done") == ["marked.xml"]
    assert (drop / "growing.xml").exists()
    assert (drop / "sent.xml.part").exists()


def test_the_same_bytes_under_another_name_are_taken_in_once(drop):
    known_supplier()
    content = invoice_of_today()
    lay(drop / "a.xml", content)
    lay(drop / "b.xml", content)

    receive_invoice_files()

    assert InvoiceDocument.objects.count() == SupplierInvoice.objects.count() == 1
    assert names_in(drop / "done") == ["a.xml", "b.xml"]


def test_messages_of_a_maildir_are_taken_in_and_marked_as_seen(settings, tmp_path):
    known_supplier()
    settings.RETAIL_INVOICE_MAILBOX = str(tmp_path / "mail")
    lay(tmp_path / "mail/new/1.a.host", an_email(("invoice.xml", invoice_of_today())))
    lay(tmp_path / "mail/cur/2.b.host:2,S", an_email(("seen.xml", invoice_of_today())))
    lay(tmp_path / "mail/cur/3.c.host:2,F", an_email())
    (tmp_path / "mail/tmp").mkdir()

    summary = receive_invoice_files()

    assert summary == counts(files=2, captured=1, waiting=1, mailboxes=1)
    assert sorted(file.name for file in (tmp_path / "mail/cur").iterdir()) == [
        "1.a.host:2,S",
        "2.b.host:2,S",
        "3.c.host:2,FS",
    ]
    document = InvoiceDocument.objects.get(filename="invoice.xml")
    assert (document.channel, document.origin) == ("MAIL", "bills@potter.example: Your invoice")
    assert InvoiceDocument.objects.get(status="NEEDS_PERSON").problem_code == "NO_ATTACHMENT"
    assert receive_invoice_files() == counts()


def test_mbox_is_read_again_only_when_it_was_written_to(settings, tmp_path):
    known_supplier()
    mbox = tmp_path / "mbox"
    settings.RETAIL_INVOICE_MAILBOX = str(mbox)
    postmark = b"From bills@potter.example Thu Nov 26 08:00:00 2026\n"
    first = postmark + an_email(("one.xml", invoice_of_today())) + b"\n"
    lay(mbox, first, seconds_ago=300)

    assert receive_invoice_files() == counts(files=1, captured=1, mailboxes=1)
    assert receive_invoice_files() == counts()
    TaskRun.objects.update(started_at=timezone.now() - timedelta(minutes=10))
    lay(mbox, first + postmark + an_email(("two.xml", invoice_of_today())), seconds_ago=90)

    assert receive_invoice_files() == counts(files=2, captured=2, mailboxes=1)
    assert SupplierInvoice.objects.count() == 2


def test_file_that_a_worker_left_unread_is_gone_on_with():
    known_supplier()
    clerk = UserFactory()
    words = {"channel": "UPLOAD", "by": clerk}
    now = timezone.now()
    left = operations.keep_document(
        content=invoice_of_today(), filename="a.xml", at=now - timedelta(minutes=5), **words
    )
    fresh = operations.keep_document(content=invoice_of_today(), filename="b.xml", at=now, **words)

    assert read_received_documents() == {"captured": 1, "waiting": 0}

    left.refresh_from_db()
    fresh.refresh_from_db()
    assert (left.status, fresh.status) == ("CAPTURED", "RECEIVED")
    assert left.invoices.get().captured_by == clerk
    assert read_received_documents() == {"captured": 0, "waiting": 0}
