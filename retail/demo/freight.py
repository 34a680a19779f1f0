"""What carriers charged for bringing goods in, laid on the deliveries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

from purchasing import operations
from purchasing.models import GoodsReceipt, LandedCost, SupplierInvoice, SupplierInvoiceLine
from purchasing.operations import NewInvoiceLine
from retail.demo.agenda import Agenda, Happening
from retail.demo.shop import CARRIER, Shop

# Bills younger than that still lie on the desks.
DAYS_TO_LAND, DAYS_TO_DECIDE = timedelta(days=4), timedelta(days=6)


def bill_freight(
    shop: Shop,
    agenda: Agenda,
    *,
    receipt_id: int,
    amount: Decimal,
    decide: Callable[[int], Happening],
) -> Happening:
    """
    Return the arrival of the carrier's bill for a delivery; its freight is landed days later.

    decide: what the manager does about a bill (its primary key) that no order expected.
    """

    def happen(at: datetime) -> None:
        receipt = GoodsReceipt.objects.get(pk=receipt_id)
        invoice = operations.capture_invoice(
            supplier=shop.suppliers[CARRIER],
            kind=SupplierInvoice.Kind.INVOICE,
            supplier_number=f"NG{at:%y}{receipt_id:05}",
            invoiced_on=at.date(),
            currency="GBP",
            lines=[
                NewInvoiceLine(
                    kind=SupplierInvoiceLine.Kind.CHARGE,
                    description=f"Freight, delivery note {receipt.delivery_note}",
                    quantity=1,
                    unit_price=amount,
                    net_amount=amount,
                )
            ],
            net_total=amount,
            tax_total=Decimal(0),
            total=amount,
            at=at,
            by=shop.people["alan"],
        )
        operations.match_invoice(invoice_id=invoice.pk, at=at)
        landed = operations.draft_landed_cost(
            invoice_id=invoice.pk,
            amount=amount,
            method=LandedCost.Method.VALUE,
            receipt_ids=[receipt_id],
            key=f"freight of {receipt.number}",
            at=at,
            by=shop.people["alan"],
        )
        agenda.add(at + DAYS_TO_LAND, _land(shop, landed.pk))
        agenda.add(at + DAYS_TO_DECIDE, decide(invoice.pk))

    return happen


def _land(shop: Shop, landed_cost_id: int) -> Happening:
    def happen(at: datetime) -> None:
        operations.post_landed_cost(landed_cost_id=landed_cost_id, at=at, by=shop.people["alan"])

    return happen
