"""What makes a supplier's file look wrong: at the limit it passes, above it stops."""

import pytest

from purchasing import operations
from purchasing.models import SupplierProduct
from purchasing.operations import StoppedByGuards
from retail.common.models import ImportRun
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import (
    SupplierFileProfileFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def profile():
    """Limits that stop nothing; a test sets the one it is about."""
    return SupplierFileProfileFactory(
        columns={"supplier_sku": "SKU", "unit_cost": "Cost", "available_units": "Stock"},
        max_price_change_percent=30,
        max_large_changes_percent=100,
        max_emptied_percent=100,
        max_missing_percent=100,
        max_refused_percent=100,
    )


@pytest.fixture
def catalog(profile):
    """Ten articles, A-0 to A-9, at 10.00, of which eight are in stock."""
    for number in range(10):
        article = SupplierProductFactory(
            supplier=profile.supplier,
            supplier_sku=f"A-{number}",
            variant=None,
            available_units=5 if number < 8 else 0,
        )
        SupplierPriceFactory(supplier_product=article, unit_cost="10")


@pytest.fixture
def stage(profile, tmp_path):
    def write_and_stage(*lines, **limits):
        for name, limit in limits.items():
            setattr(profile, name, limit)
        profile.save()
        path = tmp_path / "prices.csv"
        path.write_text("\n".join(["SKU;Cost;Stock", *lines]) + "\n", encoding="utf-8")
        return operations.stage_supplier_file(profile=profile, path=path, at=NOON, by=None)

    return write_and_stage


def apply(run, reason="", by=None):
    return operations.apply_supplier_file(run_id=run.pk, at=NOON, by=by, reason=reason)


def lines(costs=(), stock=()):
    """Return ten lines: as in the catalog, but for the first of them."""
    told = [[f"A-{number}", "10", ""] for number in range(10)]
    for number, cost in enumerate(costs):
        told[number][1] = str(cost)
    for number, units in enumerate(stock):
        told[number][2] = str(units)
    return [";".join(line) for line in told]


CASES = [
    (
        "max_large_changes_percent",
        20,
        lines(costs=["13.01", "6.99"]),
        lines(costs=["13.01", "6.99", "0"]),
        "3 prices of 10 change by more than 30 percent: 30 percent, where the profile allows 20.",
    ),
    (
        "max_emptied_percent",
        50,
        lines(stock=[0] * 4),
        lines(stock=[0] * 5),
        (
            "5 of the 8 articles the supplier has in stock would become 0: 62.5 percent, where the"
            " profile allows 50."
        ),
    ),
    (
        "max_missing_percent",
        50,
        lines()[:5],
        lines()[:4],
        (
            "6 of the 10 articles we know are not in the file: 60 percent, where the profile allows"
            " 50."
        ),
    ),
    (
        "max_refused_percent",
        50,
        [*lines(), *["A;x;"] * 10],
        [*lines(), *["A;x;"] * 11],
        "11 of 21 lines were refused: 52.4 percent, where the profile allows 50.",
    ),
]


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize(("name", "limit", "at_limit"), [case[:3] for case in CASES])
def test_file_at_the_limit_is_applied(stage, name, limit, at_limit):
    run = stage(*at_limit, **{name: limit})

    assert run.report["guards"] == []
    assert apply(run).status == "DONE"


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize(
    ("name", "limit", "above", "text"), [(*case[:2], *case[3:]) for case in CASES]
)
def test_file_above_the_limit_is_stopped_in_words(stage, name, limit, above, text):
    run = stage(*above, **{name: limit})

    assert [guard["text"] for guard in run.report["guards"]] == [text]
    with pytest.raises(StoppedByGuards) as refused:
        apply(run, reason="  ")

    assert text in refused.value.message
    assert ImportRun.objects.get().status == "STAGED"
    assert not SupplierProduct.objects.filter(seen_at__isnull=False).exists()


@pytest.mark.usefixtures("catalog")
def test_stopped_file_is_applied_for_a_reason_that_is_kept(stage):
    run = stage(*lines(costs=["99"]), max_large_changes_percent=0)

    done = apply(run, reason="New list of the year.", by=UserFactory(username="berta"))

    assert (done.status, done.lines_imported, done.lines_skipped) == ("DONE", 1, 9)
    assert done.report["overruled_because"] == "New list of the year."
    assert done.report["applied_by"] == "berta"


@pytest.mark.usefixtures("catalog")
def test_reason_that_nothing_asked_for_is_not_kept(stage):
    run = stage(*lines(costs=["99"]))

    assert apply(run, reason="Just so.").report["overruled_because"] == ""


def test_nothing_known_yet_stops_nothing(stage):
    run = stage(
        "A-1;0;0",
        "A-2;0;0",
        max_large_changes_percent=0,
        max_emptied_percent=0,
        max_missing_percent=0,
        max_refused_percent=0,
    )

    assert run.report["guards"] == []
    assert run.report["zero_prices"] == 2
    assert apply(run).lines_imported == 2


def test_first_file_of_refused_lines_is_stopped(stage):
    run = stage("A-1;1;0", "A-2;-1;0", max_refused_percent=0)

    assert [guard["code"] for guard in run.report["guards"]] == ["refused"]


@pytest.mark.usefixtures("catalog")
def test_catalog_that_changed_since_the_file_was_read_is_looked_at_again(stage, profile):
    run = stage(*lines(), max_missing_percent=0)
    SupplierProductFactory(supplier=profile.supplier, supplier_sku="B-1")

    with pytest.raises(StoppedByGuards, match="1 of the 11 articles we know"):
        apply(run)

    assert ImportRun.objects.get().status == "STAGED"


@pytest.mark.usefixtures("catalog")
def test_declined_and_inactive_articles_are_not_missed(stage, profile):
    SupplierProductFactory(
        supplier=profile.supplier, supplier_sku="B-1", variant=None, declined_at=NOON
    )
    SupplierProductFactory(supplier=profile.supplier, supplier_sku="B-2", is_active=False)

    run = stage(*lines(), max_missing_percent=0)

    assert (run.report["known"], run.report["not_in_file"]) == (10, 0)
    assert run.report["guards"] == []
