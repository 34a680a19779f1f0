"""The end of a return: it is decided what is given back for the goods."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from orders.models import Order, OrderEvent, Return
from orders.operations.events import event, record_events
from orders.operations.returns import ReturnUnexplained, locked_return
from retail.common.models import User
from retail.common.status import check_move


@transaction.atomic
def close_return(*, return_id: int, note: str, at: datetime, by: User | None = None) -> Return:
    """
    Close a return for which nothing, or nothing more, is given back; a second call changes nothing.

    Locks: the order.

    :raises ReturnUnexplained: no note says why.
    :raises WrongStatus: it was not received.
    """
    order, returned = locked_return(return_id)
    if returned.status == Return.Status.CLOSED:
        return returned
    check_move(returned, Return.Status.CLOSED)
    if not note.strip():
        raise ReturnUnexplained("Say why nothing is given back.")
    close(returned, at=at, by=by, note=note.strip())
    if order:
        _note_closed(order, returned, at=at, by=by)
    return returned


def close(returned: Return, *, at: datetime, by: User | None, note: str) -> None:
    """Close a locked return that was received."""
    check_move(returned, Return.Status.CLOSED)
    returned.status = Return.Status.CLOSED
    returned.closed_at, returned.closed_by, returned.close_note = at, by, note
    returned.save(update_fields=["status", "closed_at", "closed_by", "close_note"])


def _note_closed(order: Order, returned: Return, *, at: datetime, by: User | None) -> None:
    told = event(
        order,
        OrderEvent.Kind.RETURNED,
        at=at,
        by=by,
        **{"return": returned.number, "closed": True},
    )
    record_events([told])
