"""From where orders are promised: by the rules of their channel, and what is written about it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from channels.models import Channel
from inventory.models import Location
from inventory.operations import InsufficientStock
from orders.models import Order, RoutingDecision, RoutingRule
from orders.operations import (
    NewOrderLine,
    allocate_order,
    allocate_waiting,
    ingest_order,
    place_order,
    serve_order,
    ship,
)
from orders.queries import differences, servable_orders
from tests.factories.catalog import VariantFactory, bundle
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import incoming_line, incoming_order, open_order
from tests.factories.orders_routing import PostcodeCentroidFactory, RoutingRuleFactory

pytestmark = pytest.mark.django_db

Kind = RoutingRule.Kind


@pytest.fixture
def pen():
    return VariantFactory()


def lying(variant, units, **place):
    """Put units of a variant at a place of these properties; return the level."""
    location = place.pop("location", None) or LocationFactory(**place)
    return stock(variant=variant, location=location, units=units, reference=f"GR-{location.pk}")


def order_of(variant, quantity=2, *, channel=None, **values) -> Order:
    line = incoming_line(sku=variant.sku, quantity=quantity)
    incoming = incoming_order(line, **values)
    return ingest_order(channel=channel or ChannelFactory(), incoming=incoming, at=NOON).order


def promised_at(order) -> dict[Location, int]:
    """Return where units are promised to an order."""
    rows = {}
    for line in order.lines.order_by("pk"):
        for row in line.line_allocations.filter(units__gt=0).order_by("pk"):
            place = row.allocation.level.location
            rows[place] = rows.get(place, 0) + row.units
    return rows


def decision_of(order) -> RoutingDecision:
    return order.routing_decisions.latest("pk")


def test_order_from_one_place_says_so(pen):
    level = lying(pen, 5)

    order = order_of(pen, 2)

    decision = order.routing_decisions.get()
    line = order.lines.get()
    assert (decision.cause, decision.decided_at, decision.decided_by) == ("NEW", NOON, None)
    assert decision.candidates == [{"place": level.location.code, "pieces": 2}]
    assert decision.chosen == {level.location.code: {str(line.pk): 2}}
    assert (decision.missing, decision.decided_by_rule) == (0, "")


def test_rule_of_the_channel_decides_and_is_named_with_its_figures(pen):
    near, far = lying(pen, 5), lying(pen, 50)
    channel = ChannelFactory()
    RoutingRuleFactory(channel=channel, rank=10, kind=Kind.LONGEST_COVER)

    order = order_of(pen, 2, channel=channel)

    decision = decision_of(order)
    assert promised_at(order) == {far.location: 2}
    assert order.location == far.location
    assert decision.decided_by_rule == "10 LONGEST_COVER"
    assert decision.candidates == [
        {"place": near.location.code, "pieces": 2, "figures": {"10 LONGEST_COVER": 3}},
        {"place": far.location.code, "pieces": 2, "figures": {"10 LONGEST_COVER": 48}},
    ]


def test_rules_of_other_channels_and_idle_ones_do_not_count(pen):
    first, _ = lying(pen, 5), lying(pen, 50)
    RoutingRuleFactory(channel=ChannelFactory(), kind=Kind.LONGEST_COVER)
    RoutingRuleFactory(kind=Kind.LONGEST_COVER, is_active=False)

    assert promised_at(order_of(pen)) == {first.location: 2}


def test_rules_of_the_channel_stand_in_one_row_with_those_for_all(pen):
    first, second, channel = lying(pen, 5), lying(pen, 5), ChannelFactory()
    RoutingRuleFactory(rank=1, kind=Kind.PREFERRED, location=first.location)
    RoutingRuleFactory(rank=1, channel=channel, kind=Kind.PREFERRED, location=second.location)
    RoutingRuleFactory(rank=2, channel=channel, kind=Kind.PREFERRED, location=first.location)

    own, other = order_of(pen, channel=channel), order_of(pen)

    assert promised_at(own) == {second.location: 2}
    assert promised_at(other) == {first.location: 2}
    assert decision_of(own).decided_by_rule == f"1 PREFERRED {second.location.code}"


def test_same_country_is_that_of_the_delivery_address(pen):
    lying(pen, 5, country="FR", priority=-1)
    home = lying(pen, 5, country="GB")
    RoutingRuleFactory(kind=Kind.SAME_COUNTRY)

    assert promised_at(order_of(pen)) == {home.location: 2}


def test_nearest_is_measured_from_the_longest_beginning_of_the_postcode(pen):
    """Of SW1Y 4JH the beginnings S, SW1 and SW2 are known: SW1 counts."""
    lying(pen, 5, latitude="53.95763", longitude="-1.08271")
    london = lying(pen, 5, latitude="51.50735", longitude="-0.12776")
    lying(pen, 5, priority=-9)
    PostcodeCentroidFactory(prefix="S", latitude="53.9", longitude="-1.1")
    PostcodeCentroidFactory(prefix="SW1", latitude="51.5", longitude="-0.14")
    PostcodeCentroidFactory(prefix="SW2", latitude="53.9", longitude="-1.1")
    PostcodeCentroidFactory(country="FR", prefix="SW1Y", latitude="53.9", longitude="-1.1")
    RoutingRuleFactory(rank=5, kind=Kind.NEAREST)

    order = order_of(pen)

    assert promised_at(order) == {london.location: 2}
    figures = [look["figures"]["5 NEAREST"] for look in decision_of(order).candidates]
    assert figures == [281, 1, None]


def test_nearest_says_nothing_where_nobody_knows_the_postcode(pen):
    first = lying(pen, 5, latitude="53.95763", longitude="-1.08271")
    lying(pen, 5, latitude="51.50735", longitude="-0.12776")
    RoutingRuleFactory(kind=Kind.NEAREST)

    order = order_of(pen)

    assert promised_at(order) == {first.location: 2}
    assert decision_of(order).decided_by_rule == ""


def test_floor_is_kept_where_another_place_can_serve(pen):
    lying(pen, 5, walk_in_floor=4, priority=-1)
    warehouse = lying(pen, 5, walk_in_floor=3)
    RoutingRuleFactory(kind=Kind.KEEP_FLOOR)

    assert promised_at(order_of(pen)) == {warehouse.location: 2}


def test_floor_never_limits_what_a_channel_has_sold(pen):
    store = lying(pen, 5, walk_in_floor=4)

    assert promised_at(order_of(pen, 5)) == {store.location: 5}


def test_floor_limits_an_order_of_our_own(pen):
    desk = ChannelFactory(kind=Channel.Kind.MANUAL)
    store = lying(pen, 5, walk_in_floor=2)

    def place(quantity, key):
        line = NewOrderLine(variant_id=pen.pk, quantity=quantity, unit_price=Decimal(5))
        return place_order(channel=desk, lines=[line], key=key, at=NOON)

    with pytest.raises(InsufficientStock) as refusal:
        place(4, "too much")
    order = place(3, "enough")

    assert refusal.value.shortages == {pen.pk: 1}
    assert promised_at(order) == {store.location: 3}
    assert not RoutingDecision.objects.exclude(order=order).exists()


def test_order_is_split_among_no_more_places_than_the_channel_allows(pen):
    for units in (3, 4, 2):
        lying(pen, units)
    channel = ChannelFactory(most_places=2)

    order = order_of(pen, 9, channel=channel)

    assert sorted(promised_at(order).values()) == [3, 4]
    assert decision_of(order).missing == 2
    assert order.holds.open().get().kind == "STOCK"
    assert differences() == []


def test_order_below_the_total_is_sent_from_one_place_and_the_rest_waits(pen):
    lying(pen, 3)
    most = lying(pen, 4)
    channel = ChannelFactory(split_from_total=Decimal("60.01"))

    small = order_of(pen, 6, channel=channel)
    served = serve_order(order_id=small.pk, at=NOON)

    assert promised_at(small) == {most.location: 4}
    assert served.units == 0
    assert served.missing == {pen.pk: 2}
    assert small.holds.open().get().kind == "STOCK"


def test_all_that_an_unsplit_order_lacks_is_missing_wherever_it_lies(pen):
    lying(pen, 3)
    lying(pen, 4)
    channel = ChannelFactory(split_from_total=Decimal(999))

    order = order_of(pen, 9, channel=channel)

    assert order.holds.open().get().reason == "Stock is missing: 5 units, 1 articles."


def test_order_of_the_total_may_be_split(pen):
    lying(pen, 3)
    lying(pen, 4)
    channel = ChannelFactory(split_from_total=Decimal("60.00"))

    assert sorted(promised_at(order_of(pen, 6, channel=channel)).values()) == [2, 4]


def test_rest_of_a_small_order_is_served_where_its_other_goods_are(pen):
    lying(pen, 3)
    most = lying(pen, 4)
    order = order_of(pen, 6, channel=ChannelFactory(split_from_total=Decimal(999)))
    stock(variant=pen, location=most.location, units=5, reference="GR-more")

    assert allocate_waiting(at=NOON) == 1
    assert promised_at(order) == {most.location: 6}
    assert decision_of(order).cause == "WAITING"


def test_place_with_enough_orders_for_today_is_left_out(pen):
    busy, other = lying(pen, 50, daily_capacity=2), lying(pen, 50, priority=9)
    orders = [order_of(pen) for _ in range(3)]

    assert [promised_at(order) for order in orders] == [
        {busy.location: 2}, {busy.location: 2}, {other.location: 2},
    ]  # fmt: skip
    assert decision_of(orders[2]).candidates[0] == {
        "place": busy.location.code,
        "pieces": 0,
        "left_out": "AT_CAPACITY",
    }


def test_orders_that_left_today_count_too_and_tomorrow_is_another_day(pen):
    busy = lying(pen, 50, daily_capacity=1)
    sent = order_of(pen)
    ship(order_id=sent.pk, key="parcel", at=NOON)
    waiting = order_of(pen)
    assert promised_at(waiting) == {}
    assert waiting.holds.open().get().kind == "STOCK"

    assert allocate_waiting(at=NOON) == 0
    assert allocate_waiting(at=NOON + timedelta(days=1)) == 1
    assert promised_at(waiting) == {busy.location: 2}
    assert not waiting.holds.open().exists()


def test_place_that_serves_an_order_already_is_not_full_for_it(pen):
    busy = lying(pen, 3, daily_capacity=1)
    order = order_of(pen, 5)
    stock(variant=pen, location=busy.location, units=5, reference="GR-more")

    assert allocate_waiting(at=NOON) == 1
    assert promised_at(order) == {busy.location: 5}


def test_place_that_became_full_still_serves_the_order_it_has_begun_with(pen):
    busy = lying(pen, 3, daily_capacity=9)
    order_of(pen, 1)
    order = order_of(pen, 5)
    Location.objects.filter(pk=busy.location.pk).update(daily_capacity=1)
    stock(variant=pen, location=busy.location, units=5, reference="GR-more")

    assert allocate_waiting(at=NOON) == 1
    assert promised_at(order) == {busy.location: 5}
    assert decision_of(order).missing == 0


def test_places_that_do_not_send_orders_are_named_where_something_is_missing(pen):
    store = lying(pen, 5, is_shipping=False)
    lying(pen, 1)

    order = order_of(pen, 2)

    assert {"place": store.location.code, "pieces": 0, "left_out": "NOT_SHIPPING"} in (
        decision_of(order).candidates
    )
    assert decision_of(order).missing == 1


def collected(order, location):
    """Make an order one that is collected at a place and has no promises yet."""
    order.delivery, order.pickup_location = Order.Delivery.PICKUP, location
    order.save()
    return order


def test_order_to_be_collected_is_served_from_its_place_alone(pen):
    order = collected(order_of(pen, 2), LocationFactory(is_shipping=False, is_pickup=True))
    warehouse = lying(pen, 9)
    assert list(servable_orders()) == []

    nothing = allocate_order(order_id=order.pk, at=NOON)
    store = lying(pen, 5, location=order.pickup_location)
    assert list(servable_orders()) == [order]
    assert allocate_waiting(at=NOON) == 1

    assert nothing.units == 0
    assert promised_at(order) == {store.location: 2}
    warehouse.refresh_from_db()
    assert warehouse.allocated == 0
    assert differences() == []


def test_bundle_to_be_collected_waits_for_its_place_alone(pen):
    order = order_of(bundle({pen: 2}), 1)
    collected(order, LocationFactory(is_shipping=False, is_pickup=True))
    lying(pen, 9)
    assert list(servable_orders()) == []

    lying(pen, 2, location=order.pickup_location)

    assert list(servable_orders()) == [order]


def test_place_where_nobody_collects_any_more_serves_no_order_to_be_collected(pen):
    place = LocationFactory(is_shipping=True, is_pickup=True)
    order = collected(order_of(pen, 2), place)
    lying(pen, 5, location=place)
    Location.objects.filter(pk=place.pk).update(is_pickup=False)

    assert allocate_order(order_id=order.pk, at=NOON).units == 0
    assert list(servable_orders()) == []


def test_retry_that_finds_nothing_writes_nothing(pen):
    order = order_of(pen, 2)
    assert decision_of(order).missing == 2

    serve_order(order_id=order.pk, at=NOON)
    allocate_order(order_id=order.pk, at=NOON, by=UserFactory())

    assert order.routing_decisions.count() == 1


def test_person_who_asks_again_stands_with_the_decision(pen):
    person = UserFactory()
    order = order_of(pen, 2)
    lying(pen, 5)

    allocate_order(order_id=order.pk, at=NOON, by=person)

    decision = decision_of(order)
    assert (decision.cause, decision.decided_by) == ("BY_HAND", person)


def queries_of(act):
    with CaptureQueriesContext(connection) as captured:
        act()
    return [query["sql"] for query in captured if "orders_routing" in query["sql"]]


def test_order_that_need_not_be_compared_costs_one_statement(pen):
    lying(pen, 50)
    RoutingRuleFactory()

    assert len(queries_of(lambda: order_of(pen))) == 1, "its decision"


def test_order_that_is_compared_reads_the_rules_once(pen):
    lying(pen, 50)
    lying(pen, 50)
    RoutingRuleFactory()

    assert len(queries_of(lambda: order_of(pen))) == 2, "rules and decision"


def test_order_without_goods_is_not_routed():
    line = incoming_line(sku="POST", is_stocked=False)
    order = ingest_order(channel=ChannelFactory(), incoming=incoming_order(line), at=NOON).order

    assert not order.routing_decisions.exists()


def test_order_of_an_unknown_article_is_not_routed():
    line = incoming_line(sku="NOBODY-KNOWS")
    order = ingest_order(channel=ChannelFactory(), incoming=incoming_order(line), at=NOON).order

    assert not order.routing_decisions.exists()


def test_plain_order_is_routed_once():
    assert open_order().routing_decisions.count() == 1
