"""What is kept of what matching found: raised, brought up to date, ended, and never twice."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError

from purchasing import queries
from purchasing.models import InvoiceStep, MatchException
from purchasing.operations.findings import (
    OWNERS,
    Found,
    raise_findings,
    record_findings,
    refresh_statuses,
)
from purchasing.tolerances import Finding, Limits
from tests.factories.catalog import ExchangeRateFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing_invoices import (
    MatchExceptionFactory,
    SupplierInvoiceFactory,
    SupplierInvoiceLineFactory,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db

LIMITS = Limits(policy="company", exception_days=3)
DECIDED = {"decided_at": NOON, "reason": "They rang"}


def a_line(**values):
    return SupplierInvoiceLineFactory(invoice=SupplierInvoiceFactory(status="ON_HOLD", **values))


def finding(line, *, actual="3.00", kind="PRICE", **values):
    return Finding(line.pk, kind, Decimal("2.50"), Decimal(actual), **values)


def record(*findings, line, documents=()):
    """Record what was found on one tested line, and on documents tested as a whole."""
    return record_findings(
        [Found(line.invoice, each, LIMITS) for each in findings],
        tested_lines={line.pk: line.invoice},
        tested_documents=documents,
        at=NOON,
    )


def kept(line):
    rows = MatchException.objects.filter(invoice=line.invoice).order_by("pk")
    return list(rows.values_list("status", "actual"))


def decided(line, status, **values):
    return MatchExceptionFactory(
        invoice=line.invoice,
        invoice_line=line,
        kind="PRICE",
        expected=Decimal("2.50"),
        actual=Decimal("3.00"),
        status=status,
        decided_by=UserFactory(),
        **(DECIDED | values),
    )


def test_every_kind_of_difference_has_an_owner():
    assert OWNERS.keys() == set(MatchException.Kind)


def test_the_same_finding_again_changes_nothing():
    line = a_line()

    first, second = (record(finding(line), line=line) for _ in range(2))

    assert (first, second) == ({line.invoice_id}, set())
    assert kept(line) == [("OPEN", 3)]


def test_open_difference_is_brought_up_to_date():
    line = a_line()
    record(finding(line), line=line)

    record(finding(line, actual="4.00", detail="Per piece", at_stake=Decimal(15)), line=line)

    row = MatchException.objects.get()
    assert (row.actual, row.detail, row.at_stake) == (4, "Per piece", 15)


def test_several_subjects_of_one_kind_stand_beside_each_other():
    line = a_line()

    record(*(finding(line, kind="CHARGE", subject=name) for name in "AB"), line=line)
    record(finding(line, kind="CHARGE", subject="A"), line=line)

    rows = MatchException.objects.order_by("subject").values_list("subject", "status")
    assert list(rows) == [("A", "OPEN"), ("B", "RESOLVED")]


@pytest.mark.parametrize("actual", ["3.00", "2.80"])
@pytest.mark.parametrize("status", ["ACCEPTED", "CREDIT_ASKED", "DISPUTED"])
def test_decision_stands_for_a_difference_that_is_no_larger(status, actual):
    line = a_line()
    decided(line, status)

    assert record(finding(line, actual=actual), line=line) == set()
    assert kept(line) == [(status, 3)]


@pytest.mark.parametrize("status", ["ACCEPTED", "CREDIT_ASKED", "DISPUTED"])
def test_difference_that_became_worse_is_raised_anew(status):
    line = a_line()
    decided(line, status)

    record(finding(line, actual="3.01"), line=line)

    assert kept(line) == [(status, 3), ("OPEN", Decimal("3.01"))]


@pytest.mark.parametrize("status", ["ORDER_WRONG", "RECEIPT_WRONG"])
def test_correction_that_did_not_help_is_to_be_decided_again(status):
    line = a_line()
    decided(line, status)

    record(finding(line), line=line)
    assert kept(line) == [(status, 3)]
    record(Finding(line.pk, "PRICE", Decimal("2.90"), Decimal("3.00")), line=line)

    assert kept(line) == [(status, 3), ("OPEN", 3)]


@pytest.mark.parametrize("status", ["CREDIT_ASKED", "ORDER_WRONG", "RECEIPT_WRONG", "DISPUTED"])
def test_what_was_made_up_for_ends_with_a_row_of_its_own(status):
    line = a_line()
    decided(line, status, subject="", detail="Line 1")

    assert record(line=line) == {line.invoice_id}

    assert kept(line) == [(status, 3), ("RESOLVED", Decimal("2.50"))]
    assert record(line=line) == set()


def test_difference_that_comes_back_is_raised_anew():
    line = a_line()
    record(finding(line), line=line)
    record(line=line)

    record(finding(line), line=line)

    assert kept(line) == [("RESOLVED", 3), ("OPEN", 3)]


def test_accepted_difference_that_went_away_stays_accepted():
    line = a_line()
    decided(line, "ACCEPTED")

    assert record(line=line) == set()
    assert kept(line) == [("ACCEPTED", 3)]


def test_what_was_seen_at_capture_is_not_ended_by_matching():
    line = a_line()
    raise_findings(
        line.invoice,
        [finding(line, kind="UNIT"), Finding(None, "RULE", Decimal(0), Decimal(0), "BR-CO-10")],
        limits=LIMITS,
        at=NOON,
    )

    record(line=line, documents=[line.invoice])

    assert set(MatchException.objects.values_list("status", flat=True)) == {"OPEN"}


def test_whole_document_is_tested_only_when_it_is_said_so():
    line = a_line()
    record(Finding(None, "NET_TOTAL", Decimal(25), Decimal(26)), line=line)

    record(line=line)
    assert kept(line) == [("OPEN", 26)]
    record(line=line, documents=[line.invoice])

    assert kept(line) == [("RESOLVED", 26)]


def test_lines_that_were_not_tested_keep_their_differences():
    line = a_line()
    other = SupplierInvoiceLineFactory(invoice=line.invoice)
    MatchExceptionFactory(invoice=line.invoice, invoice_line=other, kind="PRICE")

    assert record(line=line) == set()
    assert MatchException.objects.get().status == "OPEN"


@pytest.mark.parametrize(
    ("due_in", "expected"), [(30, 3), (2, 2), (0, 0), (-1, 3)], ids=["far", "near", "today", "past"]
)
def test_difference_is_to_be_decided_before_the_bill_is_due(due_in, expected):
    line = a_line(due_on=NOON.date() + timedelta(days=due_in))

    record(finding(line), line=line)

    assert MatchException.objects.get().due_on == NOON.date() + timedelta(days=expected)


def test_cost_of_a_foreign_bill_is_in_book_currency_at_the_rate_of_its_day():
    line = a_line(currency="EUR")
    ExchangeRateFactory(valid_on=date(2026, 11, 1), rate=Decimal("0.8"))
    ExchangeRateFactory(valid_on=date(2026, 11, 23), rate=Decimal("0.9"))

    record(finding(line, at_stake=Decimal("5.01")), line=line)

    assert MatchException.objects.get().at_stake == Decimal("4.01")


def test_cost_of_a_foreign_bill_without_a_rate_is_said_to_be_unknown():
    line = a_line(currency="EUR")

    record(finding(line, detail="Line 1.", at_stake=Decimal(5)), line=line)

    row = MatchException.objects.get()
    assert (row.at_stake, row.detail) == (
        0,
        "Line 1. What is at stake is not known: no exchange rate of EUR on 2026-11-22.",
    )


def test_status_follows_what_blocks():
    line = a_line()
    warning = MatchExceptionFactory(invoice=line.invoice, is_blocking=False)
    refresh_statuses([line.invoice], at=NOON)
    assert line.invoice.status == "MATCHED"
    MatchExceptionFactory(invoice=line.invoice, invoice_line=line, kind="NOT_RECEIVED")
    refresh_statuses([line.invoice], at=NOON)
    assert line.invoice.status == "MATCHING"
    MatchExceptionFactory(invoice=line.invoice, invoice_line=line, kind="PRICE")
    refresh_statuses([line.invoice], at=NOON)

    line.invoice.refresh_from_db()
    assert line.invoice.status == "ON_HOLD"
    assert list(InvoiceStep.objects.order_by("pk").values_list("text", flat=True)) == [
        "Matched: nothing stands against payment.",
        f"Waiting for goods: Goods not received yet, {line}.",
        f"On hold: Goods not received yet, {line}, Unit price, {line}.",
    ]
    assert queries.exceptions_to_decide().exclude(pk=warning.pk).count() == 2


def test_queries_do_not_grow_with_the_findings(django_assert_max_num_queries):
    counts = []
    for size in (1, 40):
        lines = [a_line(currency="EUR") for _ in range(size)]
        found = [Found(line.invoice, finding(line, at_stake=Decimal(1)), LIMITS) for line in lines]
        tested = {line.pk: line.invoice for line in lines}
        with django_assert_max_num_queries(20) as taken:
            changed = record_findings(found, tested_lines=tested, at=NOON)
            refresh_statuses(list(tested.values()), at=NOON, changed=changed)
            record_findings([], tested_lines=tested, at=NOON)
            refresh_statuses(list(tested.values()), at=NOON)
        counts.append(len(taken))

    assert counts[0] == counts[1]


@pytest.mark.parametrize("status", ["OPEN", "CREDIT_ASKED", "DISPUTED"])
def test_database_refuses_to_approve_what_a_difference_blocks(status):
    line = a_line()
    line.invoice.status = "MATCHED"
    line.invoice.save(update_fields=["status"])
    if status == "OPEN":
        record(finding(line), line=line)
    else:
        decided(line, status)

    with pytest.raises(IntegrityError, match="a difference blocks its payment"):
        approve_by_sql(line.invoice)


@pytest.mark.parametrize("is_warning", [True, False])
def test_database_lets_a_warning_or_an_accepted_difference_be_approved(is_warning):
    line = a_line()
    line.invoice.status = "MATCHED"
    line.invoice.save(update_fields=["status"])
    if is_warning:
        record(finding(line, is_blocking=False), line=line)
    else:
        decided(line, "DISPUTED")
        decided(line, "ACCEPTED")

    approve_by_sql(line.invoice)

    line.invoice.refresh_from_db()
    assert line.invoice.status == "APPROVED"


def approve_by_sql(invoice):
    execute(
        "UPDATE purchasing_supplierinvoice SET status = 'APPROVED', approved_at = now(),"
        " approved_by_id = %s WHERE id = %s",
        [UserFactory().pk, invoice.pk],
    )
