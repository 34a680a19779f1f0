"""Telling which variant an unknown article of an order is."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from catalog.models import Variant
from orders.models import Order, OrderHold, OrderLine
from orders.operations.allocation import hold_short_order, promise_rest
from orders.operations.contents import articles_of, store_components
from orders.operations.holds import close_holds
from orders.operations.promised import lines_of
from orders.operations.statuses import locked_order, settle_order
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User


class AlreadyLinked(BusinessError):
    """The line is of a known article."""


class UnknownArticle(BusinessError):
    """There is no such line, or no such variant."""


@transaction.atomic
def link_line(
    *,
    line_id: int,
    variant_id: int,
    at: datetime,
    pack_size: int = 1,
    by: User | None = None,
) -> OrderLine:
    """
    Say which variant a line of an unknown article is, promise it and release its hold.

    pack_size: units of the variant behind one of the line. The same link again changes nothing.
    Locks: the order, then the stock levels.

    :raises UnknownArticle: no such line or variant, or a pack of fewer than one unit.
    :raises AlreadyLinked: the line is another variant already.
    :raises WrongStatus: nothing of the order is left to be shipped.
    """
    order_id = OrderLine.objects.filter(pk=line_id).values_list("order_id", flat=True).first()
    variant = Variant.objects.filter(pk=variant_id).first()
    if order_id is None or variant is None:
        raise UnknownArticle("There is no such line or variant.", line=line_id, variant=variant_id)
    if pack_size < 1:
        raise UnknownArticle("A pack holds at least one unit.", pack_size=pack_size)
    order = locked_order(order_id)
    lines = lines_of(order)
    line = next(line for line in lines if line.pk == line_id)
    if line.variant_id is not None:
        if (line.variant_id, line.pack_size) == (variant_id, pack_size):
            return line
        raise AlreadyLinked(f"{line} is linked already.", line=line_id, variant=line.variant_id)
    if not order.is_open:
        raise WrongStatus(
            f"{order} is {order.get_lifecycle_display().lower()}: its lines stay as they are.",
            status=order.lifecycle,
        )
    _link(order, line, variant, pack_size, at=at, by=by)
    promised = promise_rest(order=order, lines=lines, at=at, by=by)
    hold_short_order(order=order, missing=promised.missing, at=at, by=by)
    settle_order(order=order, lines=lines)
    return line


def _link(
    order: Order,
    line: OrderLine,
    variant: Variant,
    pack_size: int,
    *,
    at: datetime,
    by: User | None,
) -> None:
    articles = articles_of([variant.pk])
    line.variant = variant
    line.pack_size = pack_size
    line.is_stocked = line.is_stocked and variant.pk not in articles.services
    line.is_bundle = line.is_stocked and variant.pk in articles.bundles
    line.save(update_fields=["variant", "pack_size", "is_stocked", "is_bundle"])
    store_components(lines=[line], articles=articles)
    close_holds(
        order=order,
        kinds=[OrderHold.Kind.UNKNOWN_ITEM],
        lines=[line],
        note=f"Linked to {variant.sku}.",
        at=at,
        by=by,
    )
