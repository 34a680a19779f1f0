"""A supplier's file as it came: kept, read by a profile, taken back, discarded."""

from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, transaction

from purchasing import operations
from purchasing.models import SupplierFile, SupplierFileProfile, SupplierFileRow
from purchasing.operations import (
    FileCameBefore,
    ProfileCodeTaken,
    ProfileOfAnotherSupplier,
)
from retail.common.errors import WrongStatus
from retail.common.models import ImportRun
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import SupplierFactory, SupplierFileProfileFactory
from tests.factories.purchasing_files import SupplierFileFactory
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db

COLUMNS = {"supplier_sku": "SKU", "unit_cost": "Cost"}
CONTENT = b"SKU;Cost\nA-1;2.50\n"


@pytest.fixture
def profile():
    return SupplierFileProfileFactory(columns=COLUMNS)


def receive(supplier, content=CONTENT, name="prices.csv", **options):
    return operations.receive_supplier_file(
        supplier=supplier, name=name, content=ContentFile(content), at=NOON, by=None, **options
    )


def read(file, profile):
    return operations.read_received_file(file_id=file.pk, profile=profile, at=NOON, by=None)


def test_file_is_kept_byte_for_byte_with_its_fingerprint(profile):
    buyer = UserFactory()

    file = operations.receive_supplier_file(
        supplier=profile.supplier,
        name="C:\\lists\\Märch (2).csv",
        content=ContentFile(CONTENT),
        profile=profile,
        at=NOON,
        by=buyer,
    )

    file.refresh_from_db()
    assert (file.status, file.name, file.size) == ("RECEIVED", "Märch (2).csv", len(CONTENT))
    assert (file.transport, file.received_at, file.received_by) == ("UPLOAD", NOON, buyer)
    assert file.profile == profile
    assert Path(file.file.path).read_bytes() == CONTENT
    assert file.sha256 == "72677a83a19a21dfcae4c7f6f3804363039e13fa16cbc45a3eea7783e5a0f5aa"


@pytest.mark.parametrize("name", ["..", "../..", "/", ""])
def test_name_without_a_name_is_kept_all_the_same(profile, name):
    file = receive(profile.supplier, name=name)

    assert "supplier-files/2" in file.file.name
    assert Path(file.file.path).read_bytes() == CONTENT


def test_same_bytes_again_lead_to_the_first(profile):
    first = receive(profile.supplier)

    with pytest.raises(FileCameBefore, match=r"This file came on .* as prices\.csv") as refused:
        receive(profile.supplier, name="copy.csv")

    assert (refused.value.file_id, refused.value.run_id) == (first.pk, None)
    assert SupplierFile.objects.get() == first


def test_same_bytes_lead_to_what_came_of_them(profile):
    file = read(receive(profile.supplier), profile)

    with pytest.raises(FileCameBefore) as refused:
        receive(profile.supplier)

    assert refused.value.run_id == file.run_id is not None


def test_another_supplier_may_send_the_same_bytes(profile):
    receive(profile.supplier)

    receive(SupplierFactory())

    assert SupplierFile.objects.count() == 2


def test_same_bytes_are_one_row_in_the_database():
    file = SupplierFileFactory()

    with pytest.raises(IntegrityError, match="same_bytes_once"), transaction.atomic():
        SupplierFileFactory(supplier=file.supplier, sha256=file.sha256)


def test_refused_file_says_why_in_the_database():
    SupplierFileFactory()

    with pytest.raises(IntegrityError, match="refused_says_why"):
        execute("UPDATE purchasing_supplierfile SET status = 'REFUSED'")


def test_read_file_has_a_run_under_its_own_name(profile):
    file = read(receive(profile.supplier, name="März 26.csv"), profile)

    assert (file.status, file.profile) == ("STAGED", profile)
    assert (file.run.status, file.run.file_name, file.run.lines_read) == (
        "STAGED",
        "März 26.csv",
        1,
    )
    assert file.run.sha256 == file.sha256


def test_file_read_twice_by_a_profile_is_read_once(profile):
    file = receive(profile.supplier)

    first, second = read(file, profile), read(file, profile)

    assert first.run == second.run == ImportRun.objects.get()


def test_file_that_cannot_be_read_is_refused_whole(profile):
    file = read(receive(profile.supplier, b"Article;Price\nA-1;2.50\n"), profile)

    file.refresh_from_db()
    assert (file.status, file.error_code, file.run) == ("REFUSED", "missing_column", None)
    assert file.error.startswith("These columns are missing")
    assert ImportRun.objects.count() == SupplierFileRow.objects.count() == 0


