"""A year of the practice shop's stockroom: goods sent to the stores, shelves counted, rules set."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import F

from catalog.models import BundleComponent, Category, Price, PriceList, Product, TaxClass, Variant
from inventory import operations
from inventory.models import (
    ChannelReserve,
    ChannelStockSource,
    Location,
    SafetyStock,
    StockCount,
    StockCountLine,
    StockLevel,
    Transfer,
)
from orders.operations import settle_withdrawn
from orders.queries import orders_to_settle
from retail.demo.agenda import Agenda, Happening
from retail.demo.articles import Article
from retail.demo.shop import Shop

STORES = ("york", "bath")
DAYS_BETWEEN_TRANSFERS, DAYS_BETWEEN_COUNTS = 14, 45
LOW_IN_STORE, SPARE_IN_WAREHOUSE, UNITS_SENT, LINES_SENT = 3, 8, 4, 10
COUNTED_WRONG, LOST_ON_THE_ROAD = 0.06, 0.08
DAYS_KEPT_DAILY = 14
DAY = timedelta(days=1)


class Stockroom:
    """Puts the year's transfers and counts into the agenda, and what is open this morning."""

    def __init__(
        self, *, shop: Shop, agenda: Agenda, range_of_articles: Sequence[Article], ends_at: datetime
    ) -> None:
        self.shop = shop
        self.agenda = agenda
        self.articles = range_of_articles
        self.ends_at = ends_at
        self.chance = random.Random(45)  # noqa: S311 - a believable spread, not a secret

    def plan(self, *, begins_at: datetime) -> None:
        """Goods for the stores every fortnight, a part of each store's shelves every six weeks."""
        for number, store in enumerate(STORES):
            at = begins_at + timedelta(days=25 + 5 * number, hours=4)
            while at < self.ends_at - 2 * DAY:
                self.agenda.add(at, self._transfer(store, hours_on_the_road=26))
                at += timedelta(days=DAYS_BETWEEN_TRANSFERS)
            at = begins_at + timedelta(days=40 + 10 * number, hours=14)
            while at < self.ends_at - 2 * DAY:
                self.agenda.add(at, self._count(store))
                at += timedelta(days=DAYS_BETWEEN_COUNTS)
        self.agenda.add(self.ends_at - timedelta(hours=30), self._transfer("york", 27))
        self.agenda.add(self.ends_at - timedelta(hours=5), self._transfer("bath", 26))
        self.agenda.add(self.ends_at - timedelta(hours=4), self._count_for_approval)
        self.agenda.add(self.ends_at - timedelta(hours=3), self._put_aside)
        self.agenda.add(self.ends_at - timedelta(hours=2), self._draft)

    def tidy_up(self, at: datetime) -> None:
        """Set the rules of what channels are offered, make a gift set, and close the books."""
        self._set_rules(at)
        self._make_gift_set(at)
        settle_orders(at)
        first = at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        month_ends, day = [], first
        while day > at - 300 * DAY:
            month_ends.append(day)
            day = (day - DAY).replace(day=1)
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        days = {midnight - number * DAY for number in range(DAYS_KEPT_DAILY)}
        for ends_at in sorted(days | set(month_ends)):
            operations.take_snapshot(ends_at=ends_at, at=at)
        operations.close_period(ends_at=month_ends[1], at=at, by=self.shop.people["mira"])

    def _transfer(self, store: str, hours_on_the_road: int) -> Happening:
        def happen(at: datetime) -> None:
            transfer = self._drafted(store, at)
            if transfer is None:
                return
            operations.dispatch_transfer(transfer_id=transfer.pk, at=at, by=self.shop.people["wim"])
            self.agenda.add(
                at + timedelta(hours=hours_on_the_road), self._arrival(transfer.pk, store)
            )

        return happen

    def _drafted(self, store: str, at: datetime, *, below: int = LOW_IN_STORE) -> Transfer | None:
        """Draft what the store is short of and the warehouse has to spare."""
        here, there = self.shop.locations["main"], self.shop.locations[store]
        low = StockLevel.objects.filter(location=there, on_hand__lt=below)
        spare = (
            StockLevel.objects.filter(
                location=here, on_hand__gte=F("allocated") + SPARE_IN_WAREHOUSE
            )
            .filter(variant_id__in=list(low.values_list("variant_id", flat=True)))
            .order_by("variant_id")
        )
        units = {level.variant_id: UNITS_SENT for level in spare[:LINES_SENT]}
        if not units:
            return None
        return operations.create_transfer(
            from_location=here,
            to_location=there,
            units=units,
            key=f"{store} {at:%Y-%m-%d %H}",
            note="Fill up the shelves",
            expected_on=(at + DAY).date(),
            at=at,
            by=self.shop.people["wim"],
        )

    def _arrival(self, transfer_id: int, store: str) -> Happening:
        """Everything arrives, but for a unit now and then, which is looked for and given up."""

        def happen(at: datetime) -> None:
            lines = list(Transfer.objects.get(pk=transfer_id).lines.order_by("pk"))
            missing = 1 if self.chance.random() < LOST_ON_THE_ROAD else 0
            received = {line.pk: line.quantity for line in lines}
            received[lines[0].pk] -= missing
            operations.receive_transfer(
                transfer_id=transfer_id,
                received=received,
                key=f"arrival at {store}",
                at=at,
                by=self.shop.people["stella"],
            )
            if missing:
                self.agenda.add(at + 7 * DAY, self._give_up(transfer_id))

        return happen

    def _give_up(self, transfer_id: int) -> Happening:
        def happen(at: datetime) -> None:
            operations.close_transfer(
                transfer_id=transfer_id,
                reason="Looked for on both sides, not found",
                at=at,
                by=self.shop.people["mira"],
            )

        return happen

    def _draft(self, at: datetime) -> None:
        self._drafted("york", at, below=2 * LOW_IN_STORE)

    def _count(self, store: str) -> Happening:
        def happen(at: datetime) -> None:
            category = self.chance.choice(list(Category.objects.order_by("pk")))
            count = self._counted(store, category, at, wrong=COUNTED_WRONG)
            if count is None:
                return
            if count.status == StockCount.Status.AWAITING_APPROVAL:
                self.agenda.add(at + timedelta(hours=18), self._approve(count.pk))

        return happen

    def _count_for_approval(self, at: datetime) -> None:
        """Leave a sheet on the manager's desk that differs by more than a store may post itself."""
        self._counted("york", Category.objects.order_by("pk").last(), at, wrong=0.4)

    def _counted(
        self, store: str, category: Category | None, at: datetime, *, wrong: float
    ) -> StockCount | None:
        try:
            count = operations.open_count(
                location=self.shop.locations[store],
                category=category,
                key=f"{store} {at:%Y-%m-%d %H}",
                at=at,
                by=self.shop.people["stella"],
            )
        except operations.NothingToCount:
            return None
        operations.record_counts(
            count_id=count.pk,
            counted={line.pk: self._seen(line, wrong) for line in count.lines.order_by("pk")},
            counted_at=at,
            at=at,
            by=self.shop.people["stella"],
        )
        return operations.post_count(count_id=count.pk, at=at, by=self.shop.people["stella"]).count

    def _seen(self, line: StockCountLine, wrong: float) -> int:
        units = line.level.on_hand
        if self.chance.random() < wrong:
            units += self.chance.choice((-2, -1, -1, 1))
        return max(units, 0)

    def _approve(self, count_id: int) -> Happening:
        def happen(at: datetime) -> None:
            try:
                operations.approve_count(count_id=count_id, at=at, by=self.shop.people["mira"])
            except operations.CountRefused as refusal:
                # Sold since it was counted as gone: those lines are counted again, at the desk.
                operations.request_recount(count_id=count_id, line_ids=list(refusal.errors))

        return happen

    def _put_aside(self, at: datetime) -> None:
        level = (
            StockLevel.objects.filter(
                location=self.shop.locations["york"], on_hand__gte=F("allocated") + 2
            )
            .order_by("pk")
            .first()
        )
        if level:
            operations.reserve_stock(
                location=self.shop.locations["york"],
                units={level.variant_id: 2},
                reference="PUT-ASIDE-1",
                expires_at=at + 3 * DAY,
                note="Mrs Hargreaves, comes on Saturday",
                at=at,
                by=self.shop.people["stella"],
            )

    def _set_rules(self, at: datetime) -> None:
        """Keep a few of what sells best, and some for the marketplace's campaign."""
        web, bazaar = self.shop.channels["web"], self.shop.channels["bazaar"]
        Location.objects.filter(code="york").update(walk_in_floor=1)
        for code in ("main", "york"):
            ChannelStockSource.objects.create(channel=web, location=self.shop.locations[code])
        best = sorted(self.articles, key=lambda article: -article.popularity)
        variants = dict(Variant.objects.values_list("sku", "pk"))
        for article in best[:6]:
            SafetyStock.objects.create(variant_id=variants[article.sku], units=2)
        for article in best[2:4]:
            ChannelReserve.objects.create(
                channel=bazaar, variant_id=variants[article.sku], units=3, starts_at=at
            )

    def _make_gift_set(self, at: datetime) -> None:
        """Two articles that are also sold together, for less."""
        mug, tea = (
            Variant.objects.get(sku=article.sku)
            for article in sorted(self.articles, key=lambda article: -article.popularity)[:2]
        )
        product = Product.objects.create(
            name="Gift set, best of the shop",
            brand=mug.product.brand,
            category=mug.product.category,
            status=Product.Status.ACTIVE,
        )
        bundle = Variant.objects.create(
            product=product,
            sku="GIFT-SET-1",
            is_stocked=False,
            tax_class=TaxClass.objects.get(code="standard"),
        )
        for component in (mug, tea):
            BundleComponent.objects.create(bundle=bundle, component=component, units=1)
        Price.objects.create(
            variant=bundle,
            price_list=PriceList.objects.get(code="retail"),
            unit_price="24.00",
            valid_from=at,
        )


def settle_orders(at: datetime) -> None:
    """Let orders wait whose goods a count did not find."""
    for order_id in orders_to_settle().order_by("pk").values_list("pk", flat=True):
        settle_withdrawn(order_id=order_id, at=at)
