"""What an order becomes that the supplier has already: worked out first, written when in force."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import prefetch_related_objects

from purchasing.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderVersion
from purchasing.operations.drafting import (
    InvalidOrderLine,
    NewCharge,
    NewLine,
    TiedToCustomer,
    checked_discount,
    is_price,
    net_cost,
    order_charges,
    order_lines,
    replace_charges,
)
from purchasing.operations.following import follow_drop_shipment
from purchasing.operations.progress import refresh_progress
from purchasing.operations.rematching import ask_to_match
from purchasing.versions import Content, content, content_of
from retail.common.errors import BusinessError
from retail.common.fields import MAX_UNITS
from retail.common.models import User
from retail.common.money import ZERO, round_rate

VersionStatus = PurchaseOrderVersion.Status


class BelowReceived(BusinessError):
    """More came or was billed than the change would order; `lines` is position -> units."""


class Unchanged:
    """Stands for what a change leaves as it is, where nothing at all has a meaning."""


UNCHANGED = Unchanged()


@dataclass(frozen=True)
class LineChange:
    """
    What a line of a sent order becomes; no more of it is ordered with units 0.

    None leaves units, cost and discount as they are. list_cost is before discounts, unit_cost a net
    cost agreed instead.
    """

    line_id: int
    units: int | None = None
    unit_cost: Decimal | None = None
    list_cost: Decimal | None = None
    discount_percent: Decimal | None = None
    expected_on: date | Unchanged | None = UNCHANGED


@dataclass(frozen=True)
class OrderChange:
    """
    What of a sent order becomes another; what is not named stays as it is.

    added: articles that are ordered too. charges: all that there are then.
    """

    lines: Sequence[LineChange] = ()
    added: Sequence[NewLine] = ()
    charges: Sequence[NewCharge] | None = None
    discount_percent: Decimal | None = None
    expected_on: date | Unchanged | None = UNCHANGED
    note: str | None = None


def changed_content(
    order: PurchaseOrder, rows: Sequence[PurchaseOrderLine], change: OrderChange, *, on: date
) -> dict[str, Any]:
    """
    Return what a changed order says, and under `changed` which of it is another.

    rows: its lines by position; they and the order are changed in memory. The caller holds them.

    :raises InvalidOrderLine, InvalidCharge, InvalidDiscount, NoSupplierPrice: it cannot be.
    :raises BelowReceived: less than what came or was billed.
    """
    _refuse_untied(order, rows, change)
    stood = list(order.charges.order_by("pk"))
    before = content(order, [], stood)
    _change_head(order, change)
    touched = _change_lines(order, rows, change.lines)
    _refuse_below_received(order, rows, touched)
    charges = (
        stood if change.charges is None else order_charges(order=order, charges=change.charges)
    )
    after = content(order, [*rows, *_added(order, rows, change.added, on=on)], charges)
    fields = [key for key, value in before.items() if key != "lines" and after[key] != value]
    return {**after, "changed": {"fields": fields, "lines": touched}}


def bring_into_force(version: PurchaseOrderVersion, *, at: datetime, by: User | None) -> None:
    """
    Make the order what the version says, and have it e-mailed anew; the caller holds its locks.

    Only what the version changes is written: what was closed short or received since stays so.
    """
    order = PurchaseOrder.objects.get(pk=version.order_id)
    changed = version.content["changed"]
    _write_head(order, version.content, changed["fields"])
    _write_lines(order, version, changed["lines"], at=at, by=by or version.proposed_by)

    order.versions.filter(status=VersionStatus.IN_FORCE).update(status=VersionStatus.SUPERSEDED)
    version.status, version.decided_at, version.decided_by = VersionStatus.IN_FORCE, at, by
    version.content = {**content_of(order), "changed": changed}
    version.save(update_fields=["status", "decided_at", "decided_by", "content"])

    order.version = version.version
    order.email_started_at = order.emailed_at = None
    order.save(
        update_fields=[
            *("version", "email_started_at", "emailed_at"),
            *("discount_percent", "expected_on", "note"),
        ]
    )
    refresh_progress(order_ids=[order.pk], at=at)
    ask_to_match(order_ids=[order.pk], why=f"{order} was amended: {version}.", at=at)
    follow_drop_shipment(order=order, at=at, by=by or version.proposed_by)


def _refuse_untied(
    order: PurchaseOrder, rows: Sequence[PurchaseOrderLine], change: OrderChange
) -> None:
    """Refuse units that no customer's line stands for, where the supplier sends them to one."""
    if order.drop_ship_order_id is None:
        return
    units = {row.pk: row.ordered - row.cancelled for row in rows}
    more = [line for line in change.lines if (line.units or 0) > units.get(line.line_id, 0)]
    if more or change.added:
        msg = f"{order} goes to a customer: more for that customer is an order of its own."
        raise TiedToCustomer(msg, order=order.number)


