"""Writing what is to be ordered."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction
from django.db.models import F

from catalog.models import Variant
from inventory.models import Location
from purchasing.models import (
    PurchaseOrder,
    PurchaseOrderCharge,
    PurchaseOrderLine,
    Supplier,
    SupplierProduct,
)
from purchasing.queries import supplier_offers
from retail.common.errors import BusinessError, WrongStatus
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.models import User
from retail.common.money import ZERO, round_rate

HUNDRED = Decimal(100)
# More lines than any order has: where lines stand while they change places.
OUT_OF_THE_WAY = 1_000_000
_WRITTEN = (
    *("position", "supplier_sku", "ordered", "unit_cost", "list_cost", "discount_percent"),
    "expected_on",
)


class NoOrderLines(BusinessError):
    """An order without lines orders nothing."""


class InvalidOrderLine(BusinessError):
    """A line names an unknown variant, no units, or a cost that is not a price."""


class InvalidCharge(BusinessError):
    """A charge that is no amount, of no known kind, or stands there twice."""


class InvalidDiscount(BusinessError):
    """A discount is from 0 to less than 100 percent."""


class NoSupplierPrice(BusinessError):
    """The supplier has no price for a variant and none was given."""


class InactiveSupplier(BusinessError):
    """Nothing more is bought from this supplier."""


class TiedToCustomer(BusinessError):
    """What the supplier sends to a customer is what that customer ordered."""


@dataclass(frozen=True)
class NewLine:
    """
    A variant to order.

    list_cost: before discounts; without it the supplier's price of the day for the quantity.
    unit_cost: a net cost agreed instead, from which no discount is taken off.
    """

    variant_id: int
    units: int
    unit_cost: Decimal | None = None
    list_cost: Decimal | None = None
    discount_percent: Decimal = ZERO
    expected_on: date | None = None


@dataclass(frozen=True)
class NewCharge:
    """What the supplier asks on top of the goods, in the order's currency."""

    amount: Decimal
    kind: str = PurchaseOrderCharge.Kind.FREIGHT
    description: str = ""


@transaction.atomic
def create_purchase_order(  # noqa: PLR0913 - what is written on one form
    *,
    supplier: Supplier,
    location: Location,
    lines: Sequence[NewLine],
    reference: str,
    at: datetime,
    by: User | None,
    expected_on: date | None = None,
    note: str = "",
    discount_percent: Decimal = ZERO,
    charges: Sequence[NewCharge] = (),
) -> PurchaseOrder:
    """
    Raise a draft order in the supplier's currency.

    reference: key of this act; a second call with it returns the first order unchanged.

    :raises NoOrderLines, InvalidOrderLine, NoSupplierPrice, InactiveSupplier: nothing is stored.
    :raises InvalidDiscount, InvalidCharge: nothing is stored.
    """
    order, is_new = PurchaseOrder.objects.get_or_create(
        reference=reference,
        defaults={
            "supplier": supplier,
            "location": location,
            "currency": supplier.currency,
            "discount_percent": checked_discount(discount_percent),
            "expected_on": expected_on,
            "note": note,
            "raised_at": at,
            "raised_by": by,
        },
    )
    if not is_new:
        return order
    if not supplier.is_active:
        msg = f"{supplier.name} is no longer an active supplier."
        raise InactiveSupplier(msg, supplier=supplier.code)
    PurchaseOrderLine.objects.bulk_create(order_lines(order=order, lines=lines, on=at.date()))
    PurchaseOrderCharge.objects.bulk_create(order_charges(order=order, charges=charges))
    return order


