"""The pages about customers who wait: orders of both sides, links and slips."""

from datetime import date

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from orders.models import Order
from purchasing.models import DeliverySlip, OrderedFor, PurchaseOrder
from purchasing.operations import ReceivedLine, receive_goods
from retail.common.roles import Role
from tests.factories.common import NOON, UserFactory
from tests.factories.orders import open_order
from tests.factories.purchasing import (
    SupplierPriceFactory,
    SupplierProductFactory,
)
from tests.factories.purchasing_waiting import DeliverySlipFactory
from tests.purchasing.waiting import dropped, on_order, ordered_for, send_purchase, sold_out

pytestmark = pytest.mark.django_db

DAY = date(2026, 4, 1)


@pytest.fixture
def level():
    return sold_out()


def page(row, *act):
    name = f"admin:{row._meta.app_label}_{row._meta.model_name}_{'act' if act else 'change'}"
    return reverse(name, args=[row.pk, *act])


def perform(client, row, act, **data):
    return client.post(page(row, act), {"key": "one form", **data}, follow=True)


def told(response):
    return [str(message) for message in response.context["messages"]]


@pytest.fixture
def buyer(client):
    return sign_in(client, Role.BUYER)


@pytest.fixture
def seller(client):
    return sign_in(client, Role.BACK_OFFICE)


def sign_in(client, role):
    user = UserFactory()
    user.groups.add(Group.objects.get(name=role.value))
    client.force_login(user)
    return client


def test_order_of_a_customer_says_with_what_it_comes_and_when(seller, level):
    order = open_order(level=level, quantity=1)
    line = on_order(level, expected_on=DAY)
    ordered_for(line, order, units=1)

    content = seller.get(page(order)).content.decode()

    assert line.order.number in content
    assert "1 units expected on 1 April 2026" in content


def test_who_may_not_see_purchase_orders_is_not_told_of_them(client, level):
    order = open_order(level=level, quantity=1)
    line = on_order(level, expected_on=DAY)
    ordered_for(line, order, units=1)
    user = UserFactory()
    user.user_permissions.add(Permission.objects.get(codename="view_order"))
    client.force_login(user)

    content = client.get(page(order)).content.decode()

    assert order.number in content
    assert line.order.number not in content


def test_article_is_ordered_on_the_page_of_the_order(seller, level):
    order = open_order(level=level, quantity=2)
    product = SupplierProductFactory(variant=level.variant)
    SupplierPriceFactory(supplier_product=product)

    for _ in range(2):
        perform(
            seller,
            order,
            "order-from-supplier",
            line=order.lines.get().pk,
            supplier=product.supplier_id,
            location=level.location_id,
        )

    link = OrderedFor.objects.get()
    assert (link.units, link.purchase_line.order.status) == (2, PurchaseOrder.Status.DRAFT)


def test_supplier_is_asked_to_send_it_on_the_page_of_the_order(seller, level):
    order = open_order(level=level, quantity=2)
    product = SupplierProductFactory(variant=level.variant)
    line = order.lines.get()

    perform(
        seller,
        order,
        "drop-ship",
        supplier=product.supplier_id,
        **{f"units_{line.pk}": 2, f"cost_{line.pk}": "3.10"},
    )

    purchase = PurchaseOrder.objects.get()
    assert (purchase.drop_ship_order, purchase.lines.get().ordered) == (order, 2)


def test_order_that_waits_for_nothing_offers_neither(seller):
    order = open_order()

    content = seller.get(page(order)).content.decode()

    assert "Order from supplier" not in content
    assert "Have the supplier send it" not in content


def test_parcel_of_the_supplier_is_noted_on_the_purchase_order(buyer, level):
    order = open_order(level=level, quantity=2)
    purchase = send_purchase(dropped(order, 2))

    response = perform(
        buyer,
        purchase,
        "note-sent",
        carrier="DPD",
        tracking_number="TN-7",
        **{f"units_{purchase.lines.get().pk}": 2},
    )

    order.refresh_from_db()
    assert order.lifecycle == Order.Lifecycle.COMPLETED
    assert str(order) in told(response)[0]


def test_days_are_confirmed_for_all_lines_or_one(buyer, level):
    line = on_order(level, expected_on=date(2026, 3, 1))
    open_order(level=level, quantity=1)

    perform(buyer, line.order, "confirm", day="2026-04-01", supplier_reference="AB-1")

    line.refresh_from_db()
    assert line.confirmed_on == DAY
    assert DeliverySlip.objects.get().waiting_orders == 1

    perform(buyer, line.order, "confirm", day="2026-05-01", **{f"day_{line.pk}": "2026-03-02"})

    line.refresh_from_db()
    assert line.confirmed_on == date(2026, 3, 2)


def test_units_on_order_are_kept_for_who_is_chosen(buyer, level):
    order = open_order(level=level, quantity=2)
    line = on_order(level)

    perform(buyer, line.order, "keep", waiting=f"{line.pk}-{order.lines.get().pk}")

    link = OrderedFor.objects.get()
    assert (link.purchase_line, link.units) == (line, 2)


def test_purchase_order_shows_who_waits(buyer, level):
    order = open_order(level=level, quantity=2)
    line = on_order(level)
    ordered_for(line, order, units=1)

    content = buyer.get(page(line.order)).content.decode()

    assert f"{order}: 1 of {level.variant.sku}, ordered for it" in content
    assert f"{order}: 1 of {level.variant.sku}" in content


def test_link_is_taken_off_by_buyers_only(client, level):
    link = ordered_for(on_order(level), open_order(level=level, quantity=1), units=1)

    assert perform(sign_in(client, Role.BACK_OFFICE), link, "untie").status_code == 403
    assert OrderedFor.objects.exists()

    perform(sign_in(client, Role.BUYER), link, "untie")
    assert not OrderedFor.objects.exists()


def test_slip_leaves_the_desk_when_it_is_seen(buyer):
    slip = DeliverySlipFactory()
    address = reverse("admin:purchasing_deliveryslip_changelist")
    assert slip.line.order.number in buyer.get(f"{address}?state=new").content.decode()

    perform(buyer, slip, "seen")

    slip.refresh_from_db()
    assert slip.seen_at is not None
    assert slip.line.order.number not in buyer.get(f"{address}?state=new").content.decode()


def test_several_slips_are_marked_at_once(buyer):
    slips = [DeliverySlipFactory() for _ in range(2)]

    buyer.post(
        reverse("admin:purchasing_deliveryslip_changelist"),
        {"action": "mark_seen", "_selected_action": [slip.pk for slip in slips]},
    )

    assert not DeliverySlip.objects.filter(seen_at__isnull=True).exists()


def test_home_page_counts_slips(buyer):
    DeliverySlipFactory()

    content = buyer.get(reverse("admin:index")).content.decode()

    assert "Slipped deliveries" in content


def test_receipt_shows_to_whom_its_goods_go_on(buyer, level):
    order = open_order(level=level, quantity=2)
    line = on_order(level)
    ordered_for(line, order, units=2)
    receipt = receive_goods(
        order_id=line.order_id,
        lines=[ReceivedLine(order_line_id=line.pk, accepted=2)],
        delivery_note="",
        key="desk",
        at=NOON,
        by=None,
    )

    content = buyer.get(page(receipt)).content.decode()

    assert f"{order}: 2 of {level.variant.sku}, ordered for it" in content
