"""Locks of stock taken away, for the controls of races: what would happen without them."""

from contextlib import ExitStack, contextmanager
from threading import Barrier
from unittest import mock

from django.db import models

from inventory.models import AllocationQuerySet, CostPoolQuerySet, StockLevelQuerySet
from tests.races import SECONDS_TO_WAIT

LOCKED = (StockLevelQuerySet, AllocationQuerySet, CostPoolQuerySet)


@contextmanager
def without_locks():
    """Turn every lock of stock, promises and cost into a mere reading."""
    with ExitStack() as patches:
        for queryset in LOCKED:
            patches.enter_context(mock.patch.object(queryset, "for_update", models.QuerySet.all))
        yield


@contextmanager
def pools_locked_in_the_order_asked_for(owner):
    """
    Let an operation lock the pools one by one, in the order of its document.

    Each of two callers has the first one before either asks for the second. owner: the module
    whose operations lock them.
    """
    both_have_one, lock_pools = Barrier(2), owner.lock_pools

    def lock_one_by_one(variant_ids):
        locked = {}
        for variant_id in variant_ids:
            locked |= lock_pools([variant_id])
            if len(locked) == 1:
                both_have_one.wait(timeout=SECONDS_TO_WAIT)
        return locked

    with mock.patch.object(owner, "lock_pools", lock_one_by_one):
        yield
