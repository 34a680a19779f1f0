from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from openpyxl import Workbook

from purchasing import operations
from purchasing.models import InvoiceStep, PaymentNotice, PaymentTransfer, SupplierInvoice
from purchasing.payment_columns import NoTableOfPayments, propose_reading
from purchasing.payment_rows import PaymentRow, numbers_in, our_numbers_in, transfers_in
from retail.common.imports import AlreadyImported
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing_invoices import TODAY
from tests.factories.purchasing_payments import (
    PaymentNoticeFactory,
    SupplierInEuroFactory,
    exported,
    owed,
    payment_batch,
)
from tests.raw_sql import execute

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("our_account")]

TITLES = "paid_on,amount,currency,end_to_end_id,number,reference,payee"


@pytest.fixture
def our_account(settings):
    settings.RETAIL_SHOP_NAME, settings.RETAIL_HANDOVER_DIR = "Aurum", ""
    settings.RETAIL_IBAN, settings.RETAIL_BIC = "DE02120300000000202051", "BYLADEM1001"


@pytest.fixture
def take(tmp_path):
    """Take in a file of these lines, read as it is proposed; return the outcomes by line."""

    def taken(*lines, titles=TITLES, name="bank.csv"):
        path = tmp_path / name
        path.write_text("\n".join([titles, *lines]) + "\n", encoding="utf-8")
        run = operations.take_payment_notices(
            path=path,
            file_name=name,
            reading=propose_reading(path, currency="EUR"),
            at=NOON,
            by=UserFactory(),
        )
        rows = PaymentNotice.objects.filter(run=run).order_by("line_number", "pk")
        return [(row.line_number, row.outcome) for row in rows]

    return taken


def ready(payable="25.00", **values):
    invoice = owed(payable, **values)
    exported(invoice)
    return invoice


def paid_of(*invoices):
    rows = SupplierInvoice.objects.filter(pk__in=[invoice.pk for invoice in invoices])
    return [(row.status, row.paid_on) for row in rows.order_by("pk")]


def line(amount, *, e2e="", number="", reference="", payee="", day=TODAY, currency="EUR"):
    return f"{day},{amount},{currency},{e2e},{number},{reference},{payee}"


def test_transfer_pays_all_that_it_was_for(take):
    supplier = SupplierInEuroFactory()
    bill, credit = (
        ready("100.00", supplier=supplier),
        ready("20.00", supplier=supplier, kind="CREDIT_NOTE"),
    )
    payment_batch(bill, credit)
    end_to_end_id = PaymentTransfer.objects.get().end_to_end_id

    assert take(line("80.00", e2e=end_to_end_id)) == [(2, "PAID"), (2, "PAID")]

    assert paid_of(bill, credit) == [("PAID", TODAY)] * 2
    notices = PaymentNotice.objects.order_by("pk").values_list("invoice", "amount", "message")
    assert list(notices) == [
        (bill.pk, 100, "Part of 80.00 EUR."),
        (credit.pk, 20, "Part of 80.00 EUR."),
    ]
    steps = InvoiceStep.objects.filter(kind="PAID").order_by("pk")
    assert [(step.invoice_id, step.text) for step in steps] == [
        (bill.pk, f"Paid on {TODAY}: line 2 of bank.csv."),
        (credit.pk, f"Paid on {TODAY}: line 2 of bank.csv."),
    ]


def test_transfer_less_discount_pays_in_full(take):
    bill = ready("100.00", supplier=SupplierInEuroFactory(discount_percent=2, discount_days=9))
    payment_batch(bill)

    outcome = take(line("98.00", reference=f"EREF+{PaymentTransfer.objects.get()}SVWZ+Thanks"))

    assert outcome == [(2, "PAID")]
    assert paid_of(bill) == [("PAID", TODAY)]


def test_our_number_pays_what_agrees_to_the_cent(take):
    exact, off, several, other = ready("10.00"), ready("20.00"), ready("1.10"), ready("2.20")

    outcomes = take(
        line("10.00", number=exact.number),
        line("20.01", number=off.number),
        line("3.30", reference=f"{several.number} {other.number}"),
    )

    assert outcomes == [(2, "PAID"), (3, "OTHER_AMOUNT"), (4, "PAID"), (4, "PAID")]
    assert paid_of(exact, off, several, other) == [
        ("PAID", TODAY),
        ("EXPORTED", None),
        ("PAID", TODAY),
        ("PAID", TODAY),
    ]
    off_notice = PaymentNotice.objects.get(outcome="OTHER_AMOUNT")
    assert off_notice.invoice == off
    assert off_notice.message.startswith("20.01 EUR instead of 20.00 EUR for")


