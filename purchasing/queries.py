"""Reads over several models of buying."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from django.conf import settings
from django.db.models import Exists, F, Min, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest, Round

from purchasing.models import (
    GoodsReceiptLine,
    MatchAllocation,
    MatchException,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierInvoiceLine,
    SupplierPrice,
)
from retail.common.integrity import Difference, differences_of
from retail.common.money import minor_units, round_rate

ALIKE_WITHIN = timedelta(days=30)
# Units of an order line that the supplier still owes.
STILL_TO_COME = F("ordered") - F("cancelled") - F("received")


@dataclass(frozen=True)
class Offer:
    """What a supplier asks for one unit, and the supplier's name for the article."""

    unit_cost: Decimal
    supplier_sku: str


def supplier_offers(
    *, supplier_id: int, wanted: Collection[tuple[int, int]], on: date
) -> dict[tuple[int, int], Offer]:
    """
    Return the supplier's lowest price of a day for each wanted variant and number of units.

    wanted: pairs of variant id and units; a price counts from its minimum quantity on. A pair
    without a price is left out.
    """
    variant_ids = {variant_id for variant_id, _units in wanted}
    prices = list(
        SupplierPrice.objects.filter(
            Q(valid_to__isnull=True) | Q(valid_to__gt=on),
            supplier_product__supplier_id=supplier_id,
            supplier_product__variant_id__in=variant_ids,
            supplier_product__is_active=True,
            valid_from__lte=on,
        )
        .select_related("supplier_product")
        .order_by("unit_cost", "pk")
    )

    offers: dict[tuple[int, int], Offer] = {}
    for variant_id, units in wanted:
        for price in prices:
            if price.supplier_product.variant_id == variant_id and price.min_quantity <= units:
                offers[variant_id, units] = Offer(
                    unit_cost=price.unit_cost, supplier_sku=price.supplier_product.supplier_sku
                )
                break
    return offers


@dataclass(frozen=True)
class Comparison:
    """
    A line of a bill beside an order line it was set against, or beside nothing.

    ordered, received and invoiced are the order line's totals over all deliveries and bills;
    billed and matched are units of this line; unit_price is net with the line's charges.
    """

    line: SupplierInvoiceLine
    order_line: PurchaseOrderLine | None
    billed: int
    matched: int

    @property
    def unit_price(self) -> Decimal:
        return round_rate(self.line.net_amount / self.line.quantity)

    @property
    def price_difference(self) -> Decimal | None:
        """What a unit costs above the order."""
        return None if self.order_line is None else self.unit_price - self.order_line.unit_cost

    @property
    def missing(self) -> int:
        """Billed units that no delivery stands behind."""
        return self.billed - self.matched

    @property
    def is_off(self) -> bool:
        """Whether a person should look: on no order, dearer than ordered, or without goods."""
        return self.price_difference is None or self.price_difference > 0 or self.missing > 0


def invoice_comparison(invoice_id: int) -> list[Comparison]:
    """Return every line of a bill beside what was ordered, received and invoiced in all."""
    lines = SupplierInvoiceLine.objects.filter(invoice=invoice_id).order_by("position")
    matches = (
        MatchAllocation.objects.filter(invoice_line__invoice=invoice_id)
        .select_related("order_line__order", "order_line__variant")
        .order_by("order_line")
    )
    of_line: dict[int, dict[PurchaseOrderLine | None, list[MatchAllocation]]] = defaultdict(dict)
    for match in matches:
        of_line[match.invoice_line_id].setdefault(match.order_line, []).append(match)
    return [
        Comparison(
            line=line,
            order_line=order_line,
            billed=sum(share.units for share in shares) if order_line else line.quantity,
            matched=sum(share.units for share in shares if share.receipt_line_id),
        )
        for line in lines
        for order_line, shares in (of_line[line.pk] or {None: []}).items()
    ]


@dataclass(frozen=True, slots=True)
class Incoming:
    """Units of one variant that a supplier still owes to a location."""

    variant_id: int
    location_id: int
    location: str
    order_id: int
    number: str
    supplier: str
    units: int
    expected_on: date | None


def incoming_units(*, variant_ids: Collection[int]) -> list[Incoming]:
    """
    Return what is still to come of these variants on orders that were sent, the soonest first.

    Several lines of an order are one row. What is not sent yet nobody delivers.
    """
    rows = (
        _still_to_come()
        .filter(variant_id__in=list(variant_ids))
        .values("variant_id", "order_id")
        .annotate(units=Sum(STILL_TO_COME))
        .order_by(F("order__expected_on").asc(nulls_last=True), "order_id", "variant_id")
        .values_list(
            "variant_id",
            "order__location_id",
            "order__location__name",
            "order_id",
            "order__number",
            "order__supplier__name",
            "units",
            "order__expected_on",
        )
    )
    return [Incoming(*row) for row in rows]


