"""What does not agree on suppliers' documents and waits for somebody: whose it is, how old."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from purchasing.models import (
    DecisionLimit,
    MatchAllocation,
    MatchException,
    PurchaseOrder,
    SupplierInvoice,
)
from retail.common.models import User
from retail.common.money import ZERO

WEEK = timedelta(days=7)
MONTH = timedelta(days=30)


@dataclass(frozen=True)
class ExceptionsOfOwner:
    """
    What waits for the people of one role, by age since it was raised; at stake in book currency.

    overdue: how many were to be decided before today.
    """

    owner: str
    count: int
    overdue: int
    up_to_week: int
    up_to_month: int
    older: int
    oldest_at: datetime
    at_stake: Decimal


def exceptions_to_decide(owner: str | None = None) -> QuerySet[MatchException]:
    """
    Return what keeps a bill from payment until somebody decides, what falls due first.

    owner: a role's `MatchException.Owner`; None for all. Goods on their way are not in it.
    """
    rows = MatchException.objects.filter(
        status=MatchException.Status.OPEN, is_blocking=True
    ).exclude(
        kind=MatchException.Kind.NOT_RECEIVED,
        invoice__status=SupplierInvoice.Status.MATCHING,
    )
    if owner is not None:
        rows = rows.filter(owner=owner)
    return rows.select_related("invoice__supplier", "invoice_line").order_by("due_on", "pk")


def exceptions_by_owner(*, at: datetime) -> list[ExceptionsOfOwner]:
    """Return how much waits for each role, in the order of the roles; those with nothing not."""
    counts = (
        exceptions_to_decide()
        .order_by()
        .values("owner")
        .annotate(
            count=Count("pk"),
            overdue=Count("pk", filter=Q(due_on__lt=timezone.localdate(at))),
            up_to_week=Count("pk", filter=Q(raised_at__gte=at - WEEK)),
            up_to_month=Count("pk", filter=Q(raised_at__gte=at - MONTH, raised_at__lt=at - WEEK)),
            older=Count("pk", filter=Q(raised_at__lt=at - MONTH)),
            oldest_at=Min("raised_at"),
            at_stake=Sum("at_stake", default=ZERO),
        )
    )
    of_owner = {row["owner"]: ExceptionsOfOwner(**row) for row in counts}
    return [of_owner[owner] for owner in MatchException.Owner.values if owner in of_owner]


def is_waiting(exception: MatchException) -> bool:
    """Tell whether a decision waits to be made up for, and no younger row took its place."""
    status = MatchException.Status
    if exception.status in {status.OPEN, status.RESOLVED, status.ACCEPTED}:
        return False
    return not MatchException.objects.filter(
        invoice=exception.invoice_id,
        invoice_line=exception.invoice_line_id,
        kind=exception.kind,
        subject=exception.subject,
        pk__gt=exception.pk,
    ).exists()


def is_amendable(order: PurchaseOrder) -> bool:
    """
    Tell whether what a sent order says may still be changed.

    Also of an order that closed by itself, for a bill of which somebody decided that the order is
    wrong.
    """
    if order.status == PurchaseOrder.Status.CLOSED:
        return _is_to_be_corrected(order)
    return order.status == PurchaseOrder.Status.SENT


def _is_to_be_corrected(order: PurchaseOrder) -> bool:
    matched = MatchAllocation.objects.filter(order_line__order=order)
    younger = MatchException.objects.annotate(place=Coalesce("invoice_line", 0)).filter(
        place=OuterRef("place"),
        invoice=OuterRef("invoice"),
        kind=OuterRef("kind"),
        subject=OuterRef("subject"),
        pk__gt=OuterRef("pk"),
    )
    return (
        MatchException.objects.annotate(place=Coalesce("invoice_line", 0))
        .filter(
            ~Exists(younger),
            Q(invoice_line__in=matched.values("invoice_line")) | Q(invoice_line__isnull=True),
            invoice__in=matched.values("invoice_line__invoice"),
            status=MatchException.Status.ORDER_WRONG,
        )
        .exists()
    )


def decision_limit(person: User) -> Decimal | None:
    """
    Return up to which amount, in book currency, a person may accept a difference; None: any.

    The highest limit of their roles; where none of these has one there is none.
    """
    amounts = list(
        DecisionLimit.objects.filter(group__user=person).values_list("amount", flat=True)
    )
    known = [amount for amount in amounts if amount is not None]
    return max(known) if known and len(known) == len(amounts) else None
