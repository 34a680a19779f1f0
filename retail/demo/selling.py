"""A year of the practice shop's customers: what they ordered, had sent, and brought back."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from channels.connectors.base import (
    IncomingAddress,
    IncomingBuyer,
    IncomingLine,
    IncomingOrder,
    IncomingStatus,
)
from orders.models import Order
from orders.operations import allocate_waiting, ingest_order, ship
from retail.common.errors import BusinessError
from retail.demo.agenda import Agenda, Happening
from retail.demo.articles import Article
from retail.demo.people import Person
from retail.demo.shop import Shop

SHIPPING = Decimal("3.95")
FIRST_TAKEN = 900_000
DAY = timedelta(days=1)
ORDERS_OF_THE_FORTNIGHT, ORDERS_SINCE_YESTERDAY = 80, 10
CHANNELS, CHANNEL_WEIGHTS = ("web", "bazaar", "store", "phone"), (55, 25, 14, 6)
# In which orders something is wrong, counted from the newest: what the desks have to deal with.
UNKNOWN_ARTICLE, TOTAL_OFF, NO_BUYER = frozenset({5, 31}), frozenset({9}), frozenset({14})
# Nobody asks who buys over the counter, so these are sold elsewhere whatever chance says.
SENT = UNKNOWN_ARTICLE | TOTAL_OFF | NO_BUYER


class Selling:
    """
    Puts the year's orders into the agenda and sends them a day later.

    `incoming` keeps every order as its channel told it, by its number.
    """

    def __init__(
        self,
        *,
        shop: Shop,
        agenda: Agenda,
        range_of_articles: Sequence[Article],
        buyers: list[Person],
    ) -> None:
        self.shop = shop
        self.agenda = agenda
        self.articles = range_of_articles
        self.weights = [article.popularity for article in range_of_articles]
        self.buyers = buyers
        self.chance = random.Random(42)  # noqa: S311 - a believable spread, not a secret
        self.incoming: dict[str, IncomingOrder] = {}

    def plan(self, *, count: int, begins_at: datetime, ends_at: datetime) -> None:
        """Spread that many orders over the time, more towards its end, most of late."""
        length = (ends_at - begins_at).total_seconds()
        lately = {14 * DAY: ORDERS_OF_THE_FORTNIGHT, DAY: ORDERS_SINCE_YESTERDAY}
        shares = [
            1 - span.total_seconds() / length * self.chance.random()
            for span, orders in lately.items()
            for _ in range(orders)
        ]
        shares += [self.chance.triangular(0, 1, 0.85) for _ in range(count - len(shares))]
        for number, share in enumerate(sorted(shares)):
            placed_at = begins_at + timedelta(seconds=int(length * share))
            self.agenda.add(placed_at, self._order(number, from_the_end=count - number))
        mornings = (begins_at + day * DAY for day in range(1, (ends_at - begins_at).days))
        for morning in mornings:
            self.agenda.add(morning, _serve_waiting)

    def take_order(self, article: Article, quantity: int, *, at: datetime) -> Order:
        """Let a marketplace sell an article, whether it is there or not."""
        line = _line(1, article, quantity)
        number = FIRST_TAKEN + len(self.incoming)
        incoming = replace(
            self._incoming(number, at, "bazaar", from_the_end=number),
            lines=(line,),
            total=line.total + SHIPPING,
            tax_total=line.tax,
        )
        self.incoming[incoming.external_id] = incoming
        return ingest_order(channel=self.shop.channels["bazaar"], incoming=incoming, at=at).order

    def _order(self, number: int, *, from_the_end: int) -> Happening:
        def happen(at: datetime) -> None:
            code = self.chance.choices(CHANNELS, CHANNEL_WEIGHTS)[0]
            if from_the_end in SENT:
                code = "web"
            incoming = self._incoming(number, at, code, from_the_end)
            self.incoming[incoming.external_id] = incoming
            order = ingest_order(channel=self.shop.channels[code], incoming=incoming, at=at).order
            if incoming.status == IncomingStatus.OPEN:
                hours = self.chance.randint(6, 40)
                self.agenda.add(at + timedelta(hours=hours), self._shipping(order.pk))

        return happen

    def _incoming(
        self, number: int, at: datetime, channel_code: str, from_the_end: int
    ) -> IncomingOrder:
        is_counter_sale = channel_code == "store"
        buyer = self.chance.choice(self.buyers)
        lines = self._lines(from_the_end)
        shipping = Decimal(0) if is_counter_sale else SHIPPING
        total = sum((line.total for line in lines), shipping)
        if from_the_end in TOTAL_OFF:
            total -= Decimal("4.50")
        return IncomingOrder(
            external_id=f"{channel_code[0].upper()}{100_000 + number}",
            external_number=f"{channel_code[0].upper()}{100_000 + number}",
            status=IncomingStatus.SHIPPED if is_counter_sale else IncomingStatus.OPEN,
            currency="GBP",
            total=total,
            placed_at=at,
            updated_at=at,
            lines=lines,
            buyer=None
            if from_the_end in NO_BUYER or is_counter_sale
            else _buyer(buyer, channel_code),
            delivery_address=None if is_counter_sale else _address(buyer),
            shipping_total=shipping,
            tax_total=sum((line.tax for line in lines), Decimal(0)),
            is_paid=True,
            ship_by=None if is_counter_sale else at + timedelta(days=3),
        )

    def _lines(self, from_the_end: int) -> tuple[IncomingLine, ...]:
        count = self.chance.choices((1, 2, 3, 4, 6), (45, 25, 15, 10, 5))[0]
        chosen = {
            article.sku: article
            for article in self.chance.choices(self.articles, self.weights, k=count)
        }
        lines = [
            _line(position, article, self.chance.choices((1, 2, 4), (75, 20, 5))[0])
            for position, article in enumerate(chosen.values(), start=1)
        ]
        if from_the_end in UNKNOWN_ARTICLE:
            lines.append(
                IncomingLine(
                    external_line_id="99",
                    quantity=1,
                    unit_price=Decimal("12.00"),
                    total=Decimal("12.00"),
                    sku="GIFT-HAMPER-XL",
                    name="Gift hamper, extra large",
                )
            )
        return tuple(lines)

    def _shipping(self, order_id: int) -> Happening:
        def happen(at: datetime) -> None:
            carrier, prefix = self.chance.choice(
                (("Royal Mail", "RM"), ("DPD", "DP"), ("Evri", "EV"))
            )
            try:
                ship(
                    order_id=order_id,
                    quantities=None,
                    carrier=carrier,
                    tracking_number=f"{prefix}{self.chance.randint(10**9, 10**10 - 1)}GB",
                    key="first parcel",
                    at=at,
                    by=self.shop.people["wim"],
                )
            except BusinessError:
                # Held or out of stock: it is looked at again two days later, as people do.
                self.agenda.add(at + timedelta(days=2), self._shipping(order_id))

        return happen


def _serve_waiting(at: datetime) -> None:
    allocate_waiting(at=at)


def _line(position: int, article: Article, quantity: int) -> IncomingLine:
    total = article.unit_price * quantity
    return IncomingLine(
        external_line_id=str(position),
        external_product_id=article.product,
        external_variant_id=article.sku,
        quantity=quantity,
        unit_price=article.unit_price,
        total=total,
        tax=(total / 6).quantize(Decimal("0.01")),
        sku=article.sku,
        gtin=article.gtin,
        name=f"{article.product} {article.value}",
    )


def _buyer(person: Person, channel_code: str) -> IncomingBuyer:
    """Return who the channel says they are: the marketplace hides mailboxes behind its own."""
    email = person.email
    if channel_code == "bazaar":
        email = f"{person.account}@marketplace.amazon.co.uk"
    return IncomingBuyer(
        account="" if channel_code == "phone" else person.account, email=email, name=person.name
    )


def _address(person: Person) -> IncomingAddress:
    return IncomingAddress(
        name=person.name,
        street=person.street,
        postcode=person.postcode,
        city=person.town,
        country=person.country,
    )
