"""Saying by hand which order line a line of a bill belongs to, or that it is about money only."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest

from purchasing import operations
from purchasing.models import PurchaseOrderLine, SupplierInvoice, SupplierInvoiceLine
from purchasing.queries import OrderLineSuggestion
from retail.common.admin import Act, ActForm
from retail.common.admin.acts import new_key

ASSIGNS = "purchasing.assign_supplierinvoice"
ASSIGNABLE = frozenset({"CAPTURED", "MATCHING", "ON_HOLD", "MATCHED"})
# An order line as people write it: PO-100001/2, or with a blank, or with the word.
WRITTEN = re.compile(r"(?P<number>PO-\d+)\s*(?:/|line|\s)\s*(?P<position>\d+)", re.IGNORECASE)


def written(order_line: PurchaseOrderLine) -> str:
    """Return an order line as the form takes it. order_line: with its order."""
    return f"{order_line.order.number}/{order_line.position}"


@dataclass(frozen=True)
class Assigning:
    """The form by which one line is assigned: what it is now, and what may be meant."""

    url: str
    key: str
    current: str
    suggestions: Sequence[tuple[str, str]]


def assigning_of(
    line: SupplierInvoiceLine,
    order_line: PurchaseOrderLine | None,
    suggested: Sequence[OrderLineSuggestion],
    *,
    url: str,
) -> Assigning:
    """Return the form of a line; order_line: what it is set against now, with its order."""
    is_assigned = order_line is not None and line.assigned_line_id == order_line.pk
    return Assigning(
        url=url,
        key=new_key(),
        current=written(order_line) if order_line and is_assigned else "",
        suggestions=[
            (
                written(one.order_line),
                f"{one.order_line.variant.sku}: {', '.join(one.reasons)}",
            )
            for one in suggested
        ],
    )


class AssignForm(ActForm):
    """A line of the bill, and the order line it belongs to."""

    invoice_line = forms.TypedChoiceField(label="Line of the bill", coerce=int)
    order_line = forms.CharField(
        max_length=40,
        required=False,
        label="Belongs to",
        help_text="Order and line: PO-100001/2. Empty: whatever matching finds.",
    )
    is_price_only = forms.BooleanField(
        required=False,
        label="Money back for goods that stay",
        help_text="Only the price is lower; no units are given back.",
    )

    def __init__(self, *args: Any, document: SupplierInvoice, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        lines = document.lines.exclude(kind=SupplierInvoiceLine.Kind.CHARGE).order_by("position")
        self.fields["invoice_line"].choices = [
            (line.pk, f"{line.position}: {line.description or line.supplier_sku}") for line in lines
        ]

    def clean_order_line(self) -> PurchaseOrderLine | None:
        text = self.cleaned_data["order_line"].strip()
        if not text:
            return None
        stated = WRITTEN.fullmatch(text)
        found = stated and (
            PurchaseOrderLine.objects.filter(
                order__number=stated["number"].upper(), position=int(stated["position"])
            )
            .select_related("order")
            .first()
        )
        if not found:
            msg = f"There is no order line “{text}”: write PO-100001/2."
            raise forms.ValidationError(msg)
        return found


def assign(
    request: HttpRequest, invoice: SupplierInvoice, cleaned: Mapping[str, Any], now: datetime
) -> str:
    order_line = cleaned["order_line"]
    operations.assign_line(
        invoice_line_id=cleaned["invoice_line"],
        order_line_id=order_line and order_line.pk,
        is_price_only=cleaned["is_price_only"],
        at=now,
        by=request.user,
    )
    invoice.refresh_from_db(fields=["status"])
    where = f"belongs to {written(order_line)}" if order_line else "is left to matching"
    return f"The line {where}; {invoice.number} is now: {invoice.get_status_display().lower()}."


def has_lines_to_assign(invoice: SupplierInvoice) -> bool:
    """Tell whether lines of the bill can be set against other order lines as it is now."""
    return (
        invoice.status in ASSIGNABLE
        and invoice.lines.exclude(kind=SupplierInvoiceLine.Kind.CHARGE).exists()
    )


def assign_consequences(_invoice: SupplierInvoice) -> Sequence[str]:
    return (
        "What is said here goes before all that is printed; the bill is matched anew.",
        "Other open bills of the same articles are matched anew with it.",
    )


ASSIGN = Act(
    name="assign",
    label="Assign a line",
    permission=ASSIGNS,
    perform=assign,
    form=AssignForm,
    is_offered=has_lines_to_assign,
    consequences=assign_consequences,
    icon="link",
)
