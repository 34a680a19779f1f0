"""A year of the practice shop's purchases: price files, orders, deliveries, and the bills."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from django.core.files.base import ContentFile

from inventory.models import StockLevel
from purchasing import operations
from purchasing.models import (
    GoodsReceipt,
    HeldGoods,
    PurchaseOrder,
    RejectReason,
    Supplier,
    SupplierProduct,
)
from purchasing.operations import NewLine, ReceivedLine
from retail.demo.agenda import Agenda, Happening
from retail.demo.articles import Article
from retail.demo.billing import Billing
from retail.demo.freight import bill_freight
from retail.demo.shop import Shop
from retail.demo.suppliers import SUPPLIERS, DemoSupplier, price_file

DAYS_BETWEEN_ORDERS = 18
REORDER_BELOW, ORDER_UP_TO = 8, 36
LINES_PER_ORDER = 14
DAYS_TO_SETTLE = timedelta(days=12)
FORGOTTEN_LINES, BROKEN_LINES, BILLED_BY_CARRIER = 0.06, 0.05, 0.15
# So that something lies on the desk of those who decide about it.
BROKEN_LATELY = 0.2

# What a supplier's list looks like on a bad day: each of these lines is refused with its reason.
BAD_LINES = (
    {"supplier_sku": "", "name": "Line without a number", "unit_cost": "4.00"},
    {"supplier_sku": "XX900001", "name": "Price on request", "unit_cost": "on request"},
    {
        "supplier_sku": "XX900002",
        "gtin": "2900000000011",
        "name": "Wrong digit",
        "unit_cost": "5.10",
    },
    {"supplier_sku": "4.00638E+12", "name": "Opened in a spreadsheet", "unit_cost": "2.00"},
)


class Buying:
    """Puts the year's price files and order rounds into the agenda."""

    def __init__(
        self,
        *,
        shop: Shop,
        agenda: Agenda,
        range_of_articles: Sequence[Article],
        folder: Path,
        ends_at: datetime,
    ) -> None:
        self.shop = shop
        self.agenda = agenda
        self.articles = range_of_articles
        self.folder = folder
        self.ends_at = ends_at
        self.chance = random.Random(43)  # noqa: S311 - a believable spread, not a secret
        self.billing = Billing(shop=shop, agenda=agenda, chance=self.chance, ends_at=ends_at)

    def plan(self, *, begins_at: datetime) -> None:
        """Two price files a supplier, and an order round every few weeks."""
        for number, supplier in enumerate(SUPPLIERS):
            self.agenda.add(begins_at, self._price_file(supplier, Decimal(1), ()))
            later = begins_at + timedelta(days=200 + 9 * number)
            self.agenda.add(later, self._price_file(supplier, Decimal("1.04"), BAD_LINES))
            at = begins_at + timedelta(days=20 + 3 * number, hours=9)
            while at < self.ends_at - timedelta(days=3):
                self.agenda.add(at, self._order_round(supplier.code, REORDER_BELOW))
                at += timedelta(days=DAYS_BETWEEN_ORDERS)
        # Two orders that the manager has on the desk this morning, and one still being written.
        for supplier, hours in zip(SUPPLIERS, (7, 5, 1), strict=False):
            self.agenda.add(
                self.ends_at - timedelta(hours=hours),
                self._order_round(supplier.code, ORDER_UP_TO // 2),
            )

        self.agenda.add(self.ends_at - timedelta(hours=2), self._freight_of_the_newest)

    def _price_file(
        self, demo: DemoSupplier, factor: Decimal, extra_lines: Sequence[dict[str, str]]
    ) -> Happening:
        def happen(at: datetime) -> None:
            content = price_file(
                demo,
                [article for article in self.articles if article.supplier == demo.code],
                lambda article: article.unit_cost * factor / demo.rate,
                extra_lines,
            )
            path = self.folder / f"{demo.code}-{at:%Y-%m-%d}.{demo.file.extension}"
            path.write_bytes(content)
            profile, buyer = self.shop.profiles[demo.code], self.shop.people["bea"]
            file = operations.receive_supplier_file(
                supplier=profile.supplier,
                name=path.name,
                content=ContentFile(content),
                at=at,
                by=buyer,
            )
            read = operations.read_received_file(file_id=file.pk, profile=profile, at=at, by=buyer)
            if read.run_id is None:
                msg = f"{path.name} cannot be read: {read.error}"
                raise ValueError(msg)
            operations.apply_supplier_file(run_id=read.run_id, at=at, by=buyer)

        return happen

    def _order_round(self, supplier_code: str, below: int) -> Happening:
        def happen(at: datetime) -> None:
            supplier = self.shop.suppliers[supplier_code]
            lines = self._needs(supplier, below)
            if not lines:
                return
            order = operations.create_purchase_order(
                supplier=supplier,
                location=self.shop.locations["main"],
                lines=lines,
                reference=f"round {supplier_code} {at:%Y-%m-%d}",
                at=at,
                by=self.shop.people["bea"],
                expected_on=(at + timedelta(days=supplier.lead_time_days)).date(),
            )
            self.agenda.add(at + timedelta(hours=3), self._submit(order.pk))

        return happen

    def _needs(self, supplier: Supplier, below: int) -> list[NewLine]:
        """Return what runs low at the main warehouse and is not on its way."""
        position: dict[int, int] = dict(
            StockLevel.objects.with_available()
            .filter(location=self.shop.locations["main"])
            .values_list("variant", "available")  # type: ignore[misc] # annotated just above
        )
        for order in PurchaseOrder.objects.filter(supplier=supplier).exclude(
            status__in=[PurchaseOrder.Status.CLOSED, PurchaseOrder.Status.CANCELLED]
        ):
            for line in order.lines.all():
                position[line.variant_id] = position.get(line.variant_id, 0) + line.expected
        wanted = SupplierProduct.objects.filter(
            supplier=supplier, variant__isnull=False, is_active=True
        ).order_by("pk")
        short = [
            (position.get(product.variant_id or 0, 0), product.variant_id or 0)
            for product in wanted
        ]
        lowest = sorted(entry for entry in short if entry[0] < below)[:LINES_PER_ORDER]
        return [NewLine(variant_id=pk, units=ORDER_UP_TO - max(units, 0)) for units, pk in lowest]

    def _submit(self, order_id: int) -> Happening:
        def happen(at: datetime) -> None:
            operations.submit(order_id=order_id, at=at)
            self.agenda.add(at + timedelta(hours=20), self._approve(order_id))

        return happen

    def _approve(self, order_id: int) -> Happening:
        def happen(at: datetime) -> None:
            operations.approve(order_id=order_id, at=at, by=self.shop.people["mira"])
            order = operations.send(order_id=order_id, at=at)
            days = order.supplier.lead_time_days + self.chance.randint(-2, 4)
            self.agenda.add(at + timedelta(days=days), self._delivery(order_id, 1))

        return happen

    def _delivery(self, order_id: int, part: int) -> Happening:
        def happen(at: datetime) -> None:
            order = PurchaseOrder.objects.select_related("supplier").get(pk=order_id)
            is_news = at > self.ends_at - DAYS_TO_SETTLE
            lines = [
                received
                for line in order.lines.order_by("position")
                if line.expected
                and (received := self._received(line.pk, line.expected, part, is_news=is_news))
            ]
            if lines:
                receipt = operations.receive_goods(
                    order_id=order_id,
                    lines=lines,
                    delivery_note=f"DN-{self.chance.randint(10_000, 99_999)}",
                    key=f"delivery {order.number} {part}",
                    at=at,
                    by=self.shop.people["wim"],
                )
                days = self.chance.randint(1, 4)
                self.agenda.add(at + timedelta(days=days), self.billing.bill(receipt.pk, part))
                self._expect_freight(receipt.pk, at)
                if receipt.held_goods.exists():
                    self.agenda.add(at + DAYS_TO_SETTLE, self._settle_broken(receipt.pk, order_id))
            if part == 1 and order.lines.filter(received__lt=1).exists():
                self.agenda.add(at + timedelta(days=8), self._delivery(order_id, 2))

        return happen

    def _settle_broken(self, receipt_id: int, order_id: int) -> Happening:
        """The supplier credits what came broken and does not want it back: nothing more comes."""

        def happen(at: datetime) -> None:
            wim = self.shop.people["wim"]
            for held in HeldGoods.objects.open().filter(receipt=receipt_id).order_by("pk"):
                operations.scrap_held(
                    held_id=held.pk,
                    units=held.left,
                    reason="The supplier does not want it back",
                    key=f"settled {held.pk}",
                    at=at,
                    by=wim,
                )
            order = PurchaseOrder.objects.get(pk=order_id)
            if order.status == PurchaseOrder.Status.SENT:
                operations.close_short(
                    order_id=order_id,
                    reason="Credited, nothing more comes",
                    at=at,
                    by=self.shop.people["bea"],
                )

        return happen

    def _expect_freight(self, receipt_id: int, at: datetime) -> None:
        """Some deliveries come with a carrier who sends a bill of his own, some days later."""
        if self.chance.random() < BILLED_BY_CARRIER:
            self.agenda.add(at + timedelta(days=2), self._freight(receipt_id))

    def _freight_of_the_newest(self, at: datetime) -> None:
        """Leave a carrier's bill on the accountant's desk this morning."""
        newest = GoodsReceipt.objects.filter(lines__landed_cost_lines=None).latest("pk")
        self._freight(newest.pk)(at)

    def _freight(self, receipt_id: int) -> Happening:
        return bill_freight(
            self.shop,
            self.agenda,
            receipt_id=receipt_id,
            amount=Decimal(self.chance.randint(1800, 6500)) / 100,
            decide=self.billing.decide,
        )

    def _received(
        self, line_id: int, expected: int, part: int, *, is_news: bool
    ) -> ReceivedLine | None:
        """The first delivery misses a line now and then and has a broken piece or two."""
        if part == 1 and self.chance.random() < FORGOTTEN_LINES:
            return None
        broken = BROKEN_LATELY if is_news else BROKEN_LINES
        rejected = min(2, expected - 1) if self.chance.random() < broken else 0
        return ReceivedLine(
            order_line_id=line_id,
            accepted=expected - rejected,
            rejected=rejected,
            reject_reason=RejectReason.DAMAGED if rejected else "",
            note="Broken in transit" if rejected else "",
        )
