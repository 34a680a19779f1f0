"""The same file twice at the same moment: one document and one invoice."""

from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import models

from purchasing import operations
from purchasing.models import (
    InvoiceDocument,
    InvoiceDocumentQuerySet,
    SupplierInvoice,
)
from purchasing.operations import invoices
from tests.factories.common import NOON
from tests.factories.purchasing_documents import known_supplier, received, ubl_invoice
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _media(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "media"


def test_same_file_twice_at_once_is_one_document_and_one_invoice():
    known_supplier()
    content = ubl_invoice()

    first, second = race(*[partial(received, content)] * 2)

    assert first == second == InvoiceDocument.objects.get()
    assert SupplierInvoice.objects.get().source == first
    assert InvoiceDocument.objects.get().status == "CAPTURED"


def test_the_race_is_real_once_the_lock_is_gone():
    """Control: both have read the document before either writes; only the constraint is left."""
    known_supplier()
    kept = operations.keep_document(
        content=ubl_invoice(), filename="a.xml", channel="UPLOAD", at=NOON, by=None
    )
    both_have_read, insert = Barrier(2), invoices._insert_once
    read = partial(operations.read_kept_document, document_id=kept.pk, at=NOON, by=None)

    def insert_after_both_have_read(invoice):
        both_have_read.wait(timeout=10)
        return insert(invoice)

    with (
        mock.patch.object(InvoiceDocumentQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(invoices, "_insert_once", insert_after_both_have_read),
    ):
        outcomes = race(read, read)

    # The second one came too late for the number, and would have left a captured file to a person.
    codes = {outcome.problem_code for outcome in outcomes}
    assert codes == {"", "DUPLICATE_INVOICE"}
    assert SupplierInvoice.objects.count() == 1
