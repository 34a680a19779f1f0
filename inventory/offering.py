"""The one formula of what a channel is offered, with every term it goes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Step(StrEnum):
    """The terms in their one order; the codes are stored."""

    INACTIVE = "INACTIVE"
    FREE = "FREE"
    SAFETY_STOCK = "SAFETY_STOCK"
    OTHER_RESERVES = "OTHER_RESERVES"
    IN_BUNDLES = "IN_BUNDLES"
    FEWEST_BUNDLES = "FEWEST_BUNDLES"
    OWN_RESERVE = "OWN_RESERVE"
    SHARE = "SHARE"
    BUFFER = "BUFFER"
    PACKS = "PACKS"
    MINIMUM = "MINIMUM"
    END_AT = "END_AT"
    MAXIMUM = "MAXIMUM"
    OFFERED = "OFFERED"


@dataclass(frozen=True, slots=True)
class PlaceStock:
    """Units of one article at one location that the channel sells from."""

    location: str
    on_hand: int
    allocated: int
    floor: int

    @property
    def free(self) -> int:
        return max(0, self.on_hand - self.allocated - self.floor)


@dataclass(frozen=True, slots=True)
class Reserve:
    """What is left of a channel's reserve of one article."""

    channel: str
    units: int


@dataclass(frozen=True, slots=True)
class Supply:
    """What there is of one article for one channel, and what is kept from it."""

    sku: str
    is_active: bool = True
    places: tuple[PlaceStock, ...] = ()
    safety_stock: int = 0
    other_reserves: tuple[Reserve, ...] = ()
    own_reserve: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A component of a bundle: its supply, and units of it in one bundle."""

    supply: Supply
    units: int


@dataclass(frozen=True, slots=True)
class Rules:
    """
    What a listing is offered of what there is.

    The buffer is in units of the article, or in bundles; minimum, end and maximum are in packs.
    """

    percent: int = 100
    buffer: int = 0
    pack_size: int = 1
    min_quantity: int = 0
    end_at_quantity: int = 0
    max_quantity: int | None = None


@dataclass(frozen=True, slots=True)
class Term:
    """
    One term of the formula: its own figure, and what is left after it.

    article: SKU of the component it is about, in bundles only.
    """

    step: Step
    figure: int
    left: int
    article: str = ""
    places: tuple[PlaceStock, ...] = ()
    reserves: tuple[Reserve, ...] = ()

    def as_row(self) -> dict[str, Any]:
        """Return the term as it is stored, without what is empty."""
        row: dict[str, Any] = {"step": self.step.value, "figure": self.figure, "left": self.left}
        if self.article:
            row["article"] = self.article
        if self.places:
            row["places"] = [
                {
                    "location": place.location,
                    "on_hand": place.on_hand,
                    "promised": place.allocated,
                    "floor": place.floor,
                    "free": place.free,
                }
                for place in self.places
            ]
        if self.reserves:
            row["reserves"] = [
                {"channel": reserve.channel, "units": reserve.units} for reserve in self.reserves
            ]
        return row


@dataclass(frozen=True, slots=True)
class Offer:
    """What a listing is offered, in the channel's packs, and the terms behind it."""

    quantity: int
    terms: tuple[Term, ...] = field(repr=False)

    def rows(self) -> list[dict[str, Any]]:
        """Return the terms as they are stored."""
        return [term.as_row() for term in self.terms]


def offer_of_article(*, supply: Supply, rules: Rules) -> Offer:
    """
    Work out what is offered of an article, in this order and no other:

        S  = sum over the locations of max(0, on hand - promised - floor)
        S -= safety stock
        S -= reserves of the other channels, as far as they are not used up
        own = min(what is left of this channel's reserve, max(0, S))
        A  = own + floor(percent of max(0, S - own)) - buffer
        A  = floor(A / pack size)
        A  = 0 if A < minimum or A <= end
        A  = min(A, maximum), at least 0

    Everything is whole numbers. The result is never negative, times the pack size never more than
    is physically free, and never less when more lies there.
    """
    if not supply.is_active:
        return _nothing("")
    terms, left = _unreserved(supply, article="")
    own = min(supply.own_reserve, max(0, left))
    return _ruled(terms, left=left, own=own, rules=rules)


def offer_of_bundle(*, parts: Sequence[Part], rules: Rules, is_active: bool = True) -> Offer:
    """
    Work out what is offered of a bundle: as many as its scarcest component makes.

    Floors, safety stock and reserves are those of the components and are taken off each of them
    first. What is left of each makes so many whole bundles, and the fewest are the S of the
    formula; likewise the bundles that the channel's own reserves make, of all components, are its
    own. The rest of the formula counts bundles.
    """
    if not is_active:
        return _nothing("")
    terms: list[Term] = []
    bundles: list[int] = []
    owned: list[int] = []
    for part in parts:
        if not part.supply.is_active:
            return _nothing(part.supply.sku)
        of_part, left = _unreserved(part.supply, article=part.supply.sku)
        count = max(0, left) // part.units
        terms += of_part
        terms.append(Term(Step.IN_BUNDLES, part.units, count, article=part.supply.sku))
        bundles.append(count)
        owned.append(min(part.supply.own_reserve, max(0, left)) // part.units)
    fewest = min(bundles, default=0)
    terms.append(Term(Step.FEWEST_BUNDLES, fewest, fewest))
    return _ruled(terms, left=fewest, own=min(owned, default=0), rules=rules)


def _nothing(article: str) -> Offer:
    return Offer(
        0, (Term(Step.INACTIVE, 0, 0, article=article), Term(Step.OFFERED, figure=0, left=0))
    )


def _unreserved(supply: Supply, *, article: str) -> tuple[list[Term], int]:
    """Return the terms up to S, and S, which is below zero where more is kept than there is."""
    free = sum(place.free for place in supply.places)
    safe = free - supply.safety_stock
    others = sum(reserve.units for reserve in supply.other_reserves)
    left = safe - others
    terms = [
        Term(Step.FREE, free, free, article=article, places=supply.places),
        Term(Step.SAFETY_STOCK, supply.safety_stock, safe, article=article),
        Term(Step.OTHER_RESERVES, others, left, article=article, reserves=supply.other_reserves),
    ]
    return terms, left


def _ruled(terms: list[Term], *, left: int, own: int, rules: Rules) -> Offer:
    """Apply percent, buffer, pack size and limits to S; rules that say nothing leave no term."""
    share = own + rules.percent * max(0, left - own) // 100
    buffered = share - rules.buffer
    quantity = buffered // rules.pack_size
    terms += [
        Term(Step.OWN_RESERVE, own, left),
        Term(Step.SHARE, rules.percent, share),
        Term(Step.BUFFER, rules.buffer, buffered),
        Term(Step.PACKS, rules.pack_size, quantity),
    ]
    if rules.min_quantity:
        quantity = quantity if quantity >= rules.min_quantity else 0
        terms.append(Term(Step.MINIMUM, rules.min_quantity, quantity))
    if rules.end_at_quantity:
        quantity = quantity if quantity > rules.end_at_quantity else 0
        terms.append(Term(Step.END_AT, rules.end_at_quantity, quantity))
    if rules.max_quantity is not None:
        quantity = min(quantity, rules.max_quantity)
        terms.append(Term(Step.MAXIMUM, rules.max_quantity, quantity))
    quantity = max(quantity, 0)
    terms.append(Term(Step.OFFERED, quantity, quantity))
    return Offer(quantity, tuple(terms))
