"""Writing what is to be ordered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db import transaction

from catalog.models import Variant
from inventory.models import Location
from purchasing.models import PurchaseOrder, PurchaseOrderLine, Supplier, SupplierProduct
from purchasing.queries import supplier_offers
from retail.common.errors import BusinessError, WrongStatus
from retail.common.fields import MAX_AMOUNT, MAX_UNITS
from retail.common.models import User
from retail.common.money import round_rate


class NoOrderLines(BusinessError):
    """An order without lines orders nothing."""


class InvalidOrderLine(BusinessError):
    """A line names an unknown variant, no units, or a cost that is not a price."""


class NoSupplierPrice(BusinessError):
    """The supplier has no price for a variant and none was given."""


class InactiveSupplier(BusinessError):
    """Nothing more is bought from this supplier."""


@dataclass(frozen=True)
class NewLine:
    """A variant to order; without a unit cost the supplier's price of the day is taken."""

    variant_id: int
    units: int
    unit_cost: Decimal | None = None


@transaction.atomic
def create_purchase_order(
    *,
    supplier: Supplier,
    location: Location,
    lines: Sequence[NewLine],
    reference: str,
    at: datetime,
    by: User | None,
    expected_on: date | None = None,
    note: str = "",
) -> PurchaseOrder:
    """
    Raise a draft order in the supplier's currency.

    reference: key of this act; a second call with it returns the first order unchanged.

    :raises NoOrderLines, InvalidOrderLine, NoSupplierPrice, InactiveSupplier: nothing is stored.
    """
    order, is_new = PurchaseOrder.objects.get_or_create(
        reference=reference,
        defaults={
            "supplier": supplier,
            "location": location,
            "currency": supplier.currency,
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
    PurchaseOrderLine.objects.bulk_create(_order_lines(order=order, lines=lines, on=at.date()))
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
) -> PurchaseOrder:
    """
    Replace what a draft orders, where it goes and when.

    :raises WrongStatus: the order is no longer a draft.
    :raises NoOrderLines, InvalidOrderLine, NoSupplierPrice: the order stays as it was.
    """
    order = PurchaseOrder.objects.for_update().get(pk=order_id)
    if order.status != PurchaseOrder.Status.DRAFT:
        msg = f"{order} is {order.get_status_display().lower()}: only a draft can be changed."
        raise WrongStatus(msg, status=order.status)
    order.location, order.expected_on, order.note = location, expected_on, note
    order.save(update_fields=["location", "expected_on", "note"])
    new_lines = _order_lines(order=order, lines=lines, on=at.date())
    order.lines.all().delete()
    PurchaseOrderLine.objects.bulk_create(new_lines)
    return order


def _order_lines(
    *, order: PurchaseOrder, lines: Sequence[NewLine], on: date
) -> list[PurchaseOrderLine]:
    """Return the unsaved lines in the given order, each with a cost."""
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
        if line.unit_cost is None and (line.variant_id, line.units) not in offers
    ]
    if unpriced:
        msg = f"No price of this supplier for {', '.join(unpriced)}: enter the cost."
        raise NoSupplierPrice(msg, skus=unpriced)

    supplier_skus = _supplier_skus(order.supplier_id, variant_ids=set(skus))
    return [
        PurchaseOrderLine(
            order=order,
            position=position,
            variant_id=line.variant_id,
            supplier_sku=offer.supplier_sku if offer else supplier_skus.get(line.variant_id, ""),
            ordered=line.units,
            unit_cost=round_rate(
                # A line without a cost has an offer, as checked above.
                offer.unit_cost if line.unit_cost is None else line.unit_cost  # type: ignore[union-attr]
            ),
        )
        for position, line in enumerate(lines, start=1)
        for offer in [offers.get((line.variant_id, line.units))]
    ]


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
        elif line.unit_cost is not None and not _is_price(line.unit_cost):
            problem = "the unit cost is not a price"
        else:
            continue
        msg = f"Line {position}: {problem}."
        raise InvalidOrderLine(msg, position=position, variant=line.variant_id, units=line.units)
    return skus


def _is_price(amount: Decimal) -> bool:
    return amount.is_finite() and 0 <= amount < MAX_AMOUNT


def _supplier_skus(supplier_id: int, *, variant_ids: Collection[int]) -> dict[int, str]:
    """Return variant id -> the supplier's SKU, where the supplier lists the variant."""
    return dict(
        SupplierProduct.objects.filter(supplier_id=supplier_id, variant_id__in=variant_ids)
        .order_by("is_active", "-pk")
        .values_list("variant_id", "supplier_sku")
    )


def no_lines() -> NoOrderLines:
    """Return the refusal of an order that orders nothing."""
    return NoOrderLines("An order needs at least one line.")
