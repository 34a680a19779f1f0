"""Who may sign in is for superusers: whoever edits people could give themselves everything."""

import pytest
from django.contrib.auth.models import Group

from tests.factories.common import UserFactory
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db

EVERY_RIGHT_OVER_PEOPLE = tuple(
    f"{label}.{verb}_{model}"
    for label, model in (("common", "user"), ("auth", "group"))
    for verb in ("view", "add", "change", "delete")
)


def test_person_with_change_user_cannot_become_superuser():
    climber = person_who_may(*EVERY_RIGHT_OVER_PEOPLE)

    answer = browser_of(climber).post(
        f"/common/user/{climber.pk}/change/",
        {"username": climber.username, "is_superuser": "on", "is_staff": "on", "is_active": "on"},
    )

    climber.refresh_from_db()
    assert answer.status_code == 403
    assert not climber.is_superuser


@pytest.mark.parametrize(
    "address",
    [
        "/common/user/",
        "/common/user/add/",
        "/common/user/{user}/change/",
        "/common/user/{user}/password/",
        "/common/user/{user}/delete/",
        "/auth/group/",
        "/auth/group/add/",
        "/auth/group/{group}/change/",
        "/auth/group/{group}/delete/",
    ],
)
def test_pages_of_people_and_roles_are_closed_to_all_but_superusers(address):
    other, group = UserFactory(), Group.objects.order_by("pk").first()
    climber = person_who_may(*EVERY_RIGHT_OVER_PEOPLE)

    answer = browser_of(climber).get(address.format(user=other.pk, group=group.pk))

    assert answer.status_code == 403


def test_superuser_puts_a_person_into_a_role():
    newcomer, role = UserFactory(), Group.objects.get(name="Buyer")

    answer = browser_of(superuser()).post(
        f"/common/user/{newcomer.pk}/change/",
        {
            "username": newcomer.username,
            "is_active": "on",
            "is_staff": "on",
            "groups": [role.pk],
            "date_joined_0": "2026-11-22",
            "date_joined_1": "12:00",
        },
    )

    assert answer.status_code == 302
    assert list(newcomer.groups.all()) == [role]


def test_superuser_adds_a_person():
    browser = browser_of(superuser())

    shown = browser.get("/common/user/add/")
    answer = browser.post(
        "/common/user/add/",
        {
            "username": "newcomer",
            "usable_password": "true",
            "password1": "a long and odd phrase",
            "password2": "a long and odd phrase",
        },
    )

    assert (shown.status_code, answer.status_code) == (200, 302)


def test_people_are_never_deleted():
    other = UserFactory()

    assert browser_of(superuser()).get(f"/common/user/{other.pk}/delete/").status_code == 403
