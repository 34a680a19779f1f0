"""The list for the walk and the slip in the parcel, read back from the very PDFs."""

import pytest
from django.urls import reverse

from orders.models import Order
from orders.operations import ingest_order, put_back, ship, ship_packed, start_picking
from orders.printing import print_packing_slip, print_pick_list
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock
from tests.factories.orders import bundle_order, incoming_line, incoming_order, open_order
from tests.factories.orders_fulfillment import packed, picked
from tests.people import browser_of, person_who_may
from tests.printed import page_count, picture, scanned, words_on

pytestmark = pytest.mark.django_db

EAN = "4006381333931"
A4 = (210, 297)


def codes(pdf, page=1):
    return [code for code, _ in scanned(picture(pdf, paper=A4, page=page, width=210, height=297))]


@pytest.fixture
def level():
    level = stock(units=100)
    level.variant.gtin = EAN
    level.variant.save()
    return level


@pytest.fixture
def wave(level):
    channel = ChannelFactory()
    for quantity in (2, 3):
        open_order(level=level, channel=channel, quantity=quantity)
    return start_picking(location=level.location, key="wave", at=NOON).pick_list


def test_pick_list_names_the_units_and_their_places_on_the_cart(wave, level):
    pdf = print_pick_list(wave)

    words = words_on(pdf)
    first, second = wave.fulfillments.order_by("pk").select_related("order")
    assert f"Pick list {wave.number}" in words
    assert level.location.name in words
    assert "2 orders, 5 units of 1 articles" in words
    assert level.variant.sku in words
    assert level.variant.full_name in words
    for place, fulfillment in ((1, first), (2, second)):
        assert f"{place} {fulfillment.order.number} {fulfillment.number}" in words


def test_pick_list_can_be_scanned(wave):
    assert codes(print_pick_list(wave)) == sorted([EAN, wave.number])


def test_pick_list_leaves_out_what_was_put_back(wave):
    first, second = wave.fulfillments.order_by("pk").select_related("order")
    put_back(fulfillment_id=first.pk, reason="Wrong order.", at=NOON)

    words = words_on(print_pick_list(wave))

    assert first.order.number not in words
    assert "1 orders, 3 units" in words
    assert second.order.number in words


def test_long_pick_list_has_pages():
    channel, first = ChannelFactory(), stock(units=5)
    levels = [first] + [
        stock(units=5, location=first.location, reference=f"GR-{n}") for n in range(29)
    ]
    incoming = incoming_order(
        *(
            incoming_line(sku=level.variant.sku, external_line_id=str(n))
            for n, level in enumerate(levels)
        )
    )
    fulfillment = picked(ingest_order(channel=channel, incoming=incoming, at=NOON).order)

    pdf = print_pick_list(fulfillment.pick_list)

    assert page_count(pdf) > 1
    assert all(level.variant.sku in words_on(pdf) for level in levels)


def test_packing_slip_says_what_is_in_the_parcel_and_what_is_to_come(level):
    incoming = incoming_order(
        incoming_line(sku=level.variant.sku, quantity=5, name="Pen, blue"),
        external_number="WEB-77",
    )
    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order
    line = order.lines.get()
    first = ship(order_id=order.pk, key="first", quantities={line.pk: 1}, at=NOON)
    second = packed(order)

    of_first, of_second = (words_on(print_packing_slip(each)) for each in (first, second))

    for words in (of_first, of_second):
        assert "Ada Lovelace" in words
        assert "12 St James's Square" in words.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
        assert f"Our order {order.number}" in words
        assert "WEB-77" in words
        assert level.location.name in words
        assert "10.00" not in words
    assert f"{level.variant.sku} Pen, blue 5 1 4" in of_first
    assert f"{level.variant.sku} Pen, blue 5 4 0" in of_second
    assert "DPD TN-1" in of_second


def test_packing_slip_counts_the_same_before_and_after_it_leaves(level):
    fulfillment = packed(open_order(level=level, quantity=2))
    before = words_on(print_packing_slip(fulfillment))
    ship_packed(fulfillment_id=fulfillment.pk, at=NOON)
    fulfillment.refresh_from_db()

    assert f"{level.variant.sku} Article {level.variant.sku} 2 2 0" in before
    assert f"{level.variant.sku} Article {level.variant.sku} 2 2 0" in words_on(
        print_packing_slip(fulfillment)
    )


def test_packing_slip_can_be_scanned(level):
    fulfillment = packed(open_order(level=level))

    assert codes(print_packing_slip(fulfillment)) == [fulfillment.number]


def test_packing_slip_names_what_a_bundle_is_made_of():
    order = bundle_order(quantity=2)
    parts = list(order.lines.get().components.select_related("variant"))

    words = words_on(print_packing_slip(picked(order)))

    for part in parts:
        assert f"{part.units} x {part.variant.sku}" in words


def test_packing_slip_carries_the_name_of_the_shop(level, settings):
    settings.RETAIL_SHOP_NAME = "Pens and Paper Ltd"

    assert "Pens and Paper Ltd" in words_on(print_packing_slip(picked(open_order(level=level))))


def test_words_are_printed_as_they_are_and_never_as_markup(level):
    name = '#panic("no") *bold* $x$ <tag> \\ [Röhre]'
    incoming = incoming_order(incoming_line(sku=level.variant.sku, name=name))
    order = ingest_order(channel=ChannelFactory(), incoming=incoming, at=NOON).order
    Order.objects.filter(pk=order.pk).update(buyer_note="*Please* #ring")
    order.refresh_from_db()

    words = words_on(print_packing_slip(picked(order)))

    assert "*bold* $x$ <tag>" in words
    assert "Röhre" in words
    assert "*Please* #ring" in words


def test_desk_downloads_both(level):
    fulfillment = picked(open_order(level=level))
    picker = browser_of(
        person_who_may("orders.view_picklist", "orders.view_fulfillment", "orders.pick_fulfillment")
    )
    for model, row, name, title in (
        ("picklist", fulfillment.pick_list, "list", "Pick list"),
        ("fulfillment", fulfillment, "slip", "Packing slip"),
    ):
        answer = picker.get(reverse(f"admin:orders_{model}_download", args=[row.pk, name]))

        assert answer["Content-Type"] == "application/pdf"
        assert f"{title} {row.number}" in words_on(answer.content)
