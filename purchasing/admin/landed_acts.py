"""What is done with landed costs: choosing goods, typing shares, posting, taking back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AutocompleteSelect, AutocompleteSelectMultiple
from django.db.models import Field, Model, QuerySet
from django.forms.boundfield import BoundField
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from catalog.models import Category, Product, Variant
from catalog.queries import NoExchangeRate
from purchasing import operations
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    LandedCost,
    PurchaseOrderLine,
    SupplierInvoice,
    SupplierInvoiceLine,
)
from retail.common import money
from retail.common.admin import Act, ActForm, Download, LineTable, PageAct
from retail.common.errors import BusinessError

Status = LandedCost.Status


def shown(amount: Decimal) -> str:
    return money.display(amount, settings.RETAIL_CURRENCY)


def _field(model: type[Model], name: str) -> Field[Any, Any]:
    """Return the foreign key whose search a field of a form offers."""
    field: Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]  # noqa: SLF001 - Django's documented model API
    return field


def _several(queryset: QuerySet[Any], searched: Field[Any, Any], **options: Any) -> Any:
    return forms.ModelMultipleChoiceField(
        queryset=queryset, widget=AutocompleteSelectMultiple(searched, admin.site), **options
    )


def _amount(**options: Any) -> forms.DecimalField:
    return forms.DecimalField(min_value=0, max_digits=14, decimal_places=2, **options)


class LandForm(ActForm):
    """Which bill is laid on which goods, and how it is shared."""

    invoice = forms.ModelChoiceField(
        label="Bill",
        queryset=SupplierInvoice.objects.all(),
        widget=AutocompleteSelect(_field(LandedCost, "invoice"), admin.site),
        help_text="The bill that charges freight, duty or insurance.",
    )
    amount = _amount(
        required=False,
        help_text=f"Net, in {settings.RETAIL_CURRENCY}. Empty: all that is left of the bill.",
    )
    method = forms.ChoiceField(label="Shared", choices=LandedCost.Method.choices)
    receipts = _several(
        GoodsReceipt.objects.all(), _field(GoodsReceiptLine, "receipt"), label="Deliveries"
    )
    variants = _several(
        Variant.objects.all(),
        _field(PurchaseOrderLine, "variant"),
        label="Only these articles",
        required=False,
        help_text="Nothing chosen here or below: all goods of the deliveries.",
    )
    products = _several(
        Product.objects.all(),
        _field(Variant, "product"),
        label="Only articles of these products",
        required=False,
    )
    categories = _several(
        Category.objects.all(),
        _field(Product, "category"),
        label="Only articles of these categories",
        required=False,
        help_text="And of the categories below them.",
    )

    def __init__(self, *args: Any, document: Model | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        for name, field in self.fields.items():
            is_chosen = isinstance(field, forms.ModelChoiceField)
            if is_chosen and not str(self.initial.get(name, "")).isdecimal():
                # The widget would ask the database for whatever a link says.
                self.initial.pop(name, None)
        if not self.is_bound and "invoice" in self.initial:
            invoice = SupplierInvoice.objects.filter(pk=self.initial["invoice"]).first()
            self.initial.setdefault("amount", _left_of(invoice) if invoice else None)


class TypeSharesForm(ActForm):
    """The share of every line, filled in as it would be now."""

    def __init__(self, *args: Any, document: LandedCost, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self._landed = document
        self._lines = list(with_articles(document.lines.all()).order_by("pk"))
        planned = _planned_amounts(document)
        for line in self._lines:
            self.fields[f"share_{line.pk}"] = _amount(initial=planned.get(line.receipt_line_id))

    def line_table(self) -> LineTable:
        rows: list[Sequence[str | BoundField]] = [
            (
                line.receipt_line.order_line.variant.sku,
                line.receipt_line.receipt.number,
                str(line.receipt_line.accepted),
                shown(line.receipt_line.value),
                self[f"share_{line.pk}"],
            )
            for line in self._lines
        ]
        return LineTable(
            headings=(
                *("Article", "Delivery", "Units", "Worth when it came"),
                f"Share of {shown(self._landed.amount)}",
            ),
            rows=rows,
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["amounts"] = {
            line.pk: share
            for line in self._lines
            if (share := cleaned.get(f"share_{line.pk}")) is not None
        }
        return cleaned


class CancelForm(ActForm):
    reason = forms.CharField(max_length=200)


def land(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    landed = operations.draft_landed_cost(
        invoice_id=cleaned["invoice"].pk,
        amount=cleaned["amount"],
        method=cleaned["method"],
        receipt_ids=[receipt.pk for receipt in cleaned["receipts"]],
        variant_ids=[variant.pk for variant in cleaned["variants"]],
        product_ids=[product.pk for product in cleaned["products"]],
        category_ids=[category.pk for category in cleaned["categories"]],
        key=cleaned["key"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{landed.number} is a draft: look at its shares, then post it.", landed


def post(
    request: HttpRequest, landed: LandedCost, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.post_landed_cost(
        landed_cost_id=landed.pk,
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{landed.number} is posted."


def plan_post(
    _request: HttpRequest, landed: LandedCost, _cleaned: Mapping[str, Any], _now: datetime
) -> Sequence[str]:
    plan = operations.plan_landed_cost(landed)
    return (
        *(
            f"{_article(share.receipt_line)} of {share.receipt_line.receipt}: {_parts(share)}."
            for share in plan.shares
        ),
        f"In all {shown(plan.to_stock)} to the value of stock, booked now.",
        f"In all {shown(plan.expensed)} to cost of sales, booked now.",
    )


def type_shares(
    _request: HttpRequest, landed: LandedCost, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.type_shares(landed_cost_id=landed.pk, amounts=cleaned["amounts"])
    return f"{landed.number} is shared as typed."


def cancel(
    request: HttpRequest, landed: LandedCost, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.cancel_landed_cost(
        landed_cost_id=landed.pk,
        reason=cleaned["reason"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{landed.number} is cancelled."


def plan_cancel(
    _request: HttpRequest, landed: LandedCost, _cleaned: Mapping[str, Any], _now: datetime
) -> Sequence[str]:
    if landed.status == Status.DRAFT:
        return ("The draft is dropped; nothing of it was posted.",)
    back = operations.plan_cancellation(landed)
    return (
        f"The value of stock changes by {shown(back.to_stock)}: what is left of it there.",
        f"Cost of sales changes by {shown(back.expensed)}: the rest, booked now.",
        f"{shown(landed.amount)} of the bill can be landed again.",
    )


def _left_of(invoice: SupplierInvoice) -> Decimal | None:
    """Return what is left of a bill, None where that cannot be told."""
    try:
        return operations.freight_left(invoice) or None
    except NoExchangeRate:
        return None


def _planned_amounts(landed: LandedCost) -> dict[int, Decimal]:
    """Return receipt line id -> its share as it would be now; empty where it cannot be shared."""
    try:
        plan = operations.plan_landed_cost(landed)
    except BusinessError:
        return {}
    return {share.receipt_line.pk: share.amount for share in plan.shares}


def with_articles(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.select_related("receipt_line__receipt", "receipt_line__order_line__variant")


def _article(line: GoodsReceiptLine) -> str:
    return f"{line.accepted} of {line.order_line.variant}"


def _parts(share: operations.PlannedShare) -> str:
    if not share.amount:
        return "bears nothing"
    if not share.expensed:
        return f"{shown(share.amount)} to the value of stock"
    if not share.to_stock:
        return f"{shown(share.amount)} to cost of sales"
    return (
        f"{shown(share.to_stock)} to the value of stock, {shown(share.expensed)} to cost of sales"
    )


def is_draft(landed: LandedCost) -> bool:
    return landed.status == Status.DRAFT


def can_be_cancelled(landed: LandedCost) -> bool:
    return Status.CANCELLED in landed.NEXT[landed.status]


ACTS = (
    Act(
        name="post",
        label="Post",
        permission="purchasing.post_landedcost",
        perform=post,
        plan=plan_post,
        is_offered=is_draft,
        consequences=lambda _landed: (
            "The goods become dearer by their shares.",
            "What is sold already goes to cost of sales; no earlier day is changed.",
            "The amount counts as landed of its bill.",
        ),
        icon="check",
    ),
    Act(
        name="type-shares",
        label="Type shares",
        permission="purchasing.change_landedcost",
        perform=type_shares,
        form=TypeSharesForm,
        is_offered=is_draft,
        consequences=lambda _landed: ("From then on it is shared as typed.",),
        icon="edit",
    ),
    Act(
        name="cancel",
        label="Cancel",
        permission="purchasing.cancel_landedcost",
        perform=cancel,
        plan=plan_cancel,
        form=CancelForm,
        is_offered=can_be_cancelled,
        consequences=lambda _landed: ("It ends here; what it posted is taken back, dated now.",),
        is_dangerous=True,
        icon="block",
    ),
)
PAGE_ACTS = (
    PageAct(
        name="land",
        label="Land a cost",
        permission="purchasing.add_landedcost",
        perform=land,
        form=LandForm,
        consequences=(
            "A draft is made of the accepted goods of these deliveries.",
            "Nothing is posted before you have seen the shares.",
        ),
        icon="add",
    ),
)


def open_land_form(_request: HttpRequest, invoice: SupplierInvoice) -> HttpResponseRedirect:
    """Lead from a bill to the form that lays its freight on goods."""
    form_url = reverse("admin:purchasing_landedcost_page_act", args=["land"])
    return HttpResponseRedirect(f"{form_url}?invoice={invoice.pk}")


def charges_freight(invoice: SupplierInvoice) -> bool:
    return (
        invoice.kind == SupplierInvoice.Kind.INVOICE
        and invoice.status != SupplierInvoice.Status.VOID
        and invoice.lines.exclude(kind=SupplierInvoiceLine.Kind.GOODS).exists()
    )


# For the page of a bill.
LAND_FREIGHT = Download(
    name="land",
    label="Land its freight",
    permission="purchasing.add_landedcost",
    open=open_land_form,
    is_offered=charges_freight,
    icon="local_shipping",
)
