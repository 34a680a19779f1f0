"""Counting what a delivery brings: scan by scan, by several people, or typed line by line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import F, Q

from catalog.models import Variant
from catalog.scanning import LONGEST_CODE, AmbiguousCode, Scanned, meanings
from purchasing.models import (
    Delivery,
    DeliveryLine,
    DeliveryScan,
    PurchaseOrderLine,
    RejectReason,
    SupplierProduct,
)
from retail.common.errors import BusinessError, WrongStatus
from retail.common.fields import MAX_UNITS
from retail.common.models import User

LONGEST_KEPT = 100

# A line of a delivery and what was ordered by it.
Expected = tuple[DeliveryLine, PurchaseOrderLine]


class InvalidScanOfGoods(BusinessError):
    """No code, one too long to be kept, or no units."""


class InvalidCount(BusinessError):
    """A count below zero, of a line of another delivery, or rejected without a reason."""


class CountedMeanwhile(BusinessError):
    """Somebody counted on a line since it was shown; nothing is set."""


@dataclass(frozen=True)
class Count:
    """
    What came of a line in all; a reason, a RejectReason, is needed where units are rejected.

    seen: accepted and rejected as the person saw them, to notice what others counted meanwhile.
    """

    line_id: int
    accepted: int
    rejected: int = 0
    reject_reason: str = ""
    note: str = ""
    seen: tuple[int, int] | None = None


@transaction.atomic
def scan_goods(
    *,
    delivery_id: int,
    code: str,
    key: str,
    at: datetime,
    by: User | None,
    units: int = 1,
) -> DeliveryScan:
    """
    Count goods of a delivery by any code: SKU, GTIN, barcode, GS1, the supplier's SKU or GTIN.

    A barcode of a carton counts as many units as it holds, times `units`. They fill the lines of
    the article, what is expected earliest first, each up to what is expected; what is left stands
    on the last of them. What is on no line, or no code of anything, gets a line of its own.
    key: made by the scanner or its page; the same scan sent twice counts once.
    Locks: the delivery.

    :raises WrongStatus: it is posted or discarded.
    :raises AmbiguousCode: the code means several articles; InvalidScanOfGoods.
    """
    code = code.strip()
    delivery = lock_open_delivery(delivery_id)
    if earlier := delivery.scans.filter(key=key).first():
        if earlier.code != code:
            # A page shown again by the browser: told, as else the goods would not be counted.
            msg = f"This page counted {earlier.code} already: open it anew and scan {code} again."
            raise InvalidScanOfGoods(msg, code=code)
        return earlier
    if not code or len(code) > LONGEST_CODE or "\x00" in code:
        msg = "Scan a barcode or type an SKU."
        raise InvalidScanOfGoods(msg, code=code[:LONGEST_CODE])
    scanned = _meaning(delivery, code)
    count = units * (scanned.units if scanned else 1)
    if not 1 <= count < MAX_UNITS:
        msg = "Count at least one unit, and fewer than a thousand million."
        raise InvalidScanOfGoods(msg, units=count)

    lines = lines_of_article(delivery, scanned.variant.pk) if scanned else []
    if left := fill_lines(lines, units=count, at=at, by=by):
        if lines:
            # More than is expected: posting says whether that may be taken in.
            _count_on(lines[-1][0], left, at=at, by=by)
        else:
            _add_unplanned(delivery, code=code, scanned=scanned, units=left, at=at, by=by)
    return DeliveryScan.objects.create(
        delivery=delivery,
        key=key,
        code=code,
        variant=scanned.variant if scanned else None,
        units=count,
        scanned_at=at,
        scanned_by=by,
    )


@transaction.atomic
def enter_counts(
    *, delivery_id: int, counts: Sequence[Count], at: datetime, by: User | None
) -> Delivery:
    """
    Set what came of lines of a delivery; what was counted of them before is replaced, not added to.

    Lines that are not named stay as they are. A second call with the same counts changes nothing.
    Locks: the delivery.

    :raises WrongStatus: it is posted or discarded.
    :raises InvalidCount: names the line; CountedMeanwhile, on which somebody counted since it was
        shown. Nothing is set.
    """
    delivery = lock_open_delivery(delivery_id)
    lines = {
        line.pk: line
        for line in delivery.lines.filter(pk__in=[count.line_id for count in counts])
        .select_related("variant")
        .order_by("pk")
    }
    changed = []
    for count in counts:
        line = lines.get(count.line_id)
        _require_possible(line, count)
        if line is None or _is_as_counted(line, count):
            continue
        if count.seen not in {None, (line.accepted, line.rejected)}:
            msg = (
                f"{_name(line)}: somebody counted meanwhile, {line.accepted:,} accepted and"
                f" {line.rejected:,} rejected by now. Look at it again."
            )
            raise CountedMeanwhile(msg, line=line.pk)
        line.accepted, line.rejected = count.accepted, count.rejected
        line.reject_reason = count.reject_reason if count.rejected else ""
        line.note = count.note.strip()
        line.counted_at, line.counted_by = at, by
        changed.append(line)
    DeliveryLine.objects.bulk_update(
        changed, ["accepted", "rejected", "reject_reason", "note", "counted_at", "counted_by"]
    )
    return delivery


def lock_open_delivery(delivery_id: int) -> Delivery:
    """
    Lock a delivery that is still counted.

    :raises WrongStatus: it is posted or discarded.
    """
    delivery = Delivery.objects.for_update().get(pk=delivery_id)
    if delivery.status != Delivery.Status.OPEN:
        msg = f"{delivery} is {delivery.get_status_display().lower()}: nothing more is counted."
        raise WrongStatus(msg, status=delivery.status)
    return delivery


def lines_of_article(delivery: Delivery, variant_id: int | None) -> list[Expected]:
    """Return the lines of an article that was ordered, what is expected earliest first."""
    lines = delivery.lines.filter(order_line__isnull=False, variant=variant_id)
    expected = [
        (line, line.order_line)
        for line in lines.select_related("order_line__order")
        if line.order_line is not None
    ]
    return sorted(expected, key=_due)


def fill_lines(
    lines: Sequence[Expected], *, units: int, at: datetime | None, by: User | None
) -> int:
    """
    Count accepted units on lines of a locked delivery, each up to what is expected of it.

    Return the units that none of them expects.
    """
    for line, ordered in lines:
        room = max(ordered.expected - line.accepted - line.rejected, 0)
        if share := min(room, units):
            _count_on(line, share, at=at, by=by)
            units -= share
    return units


def _count_on(line: DeliveryLine, units: int, *, at: datetime | None, by: User | None) -> None:
    # Added in the database: a figure read before would write over what others counted.
    DeliveryLine.objects.filter(pk=line.pk).update(
        accepted=F("accepted") + units, counted_at=at, counted_by=by
    )


def _due(pair: Expected) -> tuple[date, int]:
    """Return when goods of a line are expected: as confirmed, as wanted, as the order says."""
    _, ordered = pair
    on = ordered.confirmed_on or ordered.expected_on or ordered.order.expected_on
    return on or date.max, ordered.pk


def _meaning(delivery: Delivery, code: str) -> Scanned | None:
    """
    Return what a code stands for, None when nobody knows it.

    Of several articles the one on the delivery is meant. Our own codes come before the supplier's,
    unless only the latter is on the delivery.
    """
    ours = meanings(code)
    theirs = _supplier_meanings(delivery, code)
    on_delivery = set(
        delivery.lines.filter(
            order_line__isnull=False, variant__in={one.variant.pk for one in ours | theirs}
        ).values_list("variant", flat=True)
    )
    for found in (ours, theirs):
        expected = {one for one in found if one.variant.pk in on_delivery}
        if len(expected) == 1:
            return expected.pop()
    found = ours or theirs
    if len(found) > 1:
        named = sorted(f"{one.units} x {one.variant}" for one in found)
        msg = f"The code {code} stands for {' and for '.join(named)}. Use another of their codes."
        raise AmbiguousCode(msg, code=code, meanings=named)
    return found.pop() if found else None


def _supplier_meanings(delivery: Delivery, code: str) -> set[Scanned]:
    """Return what the supplier's own codes mean: on the orders, and in their catalog."""
    on_orders = Variant.objects.filter(
        pk__in=delivery.lines.filter(order_line__supplier_sku__iexact=code).values("variant")
    )
    in_catalog = Variant.objects.filter(
        pk__in=SupplierProduct.objects.filter(
            Q(supplier_sku__iexact=code) | Q(gtin=code),
            supplier=delivery.supplier_id,
            variant__isnull=False,
        ).values("variant")
    )
    return {
        Scanned(variant=variant, units=1)
        for variant in (on_orders | in_catalog).select_related("product")
    }


