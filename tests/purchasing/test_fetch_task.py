"""The task that fetches suppliers' files: read, kept once, applied where nobody has to look."""

import os
import time
from datetime import timedelta

import pytest
from django.core.files import File
from django.core.files.base import ContentFile
from django.utils import timezone

from purchasing import operations
from purchasing.models import (
    SupplierFile,
    SupplierFileProfile,
    SupplierPrice,
    SupplierProduct,
    Transport,
)
from purchasing.operations import NothingToFetch
from purchasing.tasks import fetch_supplier_files
from retail.common.models import ImportRun, TaskRun
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import SupplierFileProfileFactory

pytestmark = pytest.mark.django_db
TEXT = "SKU;EAN;Name;Cost;Pack;Minimum;Stock\nA-1;;Pencil;2.50;1;1;5\nA-2;;Pen;3.50;1;1;7\n"


@pytest.fixture(autouse=True)
def drop(settings, tmp_path):
    """Give the test a drop folder, and a place for originals."""
    settings.SUPPLIER_DROP_DIR = str(tmp_path / "drop")
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "drop"


def folder_profile(**values):
    return SupplierFileProfileFactory(
        transport=Transport.FOLDER, address=values.pop("address", "potters"), **values
    )


def put(drop, name, text=TEXT, *, address="potters"):
    folder = drop / address
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    (folder / f"{name}.ok").write_text("")


def due_again():
    SupplierFileProfile.objects.update(polled_at=None)


def counts(**values):
    nothing = dict.fromkeys(("profiles", "failed", "new", "known", "refused", "applied"), 0)
    return nothing | values


def test_file_in_the_folder_is_read_and_waits_for_a_person(drop):
    profile = folder_profile()
    put(drop, "prices.csv")

    assert fetch_supplier_files() == counts(profiles=1, new=1)

    file = SupplierFile.objects.get()
    assert (file.name, file.status, file.transport) == ("prices.csv", "STAGED", "FOLDER")
    assert (file.supplier, file.profile, file.received_by) == (profile.supplier, profile, None)
    assert file.run.status == ImportRun.Status.STAGED
    assert [path.name.split("-", 1)[1] for path in (drop / "potters/done").iterdir()] == [
        "prices.csv"
    ]
    assert SupplierProduct.objects.count() == 0


def test_file_of_a_trusted_profile_is_applied_without_a_person(drop):
    folder_profile(is_applied_unattended=True)
    put(drop, "prices.csv")

    assert fetch_supplier_files() == counts(profiles=1, new=1, applied=1)

    assert SupplierFile.objects.get().run.status == ImportRun.Status.DONE
    assert SupplierPrice.objects.count() == 2


def test_file_that_a_guard_stops_waits_for_a_person_even_so(drop):
    folder_profile(is_applied_unattended=True, max_refused_percent=10)
    put(drop, "prices.csv", TEXT + "A-3;;Eraser;free;1;1;5\n")

    assert fetch_supplier_files()["applied"] == 0
    due_again()
    assert fetch_supplier_files()["applied"] == 0

    assert SupplierFile.objects.get().run.status == ImportRun.Status.STAGED
    assert SupplierPrice.objects.count() == 0


def test_file_that_a_person_read_is_not_applied_without_them(drop):
    profile = folder_profile(is_applied_unattended=True)
    put(drop, "prices.csv", "nonsense")
    fetch_supplier_files()
    file = SupplierFile.objects.get()
    assert file.status == "REFUSED"

    # Mended on disk, to be read again without another file.
    file.file.storage.delete(file.file.name)
    file.file.storage.save(file.file.name, ContentFile(TEXT.encode()))
    operations.read_received_file(
        file_id=file.pk, profile=profile, at=timezone.now(), by=UserFactory()
    )
    due_again()

    assert fetch_supplier_files()["applied"] == 0
    assert SupplierFile.objects.get().run.status == ImportRun.Status.STAGED


def test_same_file_again_is_kept_once(drop):
    folder_profile()
    for name in ("prices.csv", "prices again.csv"):
        put(drop, name)
        fetch_supplier_files()
        due_again()

    assert [file.name for file in SupplierFile.objects.all()] == ["prices.csv"]
    assert len(list((drop / "potters/done").iterdir())) == 2
    assert ImportRun.objects.count() == 1


def test_refused_file_lies_in_error_and_says_why(drop):
    folder_profile()
    put(drop, "prices.csv", "Something;Else\n1;2\n")

    assert fetch_supplier_files() == counts(profiles=1, new=1, refused=1)

    file = SupplierFile.objects.get()
    assert file.status == "REFUSED"
    assert file.error
    assert len(list((drop / "potters/error").iterdir())) == 1


