"""How stock stood at the end of a day, kept."""

import itertools
from datetime import timedelta

from inventory.models import LevelSnapshot, PoolSnapshot, StockSnapshot
from inventory.operations import take_snapshot
from tests.factories.inventory import STOCKED_AT, stock

_days = itertools.count(1)


def end_of_day(*, ends_at=None):
    """Keep how stock stood, by default of a new article, at the end of a later day each time."""
    if ends_at is None:
        ends_at = STOCKED_AT + timedelta(days=next(_days))
        stock(value="20.00", at=ends_at - timedelta(hours=1))
    return take_snapshot(ends_at=ends_at, at=ends_at)


def _newest_of(model):
    def make():
        end_of_day()
        return model.objects.latest("pk")

    return make


MAKERS = {
    StockSnapshot: end_of_day,
    LevelSnapshot: _newest_of(LevelSnapshot),
    PoolSnapshot: _newest_of(PoolSnapshot),
}
