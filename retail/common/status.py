"""Status columns whose moves the database checks too."""

from __future__ import annotations

from collections.abc import Callable
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
    moves = [
        (str(before), str(after))
        for before, nexts in model.NEXT.items()  # type: ignore[attr-defined]  # by convention
        for after in sorted(nexts)
    ]
    guard: Callable[[type[Document]], type[Document]] = pgtrigger.register(
        pgtrigger.FSM(name="status_moves", field="status", transitions=moves)
    )
    return guard(model)


def check_move(document: Any, to: str) -> None:
    """
    Pass when the document may move to this status.

    :raises WrongStatus: names the document, its status and the one asked for.
    """
    if to not in document.NEXT[document.status]:
        wanted = document.Status(to).label.lower()
        msg = f"{document} is {document.get_status_display().lower()} and cannot become {wanted}."
        raise WrongStatus(msg, status=document.status, wanted=to)
