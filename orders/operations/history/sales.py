"""Sales of the past, taken in by the thousand: the same rows as one at a time, set-based."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import connection, transaction

from channels.connectors.base import IncomingOrder, IncomingStatus
from channels.models import Channel
from channels.operations import resolve_variants
from customers.operations import (
    Buyer,
    PostalAddress,
    identify_many,
    record_addresses,
)
from inventory.models import Location, StockMovement
from inventory.operations import InsufficientStock, Issue, PeriodClosed, post_issues
from orders.amounts import NOTHING_PAID, Paid
from orders.models import (
    Fulfillment,
    Order,
    OrderEvent,
    OrderHold,
    OrderLine,
)
from orders.operations.contents import Articles, articles_of, contents_of, store_components
from orders.operations.events import event, record_events
from orders.operations.holds import LONGEST_REASON, NewHold, held_event
from orders.operations.ingest import Outcome, ingest_order, ingested_details
from orders.operations.new_lines import build_lines, line_holds
from orders.operations.places import pickup_places, place_holds, told_place
from orders.operations.reading import Reading, new_order, read_order, reading_holds
from orders.operations.shipping import SOLD_BY_CHANNEL, sale_method
from orders.operations.statuses import DERIVED_FIELDS, apply_statuses
from orders.operations.told_payments import store_told_payments
from retail.common.copying import copy_objects


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchResult:
    """
    What became of a batch.

    created, known: documents. lines, lines_known, lines_refused: their lines; one that is refused
    stands in the timeline of its order as it came. lines_unknown: of those stored, the ones whose
    article nobody knows. held: documents with an open hold.
    """

    created: int = 0
    known: int = 0
    lines: int = 0
    lines_known: int = 0
    lines_refused: int = 0
    lines_unknown: int = 0
    held: int = 0

    def __add__(self, other: BatchResult) -> BatchResult:
        mine, more = asdict(self), asdict(other)
        return BatchResult(**{name: mine[name] + more[name] for name in mine})


def ingest_orders(
    *, channel: Channel, batch: Sequence[IncomingOrder], location: Location, at: datetime
) -> BatchResult:
    """
    Take in orders of the past that the channel has shipped, about a thousand a call.

    Writes the rows that `ingest_order` would write for each, in one transaction and a fixed
    number of queries; orders that are known are passed over, whatever they say now. Where stock
    is too short to sell all of them, where the books of their time are closed, and for orders that
    are not shipped, it goes one by one.

    location: where the goods left from. Orders in the order they were placed.
    Locks: the orders, keys of customers, then cost pools and stock levels.

    :raises UnusableOrder: an order has no id that could be stored; nothing is taken in.
    """
    shipped = [order for order in batch if _has_left(order)]
    others = [order for order in batch if not _has_left(order)]
    try:
        result = _ingest_shipped(channel=channel, batch=shipped, location=location, at=at)
    except (InsufficientStock, PeriodClosed):
        others = list(batch)
        result = BatchResult()
    return result + _ingest_one_by_one(channel, others, location, at)


def _has_left(incoming: IncomingOrder) -> bool:
    return incoming.status == IncomingStatus.SHIPPED and not incoming.merged_into


def _ingest_one_by_one(
    channel: Channel, batch: Iterable[IncomingOrder], location: Location, at: datetime
) -> BatchResult:
    result = BatchResult()
    for incoming in batch:
        ingested = ingest_order(channel=channel, incoming=incoming, location=location, at=at)
        told = len(incoming.lines)
        if ingested.outcome != Outcome.CREATED:
            result += BatchResult(known=1, lines_known=told)
            continue
        stored = ingested.order.lines.count()
        result += BatchResult(
            created=1,
            lines=stored,
            lines_refused=told - stored,
            lines_unknown=ingested.order.lines.unknown().count(),
            held=int(ingested.order.holds.open().exists()),
        )
    return result


@dataclass(slots=True)
class _Sale:
    """One order of a batch on its way into the tables."""

    order: Order
    reading: Reading
    lines: list[OrderLine]
    holds: list[NewHold]
    fulfillment: Fulfillment | None = None
    paid: Paid = NOTHING_PAID

    @property
    def has_goods(self) -> bool:
        return any(line.is_stocked and line.variant_id is not None for line in self.lines)


@transaction.atomic
def _ingest_shipped(
    *, channel: Channel, batch: Sequence[IncomingOrder], location: Location, at: datetime
) -> BatchResult:
    sales = _insert_orders(channel, batch, location, at)
    if sales:
        _identify(channel, sales, at)
        articles = _read_lines(channel, sales)
        sent = _send(channel, sales, location, at)
        store_components(lines=(line for sale in sales for line in sale.lines), articles=articles)
        _take_payments(sales, at)
        _store_holds(sales, at)
        _record_events(sales, at)
        _settle(sales)
        _post(sales, sent, location, at)
    lines = sum(len(sale.lines) for sale in sales)
    told = sum(len(sale.reading.order.lines) for sale in sales)
    return BatchResult(
        created=len(sales),
        known=len(batch) - len(sales),
        lines=lines,
        lines_known=sum(len(incoming.lines) for incoming in batch) - told,
        lines_refused=told - lines,
        lines_unknown=sum(len(line_holds(sale.lines)) for sale in sales),
        held=sum(bool(sale.holds) for sale in sales),
    )


def _insert_orders(
    channel: Channel, batch: Sequence[IncomingOrder], location: Location, at: datetime
) -> list[_Sale]:
    """
    Insert the orders that are not known, each as what most of them are: all shipped.

    An order without any event is one that this very transaction has inserted: whoever inserts
    writes its events before committing.
    """
    readings = {incoming.external_id: read_order(incoming) for incoming in reversed(batch)}
    known = set(
        Order.objects.filter(channel=channel, external_id__in=list(readings)).values_list(
            "external_id", flat=True
        )
    )
    fresh = {
        incoming.external_id: readings[incoming.external_id]
        for incoming in batch
        if incoming.external_id not in known
    }
    places = pickup_places(channel=channel, orders=batch)
    Order.objects.bulk_create(
        [
            new_order(
                channel_id=channel.pk,
                incoming=reading.order,
                currency=channel.currency,
                place_id=places.get(told_place(reading.order)),
                created_at=at,
                external_updated_at=reading.order.updated_at,
                payload_digest=reading.digest,
                rounding_difference=reading.rounding_difference,
                location=location,
                lifecycle=Order.Lifecycle.COMPLETED,
                fulfillment_status=Order.FulfillmentStatus.FULFILLED,
            )
            for reading in fresh.values()
        ],
        ignore_conflicts=True,
    )
    inserted = Order.objects.for_update().filter(
        channel=channel, external_id__in=list(fresh), events__isnull=True
    )
    return [
        _Sale(order=order, reading=fresh[order.external_id or ""], lines=[], holds=[])
        for order in inserted
    ]


def _identify(channel: Channel, sales: Sequence[_Sale], at: datetime) -> None:
    """Find the customers and addresses of the orders and write them down."""
    named = [(sale.order, sale.reading.order.buyer) for sale in sales]
    buyers = [(order, buyer) for order, buyer in named if buyer is not None]
    customers = identify_many(
        buyers=[(channel.code, Buyer(**asdict(buyer))) for _, buyer in buyers], at=at
    )
    for (order, _), customer in zip(buyers, customers, strict=True):
        order.customer = customer
    located = [(sale.order, sale.reading.order.delivery_address) for sale in sales]
    places = [(order, address) for order, address in located if address is not None]
    addresses = record_addresses(
        addresses=[(order.customer, PostalAddress(**asdict(address))) for order, address in places],
        at=at,
    )
    for (order, _), address in zip(places, addresses, strict=True):
        order.delivery_address = address
    _write_whose([order for order, _ in named])


def _write_whose(orders: Sequence[Order]) -> None:
    """Write customers and addresses; `bulk_update` takes a hundred times as long for a thousand."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE orders_order
               SET customer_id = told.customer_id, delivery_address_id = told.address_id
              FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[])
                   AS told (id, customer_id, address_id)
             WHERE orders_order.id = told.id
            """,
            [
                [order.pk for order in orders],
                [order.customer_id for order in orders],
                [order.delivery_address_id for order in orders],
            ],
        )


def _read_lines(channel: Channel, sales: Sequence[_Sale]) -> Articles:
    """Find the variants of all lines and make the lines; return what kind of articles they are."""
    resolved = resolve_variants(
        channel=channel, lines=[line for sale in sales for line in sale.reading.lines]
    )
    articles = articles_of(
        {line.variant_id for line in resolved if line.variant_id and not line.is_stocked}
    )
    rows = iter(
        build_lines(
            orders=[sale.order for sale in sales],
            readings=[sale.reading for sale in sales],
            resolved=resolved,
            articles=articles,
        )
    )
    for sale in sales:
        sale.lines = [next(rows) for _ in sale.reading.lines]
    return articles


def _send(
    channel: Channel, sales: Sequence[_Sale], location: Location, at: datetime
) -> dict[int, int]:
    """
    Store the lines as shipped, with a fulfillment for each order of known goods.

    Returns line id -> id of its line in the fulfillment.
    """
    sent = [sale for sale in sales if sale.has_goods]
    for sale in sent:
        sale.fulfillment = Fulfillment(
            order=sale.order,
            location=location,
            method=sale_method(channel),
            key=SOLD_BY_CHANNEL,
            shipped_at=_sold_at(sale, at),
        )
        for line in sale.lines:
            if not line.is_stocked or line.variant_id is not None:
                line.shipped = line.ordered
    copy_objects([line for sale in sales for line in sale.lines])
    Fulfillment.objects.bulk_create([sale.fulfillment for sale in sent if sale.fulfillment])
    for sale in sales:
        sale.holds = [*reading_holds(sale.reading), *line_holds(sale.lines)]
        sale.holds += place_holds(
            incoming=sale.reading.order, place_id=sale.order.pickup_location_id
        )
    return _insert_fulfillment_lines([sale.fulfillment.pk for sale in sent if sale.fulfillment])


def _insert_fulfillment_lines(fulfillment_ids: Sequence[int]) -> dict[int, int]:
    """
    Write what left with these first fulfillments: all that their orders' lines say.

    Returns line id -> id of what was written for it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO orders_fulfillmentline (fulfillment_id, line_id, quantity)
            SELECT fulfillment.id, line.id, line.shipped
              FROM orders_fulfillment AS fulfillment
              JOIN orders_orderline AS line ON line.order_id = fulfillment.order_id
             WHERE fulfillment.id = ANY(%s) AND line.shipped > 0
             ORDER BY line.id
            RETURNING line_id, id
            """,
            [list(fulfillment_ids)],
        )
        return dict(cursor.fetchall())


def _sold_at(sale: _Sale, at: datetime) -> datetime:
    return min(sale.reading.order.updated_at, at)


def _take_payments(sales: Sequence[_Sale], at: datetime) -> None:
    """Store what was paid and given back, and find the holds that follow from it."""
    taken = store_told_payments(
        sales=[(sale.order, sale.reading, sale.lines) for sale in sales], at=at
    )
    for sale in sales:
        sale.paid = taken[sale.order.pk].paid
        sale.holds += taken[sale.order.pk].holds


def _store_holds(sales: Sequence[_Sale], at: datetime) -> None:
    OrderHold.objects.bulk_create(
        OrderHold(
            order=sale.order,
            line=hold.line,
            kind=hold.kind,
            reason=hold.reason[:LONGEST_REASON],
            opened_at=at,
        )
        for sale in sales
        for hold in sale.holds
    )


def _record_events(sales: Sequence[_Sale], at: datetime) -> None:
    record_events(row for sale in sales for row in _timeline(sale, at))


def _timeline(sale: _Sale, at: datetime) -> Iterable[OrderEvent]:
    order = sale.order
    yield event(order, OrderEvent.Kind.INGESTED, at=at, **ingested_details(sale.reading))
    if order.customer_id is not None:
        yield event(order, OrderEvent.Kind.CUSTOMER_IDENTIFIED, at=at, customer=order.customer_id)
    if sale.fulfillment is not None:
        yield event(
            order,
            OrderEvent.Kind.SHIPPED,
            at=_sold_at(sale, at),
            fulfillment=sale.fulfillment.number,
            pieces=sum(line.shipped for line in sale.lines if line.is_stocked),
        )
    for hold in sale.holds:
        yield held_event(order, hold, at=at)


def _settle(sales: Sequence[_Sale]) -> None:
    """Work out the statuses, and write those that are not what the orders were inserted with."""
    different = []
    for sale in sales:
        inserted_as = [getattr(sale.order, name) for name in DERIVED_FIELDS]
        sale.order.lifecycle = Order.Lifecycle.PLACED
        apply_statuses(order=sale.order, lines=sale.lines, is_held=bool(sale.holds), paid=sale.paid)
        if sale.fulfillment is None:
            sale.order.location = None
        if inserted_as != [getattr(sale.order, name) for name in DERIVED_FIELDS]:
            different.append(sale.order)
    Order.objects.bulk_update(different, [*DERIVED_FIELDS, "location"])


def _post(
    sales: Sequence[_Sale], sent: Mapping[int, int], location: Location, at: datetime
) -> None:
    """Take what was sold out of stock; sent: line id -> id of its line in the fulfillment."""
    contents = contents_of(line for sale in sales for line in sale.lines)
    post_issues(
        issues=[
            Issue(
                location_id=location.pk,
                variant_id=variant_id,
                units=line.shipped * each,
                kind=StockMovement.Kind.SALE,
                reference=sale.fulfillment.number,
                moved_at=_sold_at(sale, at),
                source_kind=StockMovement.SourceKind.FULFILLMENT,
                source_id=sale.fulfillment.pk,
                source_line_ids=(sent[line.pk],),
            )
            for sale in sales
            if sale.fulfillment is not None
            for line in sale.lines
            for variant_id, each in contents.get(line.pk, {}).items()
        ],
        at=at,
    )
