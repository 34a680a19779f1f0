"""What the columns beyond the price do to the catalog: days, multiples, links, proposals."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from purchasing import operations
from purchasing.models import SupplierFileRow, SupplierPrice, SupplierProduct
from purchasing.queries import Difference, staged_lines
from retail.common.imports import rejects_csv
from retail.common.models import ImportRun
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON
from tests.factories.purchasing import (
    SupplierFileProfileFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
)

pytestmark = pytest.mark.django_db

TODAY = NOON.date()
NEW_YEAR = date(2027, 1, 1)
TITLES = "SKU;EAN;Ours;Cost;Multiple;Days;Stock;Back;From"


@pytest.fixture
def profile():
    return SupplierFileProfileFactory(
        columns={
            "supplier_sku": "SKU",
            "gtin": "EAN",
            "our_sku": "Ours",
            "unit_cost": "Cost",
            "order_multiple": "Multiple",
            "lead_time_days": "Days",
            "available_units": "Stock",
            "back_in_stock_on": "Back",
            "valid_from": "From",
        },
        max_missing_percent=100,
        max_large_changes_percent=100,
        max_emptied_percent=100,
        max_refused_percent=100,
    )


@pytest.fixture
def stage(profile, tmp_path):
    def write_and_stage(*lines, at=NOON, text=None):
        path = tmp_path / "prices.csv"
        path.write_text(text or "\n".join([TITLES, *lines]) + "\n", encoding="utf-8", newline="")
        return operations.stage_supplier_file(profile=profile, path=path, at=at, by=None)

    return write_and_stage


@pytest.fixture
def take_in(stage):
    def stage_and_apply(*lines, at=NOON, **options):
        run = stage(*lines, at=at, **options)
        return operations.apply_supplier_file(run_id=run.pk, at=at, by=None)

    return stage_and_apply


def prices():
    return list(
        SupplierPrice.objects.order_by("valid_from").values_list(
            "unit_cost", "valid_from", "valid_to"
        )
    )


def test_every_column_arrives(take_in):
    run = take_in("A-1;;;2.50;6;14;0;2026-08-01;")

    article = SupplierProduct.objects.get()
    assert (article.order_multiple, article.lead_time_days) == (6, 14)
    assert (article.available_units, article.available_said_at) == (0, NOON)
    assert article.back_in_stock_on == date(2026, 8, 1)
    assert SupplierPrice.objects.get().run == run


def test_what_is_told_again_is_no_change(take_in):
    take_in("A-1;;;2.50;6;14;5;2026-08-01;")

    again = take_in("A-1;;;2.5;6;14;5;2026-08-01;", at=NOON + timedelta(days=1))

    article = SupplierProduct.objects.get()
    assert (again.lines_imported, again.lines_skipped) == (0, 1)
    assert (article.seen_at, article.available_said_at) == (NOON, NOON)


def test_stock_that_is_not_told_keeps_when_it_was(take_in):
    take_in("A-1;;;2.50;;;5;;")

    take_in("A-1;;;2.50;3;;;;", at=NOON + timedelta(days=1))

    article = SupplierProduct.objects.get()
    assert (article.order_multiple, article.available_said_at) == (3, NOON)


def test_article_that_is_there_again_has_no_day_to_wait_for(take_in):
    take_in("A-1;;;2.50;;;0;2026-08-01;")
    take_in("A-1;;;2.50;;;0;;")
    still_waiting = SupplierProduct.objects.get().back_in_stock_on

    take_in("A-1;;;2.50;;;7;;")

    assert still_waiting == date(2026, 8, 1)
    assert SupplierProduct.objects.get().back_in_stock_on is None


def test_price_of_a_later_day_ends_the_one_before_on_that_day(take_in):
    take_in("A-1;;;2.50;;;;;")

    take_in("A-1;;;3.00;;;;;2027-01-01")

    assert prices() == [
        (Decimal("2.50"), TODAY, NEW_YEAR),
        (Decimal("3.00"), NEW_YEAR, None),
    ]


def test_price_of_a_later_day_told_again_is_no_change(take_in):
    take_in("A-1;;;2.50;;;;;")
    take_in("A-1;;;3.00;;;;;2027-01-01")

    before_the_day = take_in("A-1;;;3.0;;;;;2027-01-01")
    on_the_day = take_in("A-1;;;3;;;;;2027-01-01", at=NOON.replace(year=2027, month=2))

    assert (before_the_day.lines_imported, on_the_day.lines_imported) == (0, 0)
    assert len(prices()) == 2


def test_price_of_a_later_day_is_corrected_by_the_next_file(take_in):
    take_in("A-1;;;2.50;;;;;")
    take_in("A-1;;;3.00;;;;;2027-01-01")

    take_in("A-1;;;2.90;;;;;2027-01-01")

    assert prices() == [
        (Decimal("2.50"), TODAY, NEW_YEAR),
        (Decimal("2.90"), NEW_YEAR, None),
    ]


def test_price_between_two_days_ends_when_the_later_begins(take_in):
    take_in("A-1;;;2.50;;;;;")
    take_in("A-1;;;3.00;;;;;2027-01-01")

    take_in("A-1;;;2.70;;;;;2026-12-01")

    assert prices() == [
        (Decimal("2.50"), TODAY, date(2026, 12, 1)),
        (Decimal("2.70"), date(2026, 12, 1), NEW_YEAR),
        (Decimal("3.00"), NEW_YEAR, None),
    ]


def test_price_of_a_day_that_is_over_holds_from_today(take_in):
    take_in("A-1;;;2.50;;;;;2020-01-01")

    assert prices() == [(Decimal("2.50"), TODAY, None)]


def test_lines_are_linked_by_gtin_before_our_sku(take_in):
    by_gtin = VariantFactory(gtin="4006381333931")
    by_our_sku = VariantFactory(sku="MUG-1")
    VariantFactory(sku="MUG-2", gtin="96385074")

    take_in(
        "A-1;4006381333931;MUG-1;1;;;;;",
        "A-2;;MUG-1;1;;;;;",
        "A-3;4012345678901;MUG-2;1;;;;;",
    )

    assert dict(SupplierProduct.objects.values_list("supplier_sku", "variant")) == {
        "A-1": by_gtin.pk,
        "A-2": by_our_sku.pk,
        "A-3": None,
    }


def test_declined_article_is_counted_and_not_proposed_anew(take_in, profile):
    VariantFactory(gtin="4006381333931")
    SupplierProductFactory(
        supplier=profile.supplier, supplier_sku="A-1", variant=None, declined_at=NOON
    )

    run = take_in("A-1;4006381333931;;1;;;;;", "A-2;;;1;;;;;")

    declined = SupplierProduct.objects.get(supplier_sku="A-1")
    assert (declined.variant, declined.declined_at) == (None, NOON)
    assert (run.report["new"], run.report["proposals"], run.report["declined"]) == (1, 1, 1)
    assert run.lines_read == run.lines_imported + run.lines_refused + run.lines_skipped == 2


def test_footers_are_skipped_and_counted(stage, profile):
    profile.footer_words = "Total"
    profile.save()

    run = stage("A-1;;;1;;;;;", "Total;;;1;;;;;")
    done = operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)

    assert (run.lines_read, run.lines_skipped, run.report["skipped"]) == (2, 1, 1)
    assert run.report["passed_over"] == [
        {"line_number": 3, "reason": "The line begins with Total."}
    ]
    assert (done.lines_imported, done.lines_refused, done.lines_skipped) == (1, 0, 1)


def test_differences_are_told_field_by_field(stage, profile):
    variant = VariantFactory(sku="MUG-1", gtin="4006381333931")
    article = SupplierProductFactory(
        supplier=profile.supplier, supplier_sku="A-1", variant=None, available_units=5
    )
    SupplierPriceFactory(supplier_product=article, unit_cost="2.50")

    run = stage("A-1;4006381333931;;3.00;6;;0;2026-08-01;2027-01-01", "B-1;;;1;;;;;")
    [changed] = staged_lines(run=run, verdict="CHANGED", on=TODAY, limit=10)
    [new] = staged_lines(run=run, verdict="NEW", on=TODAY, limit=10)

    assert (changed.line_number, changed.holds_from) == (2, NEW_YEAR)
    assert changed.differences == (
        Difference("price", Decimal("2.50"), Decimal("3.00")),
        Difference("GTIN", "", "4006381333931"),
        Difference("our article", None, variant.sku),
        Difference("multiple", 1, 6),
        Difference("available", 5, 0),
        Difference("there again on", None, date(2026, 8, 1)),
    )
    assert (new.supplier_sku, new.differences[0]) == (
        "B-1",
        Difference("price", None, Decimal(1)),
    )
    assert SupplierProduct.objects.count() == 1


def corrected(run, *replacements):
    text = "".join(rejects_csv(run)).removeprefix("\ufeff")
    for wrong, right in replacements:
        assert wrong in text
        text = text.replace(wrong, right)
    return text


def test_corrected_rejects_are_imported_and_nothing_else(stage, take_in, profile):
    profile.max_missing_percent = 0
    profile.save()
    run = take_in("A-1;;;1;;;;;", "-B;;;x;;;5;;", "C-1;;;1", "A-2;;;2;;;;;")
    text = corrected(run, ("'-B,,,x", "'-B,,,4.50"), ("C-1,,,1,", "C-1,,,7,"))

    again = stage(text=text)
    done = operations.apply_supplier_file(run_id=again.pk, at=NOON, by=None)

    assert (run.lines_read, run.lines_imported, run.lines_refused) == (4, 2, 2)
    assert again.report["is_correction"] is True
    assert (done.lines_read, done.lines_imported, done.lines_refused) == (2, 2, 0)
    assert dict(
        SupplierPrice.objects.values_list("supplier_product__supplier_sku", "unit_cost")
    ) == {
        "A-1": Decimal(1),
        "A-2": Decimal(2),
        "-B": Decimal("4.50"),
        "C-1": Decimal(7),
    }


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_rejects_are_read_however_a_spreadsheet_saved_them(stage, take_in, delimiter):
    run = take_in("A-1;;;1;;;;;", "B-1;;;x;;;5;;", "C-1;;;y;;;5;;")
    text = corrected(run, (",x,", ",4.5,")).replace(",", delimiter)

    again = stage(text=text)

    assert (again.lines_read, again.lines_refused) == (2, 1)
    assert SupplierFileRow.objects.get(run=again).supplier_sku == "B-1"
    assert corrected(again).splitlines()[0] == TITLES.replace(";", ",") + (
        ",line_number,error_code,error_text"
    )
    assert ImportRun.objects.count() == 2


def test_line_that_was_as_the_catalog_is_left_out_whatever_came_after(stage, profile):
    for sku in ("A-1", "A-2"):
        article = SupplierProductFactory(supplier=profile.supplier, supplier_sku=sku)
        SupplierPriceFactory(supplier_product=article, unit_cost="1")
    run = stage("A-1;;;1;;;;;", "A-2;;;2;;;;;", "A-3;;;3;;;;;")
    SupplierPrice.objects.update(unit_cost="9")

    done = operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)

    assert (done.lines_imported, done.lines_skipped) == (2, 1)
    assert (done.report["new"], done.report["changed"], done.report["unchanged"]) == (1, 1, 1)
    assert (done.report["priced"], done.report["not_in_file"]) == (2, 0)
    assert prices()[0][0] == Decimal(9)
