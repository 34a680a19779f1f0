"""Pages of lists that never count, nor leaf through, more rows than anybody looks at."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.utils.functional import cached_property

MOST_ROWS = 1_000


class StoppedPaginator(Paginator):  # type: ignore[type-arg]  # generic in its stubs only
    """
    Counts to `MOST_ROWS` and shows no more of them: whoever looks for others narrows the list.

    A million rows are not counted for each page, nor is their millionth reached by walking.
    """

    template_name = "admin/stopped_pagination.html"

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST_ROWS)

    @property
    def is_stopped(self) -> bool:
        """Whether there are more rows than are shown."""
        return self._counted > MOST_ROWS

    @cached_property
    def _counted(self) -> int:
        rows: int = self.object_list.order_by()[: MOST_ROWS + 1].count()  # type: ignore[union-attr]  # a queryset, always
        return rows
