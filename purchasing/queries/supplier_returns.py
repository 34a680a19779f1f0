"""What went back to suppliers and is awaited, and what customers sent back that is to go there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.db import connection

from purchasing.models import (
    GoodsReceiptLine,
    PurchaseOrderLine,
    SupplierReturn,
    SupplierReturnLine,
)

Status = SupplierReturn.Status
GONE = (Status.SHIPPED, Status.SETTLED)


def last_costs(*, supplier_id: int, variant_ids: Collection[int]) -> dict[int, Decimal]:
    """Return variant id -> what was last paid to a supplier for one, of what was ever bought."""
    bought = (
        GoodsReceiptLine.objects.filter(
            receipt__supplier=supplier_id, order_line__variant__in=list(variant_ids)
        )
        .order_by("order_line__variant", "-receipt__received_at", "-pk")
        .distinct("order_line__variant")
    )
    return dict(bought.values_list("order_line__variant", "unit_cost"))


def replaced_units(lines: Iterable[SupplierReturnLine]) -> dict[int, int]:
    """
    Return line id -> units that came again so far, of lines of returns that were sent back.

    Told by the order lines: what they still expect is not replaced yet, first what was sent back
    last. A settled return keeps what was counted when it was settled.
    """
    order_line_ids = {
        line.receipt_line.order_line_id for line in lines if line.receipt_line is not None
    }
    to_replace = (
        SupplierReturnLine.objects.filter(
            supplier_return__expects=SupplierReturn.Expects.REPLACEMENT,
            supplier_return__status__in=GONE,
            receipt_line__order_line__in=order_line_ids,
        )
        .select_related("supplier_return", "receipt_line")
        .order_by("supplier_return__shipped_at", "pk")
    )
    came = {
        line.pk: line.to_replace - min(line.expected, line.to_replace)
        for line in PurchaseOrderLine.objects.filter(pk__in=order_line_ids, to_replace__gt=0)
    }
    of_order_line: dict[int, list[SupplierReturnLine]] = defaultdict(list)
    for line in to_replace:
        if line.receipt_line is not None:
            of_order_line[line.receipt_line.order_line_id].append(line)
    replaced: dict[int, int] = {}
    for order_line_id, siblings in of_order_line.items():
        settled = [one for one in siblings if one.supplier_return.status == Status.SETTLED]
        replaced |= {one.pk: one.replaced for one in settled}
        left = max(came.get(order_line_id, 0) - sum(one.replaced for one in settled), 0)
        for one in siblings:
            if one.pk not in replaced:
                replaced[one.pk] = min(one.units - one.credited, left)
                left -= replaced[one.pk]
    return replaced


@dataclass(frozen=True, slots=True)
class ToGoBack:
    """Units that customers sent back, set apart for the supplier at one place."""

    location_id: int
    location: str
    variant_id: int
    sku: str
    name: str
    units: int
    supplier_id: int | None
    supplier: str


# What came in under the number of a customer's return where it was set apart, of the lines that say
# so; less what stands on returns to suppliers of stock at that place, and never more than lies
# there free. A bundle came in as its components.
_TO_GO_BACK = """
    WITH apart AS (
        SELECT level.id, level.location_id, level.variant_id, place.name,
               level.on_hand - level.allocated AS free
          FROM inventory_stocklevel AS level
          JOIN inventory_location AS place ON place.id = level.location_id
         WHERE place.kind = 'QUARANTINE' AND level.on_hand > level.allocated
    ), marked AS (
        SELECT apart.id, sum(line.received * coalesce(component.units, sold.pack_size, 1)) AS units
          FROM apart
          JOIN inventory_stockmovement AS movement
            ON movement.level_id = apart.id AND movement.kind = 'RETURN'
               AND movement.source_kind = 'CUSTOMER_RETURN'
          JOIN orders_returnline AS line
            ON line.id = ANY(movement.source_line_ids) AND line.disposition = 'TO_SUPPLIER'
          LEFT JOIN orders_orderline AS sold ON sold.id = line.order_line_id
          LEFT JOIN orders_linecomponent AS component
            ON component.line_id = sold.id AND component.variant_id = apart.variant_id
         GROUP BY apart.id
    ), returned AS (
        SELECT line.location_id, line.variant_id, sum(line.units) AS units,
               coalesce(sum(line.units) FILTER (WHERE back.status IN ('DRAFT', 'APPROVED')), 0)
                   AS planned
          FROM purchasing_supplierreturnline AS line
          JOIN purchasing_supplierreturn AS back ON back.id = line.supplier_return_id
         WHERE back.status <> 'CANCELLED' AND line.receipt_line_id IS NULL
           AND line.held_goods_id IS NULL
         GROUP BY line.location_id, line.variant_id
    ), wanted AS (
        SELECT apart.*, least(marked.units - coalesce(returned.units, 0),
                              apart.free - coalesce(returned.planned, 0)) AS units
          FROM apart
          JOIN marked ON marked.id = apart.id
          LEFT JOIN returned ON returned.location_id = apart.location_id
                            AND returned.variant_id = apart.variant_id
    )
    SELECT wanted.location_id, wanted.name, variant.id, variant.sku,
           concat_ws(', ', product.name, nullif(variant.name, '')), wanted.units,
           bought.supplier_id, coalesce(bought.name, '')
      FROM wanted
      JOIN catalog_variant AS variant ON variant.id = wanted.variant_id
      JOIN catalog_product AS product ON product.id = variant.product_id
      LEFT JOIN LATERAL (
            SELECT supplier.id AS supplier_id, supplier.name
              FROM purchasing_purchaseorderline AS line
              JOIN purchasing_purchaseorder AS orders ON orders.id = line.order_id
              JOIN purchasing_supplier AS supplier ON supplier.id = orders.supplier_id
             WHERE line.variant_id = variant.id AND line.received > 0
             ORDER BY line.id DESC LIMIT 1) AS bought ON true
     WHERE wanted.units > 0
     ORDER BY bought.name NULLS LAST, variant.sku, wanted.name
"""


def customers_goods_to_go_back() -> list[ToGoBack]:
    """
    Return what customers sent back that was set apart for the supplier and is on no return yet.

    supplier: from whom the article last came; none where it was never received on an order.
    """
    with connection.cursor() as cursor:
        cursor.execute(_TO_GO_BACK)
        return [ToGoBack(*row) for row in cursor.fetchall()]
