"""Ordering from a supplier what a customer waits for."""

from decimal import Decimal

import pytest

from orders.models import OrderEvent, PaymentRule
from orders.operations import AwaitsPayment, cancel_order
from purchasing import operations
from purchasing.models import OrderedFor, PurchaseOrder, PurchaseOrderLine
from purchasing.operations import (
    CannotBeOrderedFor,
    GoodsAlreadyServed,
    NoSupplierPrice,
    NotFreeOnOrder,
)
from retail.common.errors import WrongStatus
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import bundle_order, open_order
from tests.factories.orders_payments import PaymentRuleFactory
from tests.factories.purchasing import (
    SupplierFactory,
    SupplierPriceFactory,
    SupplierProductFactory,
)
from tests.orders.books import books
from tests.purchasing.waiting import come_in, on_order, ordered_for, sold_out

pytestmark = pytest.mark.django_db


@pytest.fixture
def level():
    return sold_out()


@pytest.fixture
def supplier(level):
    """Return a supplier who offers the article of the level."""
    product = SupplierProductFactory(variant=level.variant)
    SupplierPriceFactory(supplier_product=product, unit_cost=Decimal("4.20"))
    return product.supplier


def order_it(order, supplier, level, *, units=2, key="act", **values):
    return operations.order_for_customer(
        order_line_id=order.lines.get().pk,
        supplier=supplier,
        location=values.pop("location", level.location),
        units=units,
        key=key,
        at=NOON,
        by=values.pop("by", None),
    )


def purchases():
    """Return what is on order: units of each line, and what of them is for whom."""
    lines = PurchaseOrderLine.objects.order_by("pk").values_list("order_id", "ordered")
    links = OrderedFor.objects.order_by("pk").values_list("order_line__order_id", "units")
    return list(lines), list(links)


def test_draft_is_raised_for_the_customer(level, supplier):
    order, person = open_order(level=level, quantity=2), UserFactory()

    link = order_it(order, supplier, level, by=person)

    purchase = link.purchase_line.order
    assert (purchase.status, purchase.supplier, purchase.location) == (
        PurchaseOrder.Status.DRAFT,
        supplier,
        level.location,
    )
    assert (link.purchase_line.ordered, link.purchase_line.unit_cost) == (2, Decimal("4.20"))
    assert (link.units, link.served, link.linked_by) == (2, 0, person)
    told = order.events.get(kind=OrderEvent.Kind.FROM_SUPPLIER)
    assert (told.details["on"], told.details["units"]) == (purchase.number, 2)


def test_next_customer_comes_on_the_same_draft_and_line(level, supplier):
    first, second = (open_order(level=level, quantity=2) for _ in range(2))

    link = order_it(first, supplier, level)
    other = order_it(second, supplier, level, key="another")

    assert other.purchase_line == link.purchase_line
    assert purchases() == ([(link.purchase_line.order_id, 4)], [(first.pk, 2), (second.pk, 2)])


def test_another_article_is_a_line_of_its_own_on_the_draft(level, supplier):
    other_level = sold_out_of(supplier, level.location)

    link = order_it(open_order(level=level, quantity=2), supplier, level)
    other = order_it(open_order(level=other_level, quantity=2), supplier, level, key="another")

    assert other.purchase_line.order_id == link.purchase_line.order_id
    assert [link.purchase_line.position, other.purchase_line.position] == [1, 2]


def sold_out_of(supplier, location):
    level = stock(units=1, location=location, reference="GR-other")
    open_order(level=level, quantity=1)
    product = SupplierProductFactory(supplier=supplier, variant=level.variant)
    SupplierPriceFactory(supplier_product=product)
    return level


def test_draft_for_another_place_or_one_that_was_submitted_is_left_alone(level, supplier):
    order = open_order(level=level, quantity=3)
    first = order_it(order, supplier, level, units=1)
    operations.submit(order_id=first.purchase_line.order_id, at=NOON)
    second = order_it(order, supplier, level, units=1, key="two")

    third = order_it(order, supplier, level, units=1, key="three", location=LocationFactory())

    orders = {link.purchase_line.order_id for link in (first, second, third)}
    assert len(orders) == 3


def test_act_done_twice_orders_once(level, supplier):
    order = open_order(level=level, quantity=4)
    link = order_it(order, supplier, level)
    before = (purchases(), books())

    again = order_it(order, supplier, level)

    assert again == link
    assert (purchases(), books()) == before


