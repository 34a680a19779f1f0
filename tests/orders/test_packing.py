"""The packing table: what may be scanned into a parcel, and when a parcel is stopped."""

from decimal import Decimal

import pytest

from catalog.models import Barcode
from catalog.scanning import UnknownCode
from orders.models import ChannelConflict, PackScan, Parcel
from orders.operations import (
    InvalidScan,
    NewParcel,
    NotAllPacked,
    ParcelStopped,
    ParcelTwice,
    SurplusUnit,
    UnknownFulfillment,
    WrongArticle,
    hold_order,
    ingest_order,
    pack,
    scan_unit,
    ship_packed,
    unpack,
)
from orders.queries import differences
from retail.common.errors import WrongStatus
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory, ListingFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import stock
from tests.factories.orders import bundle_order, incoming_line, incoming_order, open_order
from tests.factories.orders_fulfillment import packed, picked, scanned
from tests.orders.books import books

pytestmark = pytest.mark.django_db


def scan(fulfillment, code, *, key="scan", **values):
    return scan_unit(fulfillment_id=fulfillment.pk, code=code, key=key, at=NOON, **values)


def the_item(fulfillment):
    return fulfillment.items.select_related("variant").get()


def test_scan_counts_a_unit_and_says_who_scanned_what():
    fulfillment = picked(quantity=2)
    item = the_item(fulfillment)
    person = UserFactory()

    scan(fulfillment, f" {item.variant.sku.lower()} ", by=person)

    item.refresh_from_db()
    row = PackScan.objects.get()
    assert item.packed == 1
    assert (row.variant, row.units, row.code, row.scanned_by, row.scanned_at) == (
        item.variant,
        1,
        item.variant.sku.lower(),
        person,
        NOON,
    )


def test_scan_with_the_same_key_counts_once():
    fulfillment = picked(quantity=2)
    first = scan(fulfillment, the_item(fulfillment).variant.sku)
    before = books()

    again = scan(fulfillment, the_item(fulfillment).variant.sku)

    assert again == first
    assert books() == before


def test_scan_of_a_carton_counts_what_it_holds():
    fulfillment = picked(quantity=8)
    variant = the_item(fulfillment).variant
    Barcode.objects.create(code="CARTON-6", variant=variant, pack_size=6)

    scan(fulfillment, "CARTON-6")

    assert the_item(fulfillment).packed == 6


def test_scan_of_several_at_once_counts_them():
    fulfillment = picked(quantity=8)

    scan(fulfillment, the_item(fulfillment).variant.sku, units=5)

    assert the_item(fulfillment).packed == 5


def test_wrong_article_is_refused_and_what_belongs_in_is_named():
    fulfillment = picked(quantity=2)
    other = VariantFactory()
    before = books()

    with pytest.raises(WrongArticle, match="does not belong in") as refused:
        scan(fulfillment, other.sku)

    assert refused.value.details == {"lacking": {the_item(fulfillment).variant.sku: 2}}
    assert books() == before


def test_surplus_unit_is_refused():
    fulfillment = picked(quantity=2)
    sku = the_item(fulfillment).variant.sku
    scan(fulfillment, sku, units=2)
    before = books()

    with pytest.raises(SurplusUnit, match=r"2 of .* belong in .*, 2 are in: 1 more are too many"):
        scan(fulfillment, sku, key="third")

    assert books() == before


def test_carton_that_holds_more_than_belongs_in_is_refused_whole():
    fulfillment = picked(quantity=5)
    Barcode.objects.create(code="CARTON-6", variant=the_item(fulfillment).variant, pack_size=6)

    with pytest.raises(SurplusUnit):
        scan(fulfillment, "CARTON-6")
    assert the_item(fulfillment).packed == 0


def test_unknown_code_is_refused():
    with pytest.raises(UnknownCode):
        scan(picked(), "NOBODY-KNOWS-ME")


@pytest.mark.parametrize("units", [0, -1, 2**31])
def test_scan_of_no_units_is_refused(units):
    fulfillment = picked()
    with pytest.raises(InvalidScan):
        scan(fulfillment, the_item(fulfillment).variant.sku, units=units)


