"""Fixtures for every test."""

import os

import pytest
from django.test import TransactionTestCase

from tests import database


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_blocker):
    """Give this process a database of its own, and every test that commits a fresh copy."""
    name = "_".join(["test_retail", os.environ.get("PYTEST_XDIST_WORKER", "")]).rstrip("_")
    patch = pytest.MonkeyPatch()
    with django_db_blocker.unblock():
        database.recreate(name)
    patch.setattr(TransactionTestCase, "_fixture_teardown", lambda _: database.recreate(name))

    yield

    patch.undo()
    with django_db_blocker.unblock():
        database.drop(name)


@pytest.fixture(autouse=True)
def _fast_passwords(settings):
    """Hash passwords cheaply: the slow hash is Django's to test, and many tests sign in."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
