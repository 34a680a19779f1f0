"""Run the practice shop."""

import signal
from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from catalog.models import Product, Variant
from channels import queries
from channels.fakeshop import Shop, ShopServer
from channels.models import Channel, Listing


class Command(BaseCommand):
    """Serve a practice shop until it is told to stop; one line of output per sale."""

    help = "Run a small practice web shop on this machine, to connect a channel to."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8899, help="0 takes any free one.")
        parser.add_argument("--token", default="practice", help="What callers must send.")
        parser.add_argument("--currency", default="GBP")
        parser.add_argument(
            "--channel",
            metavar="CODE",
            help="Be the shop of this channel: with its credentials as token, its currency and, "
            "when the shop is new, everything in the catalog that has a price there.",
        )
        parser.add_argument("--state", type=Path, help="File that keeps everything over a restart.")
        parser.add_argument("--sell-every", type=float, default=0, metavar="SECONDS")
        parser.add_argument("--chance", type=int, help="Number that fixes who buys what.")

    def handle(self, *args: Any, **options: Any) -> None:
        channel = _channel(options["channel"]) if options["channel"] else None
        shop = Shop(
            currency=channel.currency if channel else options["currency"],
            state_path=options["state"],
            chance=Random(options["chance"]),  # noqa: S311 - made-up sales, no secrets
        )
        if channel and shop.is_empty:
            shop.seed({"products": list(_assortment(channel, timezone.now()))})
        connection.close()
        server = ShopServer(
            shop,
            token=channel.credentials if channel else options["token"],
            host=options["host"],
            port=options["port"],
        )
        signal.signal(signal.SIGTERM, _interrupt)
        if options["sell_every"]:
            Thread(
                target=server.sell_every, args=(options["sell_every"], self._say), daemon=True
            ).start()
        self._say(f"Practice shop at {server.address}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.stopped.set()
        finally:
            server.server_close()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _channel(code: str) -> Channel:
    try:
        return Channel.objects.get(code=code)
    except Channel.DoesNotExist:
        raise CommandError(f"There is no channel with the code {code}.") from None


def _assortment(channel: Channel, at: datetime) -> Iterator[dict[str, Any]]:
    """
    Yield what a new shop sells: under the ids of the channel's listings where there are any.

    Nothing is in stock: how much may be sold, the shop is told as any shop is.
    """
    listings = {
        listing.variant_id: listing
        for listing in Listing.objects.filter(channel=channel, variant__isnull=False)
    }
    variants = Variant.objects.filter(is_stocked=True, product__status=Product.Status.ACTIVE)
    for variant in variants.select_related("product").order_by("pk"):
        decision = queries.price_for(variant_id=variant.pk, channel=channel, quantity=1, at=at)
        if decision is None:
            continue
        listing = listings.get(variant.pk)
        yield {
            "product_id": listing.external_product_id if listing else f"p{variant.product_id}",
            "variant_id": (listing.external_variant_id or "") if listing else variant.sku,
            "sku": variant.sku,
            "gtin": variant.gtin or "",
            "title": f"{variant.product.name} {variant.name}".strip(),
            "price": f"{decision.unit_price:.2f}",
            "stock": 0,
        }


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