@pytest.mark.parametrize("units", [0, 3])
def test_more_than_the_customer_waits_for_is_refused(level, supplier, units):
    order = open_order(level=level, quantity=2)

    with pytest.raises(CannotBeOrderedFor):
        order_it(order, supplier, level, units=units)

    assert purchases() == ([], [])


def test_what_is_on_order_for_the_customer_is_not_ordered_again(level, supplier):
    order = open_order(level=level, quantity=2)
    order_it(order, supplier, level)
    before = purchases()

    with pytest.raises(CannotBeOrderedFor, match="waits for 0 units more"):
        order_it(order, supplier, level, key="another", units=1)

    assert purchases() == before


def test_nothing_is_ordered_for_an_order_that_ended_or_has_to_be_paid(level, supplier):
    ended = open_order(level=level, quantity=2)
    cancel_order(order_id=ended.pk, reason="No.", key="off", at=NOON)
    channel = ChannelFactory()
    PaymentRuleFactory(channel=channel, promises=PaymentRule.Needs.PAID)
    unpaid = open_order(level=level, quantity=2, channel=channel, is_paid=False)

    with pytest.raises(WrongStatus):
        order_it(ended, supplier, level)
    with pytest.raises(AwaitsPayment):
        order_it(unpaid, supplier, level, key="another")

    assert purchases() == ([], [])


def test_bundle_is_not_ordered_as_such(level, supplier):
    order = bundle_order()
    product = SupplierProductFactory(supplier=supplier, variant=order.lines.get().variant)
    SupplierPriceFactory(supplier_product=product)

    with pytest.raises(CannotBeOrderedFor, match="bundle"):
        order_it(order, supplier, level, units=1)

    assert purchases() == ([], [])


def test_article_that_the_supplier_has_no_price_for_is_refused(level):
    order = open_order(level=level, quantity=2)

    with pytest.raises(NoSupplierPrice):
        order_it(order, SupplierFactory(), level)

    assert purchases() == ([], [])


def test_place_that_does_not_send_is_refused(level, supplier):
    order = open_order(level=level, quantity=2)

    with pytest.raises(CannotBeOrderedFor, match="does not send"):
        order_it(order, supplier, level, location=LocationFactory(is_shipping=False))

    assert purchases() == ([], [])


def tie(line, order, units, *, key="tie"):
    return operations.tie_to_line(
        purchase_line_id=line.pk,
        order_line_id=order.lines.get().pk,
        units=units,
        key=key,
        at=NOON,
        by=None,
    )


def test_units_on_order_are_kept_for_a_customer_once(level):
    order = open_order(level=level, quantity=4)
    line = on_order(level, units=10)

    link = tie(line, order, 2)
    again = tie(line, order, 2)
    more = tie(line, order, 2, key="more")

    assert link == again == more
    link.refresh_from_db()
    assert link.units == 4
    come_in(line, 10, reference="GR-tied")
    link.refresh_from_db()
    assert link.served == 4


def test_units_that_are_somebodys_are_not_kept_for_another(level):
    first, second = (open_order(level=level, quantity=2) for _ in range(2))
    line = on_order(level, units=3)
    tie(line, first, 2)

    with pytest.raises(NotFreeOnOrder):
        tie(line, second, 2, key="another")

    assert OrderedFor.objects.count() == 1


def test_line_of_another_article_or_ended_order_is_refused(level):
    order = open_order(level=level, quantity=2)
    other = on_order(sold_out())
    ended = on_order(level)
    operations.cancel(order_id=ended.order_id, reason="No.", at=NOON, by=None)

    with pytest.raises(CannotBeOrderedFor):
        tie(other, order, 2)
    with pytest.raises(WrongStatus):
        tie(ended, order, 2)

    assert not OrderedFor.objects.exists()


def test_untied_units_come_for_whoever_waits(level):
    order = open_order(level=level, quantity=2)
    line = on_order(level)
    link = ordered_for(line, order, units=2)

    for _ in range(2):
        operations.untie(link_id=link.pk)

    assert not OrderedFor.objects.exists()
    line.refresh_from_db()
    assert line.ordered == 10


def test_served_customer_stays_tied(level):
    order = open_order(level=level, quantity=2)
    line = on_order(level)
    link = ordered_for(line, order, units=2)
    come_in(line, 1, reference="GR-tied")

    with pytest.raises(GoodsAlreadyServed):
        operations.untie(link_id=link.pk)

    assert OrderedFor.objects.get() == link
