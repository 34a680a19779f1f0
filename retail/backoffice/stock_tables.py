"""The tables of "what is where": one article by location, channel, document and movement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from catalog.models import BundleComponent, Variant
from channels.models import Listing
from inventory.models import (
    Allocation,
    AvailabilitySnapshot,
    StockLevel,
    StockMovement,
    Transfer,
)
from inventory.offering import Offer, Step, Term
from inventory.queries import InTransit, LocationStock, VariantStock, offers
from orders.models import LineAllocation, Order
from purchasing.models import PurchaseOrder
from purchasing.queries import Incoming
from retail.backoffice.ages import in_words
from retail.backoffice.tables import (
    Cell,
    Table,
    headings,
    list_of,
    number,
    page_by_key,
    page_of,
)

# Of what may be long the page shows the newest or soonest; the lists have the rest.
ROWS_SHOWN = 20

# What each term of an offer says in a few words.
_TERM_WORDS: Mapping[str, str] = {
    Step.INACTIVE: "no longer dealt in",
    Step.FREE: "{} free",
    Step.SAFETY_STOCK: "less {} safety stock",
    Step.OTHER_RESERVES: "less {} kept for other channels",
    Step.FEWEST_BUNDLES: "enough for {} bundles",
    Step.OWN_RESERVE: "{} of it kept for this channel",
    Step.SHARE: "{} % of what is not",
    Step.BUFFER: "less a buffer of {}",
    Step.PACKS: "in packs of {}",
    Step.MINIMUM: "nothing below {}",
    Step.END_AT: "sold out at {}",
    Step.MAXIMUM: "{} at most",
}
# Figures by which a term changes nothing, so that it need not be named.
_CHANGES_NOTHING: Mapping[str, int] = {
    Step.SAFETY_STOCK: 0,
    Step.OTHER_RESERVES: 0,
    Step.OWN_RESERVE: 0,
    Step.SHARE: 100,
    Step.BUFFER: 0,
    Step.PACKS: 1,
}


def places(
    request: HttpRequest,
    stock: VariantStock,
    transit: Sequence[InTransit],
    incoming: Sequence[Incoming],
) -> Table:
    """Show what is at each location, and what is coming there; free is what can be sold."""
    here = {place.location_id: place for place in stock.places}
    names = {pk: place.location for pk, place in here.items()}
    names |= {row.location_id: row.location for row in (*transit, *incoming)}
    moving, owed = _by_place(transit), _by_place(incoming)
    free = Counter({pk: place.available for pk, place in here.items() if place.is_for_sale})
    soonest = _soonest((*transit, *incoming))
    return Table(
        title="Locations",
        headings=headings(
            "Location",
            "#On hand",
            "#Promised",
            "#Free",
            "#In transit to it",
            "#Ordered",
            "Expected",
        ),
        rows=[
            (
                Cell(name, _level_page(request, here.get(pk))),
                number(here[pk].on_hand if pk in here else 0),
                number(here[pk].allocated if pk in here else 0),
                number(free[pk]),
                number(moving[pk]),
                number(owed[pk]),
                Cell(_day(soonest.get(pk))),
            )
            for pk, name in names.items()
        ],
        total=(
            Cell("Everywhere"),
            number(stock.on_hand),
            number(stock.allocated),
            number(free.total()),
            number(moving.total()),
            number(owed.total()),
            Cell(_day(min(soonest.values(), default=None))),
        ),
        empty="There never was any, and none is on its way.",
    )


def offered(request: HttpRequest, variant: Variant, now: datetime) -> Table:
    """Show what each channel would be offered now and why, and what it was told last."""
    listings = list(
        Listing.objects.filter(
            variant=variant, status__in=[Listing.Status.PUBLISHED, Listing.Status.PAUSED]
        )
        .select_related("channel")
        .order_by("channel__name", "pk")
    )
    found = offers(listings=listings, at=now)
    stored = AvailabilitySnapshot.objects.newest_of([listing.pk for listing in listings])
    explained = dict(stored.values_list("listing_id", "pk"))
    return Table(
        title="Offered",
        headings=headings("Channel", "Listing", "#Offered", "Why", "#Told", "When"),
        rows=[
            (
                Cell(listing.channel.name),
                Cell(_listing_name(listing), page_of(request, listing)),
                _offer_cell(request, found.get(listing.pk), explained.get(listing.pk)),
                Cell(_reasons(found.get(listing.pk))),
                Cell(_shown(listing.pushed_quantity), is_number=True),
                Cell(_told(listing, now)),
            )
            for listing in listings
        ],
        empty="No channel shows it for sale.",
    )


def bundles(variant: Variant) -> Iterator[Table]:
    """Show what a bundle is made of, and which bundles an article is part of."""
    links = (
        BundleComponent.objects.filter(Q(bundle=variant) | Q(component=variant))
        .select_related("bundle__product", "component__product")
        .order_by("pk")
    )
    parts = [(link.component, link.units) for link in links if link.bundle_id == variant.pk]
    wholes = [(link.bundle, link.units) for link in links if link.component_id == variant.pk]
    for title, found in (("Made of", parts), ("Part of bundles", wholes)):
        if found:
            yield Table(
                title=title,
                headings=headings("SKU", "Name", "#Units in one"),
                rows=[
                    (
                        Cell(other.sku, reverse("stock-where", args=[other.pk])),
                        Cell(other.full_name),
                        number(units),
                    )
                    for other, units in found
                ],
                empty="",
            )


def in_transit(request: HttpRequest, rows: Sequence[InTransit]) -> Table:
    """Show the transfers that are bringing units."""
    return Table(
        title="In transit",
        headings=headings("Transfer", "From", "To", "#Units", "Expected"),
        rows=[
            (
                Cell(row.number, page_by_key(request, Transfer, row.transfer_id)),
                Cell(row.from_location),
                Cell(row.location),
                number(row.units),
                Cell(_day(row.expected_on)),
            )
            for row in rows[:ROWS_SHOWN]
        ],
        empty="No transfer is bringing any.",
        more=list_of(request, Transfer, status__in="DISPATCHED,PARTLY_RECEIVED")
        if len(rows) > ROWS_SHOWN
        else "",
    )


def ordered(request: HttpRequest, rows: Sequence[Incoming]) -> Table:
    """Show the purchase orders that units are still to come on."""
    return Table(
        title="Ordered",
        headings=headings("Purchase order", "Supplier", "For", "#Units", "Expected"),
        rows=[
            (
                Cell(row.number, page_by_key(request, PurchaseOrder, row.order_id)),
                Cell(row.supplier),
                Cell(row.location),
                number(row.units),
                Cell(_day(row.expected_on)),
            )
            for row in rows[:ROWS_SHOWN]
        ],
        empty="Suppliers owe none.",
        more=list_of(request, PurchaseOrder, status__exact="SENT")
        if len(rows) > ROWS_SHOWN
        else "",
    )


def promises(request: HttpRequest, variant: Variant) -> Table:
    """Show who is promised units, the youngest promise first."""
    found = list(
        Allocation.objects.open()
        .filter(level__variant=variant)
        .select_related("level__location")
        .order_by("-pk")[:ROWS_SHOWN]
    )
    orders = dict(
        LineAllocation.objects.filter(allocation__in=found).values_list(
            "allocation_id", "line__order_id"
        )
    )
    return Table(
        title="Promised",
        headings=headings("To", "Location", "#Units", "Since", "Kept until"),
        rows=[
            (
                Cell(
                    allocation.note or allocation.reference,
                    page_by_key(request, Order, orders[allocation.pk])
                    if allocation.pk in orders
                    else "",
                ),
                Cell(allocation.level.location.name),
                number(allocation.open_units, page_of(request, allocation)),
                Cell(_moment(allocation.allocated_at)),
                Cell(_moment(allocation.expires_at)),
            )
            for allocation in found
        ],
        empty="None is promised.",
        more=list_of(request, Allocation, q=variant.sku, closed_at__isempty=1),
    )


def movements(request: HttpRequest, variant: Variant) -> Table:
    """Show what moved last."""
    found = (
        StockMovement.objects.filter(level__variant=variant)
        .select_related("level__location")
        .order_by("-pk")[:ROWS_SHOWN]
    )
    return Table(
        title="Last movements",
        headings=headings("When", "Kind", "Location", "#Units", "Document", "Reason"),
        rows=[
            (
                Cell(_moment(movement.moved_at), page_of(request, movement)),
                Cell(movement.get_kind_display()),
                Cell(movement.level.location.name),
                Cell(f"{movement.quantity:+,}", is_number=True),
                Cell(movement.reference),
                Cell(movement.reason),
            )
            for movement in found
        ],
        empty="None ever moved.",
        more=list_of(request, StockMovement, q=variant.sku),
    )


def _level_page(request: HttpRequest, place: LocationStock | None) -> str:
    return "" if place is None else page_by_key(request, StockLevel, place.level_id)


def _by_place(rows: Iterable[InTransit | Incoming]) -> Counter[int]:
    units: Counter[int] = Counter()
    for row in rows:
        units[row.location_id] += row.units
    return units


def _soonest(rows: Iterable[InTransit | Incoming]) -> dict[int, date]:
    """Return location id -> the first day on which something is expected there."""
    days: dict[int, date] = {}
    for row in rows:
        if row.expected_on is not None:
            days[row.location_id] = min(days.get(row.location_id, row.expected_on), row.expected_on)
    return days


def _offer_cell(request: HttpRequest, offer: Offer | None, snapshot_id: int | None) -> Cell:
    """Return what is offered, leading to the terms as they were stored last."""
    if offer is None:
        return Cell("-", is_number=True)
    url = page_by_key(request, AvailabilitySnapshot, snapshot_id) if snapshot_id else ""
    return number(offer.quantity, url)


def _reasons(offer: Offer | None) -> str:
    if offer is None:
        return "It has no stock, and is made of nothing that has."
    return ", ".join(
        _reason(term)
        for term in offer.terms
        if term.step in _TERM_WORDS and term.figure != _CHANGES_NOTHING.get(term.step)
    )


def _reason(term: Term) -> str:
    words = _TERM_WORDS[term.step].format(term.figure)
    if len(term.places) > 1:
        words += f" ({', '.join(f'{place.location} {place.free}' for place in term.places)})"
    return f"{term.article}: {words}" if term.article else words


def _listing_name(listing: Listing) -> str:
    is_paused = listing.status == Listing.Status.PAUSED
    return f"{listing} (paused)" if is_paused else str(listing)


def _told(listing: Listing, now: datetime) -> str:
    if listing.push_error:
        return f"refused: {listing.push_error}"
    return f"{in_words(now - listing.pushed_at)} ago" if listing.pushed_at else "never"


def _shown(count: Any) -> str:
    return "-" if count is None else f"{count:,}"


def _day(day: date | None) -> str:
    return f"{day:%d %b %Y}" if day else ""


def _moment(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%d %b %Y %H:%M}" if moment else ""