def incoming_to_level() -> Coalesce:
    """Return the units that are still to come to a stock level, to annotate levels with."""
    lines = _still_to_come().filter(
        variant=OuterRef("variant"), order__location=OuterRef("location")
    )
    return Coalesce(
        Subquery(lines.values("variant").annotate(units=Sum(STILL_TO_COME)).values("units")), 0
    )


def _still_to_come() -> QuerySet[PurchaseOrderLine]:
    return PurchaseOrderLine.objects.filter(
        order__status=PurchaseOrder.Status.SENT, ordered__gt=F("cancelled") + F("received")
    )


def goods_not_invoiced() -> QuerySet[PurchaseOrderLine]:
    """
    Return the order lines of which goods came that no bill was set against, the oldest first.

    Annotates open_units, open_value (at receipt cost, book currency) and oldest_receipt_at.
    """
    open_units = F("receipt_lines__accepted") - F("receipt_lines__matched")
    share = F("receipt_lines__value") * open_units / F("receipt_lines__accepted")
    decimals = minor_units(settings.RETAIL_CURRENCY)
    return (
        PurchaseOrderLine.objects.filter(receipt_lines__accepted__gt=F("receipt_lines__matched"))
        .annotate(
            open_units=Sum(open_units),
            open_value=Sum(Round(share, precision=decimals)),
            oldest_receipt_at=Min("receipt_lines__receipt__received_at"),
        )
        .select_related("order__supplier", "variant")
        .order_by("oldest_receipt_at", "pk")
    )


def lines_to_bill(order_id: int) -> QuerySet[PurchaseOrderLine]:
    """Return the lines of one order of which something is not billed yet, received or not."""
    return (
        PurchaseOrderLine.objects.filter(
            order=order_id,
            invoiced__lt=Greatest(F("ordered") - F("cancelled"), F("received")),
        )
        .select_related("variant__product")
        .order_by("position")
    )


def exceptions_to_decide() -> QuerySet[MatchException]:
    """Return what a person has to look at, what falls due first; goods on their way are not."""
    return (
        MatchException.objects.filter(status=MatchException.Status.OPEN)
        .exclude(
            kind=MatchException.Kind.NOT_RECEIVED,
            invoice__status=SupplierInvoice.Status.MATCHING,
        )
        .select_related("invoice__supplier", "invoice_line")
        .order_by("invoice__due_on", "pk")
    )


def invoices_to_match() -> QuerySet[SupplierInvoice]:
    """Return bills that were never matched, and those that wait for goods which came since."""
    waits_for_goods = MatchAllocation.objects.filter(
        invoice_line__invoice=OuterRef("pk"), receipt_line__isnull=True
    )
    goods_are_here = Exists(
        GoodsReceiptLine.objects.filter(
            order_line=OuterRef("order_line"), accepted__gt=F("matched")
        )
    )
    status = SupplierInvoice.Status
    return SupplierInvoice.objects.filter(
        Q(status=status.CAPTURED)
        | Q(
            Exists(waits_for_goods.filter(goods_are_here)),
            kind=SupplierInvoice.Kind.INVOICE,
        )
    ).order_by("pk")


def invoices_like(invoice: SupplierInvoice) -> QuerySet[SupplierInvoice]:
    """Return other documents of the supplier over the same total, within 30 days."""
    return (
        SupplierInvoice.objects.filter(
            supplier=invoice.supplier_id,
            kind=invoice.kind,
            currency=invoice.currency,
            total=invoice.total,
            invoiced_on__range=(
                invoice.invoiced_on - ALIKE_WITHIN,
                invoice.invoiced_on + ALIKE_WITHIN,
            ),
        )
        .exclude(pk=invoice.pk)
        .exclude(status=SupplierInvoice.Status.VOID)
        .order_by("invoiced_on", "pk")
    )


