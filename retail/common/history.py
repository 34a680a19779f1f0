"""Earlier versions of a row, kept by database triggers that see bulk writes and raw SQL too."""

from __future__ import annotations

from collections.abc import Callable

import pghistory
from django.db import models


def keep_history(*fields: str) -> Callable[[type[models.Model]], type[models.Model]]:
    """
    Class decorator: before a row is changed or deleted, store it as it was.

    fields: what is kept and watched; everything when none is named.
    """
    track: Callable[[type[models.Model]], type[models.Model]] = pghistory.track(
        pghistory.UpdateEvent(row=pghistory.Old),
        pghistory.DeleteEvent(),
        fields=list(fields) or None,
    )
    return track
