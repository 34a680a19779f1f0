"""Which sent orders still have to be e-mailed, so that none goes out twice."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from purchasing.models import PurchaseOrder
from retail.common.errors import BusinessError


class EmailNotInDoubt(BusinessError):
    """The e-mail was taken by the mail server, or was not tried yet."""


@transaction.atomic
def claim_email(*, at: datetime) -> PurchaseOrder | None:
    """
    Take the oldest sent order that was not e-mailed yet, for one caller; None when there is none.

    Suppliers without an address are left out: their orders are handed over in another way.
    """
    order = (
        PurchaseOrder.objects.filter(
            status=PurchaseOrder.Status.SENT, email_started_at__isnull=True
        )
        .exclude(supplier__email="")
        .select_related("supplier", "location", "drop_ship_order__delivery_address")
        .order_by("pk")
        .select_for_update(of=("self",), no_key=True, skip_locked=True)
        .first()
    )
    if order is None:
        return None
    order.email_started_at = at
    order.save(update_fields=["email_started_at"])
    return order


@transaction.atomic
def finish_email(*, order_id: int, version: int, at: datetime) -> None:
    """
    Note that the mail server took the e-mail of a version.

    Nothing where another version has come in force meanwhile: that one still has to leave.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    if order.version != version:
        return
    order.emailed_at = at
    order.save(update_fields=["emailed_at"])


@transaction.atomic
def retry_email(*, order_id: int) -> PurchaseOrder:
    """
    Have an e-mail sent again of which nobody knows whether it left.

    :raises EmailNotInDoubt: it left, or waits for its first try.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    if order.email_started_at is None or order.emailed_at is not None:
        msg = f"The e-mail of {order} is not in doubt."
        raise EmailNotInDoubt(msg, order=order.number)
    order.email_started_at = None
    order.save(update_fields=["email_started_at"])
    return order
