"""Refusals in the user's words, and how the API answers them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rest_framework import status
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_exception_handler


class BusinessError(Exception):
    """
    A business rule refused an act; the text is meant for the person who asked.

    Subclasses live beside the operation that raises them. `code` is stable and defaults to the
    class name in snake case; `details` holds plain values that say what was refused.
    """

    code = "refused"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: Mapping[str, Any] = details

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "code" not in cls.__dict__:
            cls.code = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


class WrongStatus(BusinessError):
    """The document is not in a status that allows this act."""


class NotAllowed(BusinessError):
    """The person may not do this act, whatever their permissions say."""


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Answer a `BusinessError` with 409 and its code; leave the rest to REST framework."""
    if isinstance(exc, BusinessError):
        return Response(
            {"code": exc.code, "message": exc.message, "details": dict(exc.details)},
            status=status.HTTP_409_CONFLICT,
        )
    return drf_exception_handler(exc, context)
