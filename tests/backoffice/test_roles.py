"""The groups that the migration makes."""

from fnmatch import fnmatchcase

import pytest
from django.contrib.auth.models import Group, Permission

from retail.backoffice.roles import PERMISSIONS
from retail.common.roles import Role
from tests.factories.common import UserFactory

pytestmark = pytest.mark.django_db


def all_permissions():
    return {
        f"{app_label}.{codename}"
        for app_label, codename in Permission.objects.values_list(
            "content_type__app_label", "codename"
        )
    }


def permissions_of(role):
    user = UserFactory()
    user.groups.add(Group.objects.get(name=role))
    return user.get_all_permissions()


def test_every_role_is_a_group():
    assert set(Group.objects.values_list("name", flat=True)) == {role.value for role in Role}
    assert set(PERMISSIONS) == set(Role)


@pytest.mark.parametrize("role", Role)
def test_role_has_exactly_what_the_table_says(role):
    expected = {
        permission
        for permission in all_permissions()
        if any(fnmatchcase(permission, pattern) for pattern in PERMISSIONS[role])
    }

    assert permissions_of(role) == expected


@pytest.mark.parametrize("role", Role)
def test_every_line_of_the_table_names_permissions_that_exist(role):
    known = all_permissions()

    unknown = [
        pattern
        for pattern in PERMISSIONS[role]
        if not any(fnmatchcase(permission, pattern) for permission in known)
    ]

    assert unknown == []


def test_auditor_sees_everything_and_changes_nothing():
    auditor = permissions_of(Role.AUDITOR)

    ours = ("catalog", "channels", "common", "customers", "inventory", "orders", "purchasing")
    views = {p for p in all_permissions() if p.startswith(ours) and ".view_" in p}
    assert views <= auditor
    assert [permission for permission in auditor if ".view_" not in permission] == []


def test_accountant_sees_no_customers_and_no_addresses():
    accountant = permissions_of(Role.ACCOUNTANT)

    assert [permission for permission in accountant if permission.startswith("customers.")] == []
    assert "orders.view_order" not in accountant


def test_nobody_but_superusers_handles_people_roles_and_credentials():
    for role in Role:
        dangerous = {
            permission
            for permission in permissions_of(role)
            if permission.endswith(("_user", "_group", "_permission", "_channel"))
            and ".view_" not in permission
        }
        assert dangerous == set()


def test_who_raises_is_not_who_approves():
    for role in Role:
        permissions = permissions_of(role)
        assert (
            not {
                "purchasing.add_purchaseorder",
                "purchasing.approve_purchaseorder",
            }
            <= permissions
        )
        assert (
            not {
                "purchasing.add_supplierinvoice",
                "purchasing.approve_supplierinvoice",
            }
            <= permissions
        )
