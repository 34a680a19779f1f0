"""A file of past sales, from its lines to stock, cost and customers."""

from __future__ import annotations

import csv
import gzip
import re
from decimal import Decimal
from io import StringIO
from itertools import islice
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from catalog.models import Product, Variant
from channels.models import Channel
from customers.models import Customer
from inventory.models import CostPool, StockLevel, StockMovement
from orders.models import Order, OrderHold, OrderLine, Return, ReturnLine
from retail.common.models import ImportReject, ImportRun
from tests.shared_data import SHARED_DATA, needs_shared_data

TITLES = (
    *("InvoiceNo", "StockCode", "Description", "Quantity"),
    *("InvoiceDate", "UnitPrice", "CustomerID", "Country"),
)
SALES = (
    (
        "536365",
        "85123A",
        "WHITE HEART",
        "6",
        "2010-12-01 08:26:00",
        "2.55",
        "17850",
        "United Kingdom",
    ),
    ("536365", "71053", "LANTERN", "2", "2010-12-01 08:26:00", "3.39", "17850", "United Kingdom"),
    ("536365", "POST", "POSTAGE", "1", "2010-12-01 08:26:00", "18.00", "17850", "United Kingdom"),
    ("536366", "85123a", "WHITE HEART", "4", "2010-12-01 08:28:00", "2.55", "", "EIRE"),
    (
        "C536379",
        "85123A",
        "WHITE HEART",
        "-1",
        "2010-12-01 09:41:00",
        "2.55",
        "17850",
        "United Kingdom",
    ),
    ("C536379", "D", "Discount", "-1", "2010-12-01 09:41:00", "27.50", "17850", "United Kingdom"),
    ("536589", "71053", "damaged", "-10", "2010-12-01 16:50:00", "0.0", "", "United Kingdom"),
    ("536590", "71053", "found", "3", "2010-12-01 16:51:00", "0.0", "", "United Kingdom"),
)
BAD_LINES = (
    (
        "A563185",
        "B",
        "Adjust bad debt",
        "1",
        "2011-08-12 14:50:00",
        "11062.06",
        "",
        "United Kingdom",
    ),
    ("536400", "22633", "WARMER", "six", "2010-12-01 09:00:00", "1.85", "17850", "United Kingdom"),
    ("536400", "22633", "WARMER", "6", "yesterday", "1.85", "17850", "United Kingdom"),
    ("536400", "22633", "WARMER", "6", "2010-12-01 09:00:00", "-1.85", "17850", "United Kingdom"),
    ("536400", "", "WARMER", "6", "2010-12-01 09:00:00", "1.85", "17850", "United Kingdom"),
    ("536365", "71053", "LANTERN", "-2", "2010-12-01 08:26:00", "3.39", "17850", "United Kingdom"),
)


def write(path: Path, lines, titles=TITLES) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(titles)
        writer.writerows(lines)
    return path


def import_sales(path: Path) -> str:
    output = StringIO()
    call_command(
        "import_sales",
        str(path),
        profile="online-retail",
        channel="web",
        rejects=path.with_suffix(".rejects.csv"),
        stdout=output,
    )
    return output.getvalue()


def counts() -> dict[str, int]:
    models = (Product, Variant, Customer, Order, OrderLine, Return, ReturnLine, StockMovement)
    return {model.__name__: model.objects.count() for model in models}


@pytest.mark.django_db
def test_sales_become_articles_customers_orders_and_returns(tmp_path):
    import_sales(write(tmp_path / "sales.csv", SALES))

    order = Order.objects.get(external_id="536365")
    assert order.total == Decimal("40.08")
    assert order.lifecycle == Order.Lifecycle.COMPLETED
    assert order.customer.identities.get().normalised == "17850"
    assert list(
        order.lines.order_by("pk").values_list("variant__sku", "shipped", "is_stocked")
    ) == [("85123A", 6, True), ("71053", 2, True), ("POST", 1, False)]
    assert Order.objects.get(external_id="536366").delivery_address.country == "IE"
    returned = Return.objects.get(external_id="C536379")
    assert list(
        returned.lines.order_by("pk").values_list("raw_sku", "quantity", "disposition")
    ) == [("85123A", 1, "RESTOCK"), ("D", 1, "NOT_STOCKED")]
    assert counts() == {
        "Product": 4,
        "Variant": 4,
        "Customer": 1,
        "Order": 2,
        "OrderLine": 4,
        "Return": 1,
        "ReturnLine": 2,
        "StockMovement": 8,
    }


