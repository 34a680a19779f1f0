"""What a connector is, and the words it speaks: frozen dataclasses, no models, no requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol


class IncomingStatus(StrEnum):
    """How far the channel itself has brought an order."""

    OPEN = "OPEN"
    SHIPPED = "SHIPPED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingAddress:
    """A postal address as the channel holds it; `country` is ISO 3166-1 alpha-2 or empty."""

    name: str = ""
    company: str = ""
    street: str = ""
    street_extra: str = ""
    postcode: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingBuyer:
    """Who bought; `account` is their id on the channel, empty for a guest."""

    account: str = ""
    email: str = ""
    phone: str = ""
    name: str = ""
    company: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingLine:
    """
    One line as the channel told it; nothing is corrected, so any of it may be wrong.

    `total` is what the buyer pays for the line after discount, tax included when the order's
    total includes it. `is_stocked` is false for postage, fees and the like.
    """

    external_line_id: str
    quantity: int
    unit_price: Decimal
    total: Decimal
    external_product_id: str = ""
    external_variant_id: str = ""
    sku: str = ""
    gtin: str = ""
    name: str = ""
    discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    is_stocked: bool = True


class IncomingPaymentKind(StrEnum):
    """What happened to a payment."""

    AUTHORIZED = "AUTHORIZED"
    CHARGED = "CHARGED"
    REFUNDED = "REFUNDED"
    VOIDED = "VOIDED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingPaymentEvent:
    """
    An amount that was authorized, charged, given back, voided or failed, in the order's currency.

    `reference` tells it from others of the same payment and kind.
    """

    kind: IncomingPaymentKind
    amount: Decimal
    at: datetime
    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingPayment:
    """
    One transaction of an order as the channel tells it, with all that happened to it so far.

    `register` is the till that took it.
    """

    external_id: str
    events: tuple[IncomingPaymentEvent, ...]
    method: str = ""
    provider: str = ""
    register: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingRefundLine:
    """Pieces of a line that money was given back for; `amount` as the channel split it."""

    external_line_id: str
    quantity: int
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingRefund:
    """
    Money that the channel gave back for an order, in its currency; `lines` may be empty.

    `reference` is the number we gave it, when it was pushed by us and the channel remembers that.
    """

    external_id: str
    amount: Decimal
    at: datetime
    reason: str = ""
    reference: str = ""
    lines: tuple[IncomingRefundLine, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingOrder:
    """
    An order as the channel told it.

    The buyer pays `total` = lines + shipping - discounts not on lines, in `currency`. All moments
    are aware. `updated_at` orders the versions of one order. `problems` names, for people, each
    part that could not be read; that part then has its empty value, so the order is not lost.

    `pickup_location` is where the buyer collects it: a code of ours or the channel's id of the
    place; empty when it is sent. `note` is what the buyer wrote. `merged_into` is the id of the
    order that the channel made of this one and others.

    A channel that tells no single transactions says `is_paid` alone. What was given back stands in
    `refunds`; where a channel knows no such documents, in the REFUNDED events of `payments`.
    """

    external_id: str
    external_number: str
    status: IncomingStatus
    currency: str
    total: Decimal
    placed_at: datetime
    updated_at: datetime
    lines: tuple[IncomingLine, ...]
    buyer: IncomingBuyer | None = None
    delivery_address: IncomingAddress | None = None
    shipping_total: Decimal = Decimal(0)
    discount_total: Decimal = Decimal(0)
    tax_total: Decimal = Decimal(0)
    is_paid: bool = False
    payment_method: str = ""
    payments: tuple[IncomingPayment, ...] = ()
    refunds: tuple[IncomingRefund, ...] = ()
    ship_by: datetime | None = None
    pickup_location: str = ""
    note: str = ""
    merged_into: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StockPush:
    """The quantity a listing shall show."""

    external_product_id: str
    external_variant_id: str
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackingPush:
    """
    A parcel the channel shall show to the buyer.

    lines: line id -> pieces that went with it. Of several parcels of one shipment the first names
    the pieces, the others the same lines with none, as nobody notes which box holds what.
    replaces: other numbers under which the channel may know this very parcel, the oldest first.
    """

    external_order_id: str
    carrier: str
    tracking_number: str
    shipped_at: datetime
    lines: dict[str, int] = field(default_factory=dict)
    tracking_url: str = ""
    replaces: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundPush:
    """
    Money the channel shall give back for an order.

    `reference` is our number of the refund: the channel pays it back once, however often it is
    told. `payment` is the channel's id of the transaction, empty when it has to choose.
    `lines`: channel's line id -> pieces.
    """

    external_order_id: str
    reference: str
    amount: Decimal
    currency: str
    reason: str
    payment: str = ""
    lines: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CancellationPush:
    """
    Pieces that will not be shipped: channel's line id -> pieces.

    The channel takes them off once, however often it is told with the same `key`.
    """

    external_order_id: str
    key: str
    reason: str
    lines: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PushResult:
    """What the channel said to one item of a push; `error` is empty when it was accepted."""

    external_product_id: str
    external_variant_id: str
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteListing:
    """What the channel shows for sale."""

    external_product_id: str
    external_variant_id: str
    sku: str
    gtin: str
    title: str
    quantity: int
    price: Decimal


class ChannelError(Exception):
    """The channel did not do what was asked; subclasses say whether asking again can help."""


class ChannelUnavailable(ChannelError):
    """Network trouble, a server error or a rate limit: try again later."""


class ChannelRefused(ChannelError):
    """The channel understood and said no: asking the same again is useless."""


class ChannelUnauthorized(ChannelRefused):
    """The channel does not accept our credentials: nothing helps until a person renews them."""


class Connector(Protocol):
    """One channel's interface. Calls have timeouts, raise `ChannelError` and know no database."""

    def orders_changed_since(self, moment: datetime | None) -> Iterator[IncomingOrder]:
        """Yield orders changed at or after the moment, oldest change first; None means all."""

    def order(self, external_id: str) -> IncomingOrder | None:
        """Read one order as it is now; None when the channel has none of this id."""

    def listings(self) -> Iterator[RemoteListing]:
        """Yield everything the channel shows for sale."""

    def push_stock(self, pushes: Sequence[StockPush]) -> list[PushResult]:
        """Set quantities; one result per push, in their order."""

    def push_tracking(self, push: TrackingPush) -> None:
        """
        Tell about a parcel; the same tracking number again changes nothing.

        A parcel that is known by a number it replaces gets the new one.
        """

    def push_refund(self, push: RefundPush) -> str:
        """Let money be given back; the id of the refund there, the same one when told again."""

    def push_cancellation(self, push: CancellationPush) -> None:
        """Tell what will not be shipped; the same key again changes nothing."""
