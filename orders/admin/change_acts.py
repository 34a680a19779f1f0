"""What can be done to orders that changed, are called off, or are not understood."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.http import HttpRequest

from catalog.models import Variant
from orders import operations
from orders.admin.change_forms import CancelForm, DecideForm, LineForm, LinkForm
from orders.admin.conflict_words import both_versions
from orders.models import ChannelConflict, Fulfillment, LineAllocation, Order, OrderLine
from orders.operations import Linked
from orders.operations.parcels import is_told
from orders.queries import UnknownCode, unknown_lines
from retail.common.admin import Act
from retail.common.models import User
from retail.common.money import display

Cleaned = Mapping[str, Any]


def is_open(order: Order) -> bool:
    return order.is_open


def has_unknown_article(order: Order) -> bool:
    return order.is_open and order.lines.unknown().exists()


def is_undecided(conflict: ChannelConflict) -> bool:
    return conflict.decided_at is None


def cancel(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    cancellation = operations.cancel_order(
        order_id=order.pk,
        reason=cleaned["reason"],
        cause=cleaned["cause"],
        quantities=cleaned["pieces"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    pieces = cancellation.lines.aggregate(pieces=Sum("quantity"))["pieces"] or 0
    return f"{pieces} pieces of {order} are cancelled."


def cancel_consequences(order: Order) -> Sequence[str]:
    """Say what calling off all that is left does; of fewer pieces it is a part of that."""
    promised = LineAllocation.objects.filter(line__order=order).aggregate(units=Sum("units"))
    sentences = [f"Up to {promised['units'] or 0} promised units are free again."]
    begun = list(order.fulfillments.begun().order_by("pk"))
    if begun:
        numbers = ", ".join(
            f"{each.number} ({Fulfillment.Status(each.status).label.lower()})" for each in begun
        )
        sentences.append(f"Goods go back on the shelf where pieces of them are in: {numbers}.")
    if is_told(order):
        sentences.append(f"{order.channel} is told which pieces will not come.")
    elif order.external_id is not None:
        sentences.append(f"{order.channel} cannot be told: cancel it there too.")
    return [*sentences, *_money_consequences(order)]


def _money_consequences(order: Order) -> list[str]:
    charged = order.payments.aggregate(charged=Sum("charged"), refunded=Sum("refunded"))
    kept = (charged["charged"] or 0) - (charged["refunded"] or 0)
    if kept <= 0:
        return ["Nothing was paid that would have to be given back."]
    paid = display(kept, order.currency)
    return [f"{paid} was paid: grant the refund of what the pieces stand for afterwards."]


def link(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    """Link this order's line now, and the lines of others once this is stored."""
    line = operations.link_line(
        line_id=cleaned["line"].pk,
        variant_id=cleaned["variant_id"],
        pack_size=cleaned["pack_size"],
        at=now,
        by=_person(request),
    )
    variant = Variant.objects.get(pk=cleaned["variant_id"])
    if not _has_code(line):
        return f"{line} of {order} is {variant}."
    operations.remember_link(
        channel=order.channel,
        variant_id=variant.pk,
        sku=line.raw_sku,
        gtin=line.raw_gtin,
        pack_size=cleaned["pack_size"],
    )
    others = _others(order, line)
    release = partial(
        operations.release_waiting,
        variant=variant,
        pack_size=cleaned["pack_size"],
        **_about(request, order, line, now),
    )
    _afterwards(release)
    return f"{line} is {variant} from now on, for this order and {others} others that wait for it."