@pytest.mark.parametrize(("days_ago", "outcome"), [(10, "PAID"), (11, "OTHER_AMOUNT")])
def test_discount_counts_until_its_last_day(take, days_ago, outcome):
    supplier = SupplierInEuroFactory(discount_percent=3, discount_days=10)
    bill = ready("100.00", supplier=supplier, invoiced_on=TODAY - timedelta(days=days_ago))

    assert take(line("97.00", number=bill.number)) == [(2, outcome)]


def test_suppliers_number_and_amount_tell_the_invoice(take):
    ours = SupplierInEuroFactory(name="Nordlicht GmbH")
    theirs = SupplierInEuroFactory(name="Aurum")
    bill = ready("10.00", supplier=ours, supplier_number="RE 2026/0017")
    same_number = ready("10.00", supplier=theirs, supplier_number="RE-2026-17")
    short = ready("5.00", supplier=ours, supplier_number="17")

    outcomes = take(
        line("10.00", reference="Rechnung RE 2026/0017", payee="NORDLICHT GMBH Kiel"),
        line("5.00", reference="Nr. 17"),
        line("6.00", reference="Nr. 17"),
    )

    assert outcomes == [(2, "PAID"), (3, "PAID"), (4, "UNKNOWN")]
    assert paid_of(bill, same_number, short) == [
        ("PAID", TODAY),
        ("EXPORTED", None),
        ("PAID", TODAY),
    ]


def test_what_may_be_for_several_is_left_to_a_person(take):
    for supplier in (SupplierInEuroFactory(), SupplierInEuroFactory()):
        ready("10.00", supplier=supplier, supplier_number="R-2026")

    assert take(line("10.00", reference="R-2026")) == [(2, "UNKNOWN")]

    assert "any of" in PaymentNotice.objects.get().message
    assert not SupplierInvoice.objects.filter(status="PAID").exists()


def test_what_cannot_be_noted_says_why(take):
    approved, before, foreign, later = (
        owed("1.00"),
        ready("2.00"),
        ready("3.00"),
        ready("4.00"),
    )
    operations.record_payment(invoice_id=before.pk, paid_on=TODAY, at=NOON, by=None)

    outcomes = take(
        line("1.00", number=approved.number),
        line("2.00", number=before.number),
        line("3.00", number=foreign.number, currency="PLN"),
        line("4.00", number=later.number, day=TODAY - timedelta(days=1)),
        line("9.00", reference="Rent"),
    )

    assert [outcome for _, outcome in outcomes] == [
        "NOT_EXPORTED",
        "PAID_BEFORE",
        "OTHER_AMOUNT",
        "UNREADABLE",
        "UNKNOWN",
    ]
    assert paid_of(approved, before, foreign, later) == [
        ("APPROVED", None),
        ("PAID", TODAY),
        ("EXPORTED", None),
        ("EXPORTED", None),
    ]


def test_transfer_of_a_batch_that_was_taken_back_is_looked_at(take):
    bill = ready()
    batch = payment_batch(bill)
    operations.cancel_payment_batch(batch_id=batch.pk, reason="No", at=NOON, by=UserFactory())

    assert take(line("25.00", e2e=f"{batch}-1")) == [(2, "UNKNOWN")]

    assert "was taken back, yet" in PaymentNotice.objects.get().message
    assert paid_of(bill) == [("EXPORTED", None)]


def test_lines_that_cannot_be_read_say_why(take):
    tomorrow = TODAY + timedelta(days=1)
    take(
        line("1.00"),
        line("1.00", day=tomorrow),
        line("x"),
        line("1.00", day="31.02.2026"),
        line("1.00", day=""),
        line("0"),
        line("1.00", currency="EURO"),
        f"{TODAY},1.00",
    )

    rows = PaymentNotice.objects.filter(outcome="UNREADABLE").order_by("line_number")
    assert [(row.line_number, row.message) for row in rows] == [
        (3, f"{tomorrow} lies ahead."),
        (4, "'x' is not a number."),
        (5, "“31.02.2026” is no day."),
        (6, "The day is missing."),
        (7, "“0” is no amount that can have been paid."),
        (8, "“EURO” is no currency."),
        (9, "The line has 2 columns instead of 7."),
    ]


def test_same_file_again_is_refused(take):
    bill = ready()
    take(line("25.00", number=bill.number))

    with pytest.raises(AlreadyImported):
        take(line("25.00", number=bill.number))

    assert PaymentNotice.objects.count() == 1


def test_same_line_in_another_file_changes_nothing(take):
    bill = ready()
    first = line("25.00", number=bill.number)
    take(first, name="monday.csv")

    assert take(first, line("7.00", reference="Rent"), name="tuesday.csv") == [(3, "UNKNOWN")]

    assert PaymentNotice.objects.filter(invoice=bill).count() == 1
    assert InvoiceStep.objects.filter(invoice=bill, kind="PAID").count() == 1


def test_two_equal_payments_of_a_day_are_two(take):
    same = line("7.00", reference="Rent")

    assert take(same, same, name="a.csv") == [(2, "UNKNOWN"), (3, "UNKNOWN")]
    assert take(same, same, same, name="b.csv") == [(4, "UNKNOWN")]


