#!/usr/bin/env python
"""Run a command of the back office; without DATABASE_URL on a database of its own."""

import os
import sys

from django.core.management import execute_from_command_line

# These read no rows, so they start no server either; demo starts and stops its own.
WITHOUT_DATABASE = frozenset(
    {"check", "collectstatic", "demo", "diffsettings", "help", "--help", "spectacular", "--version"}
)


def main(arguments: list[str]) -> None:
    """Set up what the command needs that the environment does not name, then run it."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "retail.settings")
    if "DATABASE_URL" not in os.environ:
        # No database was named, so this is somebody's own machine and not an installation.
        os.environ.setdefault("RETAIL_DEMO", "1")
        if arguments[1:] and arguments[1] not in WITHOUT_DATABASE:
            _start_database()
    execute_from_command_line(arguments)


def _start_database() -> None:
    from django.conf import settings  # noqa: PLC0415 (the environment must be complete first)

    from retail.embedded import postgres  # noqa: PLC0415 (not needed with a database of one's own)
    from retail.embedded.folders import EmbeddedServerError  # noqa: PLC0415 (as above)

    try:
        postgres.start(settings.DEMO_DIR / "postgres")
    except EmbeddedServerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv)
