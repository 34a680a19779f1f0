"""The practice shop's buying desk and receiving desk this morning: something at every stage."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from django.contrib.auth.models import Group
from django.core.files.base import ContentFile
from django.db import models
from django.db.models import Sum

from inventory.models import StockLevel
from purchasing import operations
from purchasing.models import (
    Delivery,
    HeldGoods,
    PurchaseApprovalRule,
    PurchaseOrder,
    PurchaseOrderLine,
    RejectReason,
    ReplenishmentRule,
    SupplierContact,
    SupplierReturn,
)
from purchasing.operations import Count, ReturnedGoods
from retail.common.roles import Role
from retail.demo.articles import Article
from retail.demo.selling import Selling
from retail.demo.shop import Shop
from retail.demo.suppliers import SUPPLIERS, price_file

HOUR = timedelta(hours=1)
SUSPICIOUS = Decimal("1.6")
LINES_COUNTED = 3
SHORT_BY = 2
DAYS_LATE = 9


class BuyingDesk:
    """Brings what buyers and receivers work on to where they go on with it this morning."""

    def __init__(
        self, *, shop: Shop, selling: Selling, range_of_articles: Sequence[Article]
    ) -> None:
        self.shop = shop
        self.selling = selling
        self.articles = range_of_articles

    def open(self, at: datetime) -> None:
        """Set the rules, and leave a file, proposals, a slip, a delivery and returns to work on."""
        self._set_rules()
        self._bring_in_a_file(at - 3 * HOUR)
        self._let_customers_wait(at - 2 * HOUR)
        self._let_a_day_slip(at - 2 * HOUR)
        self._unload(at - HOUR)
        self._send_back(at - HOUR)
        operations.propose_replenishment(key="this morning", at=at, by=self.shop.people["bea"])

    def _set_rules(self) -> None:
        managers = Group.objects.get(name=Role.MANAGER.value)
        PurchaseApprovalRule.objects.create(
            name="Large orders", from_amount=Decimal(500), group=managers
        )
        PurchaseApprovalRule.objects.create(
            name="Prices that moved", from_price_change_percent=Decimal(10), group=managers
        )
        ReplenishmentRule.objects.create(location=self.shop.locations["main"])
        for code, name in (("stonehouse", "Ann Harker"), ("nordtex", "Jens Vogt")):
            SupplierContact.objects.create(
                supplier=self.shop.suppliers[code],
                name=name,
                email=f"{name.split()[0].lower()}@{code}.example.com",
                is_copied_on_orders=True,
            )

    def _bring_in_a_file(self, at: datetime) -> None:
        """A price list in which everything costs more than half as much again: a guard stops it."""
        demo, bea = SUPPLIERS[0], self.shop.people["bea"]
        content = price_file(
            demo,
            [article for article in self.articles if article.supplier == demo.code],
            lambda article: article.unit_cost * SUSPICIOUS / demo.rate,
        )
        file = operations.receive_supplier_file(
            supplier=self.shop.suppliers[demo.code],
            name=f"{demo.code}-{at:%Y-%m-%d}.{demo.file.extension}",
            content=ContentFile(content),
            at=at,
            by=bea,
        )
        operations.read_received_file(
            file_id=file.pk, profile=self.shop.profiles[demo.code], at=at, by=bea
        )

    def _let_customers_wait(self, at: datetime) -> None:
        """Two articles are sold that are not there: one is on order, one is ordered for whom."""
        on_order = set(
            PurchaseOrderLine.objects.filter(order__in=self._expected()).values_list(
                "variant__sku", flat=True
            )
        )
        free = self._free_units()
        scarce = sorted(self.articles, key=lambda article: (free.get(article.sku, 0), article.sku))
        coming = next((article for article in scarce if article.sku in on_order), None)
        if coming is not None:
            self.selling.take_order(coming, free.get(coming.sku, 0) + SHORT_BY, at=at)
        wanted = next(article for article in scarce if article.sku not in on_order)
        order = self.selling.take_order(wanted, free.get(wanted.sku, 0) + SHORT_BY, at=at)
        operations.order_for_customer(
            order_line_id=order.lines.get().pk,
            supplier=self.shop.suppliers[wanted.supplier],
            location=self.shop.locations["main"],
            units=SHORT_BY,
            key="this morning",
            at=at,
            by=self.shop.people["bea"],
        )

    def _free_units(self) -> dict[str, int]:
        """Return SKU -> units that orders can still be sent from."""
        levels = StockLevel.objects.with_available().filter(location__is_shipping=True)
        rows = levels.values("variant__sku").annotate(units=Sum("available"))
        return dict(rows.order_by("variant__sku").values_list("variant__sku", "units"))

    def _let_a_day_slip(self, at: datetime) -> None:
        """A supplier confirms an order, but for later than it was expected."""
        order = self._expected().last()
        if order is None:
            return
        day = max(order.expected_on or at.date(), at.date()) + timedelta(days=DAYS_LATE)
        operations.confirm_order(
            order_id=order.pk,
            dates={line.pk: day for line in order.lines.all() if line.expected},
            supplier_reference=f"AB-{order.pk:06}",
            at=at,
            by=self.shop.people["bea"],
        )

    def _unload(self, at: datetime) -> None:
        """A delivery is being counted: some of it right, a broken piece, and a code unknown."""
        order, wim = self._expected().first(), self.shop.people["wim"]
        if order is None:
            return
        delivery = operations.open_delivery(
            supplier=order.supplier,
            location=order.location,
            order_ids=[order.pk],
            delivery_note="DN-50117",
            key="this morning",
            at=at,
            by=wim,
        )
        lines = PurchaseOrderLine.objects.filter(delivery_lines__delivery=delivery)
        counted = list(lines.select_related("variant").order_by("position")[:LINES_COUNTED])
        for line in counted:
            self._scan(delivery, line.variant.sku, line.expected, at)
        self._scan(delivery, "5901234123457", 2, at)
        broken = delivery.lines.get(order_line=counted[-1])
        operations.enter_counts(
            delivery_id=delivery.pk,
            counts=[
                Count(
                    line_id=broken.pk,
                    accepted=max(broken.accepted - 1, 0),
                    rejected=1,
                    reject_reason=RejectReason.DAMAGED,
                )
            ],
            at=at,
            by=wim,
        )

    def _scan(self, delivery: Delivery, code: str, units: int, at: datetime) -> None:
        operations.scan_goods(
            delivery_id=delivery.pk,
            code=code,
            units=units,
            key=f"scan {code}",
            at=at,
            by=self.shop.people["wim"],
        )

    def _send_back(self, at: datetime) -> None:
        """Broken pieces of a delivery wait to go back, and nobody has approved that yet."""
        held = HeldGoods.objects.open().select_related("receipt__supplier").order_by("-pk").first()
        if held is None:
            return
        operations.draft_return(
            supplier=held.receipt.supplier,
            expects=SupplierReturn.Expects.REPLACEMENT,
            reason="Broken in transit",
            lines=[ReturnedGoods(units=held.left, held_goods_id=held.pk)],
            key="this morning",
            at=at,
            by=self.shop.people["bea"],
        )

    def _expected(self) -> models.QuerySet[PurchaseOrder]:
        """Return sent orders of which nothing has come, what is due first first."""
        return (
            PurchaseOrder.objects.filter(
                status=PurchaseOrder.Status.SENT,
                receipt_status=PurchaseOrder.Progress.NONE,
                drop_ship_order__isnull=True,
            )
            .select_related("supplier", "location")
            .order_by("expected_on", "pk")
        )
