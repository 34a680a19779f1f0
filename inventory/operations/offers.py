"""What listings offer, and what their channels have taken over: rows, so that nothing is lost."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from catalog.models import BundleComponent
from channels.connectors.base import PushResult
from channels.models import Listing
from inventory.models import AvailabilityChange, AvailabilitySnapshot
from inventory.offering import Offer
from inventory.queries import offers

FOR_SALE = (Listing.Status.PUBLISHED, Listing.Status.PAUSED)
COUNTABLE = Q(variant__is_stocked=True) | Exists(
    BundleComponent.objects.filter(bundle=OuterRef("variant"))
)


@transaction.atomic
def work_out_offers(*, limit: int, at: datetime) -> int:
    """
    Work out what the listings of changed variants offer, and return how many notes that used.

    Takes the oldest `limit` notes that nobody else is taking, and as many listings that never
    offered anything. A note of a component is one of its bundles, too. Listings whose variant a
    reserve began or ended for since they were last worked out need no note. What a listing offers
    and what was pushed then differ, which makes it due; the terms are kept where they changed.
    Locks: the notes, then the listings, each by primary key.
    """
    changes = list(
        AvailabilityChange.objects.order_by("pk")
        .select_for_update(of=("self",), skip_locked=True)
        .values_list("pk", "variant_id")[:limit]
    )
    AvailabilityChange.objects.filter(pk__in=[pk for pk, _ in changes]).delete()
    changed = {variant_id for _, variant_id in changes} | _variants_of_turned_reserves(at)
    changed |= _bundles_of(changed)
    for_sale = Listing.objects.filter(status__in=FOR_SALE)
    never_offered = for_sale.filter(COUNTABLE, offered_quantity__isnull=True).order_by("pk")
    listings = list(
        Listing.objects.for_update().filter(
            Q(variant_id__in=changed)
            | Q(pk__in=list(never_offered.values_list("pk", flat=True)[:limit])),
            status__in=FOR_SALE,
        )
    )
    # The stock is read after the notes are gone and the listings are locked: a movement after
    # this reading leaves a note of its own, and no older reading can be written over this one.
    worked_out = offers(listings=listings, at=at)
    _keep_terms(worked_out, at=at)
    _keep_offers(listings, worked_out, at=at)
    return len(changes)


def _variants_of_turned_reserves(at: datetime) -> set[int]:
    """
    Return the variants that a reserve began or ended for since a listing was last worked out.

    Looked for instead of noted, since nobody is there to write a note at that moment. A listing
    of a bundle counts like one of its components.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT DISTINCT reserve.variant_id
              FROM (SELECT variant_id, variant_id AS listed_id, starts_at, ends_at
                      FROM inventory_channelreserve
                     UNION ALL
                    SELECT variant_id, bundle_id, starts_at, ends_at
                      FROM inventory_channelreserve
                      JOIN catalog_bundlecomponent ON component_id = variant_id) AS reserve
              JOIN channels_listing AS listing ON listing.variant_id = reserve.listed_id
             WHERE listing.status = ANY(%(for_sale)s)
               AND (   (reserve.starts_at <= %(at)s AND listing.offered_at < reserve.starts_at)
                    OR (reserve.ends_at <= %(at)s AND listing.offered_at < reserve.ends_at))
            """,
            {"at": at, "for_sale": list(FOR_SALE)},
        )
        return {variant_id for (variant_id,) in cursor.fetchall()}


def _bundles_of(variant_ids: Collection[int]) -> set[int]:
    bundles = BundleComponent.objects.filter(component_id__in=variant_ids)
    return set(bundles.values_list("bundle_id", flat=True))


def _keep_terms(worked_out: Mapping[int, Offer], *, at: datetime) -> None:
    """Write the terms of locked listings that are not those of their newest snapshot."""
    newest = {
        listing_id: (quantity, terms)
        for listing_id, quantity, terms in AvailabilitySnapshot.objects.newest_of(
            list(worked_out)
        ).values_list("listing_id", "quantity", "terms")
    }
    AvailabilitySnapshot.objects.bulk_create(
        [
            AvailabilitySnapshot(
                listing_id=listing_id, quantity=offer.quantity, terms=terms, computed_at=at
            )
            for listing_id, offer in worked_out.items()
            if newest.get(listing_id) != (offer.quantity, terms := offer.rows())
        ],
        batch_size=1000,
    )


def _keep_offers(
    listings: Sequence[Listing], worked_out: Mapping[int, Offer], *, at: datetime
) -> None:
    """
    Write what locked listings offer, and when that was worked out.

    A listing of what has no number, as its variant is not kept in stock any more, has no offer.
    """
    quantities = [
        worked_out[listing.pk].quantity if listing.pk in worked_out else None
        for listing in listings
    ]
    moments = [at if listing.pk in worked_out else None for listing in listings]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE channels_listing AS listing
               SET offered_quantity = offer.quantity, offered_at = offer.at
              FROM unnest(%s::bigint[], %s::int[], %s::timestamptz[]) AS offer (id, quantity, at)
             WHERE listing.id = offer.id
            """,
            [[listing.pk for listing in listings], quantities, moments],
        )


