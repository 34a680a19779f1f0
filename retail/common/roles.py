"""The roles people have, kept as groups of permissions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from fnmatch import fnmatchcase

from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions


class Role(StrEnum):
    """A job in the shop; the value is the name of its group."""

    BACK_OFFICE = "Back office"
    WAREHOUSE = "Warehouse"
    STORE = "Store"
    BUYER = "Buyer"
    ACCOUNTANT = "Accountant"
    MANAGER = "Manager"
    SUPPORT = "Support"
    AUDITOR = "Auditor"


def ensure_groups(apps: Apps, table: Mapping[Role, Iterable[str]]) -> None:
    """
    Create the groups that are missing and give each the permissions the table lists.

    apps: of the migration that calls this. table: role -> permissions as `app.codename`, where *
    stands for anything (`orders.view_*`). Permissions are created first, as Django itself does it
    only after all migrations. What a manager added to a group stays.
    """
    for app_config in installed_apps.get_app_configs():
        create_permissions(app_config, verbosity=0, apps=apps)

    group_model = apps.get_model("auth", "Group")
    permissions = [
        (f"{app_label}.{codename}", pk)
        for pk, app_label, codename in apps.get_model("auth", "Permission").objects.values_list(
            "pk", "content_type__app_label", "codename"
        )
    ]
    for role, wanted in table.items():
        patterns = tuple(wanted)
        group, _ = group_model.objects.get_or_create(name=role.value)
        group.permissions.add(
            *(
                pk
                for name, pk in permissions
                if any(fnmatchcase(name, pattern) for pattern in patterns)
            )
        )