def test_file_of_a_worker_that_died_before_reading_it_is_read(drop):
    profile = folder_profile()
    put(drop, "prices.csv")
    with (drop / "potters/prices.csv").open("rb") as content:
        operations.receive_supplier_file(
            supplier=profile.supplier,
            name="prices.csv",
            content=File(content),
            transport=Transport.FOLDER,
            profile=profile,
            at=NOON,
            by=None,
        )

    assert fetch_supplier_files() == counts(profiles=1, known=1)

    assert SupplierFile.objects.get().status == "STAGED"


def test_profile_is_asked_when_its_minutes_are_over():
    profile = folder_profile(poll_minutes=60)
    now = timezone.now()

    claimed = operations.claim_due_profile(at=now)

    assert claimed == profile
    assert operations.claim_due_profile(at=now) is None
    assert operations.claim_due_profile(at=now + timedelta(minutes=59)) is None
    assert operations.claim_due_profile(at=now + timedelta(minutes=60)) == profile


def test_profile_whose_file_was_not_complete_is_asked_again_soon(drop):
    profile = folder_profile(poll_minutes=600)
    (drop / "potters").mkdir(parents=True)
    (drop / "potters/prices.csv").write_text(TEXT)
    fetch_supplier_files()
    assert SupplierFile.objects.count() == 0
    assert fetch_supplier_files()["profiles"] == 0

    profile.refresh_from_db()
    assert list(profile.poll_state["waiting"]) == ["prices.csv"]
    soon = timezone.now() + timedelta(minutes=5)
    assert operations.claim_due_profile(at=soon) == profile


def test_nothing_is_fetched_for_uploads_and_suppliers_that_are_gone():
    gone = folder_profile(supplier__is_active=False)
    uploads = SupplierFileProfileFactory()

    assert operations.claim_due_profile(at=NOON) is None
    for profile in (gone, uploads):
        with pytest.raises(NothingToFetch):
            operations.ask_for_files(profile_id=profile.pk)


def test_asking_for_files_makes_a_profile_due_however_often_it_is_asked():
    profile = folder_profile(poll_minutes=600)
    operations.claim_due_profile(at=timezone.now())

    for _ in range(2):
        operations.ask_for_files(profile_id=profile.pk)

    assert operations.claim_due_profile(at=timezone.now()) == profile
    assert operations.claim_due_profile(at=timezone.now()) is None


def test_profile_that_fails_says_why_and_stops_no_other(drop):
    failing, other = folder_profile(address="../elsewhere"), folder_profile(address="others")
    put(drop, "prices.csv", address="others")

    assert fetch_supplier_files() == counts(profiles=2, failed=1, new=1)

    failing.refresh_from_db()
    other.refresh_from_db()
    assert failing.poll_error == "../elsewhere is not a folder below the drop folder."
    assert other.poll_error == ""

    failing.address = "potters"
    failing.save()
    due_again()
    fetch_supplier_files()
    failing.refresh_from_db()
    assert failing.poll_error == ""


def test_mistake_of_the_program_is_raised_when_the_others_had_their_turn(drop, monkeypatch):
    failing, other = folder_profile(), folder_profile(address="others")
    for address in ("potters", "others"):
        put(drop, "prices.csv", f"{TEXT}{address};;Name;1.00;1;1;1\n", address=address)
    receive = operations.receive_supplier_file

    def fail_for_one(*, profile, **values):
        if profile == failing:
            raise RuntimeError("secret words")
        return receive(profile=profile, **values)

    monkeypatch.setattr(operations, "receive_supplier_file", fail_for_one)

    with pytest.raises(RuntimeError):
        fetch_supplier_files()

    failing.refresh_from_db()
    assert failing.poll_error == "The program failed (RuntimeError); the log says where."
    assert SupplierFile.objects.get().profile == other
    assert TaskRun.objects.get().status == TaskRun.Status.FAILED


def test_page_of_an_sftp_profile_that_fails_shows_no_secret():
    profile = SupplierFileProfileFactory(
        transport=Transport.SFTP,
        address="sftp://127.0.0.1:1/out",
        username="buyer",
        secret="open sesame",
        host_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG3HIhJXrZ7nZDjxuKjBmJEJzrfdR+NtwTkqHJZyNeBd",
    )

    assert fetch_supplier_files()["failed"] == 1

    profile.refresh_from_db()
    assert "127.0.0.1 cannot be reached by SFTP" in profile.poll_error
    assert "sesame" not in profile.poll_error
    assert profile.secret == "open sesame"


def test_two_files_are_applied_in_the_order_they_were_written(drop):
    folder_profile(is_applied_unattended=True, max_large_changes_percent=100)
    put(drop, "b-first.csv")
    put(drop, "a-second.csv", TEXT.replace("2.50", "2.60"))
    earlier = time.time() - 600
    for name in ("b-first.csv", "b-first.csv.ok"):
        os.utime(drop / "potters" / name, (earlier, earlier))

    assert fetch_supplier_files()["applied"] == 2

    prices = SupplierPrice.objects.filter(
        supplier_product__supplier_sku="A-1", valid_to__isnull=True
    )
    assert [str(price.unit_cost) for price in prices] == ["2.6000"]
