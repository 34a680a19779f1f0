"""What is done with goods that go back to a supplier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from purchasing import operations
from purchasing.admin.return_forms import (
    CreditForm,
    ReasonForm,
    RmaForm,
    SettleForm,
    ShipForm,
    name_of,
    with_what_goes_back,
)
from purchasing.admin.return_goods_forms import (
    ReviseForm,
)
from purchasing.models import SupplierReturn
from purchasing.printing import print_return_note
from retail.common.admin import Act, Download
from retail.common.money import display

Status = SupplierReturn.Status
Expects = SupplierReturn.Expects


def revise(
    _request: HttpRequest, returned: SupplierReturn, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.revise_return(
        return_id=returned.pk,
        expects=cleaned["expects"],
        reason=cleaned["reason"],
        lines=cleaned["goods"],
        rma_number=cleaned["rma_number"],
    )
    return f"{returned} is changed."


def approve(
    request: HttpRequest, returned: SupplierReturn, _cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.approve_return_to_supplier(
        return_id=returned.pk,
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{returned} is approved: the goods may be sent."


def ship(
    request: HttpRequest, returned: SupplierReturn, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.ship_return(
        return_id=returned.pk,
        tracking_number=cleaned["tracking_number"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{returned} is sent; its goods have left the stock."


def note_rma(
    _request: HttpRequest, returned: SupplierReturn, cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.note_rma(return_id=returned.pk, rma_number=cleaned["rma_number"])
    return f"{returned} goes back under {cleaned['rma_number']}."


def note_credit(
    request: HttpRequest, returned: SupplierReturn, cleaned: Mapping[str, Any], now: datetime
) -> str:
    done = operations.note_credit(
        return_id=returned.pk,
        number=cleaned["number"],
        credited={pk: units for pk, units in cleaned["units"].items() if units},
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    ending = " Everything has come: it is settled." if done.status == Status.SETTLED else ""
    return f"{cleaned['number']} is noted on {returned}.{ending}"


def settle(
    request: HttpRequest, returned: SupplierReturn, cleaned: Mapping[str, Any], now: datetime
) -> str:
    is_replaced = returned.expects == Expects.REPLACEMENT
    operations.settle_return(
        return_id=returned.pk,
        note=cleaned["note"],
        replaced=cleaned["units"] if is_replaced else None,
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{returned} is settled."


def redraft(
    _request: HttpRequest, returned: SupplierReturn, _cleaned: Mapping[str, Any], _now: datetime
) -> str:
    operations.redraft_return(return_id=returned.pk)
    return f"{returned} can be changed again."


def cancel(
    request: HttpRequest, returned: SupplierReturn, cleaned: Mapping[str, Any], now: datetime
) -> str:
    operations.cancel_supplier_return(
        return_id=returned.pk,
        reason=cleaned["reason"],
        at=now,
        by=request.user,  # type: ignore[arg-type]  # only people who signed in get here
    )
    return f"{returned} is cancelled; its goods stay."


def open_return_note(_request: HttpRequest, returned: SupplierReturn) -> HttpResponse:
    return HttpResponse(
        print_return_note(returned),
        content_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="{returned.number}.pdf"'},
    )


def ship_consequences(returned: SupplierReturn) -> Sequence[str]:
    lines = list(with_what_goes_back(returned.lines.all()))
    return (
        *(
            f"{line.units:,} of {name_of(line)} leave {line.location.name}"
            f"{', where they were held' if line.held_goods_id else ''}."
            for line in lines
        ),
        "They leave the value of stock at today's average cost.",
        "What that differs from the expected credit is booked as a variance.",
        *_what_is_awaited(returned),
    )


def _what_is_awaited(returned: SupplierReturn) -> Sequence[str]:
    if returned.expects == Expects.REPLACEMENT:
        return ("Their orders expect the same units again, also those that were closed.",)
    if returned.expects == Expects.CREDIT:
        total = sum(line.units * line.unit_credit for line in returned.lines.all())
        return (f"A credit of {display(total, returned.currency)} is expected.",)
    return ("Nothing is expected for them: the return is settled at once.",)


def settle_consequences(returned: SupplierReturn) -> Sequence[str]:
    if returned.expects == Expects.REPLACEMENT:
        return ("What was not replaced or credited is expected on its order no longer.",)
    return ("What was not credited is given up.",)


def _is_in(*statuses: str) -> Any:
    """Return the test whether a return is in one of these statuses."""
    return lambda returned: returned.status in statuses


def _awaits_credit(returned: SupplierReturn) -> bool:
    return (
        returned.status in {Status.APPROVED, Status.SHIPPED}
        and returned.expects != Expects.NOTHING
        and returned.lines.filter(held_goods__isnull=True).exists()
    )


ACTS = (
    Act(
        name="approve",
        label="Approve",
        permission="purchasing.approve_supplierreturn",
        perform=approve,
        is_offered=_is_in(Status.DRAFT),
        consequences=lambda returned: (f"The goods may be sent to {returned.supplier}.",),
        icon="check",
    ),
    Act(
        name="ship",
        label="Send the goods",
        permission="purchasing.ship_supplierreturn",
        perform=ship,
        form=ShipForm,
        is_offered=_is_in(Status.APPROVED),
        consequences=ship_consequences,
        icon="local_shipping",
    ),
    Act(
        name="credit",
        label="Note a credit",
        permission="purchasing.settle_supplierreturn",
        perform=note_credit,
        form=CreditForm,
        is_offered=_awaits_credit,
        consequences=lambda _returned: (
            "The units count as credited under this number, once.",
            "When everything expected has come, the return is settled.",
        ),
        icon="request_quote",
    ),
    Act(
        name="settle",
        label="Settle",
        permission="purchasing.settle_supplierreturn",
        perform=settle,
        form=SettleForm,
        is_offered=_is_in(Status.SHIPPED),
        consequences=settle_consequences,
        icon="task_alt",
    ),
    Act(
        name="revise",
        label="Change",
        permission="purchasing.change_supplierreturn",
        perform=revise,
        form=ReviseForm,
        is_offered=_is_in(Status.DRAFT),
        consequences=lambda _returned: ("The draft says what stands here, and nothing else.",),
        icon="edit",
    ),
    Act(
        name="rma",
        label="Note the RMA number",
        permission="purchasing.change_supplierreturn",
        perform=note_rma,
        form=RmaForm,
        is_offered=_is_in(Status.APPROVED, Status.SHIPPED),
        consequences=lambda _returned: ("It stands on the return note.",),
        icon="tag",
    ),
    Act(
        name="redraft",
        label="Back to draft",
        permission="purchasing.change_supplierreturn",
        perform=redraft,
        is_offered=_is_in(Status.APPROVED),
        consequences=lambda _returned: ("It has to be approved again.",),
        icon="undo",
    ),
    Act(
        name="cancel",
        label="Cancel",
        permission="purchasing.change_supplierreturn",
        perform=cancel,
        form=ReasonForm,
        is_offered=_is_in(Status.DRAFT, Status.APPROVED),
        consequences=lambda _returned: ("The goods stay here; nothing was booked.",),
        is_dangerous=True,
        icon="block",
    ),
)
DOWNLOADS = (
    Download(
        name="return-note",
        label="Return note",
        permission="purchasing.view_supplierreturn",
        open=open_return_note,
        is_offered=_is_in(Status.APPROVED, Status.SHIPPED, Status.SETTLED),
        icon="print",
    ),
)


def in_book_currency(amount: Any) -> str:
    return display(amount, settings.RETAIL_CURRENCY)
