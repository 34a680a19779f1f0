"""Postings held between their check and their writing, for tests of what waits for them."""

from contextlib import contextmanager
from threading import Event
from unittest import mock

import pytest
from django.db import connection

from inventory.operations import posting
from tests.races import beside

SECONDS = 20


def wait_until_somebody_waits():
    """Return when another connection waits for the ledgers."""
    with connection.cursor() as cursor:
        for _ in range(SECONDS * 50):
            cursor.execute(
                "SELECT count(*) FROM pg_locks"
                " WHERE NOT granted AND relation = 'inventory_costmovement'::regclass"
            )
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.02)")
    pytest.fail("nobody waited")


@contextmanager
def held_after_the_check(post):
    """Let a posting stop between check and writing; give its future and what lets it go on."""
    checked, go_on = Event(), Event()
    check = posting.require_open_period

    def check_and_wait(at):
        check(at)
        checked.set()
        assert go_on.wait(timeout=SECONDS)

    with (
        mock.patch.object(posting, "require_open_period", check_and_wait),
        beside(post) as posted,
    ):
        assert checked.wait(timeout=SECONDS)
        try:
            yield posted, go_on
        finally:
            go_on.set()
