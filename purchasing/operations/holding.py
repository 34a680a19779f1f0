"""Setting apart what a delivery brought and nobody took in: the supplier's goods, not ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inventory.models import Location
from purchasing.models import GoodsReceipt, GoodsReceiptLine, HeldGoods, RejectReason
from retail.common.copying import insert_objects

LONGEST_WORDS = 200


@dataclass(frozen=True)
class UnplannedGoods:
    """Goods that nobody ordered: an article of ours, or only the code they were scanned by."""

    units: int
    variant_id: int | None = None
    code: str = ""
    reject_reason: str = ""
    note: str = ""


def reject_words(reason: str, note: str) -> str:
    """Return why goods were rejected as people read it; reason: a RejectReason, or words."""
    label = RejectReason(reason).label if reason in RejectReason.values else reason.strip()
    return f"{label}: {note.strip()}"[:LONGEST_WORDS] if note.strip() else label[:LONGEST_WORDS]


def hold_goods(
    receipt: GoodsReceipt,
    receipt_lines: Sequence[GoodsReceiptLine],
    *,
    reasons: Mapping[int, tuple[str, str]],
    unplanned: Sequence[UnplannedGoods],
) -> None:
    """
    Write down what lies in quarantine, at no value: neither stock nor cost know it.

    reasons: order line id -> why it was rejected (a RejectReason, or words) and a note.
    """
    rejected = [line for line in receipt_lines if line.rejected]
    if not (rejected or unplanned):
        return
    place = held_place(receipt.location)
    held = []
    for line in rejected:
        reason, note = _coded(*reasons[line.order_line_id])
        held.append(
            HeldGoods(
                receipt=receipt,
                receipt_line=line,
                kind=HeldGoods.Kind.REJECTED,
                variant_id=line.order_line.variant_id,
                location=place,
                reject_reason=reason,
                note=note,
                units=line.rejected,
            )
        )
    held += [
        HeldGoods(
            receipt=receipt,
            kind=HeldGoods.Kind.UNPLANNED,
            variant_id=goods.variant_id,
            code=goods.code,
            location=place,
            reject_reason=goods.reject_reason,
            note=goods.note,
            units=goods.units,
        )
        for goods in unplanned
    ]
    insert_objects(held)


def held_place(location: Location) -> Location:
    """
    Return where goods that came to a location and are not ours are set apart.

    The quarantine at the same address, or one that has none and so serves every site. A site that
    has neither gets one of its own, as goods do not travel by being rejected.
    """
    if location.kind == Location.Kind.QUARANTINE:
        return location
    places = Location.objects.filter(kind=Location.Kind.QUARANTINE).order_by("priority", "pk")
    site = (location.street, location.postcode)
    fitting = [place for place in places if (place.street, place.postcode) in {site, ("", "")}]
    if fitting:
        return min(fitting, key=lambda place: (place.street, place.postcode) != site)
    made, _ = Location.objects.get_or_create(
        code=f"held-{location.pk}",
        defaults={
            "name": f"Held goods, {location.name}"[:100],
            "kind": Location.Kind.QUARANTINE,
            "is_shipping": False,
            "street": location.street,
            "postcode": location.postcode,
            "city": location.city,
            "country": location.country,
        },
    )
    return made


def _coded(reason: str, note: str) -> tuple[str, str]:
    """Return a reason as a RejectReason; what was said in words goes to the note."""
    if reason in RejectReason.values:
        return reason, note.strip()[:LONGEST_WORDS]
    return RejectReason.OTHER, reject_words(reason, note)
