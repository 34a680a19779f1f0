"""Suppliers' files: how they are read, where they come from, and their lines until applied."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q, Value

from purchasing.models.suppliers import Supplier
from retail.common.fields import EncryptedTextField, MoneyField, within
from retail.common.models import ImportRun
from retail.common.status import guard_status


class Transport(models.TextChoices):
    """How a file comes."""

    UPLOAD = "UPLOAD", "Uploaded by a person"
    FOLDER = "FOLDER", "Drop folder"
    SFTP = "SFTP", "Fetched by SFTP"
    HTTPS = "HTTPS", "Fetched by HTTPS"


class SupplierFileProfile(models.Model):
    """
    How a supplier's files are read, where they come from and when one looks wrong.

    `columns` maps our names (supplier_sku, gtin, our_sku, name, unit_cost, pack_size,
    minimum_quantity, order_multiple, lead_time_days, available_units, back_in_stock_on,
    valid_from, currency) to the file's column titles; `pack_cost` in place of unit_cost when the
    file prices a whole pack. The guards stop a file until a person says why it is right.
    """

    class DayFormat(models.TextChoices):
        ISO = "%Y-%m-%d", "2026-12-31"
        POINTS = "%d.%m.%Y", "31.12.2026"
        DAY_FIRST = "%d/%m/%Y", "31/12/2026"
        MONTH_FIRST = "%m/%d/%Y", "12/31/2026"

    supplier = models.ForeignKey(Supplier, on_delete=models.CASCADE, related_name="file_profiles")
    code = models.SlugField(max_length=50, unique=True)
    encoding = models.CharField(max_length=20, blank=True, help_text="Empty: BOM, else UTF-8.")
    delimiter = models.CharField(max_length=5, blank=True, help_text="Empty: proposed.")
    decimal_separator = models.CharField(max_length=1, default=".")
    quote = models.CharField(
        max_length=1, blank=True, default='"', help_text="Empty: quotes are ordinary characters."
    )
    skipped_lines = models.IntegerField(default=0, help_text="Lines above the column titles.")
    has_titles = models.BooleanField(
        default=True, help_text="Without titles the columns are called column 1, column 2 ..."
    )
    columns = models.JSONField(default=dict)
    sheet = models.CharField(
        max_length=100, blank=True, db_default="", help_text="Of a workbook; empty: the first."
    )
    day_format = models.CharField(
        max_length=20, choices=DayFormat, default=DayFormat.ISO, db_default=DayFormat.ISO
    )
    footer_words = models.CharField(
        max_length=200,
        blank=True,
        db_default="",
        help_text="A line that begins with one of these words, parted by commas, is no article:"
        " Total, Suma.",
    )
    max_price_change_percent = models.IntegerField(
        default=30, help_text="Larger changes are listed before the file is applied."
    )
    max_large_changes_percent = models.IntegerField(
        default=20,
        db_default=20,
        help_text="When more of the known articles change their price by more, the file stops.",
    )
    max_emptied_percent = models.IntegerField(
        default=50,
        db_default=50,
        help_text="When more of the articles the supplier has in stock would be at zero, it stops.",
    )
    max_missing_percent = models.IntegerField(
        default=50,
        db_default=50,
        help_text="When more of the known articles are not in the file, it stops.",
    )
    max_refused_percent = models.IntegerField(
        default=50, db_default=50, help_text="When more of the lines are refused, it stops."
    )
    transport = models.CharField(
        max_length=20, choices=Transport, default=Transport.UPLOAD, db_default=Transport.UPLOAD
    )
    address = models.CharField(
        max_length=300,
        blank=True,
        db_default="",
        help_text="A folder below the drop folder, sftp://host/folder or https://host/file.",
    )
    file_pattern = models.CharField(
        max_length=100, default="*", db_default="*", help_text="Which files there: prices-*.csv."
    )
    username = models.CharField(max_length=100, blank=True, db_default="")
    secret = EncryptedTextField(blank=True, default="", help_text="Password or private key.")
    host_key = models.TextField(
        blank=True, db_default="", help_text="Public key of the SFTP server; no other is trusted."
    )
    poll_minutes = models.IntegerField(default=60, db_default=60)
    polled_at = models.DateTimeField(null=True, blank=True)
    poll_error = models.TextField(blank=True, db_default="")
    poll_state = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        db_default=Value({}, models.JSONField()),
        help_text="What was seen there, so that nothing is fetched twice or while it is written.",
    )
    is_applied_unattended = models.BooleanField(
        default=False,
        db_default=False,
        help_text="A fetched file that no guard stops is applied without waiting for a person.",
    )

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(decimal_separator__in=[".", ","]),
                name="purchasing_supplierfileprofile_decimal_point_or_comma",
            ),
            models.CheckConstraint(
                condition=within("skipped_lines", 0, 1000)
                & within("max_price_change_percent", 0, 100_000),
                name="purchasing_supplierfileprofile_numbers_not_negative",
            ),
            models.CheckConstraint(
                condition=within("max_large_changes_percent", 0, 101)
                & within("max_emptied_percent", 0, 101)
                & within("max_missing_percent", 0, 101)
                & within("max_refused_percent", 0, 101)
                & within("poll_minutes", 1, 100_000),
                name="purchasing_supplierfileprofile_guards_in_range",
                violation_error_message="A guard lies between 0 and 100 percent.",
            ),
            models.CheckConstraint(
                condition=Q(transport="UPLOAD") | ~Q(address=""),
                name="purchasing_supplierfileprofile_fetched_from_an_address",
                violation_error_message="Say where the files are fetched from.",
            ),
        ]

    def __str__(self) -> str:
        return self.code


@guard_status
class SupplierFile(models.Model):
    """
    A file as it came, kept with its fingerprint.

    RECEIVED, it waits until somebody says how it is read; then it is STAGED, with its import run,
    or REFUSED whole, which says why. A person may try a refused one with another profile, take a
    staged one back to be read differently, or discard what should not have come.
    """

    class Status(models.TextChoices):
        RECEIVED = "RECEIVED", "Waits to be read"
        STAGED = "STAGED", "Read"
        REFUSED = "REFUSED", "Refused"
        DISCARDED = "DISCARDED", "Discarded"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "RECEIVED": frozenset({"STAGED", "REFUSED", "DISCARDED"}),
        "REFUSED": frozenset({"RECEIVED", "STAGED", "DISCARDED"}),
        "STAGED": frozenset({"RECEIVED"}),
        "DISCARDED": frozenset(),
    }

    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="files")
    profile = models.ForeignKey(
        SupplierFileProfile,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="files",
    )
    file = models.FileField(upload_to="supplier-files/%Y/%m/")
    name = models.CharField(max_length=255)
    size = models.BigIntegerField(help_text="Bytes.")
    sha256 = models.CharField(max_length=64, help_text="Fingerprint of the bytes.")
    transport = models.CharField(max_length=20, choices=Transport, default=Transport.UPLOAD)
    status = models.CharField(max_length=20, choices=Status, default=Status.RECEIVED)
    run = models.ForeignKey(
        "common.ImportRun", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    error_code = models.CharField(max_length=50, blank=True)
    error = models.TextField(blank=True)
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["supplier", "sha256"],
                condition=~Q(status="DISCARDED"),
                name="purchasing_supplierfile_same_bytes_once",
                violation_error_message="This file came before.",
            ),
            models.CheckConstraint(
                condition=~Q(status="REFUSED") | ~Q(error=""),
                name="purchasing_supplierfile_refused_says_why",
            ),
        ]
        permissions: ClassVar = [
            ("receive_supplierfile", "Can bring in and read a supplier's file"),
        ]

    def __str__(self) -> str:
        return self.name


class SupplierFileRow(models.Model):
    """
    A valid line of a supplier's file, waiting beside what the catalog says until applied.

    What the file leaves empty (no GTIN, name, pack size, minimum or availability) stays as the
    catalog has it.
    """

    class Verdict(models.TextChoices):
        NEW = "NEW", "New"
        CHANGED = "CHANGED", "Changed"
        UNCHANGED = "UNCHANGED", "Unchanged"

    run = models.ForeignKey("common.ImportRun", on_delete=models.CASCADE, related_name="+")
    line_number = models.IntegerField()
    supplier_sku = models.CharField(max_length=100)
    gtin = models.CharField(max_length=14, blank=True)
    name = models.CharField(max_length=300, blank=True)
    our_sku = models.CharField(max_length=100, blank=True, db_default="")
    unit_cost = MoneyField()
    pack_size = models.IntegerField(null=True, blank=True)
    minimum_quantity = models.IntegerField(null=True, blank=True)
    order_multiple = models.IntegerField(null=True, blank=True)
    lead_time_days = models.IntegerField(null=True, blank=True)
    available_units = models.IntegerField(null=True, blank=True)
    back_in_stock_on = models.DateField(null=True, blank=True)
    valid_from = models.DateField(
        null=True, blank=True, help_text="Day from which the price holds; empty: the day applied."
    )
    verdict = models.CharField(max_length=20, choices=Verdict, blank=True)
    cost_before = MoneyField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "supplier_sku"], name="purchasing_supplierfilerow_sku_once_per_file"
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.line_number}"


class SupplierFileRun(ImportRun):
    """An import run seen as a supplier's file: staged, looked at, then applied or discarded."""

    class Meta:
        proxy = True
        permissions: ClassVar = [
            ("stage_supplierfilerun", "Can upload a supplier file"),
            ("apply_supplierfilerun", "Can apply or discard a supplier file"),
            ("overrule_supplierfilerun", "Can apply a supplier file that a guard stopped"),
        ]
