"""The measures in small: each runs, and the SQL beside ours leaves the same rows."""

import pytest
from django.utils import timezone

from bench import __main__ as main
from bench import history, ingest, ledger, promises, receipts, supplier_file
from bench.harness import in_turn
from inventory.models import (
    Allocation,
    AvailabilityChange,
    CostMovement,
    StockLevel,
    StockMovement,
)
from inventory.queries import differences, stock_as_of, value_as_of
from orders.models import Fulfillment, Order, OrderEvent, OrderLine, Payment
from orders.queries import differences as order_differences
from purchasing.models import (
    GoodsReceipt,
    GoodsReceiptLine,
    PurchaseOrder,
    PurchaseOrderLine,
    SupplierProduct,
)
from tests.raw_sql import execute

LINES = 3


@pytest.mark.django_db(transaction=True)
def test_orders_are_measured_in_small(monkeypatch):
    monkeypatch.setattr(ingest, "ORDERS", {1: 2, 2: 4})

    measures = ingest.measure()

    by_us, by_hand = (Order.objects.filter(external_id__startswith=prefix) for prefix in ("O", "S"))
    assert len(measures) == 4
    assert by_us.count() == by_hand.count() == 12
    # Which articles and buyers they name is left to chance; all else of their promises is not.
    assert promised(by_us) == promised(by_hand) == 3 * 12
    assert differences() == []


@pytest.mark.django_db(transaction=True)
def test_a_supplier_file_is_measured_in_small(monkeypatch):
    monkeypatch.setattr(supplier_file, "LINES", 10)

    measures = supplier_file.measure()

    ours, by_hand = (
        SupplierProduct.objects.filter(supplier__code=code) for code in ("ours", "by-hand")
    )
    assert len(measures) == 3
    assert facts_of_articles(ours) == facts_of_articles(by_hand)
    assert len(facts_of_articles(ours)) == 10


