"""The practice shop's year, from the empty shelves to this morning."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from catalog.models import Variant
from channels.connectors.base import IncomingOrder
from channels.connectors.fake import write_order
from channels.models import Channel
from inventory.models import StockMovement
from inventory.operations import Received, receive_stock
from orders.models import Order
from retail.demo.agenda import Agenda
from retail.demo.articles import Article, articles
from retail.demo.buying import Buying
from retail.demo.buying_desk import BuyingDesk
from retail.demo.catalogue import import_catalogue
from retail.demo.invoice_desk import InvoiceDesk
from retail.demo.people import people
from retail.demo.selling import Selling
from retail.demo.serving import Serving
from retail.demo.shop import Shop, connect_channels, open_shop
from retail.demo.stockroom import STORES, Stockroom

DAYS = 365
ORDERS = 600
BUYERS = 260


def tell_story(
    *,
    password: str,
    folder: Path,
    open_orders: Path,
    now: datetime,
    progress: Callable[[str], None],
) -> Shop:
    """
    Fill an empty database with a year that ends now.

    folder: where the invented suppliers' files are written, as if they had been sent.
    open_orders: where the orders are written that the practice shop still waits for.
    """
    begins_at = (now - timedelta(days=DAYS)).replace(hour=6, minute=0, second=0, microsecond=0)
    folder.mkdir(parents=True, exist_ok=True)
    progress("People, places, channels and suppliers")
    shop = open_shop(password=password, begins_at=begins_at, ends_at=now)
    progress("Catalogue")
    range_of_articles = list(articles())
    import_catalogue(articles=range_of_articles, path=folder / "products.csv", at=begins_at)
    _stock_up(shop, range_of_articles, begins_at)
    agenda = Agenda()
    Buying(
        shop=shop, agenda=agenda, range_of_articles=range_of_articles, folder=folder, ends_at=now
    ).plan(begins_at=begins_at)
    selling = Selling(
        shop=shop, agenda=agenda, range_of_articles=range_of_articles, buyers=people(BUYERS)
    )
    selling.plan(count=ORDERS, begins_at=begins_at + timedelta(days=1), ends_at=now)
    serving = Serving(shop=shop, selling=selling, range_of_articles=range_of_articles)
    serving.set_rules()
    stockroom = Stockroom(
        shop=shop, agenda=agenda, range_of_articles=range_of_articles, ends_at=now
    )
    stockroom.plan(begins_at=begins_at)
    agenda.run_until(now, _monthly(progress))
    serving.open_the_doors(now)
    stockroom.tidy_up(now)
    BuyingDesk(shop=shop, selling=selling, range_of_articles=range_of_articles).open(now)
    InvoiceDesk(shop=shop).open(now)
    connect_channels()
    _write_open_orders(selling.incoming, open_orders)
    return shop


def _write_open_orders(incoming: Mapping[str, IncomingOrder], path: Path) -> None:
    """Write what the practice shop must know to hear of the parcels that are still to be sent."""
    open_ids = (
        Order.objects.open()
        .filter(channel__kind=Channel.Kind.FAKE)
        .order_by("pk")
        .values_list("external_id", flat=True)
    )
    rows = [write_order(incoming[external_id]) for external_id in open_ids if external_id]
    path.write_text(json.dumps(rows))


def _monthly(progress: Callable[[str], None]) -> Callable[[datetime], None]:
    """Return a reporter that speaks once a month."""
    told: set[str] = set()

    def report(at: datetime) -> None:
        month = f"{at:%B %Y}"
        if month not in told:
            told.add(month)
            progress(month)

    return report


def _stock_up(shop: Shop, range_of_articles: Sequence[Article], at: datetime) -> None:
    """Lay the opening stock on the shelves: more of what sells, a few of everything in stores."""
    chance = random.Random(44)  # noqa: S311 - a believable spread, not a secret
    variants = dict(Variant.objects.values_list("sku", "pk"))
    for code in ("main", *STORES):
        received = {}
        for article in range_of_articles:
            units = chance.randint(6, 20) if code == "main" else chance.randint(0, 4)
            units += int(min(article.popularity, 12) * (2 if code == "main" else 0.5))
            if units:
                value = Decimal(units) * article.unit_cost
                received[variants[article.sku]] = Received(units=units, value=value)
        receive_stock(
            location=shop.locations[code],
            received=received,
            reference=f"OPENING/{code}",
            kind=StockMovement.Kind.OPENING,
            at=at,
            by=shop.people["wim"],
        )
