"""Changing sent orders in tests."""

from uuid import uuid4

from purchasing import operations
from purchasing.operations import LineChange, OrderChange
from tests.factories.common import NOON, UserFactory


def amend(order, *, key=None, by=None, reason="They rang", **change):
    """Propose a change of an order; what `OrderChange` takes."""
    return operations.amend(
        order_id=order.pk,
        change=OrderChange(**change),
        reason=reason,
        key=key or uuid4().hex,
        at=NOON,
        by=by or UserFactory(),
    )


def units(order, **by_position):
    """Return line changes: `units(order, l1=12)` orders 12 units on the first line."""
    lines = {line.position: line.pk for line in order.lines.all()}
    return [
        LineChange(lines[int(name.removeprefix("l"))], units=count)
        for name, count in by_position.items()
    ]


def receive(order, *accepted, key="delivery"):
    return operations.receive_goods(
        order_id=order.pk,
        lines=[
            operations.ReceivedLine(order_line_id=line.pk, accepted=count)
            for line, count in zip(order.lines.order_by("position"), accepted, strict=True)
        ],
        delivery_note="",
        key=key,
        at=NOON,
        by=None,
    )
