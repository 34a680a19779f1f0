"""Which rules ask that somebody approves what is ordered, and why."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Q

from catalog.queries import exchange_rate
from purchasing.models import (
    PurchaseApprovalRule,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierPrice,
)
from retail.common.money import display, display_rate, round_amount

LONGEST_TERMS = 300


@dataclass(frozen=True)
class PricedLine:
    """
    What a rule looks at of a line that is ordered or changed.

    known_cost: per unit, to compare with where it was neither ordered nor listed before.
    """

    variant_id: int
    sku: str
    units: int
    unit_cost: Decimal
    known_cost: Decimal | None = None


@dataclass(frozen=True)
class Caught:
    """A rule that asks for an approval, None for the one that is asked for without rules."""

    rule: PurchaseApprovalRule | None
    terms: str


@dataclass(frozen=True)
class Judgment:
    """What rules say to an order; `facts` is what they looked at, in plain values."""

    caught: Sequence[Caught]
    facts: dict[str, Any]


def judge(
    *, order: PurchaseOrder, total: Decimal, lines: Collection[PricedLine], on: date
) -> Judgment:
    """
    Return which active rules catch an order, in the order of their keys.

    total: of the order without tax, in its currency. lines: those whose cost is looked at. Without
    any active rule one approval is asked for, by anybody who may give it.

    :raises NoExchangeRate: a rule looks at the amount and the order's currency has no rate.
    """
    rules = list(
        PurchaseApprovalRule.objects.filter(
            Q(supplier=None) | Q(supplier=order.supplier_id), is_active=True
        )
        .select_related("group", "supplier")
        .order_by("pk")
    )
    facts: dict[str, Any] = {
        "judged_on": on.isoformat(),
        "total": str(total),
        "currency": order.currency,
    }
    if not rules and not PurchaseApprovalRule.objects.filter(is_active=True).exists():
        return Judgment([Caught(None, "Every order is approved by somebody.")], facts)
    booked = Decimal(0)
    if any(rule.from_amount for rule in rules):
        rate = exchange_rate(order.currency, on)
        booked = round_amount(total * rate, settings.RETAIL_CURRENCY)
        facts |= {"rate": str(rate), "booked": str(booked)}
    changes = (
        _price_changes(order, lines, on)
        if any(rule.from_price_change_percent is not None for rule in rules)
        else []
    )
    caught = [
        Caught(rule, terms)
        for rule in rules
        if (terms := _terms(rule, booked, changes)) is not None
    ]
    facts["rules"] = [
        {"rule": each.rule.pk, "name": each.rule.name, "terms": each.terms}
        for each in caught
        if each.rule
    ]
    return Judgment(caught, facts)


@dataclass(frozen=True)
class _PriceChange:
    line: PricedLine
    before: Decimal

    @property
    def percent(self) -> Decimal:
        """How far it rose or fell; from nothing to something counts as without end."""
        if self.before == 0:
            return Decimal("Infinity") if self.line.unit_cost else Decimal(0)
        return (self.line.unit_cost - self.before) / self.before * 100

    def __str__(self) -> str:
        percent = f" ({self.percent:+.1f} %)" if self.percent.is_finite() else ""
        return (
            f"{self.line.sku} costs {display_rate(self.line.unit_cost)}"
            f" instead of {display_rate(self.before)}{percent}"
        )


def _terms(
    rule: PurchaseApprovalRule, booked: Decimal, changes: Sequence[_PriceChange]
) -> str | None:
    """Return why a rule catches an order, None when it does not."""
    why = [f"ordered from {rule.supplier}"] if rule.supplier else []
    if rule.from_amount:
        if booked < rule.from_amount:
            return None
        currency = settings.RETAIL_CURRENCY
        limit = display(rule.from_amount, currency)
        why.append(f"{display(booked, currency)} without tax, asked from {limit} on")
    if rule.from_price_change_percent is not None:
        most = max(changes, key=lambda change: abs(change.percent), default=None)
        if most is None or not most.percent or abs(most.percent) < rule.from_price_change_percent:
            return None
        why.append(f"{most}, asked from {rule.from_price_change_percent.normalize():f} % on")
    return f"{rule.name}: {', '.join(why) or 'every order'}."[:LONGEST_TERMS]


def _price_changes(
    order: PurchaseOrder, lines: Collection[PricedLine], on: date
) -> list[_PriceChange]:
    """Return what each line is compared with; what was never bought or listed is left out."""
    ordered = _last_ordered(order, {line.variant_id for line in lines})
    listed = _listed_before(order, lines, on)
    compared = []
    for line in lines:
        before = ordered.get(line.variant_id, listed.get(line.variant_id, line.known_cost))
        if before is not None:
            compared.append(_PriceChange(line, before))
    return compared


def _last_ordered(order: PurchaseOrder, variant_ids: Collection[int]) -> dict[int, Decimal]:
    """Return variant id -> unit cost of the supplier's last other order that was sent."""
    status = PurchaseOrder.Status
    return dict(
        PurchaseOrderLine.objects.filter(
            order__supplier=order.supplier_id,
            order__currency=order.currency,
            order__status__in=[status.SENT, status.CLOSED],
            variant_id__in=list(variant_ids),
        )
        .exclude(order=order.pk)
        .order_by("variant_id", "-order__sent_at", "-pk")
        .distinct("variant_id")
        .values_list("variant_id", "unit_cost")
    )


def _listed_before(
    order: PurchaseOrder, lines: Collection[PricedLine], on: date
) -> dict[int, Decimal]:
    """
    Return variant id -> the supplier's price for the quantity before the present one.

    Where there was none before, the present one: a cost that was typed differently is seen.
    """
    units = {line.variant_id: line.units for line in lines}
    rows = (
        SupplierPrice.objects.filter(
            supplier_product__supplier=order.supplier_id,
            supplier_product__variant_id__in=list(units),
            valid_from__lte=on,
        )
        .order_by("-min_quantity", "-valid_from", "-pk")
        .values_list("supplier_product__variant_id", "min_quantity", "unit_cost", "valid_to")
    )
    present: dict[int, Decimal] = {}
    before: dict[int, Decimal] = {}
    for variant_id, min_quantity, unit_cost, valid_to in rows:
        if min_quantity > units[variant_id]:
            continue
        is_over = valid_to is not None and valid_to <= on
        (before if is_over else present).setdefault(variant_id, unit_cost)
    return present | before