# Name of a check -> query of key, what it should be, what it is. Credit notes count the other way.
_CHECKS = {
    "units received": """
        SELECT orders.number || ' line ' || line.position, coalesce(came.units, 0), line.received
          FROM purchasing_purchaseorderline AS line
          JOIN purchasing_purchaseorder AS orders ON orders.id = line.order_id
          LEFT JOIN (SELECT order_line_id, sum(accepted) AS units
                       FROM purchasing_goodsreceiptline GROUP BY order_line_id) AS came
            ON came.order_line_id = line.id
         WHERE line.received <> coalesce(came.units, 0)
         ORDER BY 1
    """,
    "units invoiced": """
        SELECT orders.number || ' line ' || line.position, coalesce(billed.units, 0),
               line.invoiced
          FROM purchasing_purchaseorderline AS line
          JOIN purchasing_purchaseorder AS orders ON orders.id = line.order_id
          LEFT JOIN (SELECT match.order_line_id, sum(
                            CASE invoice.kind WHEN 'CREDIT_NOTE' THEN -match.units
                                              ELSE match.units END) AS units
                       FROM purchasing_matchallocation AS match
                       JOIN purchasing_supplierinvoiceline AS billed
                         ON billed.id = match.invoice_line_id
                       JOIN purchasing_supplierinvoice AS invoice ON invoice.id = billed.invoice_id
                      GROUP BY match.order_line_id) AS billed
            ON billed.order_line_id = line.id
         WHERE line.invoiced <> coalesce(billed.units, 0)
         ORDER BY 1
    """,
    "units of a receipt matched": """
        SELECT receipt.number || ' line ' || line.id, coalesce(billed.units, 0), line.matched
          FROM purchasing_goodsreceiptline AS line
          JOIN purchasing_goodsreceipt AS receipt ON receipt.id = line.receipt_id
          LEFT JOIN (SELECT match.receipt_line_id, sum(
                            CASE invoice.kind WHEN 'CREDIT_NOTE' THEN -match.units
                                              ELSE match.units END) AS units
                       FROM purchasing_matchallocation AS match
                       JOIN purchasing_supplierinvoiceline AS billed
                         ON billed.id = match.invoice_line_id
                       JOIN purchasing_supplierinvoice AS invoice ON invoice.id = billed.invoice_id
                      GROUP BY match.receipt_line_id) AS billed
            ON billed.receipt_line_id = line.id
         WHERE line.matched <> coalesce(billed.units, 0) OR line.matched > line.accepted
         ORDER BY 1
    """,
    "units of an invoice line matched": """
        SELECT invoice.number || ' line ' || line.position, line.quantity, sum(match.units)
          FROM purchasing_supplierinvoiceline AS line
          JOIN purchasing_supplierinvoice AS invoice ON invoice.id = line.invoice_id
          JOIN purchasing_matchallocation AS match ON match.invoice_line_id = line.id
         GROUP BY invoice.number, line.position, line.quantity
        HAVING sum(match.units) > line.quantity
         ORDER BY 1
    """,
    "matches of a void invoice": """
        SELECT invoice.number || ' line ' || line.position, 0, sum(match.units)
          FROM purchasing_supplierinvoiceline AS line
          JOIN purchasing_supplierinvoice AS invoice ON invoice.id = line.invoice_id
          JOIN purchasing_matchallocation AS match ON match.invoice_line_id = line.id
         WHERE invoice.status = 'VOID'
         GROUP BY invoice.number, line.position
         ORDER BY 1
    """,
    "freight of a bill on goods": """
        SELECT invoice.number, coalesce(landed.amount, 0), coalesce(claim.claimed, 0)
          FROM purchasing_freightclaim AS claim
          FULL JOIN (SELECT invoice_id, sum(amount) AS amount
                       FROM purchasing_landedcost WHERE status = 'POSTED'
                      GROUP BY invoice_id) AS landed
            ON landed.invoice_id = claim.invoice_id
          JOIN purchasing_supplierinvoice AS invoice
            ON invoice.id = coalesce(claim.invoice_id, landed.invoice_id)
         WHERE coalesce(claim.claimed, 0) <> coalesce(landed.amount, 0)
         ORDER BY 1
    """,
    "shares of a landed cost": """
        SELECT landed.number, landed.amount, coalesce(shared.amount, 0)
          FROM purchasing_landedcost AS landed
          LEFT JOIN (SELECT landed_cost_id, sum(amount) AS amount
                       FROM purchasing_landedcostshare GROUP BY landed_cost_id) AS shared
            ON shared.landed_cost_id = landed.id
         WHERE landed.status = 'POSTED' AND coalesce(shared.amount, 0) <> landed.amount
         ORDER BY 1
    """,
    "cost of a landed share": """
        SELECT landed.number || ' line ' || share.receipt_line_id,
               share.to_stock || ' and ' || share.expensed,
               movement.value || ' and ' || movement.expensed
          FROM purchasing_landedcostshare AS share
          JOIN purchasing_landedcost AS landed ON landed.id = share.landed_cost_id
          JOIN inventory_costmovement AS movement ON movement.id = share.cost_movement_id
         WHERE share.to_stock <> movement.value OR share.expensed <> movement.expensed
         ORDER BY 1
    """,
}


def differences() -> list[Difference]:
    """
    Return every total of orders, receipts and freight that is not what their documents say.

    The caller opens a snapshot first, else a receipt between two queries looks like a mistake.
    """
    return differences_of(_CHECKS)
