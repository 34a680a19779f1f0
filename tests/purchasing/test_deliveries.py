"""The receiving desk: what is on a delivery, and how scans and counts find their line."""

from datetime import date

import pytest

from catalog.scanning import AmbiguousCode
from inventory.models import StockMovement
from purchasing import operations
from purchasing.models import DeliveryScan
from purchasing.operations import Count
from retail.common.errors import WrongStatus
from tests.factories.catalog import BarcodeFactory, VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierProductFactory,
    approved_order,
    sent_order,
)
from tests.factories.purchasing_deliveries import (
    counted,
    opened,
    order_of,
    posted,
    scanned,
    variants,
)

pytestmark = pytest.mark.django_db


def counts_of(delivery):
    """Return what was accepted and rejected of each line, planned ones first."""
    lines = delivery.lines.order_by("order_line", "pk")
    return list(lines.values_list("accepted", "rejected"))


def unplanned(delivery):
    lines = delivery.lines.filter(order_line=None).order_by("pk")
    return list(lines.values_list("code", "variant__sku", "accepted"))


def test_delivery_has_a_line_for_everything_still_to_come():
    first = sent_order(units=(10, 5))
    second = order_of((VariantFactory(), 3), like=first)
    operations.receive_goods(
        order_id=first.pk,
        lines=[operations.ReceivedLine(order_line_id=first.lines.get(ordered=5).pk, accepted=5)],
        delivery_note="",
        key="earlier",
        at=NOON,
        by=None,
    )
    hand = UserFactory()

    delivery = opened(first, second, delivery_note=" DN-7 ", by=hand)

    assert (delivery.status, delivery.delivery_note, delivery.opened_by) == ("OPEN", "DN-7", hand)
    assert list(delivery.lines.order_by("pk").values_list("order_line__ordered", flat=True)) == [
        10,
        3,
    ]


def test_delivery_opened_twice_with_the_same_key_is_one():
    order = sent_order()
    first = opened(order, key="the same form")

    assert opened(order, key="the same form") == first
    assert first.lines.count() == 1


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda like: sent_order(location=like.location), "is of another supplier"),
        (lambda like: sent_order(supplier=like.supplier), "goes to another location"),
        (
            lambda like: approved_order(supplier=like.supplier, location=like.location),
            "is approved: goods come in on a sent order",
        ),
    ],
)
def test_order_that_cannot_come_with_it_is_refused(make, problem):
    order = sent_order()
    delivery = opened(order)
    other = make(order)

    with pytest.raises(operations.NotOnThisDelivery, match=f"{other.number} {problem}"):
        opened(order, other, key="both")
    with pytest.raises(operations.NotOnThisDelivery, match=problem):
        operations.add_order(delivery_id=delivery.pk, order_id=other.pk)

    assert delivery.lines.count() == 1
    assert type(delivery).objects.count() == 1


def test_order_that_is_added_takes_what_was_counted_as_not_ordered():
    order = sent_order()
    extra = VariantFactory()
    late = order_of((extra, 2), like=order)
    delivery = opened(order)
    scanned(delivery, extra.sku, 5)

    for _ in range(2):
        operations.add_order(delivery_id=delivery.pk, order_id=late.pk)

    assert counts_of(delivery) == [(0, 0), (2, 0), (3, 0)]
    assert unplanned(delivery) == [(extra.sku, extra.sku, 3)]


def test_every_code_of_an_article_counts_on_its_line():
    order = sent_order(units=(100,))
    line = order.lines.get()
    line.supplier_sku = "Their-1"
    line.save(update_fields=["supplier_sku"])
    line.variant.gtin = "4006381333931"
    line.variant.save(update_fields=["gtin"])
    BarcodeFactory(variant=line.variant, code="carton", pack_size=12)
    SupplierProductFactory(supplier=order.supplier, variant=line.variant, supplier_sku="Their-2")
    delivery = opened(order)

    for code in (
        line.variant.sku.lower(),
        "4006381333931",
        "(01)04006381333931",
        "their-1",
        "THEIR-2",
    ):
        scanned(delivery, code)
    carton = scanned(delivery, "carton", 2)

    assert carton.units == 24
    assert counts_of(delivery) == [(29, 0)]
    assert DeliveryScan.objects.count() == 6


