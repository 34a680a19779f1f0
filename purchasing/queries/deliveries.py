"""What is on a delivery that is being counted, and what a place still waits for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce

from purchasing.models import Delivery, DeliveryLine, HeldGoods, PurchaseOrder, PurchaseOrderLine


@dataclass(frozen=True)
class DeliveryRow:
    """
    A line of a delivery beside what was ordered.

    ordered: units that are to come in all; came_before: those of earlier receipts. Both are None
    where nobody ordered the goods.
    """

    line: DeliveryLine
    sku: str
    name: str
    supplier_sku: str
    order_number: str
    expected_on: date | None
    ordered: int | None
    came_before: int | None

    @property
    def is_unplanned(self) -> bool:
        return self.ordered is None

    @property
    def counted(self) -> int:
        return self.line.accepted + self.line.rejected

    @property
    def expected(self) -> int:
        """Units that this delivery may bring."""
        return max((self.ordered or 0) - (self.came_before or 0), 0)

    @property
    def is_over(self) -> bool:
        return not self.is_unplanned and self.line.accepted > self.expected

    @property
    def is_complete(self) -> bool:
        return not self.is_unplanned and self.counted == self.expected


def delivery_rows(delivery_id: int) -> list[DeliveryRow]:
    """Return the lines of a delivery: what nobody ordered first, then as they were ordered."""
    lines = (
        DeliveryLine.objects.filter(delivery=delivery_id)
        .select_related("variant__product", "order_line__order")
        .order_by(
            F("order_line__order").asc(nulls_first=True), "order_line__position", "code", "pk"
        )
    )
    return [_row(line) for line in lines]


def _row(line: DeliveryLine) -> DeliveryRow:
    ordered = line.order_line
    return DeliveryRow(
        line=line,
        sku=line.variant.sku if line.variant else line.code,
        name=line.variant.full_name if line.variant else "",
        supplier_sku=ordered.supplier_sku if ordered else "",
        order_number=ordered.order.number if ordered else "",
        expected_on=(
            ordered.confirmed_on or ordered.expected_on or ordered.order.expected_on
            if ordered
            else None
        ),
        ordered=ordered.ordered - ordered.cancelled + ordered.to_replace if ordered else None,
        came_before=ordered.received if ordered else None,
    )


def orders_to_receive(*, supplier_id: int, location_id: int) -> QuerySet[PurchaseOrder]:
    """Return the orders of a supplier that a place still waits for, the oldest first."""
    still_to_come = PurchaseOrderLine.objects.filter(
        order=OuterRef("pk"), ordered__gt=F("cancelled") + F("received") - F("to_replace")
    )
    return PurchaseOrder.objects.filter(
        Exists(still_to_come),
        supplier=supplier_id,
        location=location_id,
        status=PurchaseOrder.Status.SENT,
        drop_ship_order__isnull=True,
    ).order_by("pk")


def deliveries_found(text: str) -> Sequence[Delivery]:
    """Return the open deliveries a scanned paper means: their number, note, or one of an order."""
    wanted = text.strip()
    opened = Delivery.objects.filter(status=Delivery.Status.OPEN)
    by_text = (
        opened.filter(number=wanted.upper()),
        opened.filter(delivery_note__iexact=wanted),
        opened.filter(lines__order_line__order__number=wanted.upper()),
        opened.filter(lines__order_line__order__supplier_reference__iexact=wanted),
    )
    found = {delivery.pk: delivery for deliveries in by_text for delivery in deliveries}
    return [found[pk] for pk in sorted(found)]


def lines_for_held(held: HeldGoods) -> QuerySet[PurchaseOrderLine]:
    """
    Return the order lines that held goods may be accepted on: what expects them first.

    Of sent orders of their supplier for their article and their place.
    """
    is_short = Q(ordered__gt=F("cancelled") + F("received") - F("to_replace"))
    due = Coalesce("confirmed_on", "expected_on", "order__expected_on")
    return (
        PurchaseOrderLine.objects.filter(
            variant=held.variant_id,
            order__supplier=held.receipt.supplier_id,
            order__location=held.receipt.location_id,
            order__status=PurchaseOrder.Status.SENT,
            order__drop_ship_order__isnull=True,
        )
        .annotate(is_expecting=Case(When(is_short, then=1), default=0))
        .select_related("order")
        .order_by("-is_expecting", due.asc(nulls_last=True), "pk")
    )
