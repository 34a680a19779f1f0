"""Whether stored totals are what the ledgers say, over all apps at one moment."""

from __future__ import annotations

from inventory.queries import differences as differences_in_inventory
from orders.queries import differences as differences_in_orders
from purchasing.queries import differences as differences_in_purchasing
from retail.common.integrity import Difference, snapshot


def all_differences() -> list[Difference]:
    """
    Return every total that differs from its ledger; nothing is repaired.

    It opens a transaction of its own and so cannot be called inside one.
    """
    with snapshot():
        return [
            *differences_in_inventory(),
            *differences_in_orders(),
            *differences_in_purchasing(),
        ]