def test_article_on_several_lines_fills_what_is_expected_earliest():
    [variant] = variants(1)
    late = order_of((variant, 10), expected_on=date(2026, 12, 24))
    early = order_of((variant, 4), like=late, expected_on=date(2026, 12, 1))
    delivery = opened(late, early)
    late_line, early_line = delivery.lines.order_by("order_line")

    scanned(delivery, variant.sku, 3)
    scanned(delivery, variant.sku, 3)

    early_line.refresh_from_db()
    late_line.refresh_from_db()
    assert (early_line.accepted, late_line.accepted) == (4, 2)


def test_day_the_supplier_confirmed_counts_before_the_one_we_want():
    [variant] = variants(1)
    slipped = order_of((variant, 5), expected_on=date(2026, 12, 1))
    slipped.lines.update(confirmed_on=date(2026, 12, 20))
    other = order_of((variant, 5), like=slipped, expected_on=date(2026, 12, 10))
    delivery = opened(slipped, other)

    scanned(delivery, variant.sku, 5)

    assert delivery.lines.get(accepted=5).order_line.order == other


def test_more_than_expected_stands_on_the_last_line():
    [variant] = variants(1)
    first = order_of((variant, 2))
    second = order_of((variant, 3), like=first)
    delivery = opened(first, second)

    scanned(delivery, variant.sku, 9)

    assert counts_of(delivery) == [(2, 0), (7, 0)]


def test_goods_that_nobody_ordered_are_never_lost():
    stranger = VariantFactory()
    BarcodeFactory(variant=stranger, code="box of six", pack_size=6)
    delivery = opened()

    for code in ("who knows", stranger.sku, "box of six", "who knows"):
        scanned(delivery, code)

    assert unplanned(delivery) == [("who knows", None, 2), (stranger.sku, stranger.sku, 7)]
    assert counts_of(delivery)[0] == (0, 0)


def test_code_of_several_articles_means_the_one_on_the_delivery():
    order = sent_order()
    expected = order.lines.get().variant
    twin = VariantFactory(gtin="4006381333931")
    BarcodeFactory(variant=expected, code="4006381333931")
    delivery = opened(order)

    scanned(delivery, "4006381333931")

    assert counts_of(delivery) == [(1, 0)]
    with pytest.raises(AmbiguousCode, match=str(twin)):
        scanned(opened(), "4006381333931")


def test_scan_sent_twice_counts_once():
    order = sent_order()
    delivery = opened(order)
    first = scanned(delivery, order.lines.get().variant.sku, key="one scan")

    assert scanned(delivery, order.lines.get().variant.sku, key="one scan") == first
    assert counts_of(delivery) == [(1, 0)]


def test_page_that_counted_one_code_does_not_pass_over_another():
    order = sent_order()
    delivery = opened(order)
    scanned(delivery, order.lines.get().variant.sku, key="one page")

    with pytest.raises(operations.InvalidScanOfGoods, match="scan another again"):
        scanned(delivery, "another", key="one page")

    assert counts_of(delivery) == [(1, 0)]


@pytest.mark.parametrize(
    ("code", "units"), [("", 1), (" ", 1), ("x" * 101, 1), ("x\x00", 1), ("x", 0), ("x", 10**9)]
)
def test_scan_that_says_nothing_is_refused(code, units):
    delivery = opened()

    with pytest.raises(operations.InvalidScanOfGoods):
        scanned(delivery, code, units)

    assert counts_of(delivery) == [(0, 0)]
    assert DeliveryScan.objects.count() == 0


