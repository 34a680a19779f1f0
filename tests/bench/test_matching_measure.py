"""Matching measured in small: it runs, and the SQL beside ours leaves the same rows."""

import pytest

from bench import matching
from purchasing.models import MatchAllocation, SupplierInvoice
from purchasing.queries import differences


@pytest.mark.django_db(transaction=True)
def test_bills_are_measured_in_small(monkeypatch):
    monkeypatch.setattr(matching, "ARTICLES", 20)

    [measure] = matching.measure(lines=120)

    ours = SupplierInvoice.objects.filter(supplier__code__startswith="ours")
    assert measure.unit == "lines"
    assert MatchAllocation.objects.count() == 2 * (120 + 12 + 3)
    assert sorted(ours.values_list("status", flat=True).distinct()) == [
        "MATCHED",
        "MATCHING",
        "ON_HOLD",
    ]
    assert [one for one in differences() if one.kind == "units of a receipt matched"] == []
