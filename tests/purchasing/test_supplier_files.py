"""A supplier's file: what is refused, what the preview says, and what applying it changes."""

import gzip
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from purchasing import operations
from purchasing.models import SupplierFileRow, SupplierPrice, SupplierProduct
from purchasing.staging import IncompleteProfile
from retail.common.errors import WrongStatus
from retail.common.imports import AlreadyImported, ImportIsOver
from retail.common.models import ImportReject, ImportRun
from retail.common.tabular import BrokenFile, DuplicateColumn, MissingColumn
from tests.factories.catalog import VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierFileProfileFactory,
    SupplierFileRowFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
)
from tests.raw_sql import execute

pytestmark = pytest.mark.django_db

TITLES = "SKU;EAN;Name;Cost;Pack;Minimum;Stock"
TODAY = NOON.date()
TOMORROW = NOON + timedelta(days=1)


@pytest.fixture
def profile():
    return SupplierFileProfileFactory()


@pytest.fixture
def stage(profile, tmp_path):
    """Stage a file of these lines below the usual titles."""

    def write_and_stage(*lines, titles=TITLES, name="prices.csv", at=NOON, profile=profile):
        path = tmp_path / name
        path.write_text("\n".join([titles, *lines]) + "\n", encoding="utf-8")
        return operations.stage_supplier_file(profile=profile, path=path, at=at, by=None)

    return write_and_stage


@pytest.fixture
def take_in(stage):
    """Stage a file and apply it at the same moment."""

    def stage_and_apply(*lines, at=NOON, **options):
        run = stage(*lines, at=at, **options)
        return operations.apply_supplier_file(run_id=run.pk, at=at, by=None)

    return stage_and_apply


def rejects_of(run):
    return list(
        ImportReject.objects.filter(run=run)
        .order_by("line_number")
        .values_list("line_number", "code")
    )


def prices_of(supplier_sku):
    return list(
        SupplierPrice.objects.filter(supplier_product__supplier_sku=supplier_sku)
        .order_by("min_quantity", "valid_from")
        .values_list("min_quantity", "unit_cost", "valid_from", "valid_to")
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (";;Mug;2.50;1;1;5", "missing_sku"),
        ("4.00638E+12;;Mug;2.50;1;1;5", "damaged_code"),
        ("A-1;4.00638E+12;Mug;2.50;1;1;5", "damaged_code"),
        ("A-1;4006381333932;Mug;2.50;1;1;5", "invalid_gtin"),
        ("A-1;40063813338;Mug;2.50;1;1;5", "invalid_gtin"),
        ("A-1;\uff14006381333931;Mug;2.50;1;1;5", "invalid_gtin"),
        ("A-1;;Mug;;1;1;5", "missing_price"),
        ("A-1;;Mug;on request;1;1;5", "invalid_price"),
        ("A-1;;Mug;NaN;1;1;5", "invalid_price"),
        ("A-1;;Mug;Infinity;1;1;5", "invalid_price"),
        ("A-1;;Mug;1e3;1;1;5", "invalid_price"),
        ("A-1;;Mug;1_000;1;1;5", "invalid_price"),
        ("A-1;;Mug;\uff12;1;1;5", "invalid_price"),
        ("A-1;;Mug;1000000000000;1;1;5", "invalid_price"),
        ("A-1;;Mug;-2.50;1;1;5", "negative_price"),
        ("A-1;;Mug;2.50;0;1;5", "invalid_pack_size"),
        ("A-1;;Mug;2.50;-6;1;5", "invalid_pack_size"),
        ("A-1;;Mug;2.50;1.5;1;5", "invalid_pack_size"),
        ("A-1;;Mug;2.50;1;0;5", "invalid_minimum_quantity"),
        ("A-1;;Mug;2.50;1;1;-1", "invalid_available_units"),
        ("A-1;;Mug;2.50;1;1;plenty", "invalid_available_units"),
        ("A-1;;Mug;2.50;1", "ragged_row"),
        ("A" * 101 + ";;Mug;2.50;1;1;5", "sku_too_long"),
    ],
)
def test_line_that_cannot_be_taken_is_refused_by_name(stage, line, code):
    run = stage("GOOD-1;;Mug;2.50;1;1;5", line)

    assert rejects_of(run) == [(3, code)]
    assert (run.status, run.lines_read, run.lines_refused) == ("STAGED", 2, 1)
    assert list(SupplierFileRow.objects.values_list("supplier_sku", flat=True)) == ["GOOD-1"]


