"""Lines as channels tell them, made into rows with the variants they mean."""

from __future__ import annotations

from collections.abc import Sequence

from channels.connectors.base import IncomingLine
from channels.operations import ResolvedLine, resolve_variants
from orders.models import Order, OrderHold, OrderLine
from orders.operations.contents import Articles, articles_of, store_components
from orders.operations.holds import NewHold
from orders.operations.reading import Reading, new_line


def store_lines(*, order: Order, told: Sequence[IncomingLine]) -> list[OrderLine]:
    """Store lines of an order, which has none with their ids, with the variants they mean."""
    resolved = resolve_variants(channel=order.channel, lines=told)
    articles = articles_of(
        line.variant_id for line in resolved if line.variant_id and not line.is_stocked
    )
    lines = OrderLine.objects.bulk_create(
        _row(order, line, found, articles) for line, found in zip(told, resolved, strict=True)
    )
    store_components(lines=lines, articles=articles)
    return lines


def build_lines(
    *,
    orders: Sequence[Order],
    readings: Sequence[Reading],
    resolved: Sequence[ResolvedLine],
    articles: Articles,
) -> list[OrderLine]:
    """
    Make the rows of the lines of several orders, not stored yet.

    resolved: one per line, order after order. articles: their variants.
    """
    lines = [
        (order, line)
        for order, reading in zip(orders, readings, strict=True)
        for line in reading.lines
    ]
    return [
        _row(order, line, found, articles)
        for (order, line), found in zip(lines, resolved, strict=True)
    ]


def line_holds(lines: Sequence[OrderLine]) -> list[NewHold]:
    """Return the holds of the lines whose article nobody knows."""
    return [
        NewHold(
            kind=OrderHold.Kind.UNKNOWN_ITEM,
            reason=f"{line.raw_sku or line.raw_gtin or line.name or 'An article without a code'}"
            " is unknown.",
            line=line,
        )
        for line in lines
        if line.is_stocked and line.variant_id is None
    ]


def _row(order: Order, line: IncomingLine, found: ResolvedLine, articles: Articles) -> OrderLine:
    return new_line(
        order=order,
        line=line,
        variant_id=found.variant_id,
        pack_size=found.pack_size,
        is_stocked=line.is_stocked and found.variant_id not in articles.services,
        is_bundle=line.is_stocked and found.variant_id in articles.bundles,
    )
