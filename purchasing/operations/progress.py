"""How much of an order has come and been billed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef

from purchasing.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderVersion
from retail.common.among import among

Counts = tuple[int, int]
_CHANGED = (
    *("receipt_status", "invoice_status", "status"),
    *("closed_at", "closed_by_id", "close_reason"),
)


@transaction.atomic
def refresh_progress(*, order_ids: Collection[int], at: datetime) -> None:
    """
    Derive receipt and invoice status from the lines; close what has wholly come and been billed.

    Every change of a line's received, invoiced, cancelled, returned or to-replace units ends with
    this. A closed order of which something is expected again is open again; one with a change that
    waits for approval is not closed. The caller holds the locks of the orders.
    """
    change_waits = PurchaseOrderVersion.objects.filter(
        order=OuterRef("pk"), status=PurchaseOrderVersion.Status.PROPOSED
    )
    orders = list(
        PurchaseOrder.objects.for_update()
        .filter(pk__in=among(order_ids))
        .only(*_CHANGED)
        .annotate(change_waits=Exists(change_waits))
    )
    counts_of = _counts([order.pk for order in orders])
    changed = []
    for order in orders:
        before = [getattr(order, name) for name in _CHANGED]
        _derive(order, counts_of[order.pk], change_waits=order.change_waits, at=at)
        if before != [getattr(order, name) for name in _CHANGED]:
            changed.append(order)
    _store(changed)


class _Counts(NamedTuple):
    """What was done of each line and what there is to do, and whether more of any is expected."""

    received: list[Counts]
    invoiced: list[Counts]
    is_expected: bool


def _counts(order_ids: Sequence[int]) -> dict[int, _Counts]:
    found: dict[int, _Counts] = defaultdict(lambda: _Counts([], [], is_expected=False))
    rows = PurchaseOrderLine.objects.filter(order__in=among(order_ids)).values_list(
        *("order", "ordered", "cancelled", "received", "invoiced", "returned", "to_replace")
    )
    # The sums of PurchaseOrderLine's properties: an object for each of very many lines takes long.
    for order_id, ordered, cancelled, received, invoiced, returned, to_replace in rows:
        due = ordered - cancelled
        to_receive = due + to_replace
        to_invoice = min(due, max(due, received - to_replace) - returned)
        of_order = found[order_id]
        of_order.received.append((received, to_receive))
        of_order.invoiced.append((invoiced, to_invoice))
        if to_receive > received and not of_order.is_expected:
            found[order_id] = of_order._replace(is_expected=True)
    return found


def _derive(order: PurchaseOrder, counts: _Counts, *, change_waits: bool, at: datetime) -> None:
    received, invoiced = counts.received, counts.invoiced
    order.receipt_status, order.invoice_status = _progress(received), _progress(invoiced)
    is_done = bool(received) and all(done >= target for done, target in received + invoiced)
    if order.status == PurchaseOrder.Status.SENT and is_done and not change_waits:
        order.status, order.closed_at = PurchaseOrder.Status.CLOSED, at
    elif order.status == PurchaseOrder.Status.CLOSED and counts.is_expected:
        reopen(order)


def _store(orders: Sequence[PurchaseOrder]) -> None:
    """Write what changed, orders alike in everything in one statement."""
    alike: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for order in orders:
        alike[tuple(getattr(order, name) for name in _CHANGED)].append(order.pk)
    for values, ids in alike.items():
        PurchaseOrder.objects.filter(pk__in=among(ids)).update(
            **dict(zip(_CHANGED, values, strict=True))
        )


def reopen(order: PurchaseOrder) -> None:
    """Let goods come in again on a closed order; the caller holds its lock and saves it."""
    order.status = PurchaseOrder.Status.SENT
    order.closed_at = order.closed_by = None
    order.close_reason = ""


def _progress(lines: Sequence[Counts]) -> PurchaseOrder.Progress:
    """
    Compare line by line, so that one line with too much cannot hide another with too little.

    lines: pairs of what was done and what there is to do.
    """
    if not any(done for done, _target in lines):
        return PurchaseOrder.Progress.NONE
    if any(done < target for done, target in lines):
        return PurchaseOrder.Progress.PARTIAL
    if any(done > target for done, target in lines):
        return PurchaseOrder.Progress.OVER
    return PurchaseOrder.Progress.COMPLETE
