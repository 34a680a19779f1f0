"""Fixtures for every test."""

import pytest


@pytest.fixture(autouse=True)
def _fast_passwords(settings):
    """Hash passwords cheaply: the slow hash is Django's to test, and many tests sign in."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
