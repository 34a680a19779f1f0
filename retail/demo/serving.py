"""The practice shop's order desks this morning: something at every stage of an order's life."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from channels.connectors.base import IncomingStatus
from channels.connectors.receipts import IncomingReceipt, IncomingReceiptLine, IncomingTender
from inventory.models import StockLevel
from orders import operations
from orders.models import (
    Claim,
    Fulfillment,
    FulfillmentItem,
    Order,
    PaymentEvent,
    PaymentRule,
    Refund,
    ReturnLine,
    RoutingRule,
)
from retail.demo.articles import Article
from retail.demo.selling import Selling
from retail.demo.shop import Shop

HOUR = timedelta(hours=1)
ORDERS_IN_A_WAVE, PACKED, SENT = 9, 5, 3
CAUSE = ReturnLine.Reason


class Serving:
    """Brings orders of the last days to where people go on with them this morning."""

    def __init__(
        self, *, shop: Shop, selling: Selling, range_of_articles: Sequence[Article]
    ) -> None:
        self.shop = shop
        self.selling = selling
        self.articles = range_of_articles

    def set_rules(self) -> None:
        """Say from where orders are served, and what has to be paid before they leave."""
        kinds = RoutingRule.Kind
        for rank, kind in enumerate(
            (kinds.FEWEST_PLACES, kinds.SAME_COUNTRY, kinds.KEEP_FLOOR, kinds.LOCATION_PRIORITY), 1
        ):
            RoutingRule.objects.create(rank=rank * 10, kind=kind)
        needs = PaymentRule.Needs
        PaymentRule.objects.create(
            channel=self.shop.channels["web"],
            promises=needs.NOTHING,
            releases=needs.PAID,
            unpaid_hours=72,
        )

    def open_the_doors(self, at: datetime) -> None:
        """Pick and pack, lay orders ready, take goods back, and ring up the morning's sales."""
        self._pick_and_pack(at - 3 * HOUR)
        self._lay_ready(at - 2 * HOUR)
        self._take_back(at - HOUR)
        self._ring_up(at)

    def _pick_and_pack(self, at: datetime) -> None:
        """One wave: some parcels gone, some packed, one of them called off on its channel."""
        wim = self.shop.people["wim"]
        wave = operations.start_picking(
            location=self.shop.locations["main"],
            key="this morning",
            limit=ORDERS_IN_A_WAVE,
            at=at,
            by=wim,
        )
        begun = list(wave.pick_list.fulfillments.order_by("pk"))
        for number, fulfillment in enumerate(begun[:PACKED]):
            self._pack(fulfillment, number, at + HOUR / 2)
        for fulfillment in begun[:SENT]:
            operations.ship_packed(fulfillment_id=fulfillment.pk, at=at + HOUR, by=wim)
        self._call_off_on_channel(begun[SENT:PACKED], at + HOUR)

    def _pack(self, fulfillment: Fulfillment, number: int, at: datetime) -> None:
        wim = self.shop.people["wim"]
        items = FulfillmentItem.objects.filter(fulfillment=fulfillment).select_related("variant")
        for item in items.order_by("pk"):
            operations.scan_unit(
                fulfillment_id=fulfillment.pk,
                code=item.variant.sku,
                units=item.units,
                key=f"scan {item.pk}",
                at=at,
                by=wim,
            )
        operations.pack(
            fulfillment_id=fulfillment.pk,
            parcels=[
                operations.NewParcel(
                    carrier="DPD",
                    tracking_number=f"DP{15_501_000_100 + number}GB",
                    weight=850 + 120 * number,
                    cost=Decimal("4.15"),
                )
            ],
            key=f"pack {fulfillment.pk}",
            at=at,
            by=wim,
        )

    def _call_off_on_channel(self, packed: Sequence[Fulfillment], at: datetime) -> None:
        """The buyer of a packed parcel has changed their mind: the parcel is stopped."""
        for fulfillment in packed:
            order = fulfillment.order
            told = self.selling.incoming.get(order.external_id or "")
            if told is None:
                continue
            called_off = replace(told, status=IncomingStatus.CANCELLED, updated_at=at)
            self.selling.incoming[called_off.external_id] = called_off
            operations.ingest_order(channel=order.channel, incoming=called_off, at=at)
            return

    def _lay_ready(self, at: datetime) -> None:
        """Four orders to be collected in York: one to make ready, two ready, one handed over."""
        stella = self.shop.people["stella"]
        names = ("Harriet Lowe", "Idris Khan", "Jo Marsh", "Kit Osborne")
        placed = [
            self._to_collect(name, at + number * HOUR / 10) for number, name in enumerate(names)
        ]
        for order in placed[1:]:
            operations.mark_ready(order_id=order.pk, key="ready", at=at + HOUR, by=stella)
        operations.note_arrival(
            order_id=placed[1].pk, vehicle="Blue van", bay="Bay 2", at=at + HOUR * 3 / 2
        )
        collected = placed[3]
        operations.record_payment(
            order_id=collected.pk,
            kind=PaymentEvent.Kind.CHARGED,
            amount=collected.total,
            method="CASH",
            external_id="York-1 00412",
            reference="00412",
            register="York-1",
            at=at + HOUR * 3 / 2,
            by=stella,
        )
        operations.hand_over(
            order_id=collected.pk, handed_to="Kit Osborne", at=at + HOUR * 3 / 2, by=stella
        )

    def _to_collect(self, name: str, at: datetime) -> Order:
        york = self.shop.locations["york"]
        level = (
            StockLevel.objects.filter(
                location=york,
                on_hand__gte=2 + york.walk_in_floor,
                allocated=0,
                variant__is_active=True,
            )
            .order_by("pk")
            .first()
        )
        if level is None:
            raise operations.NotAllThere("York has nothing to be collected.")
        return operations.place_order(
            channel=self.shop.channels["phone"],
            lines=[operations.NewOrderLine(variant_id=level.variant_id, quantity=1)],
            collecting=operations.Collecting(location=york, name=name),
            key=f"collect {name}",
            at=at,
            by=self.shop.people["olga"],
        )

    def _take_back(self, at: datetime) -> None:
        """A return to approve, one received and to be paid back, one paid back, and a claim."""
        olga, stella, york = (
            self.shop.people["olga"],
            self.shop.people["stella"],
            self.shop.locations["york"],
        )
        asked, expected, brought, settled, claimed = self._shipped_orders(5)
        operations.register_return(
            order_id=asked.pk,
            lines=_one_piece(asked, CAUSE.CHANGED_MIND),
            key="asked",
            at=at,
            by=olga,
        )
        announced = operations.register_return(
            order_id=expected.pk,
            lines=_one_piece(expected, CAUSE.WRONG_ARTICLE),
            key="expected",
            at=at,
            by=olga,
        )
        operations.approve_return(return_id=announced.pk, at=at, by=olga)
        operations.take_back(
            order_id=brought.pk,
            location=york,
            lines=_one_piece(brought, CAUSE.CHANGED_MIND, ReturnLine.Condition.RESELLABLE),
            key="brought",
            at=at,
            by=stella,
        )
        self._pay_back(settled, at)
        operations.open_claim(
            order_id=claimed.pk,
            kind=Claim.Kind.MISSING,
            told="One of the mugs was not in the box.",
            key="claim",
            at=at,
            by=olga,
        )

    def _pay_back(self, order: Order, at: datetime) -> None:
        """Give the money for a return back as the customer likes it: by bank transfer."""
        olga, alan = self.shop.people["olga"], self.shop.people["alan"]
        returned = operations.take_back(
            order_id=order.pk,
            location=self.shop.locations["bath"],
            lines=_one_piece(order, CAUSE.DEFECTIVE, ReturnLine.Condition.RESELLABLE),
            key="settled",
            at=at,
            by=self.shop.people["stella"],
        )
        amount = sum((line.amount for line in returned.lines.all()), Decimal(0))
        if not amount:
            return
        refund = operations.refund_return(
            return_id=returned.pk,
            amount=amount,
            reason="The handle was loose.",
            key="settled",
            at=at,
            by=olga,
        )
        if refund.status == Refund.Status.GRANTED:
            operations.execute_refund(
                refund_id=refund.pk,
                route=Refund.Route.BANK_TRANSFER,
                key="settled",
                at=at,
                by=alan,
            )

    def _shipped_orders(self, count: int) -> list[Order]:
        shipped = Order.objects.filter(
            channel=self.shop.channels["web"],
            fulfillment_status=Order.FulfillmentStatus.FULFILLED,
            return_status=Order.ReturnStatus.NONE,
        )
        return list(shipped.order_by("-placed_at", "-pk")[:count])

    def _ring_up(self, at: datetime) -> None:
        """The morning at a till: three receipts, one of which got lost on the way to us."""
        for sequence, article in zip((401, 402, 404), self.articles, strict=False):
            price = article.unit_price
            operations.ingest_receipt(
                channel=self.shop.channels["store"],
                receipt=IncomingReceipt(
                    register="York-1",
                    number=f"{sequence:05}",
                    sequence=sequence,
                    business_on=at.date(),
                    sold_at=at - HOUR,
                    currency="GBP",
                    total=price,
                    lines=(
                        IncomingReceiptLine(
                            external_line_id="1",
                            quantity=1,
                            unit_price=price,
                            total=price,
                            sku=article.sku,
                            gtin=article.gtin,
                            name=f"{article.product} {article.value}",
                        ),
                    ),
                    tenders=(IncomingTender(kind="CARD", amount=price),),
                    cashier="Stella",
                ),
                location=self.shop.locations["york"],
                at=at,
            )
        taken = sum((article.unit_price for article in self.articles[:4]), Decimal(0))
        operations.close_register_day(
            channel=self.shop.channels["store"],
            stated=operations.DayClose(
                register="York-1",
                business_on=at.date(),
                currency="GBP",
                receipts=4,
                total=taken,
                tenders={"CARD": taken},
                closed_at=at,
            ),
        )


def _one_piece(
    order: Order, reason: str, condition: str = ReturnLine.Condition.UNCHECKED
) -> list[operations.ReturnedLine]:
    """Return a piece of the first line of goods of an order, to come back."""
    line = order.lines.filter(is_stocked=True, shipped__gt=0).order_by("pk").first()
    if line is None:
        return []
    return [
        operations.ReturnedLine(
            order_line_id=line.pk, quantity=1, reason=reason, condition=condition
        )
    ]