def test_refused_line_keeps_its_columns_and_every_fault(stage):
    stage("A-1;4006381333932;Mug;free;1;1;5")

    reject = ImportReject.objects.get()
    assert reject.columns == {
        "SKU": "A-1",
        "EAN": "4006381333932",
        "Name": "Mug",
        "Cost": "free",
        "Pack": "1",
        "Minimum": "1",
        "Stock": "5",
    }
    assert reject.text == (
        "4006381333932 is not a GTIN: wrong length or check digit. 'free' is not a price."
    )


def test_sku_twice_in_one_file_counts_the_first_time(stage):
    run = stage("A-1;;Mug;2.50;1;1;5", "A-1;;Mug;9.99;1;1;5", "A-1;;Mug;8.88;1;1;5")

    assert rejects_of(run) == [(3, "duplicate_sku"), (4, "duplicate_sku")]
    assert ImportReject.objects.first().text == "A-1 stands on line 2 already."
    assert SupplierFileRow.objects.get().unit_cost == Decimal("2.50")


@pytest.mark.parametrize(
    ("titles", "refusal"),
    [
        ("SKU;EAN;Name;Price;Pack;Minimum;Stock", MissingColumn),
        ("SKU;EAN;Name;Cost;Cost;Pack;Minimum;Stock", DuplicateColumn),
    ],
)
def test_file_of_other_columns_is_refused_whole(stage, titles, refusal):
    with pytest.raises(refusal):
        stage("A-1;;Mug;2.50;1;1;5;", titles=titles)

    assert ImportRun.objects.count() == SupplierFileRow.objects.count() == 0


def test_missing_column_names_what_is_wanted_and_what_is_there(stage):
    with pytest.raises(MissingColumn) as refused:
        stage("A-1;Mug;2.50", titles="SKU;Name;Price")

    assert refused.value.details == {
        "missing": ["Cost", "EAN", "Minimum", "Pack", "Stock"],
        "found": ["SKU", "Name", "Price"],
    }


def test_file_cut_off_in_the_middle_leaves_nothing_behind(profile, tmp_path):
    path = tmp_path / "prices.csv"
    path.write_text(f'{TITLES}\nA-1;;Mug;2.50;1;1;5\nA-2;;"Mug;2.50;1;1;5\n', encoding="utf-8")

    with pytest.raises(BrokenFile):
        operations.stage_supplier_file(profile=profile, path=path, at=NOON, by=None)

    assert ImportRun.objects.count() == SupplierFileRow.objects.count() == 0


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"supplier_sku": "SKU"},
        {"unit_cost": "Cost"},
        {"supplier_sku": "SKU", "unit_cost": "Cost", "pack_cost": "Cost"},
        {"supplier_sku": "SKU", "pack_cost": "Cost"},
        {"supplier_sku": "SKU", "unit_cost": "Cost", "colour": "Name"},
    ],
)
def test_profile_that_does_not_say_enough_is_refused(stage, columns):
    unfinished = SupplierFileProfileFactory(columns=columns)

    with pytest.raises(IncompleteProfile):
        stage("A-1;;Mug;2.50;1;1;5", profile=unfinished)

    assert ImportRun.objects.count() == 0


def test_same_bytes_again_lead_to_the_first_run(stage):
    first = stage("A-1;;Mug;2.50;1;1;5")

    with pytest.raises(AlreadyImported) as refused:
        stage("A-1;;Mug;2.50;1;1;5", name="copy.csv")

    assert refused.value.run_id == first.pk
    assert ImportRun.objects.count() == SupplierFileRow.objects.count() == 1


def test_staging_compares_and_changes_nothing(stage, profile):
    known = SupplierProductFactory(supplier=profile.supplier, supplier_sku="SAME", name="Mug")
    SupplierPriceFactory(supplier_product=known, unit_cost="2.50")
    dearer = SupplierProductFactory(supplier=profile.supplier, supplier_sku="DEARER")
    SupplierPriceFactory(supplier_product=dearer, unit_cost="2.50")
    SupplierProductFactory(supplier=profile.supplier, supplier_sku="GONE")
    SupplierProductFactory(supplier_sku="OF-ANOTHER-SUPPLIER")

    run = stage("SAME;;Mug;2.50;1;1;", "DEARER;;;3.00;;;", "FRESH;;Cup;0;1;1;5", "BAD;;;x;1;1;5")

    assert list(
        SupplierFileRow.objects.order_by("line_number").values_list(
            "supplier_sku", "verdict", "cost_before"
        )
    ) == [
        ("DEARER", "CHANGED", Decimal("2.50")),
        ("FRESH", "NEW", None),
    ]
    figures = {"new", "changed", "unchanged", "linked", "zero_prices", "not_in_file"}
    assert {name: run.report[name] for name in figures} == {
        "new": 1,
        "changed": 1,
        "unchanged": 1,
        "linked": 2,
        "zero_prices": 1,
        "not_in_file": 1,
    }
    assert SupplierProduct.objects.count() == 4
    assert SupplierPrice.objects.count() == 2


