"""Bills are matched again when their order or its deliveries are changed, and decisions end so."""

from decimal import Decimal

import pytest

from purchasing import operations, queries
from purchasing.models import InvoiceStep, PurchaseOrder
from purchasing.operations import LineChange, NewLine
from purchasing.tasks import match_waiting_invoices
from retail.common.errors import WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory, person_in
from tests.factories.purchasing import sent_order
from tests.factories.purchasing_invoices import bill, delivery, matched_bill, printed
from tests.purchasing.amendments import amend

pytestmark = pytest.mark.django_db


def too_dear(units=10, came=10):
    """10 ordered at 2.50, of which some came; some billed at 3.00."""
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order, [came])
    return order, matched_bill(printed(order.lines.get(), units, "3.00"), order=order)


def decide_all(invoice, decision):
    for exception in invoice.exceptions.filter(status="OPEN"):
        operations.decide_exception(
            exception_id=exception.pk,
            decision=decision,
            reason="They are right",
            at=NOON,
            by=person_in("Manager"),
        )


def price(order, unit_cost):
    """Amend what the order's first line costs, which a second person approves."""
    line = order.lines.order_by("pk").first()
    amend(order, lines=[LineChange(line.pk, unit_cost=Decimal(unit_cost))])
    return operations.approve_change(order_id=order.pk, at=NOON, by=UserFactory(is_superuser=True))


def history(invoice):
    return list(invoice.exceptions.order_by("pk").values_list("kind", "status"))


def test_amended_price_makes_the_bill_agree():
    order, invoice = too_dear()
    decide_all(invoice, "ORDER_WRONG")
    assert match_waiting_invoices() == {"matched": 0, "refused": 0}

    price(order, "3.00")
    assert match_waiting_invoices() == {"matched": 1, "refused": 0}

    invoice.refresh_from_db()
    assert invoice.status == "MATCHED"
    assert history(invoice) == [("PRICE", "ORDER_WRONG"), ("PRICE", "RESOLVED")]
    assert match_waiting_invoices() == {"matched": 0, "refused": 0}
    assert list(
        InvoiceStep.objects.filter(invoice=invoice).order_by("pk").values_list("text", flat=True)
    )[-2:] == [
        f"{order} was amended: version 2.",
        "Matched: nothing stands against payment.",
    ]


def test_amended_price_that_does_not_help_is_asked_about_once():
    order, invoice = too_dear()
    decide_all(invoice, "ORDER_WRONG")

    price(order, "2.60")
    counts = [match_waiting_invoices()["matched"] for _ in range(2)]

    assert counts == [1, 0]
    assert history(invoice) == [("PRICE", "ORDER_WRONG"), ("PRICE", "OPEN")]


def test_amendment_that_changes_nothing_about_the_bill_is_looked_at_once():
    order, invoice = too_dear(units=8)

    amend(order, note="Ring before you come")
    counts = [match_waiting_invoices()["matched"] for _ in range(2)]

    assert counts == [1, 0]
    assert history(invoice) == [("PRICE", "OPEN")]


def test_dearer_bill_of_a_matched_one_is_found_when_the_order_becomes_cheaper():
    order = sent_order(units=[10, 1], unit_cost="2.50")
    delivery(order, [10, 0])
    line = order.lines.order_by("pk").first()
    invoice = matched_bill(printed(line, 10, "2.50"), order=order)

    price(order, "2.40")
    match_waiting_invoices()

    invoice.refresh_from_db()
    assert invoice.status == "ON_HOLD"


def test_order_that_closed_is_amended_only_when_a_bill_says_it_is_wrong():
    order, invoice = too_dear()
    order.refresh_from_db()
    assert order.status == "CLOSED"
    assert not queries.is_amendable(order)
    with pytest.raises(WrongStatus):
        price(order, "3.00")

    decide_all(invoice, "ORDER_WRONG")

    assert queries.is_amendable(order)
    assert price(order, "3.00").status == "IN_FORCE"
    match_waiting_invoices()
    assert PurchaseOrder.objects.get(pk=order.pk).status == "CLOSED"
    assert not queries.is_amendable(order)


