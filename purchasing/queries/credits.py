"""Credit notes that answer for goods which were sent back, as far as nobody has noted it."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F, Q, Sum

from purchasing.models import (
    MatchAllocation,
    SupplierInvoice,
    SupplierReturn,
    SupplierReturnCredit,
    SupplierReturnLine,
)

Status = SupplierReturn.Status
# From then on it is certain what a credit note was set against.
APPROVED = (
    SupplierInvoice.Status.APPROVED,
    SupplierInvoice.Status.EXPORTED,
    SupplierInvoice.Status.PAID,
)


@dataclass(frozen=True)
class CreditToNote:
    """What a credit note says of one return; credited: return line id -> units."""

    return_id: int
    number: str
    credited: dict[int, int]


@dataclass(frozen=True)
class _CreditNote:
    """Units of one order line that a credit note gives back."""

    order_line_id: int
    number: str
    approved_at: datetime
    units: int


def credits_to_note() -> list[CreditToNote]:
    """
    Return what approved credit notes say of returns that await a credit, the oldest return first.

    A credit note counts for returns of the order lines it was set against that were raised before
    it was approved, less what was noted under its number by whomever. Money back for goods that
    stay counts for none.
    """
    lines = list(
        SupplierReturnLine.objects.filter(
            supplier_return__status__in=(Status.APPROVED, Status.SHIPPED),
            supplier_return__expects=SupplierReturn.Expects.CREDIT,
            receipt_line__isnull=False,
            units__gt=F("credited"),
        )
        .select_related("supplier_return", "receipt_line")
        .order_by("supplier_return__raised_at", "pk")
    )
    awaiting: dict[int, list[SupplierReturnLine]] = defaultdict(list)
    for line in lines:
        awaiting[_order_line_id(line)].append(line)
    noted = _noted(awaiting)
    awaited = {line.pk: line.units - line.credited for line in lines}
    found: dict[tuple[int, str], dict[int, int]] = defaultdict(dict)
    for note in _credit_notes(awaiting):
        place = note.order_line_id, _plain(note.number)
        left = note.units - noted[place].total()
        for line in awaiting[note.order_line_id]:
            is_before = line.supplier_return.raised_at <= note.approved_at
            # A number is noted once for a line: what it said of it then is what it says.
            if left > 0 and awaited[line.pk] and is_before and not noted[place][line.pk]:
                units = min(left, awaited[line.pk])
                found[line.supplier_return_id, note.number][line.pk] = units
                awaited[line.pk] -= units
                left -= units
    return [
        CreditToNote(return_id=return_id, number=number, credited=credited)
        for (return_id, number), credited in found.items()
    ]


def _order_line_id(line: SupplierReturnLine) -> int:
    return line.receipt_line.order_line_id if line.receipt_line else 0


def _credit_notes(order_line_ids: Collection[int]) -> list[_CreditNote]:
    """Return the credit notes set against these order lines, those approved first before."""
    given_back = (
        MatchAllocation.objects.filter(
            order_line__in=list(order_line_ids),
            is_price_only=False,
            invoice_line__invoice__kind=SupplierInvoice.Kind.CREDIT_NOTE,
            invoice_line__invoice__status__in=APPROVED,
            invoice_line__is_deduction=False,
        )
        .values(
            "order_line",
            "invoice_line__invoice",
            "invoice_line__invoice__supplier_number",
            "invoice_line__invoice__approved_at",
        )
        .annotate(given=Sum("units"))
        .order_by("invoice_line__invoice__approved_at", "invoice_line__invoice", "order_line")
    )
    return [
        _CreditNote(
            order_line_id=row["order_line"],
            number=row["invoice_line__invoice__supplier_number"],
            approved_at=approved_at,
            units=row["given"],
        )
        for row in given_back
        if (approved_at := row["invoice_line__invoice__approved_at"])
    ]


def _noted(order_line_ids: Collection[int]) -> dict[tuple[int, str], Counter[int]]:
    """Return (order line id, plain number of the credit) -> return line id -> units noted."""
    noted: dict[tuple[int, str], Counter[int]] = defaultdict(Counter)
    for row in SupplierReturnCredit.objects.filter(
        Q(line__receipt_line__order_line__in=list(order_line_ids))
    ).select_related("line__receipt_line"):
        noted[_order_line_id(row.line), _plain(row.number)][row.line_id] += row.units
    return noted


def _plain(number: str) -> str:
    """Return what a number is compared by, as for documents: capitals and digits, no zeros."""
    return re.sub(r"[\W_]", "", number.upper()).lstrip("0")
