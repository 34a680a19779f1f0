"""What is printed for suppliers: the note that lies with goods that go back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone

from inventory.models import Location
from purchasing.models import Supplier, SupplierProduct, SupplierReturn, SupplierReturnLine
from retail.common.money import ZERO, display, display_rate, round_amount
from retail.common.printing import print_page, symbol

# Room for the barcode of the number, in mm.
NUMBER_WIDTH, NUMBER_HEIGHT = 60, 12


def print_return_note(returned: SupplierReturn) -> bytes:
    """Return what goes back to a supplier as a PDF: how much of what, why, and what we expect."""
    lines = list(
        returned.lines.select_related(
            *("variant__product", "location", "held_goods"),
            *("receipt_line__receipt", "receipt_line__order_line__order"),
        ).order_by("position")
    )
    skus = _supplier_skus(returned, lines)
    places = {line.location_id: line.location for line in lines}
    total = sum((_credit(returned, line) for line in lines), ZERO)
    first = next(iter(places.values()), None)
    data = {
        "number": returned.number,
        "shop": settings.RETAIL_SHOP_NAME or (first.name if first else ""),
        "from": _place_lines(first) if first else [],
        "address": _supplier_lines(returned.supplier),
        "symbol": symbol(returned.number, room=NUMBER_WIDTH, height=NUMBER_HEIGHT),
        "facts": _facts(returned),
        "lines": [_line(returned, line, skus) for line in lines],
        "total": display(total, returned.currency) if total else "",
    }
    return print_page("return_note", data)


def _facts(returned: SupplierReturn) -> list[tuple[str, str]]:
    sent = returned.shipped_at
    facts = [
        ("Your permission to return (RMA)", returned.rma_number),
        ("Reason", returned.reason),
        ("We expect", returned.get_expects_display()),
        ("Sent on", timezone.localtime(sent).strftime("%d %B %Y") if sent else ""),
        ("Tracking number", returned.tracking_number),
    ]
    return [fact for fact in facts if fact[1]]


def _line(
    returned: SupplierReturn, line: SupplierReturnLine, skus: dict[int, str]
) -> dict[str, Any]:
    credit = _credit(returned, line)
    return {
        "sku": skus.get(line.variant_id or 0, ""),
        "our_sku": line.variant.sku if line.variant else "",
        "name": _name(line),
        "document": _document(line),
        "units": f"{line.units:,}",
        "each": display_rate(line.unit_credit) if credit else "",
        "credit": display(credit, returned.currency) if credit else "",
    }


def _name(line: SupplierReturnLine) -> str:
    if line.variant:
        return line.variant.full_name
    return line.held_goods.code if line.held_goods else ""


def _document(line: SupplierReturnLine) -> str:
    """Say by which papers of theirs and ours the supplier finds the delivery."""
    source = line.receipt_line
    receipt = source.receipt if source else None
    parts = (
        f"order {source.order_line.order.number}" if source else "",
        f"delivery note {receipt.delivery_note}" if receipt and receipt.delivery_note else "",
        "not accepted" if line.held_goods_id else "",
    )
    return ", ".join(part for part in parts if part)


def _credit(returned: SupplierReturn, line: SupplierReturnLine) -> Decimal:
    return round_amount(line.units * line.unit_credit, returned.currency)


def _supplier_skus(returned: SupplierReturn, lines: list[SupplierReturnLine]) -> dict[int, str]:
    """Return variant id -> the supplier's SKU: as ordered, else as their catalogue has it."""
    listed = dict(
        SupplierProduct.objects.filter(
            supplier=returned.supplier_id, variant__in=[line.variant_id for line in lines]
        )
        .order_by("is_active", "-pk")
        .values_list("variant_id", "supplier_sku")
    )
    ordered = {
        line.variant_id or 0: line.receipt_line.order_line.supplier_sku
        for line in lines
        if line.receipt_line and line.receipt_line.order_line.supplier_sku
    }
    return {**listed, **ordered}


def _place_lines(place: Location) -> list[str]:
    town = f"{place.postcode} {place.city}".strip()
    return [part for part in (place.street, town, place.country) if part]


def _supplier_lines(supplier: Supplier) -> list[str]:
    town = f"{supplier.postcode} {supplier.city}".strip()
    parts = (supplier.name, supplier.street, town, supplier.country)
    return [part for part in parts if part]
