"""How long ago, as people say it."""

from __future__ import annotations

from datetime import timedelta

_UNITS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
    (timedelta(seconds=1), "second"),
)


def in_words(age: timedelta) -> str:
    """Return the age in its largest unit: "3 days", "1 hour", "0 seconds"."""
    for unit, name in _UNITS:
        count = age // unit
        if count:
            return f"{count} {name}" if count == 1 else f"{count} {name}s"
    return "0 seconds"
