"""Which order lines a line of a bill may belong to: comparison of what is printed, no database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from purchasing.matching_facts import (
    ArticleFacts,
    InvoiceLineFacts,
    OrderFacts,
    OrderLineFacts,
    OrderLineKeys,
    order_key,
    plain,
)

Keys = frozenset[int]
NONE: Keys = frozenset()


class Found(NamedTuple):
    """
    Where a line of a bill may belong.

    is_named: the document, or a person, says which order. receipt_line_ids: what the delivery
    brought that it names, which it bills before any other. other_order: the order of another
    supplier that it names, and then nothing else is looked for.
    """

    order_line_ids: Keys = NONE
    is_named: bool = False
    receipt_line_ids: Keys = NONE
    other_order: OrderFacts | None = None


class OrderNumbers:
    """Orders by what suppliers may call them: our number, or theirs."""

    def __init__(self, orders: Iterable[OrderFacts], *, supplier_id: int) -> None:
        self._own: dict[str, list[OrderFacts]] = defaultdict(list)
        self._others: dict[str, OrderFacts] = {}
        for order in sorted(orders):
            if order.supplier_id == supplier_id:
                self._own[order_key(order.number)].append(order)
                if order.supplier_reference:
                    self._own[order_key(order.supplier_reference)].append(order)
            else:
                self._others[order_key(order.number)] = order

    def named(self, text: str) -> Sequence[OrderFacts]:
        """Return the supplier's own orders of this number."""
        return self._own.get(order_key(text), ()) if text else ()

    def of_another(self, text: str) -> OrderFacts | None:
        """Return the order of another supplier that has this number, when none of theirs has."""
        if not text or order_key(text) in self._own:
            return None
        return self._others.get(order_key(text))


class LineFinder:
    """
    Finds the order lines of printed lines among those given.

    What a person assigned goes before all. Then the order that is named, and in it the position,
    unless another article than the line's stands there, or the article. Without such an order
    every open line of the article. The article is found by the supplier's SKU or ours, else by
    GTIN, else by what they call our SKU. A delivery that is named leaves of these what it brought.
    """

    def __init__(
        self,
        *,
        numbers: OrderNumbers,
        order_lines: Iterable[OrderLineFacts | OrderLineKeys],
        articles: Mapping[int, ArticleFacts],
        brought: Mapping[str, Mapping[int, Keys]],
        open_ids: Collection[int],
    ) -> None:
        """brought: delivery note, in plain letters -> order line id -> its receipt lines."""
        self._numbers = numbers
        self._brought = brought
        self._open_ids = open_ids
        self._at: dict[tuple[int, int], int] = {}
        self._of_order = _Codes()
        # Looked at only by lines that name no order.
        self._of_supplier: _Codes | None = None
        self._lines = order_lines if isinstance(order_lines, Sequence) else tuple(order_lines)
        self._articles = articles
        self._ids: set[int] = set()
        for line in self._lines:
            self._ids.add(line.id)
            self._at[line.order_id, line.position] = line.id
            self._of_order.add(line, articles[line.variant_id], scope=line.order_id)

    def find(self, line: InvoiceLineFacts) -> Found:
        if line.assigned_line_id is not None:
            assigned = frozenset({line.assigned_line_id}) & self._ids
            return self._narrowed(line, assigned, is_named=True)
        if named := self._in_named_order(line):
            return self._narrowed(line, named, is_named=True)
        if other := self._numbers.of_another(line.order_number):
            return Found(other_order=other)
        alike = self._of_any_order(line)
        return self._narrowed(
            line, frozenset(pk for pk in alike if pk in self._open_ids), is_named=False
        )

    def _in_named_order(self, line: InvoiceLineFacts) -> Keys:
        orders = self._numbers.named(line.order_number)
        if not orders:
            return NONE
        alike = {pk for order in orders for pk in self._of_order.of(line, scope=order.id)}
        position = line.order_position.strip()
        if position.isdecimal():
            at = {self._at.get((order.id, int(position))) for order in orders} - {None}
            if at & alike or not alike:
                return frozenset(pk for pk in at if pk is not None)
        return frozenset(alike)

    def _of_any_order(self, line: InvoiceLineFacts) -> Sequence[int]:
        if not self._open_ids:
            return ()
        if self._of_supplier is None:
            self._of_supplier = _Codes()
            for ordered in self._lines:
                if ordered.id in self._open_ids:
                    self._of_supplier.add(ordered, self._articles[ordered.variant_id], scope=0)
        return self._of_supplier.of(line, scope=0)

    def _narrowed(self, line: InvoiceLineFacts, order_line_ids: Keys, *, is_named: bool) -> Found:
        came = self._brought.get(plain(line.delivery_note), {}) if line.delivery_note else {}
        brought = frozenset(pk for pk in order_line_ids if pk in came)
        if not brought:
            return Found(order_line_ids, is_named)
        receipt_line_ids = frozenset().union(*(came[pk] for pk in brought))
        return Found(brought, is_named, receipt_line_ids)


class _Codes:
    """Order lines by the codes that a document may print, each within an order or another scope."""

    def __init__(self) -> None:
        self._skus: dict[tuple[int, str], list[int]] = {}
        self._gtins: dict[tuple[int, str], list[int]] = {}
        self._our_skus: dict[tuple[int, str], list[int]] = {}

    def add(
        self, line: OrderLineFacts | OrderLineKeys, article: ArticleFacts, *, scope: int
    ) -> None:
        sku, our_sku = line.supplier_sku.upper(), article.sku.upper()
        if sku and sku != our_sku:
            self._skus.setdefault((scope, sku), []).append(line.id)
        self._skus.setdefault((scope, our_sku), []).append(line.id)
        self._our_skus.setdefault((scope, our_sku), []).append(line.id)
        if article.gtin:
            self._gtins.setdefault((scope, article.gtin), []).append(line.id)

    def of(self, line: InvoiceLineFacts, *, scope: int) -> Sequence[int]:
        return (
            self._skus.get((scope, line.supplier_sku.upper()))
            or self._gtins.get((scope, line.gtin))
            or self._our_skus.get((scope, line.buyer_sku.upper()))
            or ()
        )
