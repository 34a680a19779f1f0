"""The same file, or two files of one supplier, at the same moment."""

from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import IntegrityError, models

from purchasing import operations
from purchasing.models import SupplierPrice, SupplierProduct
from purchasing.operations.catalogues import applying
from retail.common.imports import AlreadyImported
from retail.common.models import ImportRun
from tests.factories.common import NOON
from tests.factories.purchasing import SupplierFileProfileFactory
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stage(tmp_path):
    profile = SupplierFileProfileFactory(
        columns={"supplier_sku": "SKU", "unit_cost": "Cost"}, max_large_changes_percent=100
    )

    def prepare(name, cost):
        path = tmp_path / name
        path.write_text(f"SKU;Cost\nA-1;{cost}\nA-2;{cost}\n", encoding="utf-8")
        return partial(operations.stage_supplier_file, profile=profile, path=path, at=NOON, by=None)

    return prepare


def apply(run):
    return partial(operations.apply_supplier_file, run_id=run.pk, at=NOON, by=None)


def test_file_uploaded_twice_at_once_is_staged_once(stage):
    outcomes = race(stage("one.csv", 1), stage("two.csv", 1))

    assert sum(isinstance(outcome, AlreadyImported) for outcome in outcomes) == 1
    assert ImportRun.objects.get().status == "STAGED"


def test_file_applied_twice_at_once_is_applied_once(stage):
    run = stage("prices.csv", 1)()

    outcomes = race(apply(run), apply(run))

    assert [outcome.lines_imported for outcome in outcomes] == [2, 2]
    assert SupplierProduct.objects.count() == SupplierPrice.objects.count() == 2


def test_two_files_of_a_supplier_are_applied_in_turn(stage):
    cheap, dear = stage("cheap.csv", 1)(), stage("dear.csv", 2)()

    outcomes = race(apply(cheap), apply(dear))

    assert all(outcome.status == "DONE" for outcome in outcomes)
    assert SupplierProduct.objects.count() == SupplierPrice.objects.count() == 2
    assert len(set(SupplierPrice.objects.values_list("unit_cost", flat=True))) == 1


def test_without_the_locks_two_files_add_the_same_article(stage):
    """Control: both compare with an empty catalog before either writes."""
    cheap, dear = stage("cheap.csv", 1)(), stage("dear.csv", 2)()
    both_have_compared, compare = Barrier(2), applying.compare

    def compare_and_wait(**facts):
        figures = compare(**facts)
        both_have_compared.wait(timeout=5)
        return figures

    with (
        mock.patch.object(models.QuerySet, "select_for_update", lambda queryset, **_: queryset),
        mock.patch.object(applying, "compare", compare_and_wait),
    ):
        outcomes = race(apply(cheap), apply(dear))

    assert sum(isinstance(outcome, IntegrityError) for outcome in outcomes) == 1
