"""Both versions of what a channel and we disagree about, in words and side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from customers.models import Address
from orders.models import ChannelConflict
from retail.common.money import display

NOTHING = "nothing"
AMOUNTS = {"unit_price": "price of one", "discount": "discount", "tax": "tax", "total": "total"}


@dataclass(frozen=True, slots=True)
class Versions:
    """One thing that is said otherwise here and there."""

    what: str
    ours: str
    theirs: str


def both_versions(conflict: ChannelConflict) -> list[Versions]:
    """Return what is said here and there about each thing that is different."""
    return list(_versions(conflict))


def _versions(conflict: ChannelConflict) -> Iterator[Versions]:
    ours, theirs = conflict.ours, conflict.theirs
    name = f" of {conflict.line}" if conflict.line else ""
    match conflict.kind:
        case ChannelConflict.Kind.QUANTITY:
            yield Versions(f"Pieces{name}", str(ours["quantity"]), str(theirs["quantity"]))
        case ChannelConflict.Kind.ARTICLE:
            told = theirs["line"]
            yield Versions(f"Article{name}", ours["article"], f"{told['sku']} {told['name']}")
        case ChannelConflict.Kind.PRICE:
            yield from _amounts(conflict, name)
        case ChannelConflict.Kind.LINE_ADDED:
            added = ", ".join(f"{line['quantity']} x {line['name']}" for line in theirs["lines"])
            yield Versions("Lines", f"{ours['lines']} lines", f"these too: {added}")
        case ChannelConflict.Kind.TOTAL:
            told = _money(theirs["money"]["total"], conflict)
            yield Versions("Total", _money(ours["total"], conflict), told)
        case ChannelConflict.Kind.ADDRESS:
            known = _address(ours["address"])
            yield Versions("Address", known, _address(theirs["address"]))
        case ChannelConflict.Kind.MERGED:
            told = f"part of order {theirs['merged_into']}"
            yield Versions("The order", ours["status"], told)
        case _:
            yield Versions("The order", ours["status"], theirs["status"])


def _amounts(conflict: ChannelConflict, name: str) -> Iterator[Versions]:
    ours, theirs = conflict.ours["amounts"], conflict.theirs["amounts"]
    for field, label in AMOUNTS.items():
        if Decimal(ours[field]) != Decimal(theirs[field]):
            known, told = _money(ours[field], conflict), _money(theirs[field], conflict)
            yield Versions(f"{label.capitalize()}{name}", known, told)


def _money(amount: str, conflict: ChannelConflict) -> str:
    return display(Decimal(amount), conflict.order.currency)


def _address(address_id: int | None) -> str:
    address = Address.objects.filter(pk=address_id).first() if address_id else None
    return str(address) if address is not None else NOTHING


def one_version(versions: list[Versions], side: str) -> str:
    """Return all that one side says, `ours` or `theirs`, in one cell."""
    return "; ".join(f"{each.what}: {getattr(each, side)}" for each in versions)


def is_late(conflict: ChannelConflict, now: datetime) -> bool:
    return conflict.decided_at is None and conflict.due_at < now
