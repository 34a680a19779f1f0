"""What can be done to a transfer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db.models import F, Model, Sum
from django.http import HttpRequest

from inventory import operations
from inventory.admin.transfer_forms import (
    EditLinesForm,
    NewTransferForm,
    PasteForm,
    ReasonForm,
    ReceiveForm,
    ScanForm,
    SendForm,
    SendLevelForm,
    shown_lines,
)
from inventory.models import Location, StockLevel, Transfer
from retail.common.admin import Act, PageAct
from retail.common.errors import NotAllowed

Status = Transfer.Status
SENDS = "inventory.dispatch_transfer"


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