def _add_unplanned(
    delivery: Delivery,
    *,
    code: str,
    scanned: Scanned | None,
    units: int,
    at: datetime,
    by: User | None,
) -> None:
    """Count goods that nobody ordered; an article of ours on one line, whatever its codes."""
    variant = scanned.variant if scanned else None
    code = variant.sku if variant else code
    if len(code) > LONGEST_KEPT:
        msg = "Nobody knows this code, and it is too long to be kept: type what is printed below."
        raise InvalidScanOfGoods(msg, code=code)
    line, _ = delivery.lines.get_or_create(
        order_line=None, code=code, defaults={"variant": variant}
    )
    _count_on(line, units, at=at, by=by)


def _require_possible(line: DeliveryLine | None, count: Count) -> None:
    if line is None:
        msg = "A line is not on this delivery."
        raise InvalidCount(msg, line=count.line_id)
    if min(count.accepted, count.rejected) < 0 or count.accepted + count.rejected >= MAX_UNITS:
        problem = "cannot come in that number of units"
    elif count.rejected and count.reject_reason not in RejectReason.values:
        problem = "needs a reason for what was rejected"
    else:
        return
    raise InvalidCount(f"{_name(line)} {problem}.", line=line.pk)


def _is_as_counted(line: DeliveryLine, count: Count) -> bool:
    return (line.accepted, line.rejected, line.note) == (
        count.accepted,
        count.rejected,
        count.note.strip(),
    ) and line.reject_reason == (count.reject_reason if count.rejected else "")


def _name(line: DeliveryLine) -> str:
    return str(line.variant or line.code)
