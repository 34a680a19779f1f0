"""Receipts as tills tell them, their day closes, and what was sold without being there."""

from datetime import date
from decimal import Decimal
from itertools import count

from channels.connectors.receipts import IncomingReceipt, IncomingReceiptLine, IncomingTender
from channels.models import Channel
from inventory.models import ChannelStockSource, Location
from orders.models import OversellIncident, RegisterDay, StoreReceipt
from orders.operations import DayClose, close_register_day, ingest_receipt
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import open_order

_numbers = count(1001)
DAY = date(2026, 11, 22)


def till_of(location: Location) -> Channel:
    """Make a till that stands in a store."""
    till = ChannelFactory(kind=Channel.Kind.POS)
    ChannelStockSource.objects.create(channel=till, location=location)
    return till


def receipt_line(sku, quantity=1, *, unit_price="10.00", **values) -> IncomingReceiptLine:
    price = Decimal(unit_price)
    return IncomingReceiptLine(
        external_line_id=values.pop("external_line_id", "1"),
        quantity=quantity,
        unit_price=price,
        total=values.pop("total", price * quantity),
        sku=sku,
        name=values.pop("name", f"Article {sku}"),
        **values,
    )


def tender(kind, amount) -> IncomingTender:
    return IncomingTender(kind=kind, amount=Decimal(amount))


def incoming_receipt(*lines: IncomingReceiptLine, **values) -> IncomingReceipt:
    """Make a receipt of register T1 whose total adds up, paid in cash unless tenders are given."""
    total = sum((line.total for line in lines), Decimal(0))
    sequence = next(_numbers)
    told = {
        "register": "T1",
        "number": str(sequence),
        "sequence": sequence,
        "business_on": DAY,
        "sold_at": NOON,
        "currency": "GBP",
        "total": total,
        "cashier": "Ada",
        "tenders": (tender("CASH", total),) if total else (),
        **values,
    }
    return IncomingReceipt(lines=lines, **told)


def store_receipt(*lines, till=None, **values) -> StoreReceipt:
    """Take in a receipt, by default of one article in a store of its own."""
    if till is None:
        till = till_of(LocationFactory(kind="STORE", is_shipping=False))
    place = till.stock_sources.get().location
    lines = lines or (
        receipt_line(stock(location=place, reference=f"GR-T{next(_numbers)}").variant.sku),
    )
    return ingest_receipt(channel=till, receipt=incoming_receipt(*lines, **values), at=NOON).receipt


def day_close(*, till=None, **values) -> RegisterDay:
    """Close a day of register T1; by default a day that took nothing."""
    till = till or till_of(LocationFactory(kind="STORE", is_shipping=False))
    stated = {
        "register": "T1",
        "business_on": DAY,
        "currency": "GBP",
        "receipts": 0,
        "total": Decimal(0),
        "closed_at": NOON,
        **values,
    }
    return close_register_day(channel=till, stated=DayClose(**stated))


def oversold(**values) -> OversellIncident:
    """Let a channel sell two units of one."""
    return open_order(units=1, quantity=2, **values).incidents.get()


MAKERS = {
    StoreReceipt: store_receipt,
    RegisterDay: day_close,
    OversellIncident: oversold,
}
