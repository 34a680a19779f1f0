"""The practice shop's invoices desk this morning: bills of every kind, some of them wrong."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from django.conf import settings

from purchasing import operations
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    InvoiceDocument,
    PurchaseOrder,
    SupplierInvoice,
    SupplierProduct,
)
from purchasing.operations import NewLine, ReceivedLine
from retail.demo.billing import bill_of
from retail.demo.bills import CREDIT_NOTE, Bill, Firm, factur_x, misprinted, scanned, ubl
from retail.demo.shop import Shop
from retail.demo.suppliers import AS_DATA, AS_PDF, PAPER, SUPPLIERS

HOUR = timedelta(hours=1)
# Of a supplier's own, and not the one that is on file.
OTHER_ACCOUNT = "DE75512108001245126199"
STRANGER = Firm(
    name="Kaffeehaus Blum GmbH",
    street="Am Markt 2",
    postcode="01067",
    city="Dresden",
    country="DE",
    tax_number="DE123456788",
    electronic_address="9930:DE123456788",
    iban="DE02120300000000202051",
)
FREIGHT = Decimal("18.50")
UNITS = 12


class InvoiceDesk:
    """Lets this morning's post arrive: what the accountant goes on with."""

    def __init__(self, *, shop: Shop) -> None:
        self.shop = shop
        self.sends = {
            way: next(supplier.code for supplier in SUPPLIERS if supplier.bills == way)
            for way in (PAPER, AS_DATA, AS_PDF)
        }

    def open(self, at: datetime) -> None:
        """Bring in bills that are right, wrong, a stranger's and only a picture."""
        at -= 2 * HOUR
        self._ask_for_freight(at)
        self._ask_for_another_account(at)
        self._add_up_wrong(at)
        self._bill_before_it_comes(at)
        self._give_back(at)
        self._scan(at)
        self._come_from_a_stranger(at)
        self._order_payment(at)

    def _ask_for_freight(self, at: datetime) -> None:
        """Right but for the freight, which no order knows."""
        bill = bill_of(self._delivery(self.sends[AS_PDF], "freight", at), at=at)
        self._receive(factur_x(replace(bill, freight=FREIGHT)), f"{_file(bill)}.pdf", at)

    def _ask_for_another_account(self, at: datetime) -> None:
        bill = bill_of(self._delivery(self.sends[AS_DATA], "account", at), at=at)
        asked = replace(bill, seller=replace(bill.seller, iban=OTHER_ACCOUNT))
        self._receive(ubl(asked), f"{_file(bill)}.xml", at)

    def _add_up_wrong(self, at: datetime) -> None:
        bill = bill_of(self._delivery(self.sends[AS_DATA], "sums", at), at=at)
        self._receive(misprinted(bill), f"{_file(bill)}.xml", at)

    def _bill_before_it_comes(self, at: datetime) -> None:
        """More is billed than has come, and the price is higher than agreed."""
        bill = bill_of(self._delivery(self.sends[AS_PDF], "early", at), at=at, mood="dearer")
        first = bill.lines[0]
        early = replace(bill, lines=(replace(first, units=UNITS), *bill.lines[1:]))
        self._receive(factur_x(early), f"{_file(bill)}.pdf", at)

    def _give_back(self, at: datetime) -> None:
        """A credit note for one piece of a bill that was approved."""
        supplier = self.shop.suppliers[self.sends[AS_DATA]]
        billed = (
            SupplierInvoice.objects.filter(
                supplier=supplier, kind=SupplierInvoice.Kind.INVOICE, approved_at__isnull=False
            )
            .order_by("-pk")
            .first()
        )
        matched = billed and billed.lines.filter(matches__receipt_line__isnull=False).first()
        if not (billed and matched):
            return
        receipt_line = GoodsReceiptLine.objects.filter(matches__invoice_line=matched).latest("pk")
        bill = bill_of(receipt_line.receipt_id, at=at)
        goods = next(line for line in bill.lines if line.supplier_sku == matched.supplier_sku)
        note = replace(
            bill,
            number=f"{bill.number}/CN",
            kind=CREDIT_NOTE,
            credits=billed.supplier_number,
            lines=(replace(goods, units=1),),
        )
        self._receive(ubl(note), f"{_file(note)}.xml", at)

    def _scan(self, at: datetime) -> None:
        """A PDF that holds no data: somebody has to type it in."""
        bill = bill_of(self._delivery(self.sends[PAPER], "paper", at), at=at)
        self._receive(scanned(bill), "scan-0117.pdf", at)

    def _come_from_a_stranger(self, at: datetime) -> None:
        bill = bill_of(GoodsReceipt.objects.latest("pk").pk, at=at)
        foreign = replace(bill, number="2026-4471", seller=STRANGER, order_number="")
        self._receive(ubl(foreign), "2026-4471.xml", at)

    def _order_payment(self, at: datetime) -> None:
        """What was approved in euro is ordered to be paid, if our account is known."""
        approved = SupplierInvoice.objects.filter(
            status=SupplierInvoice.Status.EXPORTED,
            kind=SupplierInvoice.Kind.INVOICE,
            currency="EUR",
        ).order_by("due_on", "pk")[:2]
        day = at.date() + timedelta(days=1)
        while day.weekday() > 4:  # noqa: PLR2004 - banks do not pay on weekends
            day += timedelta(days=1)
        if approved and settings.RETAIL_IBAN:
            operations.make_payment_batch(
                invoice_ids=[invoice.pk for invoice in approved],
                execution_on=day,
                key="this morning",
                at=at,
                by=self.shop.people["alan"],
            )

    def _delivery(self, supplier_code: str, story: str, at: datetime) -> int:
        """Order two articles, take in all of one and half of the other; return the receipt."""
        supplier = self.shop.suppliers[supplier_code]
        products = SupplierProduct.objects.filter(supplier=supplier, variant__isnull=False)
        order = operations.create_purchase_order(
            supplier=supplier,
            location=self.shop.locations["main"],
            lines=[
                NewLine(variant_id=product.variant_id or 0, units=UNITS)
                for product in products.order_by("pk")[:2]
            ],
            reference=f"{story} this morning",
            at=at,
            by=self.shop.people["bea"],
        )
        order = operations.submit(order_id=order.pk, at=at)
        if order.status == PurchaseOrder.Status.AWAITING_APPROVAL:
            operations.approve(order_id=order.pk, at=at, by=self.shop.people["mira"])
        operations.send(order_id=order.pk, at=at)
        half, whole = order.lines.order_by("position")
        receipt = operations.receive_goods(
            order_id=order.pk,
            lines=[
                ReceivedLine(order_line_id=half.pk, accepted=UNITS // 2),
                ReceivedLine(order_line_id=whole.pk, accepted=UNITS),
            ],
            delivery_note=f"DN-{story}",
            key=f"{story} this morning",
            at=at,
            by=self.shop.people["wim"],
        )
        return receipt.pk

    def _receive(self, content: bytes, filename: str, at: datetime) -> None:
        operations.receive_document(
            content=content,
            filename=filename,
            channel=InvoiceDocument.Channel.FOLDER,
            origin="Post of this morning",
            at=at,
            by=None,
        )


def _file(bill: Bill) -> str:
    return bill.number.replace("/", "-")
