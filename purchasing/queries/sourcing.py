"""Where articles are bought, by which rule, and on which terms."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Q

from inventory.models import Location
from purchasing.models import ReplenishmentRule, SupplierPrice, SupplierProduct
from purchasing.replenishment import Terms, Tier


@dataclass(frozen=True, slots=True)
class SupplierArticle:
    """An article of an active supplier that is linked to one of ours, with today's prices."""

    product_id: int
    variant_id: int
    supplier_id: int
    supplier: str
    supplier_sku: str
    rank: int
    terms: Terms
    available_units: int | None
    available_said_at: datetime | None
    back_in_stock_on: date | None


@dataclass(frozen=True)
class Rules:
    """
    By which rule what is bought for where.

    own: (variant id, location id) -> the rule of an article; where it is switched off, the article
    is not bought for the location. general: location id -> the rule of all others there.
    places: ids of locations, those that orders are sent from first, as they are tried.
    """

    own: Mapping[tuple[int, int], ReplenishmentRule]
    general: Mapping[int, ReplenishmentRule]
    places: Sequence[int]

    def rule_for(self, variant_id: int, location_id: int) -> ReplenishmentRule | None:
        rule = self.own.get((variant_id, location_id)) or self.general.get(location_id)
        return rule if rule and rule.is_active else None

    def place_of(self, variant_id: int, pickup_id: int | None) -> int | None:
        """
        Return the location that buys for a customer who waits for a variant.

        Where it is collected, if an order is collected and anything is bought for there; else the
        first place that orders are sent from and the variant is bought for.
        """
        places = self.places if pickup_id is None else (pickup_id, *self.places)
        return next((place for place in places if self.rule_for(variant_id, place)), None)


def replenishment_rules() -> Rules:
    """Return the rules of all warehouses and stores; goods are bought for no other place."""
    kinds = [Location.Kind.WAREHOUSE, Location.Kind.STORE]
    rules = ReplenishmentRule.objects.filter(location__kind__in=kinds)
    own, general = {}, {}
    for rule in rules.select_related("supplier").order_by("pk"):
        if rule.variant_id is None:
            general[rule.location_id] = rule
        else:
            own[rule.variant_id, rule.location_id] = rule
    places = Location.objects.filter(kind__in=kinds).order_by("-is_shipping", "priority", "pk")
    return Rules(own=own, general=general, places=tuple(places.values_list("pk", flat=True)))


def supplier_articles(
    *, variant_ids: Collection[int], on: date
) -> dict[int, list[SupplierArticle]]:
    """Return variant id -> what can be ordered as it, the lowest rank first; prices of a day."""
    products = list(
        SupplierProduct.objects.filter(
            variant__in=list(variant_ids), is_active=True, supplier__is_active=True
        )
        .select_related("supplier")
        .order_by("rank", "pk")
    )
    tiers: dict[int, list[Tier]] = defaultdict(list)
    for product_id, min_quantity, unit_cost in (
        SupplierPrice.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=on),
            supplier_product__in=products,
            valid_from__lte=on,
        )
        .order_by("min_quantity", "pk")
        .values_list("supplier_product_id", "min_quantity", "unit_cost")
    ):
        tiers[product_id].append(Tier(min_quantity, unit_cost))

    articles: dict[int, list[SupplierArticle]] = defaultdict(list)
    for product in products:
        if product.variant_id is not None:
            articles[product.variant_id].append(_article(product, product.variant_id, tiers))
    return articles


def pairs_that_can_be_bought() -> list[tuple[int, int]]:
    """Return (supplier id, variant id) of everything that can be ordered."""
    pairs = (
        SupplierProduct.objects.filter(is_active=True, supplier__is_active=True)
        .order_by()
        .values_list("supplier_id", "variant_id")
        .distinct()
    )
    return [(supplier_id, variant_id) for supplier_id, variant_id in pairs if variant_id]


def _article(
    product: SupplierProduct, variant_id: int, tiers: Mapping[int, Sequence[Tier]]
) -> SupplierArticle:
    return SupplierArticle(
        product_id=product.pk,
        variant_id=variant_id,
        supplier_id=product.supplier_id,
        supplier=product.supplier.name,
        supplier_sku=product.supplier_sku,
        rank=product.rank,
        terms=Terms(
            currency=product.supplier.currency,
            pack_size=product.pack_size,
            order_multiple=product.order_multiple,
            minimum_quantity=product.minimum_quantity,
            tiers=tuple(tiers.get(product.pk, ())),
        ),
        available_units=product.available_units,
        available_said_at=product.available_said_at,
        back_in_stock_on=product.back_in_stock_on,
    )
