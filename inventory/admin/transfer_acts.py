"""What can be done to a transfer, and the forms that ask for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator
from django.db.models import F, IntegerField, Model, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.forms.boundfield import BoundField
from django.http import HttpRequest

from catalog.forms import ScanField
from inventory import operations
from inventory.admin.pasted import PastedUnitsField
from inventory.admin.shown import FURTHEST_DAY
from inventory.models import Location, StockLevel, Transfer, TransferLine
from retail.common.admin import Act, ActForm, LineTable, PageAct
from retail.common.errors import NotAllowed
from retail.common.fields import MAX_UNITS

Status = Transfer.Status
SENDS = "inventory.dispatch_transfer"


def places() -> QuerySet[Location]:
    """Return the locations that goods can be sent from or to."""
    return Location.objects.exclude(kind=Location.Kind.TRANSIT).order_by("priority", "code")


def shown_lines(transfer: Transfer) -> list[Any]:
    """Return the lines of a transfer by SKU, each with the units `free` where it goes from."""
    free = StockLevel.objects.filter(
        location=transfer.from_location_id, variant=OuterRef("variant")
    ).values(free=F("on_hand") - F("allocated"))
    return list(
        transfer.lines.select_related("variant__product")
        .annotate(free=Coalesce(Subquery(free, output_field=IntegerField()), 0))
        .order_by("variant__sku", "pk")
    )


def article(line: TransferLine) -> str:
    return f"{line.variant.product.name} {line.variant.name}".rstrip()


class NewTransferForm(ActForm):
    """What goes where; the articles may follow later."""

    from_location = forms.ModelChoiceField(queryset=places(), label="From")
    to_location = forms.ModelChoiceField(queryset=places(), label="To")
    expected_on = forms.DateField(
        required=False,
        label="Expected on",
        help_text="When it should arrive.",
        validators=[MaxValueValidator(FURTHEST_DAY)],
    )
    note = forms.CharField(max_length=200, required=False, help_text="What it is for.")
    units = PastedUnitsField(required=False)


class TransferForm(ActForm):
    """A form about a transfer: `lines` are its lines as they are now."""

    def __init__(self, *args: Any, document: Transfer, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.transfer = document
        self.lines = shown_lines(document)

    def line_table(self) -> LineTable | None:
        """Show what is on it."""
        rows = [
            (line.variant.sku, article(line), f"{line.quantity:,}", f"{line.free:,}")
            for line in self.lines
        ]
        if not rows:
            return None
        return LineTable(headings=("SKU", "Article", "Units", "Free now"), rows=rows)


class ScanForm(TransferForm):
    """One article, by scanner or by hand, and how often."""

    article = ScanField(stocked_only=True, active_only=True)
    times = forms.IntegerField(
        initial=1,
        min_value=1,
        max_value=MAX_UNITS - 1,
        label="How many",
        help_text="The code of a box counts what is in it.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("article") and cleaned.get("times"):
            cleaned["count"] = cleaned["article"].units * cleaned["times"]
        return cleaned


class PasteForm(TransferForm):
    """Many articles at once."""

    units = PastedUnitsField()


class EditLinesForm(TransferForm):
    """The units of every line; what is emptied is taken off."""

    def __init__(self, *args: Any, document: Transfer, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        for line in self.lines:
            # The figure the person saw comes back with the page, so that a line somebody else
            # changed meanwhile is left alone unless this person changed it too.
            self.fields[f"units_{line.pk}"] = forms.IntegerField(
                min_value=0,
                max_value=MAX_UNITS - 1,
                initial=line.quantity,
                required=False,
                show_hidden_initial=True,
            )

    def line_table(self) -> LineTable | None:
        rows: list[Sequence[str | BoundField]] = [
            (line.variant.sku, article(line), f"{line.free:,}", self[f"units_{line.pk}"])
            for line in self.lines
        ]
        return LineTable(headings=("SKU", "Article", "Free now", "Units"), rows=rows)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        wanted = {
            line.variant_id: cleaned.get(f"units_{line.pk}") or 0
            for line in self.lines
            if f"units_{line.pk}" in self.changed_data
        }
        cleaned["units"] = {pk: units for pk, units in wanted.items() if units}
        cleaned["taken_off"] = [pk for pk, units in wanted.items() if not units]
        return cleaned


class SendForm(TransferForm):
    """The plan of what leaves; only what the person saw is sent."""

    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, document: Transfer, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["seen"].initial = self._plan()

    def clean_seen(self) -> str:
        seen: str = self.cleaned_data["seen"]
        if seen != self._plan():
            # The next confirmation is of the lines that this page shows.
            self.data = self.data.copy()
            self.data["seen"] = self._plan()
            msg = "The lines were changed meanwhile: look at them again."
            raise forms.ValidationError(msg, code="changed")
        return seen

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["units"] = {line.variant_id: line.quantity for line in self.lines}
        return cleaned

    def _plan(self) -> str:
        return ",".join(f"{line.variant_id}:{line.quantity}" for line in self.lines) or "nothing"


class ReceiveForm(TransferForm):
    """What arrived of each line, filled in with what is on the way."""

    def __init__(self, *args: Any, document: Transfer, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.lines = [line for line in self.lines if line.in_transit]
        for line in self.lines:
            self.fields[f"units_{line.pk}"] = forms.IntegerField(
                min_value=0, max_value=MAX_UNITS - 1, initial=line.in_transit, required=False
            )

    def line_table(self) -> LineTable | None:
        rows: list[Sequence[str | BoundField]] = [
            (
                line.variant.sku,
                article(line),
                f"{line.quantity:,}",
                f"{line.received:,}",
                f"{line.in_transit:,}",
                self[f"units_{line.pk}"],
            )
            for line in self.lines
        ]
        headings = ("SKU", "Article", "Sent", "Arrived", "On the way", "Arrives now")
        return LineTable(headings=headings, rows=rows)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["received"] = {
            line.pk: cleaned[f"units_{line.pk}"]
            for line in self.lines
            if cleaned.get(f"units_{line.pk}")
        }
        return cleaned


class ReasonForm(ActForm):
    """Why what is missing is given up."""

    reason = forms.CharField(max_length=200, help_text="What became of the goods.")


class SendLevelForm(ActForm):
    """How much of a stock level goes where."""

    units = forms.IntegerField(min_value=1, max_value=MAX_UNITS - 1)
    to_location = forms.ModelChoiceField(queryset=places(), label="To")
    note = forms.CharField(max_length=200, required=False, help_text="What it is for.")
    is_sent_now = forms.BooleanField(
        required=False,
        label="Send now",
        help_text="Without it, a draft is written that others can add to.",
    )

    def __init__(self, *args: Any, document: StockLevel, **kwargs: Any) -> None:
        super().__init__(*args, document=document, **kwargs)
        self.fields["to_location"].queryset = places().exclude(  # type: ignore[attr-defined]  # its field
            pk=document.location_id
        )


def create(
    request: HttpRequest, cleaned: Mapping[str, Any], now: datetime
) -> tuple[str, Model | None]:
    transfer = operations.create_transfer(
        from_location=cleaned["from_location"],
        to_location=cleaned["to_location"],
        units=cleaned["units"],
        key=cleaned["key"],
        note=cleaned["note"],
        expected_on=cleaned["expected_on"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{transfer} is drafted. Add articles, then send it.", transfer


def add_scanned(
    _request: HttpRequest, transfer: Transfer, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    variant = cleaned["article"].variant
    operations.add_to_transfer(
        transfer_id=transfer.pk, units={variant.pk: cleaned["count"]}, key=cleaned["key"]
    )
    return f"{cleaned['count']:,} of {variant} added."


def add_pasted(
    _request: HttpRequest, transfer: Transfer, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    units = cleaned["units"]
    operations.add_to_transfer(transfer_id=transfer.pk, units=units, key=cleaned["key"])
    return f"{sum(units.values()):,} units of {len(units):,} articles added."


def edit_lines(
    _request: HttpRequest, transfer: Transfer, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.change_transfer_lines(
        transfer_id=transfer.pk, units=cleaned["units"], taken_off=cleaned["taken_off"]
    )
    changed, taken_off = len(cleaned["units"]), len(cleaned["taken_off"])
    return f"{changed:,} lines changed, {taken_off:,} taken off."


def send(
    request: HttpRequest, transfer: Transfer, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.dispatch_transfer(
        transfer_id=transfer.pk,
        seen=cleaned["units"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{transfer} is on the way to {transfer.to_location}."


def receive(
    request: HttpRequest, transfer: Transfer, cleaned: Mapping[str, Any], now: datetime
) -> str:
    receipt = operations.receive_transfer(
        transfer_id=transfer.pk,
        received=cleaned["received"],
        key=cleaned["key"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{receipt} is posted; the goods are in stock at {transfer.to_location}."


def close_short(
    request: HttpRequest, transfer: Transfer, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.close_transfer(
        transfer_id=transfer.pk,
        reason=cleaned["reason"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{transfer} is closed; what never came is written off."


def cancel(
    request: HttpRequest, transfer: Transfer, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.cancel_transfer(
        transfer_id=transfer.pk,
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{transfer} is cancelled."


def send_level(
    request: HttpRequest, level: StockLevel, cleaned: Mapping[str, Any], now: datetime
) -> str:
    is_sent_now, units = cleaned["is_sent_now"], cleaned["units"]
    if is_sent_now and not request.user.has_perm(SENDS):
        msg = "You may draft transfers, not send them: leave that to somebody who may."
        raise NotAllowed(msg)
    transfer = operations.create_transfer(
        from_location=level.location,
        to_location=cleaned["to_location"],
        units={level.variant_id: units},
        key=cleaned["key"],
        note=cleaned["note"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    what = f"{units:,} of {level.variant} from {level.location} to {transfer.to_location}"
    if not is_sent_now:
        return f"{transfer} is drafted: {what}."
    operations.dispatch_transfer(
        transfer_id=transfer.pk,
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{transfer} is on the way: {what}."


def receive_plan(
    _request: HttpRequest, transfer: Transfer, cleaned: Mapping[str, Any], _now: datetime
) -> Sequence[str]:
    if transfer.receipts.filter(key=cleaned["key"]).exists():
        return ()
    planned = operations.plan_arrival(transfer_id=transfer.pk, received=cleaned["received"])
    arriving = [
        f"{one.units:,} of {one.line.variant} go on the shelf at {transfer.to_location}."
        for one in planned
        if one.units
    ]
    staying = [
        f"{one.left:,} of {one.line.variant} stay on the way." for one in planned if one.left
    ]
    return [*arriving, *(staying or [f"Everything has arrived then: {transfer} is finished."])]


def close_plan(
    _request: HttpRequest, transfer: Transfer, _cleaned: Mapping[str, Any], _now: datetime
) -> Sequence[str]:
    lost = [
        f"{line.in_transit:,} of {line.variant} are written off."
        for line in shown_lines(transfer)
        if line.in_transit
    ]
    return [*lost, f"{transfer} is closed: nothing more of it can be received."]


def send_consequences(transfer: Transfer) -> Sequence[str]:
    return (
        f"The goods leave {transfer.from_location} and are on the way to {transfer.to_location}.",
        "Until they arrive they are stock of the location in transit, worth what they were.",
        "Only free units can be sent; promised ones stay.",
        "The channels are told what is left.",
    )


def receive_consequences(transfer: Transfer) -> Sequence[str]:
    return (
        f"What arrived goes on the shelf at {transfer.to_location} and can be sold there.",
        "What did not arrive stays on the way.",
        "What came too much is booked as an adjustment, not here.",
    )


def close_consequences(transfer: Transfer) -> Sequence[str]:
    sums = transfer.lines.aggregate(units=Sum(F("quantity") - F("received") - F("lost"), default=0))
    return (
        f"{sums['units']:,} units that never came are written off at today's average cost.",
        "Nothing more of this transfer can be received.",
        "The reason is kept with the transfer.",
    )


def send_level_consequences(level: StockLevel) -> Sequence[str]:
    free = level.on_hand - level.allocated
    return (
        f"{free:,} units of {level.variant} are free at {level.location} now.",
        "A draft moves nothing. Units that are sent are on the way until they are received.",
    )


def is_draft(transfer: Transfer) -> bool:
    return transfer.status == Status.DRAFT


def is_on_the_way(transfer: Transfer) -> bool:
    return transfer.status in {Status.DISPATCHED, Status.PARTLY_RECEIVED}


def can_be_sent_on(level: StockLevel) -> bool:
    return level.on_hand > 0 and level.location.kind != Location.Kind.TRANSIT


TRANSFER_ACTS = (
    Act(
        name="receive",
        label="Receive",
        permission="inventory.receive_transfer",
        perform=receive,
        form=ReceiveForm,
        is_offered=is_on_the_way,
        consequences=receive_consequences,
        plan=receive_plan,
        icon="move_to_inbox",
    ),
    Act(
        name="close-short",
        label="Close short",
        permission="inventory.close_transfer",
        perform=close_short,
        form=ReasonForm,
        is_offered=is_on_the_way,
        consequences=close_consequences,
        plan=close_plan,
        is_dangerous=True,
        icon="remove_shopping_cart",
    ),
    Act(
        name="scan",
        label="Add by scan",
        permission="inventory.change_transfer",
        perform=add_scanned,
        form=ScanForm,
        is_offered=is_draft,
        is_repeated=True,
        icon="barcode_scanner",
    ),
    Act(
        name="send",
        label="Send",
        permission=SENDS,
        perform=send,
        form=SendForm,
        is_offered=is_draft,
        consequences=send_consequences,
        icon="send",
    ),
    Act(
        name="edit-lines",
        label="Edit lines",
        permission="inventory.change_transfer",
        perform=edit_lines,
        form=EditLinesForm,
        is_offered=is_draft,
        consequences=lambda _transfer: ("A line that is emptied, or set to 0, is taken off.",),
        icon="edit",
    ),
    Act(
        name="paste",
        label="Add many",
        permission="inventory.change_transfer",
        perform=add_pasted,
        form=PasteForm,
        is_offered=is_draft,
        consequences=lambda _transfer: ("The units are added to what is on the transfer.",),
        icon="playlist_add",
    ),
    Act(
        name="cancel",
        label="Cancel",
        permission="inventory.change_transfer",
        perform=cancel,
        is_offered=is_draft,
        consequences=lambda _transfer: ("Nothing has moved, and nothing will.",),
        is_dangerous=True,
        icon="cancel",
    ),
)

NEW_TRANSFER = PageAct(
    name="new",
    label="New transfer",
    permission="inventory.add_transfer",
    perform=create,
    form=NewTransferForm,
    consequences=("A draft moves nothing: goods leave when it is sent.",),
    icon="add",
)

SEND_LEVEL = Act(
    name="transfer",
    label="Transfer",
    permission="inventory.add_transfer",
    perform=send_level,
    form=SendLevelForm,
    is_offered=can_be_sent_on,
    consequences=send_level_consequences,
    icon="conveyor_belt",
)