def test_large_price_changes_are_listed_before_they_are_applied(stage, profile):
    for sku, cost in (("UP", "10"), ("DOWN", "10"), ("LIMIT", "10"), ("GIFT", "0")):
        product = SupplierProductFactory(supplier=profile.supplier, supplier_sku=sku)
        SupplierPriceFactory(supplier_product=product, unit_cost=cost)

    run = stage("UP;;;14;;;", "DOWN;;;6.90;;;", "LIMIT;;;13;;;", "GIFT;;;1;;;", "NEW;;;9999;;;")

    assert run.report["large_price_changes"] == 3
    assert [
        (change["supplier_sku"], change["before"], change["after"])
        for change in run.report["largest_price_changes"]
    ] == [
        ("GIFT", "0.0000", "1.0000"),
        ("UP", "10.0000", "14.0000"),
        ("DOWN", "10.0000", "6.9000"),
    ]


def test_applying_makes_articles_and_prices(take_in, profile):
    run = take_in("A-1;4006381333931;Mug;2.50;6;12;480", "BAD;;;x;1;1;5")

    product = SupplierProduct.objects.get()
    assert (product.supplier, product.supplier_sku) == (profile.supplier, "A-1")
    assert (product.gtin, product.name) == ("4006381333931", "Mug")
    assert (product.pack_size, product.minimum_quantity, product.available_units) == (6, 12, 480)
    assert (product.variant, product.seen_at, product.is_active) == (None, NOON, True)
    assert prices_of("A-1") == [(1, Decimal("2.50"), TODAY, None)]
    assert (run.status, run.lines_read, run.lines_imported) == ("DONE", 2, 1)
    assert (run.lines_refused, run.lines_skipped) == (1, 0)
    assert SupplierFileRow.objects.count() == 0


def test_applying_says_who_decided(stage):
    buyer = UserFactory(username="berta")
    run = stage("A-1;;Mug;2.50;1;1;5")

    applied = operations.apply_supplier_file(run_id=run.pk, at=NOON, by=buyer)

    assert applied.report["applied_by"] == "berta"


def test_applying_twice_changes_nothing_more(stage):
    run = stage("A-1;;Mug;2.50;1;1;5")
    first = operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)

    second = operations.apply_supplier_file(run_id=run.pk, at=TOMORROW, by=None)

    assert (second.finished_at, second.lines_imported) == (first.finished_at, 1)
    assert prices_of("A-1") == [(1, Decimal("2.50"), TODAY, None)]


def test_same_prices_in_another_file_touch_nothing(take_in):
    take_in("A-1;;Mug;2.50;1;1;5")
    product = SupplierProduct.objects.get()

    run = take_in("A-1;;Mug;2.500;1;1;5", at=TOMORROW)

    assert (run.lines_imported, run.lines_skipped) == (0, 1)
    assert SupplierProduct.objects.get().seen_at == product.seen_at
    assert prices_of("A-1") == [(1, Decimal("2.50"), TODAY, None)]


def test_new_price_ends_the_one_before(take_in):
    take_in("A-1;;Mug;2.50;1;1;5")

    take_in("A-1;;Mug;2.75;1;1;5", at=TOMORROW)

    assert prices_of("A-1") == [
        (1, Decimal("2.50"), TODAY, TOMORROW.date()),
        (1, Decimal("2.75"), TOMORROW.date(), None),
    ]


def test_second_price_of_a_day_replaces_the_first(take_in):
    take_in("A-1;;Mug;2.50;1;1;5")

    take_in("A-1;;Mug;2.75;1;1;5", at=NOON + timedelta(hours=1))

    assert prices_of("A-1") == [(1, Decimal("2.75"), TODAY, None)]


def test_price_entered_for_a_later_day_still_takes_over(take_in, profile):
    product = SupplierProductFactory(supplier=profile.supplier, supplier_sku="A-1")
    SupplierPriceFactory(
        supplier_product=product, unit_cost="2.00", valid_from=date(2026, 1, 1), valid_to=TODAY
    )
    SupplierPriceFactory(
        supplier_product=product, unit_cost="3.00", valid_from=date(2027, 1, 1), valid_to=None
    )
    SupplierPriceFactory(supplier_product=product, unit_cost="1.50", min_quantity=100)

    take_in("A-1;;Mug;2.50;1;1;5")

    assert prices_of("A-1") == [
        (1, Decimal("2.00"), date(2026, 1, 1), TODAY),
        (1, Decimal("2.50"), TODAY, date(2027, 1, 1)),
        (1, Decimal("3.00"), date(2027, 1, 1), None),
        (100, Decimal("1.50"), date(2026, 1, 1), None),
    ]


