"""
A ledger of a million rows: stock as of a moment, with and without snapshots, and its proof.

Beside each the SQL that a person would write who wants to know just that.
"""

from __future__ import annotations

from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import repeat
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench.harness import Measure, gather_statistics, in_turn
from catalog.models import Product, Variant
from inventory.models import Location
from inventory.operations import take_snapshot
from inventory.queries import differences, stock_as_of, value_as_of

# Each level gets a movement a round: a receipt every tenth, else a sale, 100 rounds over two years.
ROUNDS, CYCLE, RECEIVED, SOLD = 100, 10, 100, 10
PLACES = 2
BEGINNING = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(days=7, hours=7)
MIDDLE = BEGINNING + STEP * ROUNDS / 2
SNAPSHOTS_EVERY = timedelta(days=30)

# Two ledgers in the order in which a shop would have written them, and the totals they lead to.
# Unit costs differ by variant and stay, so that the average is exact.
_LEDGER = (
    """
    CREATE TEMPORARY TABLE story ON COMMIT DROP AS
    SELECT round, level.id AS level_id, level.location_id, level.variant_id,
           %(beginning)s + round * %(step)s AS moved_at,
           CASE WHEN round %% %(cycle)s = 0 THEN %(received)s ELSE -%(sold)s END AS units,
           1 + level.variant_id %% 50 AS unit_cost,
           format('L%%s-%%s-%%s', round, level.location_id, level.variant_id / 20) AS reference
      FROM inventory_stocklevel AS level, generate_series(0, %(rounds)s - 1) AS round
     WHERE level.location_id = ANY(%(locations)s)
    """,
    """
    INSERT INTO inventory_stockmovement
        (level_id, kind, quantity, cost_value, reference, reason, moved_at)
    SELECT level_id, CASE WHEN units > 0 THEN 'RECEIPT' ELSE 'SALE' END, units, units * unit_cost,
           reference, '', moved_at
      FROM story ORDER BY round, location_id, variant_id
    """,
    """
    INSERT INTO inventory_costmovement
        (pool_id, kind, units, value, expensed, units_before, reference, moved_at)
    SELECT pool.id, CASE WHEN story.units > 0 THEN 'RECEIPT' ELSE 'ISSUE' END, story.units,
           story.units * unit_cost, 0,
           sum(story.units) OVER (PARTITION BY variant_id ORDER BY round, location_id)
               - story.units,
           reference, moved_at
      FROM story JOIN inventory_costpool AS pool USING (variant_id)
     ORDER BY round, location_id, variant_id
    """,
    """
    UPDATE inventory_stocklevel AS level SET on_hand = told.units
      FROM (SELECT level_id, sum(units) AS units FROM story GROUP BY level_id) AS told
     WHERE level.id = told.level_id
    """,
    """
    UPDATE inventory_costpool AS pool SET units = told.units, value = told.value
      FROM (SELECT variant_id, sum(units) AS units, sum(units * unit_cost) AS value
              FROM story GROUP BY variant_id) AS told
     WHERE pool.variant_id = told.variant_id
    """,
)


def measure(*, rows: int = 1_000_000, turns: int = 7) -> list[Measure]:
    """Measure the questions over a ledger of so many rows of stock, and as many of cost."""
    make_ledger(rows=rows)
    gather_statistics()
    _require_right()
    measures = _as_of("no snapshots", rows=rows, turns=turns)
    take_snapshots()
    measures += _as_of("snapshots", rows=rows, turns=turns)
    return [
        *measures,
        in_turn(
            name=f"check_integrity of stock, {rows:,} rows",
            unit="rows",
            units=rows,
            ours=repeat(differences, turns),
            theirs=repeat(differences_by_hand, turns),
        ),
    ]


