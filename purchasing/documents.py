"""The purchase order as the supplier sees it: a PDF, a CSV file, and the letter they come with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from customers.models import Address
from inventory.models import Location
from purchasing.models import (
    PurchaseOrder,
    PurchaseOrderCharge,
    PurchaseOrderLine,
    PurchaseOrderVersion,
    Supplier,
    SupplierProduct,
)
from purchasing.versions import differences, sentence_for_supplier
from purchasing.wording import amount, day, known_language, number, percent, rate, say, words
from retail.common.exports import csv_lines
from retail.common.money import ZERO, round_amount
from retail.common.printing import print_page, symbol

# Room for the barcode of the number, in mm.
NUMBER_WIDTH, NUMBER_HEIGHT = 60, 10
_TITLES = (
    *("order", "version", "position", "supplier_sku", "our_sku", "gtin", "name"),
    *("quantity", "pack_size", "list_cost", "discount_percent", "unit_cost", "amount"),
    *("currency", "wanted_on"),
)


@dataclass(frozen=True)
class Paper:
    """
    An order as it is told to its supplier, read once for all its papers.

    lines: those of which something is ordered. changes: sentences, in the supplier's language.
    """

    order: PurchaseOrder
    language: str
    lines: Sequence[PurchaseOrderLine]
    charges: Sequence[PurchaseOrderCharge]
    packs: dict[int, int]
    changes: Sequence[str]

    @property
    def name(self) -> str:
        """Name of its files, without ending."""
        return f"{self.order.number}-v{self.order.version}"

    @property
    def goods(self) -> Decimal:
        return sum((self.amount(line) for line in self.lines), ZERO)

    @property
    def total(self) -> Decimal:
        return self.goods + sum((charge.amount for charge in self.charges), ZERO)

    def amount(self, line: PurchaseOrderLine) -> Decimal:
        return round_amount(_units(line) * line.unit_cost, self.order.currency)


def paper_of(order: PurchaseOrder) -> Paper:
    """Return what an order tells its supplier, in the supplier's language or else in English."""
    language = known_language(order.supplier.language)
    ordered = order.lines.select_related("variant__product").order_by("position")
    lines = [line for line in ordered if _units(line)]
    return Paper(
        order=order,
        language=language,
        lines=lines,
        charges=list(order.charges.order_by("pk")),
        packs=_packs(order, lines),
        changes=_changes(order, language),
    )


def order_pdf(paper: Paper) -> bytes:
    """Return the order as a PDF, amounts without tax."""
    order, language = paper.order, paper.language
    data = {
        "words": dict(words(language)),
        "language": language,
        "number": order.number,
        "currency": order.currency,
        "version": say(language, "version", version=order.version),
        "symbol": symbol(order.number, room=NUMBER_WIDTH, height=NUMBER_HEIGHT),
        "shop": _shop(order),
        "from": place_lines(order.location),
        "supplier": _supplier_lines(order.supplier),
        "delivery": delivery_lines(order),
        "facts": _facts(order, language),
        "remarks": _remarks(order, language),
        "changes": list(paper.changes),
        "has_discounts": any(line.list_cost not in {None, line.unit_cost} for line in paper.lines),
        "has_packs": any(paper.packs.get(line.variant_id, 1) > 1 for line in paper.lines),
        "lines": [_line_data(paper, line) for line in paper.lines],
        "charges": [_charge_data(paper, charge) for charge in paper.charges],
        "goods": amount(paper.goods, order.currency, language),
        "total": amount(paper.total, order.currency, language),
        "note": order.note,
    }
    return print_page("purchase_order", data)


def order_csv(paper: Paper) -> str:
    """
    Return the order's lines as CSV, which the supplier's program can read.

    Titles and figures are the same in every language; charges stand below, without an article.
    """
    return "".join(csv_lines(_TITLES, _csv_rows(paper)))


def order_subject(paper: Paper) -> str:
    """Return the subject of the letter: what it is, its number, and its version when changed."""
    title = f"{say(paper.language, 'title')} {paper.order.number}"
    if paper.order.version == 1:
        return title
    return f"{title}, {say(paper.language, 'version', version=paper.order.version)}"


def order_letter(paper: Paper) -> str:
    """Return the text of the e-mail: what is attached, what has changed, where and when to."""
    order, language = paper.order, paper.language
    text = partial(say, language)
    wanted = [day(order.expected_on, language)] if order.expected_on else []
    return "\n".join(
        [
            text("greeting"),
            "",
            text("email", number=order.number)
            if order.version == 1
            else text("email_changed", number=order.number, version=order.version),
            *([text("replaces")] if order.version > 1 else []),
            *(["", f"{text('changes')}:"] if paper.changes else []),
            *(f"- {change}" for change in paper.changes),
            "",
            *(f"{text('wanted_on')}: {on}" for on in wanted),
            f"{text('deliver_to')}: {', '.join(delivery_lines(order))}",
            f"{text('total')}: {amount(paper.total, order.currency, language)}",
            "",
            text("please_confirm"),
            "",
            text("closing"),
            _shop(order),
        ]
    )


def place_lines(place: Location) -> list[str]:
    """Return the address of a place of ours below its name, empty lines left out."""
    town = f"{place.postcode} {place.city}".strip()
    return [part for part in (place.street, town, place.country) if part]


