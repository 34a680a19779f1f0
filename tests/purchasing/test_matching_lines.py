"""How lines of bills find their order lines, by what is printed and what a person says."""

import random
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest

from purchasing import operations, queries
from purchasing.models import MatchAllocation, MatchException, SupplierInvoice
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import SupplierFactory, sent_order
from tests.factories.purchasing_invoices import (
    TODAY,
    TolerancePolicyFactory,
    approved_bill,
    bill,
    delivery,
    matched,
    matched_bill,
    printed,
)

pytestmark = pytest.mark.django_db


def order_lines_of(invoice):
    matches = MatchAllocation.objects.filter(invoice_line__invoice=invoice)
    return sorted(matches.values_list("order_line", flat=True))


def open_kinds(invoice):
    rows = invoice.exceptions.filter(status=MatchException.Status.OPEN)
    return sorted(rows.values_list("kind", flat=True))


@pytest.mark.parametrize(
    "words",
    [
        {"order_number": "SO 77/4"},
        {"order_position": "2"},
        {"supplier_sku": "", "order_position": "2"},
        {"supplier_sku": "", "order_number": "", "buyer_sku": "{sku}"},
        {"supplier_sku": "theirs", "buyer_sku": "{sku}"},
    ],
)
def test_line_is_found_by_what_is_printed(words):
    order = sent_order(units=[10, 10])
    type(order).objects.filter(pk=order.pk).update(supplier_reference="SO-77-4")
    delivery(order)
    line = order.lines.get(position=2)
    stated = {name: text.format(sku=line.variant.sku) for name, text in words.items()}

    invoice = matched_bill(printed(line, 10, "2.50", **stated), order=order)

    assert (invoice.status, order_lines_of(invoice)) == ("MATCHED", [line.pk])


def test_article_goes_before_a_position_where_another_stands():
    order = sent_order(units=[10, 10])
    line = order.lines.get(position=2)

    invoice = matched_bill(printed(line, 10, "2.50", order_position="1"), order=order)

    assert order_lines_of(invoice) == [line.pk]


def test_delivery_that_is_named_is_billed_before_older_ones():
    order = sent_order(units=[10])
    delivery(order, [4])
    receipt = delivery(order, [6], at=NOON + timedelta(days=1))
    type(receipt).objects.filter(pk=receipt.pk).update(delivery_note="LS 9")

    invoice = matched_bill(printed(order.lines.get(), 6, "2.50", delivery_note="ls-9"), order=order)

    match = MatchAllocation.objects.get(invoice_line__invoice=invoice)
    assert (match.receipt_line.receipt, match.units) == (receipt, 6)


def test_most_specific_policy_counts_as_a_whole():
    order = sent_order(units=[10])
    line = order.lines.get()
    TolerancePolicyFactory(supplier=None, unit_price_percent=50)
    TolerancePolicyFactory(supplier=order.supplier, unit_price_percent=50)
    TolerancePolicyFactory(supplier=order.supplier, variant=line.variant, quantity_percent=100)
    delivery(order)

    invoice = matched_bill(printed(line, 10, "2.60"), order=order)

    row = invoice.exceptions.get()
    assert (row.kind, row.tolerance["policy"]) == ("PRICE", "article of supplier")


def test_policy_may_ask_for_nothing():
    order = sent_order(units=[10])
    TolerancePolicyFactory(supplier=order.supplier, match_level="NONE")

    assert matched_bill(printed(order.lines.get(), 99, "9.00"), order=order).status == "MATCHED"


def test_services_need_no_goods():
    order = sent_order(units=[10])

    invoice = matched_bill(printed(order.lines.get(), 10, "2.50", kind="SERVICE"), order=order)

    assert invoice.status == "MATCHED"


def test_person_says_where_a_line_belongs_and_takes_it_back():
    order = sent_order(units=[10])
    delivery(order)
    line = order.lines.get()
    unknown = {"order_number": "", "supplier_sku": "never-seen"}
    invoice = matched_bill(printed(line, 10, "2.50", **unknown), order=order)
    assert open_kinds(invoice) == ["NO_ORDER"]
    said = {"invoice_line_id": invoice.lines.get().pk, "at": NOON, "by": UserFactory()}

    operations.assign_line(order_line_id=line.pk, **said)
    operations.assign_line(order_line_id=line.pk, **said)

    invoice.refresh_from_db()
    line.refresh_from_db()
    assert (invoice.status, line.invoiced) == ("MATCHED", 10)
    assert invoice.steps.filter(kind="ASSIGNED").count() == 1

    operations.assign_line(order_line_id=None, **said)

    invoice.refresh_from_db()
    line.refresh_from_db()
    assert (invoice.status, line.invoiced) == ("ON_HOLD", 0)
    assert queries.differences() == []


