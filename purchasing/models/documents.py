"""The files in which suppliers' invoices come, kept as they came."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q, Value

from purchasing.models.suppliers import Supplier
from retail.common.fields import within
from retail.common.numbering import document_number
from retail.common.status import guard_status


class InvoiceDocumentQuerySet(models.QuerySet["InvoiceDocument"]):
    def for_update(self) -> InvoiceDocumentQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_status
class InvoiceDocument(models.Model):
    """
    A file with one invoice or more, kept byte for byte, whatever could be made of it.

    RECEIVED until it is read; CAPTURED when every invoice in it became a SupplierInvoice; with a
    problem, or of a supplier that could not be told, it NEEDS_PERSON, who completes it or has it
    SET_ASIDE for a reason. `findings` are the rules it breaks, each with `rule`, `message`,
    `is_fatal`, and `invoice` (position in the file); `stated` is what it says of itself, one dict
    per invoice, so that it can be judged before it is captured.
    """

    class Status(models.TextChoices):
        RECEIVED = "RECEIVED", "Received"
        CAPTURED = "CAPTURED", "Captured"
        NEEDS_PERSON = "NEEDS_PERSON", "Somebody has to look"
        SET_ASIDE = "SET_ASIDE", "Set aside"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "RECEIVED": frozenset({"CAPTURED", "NEEDS_PERSON"}),
        "NEEDS_PERSON": frozenset({"CAPTURED", "SET_ASIDE"}),
        "CAPTURED": frozenset({"NEEDS_PERSON"}),
        "SET_ASIDE": frozenset({"NEEDS_PERSON"}),
    }

    class Syntax(models.TextChoices):
        UBL = "UBL", "UBL"
        CII = "CII", "UN/CEFACT CII"
        FACTUR_X = "FACTUR_X", "Factur-X or ZUGFeRD"
        FATTURA_PA = "FATTURA_PA", "FatturaPA"
        KSEF = "KSEF", "KSeF"
        CSV = "CSV", "CSV"
        PAPER = "PAPER", "PDF without data"
        UNKNOWN = "UNKNOWN", "Unknown"

    class Channel(models.TextChoices):
        UPLOAD = "UPLOAD", "Uploaded"
        FOLDER = "FOLDER", "Drop folder"
        MAIL = "MAIL", "E-mail"
        COMMAND = "COMMAND", "Command line"

    class FoundBy(models.TextChoices):
        """How its supplier was told."""

        TAX_NUMBER = "TAX_NUMBER", "Tax number"
        ELECTRONIC_ADDRESS = "ELECTRONIC_ADDRESS", "Electronic address"
        PERSON = "PERSON", "Said by a person"

    number = document_number("ED")
    status = models.CharField(max_length=20, choices=Status, default=Status.RECEIVED)
    file = models.FileField(upload_to="invoice-documents/%Y/%m/")
    filename = models.CharField(max_length=200, help_text="As it came.")
    media_type = models.CharField(max_length=100)
    bytes = models.IntegerField()
    sha256 = models.CharField(
        max_length=64, unique=True, help_text="Fingerprint; the same bytes are kept once."
    )
    channel = models.CharField(max_length=20, choices=Channel, default=Channel.UPLOAD)
    origin = models.CharField(
        max_length=300, blank=True, help_text="Folder, or sender and subject of the e-mail."
    )
    syntax = models.CharField(max_length=20, choices=Syntax, default=Syntax.UNKNOWN)
    profile = models.CharField(
        max_length=200, blank=True, help_text="The specification it says it keeps to."
    )
    stated = models.JSONField(default=list, blank=True, db_default=Value([], models.JSONField()))
    findings = models.JSONField(default=list, blank=True, db_default=Value([], models.JSONField()))
    problem_code = models.CharField(max_length=50, blank=True)
    problem = models.CharField(max_length=500, blank=True)
    supplier = models.ForeignKey(
        Supplier,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="invoice_documents",
    )
    supplier_found_by = models.CharField(max_length=20, choices=FoundBy, blank=True)
    suggested_supplier = models.ForeignKey(
        Supplier,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        help_text="Of nearly the same name; a person says whether it is them.",
    )
    received_at = models.DateTimeField()
    received_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="When it was captured or set aside."
    )
    ended_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    end_reason = models.CharField(max_length=200, blank=True, help_text="Why it was set aside.")

    objects = InvoiceDocumentQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [
            ("capture_invoicedocument", "Can upload invoices and complete what was read"),
            ("set_aside_invoicedocument", "Can set aside what is no invoice of ours"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=within("bytes", 0, 1_000_000_000),
                name="purchasing_invoicedocument_bytes_in_range",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["CAPTURED", "SET_ASIDE"], ended_at__isnull=False)
                | Q(
                    status__in=["RECEIVED", "NEEDS_PERSON"],
                    ended_at__isnull=True,
                    ended_by__isnull=True,
                ),
                name="purchasing_invoicedocument_ended_has_a_time",
            ),
            models.CheckConstraint(
                condition=~Q(status="SET_ASIDE") | ~Q(end_reason=""),
                name="purchasing_invoicedocument_set_aside_says_why",
                violation_error_message="Say why it is set aside.",
            ),
            models.CheckConstraint(
                condition=~Q(status="NEEDS_PERSON") | ~Q(problem=""),
                name="purchasing_invoicedocument_says_what_is_wrong",
            ),
            models.CheckConstraint(
                condition=~Q(status="CAPTURED") | Q(supplier__isnull=False),
                name="purchasing_invoicedocument_captured_has_a_supplier",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["received_at"],
                condition=Q(status__in=["RECEIVED", "NEEDS_PERSON"]),
                name="purchasing_invoicedoc_open",
            ),
        ]

    def __str__(self) -> str:
        return self.number
