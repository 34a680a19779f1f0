"""How a cost of bringing goods in is shared among lines of deliveries: arithmetic, no database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from purchasing.models import LandedCost
from retail.common.errors import BusinessError
from retail.common.money import ZERO, split_amount

Method = LandedCost.Method


class NothingToShareBy(BusinessError):
    """By this method every line counts for nothing, so there is no way to share."""


class WeightUnknown(BusinessError):
    """Articles without a weight cannot take part in a share by weight; `skus` names them."""


class VolumeUnknown(BusinessError):
    """Articles without a volume cannot take part in a share by volume; `skus` names them."""


class SharesDiffer(BusinessError):
    """The typed shares are not all there, or do not add up to the amount."""


@dataclass(frozen=True, kw_only=True)
class LandedLine:
    """
    A line of a delivery: what its share is measured by.

    value: of the accepted units, net of discounts, in book currency. weight, volume: of one unit,
    in grams and in milliliters.
    """

    sku: str
    units: int
    value: Decimal
    weight: int | None = None
    volume: int | None = None
    typed_amount: Decimal | None = None


def bases_of(lines: Sequence[LandedLine], method: str) -> list[Decimal]:
    """
    Return what each line counts for by a method.

    :raises WeightUnknown, VolumeUnknown: by weight or volume, and an article has none.
    :raises SharesDiffer: as typed, and a share is missing.
    """
    if method == Method.VALUE:
        return [line.value for line in lines]
    if method == Method.QUANTITY:
        return [Decimal(line.units) for line in lines]
    if method == Method.EQUAL:
        return [Decimal(1) for _ in lines]
    if method == Method.WEIGHT:
        if unknown := sorted({line.sku for line in lines if not line.weight}):
            msg = f"No weight is known of {', '.join(unknown)}: enter it, or share another way."
            raise WeightUnknown(msg, skus=unknown)
        return [Decimal(line.units * (line.weight or 0)) for line in lines]
    if method == Method.VOLUME:
        if unknown := sorted({line.sku for line in lines if not line.volume}):
            msg = f"No volume is known of {', '.join(unknown)}: enter it, or share another way."
            raise VolumeUnknown(msg, skus=unknown)
        return [Decimal(line.units * (line.volume or 0)) for line in lines]
    if missing := sorted({line.sku for line in lines if line.typed_amount is None}):
        msg = f"Type the share of {', '.join(missing)}."
        raise SharesDiffer(msg, skus=missing)
    return [line.typed_amount or ZERO for line in lines]


def shares_of(
    amount: Decimal, bases: Sequence[Decimal], *, is_typed: bool, currency: str
) -> list[Decimal]:
    """
    Split an amount by what each line counts for, so that the shares add up to it to the cent.

    No share is negative. Typed shares are taken as they are.

    :raises NothingToShareBy: the bases add up to nothing.
    :raises SharesDiffer: typed shares add up to another amount.
    """
    total = sum(bases, ZERO)
    if is_typed:
        if total != amount:
            msg = f"The typed shares make {total.normalize():f}, not {amount.normalize():f}."
            raise SharesDiffer(msg, total=str(total), amount=str(amount))
        return list(bases)
    if not total or min(bases) < 0:
        msg = "These lines count for nothing by this method: share another way."
        raise NothingToShareBy(msg)
    return split_amount(amount, bases, currency)
