"""Changing an order that the supplier has already."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import Max

from purchasing.models import PurchaseOrder, PurchaseOrderLine, PurchaseOrderVersion
from purchasing.operations.approving import SelfApproval, ask, give, keep_version
from purchasing.operations.changes import OrderChange, bring_into_force, changed_content
from purchasing.operations.ending import MissingReason
from purchasing.operations.progress import refresh_progress
from purchasing.queries import Judgment, PricedLine, is_amendable, judge
from purchasing.versions import Content, content, differences, sentence
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.money import ZERO

VersionStatus = PurchaseOrderVersion.Status


class NothingChanged(BusinessError):
    """The order is already as the change would make it."""


class ChangeWaits(BusinessError):
    """Another change of the order waits to be approved."""


class NoChangeWaits(BusinessError):
    """No change of the order waits to be approved."""


@dataclass(frozen=True)
class Amendment:
    """What a change makes of an order: in plain values, in words, and whom the rules ask."""

    before: Content
    after: Content
    changes: list[str]
    judgment: Judgment


@transaction.atomic
def amend(
    *, order_id: int, change: OrderChange, reason: str, key: str, at: datetime, by: User | None
) -> PurchaseOrderVersion:
    """
    Propose a new version of a sent order.

    In force at once when no approval rule catches it, or when it costs no more: no higher total,
    no other unit cost, no other article. Else goods go on coming in on the version before until
    `approve_change`. In force, the new version is e-mailed to the supplier.

    key: of this act; a second call with it returns the first version and changes nothing.
    Locks: the order, its lines.

    :raises WrongStatus: the order was not sent, or has ended.
    :raises ChangeWaits: another change waits to be approved.
    :raises NothingChanged, MissingReason: nothing is stored.
    :raises InvalidOrderLine, InvalidCharge, InvalidDiscount, NoSupplierPrice: nothing is stored.
    :raises BelowReceived: less than what came or was billed.
    """
    order, rows = _lock(order_id)
    if earlier := PurchaseOrderVersion.objects.filter(key=key).first():
        return earlier
    _check_amendable(order, reason)
    worked_out = _work_out(order, rows, change, at=at)
    if not order.versions.filter(status=VersionStatus.IN_FORCE).exists():
        # Sent before versions were kept: what stands is what the supplier knows.
        keep_version(order, content=worked_out.before, at=order.sent_at or at)
    version = PurchaseOrderVersion.objects.create(
        order=order,
        version=_next_version(order),
        status=VersionStatus.PROPOSED,
        content=worked_out.after,
        changes=worked_out.changes,
        reason=reason.strip(),
        key=key,
        proposed_at=at,
        proposed_by=by,
    )
    judgment = worked_out.judgment
    ask(order=order, version=version.version, judgment=judgment, raised_by=by, at=at)
    if not judgment.caught:
        bring_into_force(version, at=at, by=None)
    return version


def plan_amendment(*, order_id: int, change: OrderChange, reason: str, at: datetime) -> Amendment:
    """
    Return what `amend` would do, and change nothing.

    :raises WrongStatus, ChangeWaits, NothingChanged, BelowReceived: and the others of `amend`.
    """
    order = PurchaseOrder.objects.select_related("supplier").get(pk=order_id)
    _check_amendable(order, reason)
    rows = list(order.lines.select_related("variant__product").order_by("position"))
    return _work_out(order, rows, change, at=at)


@transaction.atomic
def approve_change(*, order_id: int, at: datetime, by: User) -> PurchaseOrderVersion:
    """
    Give every approval that this person may give; with the last the new version is in force.

    Locks: the order, its lines.

    :raises NoChangeWaits: nothing waits, or somebody has decided already.
    :raises SelfApproval: the same person proposed it.
    :raises NotYourApproval: what is missing is for people of other roles.
    :raises BelowReceived: more came meanwhile than it would order: decline it.
    """
    order, _rows = _lock(order_id)
    version = _waiting(order)
    _refuse_own(version, by)
    if not give(order=order, version=version.version, at=at, by=by):
        bring_into_force(version, at=at, by=by)
    return version


@transaction.atomic
def decline_change(*, order_id: int, reason: str, at: datetime, by: User) -> PurchaseOrderVersion:
    """
    Refuse a change that somebody else proposed; the version before stays in force.

    :raises NoChangeWaits: nothing waits, or somebody has decided already.
    :raises SelfApproval: the same person proposed it, who may withdraw it.
    :raises MissingReason: the reason is empty.
    """
    order, _rows = _lock(order_id)
    version = _waiting(order)
    _refuse_own(version, by)
    return _decline(version, reason=reason, at=at, by=by)


@transaction.atomic
def withdraw_change(*, order_id: int, reason: str, at: datetime, by: User) -> PurchaseOrderVersion:
    """
    Take back a change that nobody has approved yet.

    :raises NoChangeWaits: nothing waits, or somebody has decided already.
    :raises MissingReason: the reason is empty.
    """
    order, _rows = _lock(order_id)
    return _decline(_waiting(order), reason=reason, at=at, by=by)


def _lock(order_id: int) -> tuple[PurchaseOrder, list[PurchaseOrderLine]]:
    """Return the locked order and its locked lines by position, their articles beside them."""
    order = PurchaseOrder.objects.for_update().select_related("supplier").get(pk=order_id)
    lines = list(order.lines.for_update().select_related("variant__product"))
    return order, sorted(lines, key=lambda line: line.position)


def _work_out(
    order: PurchaseOrder, rows: list[PurchaseOrderLine], change: OrderChange, *, at: datetime
) -> Amendment:
    """Work out a change, in memory only; rows: the lines by position."""
    before = content(order, rows, order.charges.order_by("pk"))
    after = changed_content(order, rows, change, on=at.date())
    changes = [sentence(difference) for difference in differences(before, after)]
    if not changes:
        msg = f"{order} is like this already."
        raise NothingChanged(msg, order=order.number)
    judgment = _judged(order, before=before, after=after, on=at.date())
    return Amendment(before, after, changes, judgment)


def _check_amendable(order: PurchaseOrder, reason: str) -> None:
    if not is_amendable(order):
        msg = f"{order} is {order.get_status_display().lower()}: only a sent order is amended."
        raise WrongStatus(msg, status=order.status)
    if not reason.strip():
        msg = "Say why: the reason is kept with the version."
        raise MissingReason(msg, order=order.number)
    if waiting := order.versions.filter(status=VersionStatus.PROPOSED).first():
        msg = f"Version {waiting.version} of {order} waits to be approved: decide on it first."
        raise ChangeWaits(msg, order=order.number, version=waiting.version)


def _next_version(order: PurchaseOrder) -> int:
    """Return the number after every one that was ever proposed."""
    return int(order.versions.aggregate(last=Max("version"))["last"]) + 1


def _judged(order: PurchaseOrder, *, before: Content, after: Content, on: date) -> Judgment:
    """Return what the rules say; a change that costs no more is nobody's to approve."""
    cost_before = {line["position"]: line["unit_cost"] for line in before["lines"]}
    priced = [
        PricedLine(
            variant_id=line["variant"],
            sku=line["sku"],
            units=line["units"],
            unit_cost=Decimal(line["unit_cost"]),
            known_cost=None if known is None else Decimal(known),
        )
        for line in after["lines"]
        if line["units"] and (known := cost_before.get(line["position"])) != line["unit_cost"]
    ]
    total = _total(after)
    if total <= _total(before) and not priced:
        return Judgment([], {})
    return judge(order=order, total=total, lines=priced, on=on)


