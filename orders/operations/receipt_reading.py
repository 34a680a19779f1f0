"""What a till's receipt comes to: pure functions that sort what was sold from what came back."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from channels.connectors.base import (
    IncomingBuyer,
    IncomingLine,
    IncomingOrder,
    IncomingPayment,
    IncomingPaymentEvent,
    IncomingPaymentKind,
    IncomingStatus,
)
from channels.connectors.receipts import IncomingReceipt, IncomingReceiptLine, IncomingTender
from orders.operations.exchanges import BY_EXCHANGE
from orders.operations.payments import CASH
from orders.operations.reading import LONGEST_ID, fitted, is_amount
from retail.common.errors import BusinessError
from retail.common.money import ZERO, round_rate

# Columns hold 50 characters of each; together they leave room for what is written behind them.
LONGEST_PART = 50
LONGEST_KEY = 68
LONGEST_TENDER = 20
# A till that hands out change writes it as money of its own that goes out.
CHANGE = "CHANGE"
# Who bought stands on the order, where it can be erased.
_PERSONAL = ("buyer", "loyalty_card")


class UnusableReceipt(BusinessError):
    """A receipt without register or number, or with ones too long, cannot be told from others."""


@dataclass(frozen=True, slots=True)
class ReceiptReading:
    """
    A receipt, sorted into what was sold and what came back.

    key: tells it from every other receipt of its channel. payload: what the till said, without who
    bought. tenders: kind -> what was taken less what was given back that way, none of it zero.
    """

    receipt: IncomingReceipt
    key: str
    payload: dict[str, Any]
    digest: str
    sold: tuple[IncomingReceiptLine, ...]
    returned: tuple[IncomingReceiptLine, ...]
    tenders: Mapping[str, Decimal]
    problems: tuple[str, ...]

    @property
    def is_sale(self) -> bool:
        """Tell whether anything has to become an order, if only so that somebody looks at it."""
        return bool(self.sold) or (not self.returned and self.receipt.total != 0)


def read_receipt(receipt: IncomingReceipt) -> ReceiptReading:
    """
    Sort a receipt into what was sold and what came back.

    A line of no pieces and no money says nothing. The digest is that of what the till said, however
    its amounts were written.

    :raises UnusableReceipt: register or number are empty, too long or not text that can be stored.
    """
    payload = _plain(receipt)
    problems = list(receipt.problems)
    return ReceiptReading(
        receipt=receipt,
        key=_key(receipt.register, receipt.number),
        payload=payload,
        digest=hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest(),
        sold=tuple(
            line
            for line in receipt.lines
            if line.quantity > 0 or (line.quantity == 0 and line.total != 0)
        ),
        returned=tuple(line for line in receipt.lines if line.quantity < 0),
        tenders=net_tenders(receipt.tenders, problems),
        problems=tuple(problems),
    )


def net_tenders(tenders: Iterable[IncomingTender], problems: list[str]) -> dict[str, Decimal]:
    """
    Add tenders up by kind; what is no amount is named in `problems`. Change is cash given back.
    """
    net: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for tender in tenders:
        if not is_amount(tender.amount):
            problems.append(f"{fitted(tender.kind, LONGEST_TENDER)}: {tender.amount} is no amount.")
            continue
        kind = tender_kind(tender.kind)
        net[CASH if kind == CHANGE else kind] += round_rate(tender.amount)
    return {kind: amount for kind, amount in sorted(net.items()) if amount}


def tender_kind(text: str) -> str:
    """Return a kind of payment as we write it: CASH, CARD, GIFT_CARD."""
    return re.sub(r"[^A-Z0-9]+", "_", text.strip().upper()).strip("_")[:LONGEST_TENDER] or "OTHER"


def sale_of(reading: ReceiptReading) -> IncomingOrder:
    """
    Return what was sold as an order that has left already, paid as the till says.

    The total of a receipt with goods that came back is less by these, so they are added to it
    again: whatever does not add up on the receipt then does not add up on the order. Goods brought
    along pay for what the tenders do not.
    """
    receipt = reading.receipt
    brought = sum((-line.total for line in reading.returned if is_amount(line.total)), ZERO)
    total = receipt.total + brought
    return IncomingOrder(
        external_id=reading.key,
        external_number=receipt.number,
        status=IncomingStatus.SHIPPED,
        currency=receipt.currency,
        total=total,
        placed_at=receipt.sold_at,
        updated_at=receipt.sold_at,
        lines=tuple(_order_line(line) for line in reading.sold),
        buyer=_buyer(receipt),
        discount_total=receipt.discount_total,
        tax_total=receipt.tax_total,
        is_paid=not reading.tenders and not brought,
        payment_method=next(iter(reading.tenders), ""),
        payments=tuple(_payments(reading, total, brought)),
        problems=reading.problems,
    )


def plain_line(line: IncomingReceiptLine) -> IncomingLine:
    """Return a line of goods that came back as one by which its variant is looked up."""
    return _order_line(line)


def _key(register: str, number: str) -> str:
    for part in (register, number):
        is_usable = 0 < len(part) <= LONGEST_PART and part == part.strip() and "\x00" not in part
        if not is_usable:
            raise UnusableReceipt(
                f"A receipt needs a register and a number of 1 to {LONGEST_PART} characters.",
                register=register,
                number=number,
            )
    # So that A/1 of register B is never 1 of register B/A.
    key = f"{register.replace('%', '%25').replace('/', '%2F')}/{number}"
    if len(key) > LONGEST_KEY:
        raise UnusableReceipt(
            f"Register and number are longer than {LONGEST_KEY} characters together.",
            register=register,
            number=number,
        )
    return key


def _order_line(line: IncomingReceiptLine) -> IncomingLine:
    return IncomingLine(
        external_line_id=line.external_line_id,
        quantity=line.quantity,
        unit_price=line.unit_price,
        total=line.total,
        sku=line.sku,
        gtin=line.gtin,
        name=line.name,
        discount=line.discount,
        tax=line.tax,
        is_stocked=line.is_stocked,
    )


def _buyer(receipt: IncomingReceipt) -> IncomingBuyer | None:
    if receipt.buyer is not None or not receipt.loyalty_card.strip():
        return receipt.buyer
    card = fitted(receipt.loyalty_card, LONGEST_ID)
    return IncomingBuyer(account=f"card {card}"[:LONGEST_ID])


def _payments(
    reading: ReceiptReading, total: Decimal, brought: Decimal
) -> Iterable[IncomingPayment]:
    """Yield what the sale was paid with; money that was given back is that of the goods."""
    taken = {kind: amount for kind, amount in reading.tenders.items() if amount > 0}
    if not reading.returned:
        _take_given_back(taken, [-amount for amount in reading.tenders.values() if amount < 0])
    paid = sum(taken.values(), ZERO)
    credit = min(brought, max(total - paid, ZERO)) if is_amount(total) else ZERO
    if credit > 0:
        taken[BY_EXCHANGE] = round_rate(credit)
    for kind, amount in taken.items():
        charged = IncomingPaymentEvent(
            kind=IncomingPaymentKind.CHARGED,
            amount=amount,
            at=reading.receipt.sold_at,
            reference=reading.receipt.number,
        )
        yield IncomingPayment(
            external_id=f"{reading.key}/{kind}",
            method=kind,
            register=reading.receipt.register,
            events=(charged,),
        )


def _take_given_back(taken: dict[str, Decimal], given_back: Iterable[Decimal]) -> None:
    """Take money that went out again off what came in, the largest first."""
    left = sum(given_back, ZERO)
    for kind in sorted(taken, key=lambda kind: (-taken[kind], kind)):
        part = min(left, taken[kind])
        taken[kind] -= part
        left -= part
        if not taken[kind]:
            del taken[kind]


def _plain(value: Any) -> Any:
    """Return a receipt, or a part of it, as JSON can hold it, without who bought."""
    if isinstance(value, Decimal):
        return f"{round_rate(value):f}" if is_amount(value) else str(value)
    if isinstance(value, date):
        return (value.astimezone(UTC) if isinstance(value, datetime) else value).isoformat()
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "__dataclass_fields__"):
        names = [field.name for field in fields(value) if field.name not in _PERSONAL]
        return {name: _plain(getattr(value, name)) for name in names}
    return value
