"""What is decided about goods of suppliers that lie in quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.http import HttpRequest

from catalog.forms import ScanField
from purchasing import operations
from purchasing.models import GoodsReceipt, HeldGoods, PurchaseOrderLine
from purchasing.queries import lines_for_held
from purchasing.waking import wake_matching
from retail.common.admin import Act, ActForm
from retail.common.fields import MAX_UNITS

SETTLES = "purchasing.settle_heldgoods"


class UnitsForm(ActForm):
    """How many of what lies there, and why."""

    units = forms.IntegerField(min_value=1, max_value=MAX_UNITS - 1)
    reason = forms.CharField(max_length=200, help_text="Kept with the goods.")

    def __init__(self, *args: Any, document: HeldGoods | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            self.fields["units"].initial = document.left


class OrderLineField(forms.ModelChoiceField):
    def label_from_instance(self, line: PurchaseOrderLine) -> str:
        return (
            f"{line.order} line {line.position}: {line.ordered - line.cancelled:,} ordered,"
            f" {line.expected:,} still to come"
        )


class AcceptForm(UnitsForm):
    """The line of an order that takes them; first the one that expects them soonest."""

    order_line = OrderLineField(
        queryset=PurchaseOrderLine.objects.none(),
        label="Order line",
        help_text="Lines of this supplier's orders for the article, at the same location.",
    )
    field_order = ("order_line", "units", "reason")

    def __init__(self, *args: Any, document: HeldGoods | None = None, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        if document is not None:
            lines = lines_for_held(document)
            field = self.fields["order_line"]
            field.queryset = lines  # type: ignore[attr-defined]  # a ModelChoiceField
            field.initial = lines.first()


class IdentifyForm(ActForm):
    """Which article it is, and whether its code shall mean that from now on."""

    article = ScanField(label="Article", stocked_only=True)
    is_barcode = forms.BooleanField(
        required=False,
        label="The scanned code means this article from now on",
        help_text="Kept as a barcode of the article.",
    )
    pack_size = forms.IntegerField(
        min_value=1,
        max_value=999_999,
        initial=1,
        required=False,
        label="Units behind one scan of the code",
    )

    def clean_pack_size(self) -> int:
        return self.cleaned_data["pack_size"] or 1


def accept(request: HttpRequest, held: HeldGoods, cleaned: Mapping[str, Any], now: datetime) -> str:
    decision = operations.accept_held(
        held_id=held.pk,
        order_line_id=cleaned["order_line"].pk,
        units=cleaned["units"],
        reason=cleaned["reason"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    wake_matching()
    return f"{decision.units:,} units are in stock by {decision.receipt}."


def accept_over_order(
    request: HttpRequest, held: HeldGoods, cleaned: Mapping[str, Any], now: datetime
) -> str:
    decision = operations.accept_held_over_order(
        held_id=held.pk,
        order_line_id=cleaned["order_line"].pk,
        units=cleaned["units"],
        reason=cleaned["reason"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    wake_matching()
    return f"{decision.units:,} units are in stock by {decision.receipt}."


def scrap(request: HttpRequest, held: HeldGoods, cleaned: Mapping[str, Any], now: datetime) -> str:
    decision = operations.scrap_held(
        held_id=held.pk,
        units=cleaned["units"],
        reason=cleaned["reason"],
        key=cleaned["key"],
        at=now,
        by=request.user,
    )
    return f"Scrapped: {decision.units:,}."


def identify(
    request: HttpRequest, held: HeldGoods, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    # Another permission than to decide about goods: it changes what every scanner understands.
    is_barcode = cleaned["is_barcode"] and request.user.has_perm("catalog.add_barcode")
    variant = cleaned["article"].variant
    operations.identify_held(
        held_id=held.pk,
        variant_id=variant.pk,
        is_barcode=is_barcode,
        pack_size=cleaned["pack_size"],
    )
    told = f"{held.code} is {variant}."
    if cleaned["is_barcode"] and not is_barcode:
        return f"{told} You may not add barcodes, so the code was not kept."
    return told


def is_open(held: HeldGoods) -> bool:
    return held.left > 0 and held.receipt.status == GoodsReceipt.Status.POSTED


def is_known(held: HeldGoods) -> bool:
    return is_open(held) and held.variant_id is not None


def is_unplanned(held: HeldGoods) -> bool:
    return is_open(held) and held.kind == HeldGoods.Kind.UNPLANNED and held.accepted == 0


def accept_consequences(held: HeldGoods) -> Sequence[str]:
    return (
        f"{held.left:,} units lie at {held.location}.",
        "What is accepted enters stock by a receipt of its own, at the cost of the order line.",
        "A gift is accepted on a line that was ordered at no cost.",
    )


HELD_ACTS = (
    Act(
        name="accept",
        label="Accept after all",
        permission=SETTLES,
        perform=accept,
        form=AcceptForm,
        is_offered=is_known,
        consequences=accept_consequences,
        icon="move_to_inbox",
    ),
    Act(
        name="identify",
        label="Say what it is",
        permission=SETTLES,
        perform=identify,
        form=IdentifyForm,
        is_offered=is_unplanned,
        icon="barcode_scanner",
    ),
    Act(
        name="accept-over-order",
        label="Accept more than ordered",
        permission="purchasing.over_receive",
        perform=accept_over_order,
        form=AcceptForm,
        is_offered=is_known,
        consequences=lambda held: (
            *accept_consequences(held),
            "More than was ordered may be accepted; the supplier will bill it.",
        ),
        icon="add_box",
    ),
    Act(
        name="scrap",
        label="Scrap",
        permission=SETTLES,
        perform=scrap,
        form=UnitsForm,
        is_offered=is_open,
        consequences=lambda _held: (
            "They are the supplier's: ask before you throw them away.",
            "Stock and cost do not change, as they were never ours.",
        ),
        is_dangerous=True,
        icon="delete",
    ),
)
