"""Goods that a supplier sends to a customer of ours without our touching them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter

from django.db import transaction

from inventory.models import Location
from orders.models import Order, OrderHold, OrderLine
from orders.operations import (
    OrderOnHold,
    require_sendable,
    ship_from_supplier,
    what_is_wanted,
)
from purchasing.models import GoodsReceipt, OrderedFor, PurchaseOrder, PurchaseOrderLine, Supplier
from purchasing.operations.drafting import NewLine, create_purchase_order
from purchasing.operations.following import follow_drop_shipment
from purchasing.operations.posting import (
    Arrival,
    MoreThanOrdered,
    ReceivedLine,
    lock_orders,
    post_receipt,
)
from purchasing.operations.special_orders import CannotBeOrderedFor, require_waiting
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User


class NotADropShipment(BusinessError):
    """The supplier sends these goods to us."""


class NothingSent(BusinessError):
    """No units were named that the supplier has sent."""


@transaction.atomic
def raise_drop_shipment(
    *,
    order_id: int,
    supplier: Supplier,
    units: Mapping[int, int],
    key: str,
    at: datetime,
    by: User | None,
    unit_costs: Mapping[int, Decimal] | None = None,
    expected_on: date | None = None,
) -> PurchaseOrder:
    """
    Raise a draft by which a supplier sends goods to the customer of an order.

    From now on nothing of ours is promised to these pieces, see `OrderLine.from_supplier`.
    units: line id of the order -> base units, whole pieces. unit_costs: where the supplier's price
    is not to count. key: a second call with it returns the first purchase order unchanged.
    Locks: the new purchase order, then the customer's order, then the stock levels.

    :raises CannotBeOrderedFor: more than a line waits for, a bundle, or an order that is collected.
    :raises OrderOnHold: something else than missing stock has to be decided about the order first.
    :raises NoSupplierPrice, InactiveSupplier: the supplier does not offer it.
    :raises WrongStatus, AwaitsPayment: nothing is ordered for such an order.
    """
    wanted = {line_id: count for line_id, count in units.items() if count}
    if not wanted:
        raise NothingSent("Say what the supplier is to send.")
    order_lines = OrderLine.objects.filter(order_id=order_id, pk__in=list(wanted))
    variants = dict(order_lines.order_by("pk").values_list("pk", "variant_id"))
    if unknown := sorted(wanted.keys() - {pk for pk, variant in variants.items() if variant}):
        raise CannotBeOrderedFor("The order has no such article.", lines=unknown)
    costs = unit_costs or {}
    place = place_at_suppliers()
    purchase = create_purchase_order(
        supplier=supplier,
        location=place,
        lines=[
            NewLine(variants[line_id], wanted[line_id], costs.get(line_id)) for line_id in variants
        ],
        reference=key,
        at=at,
        by=by,
        expected_on=expected_on,
    )
    if purchase.drop_ship_order_id is not None:
        return purchase
    if purchase.location_id != place.pk:
        raise NotADropShipment(f"{purchase} was raised by that act, and comes to us.")
    wanting = what_is_wanted(order_id=order_id)
    _require_sending(wanting.order)
    require_waiting(wanting, wanted)
    purchase.drop_ship_order = wanting.order
    purchase.save(update_fields=["drop_ship_order"])
    lines = list(purchase.lines.for_update())
    OrderedFor.objects.bulk_create(
        OrderedFor(
            purchase_line=line,
            order_line_id=line_id,
            units=wanted[line_id],
            linked_at=at,
            linked_by=by,
        )
        for line, line_id in zip(sorted(lines, key=attrgetter("position")), variants, strict=True)
    )
    follow_drop_shipment(order=purchase, at=at, by=by)
    return purchase


@transaction.atomic
def confirm_drop_shipment(
    *,
    order_id: int,
    units: Mapping[int, int],
    carrier: str,
    tracking_number: str,
    key: str,
    at: datetime,
    by: User | None,
) -> GoodsReceipt:
    """
    Book that a supplier has sent goods to the customer, in part or all of it.

    They come into stock at the place "at suppliers" at the cost of the purchase order and leave it
    for the customer in the same moment; the customer's order is shipped with the parcel's number,
    which its channel is told.

    units: purchase line id -> base units, whole pieces. key: a second call with it returns the
    first receipt and changes nothing.
    Locks: the purchase order, its lines, the customer's order, then cost pools and stock levels.

    :raises NotADropShipment: the goods come to us: receive them.
    :raises WrongStatus: the purchase order was not sent, or has ended.
    :raises MoreThanOrdered: more than is still to come.
    :raises NoLongerWanted: the customer has cancelled it.
    :raises NothingSent, CannotBeOrderedFor: no units, or no whole pieces.
    """
    locked = lock_orders([order_id])
    purchase = locked.orders[order_id]
    if earlier := GoodsReceipt.objects.filter(key=key).first():
        return earlier
    if purchase.drop_ship_order_id is None:
        raise NotADropShipment(f"{purchase} comes to us: receive it instead.")
    if purchase.status != PurchaseOrder.Status.SENT:
        msg = f"{purchase} is {purchase.get_status_display().lower()}: nothing was to be sent."
        raise WrongStatus(msg, status=purchase.status)
    sent = {line_id: count for line_id, count in units.items() if count}
    _require_expected(purchase, locked.lines, sent)
    links = _links_of(sent)
    pieces = _pieces(links, sent)
    require_sendable(order_id=purchase.drop_ship_order_id, pieces=pieces)
    receipt = post_receipt(
        locked,
        [ReceivedLine(order_line_id=pk, accepted=count) for pk, count in sent.items()],
        Arrival(
            supplier=purchase.supplier,
            location=purchase.location,
            delivery_note=tracking_number,
            key=key,
            at=at,
            by=by,
        ),
    )
    ship_from_supplier(
        order_id=purchase.drop_ship_order_id,
        pieces=pieces,
        location=purchase.location,
        key=f"{purchase.number} {receipt.number}",
        carrier=carrier,
        tracking_number=tracking_number,
        at=at,
        by=by,
    )
    for link in links:
        link.served += sent[link.purchase_line_id]
    OrderedFor.objects.bulk_update(links, ["served"])
    return receipt


def place_at_suppliers() -> Location:
    """Return the one place where goods stand in the moment in which a supplier sends them."""
    place = Location.objects.filter(kind=Location.Kind.SUPPLIER).order_by("pk").first()
    if place is not None:
        return place
    place, _ = Location.objects.get_or_create(
        code="at-suppliers",
        defaults={
            "name": "At suppliers",
            "kind": Location.Kind.SUPPLIER,
            "is_shipping": False,
            "is_pickup": False,
        },
    )
    return place


def _require_sending(order: Order) -> None:
    """Pass when goods may be sent to the customer of a locked order as it is."""
    if order.delivery == Order.Delivery.PICKUP:
        raise CannotBeOrderedFor(f"{order} is collected: nothing is sent to its customer.")
    if order.delivery_address_id is None:
        raise CannotBeOrderedFor(f"{order} has no address to send anything to.")
    holds = list(order.holds.open().exclude(kind=OrderHold.Kind.STOCK).order_by("pk"))
    if holds:
        reasons = "; ".join(str(hold) for hold in holds)
        raise OrderOnHold(
            f"{order} is on hold. {reasons}", holds=sorted({hold.kind for hold in holds})
        )


def _require_expected(
    purchase: PurchaseOrder, lines: Mapping[int, PurchaseOrderLine], sent: Mapping[int, int]
) -> None:
    if not sent:
        raise NothingSent("Enter what the supplier has sent: every line is empty.")
    for line_id, count in sent.items():
        if line_id not in lines or count < 0:
            raise NothingSent(f"{purchase} has no such line.", line=line_id)
    excess = {pk: n - lines[pk].expected for pk, n in sent.items() if n > lines[pk].expected}
    if excess:
        named = ", ".join(f"{lines[pk].variant} by {units}" for pk, units in excess.items())
        raise MoreThanOrdered(f"More than {purchase} still expects: {named}.", excess=excess)


def _pieces(links: Iterable[OrderedFor], sent: Mapping[int, int]) -> dict[int, int]:
    """Return line id of the customer's order -> whole pieces that were sent."""
    pieces: dict[int, int] = defaultdict(int)
    for link in links:
        line, count = link.order_line, sent[link.purchase_line_id]
        if count % line.pack_size:
            raise CannotBeOrderedFor(
                f"{line} is sold in packs of {line.pack_size}: enter whole ones.", line=line.pk
            )
        pieces[line.pk] += count // line.pack_size
    return dict(pieces)


def _links_of(purchase_line_ids: Collection[int]) -> list[OrderedFor]:
    """Return what ties lines of a drop shipment, each of them to one of the customer's lines."""
    links = OrderedFor.objects.filter(purchase_line_id__in=list(purchase_line_ids))
    return list(links.select_related("order_line").order_by("pk"))