def test_line_of_a_payable_bill_stays_where_it_is():
    order = sent_order(units=[10])
    invoice = approved_bill(order=order)

    with pytest.raises(WrongStatus):
        operations.assign_line(
            invoice_line_id=invoice.lines.get().pk, order_line_id=None, at=NOON, by=None
        )

    assert order_lines_of(invoice) == [order.lines.get().pk]


def test_line_is_not_assigned_to_another_suppliers_order():
    invoice = matched_bill(order=sent_order())

    with pytest.raises(operations.NotTheirOrder):
        operations.assign_line(
            invoice_line_id=invoice.lines.get().pk,
            order_line_id=sent_order().lines.get().pk,
            at=NOON,
            by=None,
        )

    assert invoice.lines.get().assigned_line is None


def test_only_what_gives_back_is_money_alone():
    order = sent_order()
    invoice = matched_bill(order=order)

    with pytest.raises(operations.NotAssignable):
        operations.assign_line(
            invoice_line_id=invoice.lines.get().pk,
            order_line_id=order.lines.get().pk,
            is_price_only=True,
            at=NOON,
            by=None,
        )

    assert not invoice.lines.get().is_price_only


def test_open_lines_like_it_are_suggested_and_none_is_taken():
    order = sent_order(units=[10, 10])
    line = order.lines.get(position=2)
    product = line.variant.product
    product.name = "Blue garden chair"
    product.save()
    invoice = matched_bill(
        printed(
            line, 10, "2.50", order_number="", supplier_sku="?", description="Garden chair blue"
        ),
        order=order,
    )

    [suggestions] = queries.suggested_order_lines(invoice.pk).values()

    assert suggestions[0].order_line == line
    assert not order_lines_of(invoice)


def price_credit(line, amount, *, order, units=10, **values):
    """Match a credit note over money alone for units of an order line."""
    note = bill(
        printed(line, units, "0.01", net_amount=Decimal(amount)),
        order=order,
        kind="CREDIT_NOTE",
        **values,
    )
    operations.assign_line(
        invoice_line_id=note.lines.get().pk,
        order_line_id=line.pk,
        is_price_only=True,
        at=NOON,
        by=None,
    )
    note.refresh_from_db()
    return note


@pytest.mark.parametrize("is_first", [False, True])
def test_money_back_makes_up_for_a_price_that_was_too_high(is_first):
    order = sent_order(units=[10])
    delivery(order)
    line = order.lines.get()
    if is_first:
        note = price_credit(line, "5.00", order=order)
        assert open_kinds(note) == ["QUANTITY"]
    invoice = matched_bill(printed(line, 10, "3.00"), order=order)
    if not is_first:
        assert open_kinds(invoice) == ["PRICE"]
        note = price_credit(line, "5.00", order=order)

    for document in (invoice, note, line):
        document.refresh_from_db()
    assert (invoice.status, note.status, line.invoiced) == ("MATCHED", "MATCHED", 10)
    match = MatchAllocation.objects.get(invoice_line__invoice=note)
    assert (match.units, match.is_price_only) == (10, True)
    assert queries.differences() == []


def test_too_little_money_back_leaves_the_rest_of_the_difference():
    order = sent_order(units=[10])
    delivery(order)
    line = order.lines.get()
    invoice = matched_bill(printed(line, 10, "3.00"), order=order)

    price_credit(line, "2.00", order=order)

    row = invoice.exceptions.get(kind="PRICE")
    assert (row.expected, row.actual, row.at_stake) == (Decimal("2.50"), Decimal("2.80"), 3)