def make_ledger(*, rows: int) -> None:
    """Write so many movements of stock, as many of cost, and the totals that belong to them."""
    product = Product.objects.create(name="Ledger", status=Product.Status.ACTIVE)
    Variant.objects.bulk_create(
        [
            Variant(product=product, sku=f"LEDGER-{number:05}")
            for number in range(rows // (ROUNDS * PLACES))
        ]
    )
    locations = Location.objects.bulk_create(
        [
            Location(
                code=f"ledger-{place}",
                name=f"Ledger {place}",
                kind=Location.Kind.WAREHOUSE,
                country="GB",
            )
            for place in range(PLACES)
        ]
    )
    given: dict[str, Any] = {
        "product": product.pk,
        "locations": [location.pk for location in locations],
        "beginning": BEGINNING,
        "step": STEP,
        "cycle": CYCLE,
        "received": RECEIVED,
        "sold": SOLD,
        "rounds": ROUNDS,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO inventory_stocklevel (location_id, variant_id, on_hand, allocated)
            SELECT unnest(%(locations)s), id, 0, 0
              FROM catalog_variant WHERE product_id = %(product)s ORDER BY 1, 2
            """,
            given,
        )
        cursor.execute(
            """
            INSERT INTO inventory_costpool (variant_id, units, value)
            SELECT id, 0, 0 FROM catalog_variant WHERE product_id = %(product)s ORDER BY 1
            """,
            given,
        )
        for statement in _LEDGER:
            cursor.execute(statement, given)


def take_snapshots() -> None:
    """Take a snapshot every month of the ledger."""
    moment = BEGINNING
    while (moment := moment + SNAPSHOTS_EVERY) < BEGINNING + STEP * ROUNDS:
        take_snapshot(ends_at=moment, at=timezone.now())


def _require_right() -> None:
    if found := differences():
        msg = f"The ledger is not right: {found[0]} and {len(found) - 1} more."
        raise RuntimeError(msg)


def _as_of(what: str, *, rows: int, turns: int) -> list[Measure]:
    """Ask for units and for value in the middle of the ledger and shortly before its end."""
    measures = []
    for when, moment in (("half way", MIDDLE), ("of late", BEGINNING + STEP * (ROUNDS - 3))):
        for question, ours, theirs in (
            ("stock", stock_as_of, stock_by_hand),
            ("value", value_as_of, value_by_hand),
        ):
            if [astuple(row) for row in ours(moment)] != theirs(moment):
                msg = f"The answers to {question} {when} differ."
                raise RuntimeError(msg)
            measures.append(
                in_turn(
                    name=f"{question} {when} of {rows:,} rows, {what}",
                    unit="rows",
                    units=rows,
                    ours=repeat(partial(ours, moment), turns),
                    theirs=repeat(partial(theirs, moment), turns),
                )
            )
    return measures


def _rows(query: str, moment: datetime | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"moment": moment})
        return cursor.fetchall()


def stock_by_hand(moment: datetime) -> list[tuple[Any, ...]]:
    """Add the ledger up from its beginning: variant id, location id, units."""
    return _rows(
        """
        SELECT variant_id, location_id, sum(quantity)
          FROM inventory_stockmovement AS movement
          JOIN inventory_stocklevel AS level ON level.id = movement.level_id
         WHERE moved_at <= %(moment)s
         GROUP BY variant_id, location_id HAVING sum(quantity) <> 0
         ORDER BY variant_id, location_id
        """,
        moment,
    )


def value_by_hand(moment: datetime) -> list[tuple[Any, ...]]:
    """Add the ledger up from its beginning: variant id, units, value."""
    return _rows(
        """
        SELECT variant_id, sum(movement.units), sum(movement.value)
          FROM inventory_costmovement AS movement
          JOIN inventory_costpool AS pool ON pool.id = movement.pool_id
         WHERE moved_at <= %(moment)s
         GROUP BY variant_id HAVING sum(movement.units) <> 0 OR sum(movement.value) <> 0
         ORDER BY variant_id
        """,
        moment,
    )


# The proofs of `differences`, each as short as it can be said.
_PROOFS = (
    """
    SELECT level.id FROM inventory_stocklevel AS level
      LEFT JOIN inventory_stockmovement AS movement ON movement.level_id = level.id
     GROUP BY level.id HAVING on_hand <> coalesce(sum(quantity), 0)
    """,
    """
    SELECT level.id FROM inventory_stocklevel AS level
      LEFT JOIN inventory_allocation AS promise
        ON promise.level_id = level.id AND promise.closed_at IS NULL
     GROUP BY level.id HAVING allocated <> coalesce(sum(units - shipped - released), 0)
    """,
    """
    SELECT pool.id FROM inventory_costpool AS pool
      LEFT JOIN inventory_costmovement AS movement ON movement.pool_id = pool.id
     GROUP BY pool.id
    HAVING (pool.units, pool.value)
        <> (coalesce(sum(movement.units), 0), coalesce(sum(movement.value), 0))
    """,
    """
    SELECT variant_id, units FROM inventory_costpool WHERE units <> 0
    EXCEPT
    SELECT variant_id, sum(on_hand) FROM inventory_stocklevel GROUP BY variant_id
    """,
    """
    SELECT variant_id, reference
      FROM (SELECT variant_id, reference, quantity < 0 AS is_issue, cost_value AS value
              FROM inventory_stockmovement AS movement
              JOIN inventory_stocklevel AS level ON level.id = movement.level_id
             WHERE kind <> 'TRANSFER'
            UNION ALL
            SELECT variant_id, reference, movement.units < 0, -movement.value
              FROM inventory_costmovement AS movement
              JOIN inventory_costpool AS pool ON pool.id = movement.pool_id
             WHERE kind NOT IN ('CORRECTION', 'LANDED')) AS booked
     GROUP BY variant_id, reference, is_issue HAVING sum(value) <> 0
    """,
    """
    SELECT id FROM channels_listing AS listing
     WHERE status IN ('PUBLISHED', 'PAUSED') AND offered_quantity <>
        (SELECT quantity FROM inventory_availabilitysnapshot AS snapshot
          WHERE snapshot.listing_id = listing.id ORDER BY id DESC LIMIT 1)
    """,
)


def differences_by_hand() -> list[tuple[Any, ...]]:
    """Return the keys of totals that are not what their ledgers say."""
    return [row for proof in _PROOFS for row in _rows(proof)]