def test_counts_are_set_and_not_added():
    delivery = opened(sent_order(units=(10, 5)))
    first = delivery.lines.earliest("pk")
    scanned(delivery, first.variant.sku, 7)
    counts = [
        Count(
            line_id=first.pk,
            accepted=6,
            rejected=1,
            reject_reason="DAMAGED",
            note=" Wet ",
            seen=(7, 0),
        )
    ]
    hand = UserFactory()

    for _ in range(2):
        operations.enter_counts(delivery_id=delivery.pk, counts=counts, at=NOON, by=hand)

    first.refresh_from_db()
    assert (first.reject_reason, first.note, first.counted_by) == ("DAMAGED", "Wet", hand)
    assert counts_of(delivery) == [(6, 1), (0, 0)]


def test_count_does_not_write_over_what_somebody_scanned_meanwhile():
    order = sent_order()
    delivery = opened(order)
    line = delivery.lines.get()
    scanned(delivery, line.variant.sku, 2)

    with pytest.raises(operations.CountedMeanwhile, match="2 accepted and 0 rejected by now"):
        operations.enter_counts(
            delivery_id=delivery.pk,
            counts=[Count(line_id=line.pk, accepted=1, seen=(1, 0))],
            at=NOON,
            by=None,
        )

    assert counts_of(delivery) == [(2, 0)]


@pytest.mark.parametrize(
    "values",
    [
        {"accepted": -1},
        {"accepted": 0, "rejected": -1},
        {"accepted": 10**9},
        {"accepted": 0, "rejected": 1},
        {"accepted": 0, "rejected": 1, "reject_reason": "BECAUSE"},
    ],
)
def test_count_that_cannot_be_is_refused(values):
    delivery = opened()
    line = delivery.lines.get()

    with pytest.raises(operations.InvalidCount):
        operations.enter_counts(
            delivery_id=delivery.pk, counts=[Count(line_id=line.pk, **values)], at=NOON, by=None
        )

    assert counts_of(delivery) == [(0, 0)]


def test_line_of_another_delivery_is_not_counted():
    delivery, other = opened(), opened()

    with pytest.raises(operations.InvalidCount, match="not on this delivery"):
        operations.enter_counts(
            delivery_id=delivery.pk,
            counts=[Count(line_id=other.lines.get().pk, accepted=1)],
            at=NOON,
            by=None,
        )

    assert counts_of(other) == [(0, 0)]


def test_discarded_delivery_takes_nothing_in():
    delivery, hand = counted(opened(), 4), UserFactory()

    for reason in ("Went back with the driver", "again"):
        operations.discard_delivery(delivery_id=delivery.pk, reason=reason, at=NOON, by=hand)

    delivery.refresh_from_db()
    assert (delivery.status, delivery.close_reason, delivery.closed_by) == (
        "DISCARDED",
        "Went back with the driver",
        hand,
    )
    assert StockMovement.objects.count() == 0


def test_delivery_is_discarded_for_a_reason():
    delivery = opened()

    with pytest.raises(operations.MissingReason):
        operations.discard_delivery(delivery_id=delivery.pk, reason=" ", at=NOON, by=None)

    delivery.refresh_from_db()
    assert delivery.status == "OPEN"


def test_nothing_more_is_counted_once_it_is_closed():
    delivery = counted(opened(), 4)
    posted(delivery)
    order = sent_order(supplier=delivery.supplier, location=delivery.location)

    for act in (
        lambda: scanned(delivery, "x"),
        lambda: counted(delivery, 5),
        lambda: operations.add_order(delivery_id=delivery.pk, order_id=order.pk),
        lambda: operations.discard_delivery(
            delivery_id=delivery.pk, reason="Late", at=NOON, by=None
        ),
    ):
        with pytest.raises(WrongStatus):
            act()

    assert counts_of(delivery) == [(4, 0)]


def test_delivery_without_orders_is_counted_too():
    supplier, place = SupplierFactory(), LocationFactory()
    delivery = operations.open_delivery(
        supplier=supplier,
        location=place,
        order_ids=[],
        delivery_note="",
        key="k",
        at=NOON,
        by=None,
    )

    scanned(delivery, "surprise", 2)

    assert unplanned(delivery) == [("surprise", None, 2)]
