"""What the acts about changed, cancelled and unknown things ask for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms

from catalog.queries import variants_by_code
from orders.admin.forms import LinesForm
from orders.models import ChannelConflict, Order, OrderCancellation, OrderLine
from orders.operations import read_promises
from retail.common.admin import ActForm


class CancelForm(LinesForm):
    """Which pieces are called off, and why; all that is left is proposed."""

    cause = forms.ChoiceField(
        choices=[
            choice
            for choice in OrderCancellation.Cause.choices
            if choice[0] != OrderCancellation.Cause.CHANNEL
        ],
        initial=OrderCancellation.Cause.CUSTOMER,
    )
    reason = forms.CharField(max_length=200, help_text="For whoever reads the order later.")

    def lines_to_choose(self, order: Order) -> Iterator[tuple[OrderLine, str, int, int]]:
        lines = list(order.lines.order_by("pk"))
        promised = read_promises(lines).pieces()
        for line in lines:
            if left := line.open_quantity:
                told = f"{left} left, {promised.get(line.pk, 0)} promised"
                yield line, told if line.is_stocked else f"{left} left", left, left

    def clean(self) -> dict[str, Any]:
        """An order without lines is called off too."""
        if not self.lines:
            self.cleaned_data["pieces"] = None
            return self.cleaned_data
        return super().clean()


class LineForm(ActForm):
    """Which unknown line it is about."""

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            unknown = document.lines.unknown().order_by("pk")
            self.fields["line"] = forms.ModelChoiceField(queryset=unknown, initial=unknown.first())


class LinkForm(LineForm):
    """Which variant an unknown article is."""

    code = forms.CharField(label="Is", max_length=100, help_text="SKU or barcode of ours.")
    pack_size = forms.IntegerField(
        label="Units in one", min_value=1, initial=1, help_text="6 for a box of six."
    )

    def __init__(self, *args: Any, document: Order | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.order_fields(["line", "code", "pack_size"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if code := cleaned.get("code"):
            cleaned["variant_id"] = variants_by_code([code]).get(code)
            if cleaned["variant_id"] is None:
                self.add_error("code", f"No article has the code {code}.")
        return cleaned


class DecideForm(ActForm):
    """Whose version counts, and why."""

    decision = forms.ChoiceField(choices=ChannelConflict.Decision.choices)
    note = forms.CharField(max_length=300, help_text="Why, for whoever reads the order later.")