def needs_no_stock(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    """Let this order's line go along now, and the lines of others once this is stored."""
    line = operations.mark_line_non_stock(line_id=cleaned["line"].pk, at=now, by=_person(request))
    if not _has_code(line):
        return f"{line} of {order} needs no stock."
    others = _others(order, line)
    _afterwards(partial(operations.mark_non_stock, **_about(request, order, line, now)))
    return f"{line} needs no stock, for this order and {others} others that wait for it."


def unknown_consequences(order: Order) -> Sequence[str]:
    """Say how many other orders wait for each unknown article of this one."""
    lines = list(order.lines.unknown().order_by("pk"))
    sentences = [
        f"{_others(order, line)} other orders wait for {line.raw_sku or line.raw_gtin} and are"
        " served with it, the oldest first."
        for line in lines
        if _has_code(line)
    ]
    if not all(_has_code(line) for line in lines):
        sentences.append("A line without any code is decided for this order alone.")
    return sentences


def link_consequences(order: Order) -> Sequence[str]:
    return [
        *unknown_consequences(order),
        "The next order with its code finds the article by itself.",
    ]


def no_stock_consequences(order: Order) -> Sequence[str]:
    return [
        *unknown_consequences(order),
        "The next order with its code asks again, until a service article has that code.",
    ]


def decide(request: HttpRequest, conflict: ChannelConflict, cleaned: Cleaned, now: datetime) -> str:
    decided = operations.decide_conflict(
        conflict_id=conflict.pk,
        decision=cleaned["decision"],
        note=cleaned["note"],
        at=now,
        by=_person(request),
    )
    return f"{decided.order}: {decided.get_decision_display().lower()}."


def decide_consequences(conflict: ChannelConflict) -> Sequence[str]:
    """Show both versions, and say what each decision does."""
    versions = [
        f"{each.what}. Here: {each.ours}. On {conflict.order.channel}: {each.theirs}."
        for each in both_versions(conflict)
    ]
    theirs = "Theirs: what the channel says is done, as far as the goods allow."
    if conflict.order.fulfillments.begun().exists():
        theirs += " What is picked or packed for it goes back on the shelf, or gets a new label."
    return [
        *versions,
        "Ours: the order stays as it is, and goes on when nothing else holds it.",
        theirs,
    ]


def _has_code(line: OrderLine) -> bool:
    return bool(line.raw_sku or line.raw_gtin)


def _others(order: Order, line: OrderLine) -> int:
    """Count the other orders that wait for the article of a line."""
    code = UnknownCode(sku=line.raw_sku, gtin=line.raw_gtin)
    waiting = unknown_lines(channel=order.channel, code=code).exclude(order=order)
    return waiting.values("order").distinct().count()


def _about(request: HttpRequest, order: Order, line: OrderLine, now: datetime) -> dict[str, Any]:
    return {
        "channel": order.channel,
        "sku": line.raw_sku,
        "gtin": line.raw_gtin,
        "at": now,
        "by": _person(request),
    }


def _afterwards(release: Callable[[], Linked]) -> None:
    """
    Serve the other orders after this act is stored, each in a transaction of its own.

    Should that fail half-way, `orders.link_waiting` serves the others: the link is stored.
    """
    transaction.on_commit(release, robust=True)


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


LINK = Act(
    name="link",
    label="Link unknown article",
    permission="orders.link_orderline",
    perform=link,
    form=LinkForm,
    is_offered=has_unknown_article,
    consequences=link_consequences,
    icon="link",
)
NEEDS_NO_STOCK = Act(
    name="needs-no-stock",
    label="Needs no stock",
    permission="orders.link_orderline",
    perform=needs_no_stock,
    form=LineForm,
    is_offered=has_unknown_article,
    consequences=no_stock_consequences,
    icon="redeem",
)
CANCEL = Act(
    name="cancel",
    label="Cancel",
    permission="orders.cancel_order",
    perform=cancel,
    form=CancelForm,
    is_offered=is_open,
    consequences=cancel_consequences,
    is_dangerous=True,
    icon="cancel",
)
DECIDE = Act(
    name="decide",
    label="Decide",
    permission="orders.decide_order",
    perform=decide,
    form=DecideForm,
    is_offered=is_undecided,
    consequences=decide_consequences,
    icon="gavel",
)
