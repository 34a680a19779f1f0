"""Folders, zip files, e-mails and mailboxes: opened to the last file, and never beyond a limit."""

import mailbox
import zipfile
from email.message import EmailMessage
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from purchasing.einvoices import containers
from purchasing.einvoices.containers import found_in, found_in_bytes
from tests.purchasing.national_invoices import signed_file

BILL = b"<Invoice/>"


def zipped(files):
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def message(subject="Rechnung für Mai", sender="Käthe Wolf <kaethe@wolf.example>", **files):
    mail = EmailMessage()
    mail["From"] = sender
    mail["To"] = "bills@shop.example"
    mail["Subject"] = subject
    mail.set_content("The bill is attached.")
    for name, content in files.items():
        mail.add_attachment(content, maintype="application", subtype="xml", filename=f"{name}.xml")
    return mail


def shown(found):
    """Return what was found as path -> content or the code of the refusal."""
    return [(one.path, one.content if one.refusal is None else one.refusal.code) for one in found]


def test_folder_is_gone_through_in_the_order_of_names(tmp_path):
    drop = tmp_path / "drop"
    (drop / "june").mkdir(parents=True)
    (drop / ".hidden").mkdir()
    for name in ("b.xml", "a.xml", "june/c.xml", ".b.xml.part", ".hidden/d.xml", "Thumbs.db"):
        (drop / name).write_bytes(BILL)

    assert shown(found_in(drop)) == [
        ("drop/a.xml", BILL),
        ("drop/b.xml", BILL),
        ("drop/june/c.xml", BILL),
    ]


def test_link_out_of_the_folder_is_refused_and_one_within_followed(tmp_path):
    drop, outside = tmp_path / "drop", tmp_path / "secret"
    drop.mkdir()
    outside.mkdir()
    (outside / "passwords").write_bytes(b"secret")
    (drop / "a.xml").write_bytes(BILL)
    (drop / "again.xml").symlink_to(drop / "a.xml")
    (drop / "folder").symlink_to(outside)
    (drop / "out.xml").symlink_to(outside / "passwords")

    assert shown(found_in(drop)) == [
        ("drop/a.xml", BILL),
        ("drop/again.xml", BILL),
        ("drop/out.xml", "LINK"),
    ]


def test_single_file_and_one_that_is_not_there(tmp_path):
    (tmp_path / "a.xml").write_bytes(BILL)

    assert shown(found_in(tmp_path / "a.xml")) == [("a.xml", BILL)]
    assert shown(found_in(tmp_path / "b.xml")) == [("b.xml", "NOT_FOUND")]


def test_file_that_is_too_large_is_not_read(tmp_path):
    large = tmp_path / "large.xml"
    with large.open("wb") as file:
        file.truncate(containers.MOST_BYTES + 1)

    assert shown(found_in(large)) == [("large.xml", "FILE_TOO_LARGE")]


def test_zip_is_opened_with_the_zip_files_in_it():
    inner = zipped({"b.xml": BILL})
    packed = zipped({"../../a.xml": BILL, "x\\c.xml": BILL, "inner.zip": inner, "__MACOSX/d": b"x"})

    assert shown(found_in_bytes(packed, name="bills.zip")) == [
        ("bills.zip/a.xml", BILL),
        ("bills.zip/inner.zip/b.xml", BILL),
        ("bills.zip/c.xml", BILL),
    ]


def test_zip_within_zip_within_zip_is_not_opened_for_ever():
    packed = zipped({"a.xml": BILL})
    for _ in range(containers.MOST_LEVELS):
        packed = zipped({"a.zip": packed})

    [(_, found)] = shown(found_in_bytes(packed, name="a.zip"))

    assert found == "ZIP_TOO_DEEP"


def test_zip_bomb_is_not_unpacked_and_the_file_beside_it_is():
    packed = zipped({"bomb.xml": bytes(15_000_000), "good.xml": BILL})

    assert shown(found_in_bytes(packed, name="bills.zip")) == [
        ("bills.zip/bomb.xml", "ZIP_BOMB"),
        ("bills.zip/good.xml", BILL),
    ]


@pytest.mark.parametrize(
    ("limit", "most"), [("MOST_FILES_OF_A_ZIP", 2), ("MOST_BYTES_OF_A_ZIP", 25)]
)
def test_zip_files_within_one_another_share_one_limit(monkeypatch, limit, most):
    monkeypatch.setattr(containers, limit, most)
    inner = zipped({"b.xml": BILL, "c.xml": BILL})
    packed = zipped({"a.xml": BILL})

    assert shown(found_in_bytes(packed, name="small.zip")) == [("small.zip/a.xml", BILL)]
    assert [
        found for _, found in shown(found_in_bytes(zipped({"i.zip": inner}), name="large.zip"))
    ] == ["ZIP_TOO_LARGE"]