@transaction.atomic
def note_all_listings(*, at: datetime) -> int:
    """
    Note that every listing for sale must be worked out anew; return how many variants that are.

    Makes up for what no note told of. A variant that has a note already gets no other.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO inventory_availabilitychange (variant_id, changed_at)
            SELECT DISTINCT listing.variant_id, %s::timestamptz
              FROM channels_listing AS listing
             WHERE listing.status = ANY(%s) AND listing.variant_id IS NOT NULL
               AND NOT EXISTS (SELECT FROM inventory_availabilitychange AS change
                                WHERE change.variant_id = listing.variant_id)
            """,
            [at, list(FOR_SALE)],
        )
        return int(cursor.rowcount)


@transaction.atomic
def forget_offers(*, before: datetime, limit: int) -> int:
    """
    Delete up to `limit` of the oldest terms from before a moment; return how many.

    The newest of each listing stays, however old: it explains what is offered now.
    """
    later = AvailabilitySnapshot.objects.filter(listing=OuterRef("listing"), pk__gt=OuterRef("pk"))
    over = AvailabilitySnapshot.objects.filter(Exists(later), computed_at__lt=before).order_by("pk")
    deleted, _ = AvailabilitySnapshot.objects.filter(
        pk__in=list(over.values_list("pk", flat=True)[:limit])
    ).delete()
    return deleted


@transaction.atomic
def record_pushed(
    *,
    listings: Sequence[Listing],
    quantities: Sequence[int],
    results: Sequence[PushResult],
    at: datetime,
) -> dict[int, str]:
    """
    Keep what a channel accepted and refused; return listing id -> what it said to the refused.

    listings, quantities, results: side by side, one per item of the push. A listing that was
    refused stays due, as does one whose offer changed while the push was on its way. The refusal
    stands on the listing, with the moment it was first said, until a push is accepted.
    Locks: the listings, by primary key.
    """
    told = {
        listing.pk: (quantity, result.error)
        for listing, quantity, result in zip(listings, quantities, results, strict=True)
    }
    accepted, refused = [], []
    for row in Listing.objects.for_update().filter(pk__in=list(told)):
        quantity, error = told[row.pk]
        if not error:
            row.pushed_quantity, row.pushed_at = quantity, at
            row.push_error, row.push_refused_at = "", None
            accepted.append(row)
        elif error != row.push_error:
            row.push_error, row.push_refused_at = error, at
            refused.append(row)
    Listing.objects.bulk_update(
        accepted, ["pushed_quantity", "pushed_at", "push_error", "push_refused_at"]
    )
    Listing.objects.bulk_update(refused, ["push_error", "push_refused_at"])
    return {pk: error for pk, (_, error) in told.items() if error}