def test_unknown_fulfillment_is_refused():
    with pytest.raises(UnknownFulfillment):
        scan_unit(fulfillment_id=0, code="X", key="scan", at=NOON)


def test_parcel_of_a_held_order_is_stopped_at_the_scan():
    fulfillment = picked()
    hold_order(order_id=fulfillment.order_id, reason="Fraud.", at=NOON)
    before = books()

    with pytest.raises(ParcelStopped, match=r"must not leave\. Held by hand: Fraud"):
        scan(fulfillment, the_item(fulfillment).variant.sku)

    assert books() == before


def test_parcel_of_a_cancelled_order_is_stopped_at_the_scan():
    fulfillment = picked()
    order = fulfillment.order
    order.lifecycle = "CANCELLED"
    order.save(update_fields=["lifecycle"])

    with pytest.raises(ParcelStopped, match="The order is cancelled"):
        scan(fulfillment, the_item(fulfillment).variant.sku)


def test_parcel_that_the_channel_disagrees_about_is_stopped():
    fulfillment = scanned()
    ChannelConflict.objects.create(
        order=fulfillment.order, kind="CANCELLED", opened_at=NOON, due_at=NOON
    )

    with pytest.raises(ParcelStopped, match="Cancelled there, begun here"):
        pack(fulfillment_id=fulfillment.pk, parcels=[], key="pack", at=NOON)


def test_pack_writes_the_parcels():
    fulfillment = scanned(quantity=2)
    person = UserFactory()
    boxes = [
        NewParcel(carrier="DPD", tracking_number="TN-1", weight=1200, cost=Decimal("4.555")),
        NewParcel(carrier="DPD", tracking_number="TN-2", tracking_url="https://dpd.example/TN-2"),
    ]

    pack(fulfillment_id=fulfillment.pk, parcels=boxes, key="pack", at=NOON, by=person)

    fulfillment.refresh_from_db()
    assert (fulfillment.status, fulfillment.packed_at, fulfillment.packed_by) == (
        "PACKED",
        NOON,
        person,
    )
    assert list(
        fulfillment.parcels.order_by("pk").values_list(
            "tracking_number", "weight", "cost", "cost_currency", "tracking_url"
        )
    ) == [
        ("TN-1", 1200, Decimal("4.56"), "GBP", ""),
        ("TN-2", None, None, "", "https://dpd.example/TN-2"),
    ]
    assert fulfillment.order.events.get(kind="PACKED").details["parcels"] == 2
    assert differences() == []


def test_pack_with_the_same_key_packs_once():
    fulfillment = packed()
    before = books()

    pack(fulfillment_id=fulfillment.pk, parcels=[], key="pack", at=NOON)

    assert books() == before


def test_pack_with_another_key_is_refused():
    with pytest.raises(WrongStatus, match="is packed and cannot become packed"):
        pack(fulfillment_id=packed().pk, parcels=[], key="other", at=NOON)


def test_pack_before_every_unit_was_scanned_names_what_lacks():
    fulfillment = picked(quantity=3)
    sku = the_item(fulfillment).variant.sku
    scan(fulfillment, sku, units=2)

    with pytest.raises(NotAllPacked, match=f"Still to come: 1 of {sku}") as refused:
        pack(fulfillment_id=fulfillment.pk, parcels=[], key="pack", at=NOON)

    assert refused.value.details == {"lacking": {sku: 1}}
    fulfillment.refresh_from_db()
    assert fulfillment.status == "PICKING"


def test_two_boxes_with_one_number_are_refused():
    fulfillment = scanned()
    box = NewParcel(carrier="DPD", tracking_number="TN-1")

    with pytest.raises(ParcelTwice, match="DPD TN-1"):
        pack(fulfillment_id=fulfillment.pk, parcels=[box, box], key="pack", at=NOON)
    assert not Parcel.objects.exists()


