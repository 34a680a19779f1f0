"""Who waits for what, in words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from django.utils.formats import date_format
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from inventory.admin.links import link, page_of
from purchasing.models import OrderedFor, PurchaseOrder
from purchasing.queries import CrossDock, Waiting, no_longer_wanted, waiting_for_lines

MOST_SHOWN = 50


def who_waits(order: PurchaseOrder) -> SafeString:
    """Return who waits for the lines of a purchase order, one customer's order in a line."""
    skus = dict(order.lines.values_list("pk", "variant__sku"))
    rows = waiting_for_lines(list(skus))
    gone = no_longer_wanted(order.pk)
    if not rows and not gone:
        return SafeString("Nobody.")
    told = [_waits(row, skus[row.purchase_line_id]) for row in rows[:MOST_SHOWN]]
    if len(rows) > MOST_SHOWN:
        told.append(f"and {len(rows) - MOST_SHOWN:,} more")
    return _below_each_other([*map(_not_wanted, gone), *told])


def comes_with(rows: Iterable[Waiting]) -> SafeString:
    """Return on which purchase orders goods come for a customer, and when."""
    return format_html_join(
        SafeString("<br>"),
        "{}: {} units {}",
        (
            (
                link(
                    page_of("purchasing.PurchaseOrder", row.purchase_order_id), row.purchase_order
                ),
                f"{row.units:,}",
                _when(row),
            )
            for row in rows
        ),
    )


def goes_to(rows: Iterable[CrossDock]) -> SafeString:
    """Return which orders goods of a receipt go on to."""
    return _below_each_other(
        f"{row.order}: {row.units:,} of {row.sku}"
        + (", ordered for it" if row.is_tied else "")
        + (f", ship by {_day(localtime(row.ship_by).date())}" if row.ship_by else "")
        for row in rows
    )


def _waits(row: Waiting, sku: str) -> str:
    due = f", ship by {_day(localtime(row.ship_by).date())}" if row.ship_by else ""
    tied = ", sent there by the supplier" if row.is_drop_ship else ", ordered for it"
    return f"{row.order}: {row.units:,} of {sku}{tied if row.is_tied else ''}{due}"


def _not_wanted(tied: OrderedFor) -> str:
    wanted = tied.order_line.open_quantity * tied.order_line.pack_size
    surplus = tied.units - tied.served - wanted
    sku = tied.purchase_line.variant.sku
    return f"{tied.order_line.order}: {surplus:,} of {sku} ordered for it are not wanted any more"


def _when(row: Waiting) -> str:
    way = "sent by the supplier, " if row.is_drop_ship else ""
    return f"{way}expected on {_day(row.day)}" if row.day else f"{way}nobody knows yet when"


def _day(day: date) -> str:
    return date_format(day, "j F Y")


def _below_each_other(lines: Iterable[str]) -> SafeString:
    return format_html_join(SafeString("<br>"), "{}", ((line,) for line in lines))
