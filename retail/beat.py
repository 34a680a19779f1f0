"""The clock of the scheduled tasks, of which one may tick at a time."""

import logging
import time
from typing import Any

from django.db import connections
from django_celery_beat.schedulers import DatabaseScheduler

logger = logging.getLogger(__name__)

# A number of our own among PostgreSQL's advisory locks.
BEAT_LOCK = 72_657_461
SECONDS_BETWEEN_TRIES = 5


class SingleScheduler(DatabaseScheduler):
    """
    Schedules from the database, ticking only while it holds a lock there.

    Two clocks would send every task twice. A second one waits until the first ends; one that
    loses its connection, and with it the lock, stops with an error and is started again.
    """

    def setup_schedule(self) -> None:
        self._lock = connections.create_connection("default")
        while not self._take_lock():
            logger.info("Another clock is ticking; waiting for it to end.")
            time.sleep(SECONDS_BETWEEN_TRIES)
        super().setup_schedule()

    def tick(self, *args: Any, **kwargs: Any) -> float:
        with self._lock.cursor() as cursor:
            cursor.execute("SELECT 1")
        return super().tick(*args, **kwargs)

    def close(self) -> None:
        super().close()
        self._lock.close()

    def _take_lock(self) -> bool:
        with self._lock.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [BEAT_LOCK])
            return bool(cursor.fetchone()[0])
