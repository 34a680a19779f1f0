"""Whatever comes in, is sold and goes back, in any order: what holds of units and cost."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.models import CostMovement, CostPool, StockLevel, StockMovement
from inventory.operations import (
    InsufficientStock,
    Received,
    issue_stock,
    receive_stock,
    return_to_supplier,
    reverse_receipt,
)
from inventory.queries import differences
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory

pytestmark = pytest.mark.django_db

moves = st.lists(
    st.tuples(
        st.sampled_from(["receive", "sell", "send back", "reverse"]),
        st.integers(0, 1),
        st.integers(1, 12),
        st.decimals(0, 300, places=2),
    ),
    min_size=4,
    max_size=16,
)


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(moves)
def test_whatever_goes_back_the_ledgers_add_up(moves):
    """Each act twice; what is short is refused and leaves nothing behind."""
    variant, places = VariantFactory(), [LocationFactory(), LocationFactory()]
    credited = Decimal(0)

    for number, (kind, where, units, value) in enumerate(moves):
        reference = f"{kind} {number} of {variant.sku}"
        for _ in range(2):
            try:
                _do(kind, variant, places[where], units, value, reference)
            except InsufficientStock:
                assert not _moved(reference)
        if kind in {"send back", "reverse"} and _moved(reference):
            credited += value

    rows = CostMovement.objects.filter(pool__variant=variant).order_by("pk")
    running_units, running_value = 0, Decimal(0)
    for row in rows:
        assert row.units_before == running_units
        running_units, running_value = running_units + row.units, running_value + row.value
        assert running_units >= 0
        assert running_value >= 0
        assert running_units or running_value == 0
    pools = CostPool.objects.filter(variant=variant).values_list("units", "value")
    assert list(pools) in ([], [(running_units, running_value)])
    levels = StockLevel.objects.filter(variant=variant).values_list("on_hand", flat=True)
    assert sum(levels) == running_units
    back = [row for row in rows if row.reference.startswith(("send back", "reverse"))]
    assert -sum(row.value for row in back) - sum(row.expensed for row in back) == credited
    assert differences() == []


def _do(kind, variant, location, units, value, reference):
    if kind == "receive":
        goods = {variant.pk: Received(units=units, value=value)}
        receive_stock(location=location, received=goods, reference=reference, at=NOON)
    elif kind == "sell":
        issue_stock(
            location=location,
            units={variant.pk: units},
            kind="SALE",
            reference=reference,
            at=NOON,
        )
    else:
        act = return_to_supplier if kind == "send back" else reverse_receipt
        act(
            units={(location.pk, variant.pk): units},
            credits={variant.pk: value},
            reference=reference,
            at=NOON,
        )


def _moved(reference):
    return StockMovement.objects.filter(reference=reference).exists()
