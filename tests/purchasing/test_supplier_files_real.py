"""Price lists as real suppliers send them: eight-bit text, no titles, signs in prices, gaps."""

import pytest

from purchasing import operations
from purchasing.models import SupplierPrice, SupplierProduct
from retail.common.imports import AlreadyImported
from retail.common.models import ImportReject, ImportRun
from retail.common.tabular import BrokenFile, DuplicateColumn, MissingColumn
from tests.factories.common import NOON
from tests.factories.purchasing import SupplierFileProfileFactory
from tests.shared_data import SHARED_DATA, needs_shared_data

pytestmark = [pytest.mark.django_db, needs_shared_data]

FOLDER = SHARED_DATA / "supplier-price-lists"
TELECOM = {
    "encoding": "cp1252",
    "columns": {
        "supplier_sku": "SupplierPartNo",
        "name": "Model",
        "unit_cost": "Cost",
        "available_units": "StockLevel",
    },
}


def stage(name, currency="GBP", **reading):
    profile = SupplierFileProfileFactory(
        **{"delimiter": "", "supplier__currency": currency, **reading}
    )
    return operations.stage_supplier_file(profile=profile, path=FOLDER / name, at=NOON, by=None)


@pytest.mark.parametrize(
    ("name", "reading", "lines", "refused"),
    [
        ("uk_telecom_pricelist.csv", TELECOM, 1930, {"duplicate_sku": 85, "missing_sku": 29}),
        (
            "es_ventilation_tarifa.csv",
            {
                "currency": "EUR",
                "decimal_separator": ",",
                "columns": {"supplier_sku": "Cod Art", "unit_cost": "nuevo pvp"},
            },
            67,
            {},
        ),
        (
            "de_it_articles_two_prices.csv",
            {
                "currency": "EUR",
                "decimal_separator": ",",
                "has_titles": False,
                "columns": {"supplier_sku": "column 1", "unit_cost": "column 6"},
            },
            60,
            {},
        ),
        (
            "de_crafts_articles.csv",
            {
                "decimal_separator": ",",
                "columns": {"supplier_sku": "Artikelnummer", "unit_cost": "Preis"},
            },
            2007,
            {"invalid_price": 408},
        ),
        (
            "ua_car_parts_pricelist.csv",
            {
                "has_titles": False,
                "columns": {
                    "supplier_sku": "column 2",
                    "unit_cost": "column 3",
                    "available_units": "column 4",
                },
            },
            209,
            {"duplicate_sku": 3, "missing_price": 2},
        ),
        (
            "pl_buying_prices.csv",
            {"columns": {"supplier_sku": "kod_produktuod", "unit_cost": "Cena_zakupu"}},
            13,
            {},
        ),
        (
            "us_magento_new_inventory.csv",
            # Its continuation lines have no SKU: the guard has to expect that.
            {
                "columns": {"supplier_sku": "sku", "unit_cost": "price"},
                "max_refused_percent": 100,
            },
            168,
            {"missing_sku": 167},
        ),
    ],
)
def test_real_list_is_taken_in_line_by_line(name, reading, lines, refused):
    run = stage(name, **reading)

    applied = operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)

    codes = list(ImportReject.objects.values_list("code", flat=True))
    assert {code: codes.count(code) for code in codes} == refused
    assert (applied.lines_read, applied.lines_refused) == (lines, sum(refused.values()))
    assert applied.lines_imported == SupplierProduct.objects.count() == lines - len(codes)
    assert SupplierPrice.objects.count() == SupplierProduct.objects.count()


@pytest.mark.parametrize(
    ("name", "columns", "refusal"),
    [
        ("uk_telecom_pricelist.csv", TELECOM["columns"], BrokenFile),
        ("pl_furniture_parts.csv", {"supplier_sku": "SKU", "unit_cost": "Cena"}, MissingColumn),
        (
            "ua_marketplace_wide_header.csv",
            {"supplier_sku": "Код_товару", "unit_cost": "Ціна"},
            DuplicateColumn,
        ),
    ],
)
def test_real_list_that_cannot_be_read_is_refused_whole(name, columns, refusal):
    with pytest.raises(refusal):
        stage(name, columns=columns)

    assert ImportRun.objects.count() == SupplierProduct.objects.count() == 0


def test_real_list_again_changes_nothing():
    run = stage("uk_telecom_pricelist.csv", **TELECOM)
    operations.apply_supplier_file(run_id=run.pk, at=NOON, by=None)
    before = set(SupplierPrice.objects.values_list("supplier_product", "unit_cost", "valid_to"))

    with pytest.raises(AlreadyImported):
        operations.stage_supplier_file(
            profile=SupplierProduct.objects.first().supplier.file_profiles.get(),
            path=FOLDER / "uk_telecom_pricelist.csv",
            at=NOON,
            by=None,
        )

    after = set(SupplierPrice.objects.values_list("supplier_product", "unit_cost", "valid_to"))
    assert after == before