def test_zip_that_is_damaged_empty_or_locked_is_refused():
    damaged = bytearray(zipped({"a.xml": BILL * 20}))
    damaged[45] ^= 0xFF
    locked = bytearray(zipped({"a.xml": BILL}))
    for place in (locked.find(b"PK\x03\x04") + 6, locked.find(b"PK\x01\x02") + 8):
        locked[place] |= 1

    for content, code in (
        (bytes(damaged), "ZIP_BROKEN"),
        (zipped({"a.xml": BILL})[:40], "ZIP_BROKEN"),
        (zipped({}), "ZIP_EMPTY"),
        (bytes(locked), "ZIP_ENCRYPTED"),
    ):
        assert [found for _, found in shown(found_in_bytes(content, name="a.zip"))] == [code]


def test_workbook_is_a_file_though_it_is_a_zip():
    workbook = zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"})

    assert shown(found_in_bytes(workbook, name="bills.xlsx")) == [("bills.xlsx", workbook)]


def test_mail_gives_its_files_with_sender_and_subject():
    mail = message(Rechnung_ä=BILL)
    mail.add_attachment(zipped({"b.xml": BILL}), maintype="application", subtype="zip")
    mail.add_attachment(b"logo", maintype="image", subtype="png", cid="<logo>")
    mail.add_attachment(b"s", maintype="application", subtype="pkcs7-signature", filename="s.p7s")

    origin = "kaethe@wolf.example: Rechnung für Mai"
    for name in ("bill.eml", "message"):
        assert shown(found_in_bytes(mail.as_bytes(), name=name)) == [
            (f"{origin}/Rechnung_ä.xml", BILL),
            (f"{origin}/attachment 2.zip/b.xml", BILL),
        ]


def test_forwarded_mail_and_one_that_was_saved_and_attached_are_opened():
    forwarded = message(subject="Fwd", sender="boss@shop.example")
    forwarded.add_attachment(message(a=BILL))
    saved = message(subject="As a file", sender="boss@shop.example")
    saved.add_attachment(
        message(a=BILL).as_bytes(), maintype="application", subtype="octet-stream", filename="a.eml"
    )

    assert shown(found_in_bytes(forwarded.as_bytes(), name="f.eml")) == [
        ("boss@shop.example: Fwd/a.xml", BILL)
    ]
    assert shown(found_in_bytes(saved.as_bytes(), name="s.eml")) == [
        ("kaethe@wolf.example: Rechnung für Mai/a.xml", BILL)
    ]


def test_mail_signed_as_a_whole_is_opened():
    inner = message(a=BILL)
    del inner["From"], inner["To"], inner["Subject"]
    inner_bytes = inner.as_bytes()
    start = inner_bytes.lower().find(b"content-")
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "pec@wolf.example", "PEC"
    mail.set_content(
        signed_file(inner_bytes[start:]),
        maintype="application",
        subtype="pkcs7-mime",
        filename="smime.p7m",
    )

    assert shown(found_in_bytes(mail.as_bytes(), name="m.eml")) == [
        ("pec@wolf.example: PEC/a.xml", BILL)
    ]


def test_mail_without_a_file_is_not_lost():
    assert shown(found_in_bytes(message().as_bytes(), name="m.eml")) == [
        ("kaethe@wolf.example: Rechnung für Mai/Rechnung für Mai", "NO_ATTACHMENT")
    ]


def test_mailbox_gives_the_files_of_each_message(tmp_path):
    box = mailbox.mbox(tmp_path / "bills")
    quoted = message(subject="Two", b=BILL)
    quoted.preamble = "From the start\nof a line"
    for mail in (message(subject="One", a=BILL), quoted, message(subject="Three")):
        box.add(mail)
    box.close()

    assert shown(found_in(tmp_path / "bills")) == [
        ("kaethe@wolf.example: One/a.xml", BILL),
        ("kaethe@wolf.example: Two/b.xml", BILL),
        ("kaethe@wolf.example: Three/Three", "NO_ATTACHMENT"),
    ]


def test_maildir_gives_the_files_of_each_message(tmp_path):
    mailbox.Maildir(tmp_path / "maildir").add(message(a=BILL))

    assert shown(found_in(tmp_path / "maildir")) == [
        ("kaethe@wolf.example: Rechnung für Mai/a.xml", BILL)
    ]


def test_headers_nobody_can_decode_leave_the_file():
    raw = message(a=BILL).as_bytes()
    head, _, rest = raw.partition(b"\n")
    broken = b"From: \xff\xfe=?nonsense?Q?=ZZ?= <x>\n" + rest

    [found] = found_in_bytes(broken, name="m.eml")

    assert found.content == BILL
    assert found.origin.encode()
    assert head.startswith(b"From:")


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_containers_never_crash(data):
    start = data.draw(
        st.sampled_from([zipped({"a.xml": BILL}), message(a=BILL).as_bytes(), b"From x 2026\n"])
    )
    place = data.draw(st.integers(0, len(start)))
    cut = data.draw(st.integers(0, 30))
    content = start[:place] + data.draw(st.binary(max_size=40)) + start[place + cut :]

    for found in found_in_bytes(content, name=data.draw(st.sampled_from(["a", "a.eml", "a.zip"]))):
        assert (found.content is None) != (found.refusal is None)
        assert found.path.encode()
