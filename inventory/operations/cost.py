"""Costs that become known after the goods came in."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction

from inventory.models import CostMovement, CostPool
from inventory.operations.costing import correction_parts, share_left
from inventory.operations.levels import ReferenceUsed, add_to_pools
from inventory.operations.periods import require_open_period
from retail.common.errors import BusinessError
from retail.common.money import round_amount


class ReceiptUnknown(BusinessError):
    """No receipt of this variant has this reference."""


class NothingToCorrect(BusinessError):
    """The amount is not even a cent, or not a number."""


@transaction.atomic
def correct_cost(
    *, variant_id: int, receipt_reference: str, amount: Decimal, reference: str, at: datetime
) -> CostMovement:
    """
    Book a late cost, or a late rebate, of goods received earlier, without rewriting anything.

    amount: signed, in book currency; what the receipt should have cost on top. The share of the
    goods still in stock changes the stock value, the rest is expensed; together they are the
    amount to the cent. The share is what the books would show had the cost been known on day one:
    every issue since then took the same fraction of everything in the pool.
    reference: number of the document; a second call with it returns the first correction.
    Locks: the CostPool row.

    :raises ReceiptUnknown: the variant was not received under `receipt_reference`.
    :raises NothingToCorrect: the amount rounds to nothing.
    :raises ReferenceUsed: the reference corrected another receipt of the variant.
    """
    pool = CostPool.objects.for_update().filter(variant_id=variant_id).first()
    receipt = CostMovement.objects.filter(
        pool=pool, kind=CostMovement.Kind.RECEIPT, reference=receipt_reference
    ).first()
    if pool is None or receipt is None:
        msg = f"There is no receipt {receipt_reference} of this article to correct."
        raise ReceiptUnknown(msg, receipt_reference=receipt_reference)
    earlier = CostMovement.objects.filter(
        pool=pool, kind=CostMovement.Kind.CORRECTION, reference=reference
    ).first()
    if earlier:
        if earlier.corrects_id != receipt.pk:
            msg = f"{reference} already corrected another receipt of this article."
            raise ReferenceUsed(msg, reference=reference)
        return earlier
    if not amount.is_finite() or not round_amount(amount, settings.RETAIL_CURRENCY):
        msg = f"{amount} is no amount to correct a cost by."
        raise NothingToCorrect(msg, amount=str(amount))

    require_open_period(at)
    # Rows of one pool are written under its lock, so their keys tell their order.
    issues = CostMovement.objects.filter(
        pool=pool, kind=CostMovement.Kind.ISSUE, pk__gt=receipt.pk
    ).order_by("pk")
    to_stock, expensed = correction_parts(
        amount=round_amount(amount, settings.RETAIL_CURRENCY),
        share=share_left((row.units_before, -row.units) for row in issues.iterator()),
        stock_value=pool.value,
        currency=settings.RETAIL_CURRENCY,
    )
    add_to_pools({pool.pk: (0, to_stock)})
    return CostMovement.objects.create(
        pool=pool,
        kind=CostMovement.Kind.CORRECTION,
        units=0,
        value=to_stock,
        expensed=expensed,
        units_before=pool.units,
        reference=reference,
        corrects=receipt,
        moved_at=at,
    )