def test_invoice_paid_twice_in_a_file_is_paid_once(take):
    bill = ready()

    assert take(
        line("25.00", number=bill.number), line("25.00", number=bill.number, reference="again")
    ) == [(2, "PAID"), (3, "PAID_BEFORE")]


def test_statement_of_account_has_payments_below_zero(take):
    bill = ready("1234.50")

    outcomes = take(
        f"22.11.2026;-1.234,50;{bill.number};Nordlicht",
        f"22.11.2026;1.234,50;{bill.number} zurück;Nordlicht",
        titles="Kontoauszug\n\nBuchungstag;Betrag;Verwendungszweck;Empfänger",
    )

    assert outcomes == [(4, "PAID"), (5, "PAID_BEFORE")]
    assert PaymentNotice.objects.get(outcome="PAID").counterparty == "Nordlicht"


def test_refund_of_a_credit_note_is_money_that_came(take):
    credit = ready("30.00", kind="CREDIT_NOTE")

    assert take(line("-5.00", reference="x"), titles=TITLES, name="a.csv") == [(2, "UNKNOWN")]
    assert take(
        line("-1.00", reference="fee"), line("30.00", number=credit.number), name="b.csv"
    ) == [(2, "UNKNOWN"), (3, "PAID")]


def test_excel_is_read_too(tmp_path):
    bill = ready("12.30")
    book = Workbook()
    book.active.append(["Date", "Amount", "Reference"])
    book.active.append([TODAY, 12.3, bill.number])
    path = tmp_path / "ledger.xlsx"
    book.save(path)

    run = operations.take_payment_notices(
        path=path,
        file_name=path.name,
        reading=propose_reading(path, currency="EUR"),
        at=NOON,
        by=None,
    )

    assert (run.lines_read, run.lines_imported) == (1, 1)
    assert paid_of(bill) == [("PAID", TODAY)]


def test_plan_changes_nothing(tmp_path):
    bill = ready()
    path = tmp_path / "bank.csv"
    path.write_text(f"{TITLES}\n{line('25.00', number=bill.number)}\n{line('1.00')}\n")

    plan = operations.plan_payment_notices(
        path=path, reading=propose_reading(path, currency="EUR"), at=NOON
    )

    assert plan.paid() == {"EUR": (1, Decimal("25.00"))}
    assert (plan.count("UNKNOWN"), plan.known) == (1, 0)
    assert not PaymentNotice.objects.exists()
    assert paid_of(bill) == [("EXPORTED", None)]


@pytest.mark.parametrize("content", ["Hello\n", "a,b,c\n1,2,3\n"])
def test_file_without_payments_is_refused(tmp_path, content):
    path = tmp_path / "bank.csv"
    path.write_text(content)

    with pytest.raises(NoTableOfPayments):
        propose_reading(path, currency="EUR")


def test_costs_the_same_for_one_line_and_for_three(tmp_path, django_assert_num_queries):
    def file_of(count):
        lines = [line("25.00", number=ready().number) for _ in range(count)]
        path = tmp_path / f"{count}.csv"
        path.write_text("\n".join([TITLES, *lines]) + "\n")
        return path, propose_reading(path, currency="EUR")

    for count in (1, 3):
        path, reading = file_of(count)
        with django_assert_num_queries(21):
            operations.take_payment_notices(
                path=path, file_name=path.name, reading=reading, at=NOON, by=None
            )
        assert PaymentNotice.objects.filter(run__file_name=path.name).count() == count


def test_numbers_are_found_within_words():
    assert transfers_in("EREF+pb-100001-2SVWZ+x PB-100001-2") == ["PB-100001-2"]
    assert our_numbers_in("SI-100007/SI-100008") == ["SI-100007", "SI-100008"]
    assert "R202417" in set(numbers_in("zu R 2024/17 vom"))
    assert PaymentRow(1, "k", our_number="a", reference="b").about == "a b"


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"outcome": "PAID"}, "paymentnotice_paid_names_its_invoice"),
        ({"line_number": -1}, "paymentnotice_numbers_in_range"),
    ],
)
def test_database_refuses_a_notice_that(values, constraint):
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        PaymentNoticeFactory(**values)


def test_database_keeps_notices_as_they_came_and_each_once():
    PaymentNoticeFactory(row_key="same")

    with pytest.raises(IntegrityError, match="row_key"), transaction.atomic():
        PaymentNoticeFactory(row_key="same")
    for statement in (
        "UPDATE purchasing_paymentnotice SET outcome = 'PAID'",
        "DELETE FROM purchasing_paymentnotice",
        "TRUNCATE purchasing_paymentnotice",
    ):
        with pytest.raises(DatabaseError, match="append-only"):
            execute(statement)
    assert PaymentNotice.objects.get().outcome == "UNKNOWN"
