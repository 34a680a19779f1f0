"""What is printed of a goods receipt: the list by which its goods are put away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from catalog.models import Variant
from purchasing.models import GoodsReceipt, GoodsReceiptLine, HeldGoods
from purchasing.queries import CrossDock, cross_dock
from retail.common.printing import print_page, symbol

# Room for barcodes, in mm.
ARTICLE_WIDTH, ARTICLE_HEIGHT = 38, 10
NUMBER_WIDTH, NUMBER_HEIGHT = 60, 12


def print_put_away_list(receipt: GoodsReceipt) -> bytes:
    """
    Return a receipt as a PDF: its articles by SKU, to which orders they go straight on, and what
    is set apart and why.
    """
    lines = (
        receipt.lines.filter(accepted__gt=0)
        .select_related("order_line__variant__product", "order_line__order")
        .order_by("order_line__variant__sku", "pk")
    )
    held = receipt.held_goods.select_related("variant__product", "location").order_by("pk")
    articles = _articles(list(lines), cross_dock(receipt.pk))
    data = {
        "number": receipt.number,
        "supplier": receipt.supplier.name,
        "location": receipt.location.name,
        "delivery_note": receipt.delivery_note,
        "received": timezone.localtime(receipt.received_at).strftime("%d %B %Y at %H:%M"),
        "symbol": symbol(receipt.number, room=NUMBER_WIDTH, height=NUMBER_HEIGHT),
        "is_reversed": receipt.status == GoodsReceipt.Status.REVERSED,
        "units": sum(article["units"] for article in articles),
        "articles": articles,
        "held": [_held(goods) for goods in held],
    }
    return print_page("put_away_list", data)


def _articles(
    lines: Sequence[GoodsReceiptLine], goes_on: Sequence[CrossDock]
) -> list[dict[str, Any]]:
    of_variant: dict[Variant, list[GoodsReceiptLine]] = defaultdict(list)
    for line in lines:
        of_variant[line.order_line.variant].append(line)
    return [
        {
            "sku": variant.sku,
            "name": variant.full_name,
            "code": variant.gtin or variant.sku,
            "symbol": symbol(
                variant.gtin or variant.sku, room=ARTICLE_WIDTH, height=ARTICLE_HEIGHT
            ),
            "units": sum(line.accepted for line in brought),
            "into": [
                {"order": row.order, "units": row.units}
                for row in goes_on
                if row.variant_id == variant.pk
            ],
            "ordered_by": sorted({line.order_line.order.number for line in brought}),
        }
        for variant, brought in of_variant.items()
    ]


def _held(goods: HeldGoods) -> dict[str, Any]:
    reason = ": ".join(part for part in (goods.get_reject_reason_display(), goods.note) if part)
    return {
        "units": goods.units,
        "sku": goods.variant.sku if goods.variant else goods.code,
        "name": goods.variant.full_name if goods.variant else "Unknown code",
        "why": reason or goods.get_kind_display(),
        "place": goods.location.name,
    }
