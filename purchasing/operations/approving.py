"""Having orders approved, and sending them."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from purchasing.models import PurchaseOrder
from purchasing.operations.drafting import no_lines
from retail.common.errors import NotAllowed
from retail.common.models import User
from retail.common.status import check_move


class SelfApproval(NotAllowed):
    """Nobody approves an order they raised."""


@transaction.atomic
def submit(*, order_id: int) -> PurchaseOrder:
    """
    Put a draft before somebody who may approve it.

    :raises WrongStatus: the order is not a draft.
    :raises NoOrderLines: it orders nothing.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.AWAITING_APPROVAL)
    if not order.lines.exists():
        raise no_lines()
    order.status = PurchaseOrder.Status.AWAITING_APPROVAL
    order.save(update_fields=["status"])
    return order


@transaction.atomic
def return_to_draft(*, order_id: int) -> PurchaseOrder:
    """
    Take an order that was not sent back to be changed; an approval is void.

    :raises WrongStatus: the order was sent, ended, or is a draft.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.DRAFT)
    order.status = PurchaseOrder.Status.DRAFT
    order.approved_at = order.approved_by = None
    order.save(update_fields=["status", "approved_at", "approved_by"])
    return order


@transaction.atomic
def approve(*, order_id: int, at: datetime, by: User) -> PurchaseOrder:
    """
    Release an order for sending.

    :raises SelfApproval: the same person raised it.
    :raises WrongStatus: it is not waiting for approval.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.APPROVED)
    if order.raised_by_id == by.pk:
        msg = f"{order} was raised by you: somebody else has to approve it."
        raise SelfApproval(msg, order=order.number)
    order.status = PurchaseOrder.Status.APPROVED
    order.approved_at, order.approved_by = at, by
    order.save(update_fields=["status", "approved_at", "approved_by"])
    return order


@transaction.atomic
def send(*, order_id: int, at: datetime) -> PurchaseOrder:
    """
    Declare an approved order sent; `purchasing.tasks.send_purchase_orders` e-mails it.

    :raises WrongStatus: the order is not approved, or was sent before.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    check_move(order, PurchaseOrder.Status.SENT)
    order.status = PurchaseOrder.Status.SENT
    order.sent_at = at
    order.save(update_fields=["status", "sent_at"])
    return order
