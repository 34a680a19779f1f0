"""The practice shop beside the demo: started on our shelves, so that its sales are ours."""

import json
import sys
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from catalog.models import Variant
from catalog.queries import price_for
from channels.fakeshop import PracticeShop
from channels.models import Channel, Listing
from inventory.queries import channel_offers

SECONDS_BETWEEN_SALES = 6
OPEN_ORDERS = "practice-shop-orders.json"


def practice_channel() -> Channel | None:
    """Return the channel that the practice shop plays, None when nobody set one up."""
    return Channel.objects.filter(kind=Channel.Kind.FAKE).order_by("pk").first()


def point_channel_at(channel: Channel, *, address: str) -> None:
    """Tell the channel where its shop answers this time."""
    Channel.objects.filter(pk=channel.pk).update(address=address)
    channel.address = address


def shop_command(channel: Channel, *, state: Path) -> list[str]:
    """
    Return the command that runs the channel's shop and lets it sell.

    state: file that keeps its shelves and orders until the next start.
    """
    return [
        *(sys.executable, "manage.py", "fake_shop", "--state", str(state)),
        *("--port", str(urlsplit(channel.address).port), "--currency", channel.currency),
        f"--token={channel.credentials or 'practice'}",  # in one word: it may begin with a dash
        *("--sell-every", str(SECONDS_BETWEEN_SALES)),
    ]


def fill_shop(channel: Channel, *, open_orders: Path, at: datetime) -> None:
    """
    Give the running shop everything we have a price for, with what may be sold of it.

    open_orders: file of the orders that we still have to send for it; it may be missing.
    """
    price_lists = list(channel.price_lists.values_list("pk", flat=True))
    variants = list(
        Variant.objects.filter(is_stocked=True).select_related("product").order_by("pk")
    )
    offered = channel_offers(
        channel=channel, variant_ids=[variant.pk for variant in variants], at=at
    )
    ids = _ids_by_variant(channel)
    products = []
    for variant in variants:
        price = price_for(variant_id=variant.pk, price_list_ids=price_lists, quantity=1, at=at)
        if price is None:
            continue
        product_id, variant_id = ids.get(variant.pk, (str(variant.product_id), str(variant.pk)))
        products.append(
            {
                "product_id": product_id,
                "variant_id": variant_id,
                "sku": variant.sku,
                "gtin": variant.gtin or "",
                "title": " ".join(filter(None, (variant.product.name, variant.name))),
                "price": str(round(price.unit_price, 2)),
                "stock": offered[variant.pk].quantity,
            }
        )
    with PracticeShop(address=channel.address, token=channel.credentials or "practice") as shop:
        shop.seed(
            products=products,
            orders=json.loads(open_orders.read_text()) if open_orders.exists() else [],
        )


def _ids_by_variant(channel: Channel) -> dict[int, tuple[str, str]]:
    """Return the shop's own ids of what it sold in the year that the demo tells of."""
    listings = Listing.objects.filter(channel=channel, variant__isnull=False).order_by("-pk")
    return {
        variant_id: (product_id, external_variant_id or "")
        for variant_id, product_id, external_variant_id in listings.values_list(
            "variant_id", "external_product_id", "external_variant_id"
        )
    }
