"""What was read from a supplier's document, in the lines and units that we keep of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models.functions import Upper

from purchasing.einvoices import ReadCharge, ReadInvoice, ReadLine
from purchasing.models import (
    PurchaseOrderLine,
    Supplier,
    SupplierInvoiceLine,
    SupplierProduct,
)
from purchasing.operations.capture_findings import is_counted_in_units
from purchasing.operations.invoices import NewInvoiceLine, NewInvoiceTax
from retail.common.money import ZERO, round_rate

Kind = SupplierInvoiceLine.Kind
WHOLE_DOCUMENT = "Whole document"
DOZEN = "DZN"
# Packages of UN/ECE Recommendation 20 as it was; those of 21 stand behind an X.
PACKAGES = frozenset({"BG", "BX", "CR", "CS", "CT", "DZN", "PA", "PF", "PK", "PX", "RO", "SET"})
NO_PACKAGES = frozenset({"XNE", "XNF", "XNG", "XPP", "XZZ"})
LONGEST_GTIN, LONGEST_CATEGORY, LONGEST_UNIT, LONGEST_POSITION = 14, 3, 10, 30
LONGEST_CODE, LONGEST_DESCRIPTION = 100, 300


@dataclass(frozen=True)
class _Pack:
    """How many of our units a supplier's article is packed in, and what one was ordered at."""

    size: int
    unit_cost: Decimal | None


def printed_lines(read: ReadInvoice, *, supplier: Supplier) -> list[NewInvoiceLine]:
    """
    Return the lines of a document as they are captured, its charges after them.

    A document without lines gets one for each rate of tax that stands for the whole of it. Packs
    become units where the price is that of a pack.
    """
    packs = _packs(read.lines, supplier=supplier)
    lines = [
        _line(line, read=read, pack=packs.get(line.supplier_sku.upper())) for line in read.lines
    ] or list(_whole_document(read))
    return [*lines, *(_charge(charge, read=read) for charge in read.charges)]


def stated_taxes(read: ReadInvoice) -> list[NewInvoiceTax]:
    return [
        NewInvoiceTax(
            category=row.category[:LONGEST_CATEGORY],
            rate=row.rate,
            taxable=round_rate(row.taxable),
            tax=round_rate(row.tax),
        )
        for row in read.taxes
    ]


def _line(line: ReadLine, *, read: ReadInvoice, pack: _Pack | None) -> NewInvoiceLine:
    stated = abs(line.quantity)
    net = line.net_amount
    words: dict[str, Any] = {
        "is_deduction": net < 0 or (net == 0 and line.quantity < 0),
        "unit_price": round_rate(abs(line.unit_price)),
        "net_amount": round_rate(abs(net)),
        "unit_code": line.unit_code[:LONGEST_UNIT],
        "tax_category": line.tax_category[:LONGEST_CATEGORY],
        "tax_rate": _rate_of(line.tax_category, line.tax_rate, read=read),
        "order_number": (line.order_number or read.order_number)[:LONGEST_CODE],
        "order_position": line.order_position[:LONGEST_POSITION],
        "delivery_note": (line.delivery_note or read.delivery_note)[:LONGEST_CODE],
        "supplier_sku": line.supplier_sku[:LONGEST_CODE],
        "gtin": line.gtin if len(line.gtin) <= LONGEST_GTIN else "",
        "buyer_sku": line.buyer_sku[:LONGEST_CODE],
        "description": line.description[:LONGEST_DESCRIPTION],
    }
    if not stated and not net:
        # A line of nothing for nothing is a text, which no order has.
        charge = SupplierInvoiceLine.Charge.OTHER
        return NewInvoiceLine(
            quantity=1, stated_quantity=ZERO, kind=Kind.CHARGE, charge=charge, **words
        )
    size = _units_of(line, pack)
    if size > 1:
        words["unit_price"] = round_rate(abs(line.unit_price) / size)
        return NewInvoiceLine(quantity=int(stated * size), stated_quantity=stated, **words)
    if is_counted_in_units(stated):
        return NewInvoiceLine(quantity=int(stated), **words)
    return NewInvoiceLine(quantity=1, stated_quantity=_kept(stated), **words)


def _kept(quantity: Decimal) -> Decimal:
    """Return a printed quantity as the column holds it: six decimals, twelve digits before."""
    return min(round(quantity, 6), Decimal(10**12 - 1))


