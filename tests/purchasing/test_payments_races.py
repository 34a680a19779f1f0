from contextlib import contextmanager
from functools import partial
from pathlib import Path
from unittest import mock

import pytest
from django.db import models

from purchasing import operations
from purchasing.models import (
    Handover,
    PaymentBatch,
    PaymentItem,
    SupplierInvoice,
    SupplierInvoiceQuerySet,
)
from purchasing.operations import handing_over, payments
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing_payments import exported, owed, payment_batch
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("our_account"),
]


@pytest.fixture
def our_account(settings, tmp_path):
    settings.RETAIL_SHOP_NAME = "Aurum"
    settings.RETAIL_IBAN, settings.RETAIL_BIC = "DE02120300000000202051", "BYLADEM1001"
    settings.RETAIL_HANDOVER_DIR = str(tmp_path)


def order(invoice, key):
    return partial(payment_batch, invoice, key=key, by=None)


@contextmanager
def without_locks():
    with (
        mock.patch.object(
            SupplierInvoiceQuerySet, "for_update", lambda queryset: queryset.order_by("pk")
        ),
        mock.patch.object(models.QuerySet, "select_for_update", lambda queryset, **_: queryset),
    ):
        yield


def test_two_people_who_pay_the_same_invoice_at_once_order_it_once():
    invoice = owed()

    outcomes = race(order(invoice, "one"), order(invoice, "other"))

    [batch] = [outcome for outcome in outcomes if isinstance(outcome, PaymentBatch)]
    [refusal] = [outcome for outcome in outcomes if outcome is not batch]
    assert isinstance(refusal, operations.PaymentIsOrdered)
    assert PaymentBatch.objects.get() == batch
    assert PaymentItem.objects.count() == 1


def test_the_race_to_pay_is_real_once_the_lock_is_gone():
    """Control: both have seen the invoice free before either writes; the constraint is left."""
    invoice = owed()

    with without_locks(), both_read_before_either_writes((payments, "_store")):
        outcomes = race(order(invoice, "one"), order(invoice, "other"))

    assert "paymentitem_ordered_once" in refusal_among(outcomes)
    assert PaymentItem.objects.count() == 1


def test_the_same_batch_sent_twice_at_once_is_one():
    invoice = owed()

    first, second = race(order(invoice, "act"), order(invoice, "act"))

    assert first == second == PaymentBatch.objects.get()


def test_batch_taken_back_while_it_is_paid_ends_as_one_after_the_other():
    invoice = owed()
    batch = payment_batch(invoice)
    exported(invoice)

    race(
        partial(
            operations.cancel_payment_batch,
            batch_id=batch.pk,
            reason="Wrong day",
            at=NOON,
            by=UserFactory(),
        ),
        partial(
            operations.record_payment,
            invoice_id=invoice.pk,
            paid_on=NOON.date(),
            at=NOON,
            by=UserFactory(),
        ),
    )

    batch.refresh_from_db()
    assert SupplierInvoice.objects.get().status == "PAID"
    assert PaymentItem.objects.get().is_cancelled is (batch.status == "CANCELLED")


def laid_by_two_workers(folder):
    """Let two workers look at the same moment; return how often the file was written."""
    lay, laid = handing_over.lay_file, []

    def noted(place, filename, content):
        laid.append(filename)
        lay(place, filename, content)

    work = partial(operations.hand_over_next, folder=Path(folder), at=NOON)
    with mock.patch.object(handing_over, "lay_file", noted):
        outcomes = race(work, work)
    assert not [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    return len(laid)


def test_two_workers_at_once_lay_a_file_once(tmp_path):
    batch = payment_batch(owed())

    assert laid_by_two_workers(tmp_path) == 1

    assert [path.name for path in tmp_path.iterdir()] == [f"{batch.number}.xml"]
    assert Handover.objects.get().tries == 1


def test_two_workers_would_lay_it_twice_without_the_lock(tmp_path):
    """Control: both have found it due before either lays it."""
    payment_batch(owed())

    with without_locks(), both_read_before_either_writes((handing_over, "_content")):
        times = laid_by_two_workers(tmp_path)

    assert times == 2
    assert Handover.objects.get().tries == 2
