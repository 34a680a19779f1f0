"""Deciding what goes back to a supplier, until the goods leave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from purchasing.models import (
    Supplier,
    SupplierReturn,
    SupplierReturnCredit,
    SupplierReturnLine,
)
from purchasing.operations.approving import SelfApproval
from purchasing.operations.ending import MissingReason
from purchasing.operations.return_lines import ReturnedGoods, return_lines
from retail.common.errors import BusinessError, WrongStatus
from retail.common.models import User
from retail.common.status import check_move

Status = SupplierReturn.Status


class AlreadyCredited(BusinessError):
    """The supplier credited some of it, so it can neither be changed nor cancelled."""


@transaction.atomic
def draft_return(
    *,
    supplier: Supplier,
    expects: str,
    reason: str,
    lines: Sequence[ReturnedGoods],
    key: str,
    at: datetime,
    by: User | None,
    rma_number: str = "",
) -> SupplierReturn:
    """
    Propose to send goods back to their supplier; nothing moves before they are sent.

    expects: a SupplierReturn.Expects. The credit of a replacement is what its goods are worth.
    key: of this act; a second call with it returns the first return unchanged.

    :raises MissingReason: the reason is empty.
    :raises NothingToReturn, InvalidReturnLine, MoreThanReceived, ReceiptReversed,
        MixedCurrencies, NothingToReplace: nothing is stored.
    """
    reason = _said(reason)
    returned, is_new = SupplierReturn.objects.get_or_create(
        key=key,
        defaults={
            "supplier": supplier,
            "expects": SupplierReturn.Expects(expects),
            "currency": supplier.currency,
            "reason": reason,
            "rma_number": rma_number.strip(),
            "raised_at": at,
            "raised_by": by,
        },
    )
    if is_new:
        _store_lines(returned, lines)
    return returned


@transaction.atomic
def revise_return(
    *,
    return_id: int,
    expects: str,
    reason: str,
    lines: Sequence[ReturnedGoods],
    rma_number: str = "",
) -> SupplierReturn:
    """
    Replace what a draft sends back, why, and what is expected for it.

    Locks: the return.

    :raises WrongStatus: it is no draft any more.
    :raises MissingReason, and what `draft_return` raises: it stays as it was.
    """
    returned = lock_return(return_id)
    if returned.status != Status.DRAFT:
        msg = f"{returned} is {returned.get_status_display().lower()}: a draft can be changed."
        raise WrongStatus(msg, status=returned.status)
    returned.expects, returned.reason = SupplierReturn.Expects(expects), _said(reason)
    returned.rma_number = rma_number.strip()
    returned.save(update_fields=["expects", "reason", "rma_number"])
    returned.lines.all().delete()
    _store_lines(returned, lines)
    return returned


@transaction.atomic
def note_rma(*, return_id: int, rma_number: str) -> SupplierReturn:
    """
    Note under which number the supplier lets the goods come back, as long as nothing is settled.

    Locks: the return.

    :raises WrongStatus: the return has ended.
    """
    returned = lock_return(return_id)
    if not SupplierReturn.NEXT[returned.status]:
        msg = f"{returned} is {returned.get_status_display().lower()}: it has ended."
        raise WrongStatus(msg, status=returned.status)
    returned.rma_number = rma_number.strip()
    returned.save(update_fields=["rma_number"])
    return returned


@transaction.atomic
def approve_return_to_supplier(*, return_id: int, at: datetime, by: User) -> SupplierReturn:
    """
    Release a draft, so that its goods may be sent.

    Locks: the return.

    :raises SelfApproval: the same person raised it.
    :raises WrongStatus: it is no draft.
    """
    returned = lock_return(return_id)
    check_move(returned, Status.APPROVED)
    if returned.raised_by_id == by.pk:
        msg = f"{returned} was raised by you: somebody else has to approve it."
        raise SelfApproval(msg, supplier_return=returned.number)
    returned.status = Status.APPROVED
    returned.approved_at, returned.approved_by = at, by
    returned.save(update_fields=["status", "approved_at", "approved_by"])
    return returned


@transaction.atomic
def redraft_return(*, return_id: int) -> SupplierReturn:
    """
    Take an approved return back to be changed; the approval is void.

    Locks: the return.

    :raises WrongStatus: it was not approved, or the goods are gone.
    :raises AlreadyCredited: the supplier credited some of it.
    """
    returned = lock_return(return_id)
    check_move(returned, Status.DRAFT)
    _require_no_credit(returned)
    returned.status = Status.DRAFT
    returned.approved_at = returned.approved_by = None
    returned.save(update_fields=["status", "approved_at", "approved_by"])
    return returned


@transaction.atomic
def cancel_supplier_return(
    *, return_id: int, reason: str, at: datetime, by: User | None
) -> SupplierReturn:
    """
    End a return whose goods stay here after all; nothing moved, so nothing is put right.

    Locks: the return.

    :raises WrongStatus: the goods were sent, or it has ended.
    :raises MissingReason: the reason is empty.
    :raises AlreadyCredited: the supplier credited some of it.
    """
    returned = lock_return(return_id)
    check_move(returned, Status.CANCELLED)
    _require_no_credit(returned)
    returned.status, returned.end_note = Status.CANCELLED, _said(reason)
    returned.ended_at, returned.ended_by = at, by
    returned.save(update_fields=["status", "end_note", "ended_at", "ended_by"])
    return returned


def lock_return(return_id: int) -> SupplierReturn:
    """Lock a return; its lines stand still then, as every change of them locks it first."""
    return SupplierReturn.objects.for_update().select_related("supplier").get(pk=return_id)


def _store_lines(returned: SupplierReturn, goods: Sequence[ReturnedGoods]) -> None:
    currency, lines = return_lines(
        supplier=returned.supplier, expects=returned.expects, goods=goods
    )
    for line in lines:
        line.supplier_return = returned
    SupplierReturnLine.objects.bulk_create(lines)
    if returned.currency != currency:
        returned.currency = currency
        returned.save(update_fields=["currency"])


def _require_no_credit(returned: SupplierReturn) -> None:
    if SupplierReturnCredit.objects.filter(line__supplier_return=returned).exists():
        msg = f"{returned.supplier} credited some of {returned} already: send the goods back."
        raise AlreadyCredited(msg, supplier_return=returned.number)


def _said(reason: str) -> str:
    if not reason.strip():
        msg = "Say why: the reason is kept with the return."
        raise MissingReason(msg)
    return reason.strip()
