from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
import sepaxml
from django.db import DatabaseError, IntegrityError, transaction
from lxml import etree

from purchasing import operations
from purchasing.models import (
    InvoiceStep,
    PaymentBatch,
    PaymentItem,
    PaymentTransfer,
    SupplierInvoice,
)
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing_invoices import TODAY, SupplierInvoiceFactory, approved_bill
from tests.factories.purchasing_payments import (
    FRIDAY,
    IBANS,
    PaymentBatchFactory,
    PaymentItemFactory,
    PaymentTransferFactory,
    SupplierInEuroFactory,
    exported,
    owed,
    payment_batch,
)
from tests.raw_sql import execute

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("our_account")]

SCHEMA = Path(sepaxml.__file__).parent / "schemas" / "pain.001.001.09.xsd"


@pytest.fixture
def our_account(settings):
    settings.RETAIL_SHOP_NAME = "Müller & Söhne"
    settings.RETAIL_IBAN, settings.RETAIL_BIC = "DE02 1203 0000 0000 2020 51", "BYLADEM1001"
    settings.RETAIL_HANDOVER_DIR = ""


def read(batch):
    """Return the file's fields by name: a list of texts each, in the order of the file."""
    root = etree.fromstring(batch.content.encode())
    etree.XMLSchema(file=SCHEMA).assertValid(root)
    texts: dict[str, list[str]] = {}
    for element in root.iter("{*}*"):
        if element.text:
            texts.setdefault(etree.QName(element).localname, []).append(element.text)
    return texts


def test_file_orders_one_transfer_to_each_supplier():
    ours, theirs = (
        SupplierInEuroFactory(name="Żółć_Ltd @ Łódź", iban="PL61 1090 1014 0000 0712 1981 2874"),
        SupplierInEuroFactory(name="Aurum", iban=IBANS[1], bic="PSSTFRPPXXX"),
    )
    first = owed("100.10", supplier=ours, supplier_number="R-1")
    second = owed("50.05", supplier=ours, supplier_number="R-2", payment_reference="RF18 5390")
    credit = owed("20.15", supplier=ours, supplier_number="G-1", kind="CREDIT_NOTE")
    other = owed("9.99", supplier=theirs, supplier_number="77")
    clerk = UserFactory()

    batch = payment_batch(first, second, credit, other, by=clerk)

    assert (batch.total, batch.currency, batch.execution_on) == (Decimal("139.99"), "EUR", FRIDAY)
    assert (batch.made_at, batch.made_by, batch.status) == (NOON, clerk, "MADE")
    assert batch.sha256 == sha256(batch.content.encode()).hexdigest()
    texts = read(batch)
    assert (texts["MsgId"], texts["PmtInfId"]) == ([batch.number], [batch.number])
    assert texts["CreDtTm"] == ["2026-11-22T12:00:00Z"]
    assert texts["NbOfTxs"] == ["2", "2"]
    assert texts["CtrlSum"] == ["139.99", "139.99"]
    assert texts["Nm"][:2] == ["Muller + Sohne", "Muller + Sohne"]
    assert texts["Nm"][2:] == ["Aurum", "Zolc-Ltd (at) Lodz"]
    assert texts["IBAN"] == ["DE02120300000000202051", IBANS[1], IBANS[2]]
    assert texts["BICFI"] == ["BYLADEM1001", "PSSTFRPPXXX"]
    assert texts["InstdAmt"] == ["9.99", "130.00"]
    assert texts["Dt"] == [FRIDAY.isoformat()]
    assert texts["EndToEndId"] == [f"{batch.number}-1", f"{batch.number}-2"]
    assert texts["Ustrd"] == ["77", "R-1, R-2 RF18 5390, less G-1"]
    rows = PaymentTransfer.objects.order_by("end_to_end_id").values_list(
        "supplier", "name", "iban", "amount", "remittance"
    )
    assert list(rows) == [
        (theirs.pk, "Aurum", IBANS[1], Decimal("9.99"), "77"),
        (ours.pk, "Zolc-Ltd (at) Lodz", IBANS[2], Decimal(130), "R-1, R-2 RF18 5390, less G-1"),
    ]
    amounts = PaymentItem.objects.order_by("invoice").values_list("invoice", "amount", "discount")
    assert list(amounts) == [
        (first.pk, Decimal("100.10"), 0),
        (second.pk, Decimal("50.05"), 0),
        (credit.pk, Decimal("-20.15"), 0),
        (other.pk, Decimal("9.99"), 0),
    ]
    steps = InvoiceStep.objects.filter(kind="PAYMENT_ORDERED").order_by("invoice")
    assert [step.invoice_id for step in steps] == [first.pk, second.pk, credit.pk, other.pk]


def test_paid_is_to_the_account_on_file_and_what_is_left_to_pay():
    supplier = SupplierInEuroFactory(iban=IBANS[0])
    invoice = owed(
        "100.00", supplier=supplier, iban=IBANS[1], prepaid_total="30.00", rounding="0.05"
    )

    texts = read(payment_batch(invoice))

    assert texts["IBAN"][1] == IBANS[0]
    assert texts["InstdAmt"] == ["70.05"]


