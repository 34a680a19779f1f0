"""The comparison of two versions of an order: pure, so that it is tried on whatever comes."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.connectors.base import IncomingStatus
from orders.operations.changes import (
    AddressChanged,
    Amounts,
    ArticleChanged,
    BuyerTold,
    Cancelled,
    FulfilledOnChannel,
    LineAdded,
    LineQuantityChanged,
    LineRemoved,
    LineSnapshot,
    MergedInto,
    NoteAdded,
    Paid,
    PriceChanged,
    Refunded,
    Reopened,
    Snapshot,
    Totals,
    TotalsChanged,
    diff,
)

OPEN, SHIPPED, CANCELLED = IncomingStatus

money = st.decimals(min_value=0, max_value=9999, places=2)
lines = st.builds(
    LineSnapshot,
    line_id=st.sampled_from("123456"),
    quantity=st.integers(0, 9),
    code=st.sampled_from(["PEN", "INK", ""]),
    amounts=st.builds(Amounts, unit_price=money, discount=money, tax=money, total=money),
)
snapshots = st.builds(
    Snapshot,
    status=st.sampled_from(IncomingStatus),
    lines=st.lists(lines, max_size=5, unique_by=lambda line: line.line_id).map(tuple),
    totals=st.builds(Totals, total=money),
    address=st.sampled_from(["", "here", "there"]),
    has_buyer=st.booleans(),
    is_paid=st.booleans(),
    payments=st.frozensets(st.sampled_from("ab")),
    refunds=st.frozensets(st.sampled_from("ab")),
    note=st.sampled_from(["", "Ring twice."]),
    merged_into=st.sampled_from(["", "M-1"]),
)


def amounts(price, quantity) -> Amounts:
    return Amounts(unit_price=Decimal(price), total=Decimal(price) * quantity)


def line(line_id="1", quantity=4, price=10, **values) -> LineSnapshot:
    told = {"code": "PEN", "amounts": amounts(price, quantity), **values}
    return LineSnapshot(line_id=line_id, quantity=quantity, **told)


def order(*of_lines, **values) -> Snapshot:
    total = sum((each.amounts.total for each in of_lines), Decimal(0))
    return Snapshot(**{"lines": of_lines, "totals": Totals(total=total), **values})


@given(snapshots)
def test_nothing_is_different_from_itself(snapshot):
    assert diff(snapshot, snapshot) == ()


@given(snapshots, snapshots, st.randoms())
def test_the_order_of_lines_means_nothing(previous, new, chance):
    shuffled = [
        replace(each, lines=tuple(chance.sample(each.lines, len(each.lines))))
        for each in (previous, new)
    ]

    assert diff(*shuffled) == diff(previous, new)


@given(snapshots, snapshots)
def test_each_line_is_told_of_once_and_only_when_it_is_different(previous, new):
    events = diff(previous, new)
    told = [(type(event), event.line_id) for event in events if hasattr(event, "line_id")]

    assert len(told) == len(set(told))
    before = {each.line_id: each for each in previous.lines}
    after = {each.line_id: each for each in new.lines}
    assert {line_id for _, line_id in told} <= {
        line_id
        for line_id in before.keys() | after.keys()
        if before.get(line_id) != after.get(line_id)
    }


ONE = line()
CHANGES = [
    (order(ONE), order(ONE, line("2", 1, 0)), (LineAdded("2", 1),)),
    (order(line(price=0)), order(line(quantity=6, price=0)), (LineQuantityChanged("1", 4, 6),)),
    (order(line(price=0)), order(), (LineRemoved("1", 4),)),
    (order(ONE), order(replace(ONE, code="INK")), (ArticleChanged("1", "PEN", "INK"),)),
    (
        order(ONE),
        replace(order(line(price=9)), totals=order(ONE).totals),
        (PriceChanged("1", amounts(10, 4), amounts(9, 4)),),
    ),
    (
        order(ONE),
        order(ONE, totals=Totals(total=Decimal(41))),
        (TotalsChanged(Totals(total=Decimal(40)), Totals(total=Decimal(41))),),
    ),
    (order(address="here"), order(address="there"), (AddressChanged(),)),
    (order(address="here"), order(), ()),
    (order(), order(has_buyer=True), (BuyerTold(),)),
    (order(has_buyer=True), order(), ()),
    (order(), order(is_paid=True), (Paid(),)),
    (order(payments=frozenset("a")), order(payments=frozenset("ab")), (Paid(),)),
    (order(payments=frozenset("ab")), order(payments=frozenset("a")), ()),
    (order(), order(refunds=frozenset("a")), (Refunded(),)),
    (order(ONE), order(ONE, status=CANCELLED), (Cancelled(),)),
    (order(ONE), order(status=CANCELLED), (Cancelled(),)),
    (order(ONE, status=CANCELLED), order(ONE, line("2")), (Reopened(),)),
    (order(ONE), order(ONE, status=SHIPPED), (FulfilledOnChannel(),)),
    (order(ONE, status=SHIPPED), order(ONE), ()),
    (order(), order(note="Ring twice."), (NoteAdded(),)),
    (order(note="Ring twice."), order(), ()),
    (order(ONE), order(merged_into="M-1", status=CANCELLED), (MergedInto("M-1"),)),
    (order(merged_into="M-1"), order(merged_into="M-1"), ()),
]


@pytest.mark.parametrize(("previous", "new", "events"), CHANGES)
def test_each_change_is_one_event(previous, new, events):
    assert diff(previous, new) == events


def test_pieces_we_called_off_are_no_change_whether_they_were_taken_off_or_not():
    known = order(line(quantity=4, called_off=1))

    assert diff(known, order(line(quantity=4))) == ()
    assert diff(known, order(line(quantity=3))) == ()


def test_line_we_called_off_whole_is_no_change_when_it_is_gone():
    assert diff(order(line(called_off=4), line("2")), order(line("2"))) == ()


def test_pieces_beyond_those_we_called_off_are_a_change_with_amounts_for_all_of_them():
    known = order(line(quantity=4, called_off=1))

    quantity, totals = diff(known, order(line(quantity=2)))

    assert quantity == LineQuantityChanged("1", 4, 3)
    assert totals.after == Totals(total=Decimal(30))


def test_details_of_an_event_are_plain_values():
    event = PriceChanged("1", amounts(10, 1), amounts("9.50", 1))

    assert event.details()["after"] == {
        "unit_price": "9.50",
        "discount": "0",
        "tax": "0",
        "total": "9.50",
    }