def test_bill_that_found_no_order_finds_the_line_that_was_added():
    order = sent_order(units=[10])
    other = VariantFactory()
    invoice = matched_bill(
        printed(order.lines.get(), 4, "3.00", supplier_sku=other.sku), order=order
    )
    assert history(invoice) == [("NO_ORDER", "OPEN")]

    amend(order, added=[NewLine(variant_id=other.pk, units=4, unit_cost=Decimal("3.00"))])
    operations.approve_change(order_id=order.pk, at=NOON, by=UserFactory(is_superuser=True))
    match_waiting_invoices()

    assert history(invoice)[0] == ("NO_ORDER", "RESOLVED")
    assert invoice.lines.get().matches.get().order_line.variant == other


def test_wrong_receipt_ends_when_the_missing_goods_are_received():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order, [8])
    invoice = matched_bill(printed(order.lines.get(), 10, "2.50"), order=order)
    decide_all(invoice, "RECEIPT_WRONG")
    invoice.refresh_from_db()
    assert invoice.status == "ON_HOLD"

    delivery(order, [2])
    match_waiting_invoices()

    invoice.refresh_from_db()
    assert invoice.status == "MATCHED"
    assert history(invoice) == [("NOT_RECEIVED", "RECEIPT_WRONG"), ("NOT_RECEIVED", "RESOLVED")]


def test_wrong_receipt_is_to_be_decided_anew_when_it_was_reversed():
    order = sent_order(units=[10], unit_cost="2.50")
    receipt = delivery(order, [8])
    invoice = matched_bill(printed(order.lines.get(), 10, "2.50"), order=order)
    decide_all(invoice, "RECEIPT_WRONG")

    operations.reverse_receipt(receipt_id=receipt.pk, reason="Other goods", at=NOON, by=None)
    match_waiting_invoices()

    invoice.refresh_from_db()
    assert invoice.status == "MATCHING"
    assert history(invoice) == [("NOT_RECEIVED", "RECEIPT_WRONG"), ("NOT_RECEIVED", "OPEN")]


def test_credit_that_was_asked_for_ends_with_the_credit_note():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order)
    line = order.lines.get()
    invoice = matched_bill(printed(line, 12, "2.50"), order=order)
    decide_all(invoice, "CREDIT_ASKED")

    bill(printed(line, 2, "2.50"), order=order, kind="CREDIT_NOTE")
    match_waiting_invoices()

    invoice.refresh_from_db()
    assert invoice.status == "MATCHED"
    assert history(invoice) == [("QUANTITY", "CREDIT_ASKED"), ("QUANTITY", "RESOLVED")]


def test_line_that_is_closed_short_is_matched_again():
    order = sent_order(units=[10], unit_cost="2.50")
    delivery(order, [8])
    invoice = matched_bill(printed(order.lines.get(), 10, "2.50"), order=order)

    operations.close_line_short(line_id=order.lines.get().pk, reason="Sold out", at=NOON, by=None)
    match_waiting_invoices()

    invoice.refresh_from_db()
    assert invoice.status == "ON_HOLD"
    assert history(invoice) == [("NOT_RECEIVED", "RESOLVED"), ("QUANTITY", "OPEN")]


def test_decision_between_does_not_answer_for_the_matching():
    order, invoice = too_dear()
    decide_all(invoice, "ORDER_WRONG")
    price(order, "3.00")

    operations.reconsider_exception(
        exception_id=invoice.exceptions.get().pk, at=NOON, by=person_in("Manager")
    )
    decide_all(invoice, "ACCEPTED")

    assert list(queries.invoices_to_match()) == [invoice]
    assert match_waiting_invoices()["matched"] == 1
    assert match_waiting_invoices()["matched"] == 0
