"""Goods of suppliers that lie in quarantine, and what becomes of them."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import F

from catalog.models import Variant
from catalog.operations import link_barcode
from purchasing.models import GoodsReceipt, HeldGoods, HeldGoodsDecision
from purchasing.operations.ending import MissingReason
from retail.common.errors import BusinessError
from retail.common.models import User

Outcome = HeldGoodsDecision.Outcome
_COUNTERS = {
    Outcome.ACCEPTED: "accepted",
    Outcome.RETURNED: "returned",
    Outcome.SCRAPPED: "scrapped",
}


class NotThatManyHeld(BusinessError):
    """Fewer units lie there than are to be decided about; `left` says how many."""


class HeldGoodsReversed(BusinessError):
    """The receipt that brought them was reversed, so nothing of it lies here."""


class AlreadyIdentified(BusinessError):
    """It was said what the goods are, and something was decided by that."""


@transaction.atomic
def take_held(
    *,
    held_id: int,
    units: int,
    outcome: str,
    reason: str,
    key: str,
    at: datetime,
    by: User | None,
    receipt: GoodsReceipt | None = None,
) -> HeldGoodsDecision:
    """
    Take units from what is held, because they were sent back, scrapped or accepted after all.

    outcome: a HeldGoodsDecision.Outcome. receipt: that took them in, when they were accepted.
    key: of this act; a second call with it returns the first decision and changes nothing.
    Locks: the held goods. Stock and cost know nothing of them, so nothing else moves.

    :raises NotThatManyHeld, HeldGoodsReversed, MissingReason: nothing is taken.
    """
    held = lock_held(held_id)
    if earlier := held.decisions.filter(key=key).first():
        return earlier
    require_held(held, units=units, reason=reason)
    HeldGoods.objects.filter(pk=held.pk).update(
        **{_COUNTERS[Outcome(outcome)]: F(_COUNTERS[Outcome(outcome)]) + units}
    )
    return HeldGoodsDecision.objects.create(
        held_goods=held,
        outcome=outcome,
        units=units,
        receipt=receipt,
        reason=reason.strip(),
        key=key,
        decided_at=at,
        decided_by=by,
    )


@transaction.atomic
def scrap_held(
    *, held_id: int, units: int, reason: str, key: str, at: datetime, by: User | None
) -> HeldGoodsDecision:
    """
    Throw held goods away; they were never in stock, so they cost nothing.

    key: of this act; a second call with it returns the first decision and changes nothing.
    Locks: the held goods.

    :raises NotThatManyHeld, HeldGoodsReversed, MissingReason: nothing is scrapped.
    """
    return take_held(
        held_id=held_id, units=units, outcome=Outcome.SCRAPPED, reason=reason, key=key, at=at, by=by
    )


@transaction.atomic
def identify_held(
    *, held_id: int, variant_id: int, is_barcode: bool = False, pack_size: int = 1
) -> HeldGoods:
    """
    Say which article goods are that nobody ordered; the same again changes nothing.

    is_barcode: let the code they were scanned by mean this article from now on, pack_size units of
    it. Units that were counted stay as they are.
    Locks: the held goods, then the variant.

    :raises AlreadyIdentified: they are rejected goods of an order, or were accepted as another.
    :raises BarcodeTaken: the code means something else already; nothing is changed.
    """
    held = lock_held(held_id)
    if held.variant_id != variant_id:
        is_settled = held.kind == HeldGoods.Kind.REJECTED or held.accepted
        if is_settled:
            msg = "What these goods are stands on their receipt and cannot be changed."
            raise AlreadyIdentified(msg, held_goods=held.pk)
        held.variant = Variant.objects.get(pk=variant_id)
        held.save(update_fields=["variant"])
    if is_barcode and held.code:
        link_barcode(variant_id=variant_id, code=held.code, pack_size=pack_size)
    return held


def lock_held(held_id: int) -> HeldGoods:
    return HeldGoods.objects.for_update().select_related("receipt", "variant").get(pk=held_id)


def require_held(held: HeldGoods, *, units: int, reason: str) -> None:
    """
    Pass when so many units of locked held goods are still to be decided about.

    :raises NotThatManyHeld, HeldGoodsReversed, MissingReason: says why not.
    """
    # Read after the lock: who reverses a receipt holds its goods.
    if GoodsReceipt.objects.filter(
        pk=held.receipt_id, status=GoodsReceipt.Status.REVERSED
    ).exists():
        msg = f"{held.receipt} was reversed: nothing of it lies here."
        raise HeldGoodsReversed(msg, receipt=held.receipt.number)
    if not reason.strip():
        msg = "Say why: the reason is kept with the goods."
        raise MissingReason(msg)
    if not 1 <= units <= held.left:
        msg = f"{held.left:,} units lie there: enter at least 1 and no more than that."
        raise NotThatManyHeld(msg, left=held.left, units=units)
