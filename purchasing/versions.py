"""An order in plain values, and what differs between two of them: arithmetic and words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from purchasing.models import PurchaseOrder, PurchaseOrderCharge, PurchaseOrderLine
from purchasing.wording import ENGLISH, day, number, percent, rate, say, words

Content = Mapping[str, Any]
# Key of an order -> what a difference in it is called.
OF_ORDER = {"discount_percent": "order_discount", "expected_on": "order_day", "note": "note"}


@dataclass(frozen=True)
class Difference:
    """
    One thing that is not as it was, in plain values.

    what: of a line `line_added`, `units`, `line_cost` or `line_day`; of the order a value of
    `OF_ORDER`, or `charge`, whose kind is its name.
    """

    what: str
    before: Any
    after: Any
    position: int = 0
    sku: str = ""
    supplier_sku: str = ""
    name: str = ""
    description: str = ""


def content_of(order: PurchaseOrder) -> dict[str, Any]:
    """Return a stored order as it stands; units are those that are not cancelled. Two queries."""
    return content(
        order,
        order.lines.select_related("variant__product").order_by("position"),
        order.charges.order_by("pk"),
    )


def content(
    order: PurchaseOrder,
    lines: Iterable[PurchaseOrderLine],
    charges: Iterable[PurchaseOrderCharge],
) -> dict[str, Any]:
    """Return an order, its lines and charges in plain values, stored or not."""
    return {
        "currency": order.currency,
        "discount_percent": plain(order.discount_percent),
        "expected_on": plain(order.expected_on),
        "note": order.note,
        "lines": [_line(line) for line in lines],
        "charges": [
            {
                "kind": charge.kind,
                "description": charge.description,
                "amount": plain(charge.amount),
            }
            for charge in charges
        ],
    }


def plain(value: Decimal | date | None) -> str | None:
    """Return a figure or a day as it is kept: without idle zeros, so that equal is equal."""
    if value is None:
        return None
    return value.isoformat() if isinstance(value, date) else f"{Decimal(value).normalize():f}"


def differences(before: Content, after: Content) -> list[Difference]:
    """Return what differs: lines in the order of their positions, then the rest of the order."""
    return [
        *_of_lines(before, after),
        *(
            Difference(what, before[key], after[key])
            for key, what in OF_ORDER.items()
            if before[key] != after[key]
        ),
        *_of_charges(before, after),
    ]


def sentence(difference: Difference) -> str:
    """Return a difference in words: `Line 2, SKU MUG-1: 10 -> 12 units.`"""
    return _sentence(difference, ENGLISH, name=f"SKU {difference.sku}")


def sentence_for_supplier(difference: Difference, language: str) -> str:
    """Return a difference in the supplier's language, with the supplier's number of an article."""
    return _sentence(difference, language, name=difference.supplier_sku or difference.sku)


def _sentence(difference: Difference, language: str, *, name: str) -> str:
    text = say(language, _key(difference), **_values(difference, language))
    if difference.position:
        line = say(language, "line", position=difference.position, sku=name)
        text = f"{line}: {text}"
    return text if text.endswith(".") else f"{text}."


def _key(difference: Difference) -> str:
    """Return the key of the text that tells of a difference."""
    match difference.what:
        case "units":
            return "line_units" if difference.after else "line_gone"
        case "note":
            return "note_now" if difference.after else "note_gone"
    return difference.what


def _values(difference: Difference, language: str) -> dict[str, str]:
    """Return what is put into the text, written as the language writes it."""
    if difference.what == "line_added":
        units, cost = difference.after
        return {"units": number(units, language), "cost": _cost(cost, language)}
    write = _WRITE.get(difference.what, _text)
    kind = words(language).get(difference.name, "")
    return {
        "before": write(difference.before, language),
        "after": write(difference.after, language),
        "name": ", ".join(part for part in (kind, difference.description) if part),
    }


def _line(line: PurchaseOrderLine) -> dict[str, Any]:
    return {
        "id": line.pk,
        "position": line.position,
        "variant": line.variant_id,
        "sku": line.variant.sku,
        "name": line.variant.full_name,
        "supplier_sku": line.supplier_sku,
        "units": line.ordered - line.cancelled,
        "unit_cost": plain(line.unit_cost),
        "list_cost": plain(line.list_cost),
        "discount_percent": plain(line.discount_percent),
        "expected_on": plain(line.expected_on),
    }


def _of_lines(before: Content, after: Content) -> Iterator[Difference]:
    old = {line["position"]: line for line in before["lines"]}
    for line in after["lines"]:
        names = {key: line[key] for key in ("position", "sku", "supplier_sku")}
        if (was := old.get(line["position"])) is None:
            yield Difference("line_added", None, (line["units"], line["unit_cost"]), **names)
            continue
        if was["units"] != line["units"]:
            yield Difference("units", was["units"], line["units"], **names)
        if was["unit_cost"] != line["unit_cost"]:
            yield Difference("line_cost", was["unit_cost"], line["unit_cost"], **names)
        if was["expected_on"] != line["expected_on"]:
            yield Difference("line_day", was["expected_on"], line["expected_on"], **names)


def _of_charges(before: Content, after: Content) -> Iterator[Difference]:
    old, new = _amounts(before), _amounts(after)
    for kind, description in [*old, *(key for key in new if key not in old)]:
        was, is_now = old.get((kind, description)), new.get((kind, description))
        if was != is_now:
            yield Difference("charge", was, is_now, name=kind, description=description)


def _amounts(content: Content) -> dict[tuple[str, str], str]:
    return {
        (charge["kind"], charge["description"]): charge["amount"] for charge in content["charges"]
    }


def _cost(figure: str | None, language: str) -> str:
    return words(language)["nothing"] if figure is None else rate(Decimal(figure), language)


def _day(on: str | None, language: str) -> str:
    return words(language)["no_day"] if on is None else day(date.fromisoformat(on), language)


def _percent(figure: str, language: str) -> str:
    return percent(Decimal(figure), language)


def _text(value: Any, _language: str) -> str:
    return str(value)


_WRITE: Mapping[str, Callable[[Any, str], str]] = {
    "units": number,
    "line_cost": _cost,
    "line_day": _day,
    "order_day": _day,
    "order_discount": _percent,
    "charge": _cost,
}
