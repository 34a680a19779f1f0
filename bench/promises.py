"""
One line promised to one document, from several connections at once.

Beside it the same rows by hand: a guarded update, the promise, the note for the channels.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from statistics import median
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from bench.harness import Act, Measure, do_side_by_side, gather_statistics
from catalog.models import Product, Variant
from inventory.models import Location
from inventory.operations import Received, allocate_stock, receive_stock

VARIANTS = 300

Promise = Callable[[Location, int, str, datetime], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """Where plenty lies, and of what: ids of variants."""

    location: Location
    variant_ids: Sequence[int]


def measure(
    *, connections: Sequence[int] = (1, 2, 4, 8), acts: int = 240, rounds: int = 5
) -> list[Measure]:
    """Measure so many promises over each number of connections, uniform and on a hot SKU."""
    shelf = prepare()
    gather_statistics()
    hot = Shelf(location=shelf.location, variant_ids=shelf.variant_ids[:1])
    return [
        _side_by_side(
            f"promise of one line, {count} connection(s), {spread}",
            stock,
            processes=count,
            acts=acts,
            rounds=rounds,
        )
        for spread, stock in (("uniform", shelf), ("one hot SKU", hot))
        for count in connections
    ]


def prepare() -> Shelf:
    """Put plenty of every article on the shelf."""
    product = Product.objects.create(name="Promised", status=Product.Status.ACTIVE)
    variants = Variant.objects.bulk_create(
        [Variant(product=product, sku=f"PROMISE-{number:04}") for number in range(VARIANTS)]
    )
    location = Location.objects.create(
        code="promises", name="Promises", kind=Location.Kind.WAREHOUSE, country="GB"
    )
    receive_stock(
        location=location,
        received={
            variant.pk: Received(units=10_000_000, value=Decimal(1_000_000)) for variant in variants
        },
        reference="PROMISES-OPENING",
        at=timezone.now(),
    )
    return Shelf(location=location, variant_ids=[variant.pk for variant in variants])


def _side_by_side(name: str, shelf: Shelf, *, processes: int, acts: int, rounds: int) -> Measure:
    """Promise in turn by both, round by round, and keep the median of each."""
    times: dict[Promise, list[float]] = {promise_by_us: [], promise_by_hand: []}
    for turn in range(rounds):
        for promise, taken in times.items():
            acts_of = partial(
                _acts,
                promise,
                shelf,
                prefix=f"{promise.__name__}-{name}-{turn}",
                acts=acts // processes,
            )
            taken.append(do_side_by_side(acts_of, processes=processes))
    ours, theirs = (acts // processes * processes / median(taken) for taken in times.values())
    return Measure(name=name, unit="promises", ours=ours, theirs=theirs)


def _acts(promise: Promise, shelf: Shelf, part: int, *, prefix: str, acts: int) -> Iterator[Act]:
    """Yield the promises of one process, each to a document of its own."""
    chance = random.Random(f"{prefix}-{part}")
    now = timezone.now()
    for number in range(acts):
        variant_id = chance.choice(shelf.variant_ids)
        yield partial(promise, shelf.location, variant_id, f"{prefix}-{part}-{number}", now)


def promise_by_us(location: Location, variant_id: int, reference: str, at: datetime) -> None:
    """Promise a unit as an order does."""
    allocate_stock(location=location, units={variant_id: 1}, reference=reference, at=at)


_TAKE = """
UPDATE inventory_stocklevel SET allocated = allocated + 1
WHERE location_id = %(location)s AND variant_id = %(variant)s AND on_hand - allocated >= 1
RETURNING id
"""
_PROMISE = """
INSERT INTO inventory_allocation (level_id, reference, units, shipped, released, note, allocated_at)
VALUES (%(level)s, %(reference)s, 1, 0, 0, '', %(at)s)
"""
_NOTE = """
INSERT INTO inventory_availabilitychange (variant_id, changed_at) VALUES (%(variant)s, %(at)s)
"""


def promise_by_hand(location: Location, variant_id: int, reference: str, at: datetime) -> None:
    """Promise a unit with three statements that nothing precedes."""
    given: dict[str, Any] = {
        "location": location.pk,
        "variant": variant_id,
        "reference": reference,
        "at": at,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TAKE, given)
        taken = cursor.fetchone()
        if taken is None:
            msg = "The benchmark ran out of stock."
            raise RuntimeError(msg)
        cursor.execute(_PROMISE, {**given, "level": taken[0]})
        cursor.execute(_NOTE, given)
