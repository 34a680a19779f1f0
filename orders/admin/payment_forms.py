"""What the acts on payments and refunds ask for."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from orders import operations
from orders.amounts import due_of, paid_of
from orders.models import Order, OrderLine, PaymentEvent, Refund
from orders.operations import RefundedLine, RefundProposal
from orders.queries import cancelled_there
from retail.common.admin import ActForm, LineTable
from retail.common.errors import BusinessError
from retail.common.money import ZERO

PAID_IN_CASH = "CASH"
NOT_CASH = [choice for choice in Refund.Route.choices if choice[0] != Refund.Route.CASH]
# What was given back is written by paying a refund out.
RECORDED = [choice for choice in PaymentEvent.Kind.choices if choice[0] != "REFUNDED"]


class AmountField(forms.DecimalField):
    """An amount of money."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=Decimal("0.001"), max_digits=16, decimal_places=4, **kwargs)


class NoteForm(ActForm):
    """Why something is not done, for whoever asks later."""

    note = forms.CharField(label="Why", max_length=300)


class RecordPaymentForm(ActForm):
    """What happened to a payment: money that came, was promised, or will not come."""

    kind = forms.ChoiceField(choices=RECORDED, initial=PaymentEvent.Kind.CHARGED)
    amount = AmountField()
    method = forms.CharField(
        max_length=50, help_text=f"As the channel calls it; {PAID_IN_CASH} for cash at a till."
    )
    transaction = forms.CharField(
        max_length=100, help_text="Its number: of one that is known already, or a new one."
    )
    reference = forms.CharField(
        max_length=100, help_text="Of the receipt or the entry in the bank's statement."
    )
    register = forms.CharField(label="Till", max_length=50, required=False)
    note = forms.CharField(max_length=300, required=False)

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is None:
            return
        self.fields["amount"].label = f"Amount in {document.currency}"
        self.fields["amount"].initial = missing_amount(document) or None
        self.fields["method"].initial = document.payment_method


class GrantRefundForm(ActForm):
    """How much is given back, for which pieces, and why."""

    reason = forms.CharField(max_length=300)
    amount = AmountField(
        required=False,
        help_text="Left empty: what was really paid for the pieces, discounts shared out.",
    )

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.lines: list[tuple[OrderLine, Decimal]] = []
        if document is None:
            return
        self.fields["amount"].label = f"Amount in {document.currency}"
        lines = list(document.lines.order_by("pk"))
        proposal = operations.propose_refund(
            order_id=document.pk, pieces={line.pk: line.ordered for line in lines}
        )
        paid = {line.line_id: line.amount for line in proposal.lines}
        self.lines = [(line, paid[line.pk]) for line in lines]
        for line in lines:
            self.fields[f"pieces_{line.pk}"] = forms.IntegerField(
                label=str(line), min_value=0, max_value=line.ordered, required=False
            )

    def line_table(self) -> LineTable:
        return LineTable(
            headings=("Article", "SKU", "Paid for all of it", "Ordered", "Pieces"),
            rows=[
                [
                    str(line),
                    line.raw_sku,
                    f"{paid:,.2f}",
                    str(line.ordered),
                    self[f"pieces_{line.pk}"],
                ]
                for line, paid in self.lines
            ],
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        proposal = self._proposal(cleaned)
        cleaned["amount"] = cleaned["amount"] or proposal.amount
        cleaned["lines"] = proposal.lines
        if not cleaned["amount"]:
            msg = "Give an amount, or pieces that something was paid for."
            raise ValidationError(msg)
        return cleaned

    def _proposal(self, cleaned: dict[str, Any]) -> RefundProposal:
        chosen = {line.pk: cleaned.get(f"pieces_{line.pk}") for line, _ in self.lines}
        pieces = {line_id: count for line_id, count in chosen.items() if count}
        assert isinstance(self.document, Order)  # noqa: S101 - the act is of an order's page
        try:
            return operations.propose_refund(order_id=self.document.pk, pieces=pieces)
        except BusinessError as refusal:
            raise ValidationError(refusal.message) from refusal


class PayOutForm(ActForm):
    """How a refund is paid."""

    route = forms.ChoiceField(choices=NOT_CASH, initial=Refund.Route.CHANNEL)

    def __init__(self, *args: Any, document: Refund | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None and document.order.external_id is None:
            self.fields["route"].initial = Refund.Route.BANK_TRANSFER


class PayCashForm(ActForm):
    """Which till pays."""

    register = forms.CharField(label="Till", max_length=50)


def missing_amount(order: Order) -> Decimal:
    """Return what is due for an order and was not charged yet."""
    lines = list(order.lines.all())
    due = due_of(order=order, lines=lines, off_there=cancelled_there(lines))
    return max(due - paid_of(order.payments.all()).charged, ZERO)


def lines_in_words(lines: tuple[RefundedLine, ...], names: dict[int, str]) -> list[str]:
    """Say which part of a refund is for which pieces."""
    return [f"{line.quantity} of {names[line.line_id]}: {line.amount:,.2f}." for line in lines]
