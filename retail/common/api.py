"""What every viewset of the API shares."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView
from rest_framework.viewsets import ReadOnlyModelViewSet

from retail.common.models import User
from retail.common.permissions import ModelPermissions

LONGEST_KEY = 100
KEY_HEADER = OpenApiParameter(
    name="Idempotency-Key",
    type=OpenApiTypes.STR,
    location=OpenApiParameter.HEADER,
    required=True,
    description="Made by the caller: the same request with the same key again has one effect.",
)


class ReadOnlyViewSet(ReadOnlyModelViewSet):
    """A list and its rows, to be read by those who may view the model."""

    permission_classes = (ModelPermissions,)


def may(*permissions: str) -> type[BasePermission]:
    """Return the permission class that lets those pass who have all of these permissions."""

    class May(BasePermission):
        def has_permission(self, request: Request, view: APIView) -> bool:  # noqa: ARG002 - its signature
            return isinstance(request.user, User) and request.user.has_perms(permissions)

    return May


def idempotency_key(request: Request) -> str:
    """
    Return the key the caller made for this request.

    :raises ValidationError: it is missing or too long.
    """
    key = request.headers.get("Idempotency-Key", "").strip()
    if not 0 < len(key) <= LONGEST_KEY:
        raise ValidationError({"Idempotency-Key": f"Send one of 1 to {LONGEST_KEY} characters."})
    return key


def person(request: Request) -> User:
    """
    Return who sent the request.

    :raises TypeError: it was let through without anybody being signed in.
    """
    if not isinstance(request.user, User):
        raise TypeError("Nobody is signed in.")
    return request.user