def _units_of(line: ReadLine, pack: _Pack | None) -> int:
    """
    Return how many of our units one of the line's is, 1 where it is not a pack of several.

    Some suppliers count units and write the code of a package, so a price that was ordered at
    decides: the one it is nearer to, by proportion.
    """
    code = line.unit_code.upper()
    is_package = code in PACKAGES or (
        code.startswith("X") and len(code) == len("XBX") and code not in NO_PACKAGES
    )
    if pack is None or not is_package or not line.quantity:
        return 1
    size = pack.size
    if size <= 1 or not is_counted_in_units(abs(line.quantity) * size):
        return 1
    price = abs(line.net_amount / line.quantity)
    if not pack.unit_cost or not price:
        return size
    # |log(price / cost)| > |log(price / size / cost)| without the logarithms.
    is_nearer_to_pack = price * price > pack.unit_cost * pack.unit_cost * size
    return size if is_nearer_to_pack else 1


def _packs(lines: Collection[ReadLine], *, supplier: Supplier) -> Mapping[str, _Pack]:
    """Return supplier's SKU in capitals -> its pack; articles sold by the piece are left out."""
    skus = {line.supplier_sku.upper() for line in lines if line.supplier_sku}
    products = (
        SupplierProduct.objects.alias(key=Upper("supplier_sku"))
        .filter(supplier=supplier, key__in=skus, pack_size__gt=1)
        .values_list("supplier_sku", "variant", "pack_size")
    )
    sizes = {sku.upper(): (variant_id, size) for sku, variant_id, size in products}
    costs = dict(
        PurchaseOrderLine.objects.filter(
            order__supplier=supplier,
            variant__in=[variant_id for variant_id, _ in sizes.values() if variant_id],
        )
        .order_by("variant", "pk")
        .values_list("variant", "unit_cost")
    )
    return {sku: _Pack(size, costs.get(variant_id)) for sku, (variant_id, size) in sizes.items()}


def _charge(charge: ReadCharge, *, read: ReadInvoice) -> NewInvoiceLine:
    amount = round_rate(abs(charge.amount))
    return NewInvoiceLine(
        quantity=1,
        unit_price=amount,
        net_amount=amount,
        kind=Kind.CHARGE,
        charge=charge.charge,
        # A discount below zero adds.
        is_deduction=charge.is_allowance != (charge.amount < 0),
        order_number=read.order_number[:LONGEST_CODE],
        delivery_note=read.delivery_note[:LONGEST_CODE],
        description=charge.reason[:LONGEST_DESCRIPTION],
        tax_category=charge.tax_category[:LONGEST_CATEGORY],
        tax_rate=charge.tax_rate or ZERO,
    )


def _whole_document(read: ReadInvoice) -> Iterable[NewInvoiceLine]:
    """Yield a line for each rate of tax, less the charges that are lines of their own."""
    rates: Sequence[tuple[str, Decimal, Decimal]] = [
        (row.category, row.rate, row.taxable) for row in read.taxes
    ]
    if sum((taxable for _, _, taxable in rates), ZERO) != read.net_total:
        rates = [("", ZERO, read.net_total)]
    charges = list(read.charges)
    for category, rate, taxable in rates:
        own = [
            charge
            for charge in charges
            if len(rates) == 1 or (charge.tax_category, charge.tax_rate or ZERO) == (category, rate)
        ]
        net = taxable - sum((-one.amount if one.is_allowance else one.amount for one in own), ZERO)
        amount = round_rate(abs(net))
        yield NewInvoiceLine(
            quantity=1,
            unit_price=amount,
            net_amount=amount,
            is_deduction=net < 0,
            order_number=read.order_number[:LONGEST_CODE],
            delivery_note=read.delivery_note[:LONGEST_CODE],
            description=WHOLE_DOCUMENT,
            tax_category=category[:LONGEST_CATEGORY],
            tax_rate=rate,
        )


def _rate_of(category: str, rate: Decimal | None, *, read: ReadInvoice) -> Decimal:
    """Return the rate of a line; where it is not said, the one rate of its category."""
    if rate is not None:
        return rate
    rates = {row.rate for row in read.taxes if not category or row.category == category}
    return rates.pop() if len(rates) == 1 else ZERO
