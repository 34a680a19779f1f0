"""The arithmetic of splitting bills, without a database."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from purchasing.splitting import Claim, OrderedLine, ReceivedLine, Share, split_claims


def claim(claim_id, units, price="1.00", *, lines=(1,), **values):
    return Claim(
        id=claim_id,
        units=units,
        net_amount=units * Decimal(price),
        currency="GBP",
        order_line_ids=frozenset(lines),
        **values,
    )


def ordered(line_id, billable, cost="1.00"):
    return OrderedLine(id=line_id, unit_cost=Decimal(cost), billable=billable)


def test_split_fills_the_oldest_receipt_first():
    shares = split_claims(
        [claim(10, 5)],
        ordered=[ordered(1, 8)],
        received=[ReceivedLine(7, 1, 3), ReceivedLine(8, 1, 4)],
    )

    assert shares == [Share(10, 1, 7, 3), Share(10, 1, 8, 2)]


def test_split_lets_what_was_not_received_wait():
    shares = split_claims([claim(10, 5)], ordered=[ordered(1, 8)], received=[ReceivedLine(7, 1, 3)])

    assert shares == [Share(10, 1, 7, 3), Share(10, 1, None, 2)]


def test_split_takes_the_nearest_price_before_the_older_line():
    shares = split_claims(
        [claim(10, 5, "1.20", lines=(1, 2))],
        ordered=[ordered(1, 8, "1.00"), ordered(2, 4, "1.20")],
        received=[ReceivedLine(7, 1, 8), ReceivedLine(8, 2, 4)],
    )

    assert shares == [Share(10, 2, 8, 4), Share(10, 1, 7, 1)]


def test_split_leaves_what_nobody_ordered_on_the_nearest_line():
    shares = split_claims([claim(10, 9)], ordered=[ordered(1, 4)], received=[ReceivedLine(7, 1, 4)])

    assert shares == [Share(10, 1, 7, 4), Share(10, 1, None, 5)]


def test_split_keeps_what_is_payable_and_supplies_it_first():
    paid = claim(10, 6, fixed=(Share(10, 1, 7, 4), Share(10, 1, None, 2)))

    shares = split_claims(
        [claim(11, 6), paid],
        ordered=[ordered(1, 12)],
        received=[ReceivedLine(7, 1, 4), ReceivedLine(8, 1, 3)],
    )

    assert sorted(shares, key=str) == sorted(
        [
            Share(10, 1, 7, 4),
            Share(10, 1, 8, 2),
            Share(11, 1, 8, 1),
            Share(11, 1, None, 5),
        ],
        key=str,
    )


def test_split_takes_a_credit_note_off_what_waits_before_what_came():
    shares = split_claims(
        [claim(10, 5), claim(11, 3, is_credit=True)],
        ordered=[ordered(1, 5)],
        received=[ReceivedLine(7, 1, 3)],
    )

    assert shares == [
        Share(10, 1, 7, 3),
        Share(10, 1, None, 2),
        Share(11, 1, None, 2),
        Share(11, 1, 7, 1),
    ]


def test_split_credits_no_more_than_was_billed():
    shares = split_claims(
        [claim(11, 9, is_credit=True), claim(10, 5)], ordered=[ordered(1, 5)], received=[]
    )

    assert shares == [Share(10, 1, None, 5), Share(11, 1, None, 5)]


@st.composite
def situations(draw):
    """Lines of one article, their deliveries, and bills that may belong to any of them."""
    lines = [
        ordered(line_id, draw(st.integers(0, 20)), draw(st.sampled_from(["1.00", "1.10", "2.00"])))
        for line_id in range(1, draw(st.integers(1, 3)) + 1)
    ]
    receipts = [
        ReceivedLine(receipt_id, draw(st.sampled_from(lines)).id, draw(st.integers(0, 12)))
        for receipt_id in range(100, 100 + draw(st.integers(0, 4)))
    ]
    claims = [
        claim(
            claim_id,
            draw(st.integers(1, 15)),
            draw(st.sampled_from(["0.90", "1.00", "1.10", "2.00"])),
            lines=draw(st.sets(st.sampled_from([line.id for line in lines]), min_size=1)),
            is_credit=draw(st.booleans()),
        )
        for claim_id in range(1000, 1000 + draw(st.integers(1, 5)))
    ]
    return lines, receipts, claims


@given(situations())
def test_split_never_matches_a_receipt_over_and_loses_no_unit(situation):
    lines, receipts, claims = situation

    shares = split_claims(claims, ordered=lines, received=receipts)

    sign = {one.id: -1 if one.is_credit else 1 for one in claims}
    for receipt in receipts:
        of_receipt = [share for share in shares if share.receipt_line_id == receipt.id]
        assert all(share.order_line_id == receipt.order_line_id for share in of_receipt)
        matched = sum(share.units * sign[share.invoice_line_id] for share in of_receipt)
        assert 0 <= matched <= receipt.accepted
    for line in lines:
        of_line = [share for share in shares if share.order_line_id == line.id]
        assert sum(share.units * sign[share.invoice_line_id] for share in of_line) >= 0
    for one in claims:
        found = sum(share.units for share in shares if share.invoice_line_id == one.id)
        assert found <= one.units if one.is_credit else found == one.units
    keys = [(share.invoice_line_id, share.order_line_id, share.receipt_line_id) for share in shares]
    assert len(set(keys)) == len(keys)
    assert all(share.units > 0 for share in shares)


@given(situations())
def test_split_keeps_payable_shares_as_they_are(situation):
    lines, receipts, claims = situation
    before = split_claims(claims, ordered=lines, received=receipts)
    paid = [
        claim(
            one.id,
            one.units,
            lines=one.order_line_ids,
            is_credit=one.is_credit,
            fixed=tuple(share for share in before if share.invoice_line_id == one.id),
        )
        for one in claims
    ]

    after = split_claims([one for one in paid if one.fixed], ordered=lines, received=receipts)

    assert sorted(before, key=str) == sorted(after, key=str)