def test_what_the_supplier_reads_says_how_much_is_left_out():
    supplier = SupplierInEuroFactory()
    invoices = [owed(supplier=supplier, supplier_number=f"Rechnung 2026-{n:05}") for n in range(12)]

    [text] = read(payment_batch(*invoices))["Ustrd"]

    assert text == (", ".join(f"Rechnung 2026-{n:05}" for n in range(6)) + " and 6 more")
    assert len(text) <= 140


@pytest.mark.parametrize(
    ("execution_on", "paid", "discounts"),
    [
        (FRIDAY, ["97.00"], [2, 0]),
        (FRIDAY + timedelta(days=3), ["99.00"], [0, 0]),
    ],
)
def test_early_payment_takes_the_discount_until_its_last_day(execution_on, paid, discounts):
    supplier = SupplierInEuroFactory(discount_percent=2, discount_days=5)
    fresh = owed("100.00", supplier=supplier)
    old_credit = owed(
        "1.00", supplier=supplier, kind="CREDIT_NOTE", invoiced_on=TODAY - timedelta(days=9)
    )

    batch = payment_batch(fresh, old_credit, execution_on=execution_on)

    assert read(batch)["InstdAmt"] == paid
    rows = PaymentItem.objects.order_by("invoice")
    assert [row.discount for row in rows] == discounts


def test_credit_notes_share_the_discount_of_the_invoices_they_lessen():
    supplier = SupplierInEuroFactory(discount_percent=2, discount_days=14)
    invoice, credit = (
        owed("100.00", supplier=supplier),
        owed("20.00", supplier=supplier, kind="CREDIT_NOTE"),
    )

    plan = operations.plan_payments(
        invoice_ids=[invoice.pk, credit.pk], execution_on=FRIDAY, at=NOON
    )

    assert (plan.total, plan.discount) == (Decimal("78.40"), Decimal("1.60"))
    assert not PaymentBatch.objects.exists()


def test_same_key_returns_the_first_batch():
    invoice, other = owed(), owed()
    first = payment_batch(invoice, key="act")

    again = payment_batch(other, key="act")

    assert again == first
    assert PaymentItem.objects.get().invoice == invoice


def test_the_file_is_the_same_letter_by_letter_for_the_same_batch():
    batch = payment_batch(owed())
    stored = PaymentBatch.objects.get().content

    assert stored == batch.content
    assert stored.startswith("<?xml version='1.0' encoding='UTF-8'?>")


def foreign():
    return owed(supplier=SupplierInEuroFactory(), currency="PLN")


def matched_only():
    return owed(status="MATCHED", approved_at=None, approved_by=None)


def without_account():
    return owed(supplier=SupplierInEuroFactory(iban=""))


def with_a_wrong_account():
    return owed(supplier=SupplierInEuroFactory(iban="DE89370400440532013001"))


def with_a_wrong_bank():
    return owed(supplier=SupplierInEuroFactory(bic="NOBANK"))


def prepaid():
    return owed("10.00", prepaid_total="10.00")


def credit_alone():
    return owed("10.00", kind="CREDIT_NOTE")


@pytest.mark.parametrize(
    ("make", "refusal", "words"),
    [
        (foreign, operations.CannotBePaidInEuro, "in PLN"),
        (matched_only, WrongStatus, "only what is approved"),
        (without_account, operations.NoBankAccount, "no valid IBAN"),
        (with_a_wrong_account, operations.NoBankAccount, "no valid IBAN"),
        (with_a_wrong_bank, operations.NoBankAccount, "no valid BIC"),
        (prepaid, operations.NothingToPay, "Nothing of"),
        (credit_alone, operations.CreditExceeds, "10.00 EUR more"),
    ],
)
def test_what_cannot_be_paid_refuses_the_whole_batch(make, refusal, words):
    with pytest.raises(refusal, match=words):
        payment_batch(owed(), make())

    assert not PaymentBatch.objects.exists()
    assert not InvoiceStep.objects.exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RETAIL_SHOP_NAME", ""),
        ("RETAIL_IBAN", ""),
        ("RETAIL_IBAN", "DE02120300000000202052"),
        ("RETAIL_BIC", ""),
    ],
)
def test_payments_that_are_not_set_up_are_refused(settings, name, value):
    setattr(settings, name, value)

    with pytest.raises(operations.PaymentNotSetUp, match=name):
        payment_batch()

    assert not PaymentBatch.objects.exists()


@pytest.mark.parametrize("days", [-1, 6, 7, 367])
def test_day_on_which_no_bank_pays_is_refused(days):
    with pytest.raises(operations.InvalidExecutionDay):
        payment_batch(execution_on=TODAY + timedelta(days=days))

    assert not PaymentBatch.objects.exists()


def test_batch_of_nothing_is_refused():
    with pytest.raises(operations.NothingToPay):
        payment_batch(invoice_ids=[])


def test_exported_invoice_is_ordered_once():
    invoice = owed()
    exported(invoice)
    payment_batch(invoice)

    with pytest.raises(operations.PaymentIsOrdered):
        payment_batch(invoice, owed())

    assert PaymentBatch.objects.count() == 1
    assert PaymentItem.objects.count() == 1