def _total(content: Content) -> Decimal:
    goods = sum((line["units"] * Decimal(line["unit_cost"]) for line in content["lines"]), ZERO)
    return goods + sum((Decimal(charge["amount"]) for charge in content["charges"]), ZERO)


def _waiting(order: PurchaseOrder) -> PurchaseOrderVersion:
    version = order.versions.filter(status=VersionStatus.PROPOSED).first()
    if version is None:
        msg = f"No change of {order} waits to be approved."
        raise NoChangeWaits(msg, order=order.number)
    return version


def _refuse_own(version: PurchaseOrderVersion, by: User) -> None:
    if version.proposed_by_id == by.pk:
        msg = f"You proposed {version} of {version.order}: somebody else has to decide."
        raise SelfApproval(msg, order=version.order.number)


def _decline(
    version: PurchaseOrderVersion, *, reason: str, at: datetime, by: User
) -> PurchaseOrderVersion:
    if not reason.strip():
        msg = "Say why: the reason is kept with the version."
        raise MissingReason(msg, order=version.order.number)
    version.status, version.decided_at, version.decided_by = VersionStatus.DECLINED, at, by
    version.content["declined_because"] = reason.strip()
    version.save(update_fields=["status", "decided_at", "decided_by", "content"])
    # What came meanwhile may have been everything.
    refresh_progress(order_ids=[version.order_id], at=at)
    return version
