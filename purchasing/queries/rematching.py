"""Which open bills are to be matched again, because their order or its deliveries changed."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Exists, OuterRef, Q

from purchasing.models import InvoiceStep, SupplierInvoice
from retail.common.among import among

Kind = InvoiceStep.Kind
Status = SupplierInvoice.Status
# What was matched before and may still come out differently.
REMATCHED = (Status.MATCHING, Status.ON_HOLD, Status.MATCHED)


def is_asked_to_match() -> Q:
    """
    Return the condition that the program noted on a bill's timeline what matching does not know.

    The bill's steps are numbered as they were written under the lock of the order, so the note is
    younger than the matching that did not know of it.
    """
    matched_since = InvoiceStep.objects.filter(
        invoice=OuterRef("invoice"), kind=Kind.MATCHED, pk__gt=OuterRef("pk")
    )
    notes = InvoiceStep.objects.filter(
        ~Exists(matched_since), invoice=OuterRef("pk"), kind=Kind.NOTED, done_by__isnull=True
    )
    return Q(Exists(notes), status__in=REMATCHED)


def asked_to_match(invoice_ids: Collection[int]) -> set[int]:
    """Return which of these bills were asked to be matched again and were not since."""
    asked = SupplierInvoice.objects.filter(is_asked_to_match(), pk__in=among(invoice_ids))
    return set(asked.values_list("pk", flat=True))
