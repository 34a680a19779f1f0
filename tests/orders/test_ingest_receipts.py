"""Files of receipts: every line taken in, skipped as known, or refused with its reason."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from orders.models import StoreReceipt
from retail.common.models import ImportRun
from tests.factories.channels import ChannelFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders_tills import till_of
from tests.inventory.shared import figures

pytestmark = pytest.mark.django_db

TITLES = (
    "store,register,receipt_no,closed_at,cashier,line_no,sku,gtin,qty,unit_price,discount,tax_rate,"
    "total,tender,ref_receipt_no"
)


@pytest.fixture
def level():
    place = LocationFactory(kind="STORE", is_shipping=False, code="oxford")
    return stock(units=10, location=place)


@pytest.fixture
def till(level):
    till = till_of(level.location)
    till.timezone = "Europe/London"
    till.save()
    return till


def row(number, line, sku, pieces, total, *, at="2026-06-22 10:05", tender="CASH", **more):
    values = {
        "store": "oxford", "register": "T1", "receipt_no": number, "closed_at": at,
        "cashier": "Ada", "line_no": line, "sku": sku, "qty": pieces, "unit_price": "10.00",
        "tax_rate": "20", "total": total, "tender": tender, **more,
    }  # fmt: skip
    return ",".join(str(values.get(title, "")) for title in TITLES.split(","))


def ingest(tmp_path, till, *rows, name="day.csv", titles=TITLES, **options):
    file = tmp_path / name
    file.write_text("\n".join([titles, *rows]) + "\n", encoding="utf-8")
    said = StringIO()
    call_command(
        "ingest_receipts", file, channel=till.code, rejects=tmp_path / "rejects.csv", stdout=said,
        **options,
    )  # fmt: skip
    return said.getvalue()


def test_file_of_sales_and_returns_is_taken_in_whole(tmp_path, till, level):
    sku = level.variant.sku
    ingest(
        tmp_path,
        till,
        row("T1-0001", 1, sku, 2, "20.00", tender="CASH:5.00|CARD:15.00"),
        row("T1-0002", 1, sku, 1, "10.00"),
        row("T1-0003", 1, sku, -1, "-10.00", ref_receipt_no="T1-0001"),
    )

    sale, other, back = StoreReceipt.objects.order_by("pk")
    assert [sale.sequence, other.sequence, back.sequence] == [1, 2, 3]
    # Ten in the morning in London in June is nine in UTC.
    assert sale.sold_at == datetime(2026, 6, 22, 9, 5, tzinfo=UTC)
    assert sale.business_on == date(2026, 6, 22)
    assert sale.tenders == {"CARD": "15.0000", "CASH": "5.0000"}
    assert sale.order.lines.get().tax == Decimal("3.33")
    assert back.registered_return.order == sale.order
    assert figures(level) == (8, 0)
    run = ImportRun.objects.get()
    assert (run.status, run.lines_read, run.lines_imported) == ("DONE", 3, 3)


def test_same_file_again_is_known(tmp_path, till, level):
    rows = [row("1", 1, level.variant.sku, 1, "10.00")]
    ingest(tmp_path, till, *rows)

    said = ingest(tmp_path, till, *rows)

    assert "0 changes." in said
    assert (StoreReceipt.objects.count(), figures(level)) == (1, (9, 0))


def test_known_receipts_of_another_file_are_passed_over(tmp_path, till, level):
    first = row("1", 1, level.variant.sku, 1, "10.00")
    ingest(tmp_path, till, first)

    ingest(tmp_path, till, first, row("2", 1, level.variant.sku, 1, "10.00"), name="more.csv")

    run = ImportRun.objects.latest("pk")
    assert (run.lines_read, run.lines_imported, run.lines_skipped) == (2, 1, 1)
    assert figures(level) == (8, 0)


def test_bad_rows_are_refused_with_their_line_numbers_and_the_others_taken_in(
    tmp_path, till, level
):
    sku = level.variant.sku
    ingest(
        tmp_path,
        till,
        row("1", 1, sku, 1, "10.00"),
        row("2", 1, sku, "one", "10.00"),
        row("2", 2, sku, 1, "10.00"),
        row("3", 1, sku, 1, "10.00", store="nowhere"),
        row("4", 1, sku, 1, "10.00", at="noon"),
        row("5", 1, sku, 1, "10.00", at="2026-06-22 11:00"),
        row("5", 2, sku, 1, "10.00", at="2026-06-22 11:00", tender="CARD"),
        row("6", 1, "4.00638E+12", 1, "10.00"),
        row("", 1, sku, 1, "10.00"),
        row("9", 1, sku, 1, "10.00") + ",more",
    )

    run = ImportRun.objects.get()
    assert list(run.rejects.order_by("line_number").values_list("line_number", "code")) == [
        (3, "not_a_number"),
        (4, "receipt_refused"),
        (5, "unknown_store"),
        (6, "not_a_moment"),
        (7, "contradicts"),
        (8, "contradicts"),
        (9, "damaged_code"),
        (10, "no_receipt"),
        (11, "ragged_row"),
    ]
    assert (run.lines_read, run.lines_imported, run.lines_refused) == (10, 1, 9)
    assert StoreReceipt.objects.get().number == "1"
    assert "not_a_number" in (tmp_path / "rejects.csv").read_text()


def test_receipt_that_says_something_else_is_refused_with_its_lines(tmp_path, till, level):
    ingest(tmp_path, till, row("1", 1, level.variant.sku, 1, "10.00"))

    ingest(tmp_path, till, row("1", 1, level.variant.sku, 2, "20.00"), name="other.csv")

    run = ImportRun.objects.latest("pk")
    assert run.rejects.values_list("line_number", "code").get() == (2, "receipt_differs")
    assert figures(level) == (9, 0)


def test_file_with_decimal_commas_is_read_as_said(tmp_path, till, level):
    line = row("1", 1, level.variant.sku, 1, "10;50").replace(",", ";").replace("10;50", "10,50")
    ingest(
        tmp_path,
        till,
        line.replace("10.00", "10,50"),
        titles=TITLES.replace(",", ";"),
        decimal=",",
    )

    assert StoreReceipt.objects.get().total == Decimal("10.50")


def test_file_without_codes_of_articles_cannot_be_read(tmp_path, till, level):
    with pytest.raises(CommandError, match="sku"):
        ingest(tmp_path, till, "T1,1", titles="register,receipt_no")

    assert ImportRun.objects.get().status == "FAILED"


def test_channel_that_is_no_till_is_refused(tmp_path):
    with pytest.raises(CommandError, match="no till"):
        ingest(tmp_path, ChannelFactory())

    assert not ImportRun.objects.exists()
