"""Sheets of counts as the operations make them: opened, counted, handed in."""

import itertools
from datetime import timedelta

from inventory.models import StockCount, StockCountEntry, StockCountLine
from inventory.operations import open_count, post_count, record_counts
from tests.factories.inventory import STOCKED_AT, stock

OPENED_AT = STOCKED_AT + timedelta(days=1)
COUNTED_AT = OPENED_AT + timedelta(hours=1)
_keys = itertools.count()


def open_sheet(*levels, at=OPENED_AT, key=None, is_blind=False, by=None):
    """Put levels of one location on a new sheet, by default a new level of ten units."""
    levels = levels or [stock()]
    return open_count(
        location=levels[0].location,
        variant_ids=[level.variant_id for level in levels],
        key=key or f"sheet-{next(_keys)}",
        is_blind=is_blind,
        at=at,
        by=by,
    )


def line_of(count, level):
    """Return the line of a level on a sheet as it is stored now."""
    return StockCountLine.objects.get(count=count, level=level)


def enter(count, counted, *, counted_at=COUNTED_AT, at=None, by=None):
    """Enter what was counted: level -> units; return the lines."""
    return record_counts(
        count_id=count.pk,
        counted={line_of(count, level).pk: units for level, units in counted.items()},
        counted_at=counted_at,
        at=at or counted_at,
        by=by,
    )


def counted_sheet(counted=None, *, by=None, **changes):
    """Open a sheet and enter all of it (level -> units), by default eight of ten units."""
    counted = counted or {stock(): 8}
    count = open_sheet(*counted, by=by, **changes)
    enter(count, counted, by=by)
    return count


def submitted_sheet(counted=None, *, at=COUNTED_AT, by=None):
    """Hand in a sheet that was counted whole; return it as it is then."""
    return post_count(count_id=counted_sheet(counted, by=by).pk, at=at, by=by).count


def _counted_row(model):
    def make():
        counted_sheet()
        return model.objects.latest("pk")

    return make


MAKERS = {
    StockCount: counted_sheet,
    StockCountLine: _counted_row(StockCountLine),
    StockCountEntry: _counted_row(StockCountEntry),
}