def delivery_lines(order: PurchaseOrder) -> list[str]:
    """
    Return where the goods go: to the place they are ordered for, or to the customer.

    Of a customer only what a parcel needs: name and address, no telephone and no e-mail.
    """
    if order.drop_ship_order is None:
        return [order.location.name, *place_lines(order.location)]
    address: Address | None = order.drop_ship_order.delivery_address
    if address is None:
        return []
    town = f"{address.postcode} {address.city}".strip()
    parts = (address.name, address.company, address.street, address.street_extra, town)
    return [part for part in (*parts, address.region, address.country) if part]


def _shop(order: PurchaseOrder) -> str:
    return settings.RETAIL_SHOP_NAME or order.location.name


def _supplier_lines(supplier: Supplier) -> list[str]:
    town = f"{supplier.postcode} {supplier.city}".strip()
    return [part for part in (supplier.name, supplier.street, town, supplier.country) if part]


def _units(line: PurchaseOrderLine) -> int:
    return line.ordered - line.cancelled


def _packs(order: PurchaseOrder, lines: Sequence[PurchaseOrderLine]) -> dict[int, int]:
    """Return variant id -> units in the supplier's pack, of the article that is ordered."""
    skus = {line.variant_id: line.supplier_sku for line in lines}
    products = SupplierProduct.objects.filter(
        supplier=order.supplier_id, variant_id__in=list(skus)
    ).values_list("variant_id", "supplier_sku", "pack_size")
    return {
        variant_id: pack_size
        for variant_id, supplier_sku, pack_size in products
        if variant_id and skus[variant_id] == supplier_sku
    }


def _changes(order: PurchaseOrder, language: str) -> list[str]:
    """Return what the version in force changed of what the supplier was told before."""
    status = PurchaseOrderVersion.Status
    told = list(
        order.versions.filter(status__in=[status.IN_FORCE, status.SUPERSEDED]).order_by("-version")[
            :2
        ]
    )
    if len(told) == 1 or not told:
        return []
    now, before = told
    return [
        sentence_for_supplier(difference, language)
        for difference in differences(before.content, now.content)
    ]


def _facts(order: PurchaseOrder, language: str) -> list[tuple[str, str]]:
    """Return what is said about the whole order, name and value, what is unknown left out."""
    supplier = order.supplier
    sent = timezone.localtime(order.sent_at or order.raised_at).date()
    payment = (
        say(language, "payment_days", days=supplier.payment_days)
        if supplier.payment_days
        else say(language, "paid_at_once")
    )
    if supplier.discount_percent:
        early = percent(supplier.discount_percent, language)
        payment += ", " + say(language, "early", percent=early, days=supplier.discount_days)
    facts = [
        ("date", day(sent, language)),
        ("wanted_on", day(order.expected_on, language) if order.expected_on else ""),
        ("payment", payment),
        ("terms", f"{supplier.delivery_terms} (Incoterms 2020)" if supplier.delivery_terms else ""),
    ]
    return [(say(language, name), value) for name, value in facts if value]


def _remarks(order: PurchaseOrder, language: str) -> list[str]:
    remarks = []
    if order.version > 1:
        remarks.append(say(language, "replaces"))
    if order.drop_ship_order_id:
        remarks.append(say(language, "to_customer"))
    if order.discount_percent:
        taken = percent(order.discount_percent, language)
        remarks.append(say(language, "included", percent=taken))
    return remarks


def _line_data(paper: Paper, line: PurchaseOrderLine) -> dict[str, Any]:
    order, language, units = paper.order, paper.language, _units(line)
    wanted = line.expected_on if line.expected_on != order.expected_on else None
    return {
        "position": str(line.position),
        "supplier_sku": line.supplier_sku,
        "sku": line.variant.sku,
        "gtin": line.variant.gtin,
        "name": line.variant.full_name,
        "units": number(units, language),
        "packs": _in_packs(units, paper.packs.get(line.variant_id, 1), language),
        "list_cost": "" if line.list_cost is None else rate(line.list_cost, language),
        "discount": f"{percent(line.discount_percent, language)} %"
        if line.discount_percent
        else "",
        "unit_cost": rate(line.unit_cost, language),
        "amount": number(paper.amount(line), language, decimals=_decimals(order)),
        "wanted_on": day(wanted, language) if wanted else "",
    }


def _charge_data(paper: Paper, charge: PurchaseOrderCharge) -> tuple[str, str]:
    name = say(paper.language, charge.kind)
    return (
        f"{name}, {charge.description}" if charge.description else name,
        number(charge.amount, paper.language, decimals=_decimals(paper.order)),
    )


def _in_packs(units: int, size: int, language: str) -> str:
    """Return units as packs, and those beside them: `8 x 12 + 4`."""
    if size == 1:
        return ""
    packs, loose = divmod(units, size)
    parts = [f"{number(packs, language)} x {number(size, language)}"] if packs else []
    return " + ".join([*parts, *([number(loose, language)] if loose else [])])


def _decimals(order: PurchaseOrder) -> int:
    return -int(round_amount(ZERO, order.currency).as_tuple().exponent)


def _csv_rows(paper: Paper) -> Iterator[Sequence[object]]:
    order = paper.order
    for line in paper.lines:
        yield (
            *(order.number, order.version, line.position, line.supplier_sku, line.variant.sku),
            *(line.variant.gtin, line.variant.full_name, _units(line)),
            paper.packs.get(line.variant_id, 1),
            *(line.list_cost, line.discount_percent, line.unit_cost, paper.amount(line)),
            *(order.currency, line.expected_on or order.expected_on),
        )
    for charge in paper.charges:
        name = charge.description or charge.get_kind_display()
        money = round_amount(charge.amount, order.currency)
        yield (
            *(order.number, order.version, "", "", "", "", name),
            *("", "", "", "", "", money, order.currency, ""),
        )
