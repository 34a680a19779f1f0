"""Laying freight, duty and the like on the deliveries they were paid for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Q, Sum, When

from catalog.queries import categories_within, exchange_rate
from inventory.operations import CostParts, correct_costs, take_back_costs
from purchasing.models import (
    FreightClaim,
    GoodsReceipt,
    GoodsReceiptLine,
    LandedCost,
    LandedCostLine,
    LandedCostShare,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from purchasing.operations.ending import MissingReason
from purchasing.operations.landed_plans import (
    LANDED,
    as_plan,
    cost_reference,
    late_costs,
    posted_references,
    split_landed_cost,
)
from purchasing.operations.ledger import post_landed, post_landed_cancelled
from retail.common.errors import BusinessError, WrongStatus
from retail.common.fields import MAX_AMOUNT, MoneyField
from retail.common.models import User
from retail.common.money import ZERO, display, round_amount
from retail.common.status import check_move

Status = LandedCost.Status


class NotABillOfFreight(BusinessError):
    """The document charges no freight or the like, is a credit note, or is void."""


class InvalidLandedAmount(BusinessError):
    """An amount that is not above zero, a share below it, or either not in whole cents."""


class UnknownMethod(BusinessError):
    """There is no such way of sharing."""


class NothingToLandOn(BusinessError):
    """No accepted goods of these deliveries are meant."""


class FreightIsLanded(BusinessError):
    """Goods bear freight of this bill: its landed costs are cancelled first."""


class MoreThanBilled(BusinessError):
    """Less of the bill is left to land; `left` says how much, in book currency."""


@transaction.atomic
def draft_landed_cost(  # noqa: PLR0913 - what is chosen on one form
    *,
    invoice_id: int,
    amount: Decimal | None,
    method: str,
    receipt_ids: Collection[int],
    key: str,
    at: datetime,
    by: User | None,
    variant_ids: Collection[int] = (),
    product_ids: Collection[int] = (),
    category_ids: Collection[int] = (),
) -> LandedCost:
    """
    Choose the lines of deliveries that a bill's freight is laid on; nothing is posted yet.

    amount: net, in book currency, at most what is left of the bill; None for all that is left.
    variant_ids, product_ids,
    category_ids: only these goods of the deliveries; of a category also what lies below it. What
    is meant by any of them is taken, everything when none is named.
    key: of this act; a second call with it returns the first draft and changes nothing.
    Locks: the invoice.

    :raises NotABillOfFreight, InvalidLandedAmount, MoreThanBilled, UnknownMethod,
        NothingToLandOn: nothing is stored.
    :raises NoExchangeRate: the bill's currency has no rate for its day.
    """
    invoice = SupplierInvoice.objects.for_update().get(pk=invoice_id)
    if earlier := LandedCost.objects.filter(key=key).first():
        return earlier
    _require_freight(invoice)
    amount = _checked_amount(invoice, amount)
    if method not in LandedCost.Method.values:
        msg = (
            f"Nothing is shared by {method}: choose by value, units, weight, volume or another way."
        )
        raise UnknownMethod(msg, method=method)
    lines = _chosen_lines(
        receipt_ids,
        variant_ids=variant_ids,
        product_ids=product_ids,
        category_ids=category_ids,
    )
    landed = LandedCost.objects.create(
        invoice=invoice, amount=amount, method=method, key=key, drafted_at=at, drafted_by=by
    )
    LandedCostLine.objects.bulk_create(
        [LandedCostLine(landed_cost=landed, receipt_line=line) for line in lines]
    )
    return landed


@transaction.atomic
def type_shares(*, landed_cost_id: int, amounts: Mapping[int, Decimal]) -> LandedCost:
    """
    Set the shares of a draft by hand; from then on it is shared as typed.

    amounts: landed cost line id -> its share in book currency, of every line.
    Locks: the invoice, then the landed cost.

    :raises WrongStatus: it is no draft any more.
    :raises InvalidLandedAmount: a share is below zero, above the amount or not in whole cents.
    :raises SharesDiffer: a line is missing, or they do not add up to the amount.
    """
    landed = _lock(landed_cost_id)
    if landed.status != Status.DRAFT:
        msg = f"{landed} is {landed.get_status_display().lower()}: shares of a draft are typed."
        raise WrongStatus(msg, status=landed.status)
    for share in amounts.values():
        if not share.is_finite() or not 0 <= share <= landed.amount or share != _in_cents(share):
            most = display(landed.amount, settings.RETAIL_CURRENCY)
            msg = f"{share} cannot be a share: type zero up to {most}, in whole cents."
            raise InvalidLandedAmount(msg, amount=str(share))
    lines = list(landed.lines.order_by("pk"))
    for line in lines:
        line.typed_amount = amounts.get(line.pk)
    LandedCostLine.objects.bulk_update(lines, ["typed_amount"])
    landed.method = LandedCost.Method.MANUAL
    landed.save(update_fields=["method"])
    split_landed_cost(landed)
    return landed


@transaction.atomic
def post_landed_cost(*, landed_cost_id: int, at: datetime, by: User | None) -> LandedCost:
    """
    Make the shares of a draft a cost of the goods, and claim the amount of the bill.

    Each line's share goes to the stock value for what is still here and to cost of sales for what
    is gone. A second call changes nothing.
    Locks: the invoice, the landed cost, the receipts, then the CostPool rows.

    :raises WrongStatus: it was cancelled.
    :raises NothingToLandOn: a receipt was reversed since it was drafted.
    :raises NotABillOfFreight, MoreThanBilled: the bill is void by now, or claimed by others.
    :raises NothingToShareBy, WeightUnknown, VolumeUnknown, SharesDiffer: it cannot be shared by
        its method.
    :raises PeriodClosed: the books are closed for that moment.
    """
    landed = _lock(landed_cost_id)
    if landed.status == Status.POSTED:
        return landed
    check_move(landed, Status.POSTED)
    _require_standing(landed)
    splits = split_landed_cost(landed)
    _claim(landed)
    movements = {
        movement.reference: movement
        for movement in correct_costs(costs=late_costs(landed, splits), at=at, kind=LANDED)
    }
    parts = {
        reference: CostParts(to_stock=movement.value, expensed=movement.expensed)
        for reference, movement in movements.items()
    }
    shares = LandedCostShare.objects.bulk_create(
        [
            LandedCostShare(
                landed_cost=landed,
                cost_movement=movements.get(cost_reference(landed, share.receipt_line)),
                **vars(share),
            )
            for share in as_plan(landed, splits, parts).shares
        ]
    )
    landed.status, landed.posted_at, landed.posted_by = Status.POSTED, at, by
    landed.save(update_fields=["status", "posted_at", "posted_by"])
    post_landed(landed, shares, at=at, by=by)
    return landed


@transaction.atomic
def cancel_landed_cost(
    *, landed_cost_id: int, reason: str, at: datetime, by: User | None
) -> LandedCost:
    """
    Drop a draft, or take a posted landed cost back as if it had never been posted.

    What is still left of it in stock leaves the stock value, the rest comes off cost of sales,
    dated now; what it claimed of the bill is free again. A second call changes nothing.
    Locks: the invoice, the landed cost, then the CostPool rows.

    :raises MissingReason: no reason was given.
    :raises PeriodClosed: the books are closed for that moment.
    """
    landed = _lock(landed_cost_id)
    if landed.status == Status.CANCELLED:
        return landed
    if not reason.strip():
        msg = "Say why: the reason is kept with the landed cost."
        raise MissingReason(msg, landed_cost=landed.number)
    was_posted = landed.status == Status.POSTED
    landed.status, landed.cancel_reason = Status.CANCELLED, reason.strip()
    landed.cancelled_at, landed.cancelled_by = at, by
    landed.save(update_fields=["status", "cancel_reason", "cancelled_at", "cancelled_by"])
    if was_posted:
        back = {f"{name}/cancelled": pk for pk, name in posted_references(landed).items()}
        movements = take_back_costs(
            references={name.removesuffix("/cancelled"): name for name in back},
            at=at,
            kind=LANDED,
        )
        post_landed_cancelled(landed, {back[row.reference]: row for row in movements}, at=at, by=by)
        claim = FreightClaim.objects.filter(invoice=landed.invoice_id)
        claim.update(claimed=F("claimed") - landed.amount)
    return landed


def freight_left(invoice: SupplierInvoice) -> Decimal:
    """
    Return how much of what a bill charges beside goods is not landed yet, in book currency.

    :raises NoExchangeRate: the bill's currency has no rate for its day.
    """
    claim = FreightClaim.objects.filter(invoice=invoice).first()
    return _in_cents(claim.claimable - claim.claimed) if claim else _claimable(invoice)


def require_nothing_landed(invoice: SupplierInvoice) -> None:
    """
    Pass when no goods bear freight of this locked bill.

    :raises FreightIsLanded: names the landed costs.
    """
    posted = invoice.landed_costs.filter(status=Status.POSTED).order_by("pk")
    if numbers := list(posted.values_list("number", flat=True)):
        msg = f"Goods bear freight of {invoice}: cancel {', '.join(numbers)} first."
        raise FreightIsLanded(msg, landed_costs=numbers)


def _lock(landed_cost_id: int) -> LandedCost:
    # Which bill it claims never changes, so it may be read before the lock.
    invoice_id = LandedCost.objects.values_list("invoice", flat=True).get(pk=landed_cost_id)
    invoice = SupplierInvoice.objects.for_update().get(pk=invoice_id)
    landed = LandedCost.objects.for_update().get(pk=landed_cost_id)
    landed.invoice = invoice
    return landed


def _require_standing(landed: LandedCost) -> None:
    """Lock the receipts that a landed cost lies on, so that nobody reverses them meanwhile."""
    receipt_ids = landed.lines.values("receipt_line__receipt")
    for receipt in list(GoodsReceipt.objects.for_update().filter(pk__in=receipt_ids)):
        if receipt.status == GoodsReceipt.Status.REVERSED:
            msg = f"{receipt} was reversed: cancel {landed} and lay the freight on other goods."
            raise NothingToLandOn(msg, receipt=receipt.number)


def _claimable(invoice: SupplierInvoice) -> Decimal:
    """Return what the bill charges beside goods, less what it takes off; nothing at least."""
    charges = invoice.lines.filter(kind=SupplierInvoiceLine.Kind.CHARGE)
    signed = Case(
        When(is_deduction=True, then=-F("net_amount")),
        default=F("net_amount"),
        output_field=MoneyField(),
    )
    net = charges.aggregate(net=Sum(signed))["net"] or ZERO
    return max(_in_cents(net * exchange_rate(invoice.currency, invoice.invoiced_on)), ZERO)


def _require_freight(invoice: SupplierInvoice) -> None:
    """Pass when the bill has charges and counts."""
    if invoice.kind != SupplierInvoice.Kind.INVOICE:
        msg = f"{invoice} is a credit note: cancel the landed cost and land what remains."
        raise NotABillOfFreight(msg, invoice=invoice.number)
    if invoice.status == SupplierInvoice.Status.VOID:
        msg = f"{invoice} is void: nothing of it can be landed."
        raise NotABillOfFreight(msg, invoice=invoice.number)
    if not _claimable(invoice):
        msg = f"{invoice} charges nothing beside goods: it has no freight or other charge to land."
        raise NotABillOfFreight(msg, invoice=invoice.number)


def _checked_amount(invoice: SupplierInvoice, amount: Decimal | None) -> Decimal:
    left = freight_left(invoice)
    if amount is None and left:
        return left
    if amount is not None and not (
        amount.is_finite() and 0 < amount < MAX_AMOUNT and amount == _in_cents(amount)
    ):
        msg = f"{amount} cannot be landed: enter an amount above zero, in whole cents."
        raise InvalidLandedAmount(msg, amount=str(amount))
    if amount is None or amount > left:
        shown = display(left, settings.RETAIL_CURRENCY)
        msg = f"Of {invoice} only {shown} is left to land."
        raise MoreThanBilled(msg, left=str(left))
    return amount


def _claim(landed: LandedCost) -> None:
    _require_freight(landed.invoice)
    _checked_amount(landed.invoice, landed.amount)
    claim, _ = FreightClaim.objects.get_or_create(
        invoice=landed.invoice, defaults={"claimable": _claimable(landed.invoice)}
    )
    claim.claimed = F("claimed") + landed.amount
    claim.save(update_fields=["claimed"])


def _chosen_lines(
    receipt_ids: Collection[int],
    *,
    variant_ids: Collection[int],
    product_ids: Collection[int],
    category_ids: Collection[int],
) -> list[GoodsReceiptLine]:
    lines = GoodsReceiptLine.objects.filter(
        receipt__in=list(receipt_ids), receipt__status=GoodsReceipt.Status.POSTED, accepted__gt=0
    )
    if variant_ids or product_ids or category_ids:
        below = {pk for category_id in category_ids for pk in categories_within(category_id)}
        lines = lines.filter(
            Q(order_line__variant__in=list(variant_ids))
            | Q(order_line__variant__product__in=list(product_ids))
            | Q(order_line__variant__product__category__in=below)
        )
    if chosen := list(lines.order_by("pk")):
        return chosen
    msg = "None of these deliveries has accepted goods that are meant: choose others."
    raise NothingToLandOn(msg)


def _in_cents(amount: Decimal) -> Decimal:
    return round_amount(amount, settings.RETAIL_CURRENCY)
