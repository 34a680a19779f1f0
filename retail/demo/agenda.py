"""A calendar of things to happen, so that a year can be told in the order it went."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime

Happening = Callable[[datetime], None]


class Agenda:
    """Happenings by moment; one that is running may put further ones in."""

    def __init__(self) -> None:
        self._heap: list[tuple[datetime, int, Happening]] = []
        self._tickets = itertools.count()

    def add(self, at: datetime, happening: Happening) -> None:
        """Put something in for a moment; of two at the same moment, the earlier added is first."""
        heapq.heappush(self._heap, (at, next(self._tickets), happening))

    def run_until(self, end: datetime, progress: Callable[[datetime], None]) -> None:
        """Let everything happen that is due before the end; what is later never does."""
        while self._heap and self._heap[0][0] < end:
            at, _, happening = heapq.heappop(self._heap)
            happening(at)
            progress(at)
