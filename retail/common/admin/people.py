"""Who may sign in and what they may do: for superusers only."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from retail.common.admin.base import BaseAdmin
from retail.common.models import User


class SuperuserOnly:
    """
    Refuse everybody but superusers, whatever their permissions.

    Whoever edits users or groups can give themselves every right there is: Django's own form lets
    a person with nothing but "change user" tick "superuser" on their own account.
    """

    def has_module_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_view_permission(
        self,
        request: HttpRequest,
        obj: Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return _is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _is_superuser(request)

    def has_change_permission(
        self,
        request: HttpRequest,
        obj: Model | None = None,  # noqa: ARG002 - Django's signature
    ) -> bool:
        return _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    return request.user.is_active and bool(getattr(request.user, "is_superuser", False))


admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(SuperuserOnly, DjangoUserAdmin, BaseAdmin):
    """People; they are deactivated, never deleted, because documents name them."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    ordering = ("username",)


@admin.register(Group)
class GroupAdmin(SuperuserOnly, DjangoGroupAdmin, BaseAdmin):
    """Roles: what the people in them may do."""

    ordering = ("name",)
    is_deletable = True

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return _is_superuser(request) and super().has_delete_permission(request, obj)
