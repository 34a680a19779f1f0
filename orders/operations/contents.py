"""What the lines of orders are made of: an article in packs, or the components of a bundle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from catalog.models import Variant
from catalog.queries import components_of
from inventory.models import StockMovement
from inventory.operations import Source
from orders.models import Fulfillment, FulfillmentLine, LineComponent, OrderLine

# Variant id -> units in one piece of a line. Of an article that is sold as such there is one.
Contents = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Articles:
    """
    How the variants of new lines are kept: services not at all, bundles as their components.

    bundles: variant id -> component id -> units.
    """

    services: frozenset[int]
    bundles: Mapping[int, Contents]

    def contents(self, variant_id: int, pack_size: int = 1) -> Contents:
        """Return what a pack of a variant is made of today."""
        components = self.bundles.get(variant_id, {variant_id: 1})
        return {pk: units * pack_size for pk, units in components.items()}


def articles_of(variant_ids: Iterable[int]) -> Articles:
    """Look up which of these variants are services, and which are bundles."""
    without_stock = set(
        Variant.objects.filter(pk__in=set(variant_ids), is_stocked=False).values_list(
            "pk", flat=True
        )
    )
    bundles = components_of(without_stock) if without_stock else {}
    return Articles(services=frozenset(without_stock - bundles.keys()), bundles=bundles)


def store_components(*, lines: Iterable[OrderLine], articles: Articles) -> None:
    """Keep what the bundles among new lines are made of today."""
    components = [
        LineComponent(line=line, variant_id=variant_id, units=units)
        for line in lines
        if line.is_bundle and line.variant_id is not None
        for variant_id, units in articles.contents(line.variant_id, line.pack_size).items()
    ]
    if components:
        LineComponent.objects.bulk_create(components)


def contents_of(lines: Iterable[OrderLine]) -> dict[int, Contents]:
    """Line id -> what one piece of it is made of, of lines of goods that are known."""
    goods = [line for line in lines if line.is_stocked and line.variant_id is not None]
    components: dict[int, dict[int, int]] = defaultdict(dict)
    if bundles := [line.pk for line in goods if line.is_bundle]:
        rows = LineComponent.objects.filter(line_id__in=bundles).order_by("line_id", "variant_id")
        for line_id, variant_id, units in rows.values_list("line_id", "variant_id", "units"):
            components[line_id][variant_id] = units
    return {
        line.pk: components[line.pk] if line.is_bundle else {line.variant_id: line.pack_size}
        for line in goods
        if line.variant_id is not None
    }


def units_in(pieces: Iterable[tuple[Contents, int]]) -> dict[int, int]:
    """Add up variant id -> units of contents, so many pieces of each."""
    units: dict[int, int] = defaultdict(int)
    for contents, count in pieces:
        for variant_id, each in contents.items():
            units[variant_id] += each * count
    return dict(units)


def shipment(
    fulfillment: Fulfillment,
    rows: Sequence[FulfillmentLine],
    contents: Mapping[int, Contents],
) -> Source:
    """Return a fulfillment as the source of stock movements, with the lines of each variant."""
    return Source(
        kind=StockMovement.SourceKind.FULFILLMENT,
        document_id=fulfillment.pk,
        lines=ids_by_variant((row.pk, contents.get(row.line_id, {})) for row in rows),
    )


def ids_by_variant(rows: Iterable[tuple[int, Collection[int]]]) -> dict[int, list[int]]:
    """Return variant id -> ids, of (id, the variants it stands for)."""
    ids: dict[int, list[int]] = defaultdict(list)
    for pk, variant_ids in rows:
        for variant_id in variant_ids:
            ids[variant_id].append(pk)
    return dict(ids)
