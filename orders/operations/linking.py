"""Telling what an unknown article is: once, for every order that waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from catalog.models import Variant
from channels.models import Channel
from channels.operations import find_article, remember_article
from inventory.operations import PeriodClosed
from orders.models import Order, OrderHold, OrderLine, StoreReceipt
from orders.operations.allocation import hold_short_order, promise_rest
from orders.operations.contents import articles_of, store_components
from orders.operations.holds import close_holds, open_holds
from orders.operations.ingest import sold_without_stock
from orders.operations.payment_rules import may_be_promised, rule_for
from orders.operations.promised import lines_of
from orders.operations.shipping import sell_at_once
from orders.operations.statuses import locked_order, settle_order
from orders.queries import UnknownCode, unknown_articles, unknown_lines
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User


class AlreadyLinked(BusinessError):
    """The line is of a known article."""


class UnknownArticle(BusinessError):
    """There is no such line, or no such variant."""


@dataclass(frozen=True, slots=True)
class Linked:
    """
    What linking an article came to.

    orders: with lines of it. released: those of them that nothing holds any more.
    """

    lines: int = 0
    orders: int = 0
    released: int = 0


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
    Other orders with the article go on waiting, see `link_article`.
    Locks: the order, then the stock levels.

    :raises UnknownArticle: no such line or variant, or a pack of fewer than one unit.
    :raises AlreadyLinked: the line is another variant already.
    :raises WrongStatus: nothing of the order is left to be shipped.
    """
    order_id = OrderLine.objects.filter(pk=line_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise UnknownArticle("There is no such line.", line=line_id)
    variant = _variant(variant_id, pack_size)
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
    _go_on(order, lines, at=at, by=by)
    return line


def link_article(
    *,
    channel: Channel,
    variant_id: int,
    at: datetime,
    sku: str = "",
    gtin: str = "",
    pack_size: int = 1,
    by: User | None = None,
) -> Linked:
    """
    Say which variant an article of a channel is, for every order that waits for it and from now on.

    The channel's listings of it are linked, or one is written, so that the next order finds it.
    Then the orders are served, those placed first before the others. Each order is a transaction
    of its own, so call it outside of any other. The same again finds nothing left to do.

    sku: as the channel writes it, whatever the case; without one the gtin tells the article.

    :raises UnknownArticle: no such variant, neither sku nor gtin, or a pack of less than one unit.
    """
    variant = remember_link(
        channel=channel, variant_id=variant_id, sku=sku, gtin=gtin, pack_size=pack_size
    )
    return release_waiting(
        channel=channel, variant=variant, sku=sku, gtin=gtin, pack_size=pack_size, at=at, by=by
    )


@transaction.atomic
def remember_link(
    *, channel: Channel, variant_id: int, sku: str, gtin: str, pack_size: int
) -> Variant:
    """
    Write down which variant an article of a channel is, see `link_article`; no order is touched.

    Locks: listings, by primary key.
    """
    variant = _variant(variant_id, pack_size)
    if not sku.strip() and not gtin.strip():
        raise UnknownArticle("An article without a code is linked line by line.")
    remember_article(
        channel=channel, sku=sku, gtin=gtin, variant_id=variant.pk, pack_size=pack_size
    )
    return variant


def release_waiting(
    *,
    channel: Channel,
    variant: Variant,
    sku: str,
    gtin: str,
    at: datetime,
    pack_size: int = 1,
    by: User | None = None,
) -> Linked:
    """Link every waiting line of an article, see `link_article`; call it outside of others."""

    def link(order: Order, line: OrderLine) -> None:
        _link(order, line, variant, pack_size, at=at, by=by)

    return _in_each_order(channel, UnknownCode(sku=sku, gtin=gtin), link, at=at, by=by)


def mark_non_stock(
    *, channel: Channel, at: datetime, sku: str = "", gtin: str = "", by: User | None = None
) -> Linked:
    """
    Say that an article of a channel needs no stock, a gift wrap or a tip: its lines go along.

    For every order that waits for it, each in a transaction of its own, so call it outside of any
    other. The next order with it asks again; a service article with its code answers for good.

    :raises UnknownArticle: neither sku nor gtin.
    """
    if not sku.strip() and not gtin.strip():
        raise UnknownArticle("An article without a code is decided line by line.")

    def mark(order: Order, line: OrderLine) -> None:
        _need_no_stock(order, line, at=at, by=by)

    return _in_each_order(channel, UnknownCode(sku=sku, gtin=gtin), mark, at=at, by=by)


@transaction.atomic
def mark_line_non_stock(*, line_id: int, at: datetime, by: User | None = None) -> OrderLine:
    """
    Say that one line of an unknown article needs no stock; a second call changes nothing.

    Locks: the order, then the stock levels.

    :raises UnknownArticle: no such line.
    :raises AlreadyLinked: its article is known.
    :raises WrongStatus: nothing of the order is left to be shipped.
    """
    order_id = OrderLine.objects.filter(pk=line_id).values_list("order_id", flat=True).first()
    if order_id is None:
        raise UnknownArticle("There is no such line.", line=line_id)
    order = locked_order(order_id)
    lines = lines_of(order)
    line = next(line for line in lines if line.pk == line_id)
    if not line.is_stocked:
        return line
    if line.variant_id is not None:
        raise AlreadyLinked(f"{line} is linked already.", line=line_id, variant=line.variant_id)
    if not order.is_open:
        raise WrongStatus(
            f"{order} is {order.get_lifecycle_display().lower()}: its lines stay as they are.",
            status=order.lifecycle,
        )
    _need_no_stock(order, line, at=at, by=by)
    _go_on(order, lines, at=at, by=by)
    return line


def link_waiting(*, at: datetime, limit: int) -> Linked:
    """
    Link waiting lines whose article has become known since: a listing was linked, an SKU written.

    limit: so many articles at most, those that wait longest first. Call it outside of any other
    transaction, see `link_article`.
    """
    linked = Linked()
    for article in unknown_articles()[:limit]:
        channel = Channel.objects.get(pk=article["channel_id"])
        codes = {"sku": article["sku"], "gtin": article["gtin"]}
        found = find_article(channel=channel, **codes)
        if found.variant_id is None:
            continue
        more = release_waiting(
            channel=channel,
            variant=Variant.objects.get(pk=found.variant_id),
            **codes,
            pack_size=found.pack_size,
            at=at,
        )
        linked = _sum(linked, more)
    return linked


def _in_each_order(
    channel: Channel,
    code: UnknownCode,
    act: Callable[[Order, OrderLine], None],
    *,
    at: datetime,
    by: User | None,
) -> Linked:
    """Do something to every waiting line of an article, order by order, the oldest first."""
    waiting = unknown_lines(channel=channel, code=code).values_list("order_id", flat=True)
    turn = Order.objects.filter(pk__in=waiting).order_by("placed_at", "pk")
    linked = Linked()
    for order_id in list(turn.values_list("pk", flat=True)):
        linked = _sum(linked, _in_one_order(order_id, code, act, at=at, by=by))
    return linked


@transaction.atomic
def _in_one_order(
    order_id: int,
    code: UnknownCode,
    act: Callable[[Order, OrderLine], None],
    *,
    at: datetime,
    by: User | None,
) -> Linked:
    order = locked_order(order_id)
    lines = lines_of(order)
    of_article = set(
        unknown_lines(channel=order.channel, code=code)
        .filter(order=order)
        .values_list("pk", flat=True)
    )
    found = [line for line in lines if line.pk in of_article]
    if not found:
        return Linked()
    for line in found:
        act(order, line)
    _go_on(order, lines, at=at, by=by)
    is_released = not order.holds.open().exists()
    return Linked(lines=len(found), orders=1, released=int(is_released))


def _sum(one: Linked, other: Linked) -> Linked:
    return Linked(
        lines=one.lines + other.lines,
        orders=one.orders + other.orders,
        released=one.released + other.released,
    )


def _variant(variant_id: int, pack_size: int) -> Variant:
    variant = Variant.objects.filter(pk=variant_id).first()
    if variant is None:
        raise UnknownArticle("There is no such variant.", variant=variant_id)
    if pack_size < 1:
        raise UnknownArticle("A pack holds at least one unit.", pack_size=pack_size)
    return variant


def _go_on(order: Order, lines: list[OrderLine], *, at: datetime, by: User | None) -> None:
    """Promise what a locked order wants, now that more of it is known, and settle it."""
    if order.channel.kind == Channel.Kind.POS:
        _sell_rest(order, lines, at)
    elif may_be_promised(order, rule_for(order)):
        promised = promise_rest(order=order, lines=lines, at=at, by=by)
        hold_short_order(order=order, missing=promised.missing, at=at, by=by)
    settle_order(order=order, lines=lines)


def _sell_rest(order: Order, lines: list[OrderLine], at: datetime) -> None:
    """Book what a till has sold of articles nobody knew: the goods are gone since then."""
    if not any(line.is_stocked and line.variant_id and line.open_quantity for line in lines):
        return
    receipt = StoreReceipt.objects.filter(order=order).select_related("location").first()
    place = receipt.location if receipt else order.location
    try:
        sold_at = min(order.placed_at, at)
        sale = sell_at_once(order=order, lines=lines, location=place, sold_at=sold_at)
    except PeriodClosed:
        sale = sell_at_once(order=order, lines=lines, location=place, sold_at=at)
    if sale is None:
        open_holds(order=order, holds=[sold_without_stock()], at=at)


def _need_no_stock(order: Order, line: OrderLine, *, at: datetime, by: User | None) -> None:
    line.is_stocked = False
    line.save(update_fields=["is_stocked"])
    kinds = [OrderHold.Kind.UNKNOWN_ITEM]
    close_holds(order=order, kinds=kinds, lines=[line], note="Needs no stock.", at=at, by=by)


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
