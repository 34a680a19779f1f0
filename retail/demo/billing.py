"""What suppliers bill the practice shop for, how the bills come, and what becomes of them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from purchasing import operations
from purchasing.models import (
    GoodsReceipt,
    InvoiceDocument,
    MatchException,
    Supplier,
    SupplierInvoice,
)
from purchasing.operations import NewInvoiceLine, NewInvoiceTax
from retail.common.errors import BusinessError
from retail.common.money import round_amount
from retail.demo.agenda import Agenda, Happening
from retail.demo.bills import Bill, BilledGoods, Firm, buyer, factur_x, ubl
from retail.demo.shop import Shop
from retail.demo.suppliers import AS_PDF, PAPER, SUPPLIERS

DAYS_TO_DECIDE = timedelta(days=6)
TAX_RATE = Decimal(20)
# Bills younger than that are looked at as pages; the older ones are data only, which is quicker.
LATELY = timedelta(days=30)
BILLS_AS = {supplier.code: supplier.bills for supplier in SUPPLIERS}


class Billing:
    """Puts the bill of every delivery into the agenda, and what accounting does about it."""

    def __init__(
        self, *, shop: Shop, agenda: Agenda, chance: random.Random, ends_at: datetime
    ) -> None:
        self.shop = shop
        self.agenda = agenda
        self.chance = chance
        self.ends_at = ends_at

    def bill(self, receipt_id: int, part: int) -> Happening:
        """Return the arrival of the bill for a delivery: right, dearer, or for more than came."""

        def happen(at: datetime) -> None:
            is_news = at > self.ends_at - DAYS_TO_DECIDE
            weights = (10, 50, 40) if is_news else (80, 11, 9)
            mood = self.chance.choices(("right", "dearer", "more units"), weights)[0]
            bill = bill_of(receipt_id, part=part, mood=mood, at=at)
            supplier = GoodsReceipt.objects.select_related("supplier").get(pk=receipt_id).supplier
            if BILLS_AS[supplier.code] == PAPER:
                invoice = self._typed(supplier, bill, at)
            else:
                invoice = self._sent(supplier, bill, at)
            self.agenda.add(at + DAYS_TO_DECIDE, self.decide(invoice.pk))

        return happen

    def decide(self, invoice_id: int) -> Happening:
        """The manager accepts small surprises after some days and approves what is matched."""

        def happen(at: datetime) -> None:
            operations.match_invoice(invoice_id=invoice_id, at=at)
            for exception in MatchException.objects.filter(
                invoice=invoice_id, status=MatchException.Status.OPEN, is_blocking=True
            ).order_by("pk"):
                operations.decide_exception(
                    exception_id=exception.pk,
                    decision=MatchException.Status.ACCEPTED,
                    reason="Agreed with the supplier by phone",
                    at=at,
                    by=self.shop.people["mira"],
                )
            try:
                operations.approve_invoice(
                    invoice_id=invoice_id, at=at, by=self.shop.people["mira"]
                )
            except BusinessError:
                # Still waiting for goods: the supplier billed more than came.
                self.agenda.add(at + DAYS_TO_DECIDE, self.decide(invoice_id))
                return
            self.agenda.add(at + timedelta(days=2), self._export(invoice_id))

        return happen

    def _sent(self, supplier: Supplier, bill: Bill, at: datetime) -> SupplierInvoice:
        """The supplier mails it; its data are captured and matched without anybody typing."""
        is_page = BILLS_AS[supplier.code] == AS_PDF and at > self.ends_at - LATELY
        number = bill.number.replace("/", "-")
        document = operations.receive_document(
            content=factur_x(bill) if is_page else ubl(bill),
            filename=f"{number}.pdf" if is_page else f"{number}.xml",
            channel=InvoiceDocument.Channel.MAIL,
            origin=f"billing@{supplier.code}.example.com: invoice {bill.number}",
            at=at,
            by=None,
        )
        return document.invoices.get()

    def _typed(self, supplier: Supplier, bill: Bill, at: datetime) -> SupplierInvoice:
        """The supplier sends paper, which the accountant types in."""
        invoice = operations.capture_invoice(
            supplier=supplier,
            kind=SupplierInvoice.Kind.INVOICE,
            supplier_number=bill.number,
            invoiced_on=bill.issued_on,
            currency=bill.currency,
            lines=[
                NewInvoiceLine(
                    order_number=bill.order_number,
                    supplier_sku=line.supplier_sku,
                    description=line.name,
                    quantity=line.units,
                    unit_price=line.unit_price,
                    net_amount=line.net,
                    tax_rate=TAX_RATE,
                )
                for line in bill.lines
            ],
            net_total=bill.net,
            tax_total=bill.tax,
            total=bill.total,
            taxes=[NewInvoiceTax(rate=TAX_RATE, taxable=bill.net, tax=bill.tax)],
            at=at,
            by=self.shop.people["alan"],
        )
        return operations.match_invoice(invoice_id=invoice.pk, at=at)

    def _export(self, invoice_id: int) -> Happening:
        def happen(at: datetime) -> None:
            operations.export_payables(
                invoice_ids=[invoice_id],
                key=f"payables {at:%Y-%m-%d} {invoice_id}",
                at=at,
                by=self.shop.people["alan"],
            )
            due_on = SupplierInvoice.objects.get(pk=invoice_id).due_on
            days = max((due_on - at.date()).days, 1)
            self.agenda.add(at + timedelta(days=days), self._payment(invoice_id))

        return happen

    def _payment(self, invoice_id: int) -> Happening:
        def happen(at: datetime) -> None:
            operations.record_payment(
                invoice_id=invoice_id, paid_on=at.date(), at=at, by=self.shop.people["alan"]
            )

        return happen


def bill_of(receipt_id: int, *, at: datetime, part: int = 1, mood: str = "right") -> Bill:
    """Return the bill for a receipt; in a bad mood its first line is dearer, or for more."""
    receipt = GoodsReceipt.objects.select_related("supplier").get(pk=receipt_id)
    supplier = receipt.supplier
    came = receipt.lines.select_related("order_line__order", "order_line__variant__product").filter(
        accepted__gt=0
    )
    lines = [
        BilledGoods(
            supplier_sku=line.order_line.supplier_sku,
            gtin=line.order_line.variant.gtin or "",
            name=str(line.order_line.variant),
            units=line.accepted,
            unit_price=line.unit_cost.normalize(),
        )
        for line in came.order_by("pk")
    ]
    if mood == "dearer":
        dearer = round_amount(lines[0].unit_price * Decimal("1.08"), supplier.currency)
        lines[0] = replace(lines[0], unit_price=dearer)
    if mood == "more units":
        lines[0] = replace(lines[0], units=lines[0].units + 6)
    first = came.order_by("pk")[0]
    return Bill(
        number=f"{supplier.code[:3].upper()}-{at:%Y}-{receipt_id:05}/{part}",
        issued_on=at.date(),
        due_on=at.date() + timedelta(days=supplier.payment_days),
        currency=supplier.currency,
        seller=firm_of(supplier),
        buyer=buyer(),
        order_number=first.order_line.order.number,
        delivery_note=receipt.delivery_note,
        lines=tuple(lines),
        tax_rate=TAX_RATE,
    )


def firm_of(supplier: Supplier) -> Firm:
    """Return a supplier as it stands on its own bills."""
    return Firm(
        name=supplier.name,
        street=supplier.street,
        postcode=supplier.postcode,
        city=supplier.city,
        country=supplier.country,
        tax_number=supplier.tax_number,
        electronic_address=supplier.electronic_address,
        iban=supplier.iban,
    )