def facts_of_articles(articles):
    """Return what a file says of each article, and its price of today."""
    return list(
        articles.order_by("supplier_sku").values_list(
            "supplier_sku", "name", "available_units", "prices__unit_cost"
        )
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("measured", [history, promises, receipts, ledger])
def test_each_measure_runs_in_small(measured):
    tiny = {
        history: {"orders": 3, "turns": 1},
        promises: {"connections": (1, 2), "acts": 4, "rounds": 1},
        receipts: {"lines": LINES, "turns": 1},
        ledger: {"rows": 1_000, "turns": 1},
    }

    measures = measured.measure(**tiny[measured])

    assert (
        len({measure.name for measure in measures})
        == {history: 1, promises: 4, receipts: 2, ledger: 9}[measured]
    )
    assert all(measure.ours > 0 and measure.theirs > 0 for measure in measures)
    assert differences() == []


def test_each_measure_has_a_name_to_choose_it_by(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["bench", "--only", "nothing"])

    with pytest.raises(SystemExit):
        main.main()

    assert "supplier-file" in capsys.readouterr().err


def test_measures_keep_the_median_of_acts_done_in_turn():
    done = []

    measure = in_turn(
        name="acts",
        unit="acts",
        units=1,
        ours=[lambda: done.append("ours")] * 3,
        theirs=[lambda: done.append("theirs")] * 3,
    )

    assert done == ["ours", "theirs"] * 3
    assert measure.ratio == measure.ours / measure.theirs


def promised(orders):
    """Return how many lines of orders are promised whole, as orders of their channel."""
    return Allocation.objects.filter(
        reference__in=orders.values("number"), channel__code="bench", units=1, note=""
    ).count()


def rows(queryset, *left_out):
    """Return what stands in the rows, except in the columns that tell whose they are."""
    fields = [
        field.attname
        for field in queryset.model._meta.concrete_fields
        if field.attname not in {"id", "reference", "key", "number", *left_out}
    ]
    return list(queryset.order_by("pk").values(*fields))


@pytest.mark.django_db
def test_a_promise_by_hand_leaves_the_rows_of_ours():
    shelf = promises.prepare()
    now = timezone.now()
    AvailabilityChange.objects.all().delete()

    for promise, reference in ((promises.promise_by_us, "A"), (promises.promise_by_hand, "B")):
        promise(shelf.location, shelf.variant_ids[0], reference, now)

    ours, theirs = (Allocation.objects.filter(reference=reference) for reference in ("A", "B"))
    assert rows(ours) == rows(theirs)
    assert AvailabilityChange.objects.values("variant_id", "changed_at").distinct().count() == 1
    assert AvailabilityChange.objects.count() == 2
    assert StockLevel.objects.get(variant=shelf.variant_ids[0]).allocated == 2
    assert differences() == []


@pytest.mark.django_db
def test_stock_taken_in_by_hand_leaves_the_rows_of_ours():
    delivery = receipts.prepare(lines=LINES)

    receipts.receive_stock_by_us(delivery, "A")
    receipts.receive_stock_by_hand(delivery, "B")

    for model, changing in ((StockMovement, ()), (CostMovement, ("units_before",))):
        ours, theirs = (model.objects.filter(reference=reference) for reference in ("A", "B"))
        assert len(ours) == LINES
        assert rows(ours, "moved_at", *changing) == rows(theirs, "moved_at", *changing)
    assert AvailabilityChange.objects.count() == 3 * LINES
    assert differences() == []


@pytest.mark.django_db
def test_goods_taken_in_by_hand_leave_the_rows_of_ours():
    delivery = receipts.prepare(lines=LINES)
    by_us, by_hand = (receipts.sent_order(delivery, reference) for reference in ("A", "B"))

    receipts.receive_goods_by_us(by_us)
    receipts.receive_goods_by_hand(by_hand)

    def left_by(order):
        receipt = GoodsReceipt.objects.get(key=order.reference)
        moved = StockMovement.objects.filter(reference=receipt.number)
        lines = receipt.lines.order_by("order_line__variant")
        assert [movement.source_line_ids for movement in moved.order_by("level__variant")] == [
            [line.pk] for line in lines
        ]
        return [
            rows(GoodsReceipt.objects.filter(pk=receipt.pk), "received_at"),
            rows(GoodsReceiptLine.objects.filter(receipt=receipt), "receipt_id", "order_line_id"),
            rows(PurchaseOrderLine.objects.filter(order=order), "order_id"),
            rows(PurchaseOrder.objects.filter(pk=order.pk), "raised_at", "approved_at", "sent_at"),
            rows(moved, "source_id", "source_line_ids", "moved_at"),
            rows(CostMovement.objects.filter(reference=receipt.number), "units_before", "moved_at"),
        ]

    assert left_by(by_us) == left_by(by_hand)
    assert differences() == []


@pytest.mark.django_db(transaction=True)
def test_history_taken_in_by_hand_leaves_the_rows_of_ours():
    history.measure(orders=3, turns=1)

    by_us, by_hand = (Order.objects.filter(external_id__startswith=prefix) for prefix in "BH")
    told = ("external_id", "external_number", "payload_digest", "customer_id")
    places = ("delivery_address_id", "external_updated_at", "placed_at")
    assert len(by_us) == 3
    assert rows(by_us, *told, *places) == rows(by_hand, *told, *places)
    for model in (OrderLine, Fulfillment, OrderEvent, Payment):
        whose = ("order_id", "variant_id", "raw_sku", "details", "happened_at", "shipped_at")
        ours, theirs = (
            rows(model.objects.filter(order__in=orders), *whose, "external_id", "created_at")
            for orders in (by_us, by_hand)
        )
        assert sorted(ours, key=str) == sorted(theirs, key=str)
    assert (differences(), order_differences()) == ([], [])


@pytest.mark.django_db
def test_the_ledger_made_up_is_right_and_both_tell_the_same_of_it():
    ledger.make_ledger(rows=1_000)

    assert StockMovement.objects.count() == CostMovement.objects.count() == 1_000
    assert (differences(), ledger.differences_by_hand()) == ([], [])
    assert len(stock_as_of(ledger.MIDDLE)) == len(ledger.stock_by_hand(ledger.MIDDLE)) == 10
    assert len(value_as_of(ledger.MIDDLE)) == len(ledger.value_by_hand(ledger.MIDDLE)) == 5


@pytest.mark.django_db
@pytest.mark.parametrize(
    "lie",
    [
        "UPDATE inventory_stocklevel SET on_hand = on_hand + 1",
        "UPDATE inventory_costpool SET value = value + 1",
    ],
)
def test_the_proof_by_hand_finds_what_ours_finds(lie):
    ledger.make_ledger(rows=1_000)

    execute(lie)

    assert ledger.differences_by_hand() != []
    assert differences() != []
