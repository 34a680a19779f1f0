"""Receipts of tills: what was sold over the counter and what was brought back, taken in once."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from channels.connectors.receipts import IncomingReceipt
from channels.models import Channel
from channels.operations import fail_message, resolve_variants, store_message
from customers.operations import Buyer, identify
from inventory.models import ChannelStockSource, Location
from inventory.operations import lock_goods
from orders.models import Order, StoreReceipt
from orders.operations.contents import articles_of
from orders.operations.ingest import ingest_order
from orders.operations.reading import amount_or_zero, fitted, usable_currency
from orders.operations.receipt_reading import ReceiptReading, plain_line, read_receipt, sale_of
from orders.operations.receipt_returns import (
    BroughtGoods,
    lock_sales,
    plan_brought,
    take_back_brought,
)
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS

# Messages of the inbox that are receipts nothing could be made of.
TOPIC = "receipt"
LONGEST_CASHIER = 100
LONGEST_ID = 100


class NotATill(BusinessError):
    """Receipts come from tills only."""


class NoPlaceOfSale(BusinessError):
    """Nobody said in which store the till stands."""


class ReceiptDiffers(BusinessError):
    """A receipt of this register and number is there, and says something else."""


@dataclass(frozen=True, slots=True)
class TakenReceipt:
    """The stored receipt, and whether this call took it in."""

    receipt: StoreReceipt
    is_new: bool


def deliver_receipt(
    *, channel: Channel, receipt: IncomingReceipt, at: datetime, location: Location | None = None
) -> TakenReceipt:
    """
    Take in a receipt as `ingest_receipt` does, and keep in the inbox one that it refuses.

    Call it outside of any transaction: what is kept must stay though the refusal goes on.
    """
    try:
        return ingest_receipt(channel=channel, receipt=receipt, at=at, location=location)
    except BusinessError as refusal:
        _keep_refused(channel, receipt, refusal, at)
        raise


@transaction.atomic
def ingest_receipt(
    *, channel: Channel, receipt: IncomingReceipt, at: datetime, location: Location | None = None
) -> TakenReceipt:
    """
    Take in a receipt of a till as the fact it is, once per register and number.

    What was sold becomes an order that has left the store already; goods the system did not know
    are found at the sale. What came back is put in stock and linked to the sale it names, as far as
    pieces of that are out; the rest is taken back blind. A receipt with both is taken in as one.
    Nothing is refused for what it says: an unknown article or a total that does not add up holds
    the order, and what nobody can take back is named in `payload["not_taken"]`. A training receipt
    is kept and changes nothing.

    location: the store; by default where the channel's goods are.
    Locks: the sales that goods came back of, keys of the customer, listings, cost pools, stock
    levels, promises.

    :raises NotATill: the channel is no till.
    :raises UnusableReceipt: register or number cannot be stored.
    :raises NoPlaceOfSale: no store was named, and the channel has none.
    :raises ReceiptDiffers: the number is known and said something else; nothing is changed.
    """
    if channel.kind != Channel.Kind.POS:
        raise NotATill(f"{channel} is no till.", channel=channel.code)
    reading = read_receipt(receipt)
    stored = _inserted(channel, reading, location or _place_of(channel), at)
    if stored.digest:
        if stored.digest != reading.digest:
            raise ReceiptDiffers(
                f"Receipt {stored} of {channel} is there already and says something else.",
                receipt=stored.pk,
                differs=_differences(stored.payload, reading.payload),
            )
        return TakenReceipt(stored, is_new=False)
    stored.payload = dict(reading.payload)
    if not receipt.is_training:
        _take_in(stored, reading, at)
    stored.digest = reading.digest
    stored.save(update_fields=["payload", "digest", "order", "registered_return"])
    return TakenReceipt(stored, is_new=True)


def _inserted(
    channel: Channel, reading: ReceiptReading, location: Location, at: datetime
) -> StoreReceipt:
    """
    Insert the row of a receipt unless there is one, and return the row.

    A row without a digest is one that this very transaction has inserted: whoever inserts writes
    the digest before committing. When two insert at once, the second waits and finds the first's.
    """
    receipt = reading.receipt
    StoreReceipt.objects.bulk_create(
        [
            StoreReceipt(
                channel=channel,
                location=location,
                register=receipt.register,
                number=receipt.number,
                sequence=_sequence(receipt.sequence),
                business_on=receipt.business_on,
                sold_at=receipt.sold_at,
                cashier=fitted(receipt.cashier, LONGEST_CASHIER),
                currency=usable_currency(receipt.currency, channel.currency),
                total=amount_or_zero(receipt.total),
                tenders={kind: f"{amount:f}" for kind, amount in reading.tenders.items()},
                is_training=receipt.is_training,
                received_at=at,
            )
        ],
        ignore_conflicts=True,
    )
    return StoreReceipt.objects.select_related("location").get(
        channel=channel, register=receipt.register, number=receipt.number
    )


def _sequence(told: int | None) -> int | None:
    """Return the number that gaps are found by, none where the till's is beyond counting."""
    return told if told is not None and 0 <= told < MAX_UNITS else None