def _change_head(order: PurchaseOrder, change: OrderChange) -> None:
    if change.discount_percent is not None:
        order.discount_percent = checked_discount(change.discount_percent)
    if not isinstance(change.expected_on, Unchanged):
        order.expected_on = change.expected_on
    if change.note is not None:
        order.note = change.note


def _change_lines(
    order: PurchaseOrder, rows: Sequence[PurchaseOrderLine], changes: Sequence[LineChange]
) -> dict[str, list[str]]:
    """Change the lines in memory; return line id -> what of it is another now."""
    change_of = {change.line_id: change for change in changes}
    if strange := change_of.keys() - {row.pk for row in rows}:
        msg = f"Line {min(strange)} is not on {order}."
        raise InvalidOrderLine(msg, order_line=min(strange))
    touched = {}
    for row in rows:
        units, cost, day = row.ordered - row.cancelled, row.unit_cost, row.expected_on
        if change := change_of.get(row.pk):
            _check_change(row, change)
            if change.units is not None:
                _set_units(row, change.units)
            if not isinstance(change.expected_on, Unchanged):
                row.expected_on = change.expected_on
        _set_costs(order, row, change)
        fields = [
            *(["units"] if row.ordered - row.cancelled != units else []),
            *(["unit_cost"] if row.unit_cost != cost else []),
            *(["expected_on"] if row.expected_on != day else []),
        ]
        if fields:
            touched[str(row.pk)] = fields
    return touched


def _added(
    order: PurchaseOrder,
    rows: Sequence[PurchaseOrderLine],
    added: Sequence[NewLine],
    *,
    on: date,
) -> list[PurchaseOrderLine]:
    """Return the unsaved lines that come behind those of the order."""
    if not added:
        return []
    behind = max((row.position for row in rows), default=0)
    new = order_lines(order=order, lines=added, on=on, first_position=behind + 1)
    prefetch_related_objects(new, "variant__product")
    return new


def _refuse_below_received(
    order: PurchaseOrder,
    rows: Sequence[PurchaseOrderLine],
    touched: Mapping[str, Sequence[str]],
) -> None:
    """Refuse lines that would order less than what came for good, or than what was billed."""
    short = {
        row.position: least
        for row in rows
        if "units" in touched.get(str(row.pk), ())
        and row.ordered - row.cancelled
        < (least := max(row.received - row.to_replace, row.invoiced))
    }
    if short:
        named = ", ".join(f"line {position} by at least {n:,}" for position, n in short.items())
        msg = f"More of {order} came or was billed already: order {named} units."
        raise BelowReceived(msg, lines=short)


def _set_units(row: PurchaseOrderLine, units: int) -> None:
    """Order so many units in all; with none the line stands there as cancelled."""
    if units == row.ordered - row.cancelled:
        return
    row.ordered, row.cancelled = (units, 0) if units else (row.ordered, row.ordered)