def test_packed_parcel_takes_no_more():
    fulfillment = packed()
    with pytest.raises(WrongStatus, match="is packed: nothing is packed"):
        scan(fulfillment, the_item(fulfillment).variant.sku, key="late")


def test_unpacked_parcel_is_scanned_anew():
    fulfillment = packed(quantity=2)

    unpack(fulfillment_id=fulfillment.pk, reason="Wrong box.", at=NOON)
    unpack(fulfillment_id=fulfillment.pk, reason="Wrong box.", at=NOON)

    fulfillment.refresh_from_db()
    assert (fulfillment.status, fulfillment.packed_at) == ("PICKING", None)
    assert (the_item(fulfillment).packed, fulfillment.parcels.count()) == (0, 0)
    assert fulfillment.order.events.filter(kind="PICKING").count() == 2
    with pytest.raises(NotAllPacked):
        pack(fulfillment_id=fulfillment.pk, parcels=[], key="again", at=NOON)
    scan(fulfillment, the_item(fulfillment).variant.sku, key="anew", units=2)
    pack(fulfillment_id=fulfillment.pk, parcels=[], key="again", at=NOON)


def test_sent_parcel_is_not_unpacked():
    fulfillment = packed()
    ship_packed(fulfillment_id=fulfillment.pk, at=NOON)

    with pytest.raises(WrongStatus):
        unpack(fulfillment_id=fulfillment.pk, reason="Too late.", at=NOON)


def test_bundle_is_packed_by_scanning_its_contents():
    order = bundle_order(quantity=2)
    pens, inks = (part.variant for part in order.lines.get().components.order_by("-units"))
    fulfillment = picked(order)

    scan(fulfillment, pens.sku, units=4, key="pens")
    with pytest.raises(WrongArticle):
        scan(fulfillment, order.lines.get().variant.sku, key="set")
    with pytest.raises(NotAllPacked, match=f"Still to come: 2 of {inks.sku}"):
        pack(fulfillment_id=fulfillment.pk, parcels=[], key="pack", at=NOON)
    scan(fulfillment, inks.sku, units=2, key="inks")
    pack(fulfillment_id=fulfillment.pk, parcels=[], key="pack", at=NOON)
    ship_packed(fulfillment_id=fulfillment.pk, at=NOON)

    order.refresh_from_db()
    assert (order.lifecycle, order.lines.get().shipped) == ("COMPLETED", 2)
    assert differences() == []


def test_packs_are_packed_by_their_units():
    channel = ChannelFactory()
    level = stock(units=24)
    ListingFactory(channel=channel, external_product_id="six", variant=level.variant, pack_size=6)
    incoming = incoming_order(incoming_line(external_product_id="six", quantity=2))
    fulfillment = picked(ingest_order(channel=channel, incoming=incoming, at=NOON).order)

    assert (the_item(fulfillment).units, fulfillment.lines.get().quantity) == (12, 2)
    scan(fulfillment, level.variant.sku, units=12)
    pack(fulfillment_id=fulfillment.pk, parcels=[], key="pack", at=NOON)
    ship_packed(fulfillment_id=fulfillment.pk, at=NOON)

    level.refresh_from_db()
    assert (level.on_hand, level.allocated) == (12, 0)
    assert differences() == []


def test_scan_takes_as_many_queries_whatever_the_number_of_articles(django_assert_num_queries):
    channel = ChannelFactory()
    levels = [stock(units=9, reference=f"GR-{n}") for n in range(1)]
    place = levels[0].location
    levels += [stock(units=9, location=place, reference=f"GR-more-{n}") for n in range(4)]
    big = incoming_order(
        *(
            incoming_line(sku=level.variant.sku, external_line_id=str(n))
            for n, level in enumerate(levels)
        )
    )
    small = open_order(level=levels[0], channel=channel, quantity=1)
    large = ingest_order(channel=channel, incoming=big, at=NOON).order

    for order in (small, large):
        fulfillment = picked(order)
        with django_assert_num_queries(13):
            scan(fulfillment, levels[0].variant.sku)