def test_what_the_file_leaves_empty_stays(take_in, profile):
    SupplierProductFactory(
        supplier=profile.supplier,
        supplier_sku="A-1",
        gtin="4006381333931",
        name="Mug, blue",
        pack_size=6,
        minimum_quantity=12,
        available_units=7,
    )

    take_in("A-1;;;2.50;;;")

    product = SupplierProduct.objects.get()
    assert (product.gtin, product.name, product.pack_size) == ("4006381333931", "Mug, blue", 6)
    assert (product.minimum_quantity, product.available_units) == (12, 7)


def test_articles_are_linked_where_gtin_or_sku_agree(take_in):
    by_gtin = VariantFactory(gtin="4006381333931")
    by_sku = VariantFactory(sku="MUG-1")
    VariantFactory(sku="mug-2")
    VariantFactory(sku="MUG-3", gtin="96385074")

    take_in(
        "A-1;4006381333931;Mug;2.50;1;1;5",
        "MUG-1;;Mug;2.50;1;1;5",
        "MUG-2;;Mug;2.50;1;1;5",
        "MUG-3;4012345678901;Mug;2.50;1;1;5",
    )

    assert dict(SupplierProduct.objects.values_list("supplier_sku", "variant")) == {
        "A-1": by_gtin.pk,
        "MUG-1": by_sku.pk,
        "MUG-2": None,
        "MUG-3": None,
    }


def test_article_linked_by_a_person_is_not_linked_anew(take_in, profile):
    chosen = VariantFactory()
    VariantFactory(gtin="4006381333931")
    SupplierProductFactory(supplier=profile.supplier, supplier_sku="A-1", variant=chosen)

    take_in("A-1;4006381333931;Mug;2.50;1;1;5")

    assert SupplierProduct.objects.get().variant == chosen


def test_article_is_linked_later_when_its_variant_appears(take_in):
    take_in("A-1;4006381333931;Mug;2.50;1;1;5")
    variant = VariantFactory(gtin="4006381333931")

    run = take_in("A-1;4006381333931;Mug;2.50;1;1;5", "B-1;;Cup;1;1;1;5", at=TOMORROW)

    assert SupplierProduct.objects.get(supplier_sku="A-1").variant == variant
    assert run.report["changed"] == 1


def test_applying_compares_anew_what_changed_since_staging(stage, profile):
    run = stage("A-1;;Mug;2.50;1;1;5")
    product = SupplierProductFactory(supplier=profile.supplier, supplier_sku="A-1")
    SupplierPriceFactory(supplier_product=product, unit_cost="2.50", valid_from=TODAY)

    applied = operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)

    assert (applied.report["new"], applied.report["changed"]) == (0, 1)
    assert SupplierProduct.objects.get().name == "Mug"
    assert prices_of("A-1") == [(1, Decimal("2.50"), TODAY, None)]


def test_price_of_a_pack_is_divided_by_its_size(take_in, profile):
    profile.columns = {"supplier_sku": "SKU", "pack_cost": "Cost", "pack_size": "Pack"}
    profile.save()

    run = take_in("A-1;10.00;6", "A-2;10.00;", titles="SKU;Cost;Pack")

    assert prices_of("A-1") == [(1, Decimal("1.6667"), TODAY, None)]
    assert rejects_of(run) == [(3, "missing_pack_size")]


def test_comma_prices_in_another_encoding_are_read_by_profile(profile, tmp_path):
    profile.columns = {"supplier_sku": "column 1", "name": "column 2", "unit_cost": "column 3"}
    profile.encoding, profile.decimal_separator, profile.has_titles = "cp1250", ",", False
    profile.save()
    profile.supplier.currency = "PLN"
    profile.supplier.save()
    path = tmp_path / "cennik.csv"
    path.write_bytes("Cennik\nA-1;Łyżka;1.111,34 zł\n".encode("cp1250"))
    profile.skipped_lines = 1

    run = operations.stage_supplier_file(profile=profile, path=path, at=NOON, by=None)

    row = SupplierFileRow.objects.get(run=run)
    assert (row.name, row.unit_cost) == ("Łyżka", Decimal("1111.34"))