def cancel(batch, *, reason="Not taken by the bank"):
    return operations.cancel_payment_batch(
        batch_id=batch.pk, reason=reason, at=NOON, by=UserFactory()
    )


def test_batch_that_is_taken_back_frees_its_invoices():
    invoice = owed()
    batch = payment_batch(invoice)
    content = batch.content

    cancelled = cancel(batch)

    assert (cancelled.status, cancelled.cancel_reason) == ("CANCELLED", "Not taken by the bank")
    assert cancelled.content == content
    assert PaymentItem.objects.get().is_cancelled
    kinds = InvoiceStep.objects.order_by("pk").values_list("kind", flat=True)
    assert list(kinds) == ["PAYMENT_ORDERED", "PAYMENT_CANCELLED"]
    second = payment_batch(invoice)
    assert second != batch
    with pytest.raises(WrongStatus):
        cancel(batch)


def test_batch_is_taken_back_for_a_reason():
    batch = payment_batch()

    with pytest.raises(operations.MissingReason):
        cancel(batch, reason=" ")

    batch.refresh_from_db()
    assert batch.status == "MADE"


def test_batch_with_a_paid_invoice_is_not_taken_back():
    paid, waiting = owed(supplier_number="R-paid"), owed()
    batch = payment_batch(paid, waiting)
    exported(paid)
    operations.record_payment(invoice_id=paid.pk, paid_on=TODAY, at=NOON, by=UserFactory())

    with pytest.raises(WrongStatus, match="R-paid is paid"):
        cancel(batch)

    assert not PaymentItem.objects.filter(is_cancelled=True).exists()


def test_invoice_that_the_bank_is_told_to_pay_is_not_voided(settings):
    invoice = approved_bill()
    PaymentItemFactory(invoice=invoice)

    with pytest.raises(operations.PaymentIsOrdered, match="take that back first"):
        operations.void_invoice(invoice_id=invoice.pk, reason="No", at=NOON, by=None)

    invoice.refresh_from_db()
    assert invoice.status == "APPROVED"
    PaymentItem.objects.update(is_cancelled=True)
    operations.void_invoice(invoice_id=invoice.pk, reason="No", at=NOON, by=None)
    assert SupplierInvoice.objects.get().status == "VOID"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE purchasing_paymentbatch SET content = ''",
        "UPDATE purchasing_paymentbatch SET total = total + 1",
        "DELETE FROM purchasing_paymentbatch",
        "UPDATE purchasing_paymenttransfer SET iban = 'X'",
        "DELETE FROM purchasing_paymenttransfer",
        "TRUNCATE purchasing_paymenttransfer CASCADE",
        "UPDATE purchasing_paymentbatch SET status = 'CANCELLED', cancelled_at = now()",
    ],
)
def test_database_keeps_a_payment_file(statement):
    batch = payment_batch()

    with pytest.raises(DatabaseError, match=r"refused|append-only|cancelled_says_why"):
        execute(statement)

    assert PaymentBatch.objects.get().content == batch.content


def test_database_lets_no_batch_come_back():
    batch = cancel(payment_batch())

    with pytest.raises(DatabaseError, match="Invalid transition"):
        execute(
            "UPDATE purchasing_paymentbatch SET status = 'MADE', cancelled_at = NULL,"
            " cancelled_by_id = NULL, cancel_reason = ''"
        )

    batch.refresh_from_db()
    assert batch.status == "CANCELLED"


@pytest.mark.parametrize(
    ("factory", "values", "constraint"),
    [
        (PaymentBatchFactory, {"total": 0}, "paymentbatch_total_positive"),
        (PaymentBatchFactory, {"status": "CANCELLED"}, "paymentbatch_cancelled_says_why"),
        (PaymentTransferFactory, {"amount": 0}, "paymenttransfer_amount_positive"),
        (PaymentItemFactory, {"discount": -1}, "paymentitem_amount_in_range"),
    ],
)
def test_database_refuses_payments_that(factory, values, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        factory(**values)


def test_database_refuses_to_pay_twice():
    invoice, batch, supplier = (
        SupplierInvoiceFactory(),
        PaymentBatchFactory(key="act"),
        SupplierInEuroFactory(),
    )
    transfer = PaymentTransferFactory(batch=batch, supplier=supplier, end_to_end_id="T")
    PaymentItemFactory(transfer=transfer, invoice=invoice)

    for constraint, make in {
        "paymentitem_ordered_once": lambda: PaymentItemFactory(invoice=invoice),
        "paymentitem_once_per_transfer": lambda: PaymentItemFactory(
            transfer=transfer, invoice=invoice, is_cancelled=True
        ),
        "paymenttransfer_one_per_supplier": lambda: PaymentTransferFactory(
            batch=batch, supplier=supplier
        ),
        "end_to_end_id": lambda: PaymentTransferFactory(end_to_end_id="T"),
        "paymentbatch_key": lambda: PaymentBatchFactory(key="act"),
    }.items():
        with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
            make()
