"""Ordering goods from a supplier for a customer who waits for them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.db.models import F, Sum

from inventory.models import Location
from orders.models import Order, OrderEvent, OrderLine
from orders.operations import Wanting, note_ordered, what_is_wanted
from purchasing.models import OrderedFor, PurchaseOrder, PurchaseOrderLine, Supplier
from purchasing.operations.drafting import NewLine, create_purchase_order, order_lines
from purchasing.queries import OPEN_ORDERS
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User


class CannotBeOrderedFor(BusinessError):
    """The line of the customer's order does not want that, or not of this article."""


class NotFreeOnOrder(BusinessError):
    """The purchase line has not so many units that are not somebody's already."""


class GoodsAlreadyServed(BusinessError):
    """Units of the purchase line were promised to the customer, so the link stays."""


@transaction.atomic
def order_for_customer(
    *,
    order_line_id: int,
    supplier: Supplier,
    location: Location,
    units: int,
    key: str,
    at: datetime,
    by: User | None,
) -> OrderedFor:
    """
    Order an article for a customer who waits for it, on a draft for that supplier and place.

    The newest such draft takes it, on the line of the article where there is one, else a new draft.
    units: in base units, whole pieces of the customer's line. key: of this act; a second call with
    it returns the first link and changes nothing.
    Locks: the purchase order, its lines, then the customer's order.

    :raises CannotBeOrderedFor: more than the line waits for, a bundle, or not served from there.
    :raises NoSupplierPrice, InactiveSupplier: the supplier does not offer it.
    :raises WrongStatus, AwaitsPayment: nothing is ordered for such an order.
    """
    order_line = OrderLine.objects.select_related("order").get(pk=order_line_id)
    if earlier := _ordered_before(order_line, key):
        return earlier
    if order_line.variant_id is None or units < 1:
        raise CannotBeOrderedFor("Say which article, and how many units.", line=order_line.pk)
    line = _line_of_draft(
        supplier, location, NewLine(order_line.variant_id, units), key=key, at=at, by=by
    )
    wanting = what_is_wanted(order_id=order_line.order_id)
    if earlier := _ordered_before(order_line, key):
        return earlier
    require_waiting(wanting, {order_line.pk: units})
    require_serving(location, wanting.order)
    line.save()
    return _tie(line, wanting, order_line.pk, units, key=key, at=at, by=by)


@transaction.atomic
def tie_to_line(
    *,
    purchase_line_id: int,
    order_line_id: int,
    units: int,
    key: str,
    at: datetime,
    by: User | None,
) -> OrderedFor:
    """
    Keep units that are on order already for a customer who waits for them.

    Until the purchase order ends; nothing about it changes for the supplier.
    key: of this act; a second call with it returns the first link and changes nothing.
    Locks: the purchase order, its lines, then the customer's order.

    :raises CannotBeOrderedFor: another article, more than the line waits for, or a bundle.
    :raises NotFreeOnOrder: the rest of the purchase line is for other customers.
    :raises WrongStatus, AwaitsPayment: nothing is ordered for such an order.
    """
    line = _locked_line(purchase_line_id)
    order_line = OrderLine.objects.select_related("order").get(pk=order_line_id)
    wanting = what_is_wanted(order_id=order_line.order_id)
    if earlier := _ordered_before(order_line, key):
        return earlier
    if order_line.variant_id != line.variant_id:
        raise CannotBeOrderedFor(f"{wanting.order} wants another article.", line=order_line.pk)
    require_waiting(wanting, {order_line.pk: units})
    require_serving(line.order.location, wanting.order)
    taken = sum(link.units - link.served for link in line.ordered_for.all())
    if units > line.expected - taken:
        raise NotFreeOnOrder(
            f"{max(line.expected - taken, 0):,} units of {line.order} are still to come and not for"
            " another customer.",
            line=line.pk,
        )
    return _tie(line, wanting, order_line.pk, units, key=key, at=at, by=by)


@transaction.atomic
def untie(*, link_id: int) -> None:
    """
    Let units that are on order come for whoever waits, and not for one customer.

    What is ordered stays as it is. A link that is gone already changes nothing.
    Locks: the purchase order, its lines.

    :raises WrongStatus: the supplier sends them to the customer: cancel that order instead.
    :raises GoodsAlreadyServed: some came and are promised to the customer.
    """
    link = OrderedFor.objects.filter(pk=link_id).first()
    if link is None:
        return
    line = _locked_line(link.purchase_line_id)
    link = OrderedFor.objects.filter(pk=link_id).first()
    if link is None:
        return
    if link.served:
        msg = f"{link.served:,} units came already and are promised to the customer."
        raise GoodsAlreadyServed(msg, order=line.order.number)
    link.delete()


