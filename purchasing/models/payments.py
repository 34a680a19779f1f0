"""What is handed to accounting and to the bank, once, and what they say was paid."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from purchasing.models.invoices import SupplierInvoice
from purchasing.models.suppliers import Supplier
from retail.common.append_only import AppendOnlyModel
from retail.common.fields import (
    CurrencyField,
    MoneyField,
    amount_in_range,
    amount_not_negative,
    not_negative,
)
from retail.common.models import ImportRun
from retail.common.numbering import document_number
from retail.common.status import guard_moves, guard_status


class PayableExport(models.Model):
    """A batch of approved invoices handed to accounting, once."""

    number = document_number("PX")
    key = models.CharField(max_length=100, unique=True)
    sha256 = models.CharField(max_length=64, help_text="Fingerprint of the file.")
    content = models.TextField(help_text="The file itself, CSV.")
    exported_at = models.DateTimeField()
    exported_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    def __str__(self) -> str:
        return self.number


class PaymentBatchQuerySet(models.QuerySet["PaymentBatch"]):
    def for_update(self) -> PaymentBatchQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_status
class PaymentBatch(models.Model):
    """
    A file that orders the bank to pay suppliers (ISO 20022 pain.001, in euro).

    The file never changes. CANCELLED, when the bank did not take it, its invoices may be ordered
    to be paid again.
    """

    class Status(models.TextChoices):
        MADE = "MADE", "Made"
        CANCELLED = "CANCELLED", "Taken back"

    NEXT: ClassVar[dict[str, frozenset[str]]] = {
        "MADE": frozenset({"CANCELLED"}),
        "CANCELLED": frozenset(),
    }

    number = document_number("PB")
    key = models.CharField(
        max_length=100, unique=True, help_text="Key of the act that made it; the same one once."
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.MADE)
    execution_on = models.DateField(help_text="Day on which the bank is to pay.")
    currency = CurrencyField()
    total = MoneyField()
    content = models.TextField(help_text="The file itself, XML.")
    sha256 = models.CharField(max_length=64, help_text="Fingerprint of the file.")
    made_at = models.DateTimeField()
    made_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancelled_at = models.DateTimeField(null=True, blank=True)
    cancelled_by = models.ForeignKey(
        "common.User", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    cancel_reason = models.CharField(max_length=200, blank=True)

    objects = PaymentBatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "payment batches"
        permissions: ClassVar = [
            ("make_paymentbatch", "Can make a payment file for the bank"),
            ("cancel_paymentbatch", "Can take back a payment file"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=amount_not_negative("total") & Q(total__gt=0),
                name="purchasing_paymentbatch_total_positive",
            ),
            models.CheckConstraint(
                condition=(Q(status="CANCELLED", cancelled_at__isnull=False) & ~Q(cancel_reason=""))
                | (
                    ~Q(status="CANCELLED")
                    & Q(cancelled_at__isnull=True, cancelled_by__isnull=True, cancel_reason="")
                ),
                name="purchasing_paymentbatch_cancelled_says_why",
                violation_error_message="Say why it is taken back.",
            ),
        ]

    def __str__(self) -> str:
        return self.number


class PaymentTransfer(AppendOnlyModel):
    """One transfer of a batch: to one supplier, for their invoices less their credit notes."""

    batch = models.ForeignKey(PaymentBatch, on_delete=models.PROTECT, related_name="transfers")
    supplier = models.ForeignKey(Supplier, on_delete=models.PROTECT, related_name="transfers")
    end_to_end_id = models.CharField(
        max_length=35, unique=True, help_text="Comes back with the bank's statement."
    )
    name = models.CharField(max_length=70)
    iban = models.CharField("IBAN", max_length=34)
    amount = MoneyField()
    remittance = models.CharField(max_length=140, help_text="What the supplier reads.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["batch", "supplier"], name="purchasing_paymenttransfer_one_per_supplier"
            ),
            models.CheckConstraint(
                condition=amount_not_negative("amount") & Q(amount__gt=0),
                name="purchasing_paymenttransfer_amount_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.end_to_end_id


class PaymentItem(models.Model):
    """An invoice, or with a negative amount a credit note, that a transfer settles."""

    transfer = models.ForeignKey(PaymentTransfer, on_delete=models.PROTECT, related_name="items")
    invoice = models.ForeignKey(
        SupplierInvoice, on_delete=models.PROTECT, related_name="payment_items"
    )
    amount = MoneyField(help_text="Signed, in the batch's currency.")
    discount = MoneyField(
        default=0, help_text="Taken for paying early, by the supplier's terms; not in the amount."
    )
    is_cancelled = models.BooleanField(default=False, help_text="Its batch was taken back.")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["invoice"],
                condition=Q(is_cancelled=False),
                name="purchasing_paymentitem_ordered_once",
                violation_error_message="The payment of this invoice was ordered before.",
            ),
            models.UniqueConstraint(
                fields=["transfer", "invoice"], name="purchasing_paymentitem_once_per_transfer"
            ),
            models.CheckConstraint(
                condition=amount_in_range("amount") & amount_not_negative("discount"),
                name="purchasing_paymentitem_amount_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount}"


class HandoverQuerySet(models.QuerySet["Handover"]):
    def for_update(self) -> HandoverQuerySet:
        """Lock in the one order every operation keeps: by primary key."""
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


@guard_moves("state", {"DUE": ["DONE", "FAILED"], "FAILED": ["DUE", "DONE"], "DONE": []})
class Handover(models.Model):
    """
    The outbox: a file that has to be laid where accounting or the bank fetches it, once.

    DUE from `try_at` on; DONE when it lies there under `filename`, which never changes, so that a
    second try replaces the same file; FAILED after so many tries that a person has to look.
    """

    class State(models.TextChoices):
        DUE = "DUE", "To be handed over"
        DONE = "DONE", "Handed over"
        FAILED = "FAILED", "Could not be handed over"

    export = models.OneToOneField(
        PayableExport, on_delete=models.PROTECT, null=True, blank=True, related_name="handover"
    )
    batch = models.OneToOneField(
        PaymentBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="handover"
    )
    filename = models.CharField(max_length=100, unique=True)
    state = models.CharField(max_length=20, choices=State, default=State.DUE)
    tries = models.IntegerField(default=0)
    try_at = models.DateTimeField()
    error = models.CharField(max_length=300, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    objects = HandoverQuerySet.as_manager()

    class Meta:
        permissions: ClassVar = [("retry_handover", "Can have a file handed over again")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(export__isnull=False, batch__isnull=True)
                | Q(export__isnull=True, batch__isnull=False),
                name="purchasing_handover_of_one_file",
            ),
            models.CheckConstraint(
                condition=Q(state="DONE", done_at__isnull=False)
                | (~Q(state="DONE") & Q(done_at__isnull=True)),
                name="purchasing_handover_done_has_a_time",
            ),
            models.CheckConstraint(
                condition=not_negative("tries"), name="purchasing_handover_tries_not_negative"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["try_at"], condition=Q(state="DUE"), name="purchasing_handover_due"
            ),
        ]

    def __str__(self) -> str:
        return self.filename


class PaymentNotice(AppendOnlyModel):
    """
    A line of the bank's or the ledger's file: what it says was paid, and what came of it.

    `row_key` is the line's content, so the same file again changes nothing.
    """

    class Outcome(models.TextChoices):
        PAID = "PAID", "Paid"
        PAID_BEFORE = "PAID_BEFORE", "Was paid already"
        UNKNOWN = "UNKNOWN", "No invoice of ours"
        NOT_EXPORTED = "NOT_EXPORTED", "Not handed to accounting yet"
        OTHER_AMOUNT = "OTHER_AMOUNT", "Another amount"
        UNREADABLE = "UNREADABLE", "Cannot be read"

    run = models.ForeignKey(ImportRun, on_delete=models.PROTECT, related_name="+")
    line_number = models.IntegerField()
    row_key = models.CharField(max_length=64, unique=True)
    outcome = models.CharField(max_length=20, choices=Outcome)
    message = models.CharField(max_length=300, blank=True)
    paid_on = models.DateField(null=True, blank=True)
    amount = MoneyField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    reference = models.CharField(max_length=300, blank=True, help_text="As it stands there.")
    counterparty = models.CharField(max_length=200, blank=True)
    invoice = models.ForeignKey(
        SupplierInvoice,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payment_notices",
    )
    noted_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(outcome="PAID")
                | Q(invoice__isnull=False, paid_on__isnull=False, amount__isnull=False),
                name="purchasing_paymentnotice_paid_names_its_invoice",
            ),
            models.CheckConstraint(
                condition=(Q(amount__isnull=True) | amount_in_range("amount"))
                & not_negative("line_number"),
                name="purchasing_paymentnotice_numbers_in_range",
            ),
        ]

    def __str__(self) -> str:
        return f"line {self.line_number}"
