"""One order's whole trip over real HTTP: sold in the practice shop, taken in, shipped, told."""

import pytest

from channels.models import Channel
from orders import tasks
from orders.models import Order
from orders.operations import ship
from orders.queries import differences
from tests.channels.shop_process import TOKEN, order_row, running_shop
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON
from tests.factories.inventory import stock

pytestmark = pytest.mark.django_db


def test_order_travels_from_the_shop_to_the_parcel_and_back():
    level = stock(variant=VariantFactory(sku="MUG-BLUE"), units=10)
    with running_shop() as shop, shop.practice() as practice:
        practice.seed(reset=True, orders=[order_row(1)])
        ChannelFactory(mode=Channel.Mode.FULL, address=shop.address, credentials=TOKEN)

        tasks.pull_orders()
        order = Order.objects.get()
        ship(order_id=order.pk, key="parcel", carrier="DPD", tracking_number="TN-1", at=NOON)
        told = tasks.push_tracking()
        again = tasks.pull_orders()
        (parcel,) = practice.shipments("1")

    level.refresh_from_db()
    order.refresh_from_db()
    assert told == {"sent": 1, "failed": 0}
    assert (again["created"], again["updated"], again["known"]) == (0, 0, 1)
    assert parcel["tracking_number"] == "TN-1"
    assert (order.lifecycle, order.holds.count(), level.on_hand) == ("COMPLETED", 0, 8)
    assert differences() == []