def test_compressed_file_is_read(profile, tmp_path):
    path = tmp_path / "prices.csv.gz"
    path.write_bytes(gzip.compress(f"{TITLES}\nA-1;;Mug;2.50;1;1;5\n".encode()))

    run = operations.stage_supplier_file(profile=profile, path=path, at=NOON, by=None)

    assert run.report["new"] == 1


def test_discarded_file_leaves_the_catalogue_and_may_come_again(stage):
    run = stage("A-1;;Mug;2.50;1;1;5")

    discarded = operations.discard_supplier_file(run_id=run.pk, at=NOON, by=None)
    again = stage("A-1;;Mug;2.50;1;1;5")

    assert (discarded.status, again.status) == ("FAILED", "STAGED")
    assert SupplierProduct.objects.count() == 0
    assert SupplierFileRow.objects.filter(run=run).count() == 0


@pytest.mark.parametrize("first", ["apply_supplier_file", "discard_supplier_file"])
def test_decided_file_is_not_discarded(stage, first):
    run = stage("A-1;;Mug;2.50;1;1;5")
    getattr(operations, first)(run_id=run.pk, at=NOON, by=None)

    with pytest.raises((WrongStatus, ImportIsOver)):
        operations.discard_supplier_file(run_id=run.pk, at=NOON, by=None)

    assert ImportRun.objects.get().status != "STAGED"


def test_discarded_file_is_not_applied(stage):
    run = stage("A-1;;Mug;2.50;1;1;5")
    operations.discard_supplier_file(run_id=run.pk, at=NOON, by=None)

    with pytest.raises(WrongStatus):
        operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)

    assert SupplierProduct.objects.count() == 0


def test_number_of_queries_does_not_grow_with_the_file(stage, profile):
    profile.max_missing_percent = 100
    profile.save()
    counts = []
    for size in (1, 300):
        lines = [f"{size}-{n};;Mug;2.50;1;1;5" for n in range(size)]
        with CaptureQueriesContext(connection) as queries:
            run = stage(*lines, name=f"{size}.csv")
            operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "UPDATE purchasing_supplierprice SET unit_cost = 'NaN'",
            "purchasing_supplierprice_not_negative",
        ),
        (
            "UPDATE purchasing_supplierprice SET unit_cost = -1",
            "purchasing_supplierprice_not_negative",
        ),
        (
            "UPDATE purchasing_supplierprice SET min_quantity = 0",
            "purchasing_supplierprice_not_negative",
        ),
    ],
)
def test_price_constraints_hold_against_raw_sql(statement, constraint):
    SupplierPriceFactory()

    with pytest.raises(IntegrityError, match=constraint):
        execute(statement)


@pytest.mark.parametrize(
    ("min_quantity", "constraint"),
    [
        (1, "purchasing_supplierprice_no_overlap"),
        (10, "purchasing_supplierprice_no_overlap"),
    ],
)
def test_two_prices_for_one_day_are_refused_by_the_database(min_quantity, constraint):
    price = SupplierPriceFactory(min_quantity=min_quantity)

    with pytest.raises(IntegrityError, match=f'"{constraint}"'), transaction.atomic():
        SupplierPriceFactory(
            supplier_product=price.supplier_product,
            min_quantity=min_quantity,
            valid_from=TODAY,
        )


def test_sku_stands_once_among_the_staged_rows_of_a_file():
    row = SupplierFileRowFactory()

    with (
        pytest.raises(IntegrityError, match="purchasing_supplierfilerow_sku_once_per_file"),
        transaction.atomic(),
    ):
        SupplierFileRowFactory(run=row.run, supplier_sku=row.supplier_sku)


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        (
            "UPDATE purchasing_supplierfileprofile SET decimal_separator = ';'",
            "purchasing_supplierfileprofile_decimal_point_or_comma",
        ),
        (
            "UPDATE purchasing_supplierfileprofile SET skipped_lines = -1",
            "purchasing_supplierfileprofile_numbers_not_negative",
        ),
        (
            "UPDATE purchasing_supplierfileprofile SET max_price_change_percent = -1",
            "purchasing_supplierfileprofile_numbers_not_negative",
        ),
    ],
)
def test_profile_constraints_hold_against_raw_sql(statement, constraint):
    SupplierFileProfileFactory()

    with pytest.raises(IntegrityError, match=constraint):
        execute(statement)


def test_suppliers_share_no_catalogue(take_in):
    take_in("A-1;;Mug;2.50;1;1;5")
    other = SupplierFileProfileFactory(supplier=SupplierFactory())

    take_in("A-1;;Mug;9.00;1;1;5", profile=other)

    assert SupplierProduct.objects.filter(supplier_sku="A-1").count() == 2
    assert SupplierPrice.objects.filter(valid_to__isnull=True).count() == 2
