"""Complaints: written down, decided, made good."""

from decimal import Decimal

import pytest

from inventory.operations import InsufficientStock
from orders.models import Claim, Refund
from orders.operations import (
    InvalidClaim,
    NothingMadeGood,
    Redress,
    UnknownClaim,
    UnknownLine,
    approve_claim,
    deny_claim,
    open_claim,
    resolve_claim,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import open_order, shipped_order
from tests.factories.orders_returns import received_return
from tests.orders.books import books
from tests.orders.test_exchanges import paid_order
from tests.orders.test_returns import refused

pytestmark = pytest.mark.django_db


def complain(order=None, **values):
    order = order or paid_order()
    return open_claim(
        **{
            "order_id": order.pk,
            "kind": "DEFECTIVE",
            "told": "The lid does not close.",
            "line_id": order.lines.get().pk,
            "key": "call",
            "at": NOON,
            **values,
        }
    )


def approved_claim(order=None):
    return approve_claim(claim_id=complain(order).pk, at=NOON)


def test_claim_is_written_down_once():
    order, person = paid_order(), UserFactory()

    claim = complain(order, quantity=2, by=person)

    before = books()
    assert (claim.status, claim.line, claim.quantity, claim.opened_by) == (
        "OPEN",
        order.lines.get(),
        2,
        person,
    )
    assert order.events.get(kind="CLAIM").details == {"claim": claim.number, "opened": "Defective"}
    assert complain(order, quantity=2) == claim
    assert books() == before


def test_claims_that_make_no_sense_are_refused():
    order = paid_order()

    refused(InvalidClaim, complain, order=order, told="  ")
    refused(InvalidClaim, complain, order=order, quantity=4)
    refused(InvalidClaim, complain, order=order, quantity=0)
    refused(InvalidClaim, complain, order=open_order())
    refused(UnknownLine, complain, order=order, line_id=open_order().lines.get().pk)
    refused(UnknownClaim, approve_claim, claim_id=0, at=NOON)
    assert Claim.objects.count() == 0


def test_claim_is_denied_with_a_reason():
    claim, person = complain(), UserFactory()
    refused(InvalidClaim, deny_claim, claim_id=claim.pk, note="", at=NOON)

    denied = deny_claim(claim_id=claim.pk, note="Worn for a year", at=NOON, by=person)

    assert (denied.status, denied.decision_note, denied.decided_by) == (
        "DENIED",
        "Worn for a year",
        person,
    )
    refused(WrongStatus, approve_claim, claim_id=claim.pk, at=NOON)
    refused(
        WrongStatus,
        resolve_claim,
        claim_id=claim.pk,
        redress=Redress(refund=Decimal(1)),
        key="form",
        at=NOON,
    )


def test_claim_is_made_good_by_money():
    order = paid_order()
    claim = approved_claim(order)
    arguments = {"claim_id": claim.pk, "redress": Redress(refund=Decimal("5.00")), "key": "form"}

    resolved = resolve_claim(**arguments, carrier_compensation=Decimal("3.00"), at=NOON)

    refund = Refund.objects.get(order=order)
    before = books()
    assert (resolved.status, resolved.resolution, resolved.carrier_compensation) == (
        "RESOLVED",
        "REFUND",
        Decimal("3.00"),
    )
    assert (refund.amount, refund.status) == (Decimal("5.00"), "GRANTED")
    assert resolve_claim(**arguments, at=NOON) == resolved
    assert books() == before
    assert differences() == []


def test_claim_is_made_good_by_goods_at_no_price():
    desk, level = ChannelFactory(kind="MANUAL"), stock(units=10, reference="GR-C")
    order = paid_order(level=level)
    line = order.lines.get()
    claim = approved_claim(order)
    redress = Redress(replacement=((line.pk, 2),))

    resolved = resolve_claim(claim_id=claim.pk, redress=redress, key="form", at=NOON)

    level.refresh_from_db()
    again = resolved.replacement
    before = books()
    assert (resolved.resolution, again.channel, again.total) == ("REPLACEMENT", desk, 0)
    assert (again.lines.get().ordered, level.allocated) == (2, 2)
    assert again.customer == order.customer
    assert resolve_claim(claim_id=claim.pk, redress=redress, key="form", at=NOON) == resolved
    assert books() == before
    refused(WrongStatus, resolve_claim, claim_id=claim.pk, redress=redress, key="other", at=NOON)
    assert differences() == []


def test_claim_may_be_made_good_by_both_and_name_a_return():
    ChannelFactory(kind="MANUAL")
    order = paid_order(level=stock(units=10, reference="GR-C"))
    returned = received_return(order=order)
    claim = approved_claim(order)

    resolved = resolve_claim(
        claim_id=claim.pk,
        redress=Redress(refund=Decimal("1.00"), replacement=((order.lines.get().pk, 1),)),
        returned_with=returned,
        key="form",
        at=NOON,
    )

    assert (resolved.resolution, resolved.returned_with) == ("BOTH", returned)
    assert Refund.objects.get().returned_with == returned


def test_redress_that_cannot_be_is_refused():
    ChannelFactory(kind="MANUAL")
    order = paid_order()
    line, claim = order.lines.get(), approved_claim(order)
    other = received_return()
    arguments = {"claim_id": claim.pk, "key": "form", "at": NOON}

    refused(NothingMadeGood, resolve_claim, **arguments, redress=Redress())
    refused(InvalidClaim, resolve_claim, **arguments, redress=Redress(replacement=((line.pk, 4),)))
    refused(
        InvalidClaim,
        resolve_claim,
        **arguments,
        redress=Redress(refund=Decimal(1)),
        returned_with=other,
    )
    refused(
        UnknownLine,
        resolve_claim,
        **arguments,
        redress=Redress(replacement=((shipped_order().lines.get().pk, 1),)),
    )


def test_replacement_that_is_short_changes_nothing():
    ChannelFactory(kind="MANUAL")
    order = paid_order(level=stock(units=3, reference="GR-C"))
    claim = approved_claim(order)

    refused(
        InsufficientStock,
        resolve_claim,
        claim_id=claim.pk,
        redress=Redress(refund=Decimal(1), replacement=((order.lines.get().pk, 1),)),
        key="form",
        at=NOON,
    )
    assert Refund.objects.count() == 0
