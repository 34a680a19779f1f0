"""Having orders approved by whom the rules ask, and sending them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from purchasing.models import PurchaseApproval, PurchaseOrder, PurchaseOrderVersion
from purchasing.operations.drafting import no_lines
from purchasing.queries import Judgment, PricedLine, judge
from purchasing.versions import Content, content_of
from retail.common.errors import NotAllowed
from retail.common.models import User
from retail.common.status import check_move


class SelfApproval(NotAllowed):
    """Nobody approves an order they raised."""


class NotYourApproval(NotAllowed):
    """What is still to be approved is for people of another role."""


@transaction.atomic
def submit(*, order_id: int, at: datetime) -> PurchaseOrder:
    """
    Put a draft before those whom the approval rules ask.

    Approved at once when there are rules and none of them asks anybody.

    :raises WrongStatus: the order is not a draft.
    :raises NoOrderLines: it orders nothing.
    :raises NoExchangeRate: a rule asks for the amount and the currency has no rate for the day.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.AWAITING_APPROVAL)
    lines = list(order.lines.select_related("variant").order_by("position"))
    if not lines:
        raise no_lines()
    totals = PurchaseOrder.objects.with_totals().filter(pk=order.pk)
    judgment = judge(
        order=order,
        total=totals.values_list("total", flat=True).get(),  # type: ignore[misc]  # annotated above
        lines=[
            PricedLine(line.variant_id, line.variant.sku, line.ordered, line.unit_cost)
            for line in lines
        ],
        on=at.date(),
    )
    order.status = PurchaseOrder.Status.AWAITING_APPROVAL
    order.approval_terms = judgment.facts
    order.save(update_fields=["status", "approval_terms"])
    ask(order=order, version=order.version, judgment=judgment, raised_by=order.raised_by, at=at)
    if not judgment.caught:
        order.is_approved_by_rule = True
        _release(order, at=at, by=None)
    return order


@transaction.atomic
def return_to_draft(*, order_id: int) -> PurchaseOrder:
    """
    Take an order that was not sent back to be changed; its approvals are void.

    :raises WrongStatus: the order was sent, ended, or is a draft.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.DRAFT)
    order.approvals.all().delete()
    order.status = PurchaseOrder.Status.DRAFT
    order.approved_at = order.approved_by = None
    order.is_approved_by_rule, order.approval_terms = False, {}
    order.save(
        update_fields=[
            *("status", "approved_at", "approved_by", "is_approved_by_rule", "approval_terms"),
        ]
    )
    return order


@transaction.atomic
def approve(*, order_id: int, at: datetime, by: User) -> PurchaseOrder:
    """
    Give every approval of an order that this person may give; with the last it may be sent.

    :raises SelfApproval: the same person raised it.
    :raises NotYourApproval: what is missing is for people of other roles.
    :raises WrongStatus: it is not waiting for approval.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.APPROVED)
    if order.raised_by_id == by.pk:
        msg = f"{order} was raised by you: somebody else has to approve it."
        raise SelfApproval(msg, order=order.number)
    if not give(order=order, version=order.version, at=at, by=by):
        _release(order, at=at, by=by)
    return order


@transaction.atomic
def send(*, order_id: int, at: datetime) -> PurchaseOrder:
    """
    Declare an approved order sent; `purchasing.tasks.send_purchase_orders` e-mails it.

    What the supplier is told is kept as the first version of the order.

    :raises WrongStatus: the order is not approved, or was sent before.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.SENT)
    order.status = PurchaseOrder.Status.SENT
    order.sent_at = at
    order.save(update_fields=["status", "sent_at"])
    keep_version(order, content=content_of(order), at=at)
    return order


def keep_version(order: PurchaseOrder, *, content: Content, at: datetime) -> PurchaseOrderVersion:
    """Store what a sent order says as the version in force; the caller holds its lock."""
    return PurchaseOrderVersion.objects.create(
        order=order,
        version=order.version,
        status=PurchaseOrderVersion.Status.IN_FORCE,
        content=content,
        key=f"{order.number}/{order.version}",
        proposed_at=at,
        proposed_by=order.raised_by,
        decided_at=at,
        decided_by=order.approved_by,
    )


def ask(
    *,
    order: PurchaseOrder,
    version: int,
    judgment: Judgment,
    raised_by: User | None,
    at: datetime,
) -> None:
    """Ask for the approvals that a judgment names; the caller holds the order."""
    PurchaseApproval.objects.bulk_create(
        [
            PurchaseApproval(
                order=order,
                version=version,
                rule=caught.rule,
                terms=caught.terms,
                group=caught.rule.group if caught.rule else None,
                raised_by=raised_by,
                asked_at=at,
            )
            for caught in judgment.caught
        ]
    )


def give(*, order: PurchaseOrder, version: int, at: datetime, by: User) -> int:
    """
    Give what a person may of the approvals of a version, return how many are still missing.

    A person may give those for anybody and those for a role they have, an owner all. The caller
    holds the order.

    :raises NotYourApproval: none of them.
    """
    missing = open_approvals(order=order, version=version)
    roles = set(by.groups.values_list("pk", flat=True))
    given = [
        approval
        for approval in missing
        if approval.group_id is None or approval.group_id in roles or by.is_superuser
    ]
    if missing and not given:
        waiting_for = ", ".join(sorted({str(approval.group) for approval in missing}))
        msg = f"{order} waits to be approved by: {waiting_for}."
        raise NotYourApproval(msg, order=order.number)
    for approval in given:
        approval.approved_at, approval.approved_by = at, by
    PurchaseApproval.objects.bulk_update(given, ["approved_at", "approved_by"])
    return len(missing) - len(given)


def open_approvals(*, order: PurchaseOrder, version: int) -> Sequence[PurchaseApproval]:
    """Return the approvals of a version that nobody has given yet."""
    return list(
        order.approvals.filter(version=version, approved_at=None)
        .select_related("group")
        .order_by("pk")
    )


def _release(order: PurchaseOrder, *, at: datetime, by: User | None) -> None:
    order.status = PurchaseOrder.Status.APPROVED
    order.approved_at, order.approved_by = at, by
    order.save(update_fields=["status", "approved_at", "approved_by", "is_approved_by_rule"])
