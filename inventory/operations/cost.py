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
from retail.common.money import ZERO, round_amount

Kind = CostMovement.Kind
_Booked = dict[tuple[int, str], CostMovement]


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


@dataclass(frozen=True, slots=True)
class CostParts:
    """Where a late cost goes: to the value of what is in stock, and to cost of sales."""

    to_stock: Decimal
    expensed: Decimal


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
    :raises ReferenceUsed: a reference corrected another receipt of the variant, or by another
        amount, or stands twice.
    :raises PeriodClosed: the books are closed for that moment.
    """
    if not costs:
        return []
    pools = _pools_of(costs).for_update().in_bulk()
    booked, lates = _resolved(costs, pools=pools, kind=kind)
    booked |= _post(lates, pools=pools, kind=kind, at=at)
    pool_ids = {pool.variant_id: pool.pk for pool in pools.values()}
    return [booked[pool_ids[cost.variant_id], cost.reference] for cost in costs]


def plan_costs(*, costs: Sequence[LateCost], kind: str = Kind.CORRECTION) -> list[CostParts]:
    """
    Return where each late cost would go if it were booked now; those booked before are left out.

    Nothing is locked or written. Refuses as `correct_costs` does.
    """
    pools = _pools_of(costs).in_bulk()
    _, lates = _resolved(costs, pools=pools, kind=kind)
    return _parts(lates, pools=pools)


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
    booked = _booked_as(references, kind)
    # Movements never change, so which pools they are in may be read before the lock.
    pools = CostPool.objects.filter(pk__in=Ids({row.pool_id for row in booked})).for_update()
    locked = pools.in_bulk()
    undone = _by_reference(locked, kind, references.values())
    back = _taken_back(booked, references)
    fresh = [late for late in back if (late.since.pool_id, late.reference) not in undone]
    return [*undone.values(), *_post(fresh, pools=locked, kind=kind, at=at).values()]


def plan_to_take_back(*, references: Collection[str], kind: str) -> list[CostParts]:
    """Return where each of these late costs would go if it were taken back now."""
    booked = _booked_as(references, kind)
    pools = CostPool.objects.in_bulk({row.pool_id for row in booked})
    return _parts(_taken_back(booked, {name: name for name in references}), pools=pools)


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


def _pools_of(costs: Collection[LateCost]) -> CostPoolQuerySet:
    return CostPool.objects.filter(variant_id__in=Ids({cost.variant_id for cost in costs}))


def _resolved(
    costs: Sequence[LateCost], *, pools: Mapping[int, CostPool], kind: str
) -> tuple[_Booked, list[_Late]]:
    """Return what was booked before (pool id and reference -> movement), and what is to post."""
    pool_of = {pool.variant_id: pool for pool in pools.values()}
    receipts = _by_reference(pools, Kind.RECEIPT, {cost.receipt_reference for cost in costs})
    booked = _by_reference(pools, kind, {cost.reference for cost in costs})
    fresh: dict[tuple[int, str], _Late] = {}
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
        amount = _amount_in_cents(cost.amount)
        if earlier and earlier.value + earlier.expensed != amount:
            msg = f"{cost.reference} already corrected this receipt by another amount."
            raise ReferenceUsed(msg, reference=cost.reference)
        if not earlier:
            fresh[key] = _Late(
                amount=amount,
                origin=amount,
                since=receipt,
                units_then=receipt.units_before + receipt.units,
                receipt_id=receipt.pk,
                reference=cost.reference,
            )
    return booked, list(fresh.values())


def _booked_as(references: Collection[str], kind: str) -> list[CostMovement]:
    rows = CostMovement.objects.filter(kind=kind, reference__in=list(references))
    return list(rows.order_by("pk"))


def _taken_back(booked: Sequence[CostMovement], references: Mapping[str, str]) -> list[_Late]:
    return [
        _Late(
            amount=-(row.value + row.expensed),
            origin=-row.value,
            since=row,
            units_then=row.units_before,
            receipt_id=row.corrects_id,
            reference=references[row.reference],
        )
        for row in booked
    ]


def _post(
    lates: Sequence[_Late], *, pools: Mapping[int, CostPool], kind: str, at: datetime
) -> _Booked:
    """Write the movements and the locked pools; return pool id and reference -> movement."""
    if not lates:
        return {}
    require_open_period(at)
    movements, to_stock = [], dict.fromkeys(pools, ZERO)
    for late, parts in zip(lates, _parts(lates, pools=pools), strict=True):
        pool = pools[late.since.pool_id]
        to_stock[pool.pk] += parts.to_stock
        movements.append(
            CostMovement(
                pool_id=pool.pk,
                kind=kind,
                units=0,
                value=parts.to_stock,
                expensed=parts.expensed,
                units_before=pool.units,
                reference=late.reference,
                corrects_id=late.receipt_id,
                moved_at=at,
            )
        )
    add_to_pools({pk: (0, value) for pk, value in to_stock.items()})
    CostMovement.objects.bulk_create(movements)
    return {(row.pool_id, row.reference): row for row in movements}


def _parts(lates: Sequence[_Late], *, pools: Mapping[int, CostPool]) -> list[CostParts]:
    """Return where each amount goes when they are posted one after the other."""
    if not lates:
        return []
    received = _received_since([late.since for late in lates])
    stock_values = {pool.pk: pool.value for pool in pools.values()}
    all_parts = []
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
        all_parts.append(CostParts(to_stock=to_stock, expensed=expensed))
    return all_parts


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


def _by_reference(pool_ids: Collection[int], kind: str, references: Collection[str]) -> _Booked:
    rows = CostMovement.objects.filter(
        pool_id__in=Ids(pool_ids), kind=kind, reference__in=list(references)
    )
    return {(row.pool_id, row.reference): row for row in rows}


def _amount_in_cents(amount: Decimal) -> Decimal:
    if not amount.is_finite() or not round_amount(amount, settings.RETAIL_CURRENCY):
        msg = f"{amount} is no amount to correct a cost by."
        raise NothingToCorrect(msg, amount=str(amount))
    return round_amount(amount, settings.RETAIL_CURRENCY)