def require_waiting(wanting: Wanting, units: dict[int, int]) -> None:
    """
    Pass when lines of a locked order wait for these units (line id -> units) in whole pieces.

    What is on order for them already counts as served.
    """
    by_id = {line.pk: line for line in wanting.lines}
    on_order = units_on_order(order_line_ids=list(units))
    for line_id, count in units.items():
        line = by_id[line_id]
        left = wanting.pieces.get(line_id, 0) * line.pack_size - on_order.get(line_id, 0)
        if line.is_bundle:
            problem = "is a bundle: order its components for stock, it is served as they come"
        elif not line.is_stocked or line.variant_id is None:
            problem = "is no article that is kept in stock"
        elif count < 1 or count % line.pack_size:
            problem = f"is sold in packs of {line.pack_size}: order whole ones"
        elif count > left:
            problem = f"waits for {max(left, 0):,} units more, not for {count:,}"
        else:
            continue
        raise CannotBeOrderedFor(f"{line} {problem}.", line=line_id)


def require_serving(location: Location, order: Order) -> None:
    """Pass when goods that come to a place can serve an order from there."""
    if order.delivery == Order.Delivery.PICKUP:
        if location.pk != order.pickup_location_id:
            raise CannotBeOrderedFor(
                f"{order} is collected at {order.pickup_location}: the goods have to come there."
            )
    elif not location.is_shipping:
        raise CannotBeOrderedFor(f"{location} does not send orders.")


def units_on_order(*, order_line_ids: Collection[int]) -> dict[int, int]:
    """Return customer's line id -> units that are still to come for it, the supplier's apart."""
    links = OrderedFor.objects.filter(
        order_line_id__in=list(order_line_ids),
        purchase_line__order__status__in=OPEN_ORDERS,
        purchase_line__order__drop_ship_order__isnull=True,
    )
    rows = links.values_list("order_line_id").annotate(units=Sum(F("units") - F("served")))
    return dict(rows.order_by("order_line_id"))


def _ordered_before(order_line: OrderLine, key: str) -> OrderedFor | None:
    """Return what an act with this key has tied to a line, if it was done before."""
    done = OrderEvent.objects.filter(
        order_id=order_line.order_id, kind=OrderEvent.Kind.FROM_SUPPLIER, details__key=key
    ).first()
    if done is None:
        return None
    links = OrderedFor.objects.filter(
        order_line=order_line, purchase_line__order__number=done.details["on"]
    )
    return links.order_by("pk").last()


def _line_of_draft(
    supplier: Supplier,
    location: Location,
    new: NewLine,
    *,
    key: str,
    at: datetime,
    by: User | None,
) -> PurchaseOrderLine:
    """Return the line of a locked draft with the units added; to be stored by the caller."""
    drafts = PurchaseOrder.objects.filter(
        supplier=supplier,
        location=location,
        status=PurchaseOrder.Status.DRAFT,
        drop_ship_order__isnull=True,
    )
    newest = drafts.order_by("-pk").values_list("pk", flat=True).first()
    draft = PurchaseOrder.objects.for_update().filter(pk=newest).first() if newest else None
    if draft is None or draft.status != PurchaseOrder.Status.DRAFT:
        order = create_purchase_order(
            supplier=supplier, location=location, lines=[new], reference=key, at=at, by=by
        )
        return PurchaseOrderLine.objects.for_update().get(order=order)
    lines = list(draft.lines.for_update())
    for line in lines:
        if line.variant_id == new.variant_id:
            line.ordered += new.units
            return line
    last = max((line.position for line in lines), default=0)
    (line,) = order_lines(order=draft, lines=[new], on=at.date(), first_position=last + 1)
    return line


def _locked_line(purchase_line_id: int) -> PurchaseOrderLine:
    line = PurchaseOrderLine.objects.get(pk=purchase_line_id)
    order = PurchaseOrder.objects.for_update().select_related("location").get(pk=line.order_id)
    if order.drop_ship_order_id is not None or order.status not in OPEN_ORDERS:
        what = "sent to a customer" if order.drop_ship_order_id else order.get_status_display()
        raise WrongStatus(f"{order} is {what.lower()}.", status=order.status)
    line = order.lines.for_update().get(pk=purchase_line_id)
    line.order = order
    return line


def _tie(
    line: PurchaseOrderLine,
    wanting: Wanting,
    order_line_id: int,
    units: int,
    *,
    key: str,
    at: datetime,
    by: User | None,
) -> OrderedFor:
    """Tie units of a locked purchase line to a line of a locked order, more to what is tied."""
    link = OrderedFor.objects.filter(purchase_line=line, order_line_id=order_line_id).first()
    if link is None:
        link = OrderedFor(
            purchase_line=line, order_line_id=order_line_id, units=0, linked_at=at, linked_by=by
        )
    link.units += units
    link.save()
    note_ordered(
        order=wanting.order,
        line=next(each for each in wanting.lines if each.pk == order_line_id),
        units=units,
        number=line.order.number,
        key=key,
        at=at,
        by=by,
    )
    return link
