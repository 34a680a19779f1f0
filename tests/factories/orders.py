"""Orders as channels tell them, and the rows that the operations make of them."""

from datetime import timedelta
from decimal import Decimal
from itertools import count

import factory
from factory.django import DjangoModelFactory

from channels.connectors.base import (
    IncomingAddress,
    IncomingBuyer,
    IncomingLine,
    IncomingOrder,
    IncomingStatus,
)
from orders.models import (
    LineAllocation,
    LineComponent,
    Order,
    OrderEvent,
    OrderHold,
    OrderLine,
)
from orders.operations import ReturnedLine, hold_order, ingest_order, ship, take_back
from tests.factories.catalog import VariantFactory, bundle
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock

_numbers = count(1)

BUYER = IncomingBuyer(account="4711", email="ada@example.com", name="Ada Lovelace")
ADDRESS = IncomingAddress(
    name="Ada Lovelace", street="12 St James's Square", postcode="SW1Y 4JH", city="London",
    country="GB",
)  # fmt: skip


class OrderFactory(DjangoModelFactory):
    """The bare row; `open_order` makes one as the operations would."""

    class Meta:
        model = Order

    channel = factory.SubFactory(ChannelFactory)
    external_id = factory.Sequence(lambda n: f"row-{n}")
    currency = "GBP"
    placed_at = NOON
    created_at = NOON


class OrderLineFactory(DjangoModelFactory):
    class Meta:
        model = OrderLine

    order = factory.SubFactory(OrderFactory)
    external_line_id = factory.Sequence(str)
    variant = factory.SubFactory(VariantFactory)
    ordered = 2


def incoming_line(
    *, sku="", quantity=1, unit_price="10.00", external_line_id="1", **values
) -> IncomingLine:
    price = Decimal(unit_price)
    return IncomingLine(
        external_line_id=external_line_id,
        quantity=quantity,
        unit_price=price,
        total=values.pop("total", price * quantity),
        sku=sku,
        name=values.pop("name", f"Article {sku}"),
        **values,
    )


def incoming_order(*lines: IncomingLine, **values) -> IncomingOrder:
    """Make an order whose total adds up, of Ada Lovelace in London; lines get ids 1, 2, 3."""
    external_id = values.pop("external_id", None) or f"order-{next(_numbers)}"
    told = {
        "external_number": external_id,
        "status": IncomingStatus.OPEN,
        "currency": "GBP",
        "total": sum((line.total for line in lines), Decimal(0)),
        "placed_at": NOON - timedelta(hours=1),
        "updated_at": NOON,
        "buyer": BUYER,
        "delivery_address": ADDRESS,
        "is_paid": True,
        **values,
    }
    return IncomingOrder(external_id=external_id, lines=lines, **told)


def open_order(*, units=10, quantity=2, level=None, channel=None, **values) -> Order:
    """Take in an order of one line of an article with this many units in one warehouse."""
    level = level or stock(units=units, reference=f"GR-{next(_numbers)}")
    line = incoming_line(sku=level.variant.sku, quantity=quantity)
    incoming = incoming_order(line, **values)
    return ingest_order(channel=channel or ChannelFactory(), incoming=incoming, at=NOON).order


def bundle_order(*, quantity=1, channel=None, components=None, **values) -> Order:
    """Take in an order of a bundle, by default of two pens and an ink with stock of both."""
    if components is None:
        place = LocationFactory()
        pen, ink = (
            stock(units=10, location=place, reference=f"GR-{next(_numbers)}") for _ in range(2)
        )
        components = {pen.variant: 2, ink.variant: 1}
    incoming = incoming_order(
        incoming_line(sku=bundle(components).sku, quantity=quantity), **values
    )
    return ingest_order(channel=channel or ChannelFactory(), incoming=incoming, at=NOON).order


def shipped_order(**values) -> Order:
    order = open_order(**values)
    ship(order_id=order.pk, key="parcel", carrier="DPD", tracking_number="TN-1", at=NOON)
    order.refresh_from_db()
    return order


def held_order(**values) -> Order:
    order = open_order(**values)
    hold_order(order_id=order.pk, reason="The buyer asked us to wait.", at=NOON)
    order.refresh_from_db()
    return order


def returned_order(**values) -> Order:
    order = shipped_order(**values)
    take_back(
        order_id=order.pk,
        location=LocationFactory(),
        lines=[ReturnedLine(order_line_id=order.lines.get().pk, quantity=1)],
        key=f"return-{next(_numbers)}",
        at=NOON,
    )
    order.refresh_from_db()
    return order


MAKERS = {
    Order: open_order,
    OrderLine: lambda: OrderLine.objects.get(order=open_order()),
    OrderEvent: lambda: OrderEvent.objects.get(order=open_order(), kind="ALLOCATED"),
    OrderHold: lambda: OrderHold.objects.get(order=held_order()),
    LineAllocation: lambda: LineAllocation.objects.get(line__order=open_order()),
    LineComponent: lambda: LineComponent.objects.filter(line__order=bundle_order()).first(),
}