@pytest.mark.django_db
def test_opening_stock_is_what_the_file_needs_and_no_more(tmp_path):
    import_sales(write(tmp_path / "sales.csv", SALES))

    opening = dict(
        StockMovement.objects.filter(kind=StockMovement.Kind.OPENING).values_list(
            "level__variant__sku", "quantity"
        )
    )
    on_hand = dict(StockLevel.objects.values_list("variant__sku", "on_hand"))
    assert opening == {"85123A": 10, "71053": 12}
    assert on_hand == {"85123A": 1, "71053": 3}
    assert not OrderHold.objects.exists()


@pytest.mark.django_db
def test_opening_stock_is_valued_at_half_the_usual_price(tmp_path):
    import_sales(write(tmp_path / "sales.csv", SALES))

    pools = {pool.variant.sku: (pool.units, pool.value) for pool in CostPool.objects.all()}
    assert pools == {
        "85123A": (1, Decimal("1.28")),  # 10 for 12.75, of which 10 left and 1 came back
        "71053": (3, Decimal("5.09")),  # 12 for 20.34, 2 and 10 left, 3 were found
    }


@pytest.mark.django_db
def test_free_goods_without_a_buyer_correct_the_stock(tmp_path):
    import_sales(write(tmp_path / "sales.csv", SALES))

    corrections = StockMovement.objects.filter(kind=StockMovement.Kind.ADJUSTMENT).order_by("pk")
    assert list(corrections.values_list("quantity", "reason", "reference")) == [
        (-10, "damaged", "web/536589"),
        (3, "found", "web/536590"),
    ]


@pytest.mark.django_db
def test_the_same_file_again_changes_nothing(tmp_path):
    path = write(tmp_path / "sales.csv", SALES)
    import_sales(path)
    before = counts()

    output = import_sales(path)

    assert "0 changes" in output
    assert counts() == before
    assert ImportRun.objects.count() == 1


@pytest.mark.django_db
def test_known_documents_in_another_file_are_skipped(tmp_path):
    import_sales(write(tmp_path / "sales.csv", SALES[:4]))

    import_sales(write(tmp_path / "later.csv", SALES))

    run = ImportRun.objects.latest("pk")
    assert (run.lines_read, run.lines_imported, run.lines_skipped) == (8, 4, 4)
    assert Order.objects.count() == 2
    assert dict(StockLevel.objects.values_list("variant__sku", "on_hand")) == {
        "85123A": 1,
        "71053": 3,
    }


@pytest.mark.django_db
def test_an_import_that_was_broken_off_goes_on(tmp_path, monkeypatch):
    path = write(tmp_path / "sales.csv", SALES)
    with monkeypatch.context() as power_cut:
        power_cut.setattr("orders.operations.sales_import.register_returns", _power_cut)
        with pytest.raises(KeyboardInterrupt):
            import_sales(path)
    assert ImportRun.objects.get().status == ImportRun.Status.RUNNING
    assert not Order.objects.exists()

    import_sales(path)

    run = ImportRun.objects.get()
    assert run.status == ImportRun.Status.DONE
    assert run.lines_imported == 8
    assert dict(StockLevel.objects.values_list("variant__sku", "on_hand")) == {
        "85123A": 1,
        "71053": 3,
    }


