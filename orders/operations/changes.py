"""What became different about an order between two versions of it: a pure comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from channels.connectors.base import IncomingStatus
from retail.common.money import ZERO, round_rate


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a line costs, as the channel told it."""

    unit_price: Decimal = Decimal(0)
    discount: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    total: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Totals:
    """What an order costs, as the channel told it; named like the columns of an order."""

    shipping_total: Decimal = Decimal(0)
    discount_total: Decimal = Decimal(0)
    tax_total: Decimal = Decimal(0)
    total: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class LineSnapshot:
    """
    A line as one side knows it.

    `code` is the SKU, or the GTIN of a line without one. `called_off` of the `quantity` are pieces
    that we called off ourselves: the other side may have taken them off already, or not yet. The
    amounts are those of the whole quantity.
    """

    line_id: str
    quantity: int
    code: str = ""
    amounts: Amounts = Amounts()
    called_off: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    An order as one side knows it; the order of its lines means nothing.

    `address` is the fingerprint of an address, empty for none. `payments` and `refunds` name what
    happened to the money, each once.
    """

    status: IncomingStatus = IncomingStatus.OPEN
    lines: tuple[LineSnapshot, ...] = ()
    totals: Totals = Totals()
    address: str = ""
    has_buyer: bool = False
    is_paid: bool = False
    payments: frozenset[str] = frozenset()
    refunds: frozenset[str] = frozenset()
    note: str = ""
    merged_into: str = ""
    ship_by: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that became different."""

    kind: ClassVar[str] = ""

    def details(self) -> dict[str, Any]:
        """Return what the timeline keeps of it: plain values, nothing personal."""
        return {name: _plain(value) for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class LineAdded(Event):
    kind: ClassVar[str] = "line_added"
    line_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class LineQuantityChanged(Event):
    kind: ClassVar[str] = "line_quantity_changed"
    line_id: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class LineRemoved(Event):
    kind: ClassVar[str] = "line_removed"
    line_id: str
    before: int


@dataclass(frozen=True, slots=True)
class ArticleChanged(Event):
    kind: ClassVar[str] = "article_changed"
    line_id: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class PriceChanged(Event):
    kind: ClassVar[str] = "price_changed"
    line_id: str
    before: Amounts
    after: Amounts


@dataclass(frozen=True, slots=True)
class AddressChanged(Event):
    kind: ClassVar[str] = "address_changed"

    # Whoever lives there stays out of the timeline; the rows know both.


@dataclass(frozen=True, slots=True)
class BuyerTold(Event):
    kind: ClassVar[str] = "buyer_told"


@dataclass(frozen=True, slots=True)
class Paid(Event):
    kind: ClassVar[str] = "paid"


@dataclass(frozen=True, slots=True)
class Refunded(Event):
    kind: ClassVar[str] = "refunded"


@dataclass(frozen=True, slots=True)
class Cancelled(Event):
    kind: ClassVar[str] = "cancelled"


@dataclass(frozen=True, slots=True)
class Reopened(Event):
    kind: ClassVar[str] = "reopened"


@dataclass(frozen=True, slots=True)
class FulfilledOnChannel(Event):
    kind: ClassVar[str] = "fulfilled_on_channel"


@dataclass(frozen=True, slots=True)
class NoteAdded(Event):
    kind: ClassVar[str] = "note_added"


@dataclass(frozen=True, slots=True)
class DueChanged(Event):
    kind: ClassVar[str] = "due_changed"
    after: str


@dataclass(frozen=True, slots=True)
class TotalsChanged(Event):
    kind: ClassVar[str] = "totals_changed"
    before: Totals
    after: Totals


@dataclass(frozen=True, slots=True)
class MergedInto(Event):
    kind: ClassVar[str] = "merged_into"
    order_id: str


def diff(previous: Snapshot, new: Snapshot) -> tuple[Event, ...]:
    """
    Return what the new version of an order says that the previous one did not.

    An order that is cancelled on either side is not compared line by line: nothing of it is to be
    shipped. An address, a day, a note and a buyer that are no longer told stay as they are. Pieces
    that we called off are no change, whether the other side has taken them off or not.
    """
    new = with_called_off(previous, new)
    events = [*_standing(previous, new)]
    if IncomingStatus.CANCELLED not in {previous.status, new.status} and not new.merged_into:
        events += _line_events(previous, new)
        if new.address and new.address != previous.address:
            events.append(AddressChanged())
        if new.totals != previous.totals:
            events.append(TotalsChanged(before=previous.totals, after=new.totals))
        if new.ship_by and new.ship_by != previous.ship_by:
            events.append(DueChanged(after=new.ship_by.isoformat()))
    if new.has_buyer and not previous.has_buyer:
        events.append(BuyerTold())
    if (new.is_paid and not previous.is_paid) or new.payments - previous.payments:
        events.append(Paid())
    if new.refunds - previous.refunds:
        events.append(Refunded())
    if new.note and new.note != previous.note:
        events.append(NoteAdded())
    return tuple(events)


def _standing(previous: Snapshot, new: Snapshot) -> Iterator[Event]:
    """Yield how far the channel has brought the order since."""
    was_cancelled = previous.status == IncomingStatus.CANCELLED
    is_cancelled = new.status == IncomingStatus.CANCELLED
    if new.merged_into:
        if new.merged_into != previous.merged_into:
            yield MergedInto(order_id=new.merged_into)
        return
    if is_cancelled and not was_cancelled:
        yield Cancelled()
    elif was_cancelled and not is_cancelled:
        yield Reopened()
    elif (previous.status, new.status) == (IncomingStatus.OPEN, IncomingStatus.SHIPPED):
        yield FulfilledOnChannel()


def with_called_off(previous: Snapshot, new: Snapshot) -> Snapshot:
    """
    Return the new version as if pieces that we called off were still part of it.

    So quantities and amounts of both are those of the same pieces and can be compared.
    """
    told = {line.line_id: line for line in new.lines}
    tax = total = ZERO
    for known in previous.lines:
        line = told.get(known.line_id)
        whole = _whole_line(known, line)
        if whole is None or whole == line:
            continue
        told[known.line_id] = whole
        tax += whole.amounts.tax - (line.amounts.tax if line else ZERO)
        total += whole.amounts.total - (line.amounts.total if line else ZERO)
    totals = replace(
        new.totals, tax_total=new.totals.tax_total + tax, total=new.totals.total + total
    )
    return replace(new, lines=tuple(told.values()), totals=totals)


def _whole_line(known: LineSnapshot, told: LineSnapshot | None) -> LineSnapshot | None:
    """Return a line with the pieces of it that we called off and that are no longer told."""
    off = known.called_off
    if not off or (told and told.quantity == known.quantity):
        return told
    if told is None:
        return known if off == known.quantity else None
    quantity = told.quantity + off
    if quantity == known.quantity and told.amounts.unit_price == known.amounts.unit_price:
        return replace(told, quantity=quantity, amounts=known.amounts)
    amounts = told.amounts
    return replace(
        told,
        quantity=quantity,
        amounts=Amounts(
            unit_price=amounts.unit_price,
            discount=_scaled(amounts.discount, quantity, told.quantity),
            tax=_scaled(amounts.tax, quantity, told.quantity),
            total=_scaled(amounts.total, quantity, told.quantity),
        ),
    )


def _scaled(amount: Decimal, pieces: int, of: int) -> Decimal:
    return round_rate(amount * pieces / of) if of else amount


def _line_events(previous: Snapshot, new: Snapshot) -> Iterator[Event]:
    before = {line.line_id: line for line in previous.lines}
    after = {line.line_id: line for line in new.lines}
    for line_id in sorted(before.keys() | after.keys()):
        known, told = before.get(line_id), after.get(line_id)
        if known is None and told is not None:
            yield LineAdded(line_id=line_id, quantity=told.quantity)
        elif known is not None and told is None and known.quantity:
            yield LineRemoved(line_id=line_id, before=known.quantity)
        elif known is not None and told is not None:
            yield from _changes_of_line(known, told)


def _changes_of_line(known: LineSnapshot, told: LineSnapshot) -> Iterator[Event]:
    if told.code != known.code:
        yield ArticleChanged(line_id=known.line_id, before=known.code, after=told.code)
    if told.quantity != known.quantity:
        yield LineQuantityChanged(line_id=known.line_id, before=known.quantity, after=told.quantity)
    elif told.amounts != known.amounts:
        yield PriceChanged(line_id=known.line_id, before=known.amounts, after=told.amounts)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return value
