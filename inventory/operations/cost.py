"""Costs that become known after the goods came in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from inventory.models import CostMovement, CostPool, CostPoolQuerySet
from inventory.operations.costing import as_one_receipt, correction_parts, left_of
from inventory.operations.levels import Ids, ReferenceUsed, add_to_pools
from inventory.operations.periods import require_open_period
from retail.common.errors import BusinessError
from retail.common.money import round_amount

Kind = CostMovement.Kind


class ReceiptUnknown(BusinessError):
    """No receipt of this variant has this reference."""


class NothingToCorrect(BusinessError):
    """The amount is not even a cent, or not a number."""


@dataclass(frozen=True, kw_only=True)
class LateCost:
    """
    What a receipt of a variant should have cost on top, or less; one document's word for it.

    receipt_reference: of the receipt. reference: of the document, once for the variant.
    """

    variant_id: int
    receipt_reference: str
    amount: Decimal
    reference: str


@transaction.atomic
def correct_cost(
    *,
    variant_id: int,
    receipt_reference: str,
    amount: Decimal,
    reference: str,
    at: datetime,
    kind: str = Kind.CORRECTION,
) -> CostMovement:
    """Book one late cost, as `correct_costs` does."""
    cost = LateCost(
        variant_id=variant_id,
        receipt_reference=receipt_reference,
        amount=amount,
        reference=reference,
    )
    (correction,) = correct_costs(costs=[cost], at=at, kind=kind)
    return correction


@transaction.atomic
def correct_costs(
    *, costs: Sequence[LateCost], at: datetime, kind: str = Kind.CORRECTION
) -> list[CostMovement]:
    """
    Book late costs, or late rebates, of goods received earlier, without rewriting anything.

    costs: amounts signed, in book currency; what a receipt should have cost on top. What is left
    of it in stock changes the stock value, the rest is expensed; together they are the amount to
    the cent. What is left is what the books would show had the cost been known on day one
    (`costing.left_of`).
    kind: CORRECTION for a bill at another price, LANDED for freight, duty and the like.
    Returns the movements in the order of the costs. A cost that was booked before under its
    reference and kind is returned and not booked again. A fixed number of queries.
    Locks: the CostPool rows, by primary key.

    :raises ReceiptUnknown: the variant was not received under `receipt_reference`.
    :raises NothingToCorrect: an amount rounds to nothing.
    :raises ReferenceUsed: a reference corrected another receipt of the variant, or stands twice.
    :raises PeriodClosed: the books are closed for that moment.
    """
    if not costs:
        return []
    pools = _lock_pools(CostPool.objects.filter(variant_id__in=Ids({c.variant_id for c in costs})))
    pool_of = {pool.variant_id: pool for pool in pools.values()}
    receipts = _by_reference(pools, Kind.RECEIPT, {cost.receipt_reference for cost in costs})
    booked = _by_reference(pools, kind, {cost.reference for cost in costs})
    fresh: dict[tuple[int, str], tuple[CostMovement, Decimal]] = {}
    for cost in costs:
        pool = pool_of.get(cost.variant_id)
        receipt = receipts.get((pool.pk, cost.receipt_reference)) if pool else None
        if pool is None or receipt is None:
            msg = f"There is no receipt {cost.receipt_reference} of this article to correct."
            raise ReceiptUnknown(msg, receipt_reference=cost.receipt_reference)
        key = pool.pk, cost.reference
        earlier = booked.get(key)
        if key in fresh or (earlier and earlier.corrects_id != receipt.pk):
            msg = f"{cost.reference} already corrected another receipt of this article."
            raise ReferenceUsed(msg, reference=cost.reference)
        if not earlier:
            fresh[key] = receipt, _amount_in_cents(cost.amount)
    booked |= _post(
        [
            _Late(
                amount=amount,
                origin=amount,
                since=receipt,
                units_then=receipt.units_before + receipt.units,
                receipt_id=receipt.pk,
                reference=reference,
            )
            for (_, reference), (receipt, amount) in fresh.items()
        ],
        pools=pools,
        kind=kind,
        at=at,
    )
    return [booked[pool_of[cost.variant_id].pk, cost.reference] for cost in costs]


@transaction.atomic
def take_back_costs(
    *, references: Mapping[str, str], at: datetime, kind: str = Kind.CORRECTION
) -> list[CostMovement]:
    """
    Undo late costs from here on, as if they had never been booked.

    Of each, what is still left in stock of what went there leaves the stock value, and the rest
    comes off what was expensed; together they are the amount the other way round, to the cent.
    references: of the late costs -> under which each is taken back. What was never booked is
    passed over; a second call returns what the first one wrote. A fixed number of queries.
    Locks: the CostPool rows, by primary key.

    :raises PeriodClosed: the books are closed for that moment.
    """
    booked = CostMovement.objects.filter(kind=kind, reference__in=list(references)).order_by("pk")
    # Movements never change, so which pools they are in may be read before the lock.
    pools = _lock_pools(CostPool.objects.filter(pk__in=Ids({row.pool_id for row in booked})))
    undone = _by_reference(pools, kind, references.values())
    written = _post(
        [
            _Late(
                amount=-(row.value + row.expensed),
                origin=-row.value,
                since=row,
                units_then=row.units_before,
                receipt_id=row.corrects_id,
                reference=references[row.reference],
            )
            for row in booked
            if (row.pool_id, references[row.reference]) not in undone
        ],
        pools=pools,
        kind=kind,
        at=at,
    )
    return [*undone.values(), *written.values()]


@dataclass(frozen=True, kw_only=True)
class _Late:
    """
    An amount to post of which only a part is still in stock.

    origin: what went, or should have gone, into the pool right after the movement `since`, which
    left `units_then` units there.
    """

    amount: Decimal
    origin: Decimal
    since: CostMovement
    units_then: int
    receipt_id: int | None
    reference: str


def _post(
    lates: Sequence[_Late], *, pools: Mapping[int, CostPool], kind: str, at: datetime
) -> dict[tuple[int, str], CostMovement]:
    """Write the movements and the locked pools; return pool id and reference -> movement."""
    if not lates:
        return {}
    require_open_period(at)
    received = _received_since([late.since for late in lates])
    stock_values = {pool.pk: pool.value for pool in pools.values()}
    movements = []
    for late in lates:
        pool = pools[late.since.pool_id]
        left = left_of(
            late.origin,
            units_then=late.units_then,
            units_now=pool.units,
            received=[received[late.since.pk]],
            currency=settings.RETAIL_CURRENCY,
        )
        to_stock, expensed = correction_parts(
            amount=late.amount, left=left, stock_value=stock_values[pool.pk]
        )
        stock_values[pool.pk] += to_stock
        movements.append(
            CostMovement(
                pool_id=pool.pk,
                kind=kind,
                units=0,
                value=to_stock,
                expensed=expensed,
                units_before=pool.units,
                reference=late.reference,
                corrects_id=late.receipt_id,
                moved_at=at,
            )
        )
    add_to_pools(
        {pk: (0, value - pools[pk].value) for pk, value in stock_values.items()},
    )
    CostMovement.objects.bulk_create(movements)
    return {(row.pool_id, row.reference): row for row in movements}


def _received_since(movements: Sequence[CostMovement]) -> dict[int, tuple[int, int]]:
    """
    Return movement id -> the receipts at a cost of their own since then, put together as one.

    Units in the pool before and units received, as `left_of` takes them. One run through the
    receipts of a pool serves all its movements, from the latest back.
    """
    moments: dict[int, set[int]] = defaultdict(set)
    for row in movements:
        moments[row.pool_id].add(row.pk)
    # Rows of one pool are written under its lock, so their keys tell their order.
    later = CostMovement.objects.filter(
        pool_id__in=Ids(moments),
        kind=Kind.RECEIPT,
        is_at_average=False,
        pk__gt=min(row.pk for row in movements),
    )
    receipts: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for pool_id, pk, before, units in later.order_by("pk").values_list(
        "pool_id", "pk", "units_before", "units"
    ):
        receipts[pool_id].append((pk, before, units))
    since: dict[int, tuple[int, int]] = {}
    for pool_id, pks in moments.items():
        rest, together = receipts[pool_id], (1, 0)
        for moment in sorted(pks, reverse=True):
            met = [together]
            while rest and rest[-1][0] > moment:
                met.append(rest.pop()[1:])
            since[moment] = together = as_one_receipt(met)
    return since


def _lock_pools(pools: CostPoolQuerySet) -> dict[int, CostPool]:
    return {pool.pk: pool for pool in pools.for_update()}


def _by_reference(
    pool_ids: Collection[int], kind: str, references: Collection[str]
) -> dict[tuple[int, str], CostMovement]:
    rows = CostMovement.objects.filter(
        pool_id__in=Ids(pool_ids), kind=kind, reference__in=list(references)
    )
    return {(row.pool_id, row.reference): row for row in rows}


def _amount_in_cents(amount: Decimal) -> Decimal:
    if not amount.is_finite() or not round_amount(amount, settings.RETAIL_CURRENCY):
        msg = f"{amount} is no amount to correct a cost by."
        raise NothingToCorrect(msg, amount=str(amount))
    return round_amount(amount, settings.RETAIL_CURRENCY)
