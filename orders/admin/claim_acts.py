"""What can be done about complaints."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.db.models import Sum
from django.http import HttpRequest

from orders import operations
from orders.models import Claim, Order, OrderLine
from orders.operations import Redress
from retail.common.admin import Act, ActForm, LineTable
from retail.common.models import User
from retail.common.money import ZERO

Cleaned = Mapping[str, Any]


class ClaimForm(ActForm):
    """What a customer complains about."""

    kind = forms.ChoiceField(choices=Claim.Kind.choices)
    quantity = forms.IntegerField(label="Pieces", min_value=1, initial=1)
    told = forms.CharField(label="What the customer says", widget=forms.Textarea)

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        lines = OrderLine.objects.none()
        if document is not None:
            lines = document.lines.filter(shipped__gt=0).order_by("pk")
        self.fields["line"] = forms.ModelChoiceField(
            queryset=lines, required=False, help_text="Empty: the whole parcel."
        )
        self.order_fields(["kind", "line", "quantity", "told"])


class NoteForm(ActForm):
    note = forms.CharField(max_length=300)


class ApproveForm(ActForm):
    note = forms.CharField(max_length=300, required=False)


class ResolveForm(ActForm):
    """How a claim is made good: money, pieces sent again, or both."""

    refund = forms.DecimalField(min_value=0, max_digits=16, decimal_places=4, required=False)
    carrier_compensation = forms.DecimalField(
        label="What the carrier pays us",
        min_value=0,
        max_digits=16,
        decimal_places=4,
        required=False,
    )

    def __init__(self, *args: Any, document: Claim | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.lines: list[OrderLine] = []
        if document is None:
            return
        order = document.order
        self.fields["refund"].label = f"Money back in {order.currency}"
        self.fields["returned_with"] = forms.ModelChoiceField(
            label="Came back with",
            queryset=order.returns.order_by("pk"),
            required=False,
            help_text="When the goods were returned.",
        )
        lines = order.lines.filter(shipped__gt=0, is_stocked=True, variant__isnull=False)
        self.lines = list(lines.order_by("pk"))
        for line in self.lines:
            self.fields[f"pieces_{line.pk}"] = forms.IntegerField(
                min_value=0, max_value=line.shipped, required=False
            )

    def line_table(self) -> LineTable:
        return LineTable(
            headings=("Article", "SKU", "Shipped", "Send again"),
            rows=[
                [str(line), line.raw_sku, str(line.shipped), self[f"pieces_{line.pk}"]]
                for line in self.lines
            ],
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not self.errors:
            cleaned["redress"] = Redress(
                refund=cleaned["refund"] or ZERO,
                replacement=tuple(
                    (line.pk, pieces)
                    for line in self.lines
                    if (pieces := cleaned.get(f"pieces_{line.pk}"))
                ),
            )
        return cleaned


def has_goods_sent(order: Order) -> bool:
    return bool(order.lines.aggregate(shipped=Sum("shipped"))["shipped"])


def may_become(status: str) -> Callable[[Claim], bool]:
    return lambda claim: status in claim.NEXT[claim.status]


def open_claim(request: HttpRequest, order: Order, cleaned: Cleaned, now: datetime) -> str:
    line = cleaned["line"]
    claim = operations.open_claim(
        order_id=order.pk,
        kind=cleaned["kind"],
        told=cleaned["told"],
        line_id=line.pk if line else None,
        quantity=cleaned["quantity"],
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"{claim} is written down."


def approve(request: HttpRequest, claim: Claim, cleaned: Cleaned, now: datetime) -> str:
    operations.approve_claim(claim_id=claim.pk, note=cleaned["note"], at=now, by=_person(request))
    return f"{claim} is approved: make it good now."


def deny(request: HttpRequest, claim: Claim, cleaned: Cleaned, now: datetime) -> str:
    operations.deny_claim(claim_id=claim.pk, note=cleaned["note"], at=now, by=_person(request))
    return f"{claim} is denied."


def resolve(request: HttpRequest, claim: Claim, cleaned: Cleaned, now: datetime) -> str:
    resolved = operations.resolve_claim(
        claim_id=claim.pk,
        redress=cleaned["redress"],
        returned_with=cleaned["returned_with"],
        carrier_compensation=cleaned["carrier_compensation"] or ZERO,
        key=cleaned["key"],
        at=now,
        by=_person(request),
    )
    return f"{resolved} is made good: {resolved.get_resolution_display().lower()}."


def resolve_consequences(_claim: Claim) -> Sequence[str]:
    return (
        "Money is granted; paying it out is another act.",
        "What is sent again becomes an order of our own at no price, promised whole.",
        "No goods come back by this: take them back with a return.",
    )


def _person(request: HttpRequest) -> User | None:
    return request.user if isinstance(request.user, User) else None


OPEN_CLAIM = Act(
    name="claim",
    label="Write down claim",
    permission="orders.open_claim",
    perform=open_claim,
    form=ClaimForm,
    is_offered=has_goods_sent,
    icon="report",
)

CLAIM_ACTS = (
    Act(
        name="approve",
        label="Approve",
        permission="orders.decide_claim",
        perform=approve,
        form=ApproveForm,
        is_offered=may_become(Claim.Status.APPROVED),
        icon="check",
    ),
    Act(
        name="resolve",
        label="Make good",
        permission="orders.decide_claim",
        perform=resolve,
        form=ResolveForm,
        is_offered=may_become(Claim.Status.RESOLVED),
        consequences=resolve_consequences,
        icon="volunteer_activism",
    ),
    Act(
        name="deny",
        label="Deny",
        permission="orders.decide_claim",
        perform=deny,
        form=NoteForm,
        is_offered=may_become(Claim.Status.DENIED),
        is_dangerous=True,
        icon="block",
    ),
)