def _place_of(channel: Channel) -> Location:
    sources = ChannelStockSource.objects.filter(channel=channel).select_related("location")
    source = sources.order_by("location__priority", "pk").first()
    if source is None:
        raise NoPlaceOfSale(
            f"Say in which store the till {channel} stands: add where it sells from.",
            channel=channel.code,
        )
    return source.location


def _take_in(stored: StoreReceipt, reading: ReceiptReading, at: datetime) -> None:
    """Take back what came back, then sell what was sold."""
    sales = lock_sales(stored, reading.returned) if reading.returned else {}
    brought = plan_brought(stored, reading.returned, sales)
    if reading.is_sale and not brought.is_empty:
        _lock_all_goods(stored, reading, brought, at)
    returns = take_back_brought(stored, brought, sold_at=min(stored.sold_at, at), at=at)
    stored.registered_return = returns[0] if returns else None
    if len(returns) > 1:
        stored.payload["returns"] = [returned.pk for returned in returns]
    if brought.not_taken:
        stored.payload["not_taken"] = list(brought.not_taken)
    if reading.is_sale:
        stored.order = _sold(stored, reading, at)


def _sold(stored: StoreReceipt, reading: ReceiptReading, at: datetime) -> Order:
    return ingest_order(
        channel=stored.channel, incoming=sale_of(reading), location=stored.location, at=at
    ).order


def _lock_all_goods(
    stored: StoreReceipt, reading: ReceiptReading, brought: BroughtGoods, at: datetime
) -> None:
    """
    Lock what selling and taking back in one transaction touch, each table in one go.

    Each of the two locks its own cost pools and levels; one after the other they would break the
    one order of locks. The customer's keys come before them.
    """
    buyer = sale_of(reading).buyer
    if buyer is not None:
        identify(channel_code=stored.channel.code, buyer=Buyer(**asdict(buyer)), at=at)
    found = resolve_variants(
        channel=stored.channel, lines=[plain_line(line) for line in reading.sold]
    )
    articles = articles_of(line.variant_id for line in found if line.variant_id is not None)
    sold = {
        variant_id
        for line in found
        if line.variant_id is not None and line.variant_id not in articles.services
        for variant_id in articles.contents(line.variant_id)
    }
    lock_goods(location=stored.location, variant_ids=sold | brought.variant_ids)


def _keep_refused(
    channel: Channel, receipt: IncomingReceipt, refusal: BusinessError, at: datetime
) -> None:
    """Keep a receipt that was refused where people see it: the inbox, as failed."""
    body = {**asdict(receipt), "buyer": None, "loyalty_card": ""}
    told = store_message(
        channel=channel,
        topic=TOPIC,
        external_id=fitted(f"{receipt.register}/{receipt.number}", LONGEST_ID),
        body=json.dumps(body, default=str, sort_keys=True).encode(),
        at=at,
    )
    fail_message(message_id=told.message.pk, error=refusal.message)


def _differences(known: dict[str, Any], told: dict[str, Any]) -> list[str]:
    """Return the names of what a receipt says otherwise now."""
    return sorted(name for name in told if known.get(name) != told[name])
