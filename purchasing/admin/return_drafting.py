"""From where goods are put on a return to a supplier: receipts, held goods, stock, customers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.db.models import F, Model, QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from purchasing import operations
from purchasing.admin.return_goods_forms import (
    CustomersGoodsForm,
    HeldGoodsForm,
    NewReturnForm,
    SendBackForm,
)
from purchasing.models import GoodsReceipt, HeldGoods, SupplierReturn
from retail.common.admin import Act, PageAct

Expects = SupplierReturn.Expects


def send_back(
    request: HttpRequest, receipt: GoodsReceipt, cleaned: Mapping[str, Any], now: datetime
) -> str:
    returned = operations.draft_return(
        supplier=receipt.supplier,
        expects=cleaned["expects"],
        reason=cleaned["reason"],
        rma_number=cleaned["rma_number"],
        lines=cleaned["goods"],
        key=cleaned["key"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return format_html(
        '<a class="text-primary-600" href="{}">{}</a> is drafted; somebody else approves it.',
        reverse("admin:purchasing_supplierreturn_change", args=[returned.pk]),
        returned.number,
    )


def draft(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    returned = operations.draft_return(
        supplier=cleaned["supplier"],
        expects=cleaned["expects"],
        reason=cleaned["reason"],
        rma_number=cleaned["rma_number"],
        lines=cleaned["goods"],
        key=cleaned["key"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{returned} is drafted; somebody else approves it.", returned


def draft_held(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    """Draft one return for each supplier whose goods were chosen."""
    drafted = [
        operations.draft_return(
            supplier=supplier,
            expects=Expects.NOTHING,
            reason=cleaned["reason"],
            rma_number=cleaned["rma_number"],
            lines=goods,
            key=f"{cleaned['key']}/{supplier.pk}",
            at=now,
            by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
        )
        for supplier, goods in cleaned["goods_of"].items()
    ]
    numbers = ", ".join(returned.number for returned in drafted)
    only = drafted[0] if len(drafted) == 1 else None
    return f"Drafted {numbers}; somebody else approves.", only


@admin.action(description="Send back to the supplier", permissions=["send_back"])
def send_held_back(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[HeldGoods]
) -> HttpResponseRedirect | None:
    """Lead from a list of held goods to the form that puts the chosen ones on returns."""
    chosen = list(queryset.open().order_by("pk").values_list("pk", flat=True))  # type: ignore[attr-defined]  # of its own kind
    if not chosen:
        model_admin.message_user(
            request, "Of these nothing is left to be sent back.", messages.WARNING
        )
        return None
    form_url = reverse("admin:purchasing_supplierreturn_page_act", args=["held-goods"])
    return HttpResponseRedirect(f"{form_url}?held={','.join(map(str, chosen))}")


def has_goods_to_send_back(receipt: GoodsReceipt) -> bool:
    return (
        receipt.status == GoodsReceipt.Status.POSTED
        and receipt.lines.filter(accepted__gt=F("returned")).exists()
    )


_DRAFTED = (
    "A draft is made; somebody else has to approve it.",
    "Nothing leaves the stock before the goods are sent.",
)

# For the page of a goods receipt.
SEND_BACK = Act(
    name="send-back",
    label="Send goods back",
    permission="purchasing.add_supplierreturn",
    perform=send_back,
    form=SendBackForm,
    is_offered=has_goods_to_send_back,
    consequences=lambda _receipt: _DRAFTED,
    icon="assignment_return",
)
PAGE_ACTS = (
    PageAct(
        name="new",
        label="Send stock back",
        permission="purchasing.add_supplierreturn",
        perform=draft,
        form=NewReturnForm,
        consequences=(
            "Where the receipt of the goods is known, begin on its page.",
            "Only goods of a receipt can be replaced.",
            *_DRAFTED,
        ),
        icon="add",
    ),
    PageAct(
        name="held-goods",
        label="Held goods",
        permission="purchasing.add_supplierreturn",
        perform=draft_held,
        form=HeldGoodsForm,
        consequences=(
            "A draft is made for each supplier; somebody else has to approve it.",
            "Held goods were never ours: nothing is expected for them.",
        ),
        icon="front_hand",
    ),
    PageAct(
        name="customers-goods",
        label="From customers",
        permission="purchasing.add_supplierreturn",
        perform=draft,
        form=CustomersGoodsForm,
        consequences=(
            "What customers sent back that was set apart for the supplier, on no return yet.",
            *_DRAFTED,
        ),
        icon="assignment_return",
    ),
)
