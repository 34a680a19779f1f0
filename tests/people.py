"""People for tests: signed in, with just the permissions a test names."""

import re

from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.test import Client

from retail.common.models import User
from tests.factories.common import UserFactory


def person_who_may(*permissions: str) -> User:
    """Return a staff user with exactly these permissions, each as `app.codename`."""
    user = UserFactory()
    for name in permissions:
        app_label, codename = name.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app_label, codename=codename)
        )
    return user


def browser_of(user: User) -> Client:
    """Return a browser in which the user is signed in."""
    client = Client()
    client.force_login(user)
    return client


def superuser() -> User:
    return UserFactory(is_superuser=True)


def confirm(browser: Client, url: str, form: dict[str, object]) -> HttpResponse:
    """Send the form of an act that shows its plan first, then confirm what that page shows."""
    shown = browser.post(url, form)
    sealed = re.search(r'name="confirmed" value="(\w+)"', shown.content.decode())
    if sealed is None:
        return shown
    return browser.post(url, form | {"confirmed": sealed[1]}, follow=True)
