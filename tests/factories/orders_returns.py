"""Goods that come back: announced, received, exchanged, and what customers complain about."""

from decimal import Decimal
from itertools import count

from inventory.models import Location
from orders.models import Claim, Exchange, Return, ReturnLine
from orders.operations import (
    NewOrderLine,
    ReceivedLine,
    ReturnedLine,
    approve_return,
    exchange,
    open_claim,
    receive_return,
    register_return,
)
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import returned_order, shipped_order

_numbers = count(1)


def announced_return(*, order=None, quantity=1, **values) -> Return:
    """Announce pieces of the one line of a shipped order."""
    order = order or shipped_order(quantity=3)
    line = ReturnedLine(order_line_id=order.lines.get().pk, quantity=quantity, **values)
    return register_return(
        order_id=order.pk, lines=[line], key=f"announced-{next(_numbers)}", at=NOON
    )


def expected_return(**values) -> Return:
    """Announce pieces of the one line of a shipped order, and approve that."""
    return approve_return(return_id=announced_return(**values).pk, at=NOON)


def received_return(*, location=None, condition="UNCHECKED", disposition="", **values) -> Return:
    """Receive all pieces of an announced return."""
    expected = expected_return(**values)
    return receive_return(
        return_id=expected.pk,
        location=location or LocationFactory(),
        lines=[
            ReceivedLine(
                return_line_id=row.pk,
                quantity=row.quantity,
                condition=condition,
                disposition=disposition,
            )
            for row in expected.lines.all()
        ],
        at=NOON,
    )


def quarantine(**values) -> Location:
    return LocationFactory(kind=Location.Kind.QUARANTINE, is_shipping=False, **values)


def exchanged_return(*, price="12.00", **values) -> Exchange:
    """Exchange a received return for one piece of another article at a price."""
    returned = received_return(**values)
    ChannelFactory(kind="MANUAL", currency=returned.currency)
    other = stock(units=5, reference=f"GR-X{next(_numbers)}")
    line = NewOrderLine(variant_id=other.variant_id, quantity=1, unit_price=Decimal(price))
    return exchange(return_id=returned.pk, lines=[line], key="form", at=NOON)


def written_claim(**values) -> Claim:
    order = shipped_order(**values)
    return open_claim(
        order_id=order.pk, kind="DEFECTIVE", told="The lid is loose.", key="call", at=NOON
    )


MAKERS = {
    Return: lambda: Return.objects.get(order=returned_order()),
    ReturnLine: lambda: ReturnLine.objects.get(parent__order=returned_order()),
    Exchange: exchanged_return,
    Claim: written_claim,
}
