"""What each line of a delivery bears of a landed cost: before it is posted, and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings

from inventory.models import CostMovement
from inventory.operations import CostParts, LateCost, plan_costs, plan_to_take_back
from purchasing.landing import LandedLine, bases_of, shares_of
from purchasing.models import GoodsReceiptLine, LandedCost
from retail.common.money import ZERO

LANDED = CostMovement.Kind.LANDED
NOTHING = CostParts(to_stock=ZERO, expensed=ZERO)
# A line of a delivery, what it is measured by, and its share.
Split = tuple[GoodsReceiptLine, Decimal, Decimal]


@dataclass(frozen=True, kw_only=True)
class PlannedShare:
    """What one line of a delivery bears: of it what goes to stock, and to cost of sales."""

    receipt_line: GoodsReceiptLine
    base: Decimal
    amount: Decimal
    to_stock: Decimal
    expensed: Decimal


@dataclass(frozen=True)
class LandedPlan:
    """The shares of a landed cost: as they would be posted now, or as they were posted."""

    shares: Sequence[PlannedShare]

    @property
    def to_stock(self) -> Decimal:
        return sum((share.to_stock for share in self.shares), ZERO)

    @property
    def expensed(self) -> Decimal:
        return sum((share.expensed for share in self.shares), ZERO)


def plan_landed_cost(landed: LandedCost) -> LandedPlan:
    """
    Return the shares of a landed cost: of a draft as they would be now, else as they were posted.

    Nothing is locked or written. A draft is refused as `post_landed_cost` would refuse it, but
    for its claim on the bill.
    """
    if landed.status != LandedCost.Status.DRAFT:
        posted = landed.shares.select_related(
            "receipt_line__receipt", "receipt_line__order_line__variant"
        )
        return LandedPlan(
            [
                PlannedShare(
                    receipt_line=share.receipt_line,
                    base=share.base,
                    amount=share.amount,
                    to_stock=share.to_stock,
                    expensed=share.expensed,
                )
                for share in posted.order_by("pk")
            ]
        )
    splits = split_landed_cost(landed)
    costs = late_costs(landed, splits)
    parts = plan_costs(costs=costs, kind=LANDED)
    return as_plan(landed, splits, {c.reference: p for c, p in zip(costs, parts, strict=True)})


def plan_cancellation(landed: LandedCost) -> CostParts:
    """Return what cancelling a landed cost now would change in stock value and cost of sales."""
    parts = plan_to_take_back(references=list(posted_references(landed).values()), kind=LANDED)
    return CostParts(
        to_stock=sum((part.to_stock for part in parts), ZERO),
        expensed=sum((part.expensed for part in parts), ZERO),
    )


def split_landed_cost(landed: LandedCost) -> list[Split]:
    """Return each chosen line with what it is measured by and its share."""
    chosen = list(
        landed.lines.select_related(
            "receipt_line__receipt", "receipt_line__order_line__variant"
        ).order_by("pk")
    )
    bases = bases_of(
        [
            LandedLine(
                sku=line.receipt_line.order_line.variant.sku,
                units=line.receipt_line.accepted,
                value=line.receipt_line.value,
                weight=line.receipt_line.order_line.variant.weight_grams,
                volume=line.receipt_line.order_line.variant.volume_ml,
                typed_amount=line.typed_amount,
            )
            for line in chosen
        ],
        landed.method,
    )
    amounts = shares_of(
        landed.amount,
        bases,
        is_typed=landed.method == LandedCost.Method.MANUAL,
        currency=settings.RETAIL_CURRENCY,
    )
    return [
        (line.receipt_line, base, amount)
        for line, base, amount in zip(chosen, bases, amounts, strict=True)
    ]


def as_plan(
    landed: LandedCost, splits: Sequence[Split], parts: Mapping[str, CostParts]
) -> LandedPlan:
    """Put the shares together with where they go (reference -> parts); nothing goes nowhere."""
    shares = []
    for line, base, amount in splits:
        part = parts.get(cost_reference(landed, line), NOTHING)
        shares.append(
            PlannedShare(
                receipt_line=line,
                base=base,
                amount=amount,
                to_stock=part.to_stock,
                expensed=part.expensed,
            )
        )
    return LandedPlan(shares)


def late_costs(landed: LandedCost, splits: Sequence[Split]) -> list[LateCost]:
    return [
        LateCost(
            variant_id=line.order_line.variant_id,
            receipt_reference=line.receipt.number,
            amount=amount,
            reference=cost_reference(landed, line),
        )
        for line, _, amount in splits
        if amount
    ]


def posted_references(landed: LandedCost) -> dict[int, str]:
    """Return receipt line id -> under which its share was booked."""
    return {
        line_id: f"{landed.number}/{line_id}"
        for line_id in landed.shares.order_by("pk").values_list("receipt_line", flat=True)
    }


def cost_reference(landed: LandedCost, line: GoodsReceiptLine) -> str:
    return f"{landed.number}/{line.pk}"
