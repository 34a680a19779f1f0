"""What can be done to a purchase order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.http import HttpRequest

from purchasing import operations
from purchasing.admin.delivery_acts import tolerance_words
from purchasing.admin.delivery_forms import REASONS
from purchasing.models import PurchaseOrder, PurchaseOrderLine
from purchasing.operations import ReceivedLine
from purchasing.queries import order_warnings
from purchasing.waking import wake_matching
from retail.common.admin import Act, ActForm, LineTable
from retail.common.fields import MAX_UNITS

Status = PurchaseOrder.Status


class ReasonForm(ActForm):
    reason = forms.CharField(max_length=200, help_text="Kept with the order.")


class ReceiveForm(ActForm):
    """What came of each line, filled in with what is still expected."""

    delivery_note = forms.CharField(
        max_length=100, required=False, help_text="Number on the supplier's paper."
    )

    def __init__(self, *args: Any, document: PurchaseOrder, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self._lines: list[PurchaseOrderLine] = list(
            document.lines.select_related("variant__product").order_by("position")
        )
        for line in self._lines:
            self.fields[f"accepted_{line.pk}"] = forms.IntegerField(
                min_value=0, max_value=MAX_UNITS - 1, initial=line.expected, required=False
            )
            self.fields[f"rejected_{line.pk}"] = forms.IntegerField(
                min_value=0, max_value=MAX_UNITS - 1, initial=0, required=False
            )
            self.fields[f"reason_{line.pk}"] = forms.ChoiceField(choices=REASONS, required=False)

    def line_table(self) -> LineTable:
        rows: list[Sequence[str | BoundField]] = [
            (
                f"{line.variant.sku}",
                f"{line.variant.product.name} {line.variant.name}".rstrip(),
                f"{line.ordered - line.cancelled:,}",
                f"{line.received:,}",
                self[f"accepted_{line.pk}"],
                self[f"rejected_{line.pk}"],
                self[f"reason_{line.pk}"],
            )
            for line in self._lines
        ]
        return LineTable(
            headings=("SKU", "Article", "Ordered", "Came", "Accepted", "Rejected", "Why rejected"),
            rows=rows,
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for line in self._lines:
            if cleaned.get(f"rejected_{line.pk}") and not cleaned.get(f"reason_{line.pk}"):
                self.add_error(f"reason_{line.pk}", "Say why.")
        cleaned["lines"] = [
            ReceivedLine(
                order_line_id=line.pk,
                accepted=cleaned.get(f"accepted_{line.pk}") or 0,
                rejected=cleaned.get(f"rejected_{line.pk}") or 0,
                reject_reason=cleaned.get(f"reason_{line.pk}", ""),
            )
            for line in self._lines
        ]
        return cleaned


def submit(
    _request: HttpRequest, order: PurchaseOrder, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    submitted = operations.submit(order_id=order.pk, at=now)
    if submitted.status == Status.APPROVED:
        return f"{order} is approved: no rule asks anybody."
    return f"{order} waits for approval."


def return_to_draft(
    _request: HttpRequest, order: PurchaseOrder, _cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.return_to_draft(order_id=order.pk)
    return f"{order} can be changed again."


def approve(
    request: HttpRequest, order: PurchaseOrder, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    approved = operations.approve(order_id=order.pk, at=now, by=request.user)
    if approved.status == Status.AWAITING_APPROVAL:
        return f"Your approval of {order} is noted; it waits for others."
    return f"{order} is approved."


def send(
    _request: HttpRequest, order: PurchaseOrder, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.send(order_id=order.pk, at=now)
    if order.supplier.email:
        return f"{order} is sent; the e-mail leaves within a minute."
    return f"{order} is sent; {order.supplier} has no e-mail address, so hand the document over."


def email_again(
    _request: HttpRequest, order: PurchaseOrder, _cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.retry_email(order_id=order.pk)
    return f"{order} is e-mailed again within a minute."


def receive(
    request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> str:
    receipt = operations.receive_goods(
        order_id=order.pk,
        lines=cleaned["lines"],
        delivery_note=cleaned["delivery_note"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    wake_matching()
    return f"{receipt} is posted; the goods are in stock at {order.location}."


def receive_over_order(
    request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> str:
    receipt = operations.receive_over_order(
        order_id=order.pk,
        lines=cleaned["lines"],
        delivery_note=cleaned["delivery_note"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    wake_matching()
    return f"{receipt} is posted; the goods are in stock at {order.location}."


def close_short(
    request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.close_short(order_id=order.pk, reason=cleaned["reason"], at=now, by=request.user)
    return f"{order} is closed; nothing more is expected."


def cancel(
    request: HttpRequest, order: PurchaseOrder, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.cancel(order_id=order.pk, reason=cleaned["reason"], at=now, by=request.user)
    return f"{order} is cancelled."


def submit_consequences(order: PurchaseOrder) -> Sequence[str]:
    return (
        "It goes to whom the approval rules ask; nobody approves their own.",
        *order_warnings(order),
    )


def approve_consequences(order: PurchaseOrder) -> Sequence[str]:
    asked = order.approvals.filter(version=order.version, approved_at=None).order_by("pk")
    return (
        *(approval.terms for approval in asked),
        f"{order} may be sent to {order.supplier}.",
        "Its lines cannot be changed any more, unless it goes back to draft.",
    )


def send_consequences(order: PurchaseOrder) -> Sequence[str]:
    email = order.supplier.email
    return (
        f"It is e-mailed to {email}." if email else "No e-mail address: hand the document over.",
        "From now on goods can be received.",
    )


def receive_consequences(order: PurchaseOrder) -> Sequence[str]:
    return (
        f"Accepted units enter stock at {order.location} at the cost of the order.",
        "Rejected units are held for the supplier, at no value, and stay expected.",
        *tolerance_words(order.supplier),
        "Orders that wait for these articles are served.",
    )


def close_consequences(order: PurchaseOrder) -> Sequence[str]:
    missing = sum(line.expected for line in order.lines.all())
    return (f"{missing:,} units that have not come count as cancelled.",)


def cancel_consequences(order: PurchaseOrder) -> Sequence[str]:
    told = order.status == Status.SENT
    return (
        "Nothing of it is expected any more.",
        *((f"{order.supplier} has the order already: tell them.",) if told else ()),
    )


def is_in(*statuses: str) -> Any:
    """Return the test whether an order is in one of these statuses."""
    return lambda order: order.status in statuses


def comes_to_us(order: PurchaseOrder) -> bool:
    return order.status == Status.SENT and order.drop_ship_order_id is None


def is_email_in_doubt(order: PurchaseOrder) -> bool:
    return (
        order.status == Status.SENT
        and order.email_started_at is not None
        and order.emailed_at is None
    )


STEP_ACTS = (
    Act(
        name="submit",
        label="Submit",
        permission="purchasing.change_purchaseorder",
        perform=submit,
        is_offered=is_in(Status.DRAFT),
        consequences=submit_consequences,
        icon="outgoing_mail",
    ),
    Act(
        name="approve",
        label="Approve",
        permission="purchasing.approve_purchaseorder",
        perform=approve,
        is_offered=is_in(Status.AWAITING_APPROVAL),
        consequences=approve_consequences,
        icon="check",
    ),
    Act(
        name="send",
        label="Send",
        permission="purchasing.send_purchaseorder",
        perform=send,
        is_offered=is_in(Status.APPROVED),
        consequences=send_consequences,
        icon="send",
    ),
    Act(
        name="receive",
        label="Receive",
        permission="purchasing.post_goodsreceipt",
        perform=receive,
        form=ReceiveForm,
        is_offered=comes_to_us,
        consequences=receive_consequences,
        icon="move_to_inbox",
    ),
)
# What is done less often, or ends the order.
OTHER_ACTS = (
    Act(
        name="receive-over-order",
        label="Receive more than ordered",
        permission="purchasing.over_receive",
        perform=receive_over_order,
        form=ReceiveForm,
        is_offered=comes_to_us,
        consequences=lambda order: (
            *receive_consequences(order),
            "More than was ordered may be accepted; the supplier will bill it.",
        ),
        icon="add_box",
    ),
    Act(
        name="email-again",
        label="E-mail again",
        permission="purchasing.send_purchaseorder",
        perform=email_again,
        is_offered=is_email_in_doubt,
        consequences=lambda _order: (
            "It is not known whether the first e-mail arrived: the supplier may get two.",
        ),
        icon="forward_to_inbox",
    ),
    Act(
        name="return-to-draft",
        label="Back to draft",
        permission="purchasing.change_purchaseorder",
        perform=return_to_draft,
        is_offered=is_in(Status.AWAITING_APPROVAL, Status.APPROVED),
        consequences=lambda _order: ("It has to be submitted and approved again.",),
        icon="undo",
    ),
    Act(
        name="close-short",
        label="Close short",
        permission="purchasing.change_purchaseorder",
        perform=close_short,
        form=ReasonForm,
        is_offered=is_in(Status.SENT),
        consequences=close_consequences,
        is_dangerous=True,
        icon="content_cut",
    ),
    Act(
        name="cancel",
        label="Cancel",
        permission="purchasing.change_purchaseorder",
        perform=cancel,
        form=ReasonForm,
        is_offered=is_in(Status.DRAFT, Status.AWAITING_APPROVAL, Status.APPROVED, Status.SENT),
        consequences=cancel_consequences,
        is_dangerous=True,
        icon="block",
    ),
)
