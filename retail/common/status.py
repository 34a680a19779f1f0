"""Status columns whose moves the database checks too."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import pgtrigger
from django.db import models

from retail.common.errors import WrongStatus

Document = TypeVar("Document", bound=models.Model)


def guard_status(model: type[Document]) -> type[Document]:
    """
    Class decorator: refuse, by trigger, every status move that `model.NEXT` does not list.

    An operation checks with `check_move` first; the trigger stops whatever walks past it.
    """
    nexts: Mapping[str, Collection[str]] = model.NEXT  # type: ignore[attr-defined]  # by convention
    return guard_moves("status", nexts)(model)


def guard_moves(
    field: str, nexts: Mapping[str, Collection[str]]
) -> Callable[[type[Document]], type[Document]]:
    """Class decorator: the same for a column of another name; `nexts`: code -> codes after it."""
    moves = [
        (str(before), str(after)) for before, others in nexts.items() for after in sorted(others)
    ]
    guard: Callable[[type[Document]], type[Document]] = pgtrigger.register(
        pgtrigger.FSM(name=f"{field}_moves", field=field, transitions=moves)
    )
    return guard


def check_move(document: Any, to: str) -> None:
    """
    Pass when the document may move to this status.

    :raises WrongStatus: names the document, its status and the one asked for.
    """
    if to not in document.NEXT[document.status]:
        wanted = document.Status(to).label.lower()
        msg = f"{document} is {document.get_status_display().lower()} and cannot become {wanted}."
        raise WrongStatus(msg, status=document.status, wanted=to)