def test_refused_file_is_tried_by_another_profile(profile):
    other = SupplierFileProfileFactory(
        supplier=profile.supplier, columns={"supplier_sku": "Article", "unit_cost": "Price"}
    )
    file = read(receive(profile.supplier, b"Article;Price\nA-1;2.50\n"), profile)

    still_refused = read(file, profile)
    taken = read(file, other)

    assert still_refused.status == "REFUSED"
    assert (taken.status, taken.error_code, taken.error) == ("STAGED", "", "")


def test_file_is_not_read_by_the_profile_of_another_supplier(profile):
    file = receive(SupplierFactory())

    with pytest.raises(ProfileOfAnotherSupplier):
        read(file, profile)

    assert SupplierFile.objects.get().status == "RECEIVED"
    assert ImportRun.objects.count() == 0


def test_file_taken_back_is_read_again_by_another_profile(profile):
    other = SupplierFileProfileFactory(supplier=profile.supplier, columns=COLUMNS)
    file = read(receive(profile.supplier), profile)

    with pytest.raises(WrongStatus):
        read(file, other)
    back = operations.take_back_file(file_id=file.pk, at=NOON, by=None)
    again = read(back, other)

    assert (back.status, back.run) == ("RECEIVED", None)
    assert (again.status, again.profile) == ("STAGED", other)
    assert list(ImportRun.objects.order_by("pk").values_list("status", "error")) == [
        ("FAILED", "Taken back by the system."),
        ("STAGED", ""),
    ]
    assert SupplierFileRow.objects.get().run == again.run


def test_file_is_taken_back_once(profile):
    file = read(receive(profile.supplier), profile)
    operations.take_back_file(file_id=file.pk, at=NOON, by=None)

    with pytest.raises(WrongStatus):
        operations.take_back_file(file_id=file.pk, at=NOON, by=None)

    assert SupplierFile.objects.get().status == "RECEIVED"


@pytest.mark.parametrize("act", ["take_back_file", "discard_file"])
def test_applied_file_stays(profile, act):
    file = read(receive(profile.supplier), profile)
    operations.apply_supplier_file(run_id=file.run_id, at=NOON, by=None)

    with pytest.raises(WrongStatus):
        getattr(operations, act)(file_id=file.pk, at=NOON, by=None)

    assert SupplierFile.objects.get().status == "STAGED"
    assert ImportRun.objects.get().status == "DONE"


@pytest.mark.parametrize("is_read", [False, True])
def test_discarded_file_may_come_again(profile, is_read):
    file = receive(profile.supplier)
    if is_read:
        read(file, profile)

    discarded = operations.discard_file(file_id=file.pk, at=NOON, by=None)
    again = receive(profile.supplier)

    assert discarded.status == "DISCARDED"
    assert again.pk != file.pk
    assert SupplierFileRow.objects.count() == 0
    assert read(again, profile).status == "STAGED"


def test_file_is_discarded_once(profile):
    file = receive(profile.supplier)
    operations.discard_file(file_id=file.pk, at=NOON, by=None)

    with pytest.raises(WrongStatus):
        operations.discard_file(file_id=file.pk, at=NOON, by=None)

    assert SupplierFile.objects.get().status == "DISCARDED"


def test_discarding_the_run_discards_its_file(profile):
    file = read(receive(profile.supplier), profile)

    run = operations.discard_supplier_file(run_id=file.run_id, at=NOON, by=None)

    assert (run.status, SupplierFile.objects.get().status) == ("FAILED", "DISCARDED")


def test_reading_is_kept_as_a_profile_and_changed_under_its_code():
    supplier = SupplierFactory()

    first = operations.save_profile(
        supplier=supplier, code="potters", reading={"delimiter": ";", "columns": COLUMNS}
    )
    second = operations.save_profile(
        supplier=supplier, code="potters", reading={"delimiter": ",", "columns": COLUMNS}
    )

    assert first == second == SupplierFileProfile.objects.get()
    assert (second.delimiter, second.columns, second.supplier) == (",", COLUMNS, supplier)


def test_profile_of_another_supplier_is_not_changed(profile):
    with pytest.raises(ProfileCodeTaken):
        operations.save_profile(
            supplier=SupplierFactory(), code=profile.code, reading={"delimiter": ","}
        )

    profile.refresh_from_db()
    assert profile.delimiter == ";"