@transaction.atomic
def revise_draft(
    *,
    order_id: int,
    location: Location,
    lines: Sequence[NewLine],
    expected_on: date | None,
    note: str,
    at: datetime,
    discount_percent: Decimal | None = None,
    charges: Sequence[NewCharge] | None = None,
) -> PurchaseOrder:
    """
    Replace what a draft orders, where it goes and when.

    Lines of articles that stay keep their rows, for customers and proposals hang on them. Discount
    and charges stay as they are where none is given.

    :raises WrongStatus: the order is no longer a draft.
    :raises TiedToCustomer: the supplier sends it to a customer.
    :raises NoOrderLines, InvalidOrderLine, NoSupplierPrice: the order stays as it was.
    :raises InvalidDiscount, InvalidCharge: the order stays as it was.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    if order.status != PurchaseOrder.Status.DRAFT:
        msg = f"{order} is {order.get_status_display().lower()}: only a draft can be changed."
        raise WrongStatus(msg, status=order.status)
    if order.drop_ship_order_id is not None:
        msg = f"{order} goes to a customer, unit by unit: cancel it and raise another instead."
        raise TiedToCustomer(msg, order=order.number)
    order.location, order.expected_on, order.note = location, expected_on, note
    if discount_percent is not None:
        order.discount_percent = checked_discount(discount_percent)
    order.save(update_fields=["location", "expected_on", "note", "discount_percent"])
    _replace_lines(order, order_lines(order=order, lines=lines, on=at.date()))
    if charges is not None:
        replace_charges(order=order, charges=charges)
    return order


def net_cost(list_cost: Decimal, *discounts: Decimal) -> Decimal:
    """
    Return what a unit costs after the discounts, one taken off after the other.

    unit cost = list cost x (1 - line discount) x (1 - order discount), rounded once, to the four
    decimals of a unit cost: 10.00 less 10 % and 5 % is 8.55.
    """
    net = list_cost
    for percent in discounts:
        net = net * (HUNDRED - percent) / HUNDRED
    return round_rate(net)


def checked_discount(percent: Decimal) -> Decimal:
    """
    Return the percentage when it can be taken off.

    :raises InvalidDiscount: it is below zero, or everything.
    """
    if not (percent.is_finite() and 0 <= percent < HUNDRED):
        msg = "A discount is from 0 to less than 100 percent."
        raise InvalidDiscount(msg, percent=str(percent))
    return percent


def order_charges(
    *, order: PurchaseOrder, charges: Sequence[NewCharge]
) -> list[PurchaseOrderCharge]:
    """
    Return the unsaved charges.

    :raises InvalidCharge: one is no amount, of no known kind, or stands there twice.
    """
    named = Counter((charge.kind, charge.description.strip()) for charge in charges)
    for charge in charges:
        if charge.kind not in PurchaseOrderCharge.Kind.values:
            problem = "is of no kind that is known"
        elif not is_price(charge.amount):
            problem = "is not below zero and has an amount"
        elif named[charge.kind, charge.description.strip()] > 1:
            problem = "stands there twice: describe one of them otherwise"
        else:
            continue
        msg = f"A charge {problem}."
        raise InvalidCharge(msg, kind=charge.kind, description=charge.description)
    return [
        PurchaseOrderCharge(
            order=order,
            kind=charge.kind,
            description=charge.description.strip(),
            amount=round_rate(charge.amount),
        )
        for charge in charges
    ]


def replace_charges(*, order: PurchaseOrder, charges: Sequence[NewCharge]) -> None:
    """Let these be all the charges of an order; the caller holds its lock."""
    new = order_charges(order=order, charges=charges)
    order.charges.all().delete()
    PurchaseOrderCharge.objects.bulk_create(new)


def order_lines(
    *, order: PurchaseOrder, lines: Sequence[NewLine], on: date, first_position: int = 1
) -> list[PurchaseOrderLine]:
    """
    Return the unsaved lines in the given order, each with a cost.

    :raises NoOrderLines, InvalidOrderLine, NoSupplierPrice: a line cannot be ordered.
    """
    if not lines:
        raise no_lines()
    skus = _checked_skus(lines)
    offers = supplier_offers(
        supplier_id=order.supplier_id,
        wanted={(line.variant_id, line.units) for line in lines},
        on=on,
    )
    unpriced = [
        skus[line.variant_id]
        for line in lines
        if _is_unpriced(line) and (line.variant_id, line.units) not in offers
    ]
    if unpriced:
        msg = f"No price of this supplier for {', '.join(unpriced)}: enter the cost."
        raise NoSupplierPrice(msg, skus=unpriced)

    supplier_skus = _supplier_skus(order.supplier_id, variant_ids=set(skus))
    made = []
    for position, line in enumerate(lines, start=first_position):
        offer = offers.get((line.variant_id, line.units))
        priced = replace(line, list_cost=offer.unit_cost) if _is_unpriced(line) and offer else line
        made.append(
            PurchaseOrderLine(
                order=order,
                position=position,
                variant_id=line.variant_id,
                supplier_sku=(
                    offer.supplier_sku if offer else supplier_skus.get(line.variant_id, "")
                ),
                ordered=line.units,
                expected_on=line.expected_on,
                **costs(order, priced),
            )
        )
    return made


def costs(order: PurchaseOrder, line: NewLine) -> dict[str, Decimal | None]:
    """Return list cost, discount and unit cost of a line that has one of the costs."""
    if line.unit_cost is not None:
        return {
            "list_cost": None,
            "discount_percent": ZERO,
            "unit_cost": round_rate(line.unit_cost),
        }
    list_cost = round_rate(line.list_cost or ZERO)
    return {
        "list_cost": list_cost,
        "discount_percent": line.discount_percent,
        "unit_cost": net_cost(list_cost, line.discount_percent, order.discount_percent),
    }


def no_lines() -> NoOrderLines:
    """Return the refusal of an order that orders nothing."""
    return NoOrderLines("An order needs at least one line.")


def _replace_lines(order: PurchaseOrder, written: Iterable[PurchaseOrderLine]) -> None:
    """Let these be all the lines of a draft; the first rows of their articles are kept."""
    rows: dict[int, list[int]] = defaultdict(list)
    for row in sorted(order.lines.for_update(), key=lambda line: line.position):
        rows[row.variant_id].append(row.pk)
    kept, added = [], []
    for line in written:
        if rows[line.variant_id]:
            line.pk = rows[line.variant_id].pop(0)
            kept.append(line)
        else:
            added.append(line)
    order.lines.filter(pk__in=[pk for pks in rows.values() for pk in pks]).delete()
    # A position stands once on an order at any moment, so nobody takes one that is not free yet.
    order.lines.update(position=F("position") + OUT_OF_THE_WAY)
    PurchaseOrderLine.objects.bulk_update(kept, _WRITTEN)
    PurchaseOrderLine.objects.bulk_create(added)


def _checked_skus(lines: Sequence[NewLine]) -> dict[int, str]:
    """Return variant id -> SKU when every line can be ordered."""
    skus = dict(
        Variant.objects.filter(pk__in={line.variant_id for line in lines}).values_list("pk", "sku")
    )
    for position, line in enumerate(lines, start=1):
        if line.variant_id not in skus:
            problem = "the article is not in the catalog"
        elif not 1 <= line.units < MAX_UNITS:
            problem = "at least one unit is ordered"
        elif not all(is_price(cost) for cost in (line.unit_cost, line.list_cost) if cost):
            problem = "the unit cost is not a price"
        elif line.unit_cost is not None and (line.list_cost is not None or line.discount_percent):
            problem = "a net cost has neither a list cost nor a discount"
        elif not (line.discount_percent.is_finite() and 0 <= line.discount_percent < HUNDRED):
            problem = "a discount is from 0 to less than 100 percent"
        else:
            continue
        msg = f"Line {position}: {problem}."
        raise InvalidOrderLine(msg, position=position, variant=line.variant_id, units=line.units)
    return skus


def _is_unpriced(line: NewLine) -> bool:
    return line.unit_cost is None and line.list_cost is None


def is_price(amount: Decimal) -> bool:
    """Return whether an amount can be stored as a price, a charge or a cost."""
    return amount.is_finite() and 0 <= amount < MAX_AMOUNT


def _supplier_skus(supplier_id: int, *, variant_ids: Collection[int]) -> dict[int, str]:
    """Return variant id -> the supplier's SKU, where the supplier lists the variant."""
    return dict(
        SupplierProduct.objects.filter(supplier_id=supplier_id, variant_id__in=variant_ids)
        .order_by("is_active", "-pk")
        .values_list("variant_id", "supplier_sku")
    )
