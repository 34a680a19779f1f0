"""What can be done to a goods receipt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from purchasing import operations
from purchasing.models import GoodsReceipt
from purchasing.receipt_printing import print_put_away_list
from retail.common.admin import Act, ActForm, Download


class ReverseForm(ActForm):
    reason = forms.CharField(max_length=200, help_text="Kept with the receipt.")


def reverse(
    request: HttpRequest, receipt: GoodsReceipt, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.reverse_receipt(
        receipt_id=receipt.pk, reason=cleaned["reason"], at=now, by=request.user
    )
    return f"{receipt} is reversed; its goods are no longer in stock."


def reverse_consequences(receipt: GoodsReceipt) -> Sequence[str]:
    units = sum(line.accepted for line in receipt.lines.all())
    held = sum(goods.left for goods in receipt.held_goods.all())
    told = [
        f"{units:,} units leave the stock at {receipt.location}, at today's average cost.",
        "Where they are promised to customers, the youngest promises are withdrawn.",
        "Its orders expect the goods again; those that were closed open again.",
    ]
    if held:
        told.append(f"{held:,} units that were not taken in are no longer held.")
    return told


def is_posted(receipt: GoodsReceipt) -> bool:
    return receipt.status == GoodsReceipt.Status.POSTED


RECEIPT_ACTS = (
    Act(
        name="reverse",
        label="Reverse",
        permission="purchasing.reverse_goodsreceipt",
        perform=reverse,
        form=ReverseForm,
        is_offered=is_posted,
        consequences=reverse_consequences,
        is_dangerous=True,
        icon="undo",
    ),
)


def open_put_away_list(_request: HttpRequest, receipt: GoodsReceipt) -> HttpResponse:
    """Answer with a page that the browser shows and prints."""
    return HttpResponse(
        print_put_away_list(receipt),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{receipt.number}.pdf"'},
    )


RECEIPT_DOWNLOADS = (
    Download(
        name="put-away-list",
        label="Print put-away list",
        permission="purchasing.view_goodsreceiptline",
        open=open_put_away_list,
        icon="print",
    ),
)