def test_units_given_back_at_their_price_and_billed_anew_agree():
    order = sent_order(units=[10])
    delivery(order)
    line = order.lines.get()
    wrong = matched_bill(printed(line, 10, "3.00"), order=order, number="wrong")

    matched_bill(printed(line, 10, "3.00"), order=order, kind="CREDIT_NOTE")
    right = matched_bill(
        printed(line, 10, "2.50"), order=order, invoiced_on=TODAY + timedelta(days=1)
    )

    wrong.refresh_from_db()
    assert (wrong.status, right.status) == ("MATCHED", "MATCHED")


def test_deduction_on_a_bill_gives_units_back():
    order = sent_order(units=[10])
    delivery(order)
    line = order.lines.get()

    invoice = matched_bill(
        printed(line, 12, "2.50"),
        printed(line, 2, "2.50", is_deduction=True),
        order=order,
        net_total=Decimal(25),
        total=Decimal(25),
    )

    line.refresh_from_db()
    assert (invoice.status, line.invoiced) == ("MATCHED", 10)
    assert queries.differences() == []


@pytest.mark.parametrize("seed", range(3))
def test_end_state_is_the_same_in_whatever_order_all_kinds_of_documents_come(seed):
    shuffled = random.Random(seed)
    arrivals = list(range(8))

    first = _end_state(arrivals)
    shuffled.shuffle(arrivals)

    assert _end_state(arrivals) == first


def _end_state(order_of_arrival):
    """Let deliveries, bills, credits and money back of two orders come; match after each."""
    supplier = SupplierFactory()
    order = sent_order(supplier=supplier, units=[10, 6])
    other = sent_order(supplier=supplier, units=[8])
    line, second = order.lines.order_by("pk")
    third = other.lines.get()
    of = partial(bill, order=order)
    arrivals = [
        lambda: delivery(order, [6, 6]),
        lambda: delivery(order, [4, 0], at=NOON + timedelta(days=1)),
        lambda: delivery(other, [8], at=NOON + timedelta(days=2)),
        lambda: of(printed(line, 7, "2.50"), printed(third, 8, "2.50"), number="B-1"),
        lambda: of(
            printed(line, 5, "2.60", order_number=""),
            printed(second, 6, "3.00"),
            number="B-2",
            invoiced_on=TODAY - timedelta(days=1),
        ),
        lambda: of(printed(line, 2, "2.50"), number="C-1", kind="CREDIT_NOTE"),
        lambda: price_credit(second, "3.00", units=6, order=order, number="C-2"),
        lambda: of(printed(third, 1, "2.50"), number="B-3", invoiced_on=TODAY + timedelta(days=1)),
    ]
    for index in order_of_arrival:
        arrivals[index]()
        for invoice in queries.invoices_to_match().filter(supplier=supplier):
            matched(invoice)

    assert queries.differences() == []
    places = {each.pk: place for place, each in enumerate((line, second, third))}
    invoices = SupplierInvoice.objects.filter(supplier=supplier).order_by("supplier_number")
    matches = MatchAllocation.objects.filter(invoice_line__invoice__in=invoices)
    rows = MatchException.objects.filter(invoice__in=invoices, status="OPEN")
    return (
        list(invoices.values_list("supplier_number", "status")),
        sorted(
            (number, position, places[pk], str(at), units, is_price_only)
            for number, position, pk, at, units, is_price_only in matches.values_list(
                "invoice_line__invoice__supplier_number",
                "invoice_line__position",
                "order_line",
                "receipt_line__receipt__received_at",
                "units",
                "is_price_only",
            )
        ),
        sorted(
            map(
                str,
                rows.values_list(
                    *("invoice__supplier_number", "invoice_line__position", "kind"),
                    *("expected", "actual"),
                ),
            )
        ),
        [each.invoiced for each in _fresh(line, second, third)],
    )


def _fresh(*lines):
    for line in lines:
        line.refresh_from_db()
    return lines


@pytest.mark.parametrize("count", [1, 3])
def test_matching_costs_the_same_queries_for_one_and_for_many(count, django_assert_max_num_queries):
    supplier = SupplierFactory()
    invoices = []
    for _ in range(count):
        order = sent_order(supplier=supplier, units=[10] * count)
        delivery(order)
        invoices.append(bill(order=order))

    with django_assert_max_num_queries(50):
        statuses = operations.match_invoices(invoice_ids=[one.pk for one in invoices], at=NOON)

    assert statuses == {one.pk: "MATCHED" for one in invoices}
