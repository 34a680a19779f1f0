"""What a program needs that a test starts beside itself."""

import os
from urllib.parse import urlsplit

from django.db import connection


def environment_of_the_test(**more: str) -> dict[str, str]:
    """Return the environment of this process, with the test's own database in it."""
    address = urlsplit(os.environ["DATABASE_URL"])
    database = address._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    return {**os.environ, "DATABASE_URL": database, **more}