@pytest.mark.django_db
def test_report_accounts_for_every_line_of_the_file(tmp_path):
    told = import_sales(write(tmp_path / "sales.csv", SALES + BAD_LINES))

    figures = dict(re.findall(r"^ *([A-Z a-z,]+?) {2,}([\d,.]+)$", told, flags=re.MULTILINE))
    seconds, speed = figures.pop("Seconds"), figures.pop("Lines a second")
    assert (float(seconds), int(speed.replace(",", ""))) > (0, 0)
    assert figures == {
        "Lines read": "14",
        "imported": "8",
        "refused": "6",
        "skipped, known already": "0",
        "Orders": str(Order.objects.count()),
        "Returns": str(Return.objects.count()),
        "Stock corrections": "2",
        "Lines of unknown articles": "0",
        "Lines that are no goods": "2",
        "Orders on hold": "0",
        "New products": str(Product.objects.count()),
        "New variants": str(Variant.objects.count()),
        "New customers": str(Customer.objects.count()),
        "Opening stock, units": figures["Opening stock, units"],
    }
    assert ImportRun.objects.get().report["lines_unknown"] == 0


def _power_cut(**_):
    raise KeyboardInterrupt


@pytest.mark.django_db
def test_lines_that_make_no_sense_are_refused_with_their_reason(tmp_path):
    path = write(tmp_path / "sales.csv", SALES + BAD_LINES)

    import_sales(path)

    run = ImportRun.objects.get()
    assert (run.lines_read, run.lines_imported, run.lines_refused) == (14, 8, 6)
    assert list(
        ImportReject.objects.order_by("line_number").values_list("line_number", "code")
    ) == [
        (10, "not_a_sale"),
        (11, "quantity"),
        (12, "date"),
        (13, "price"),
        (14, "code"),
        (15, "contradicts_document"),
    ]
    with path.with_suffix(".rejects.csv").open(encoding="utf-8-sig", newline="") as stream:
        titles, *lines = csv.reader(stream)
    assert tuple(titles) == (*TITLES, "line_number", "error_code", "error_text")
    assert lines[0][:2] == ["A563185", "B"]
    assert lines[-1][:4] == ["536365", "71053", "LANTERN", "-2"]
    assert not Order.objects.filter(external_id="536400").exists()


@pytest.mark.django_db
def test_titles_of_the_second_edition_are_read_too(tmp_path):
    titles = (
        *("Invoice", "StockCode", "Description", "Quantity"),
        *("InvoiceDate", "Price", "Customer ID", "Country"),
    )
    line = ("489434", "85048", "15CM GLASS BALL", "12", "12/1/2009 7:45", "6.95", "13085.0", "USA")

    import_sales(write(tmp_path / "second.csv", [line], titles))

    order = Order.objects.get()
    assert (order.placed_at.year, order.total) == (2009, Decimal("83.40"))
    assert order.customer.identities.get().normalised == "13085"


@pytest.mark.django_db
def test_a_file_without_a_needed_column_is_refused_whole(tmp_path):
    path = write(tmp_path / "sales.csv", [("536365", "85123A")], ("InvoiceNo", "StockCode"))

    with pytest.raises(CommandError, match="Quantity"):
        import_sales(path)

    assert ImportRun.objects.get().status == ImportRun.Status.FAILED
    assert counts() == dict.fromkeys(counts(), 0)


@pytest.mark.django_db
def test_a_channel_of_another_currency_is_refused(tmp_path):
    Channel.objects.create(code="web", name="Web", kind=Channel.Kind.TABULAR, currency="EUR")

    with pytest.raises(CommandError, match="EUR"):
        import_sales(write(tmp_path / "sales.csv", SALES))

    assert counts() == dict.fromkeys(counts(), 0)


@needs_shared_data
@pytest.mark.django_db(transaction=True)
def test_a_day_of_the_real_file_adds_up(tmp_path):
    """The first 3,000 lines of the retailer's own file: every unit sold was there before."""
    whole = SHARED_DATA / "online-retail" / "online_retail_2010-12_2011-12.csv.gz"
    path = write(tmp_path / "day.csv", _first_lines(whole, 3000))

    import_sales(path)

    run = ImportRun.objects.get()
    assert (run.lines_read, run.lines_imported, run.lines_refused) == (3000, 3000, 0)
    assert not OrderHold.objects.exists()
    call_command("check_integrity", stdout=StringIO())


def _first_lines(path: Path, count: int):
    with gzip.open(path, "rt", newline="") as stream:
        return [list(line) for line in islice(csv.reader(stream), 1, count + 1)]
