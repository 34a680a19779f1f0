"""What is printed on the way out: the list for the walk, and the slip that lies in the parcel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone

from catalog.models import Variant
from customers.models import Address
from inventory.models import Location
from orders.models import Fulfillment, FulfillmentItem, FulfillmentLine, Order, PickList
from retail.common.printing import print_page, symbol

# Room for barcodes, in mm.
ARTICLE_WIDTH, ARTICLE_HEIGHT = 38, 10
NUMBER_WIDTH, NUMBER_HEIGHT = 60, 12


def print_pick_list(pick_list: PickList) -> bytes:
    """
    Return a pick list as a PDF: the articles by SKU, and into which place on the cart each goes.

    The first order has place 1. What was put back since is left out.
    """
    fulfillments = list(
        pick_list.fulfillments.exclude(status=Fulfillment.Status.CANCELLED)
        .select_related("order")
        .order_by("pk")
    )
    items = list(
        FulfillmentItem.objects.filter(fulfillment__in=fulfillments)
        .select_related("variant__product")
        .order_by("variant__sku", "fulfillment_id")
    )
    place_of = {fulfillment.pk: place for place, fulfillment in enumerate(fulfillments, 1)}
    data = {
        "number": pick_list.number,
        "location": str(pick_list.location),
        "started": _moment(pick_list.started_at),
        "symbol": symbol(pick_list.number, room=NUMBER_WIDTH, height=NUMBER_HEIGHT),
        "units": sum(item.units for item in items),
        "articles": _articles(items, place_of),
        "orders": [
            _on_the_cart(fulfillment, place_of[fulfillment.pk], items)
            for fulfillment in fulfillments
        ],
    }
    return print_page("pick_list", data)


def print_packing_slip(fulfillment: Fulfillment) -> bytes:
    """Return what lies in the parcels of a fulfillment as a PDF, without prices."""
    order = fulfillment.order
    rows = list(
        fulfillment.lines.select_related("line__variant__product")
        .prefetch_related("line__components__variant")
        .order_by("line_id")
    )
    data = {
        "number": fulfillment.number,
        "shop": settings.RETAIL_SHOP_NAME or fulfillment.location.name,
        "from": _place_lines(fulfillment.location),
        "address": _address_lines(order.delivery_address),
        "symbol": symbol(fulfillment.number, room=NUMBER_WIDTH, height=NUMBER_HEIGHT),
        "facts": _facts(order, fulfillment),
        "lines": [_slip_line(row, has_left=fulfillment.shipped_at is not None) for row in rows],
        "parcels": [str(parcel) for parcel in fulfillment.parcels.order_by("pk")],
        "note": order.buyer_note,
    }
    return print_page("packing_slip", data)


def code_of(variant: Variant) -> str:
    """Return what is scanned of an article: its GTIN, or else its SKU."""
    return variant.gtin or variant.sku


def _articles(items: Sequence[FulfillmentItem], place_of: dict[int, int]) -> list[dict[str, Any]]:
    by_variant: dict[Variant, list[FulfillmentItem]] = defaultdict(list)
    for item in items:
        by_variant[item.variant].append(item)
    return [
        {
            "sku": variant.sku,
            "name": variant.full_name,
            "code": code_of(variant),
            "symbol": symbol(code_of(variant), room=ARTICLE_WIDTH, height=ARTICLE_HEIGHT),
            "units": sum(item.units for item in of_variant),
            "into": [
                {"place": place_of[item.fulfillment_id], "units": item.units} for item in of_variant
            ],
        }
        for variant, of_variant in by_variant.items()
    ]


def _on_the_cart(
    fulfillment: Fulfillment, place: int, items: Sequence[FulfillmentItem]
) -> dict[str, Any]:
    order = fulfillment.order
    is_collected = fulfillment.method == Fulfillment.Method.PICKUP
    return {
        "place": place,
        "order": order.number,
        "fulfillment": fulfillment.number,
        "due": _moment(order.ship_by) if order.ship_by else "",
        "method": "to be collected" if is_collected else "",
        "units": sum(item.units for item in items if item.fulfillment_id == fulfillment.pk),
    }


def _facts(order: Order, fulfillment: Fulfillment) -> list[tuple[str, str]]:
    facts = [
        ("Our order", order.number),
        ("Your order", order.external_number),
        ("Ordered on", timezone.localtime(order.placed_at).strftime("%d %B %Y")),
        (
            "Sent on",
            timezone.localtime(fulfillment.shipped_at).strftime("%d %B %Y")
            if fulfillment.shipped_at
            else "",
        ),
    ]
    return [fact for fact in facts if fact[1]]


def _slip_line(row: FulfillmentLine, *, has_left: bool) -> dict[str, Any]:
    line = row.line
    # What has left is counted as shipped already.
    to_come = line.open_quantity - (0 if has_left else row.quantity)
    variant = line.variant
    return {
        "sku": variant.sku if variant else line.raw_sku,
        "name": line.name or (variant.full_name if variant else ""),
        "parts": [
            f"{part.units} x {part.variant.sku}" for part in line.components.all() if line.is_bundle
        ]
        or ([f"of {line.pack_size}"] if line.pack_size > 1 else []),
        "ordered": line.ordered - line.cancelled,
        "here": row.quantity,
        "to_come": to_come,
    }


def _place_lines(place: Location) -> list[str]:
    town = f"{place.postcode} {place.city}".strip()
    return [part for part in (place.street, town, place.country) if part]


def _address_lines(address: Address | None) -> list[str]:
    if address is None:
        return []
    town = f"{address.postcode} {address.city}".strip()
    parts = (address.name, address.company, address.street, address.street_extra, town)
    return [part for part in (*parts, address.region, address.country) if part]


def _moment(moment: Any) -> str:
    return timezone.localtime(moment).strftime("%d %B %Y, %H:%M")
