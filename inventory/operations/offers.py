"""What listings offer, and what their channels have taken over: rows, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from channels.connectors.base import PushResult
from channels.models import Listing
from inventory.models import AvailabilityChange, Location, StockLevel
from inventory.operations.levels import note_availability
from inventory.queries import offered_quantities


@transaction.atomic
def work_out_offers(*, limit: int, at: datetime) -> int:
    """
    Work out what the listings of changed variants offer, and return how many changes that used.

    Takes the oldest `limit` notes that nobody else is taking, and as many listings that never
    offered anything. What a listing offers and what was pushed then differ, which makes it due.
    Locks: the notes, then the listings, each by primary key.
    """
    changes = list(
        AvailabilityChange.objects.order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
        .values_list("pk", "variant_id")[:limit]
    )
    AvailabilityChange.objects.filter(pk__in=[pk for pk, _ in changes]).delete()
    for_sale = Listing.objects.filter(
        status__in=[Listing.Status.PUBLISHED, Listing.Status.PAUSED],
        variant__is_stocked=True,
    )
    never_offered = for_sale.filter(offered_quantity__isnull=True).order_by("pk")
    listings = list(
        Listing.objects.for_update().filter(
            Q(variant_id__in={variant_id for _, variant_id in changes})
            | Q(pk__in=list(never_offered.values_list("pk", flat=True)[:limit])),
            pk__in=for_sale,
        )
    )
    # The stock is read after the notes are gone and the listings are locked: a movement after
    # this reading leaves a note of its own, and no older reading can be written over this one.
    offered = offered_quantities(
        variant_ids={listing.variant_id for listing in listings if listing.variant_id}
    )
    for listing in listings:
        units = offered[listing.variant_id] if listing.variant_id else 0
        listing.offered_quantity = units // listing.pack_size
        listing.offered_at = at
    Listing.objects.bulk_update(listings, ["offered_quantity", "offered_at"], batch_size=1000)
    return len(changes)


@transaction.atomic
def record_pushed(
    *,
    listings: Sequence[Listing],
    quantities: Sequence[int],
    results: Sequence[PushResult],
    at: datetime,
) -> dict[int, str]:
    """
    Keep what a channel accepted; return listing id -> what it said to those it did not.

    listings, quantities, results: side by side, one per item of the push. A listing that was
    refused stays due, as does one whose offer changed while the push was on its way.
    """
    accepted = {
        listing.pk: quantity
        for listing, quantity, result in zip(listings, quantities, results, strict=True)
        if not result.error
    }
    rows = list(Listing.objects.for_update().filter(pk__in=list(accepted)))
    for row in rows:
        row.pushed_quantity = accepted[row.pk]
        row.pushed_at = at
    Listing.objects.bulk_update(rows, ["pushed_quantity", "pushed_at"])
    return {
        listing.pk: result.error
        for listing, result in zip(listings, results, strict=True)
        if result.error
    }


@transaction.atomic
def announce_location(*, location: Location, at: datetime) -> None:
    """Note that listings of all that lies here must be told: it ships orders now, or not."""
    note_availability(
        variant_ids=StockLevel.objects.filter(location=location).values_list(
            "variant_id", flat=True
        ),
        at=at,
    )
