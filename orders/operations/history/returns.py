"""Returns of the past, taken in by the thousand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal

from django.db import transaction

from channels.connectors.base import IncomingBuyer
from channels.models import Channel
from customers.models import Customer
from customers.operations import Buyer, identify_many
from inventory.models import Location, StockMovement
from inventory.operations import Issue, post_issues
from orders.models import Return, ReturnLine
from orders.operations.contents import Articles, articles_of
from orders.operations.history.sales import BatchResult
from orders.operations.reading import LONGEST_ID, LONGEST_NAME, fitted
from orders.operations.returned_rows import disposition
from retail.common.money import ZERO, round_amount, round_rate

# What a return of the past says of itself: why nobody knows its sale, and what was paid back.
OF_THE_PAST = "Taken in with the sales of the past"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingReturnLine:
    """
    Units that came back of one article, from 1 up, and what one was sold for.

    `variant_id` is None for an article nobody knows; `is_stocked` is false for postage and fees.
    """

    external_line_id: str
    variant_id: int | None
    quantity: int
    unit_price: Decimal
    sku: str = ""
    name: str = ""
    is_stocked: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingReturn:
    """Goods that came back on a channel, nobody knows of which sale; in the channel's currency."""

    external_id: str
    received_at: datetime
    lines: tuple[IncomingReturnLine, ...]
    buyer: IncomingBuyer | None = None


@transaction.atomic
def register_returns(
    *, channel: Channel, batch: Sequence[IncomingReturn], location: Location, at: datetime
) -> BatchResult:
    """
    Take in returns of the past as blind returns, about a thousand a call, back on the shelf.

    Writes the rows that `take_back_blind` and `close_return` would write for each, in a fixed
    number of queries: what was paid back for them was settled then.
    Returns that are known are passed over. What is unknown or not stocked is noted only.
    Locks: keys of customers, then cost pools and stock levels.
    """
    known = set(
        Return.objects.filter(
            channel=channel, external_id__in=[incoming.external_id for incoming in batch]
        ).values_list("external_id", flat=True)
    )
    fresh = {
        incoming.external_id: incoming for incoming in batch if incoming.external_id not in known
    }
    inserted = _insert(channel, fresh, location, at)
    came = [(parent, fresh[parent.external_id or ""]) for parent in inserted]
    articles = articles_of(
        {line.variant_id for _, one in came for line in one.lines if line.variant_id is not None}
    )
    rows = [
        (_row(parent, line, articles), incoming.received_at)
        for parent, incoming in came
        for line in incoming.lines
    ]
    ReturnLine.objects.bulk_create([row for row, _ in rows])
    _restock(rows, location, articles, at)
    told = sum(len(incoming.lines) for incoming in batch)
    return BatchResult(
        created=len(inserted),
        known=len(batch) - len(inserted),
        lines=len(rows),
        lines_known=told - len(rows),
    )


def _insert(
    channel: Channel, fresh: dict[str, IncomingReturn], location: Location, at: datetime
) -> list[Return]:
    customers = _customers(channel, list(fresh.values()), at)
    Return.objects.bulk_create(
        [
            Return(
                channel=channel,
                external_id=external_id,
                customer=customers.get(external_id),
                location=location,
                currency=channel.currency,
                note=OF_THE_PAST,
                received_at=incoming.received_at,
                status=Return.Status.CLOSED,
                closed_at=incoming.received_at,
                close_note=OF_THE_PAST,
            )
            for external_id, incoming in fresh.items()
        ],
        ignore_conflicts=True,
    )
    # Without lines: inserted by this transaction, as whoever inserts writes the lines with it.
    return list(
        Return.objects.filter(
            channel=channel, external_id__in=list(fresh), lines__isnull=True
        ).order_by("pk")
    )


def _customers(
    channel: Channel, batch: Sequence[IncomingReturn], at: datetime
) -> dict[str, Customer | None]:
    named = [(incoming.external_id, incoming.buyer) for incoming in batch if incoming.buyer]
    found = identify_many(
        buyers=[(channel.code, Buyer(**asdict(buyer))) for _, buyer in named], at=at
    )
    return {external_id: customer for (external_id, _), customer in zip(named, found, strict=True)}


def _row(parent: Return, line: IncomingReturnLine, articles: Articles) -> ReturnLine:
    is_known = line.variant_id is not None and line.variant_id not in articles.services
    price = round_rate(line.unit_price)
    return ReturnLine(
        parent=parent,
        external_line_id=line.external_line_id,
        variant_id=line.variant_id,
        raw_sku=fitted(line.sku, LONGEST_ID),
        name=fitted(line.name, LONGEST_NAME),
        quantity=line.quantity,
        received=line.quantity,
        unit_price=price,
        amount=max(round_amount(price * line.quantity, parent.currency), ZERO),
        disposition=disposition(is_stocked=line.is_stocked and is_known),
    )


def _restock(
    rows: Sequence[tuple[ReturnLine, datetime]],
    location: Location,
    articles: Articles,
    at: datetime,
) -> None:
    """Put rows on the shelf, each as of when it came."""
    post_issues(
        issues=[
            Issue(
                location_id=location.pk,
                variant_id=variant_id,
                units=-row.quantity * each,
                kind=StockMovement.Kind.RETURN,
                reference=row.parent.number,
                moved_at=received_at,
                source_kind=StockMovement.SourceKind.CUSTOMER_RETURN,
                source_id=row.parent.pk,
                source_line_ids=(row.pk,),
            )
            for row, received_at in rows
            if row.disposition == ReturnLine.Disposition.RESTOCK and row.variant_id is not None
            for variant_id, each in articles.contents(row.variant_id).items()
        ],
        at=at,
    )