def _check_change(row: PurchaseOrderLine, change: LineChange) -> None:
    list_cost = row.list_cost if change.list_cost is None else change.list_cost
    has_discount = bool(change.discount_percent)
    if change.units is not None and not 0 <= change.units < MAX_UNITS:
        problem = "units are not below zero"
    elif not all(is_price(cost) for cost in (change.unit_cost, change.list_cost) if cost):
        problem = "the unit cost is not a price"
    elif change.unit_cost is not None and (change.list_cost is not None or has_discount):
        problem = "a net cost has neither a list cost nor a discount"
    elif has_discount and list_cost is None:
        problem = "a discount needs the cost before it"
    else:
        return
    msg = f"Line {row.position}: {problem}."
    raise InvalidOrderLine(msg, position=row.position)


def _set_costs(order: PurchaseOrder, row: PurchaseOrderLine, change: LineChange | None) -> None:
    """Work out what a unit costs; a discount of the order counts for lines with a list cost."""
    if change and change.unit_cost is not None:
        row.list_cost, row.discount_percent = None, ZERO
        row.unit_cost = round_rate(change.unit_cost)
        return
    if change and change.list_cost is not None:
        row.list_cost = round_rate(change.list_cost)
    if change and change.discount_percent is not None:
        row.discount_percent = checked_discount(change.discount_percent)
    if row.list_cost is not None and row.ordered > row.cancelled:
        row.unit_cost = net_cost(row.list_cost, row.discount_percent, order.discount_percent)


def _write_head(order: PurchaseOrder, content: Content, fields: Sequence[str]) -> None:
    if "discount_percent" in fields:
        order.discount_percent = Decimal(content["discount_percent"])
    if "expected_on" in fields:
        order.expected_on = _day(content["expected_on"])
    if "note" in fields:
        order.note = content["note"]
    if "charges" in fields:
        replace_charges(
            order=order,
            charges=[
                NewCharge(Decimal(charge["amount"]), charge["kind"], charge["description"])
                for charge in content["charges"]
            ],
        )


def _write_lines(
    order: PurchaseOrder,
    version: PurchaseOrderVersion,
    touched: Mapping[str, Sequence[str]],
    *,
    at: datetime,
    by: User | None,
) -> None:
    written = {str(line["id"]): line for line in version.content["lines"]}
    rows = [row for row in order.lines.order_by("pk") if str(row.pk) in touched]
    for row in rows:
        line, fields = written[str(row.pk)], touched[str(row.pk)]
        if "units" in fields:
            _set_units(row, line["units"])
            row.closed_at, row.closed_by, row.close_reason = (
                (None, None, "")
                if line["units"]
                else (at, by, f"Version {version.version}: {version.reason}"[:200])
            )
        if "unit_cost" in fields:
            _write_costs(row, line)
        if "expected_on" in fields:
            row.expected_on = _day(line["expected_on"])
    _refuse_below_received(order, rows, touched)
    PurchaseOrderLine.objects.bulk_update(
        rows,
        [
            *("ordered", "cancelled", "unit_cost", "list_cost", "discount_percent"),
            *("expected_on", "closed_at", "closed_by", "close_reason"),
        ],
    )
    PurchaseOrderLine.objects.bulk_create(
        [_new_row(order, line) for line in version.content["lines"] if line["id"] is None]
    )


def _new_row(order: PurchaseOrder, line: Mapping[str, Any]) -> PurchaseOrderLine:
    row = PurchaseOrderLine(
        order=order,
        position=line["position"],
        variant_id=line["variant"],
        supplier_sku=line["supplier_sku"],
        ordered=line["units"],
        expected_on=_day(line["expected_on"]),
    )
    _write_costs(row, line)
    return row


def _write_costs(row: PurchaseOrderLine, line: Mapping[str, Any]) -> None:
    row.unit_cost = Decimal(line["unit_cost"])
    row.list_cost = None if line["list_cost"] is None else Decimal(line["list_cost"])
    row.discount_percent = Decimal(line["discount_percent"])


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
