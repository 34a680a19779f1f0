"""What a buyer should mind about an order before it leaves."""

from __future__ import annotations

from collections.abc import Iterator

from purchasing.models import PurchaseOrder, PurchaseOrderLine, SupplierProduct
from retail.common.money import ZERO, display


def order_warnings(order: PurchaseOrder) -> list[str]:
    """
    Return what the supplier will object to, in words: told, never enforced. Two queries.

    Their minimum for an order, and for each article the least they sell and its multiples.
    """
    ordered = order.lines.select_related("variant").order_by("position")
    lines = [line for line in ordered if line.ordered > line.cancelled]
    products = {
        (product.variant_id, product.supplier_sku): product
        for product in SupplierProduct.objects.filter(
            supplier=order.supplier_id, variant_id__in=[line.variant_id for line in lines]
        )
    }
    return [
        *_of_total(order, lines),
        *(
            warning
            for line in lines
            if (product := products.get((line.variant_id, line.supplier_sku)))
            for warning in _of_line(line, product)
        ),
    ]


def _of_total(order: PurchaseOrder, lines: list[PurchaseOrderLine]) -> Iterator[str]:
    least = order.supplier.minimum_order_amount
    goods = sum(((line.ordered - line.cancelled) * line.unit_cost for line in lines), ZERO)
    if least is not None and lines and goods < least:
        yield (
            f"{order.supplier} delivers from {display(least, order.currency)} on:"
            f" {display(least - goods, order.currency)} are missing."
        )


def _of_line(line: PurchaseOrderLine, product: SupplierProduct) -> Iterator[str]:
    units = line.ordered - line.cancelled
    if units < product.minimum_quantity:
        yield f"{line.variant.sku}: they sell {product.minimum_quantity:,} units at least."
    if units % product.order_multiple:
        yield f"{line.variant.sku}: they sell multiples of {product.order_multiple:,} units."
