"""What becomes of goods that came back, and what the ledger says of it."""

from decimal import Decimal

import pytest

from inventory import queries as inventory_queries
from inventory.models import StockMovement
from inventory.operations import InsufficientStock, adjust_stock
from orders.models import ReturnLine
from orders.operations import (
    InvalidReturn,
    NotSetApart,
    ReceivedLine,
    ReturnedLine,
    decide_quarantined,
    receive_return,
    ship,
    take_back,
    take_back_blind,
)
from orders.operations.putting_away import quarantine_of
from orders.queries import differences
from tests.factories.channels import ChannelFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import bundle_order, shipped_order
from tests.factories.orders_returns import expected_return, quarantine, received_return
from tests.orders.books import books
from tests.orders.test_returns import refused

pytestmark = pytest.mark.django_db


def moved(reference):
    """Return what a reference moved: kind, place, units, in the order it happened."""
    movements = StockMovement.objects.filter(reference=reference).order_by("pk")
    return [
        (m.kind, m.level.location.code, m.quantity)
        for m in movements.select_related("level__location")
    ]


def all_agree():
    return [*differences(), *inventory_queries.differences()] == []


def test_what_is_as_new_goes_back_on_the_shelf():
    returned = received_return(
        location=LocationFactory(code="store"), condition="RESELLABLE", disposition="RESTOCK"
    )

    assert moved(returned.number) == [("RETURN", "store", 1)]
    assert all_agree()


@pytest.mark.parametrize("disposition", ["QUARANTINE", "TO_SUPPLIER"])
def test_what_is_doubtful_or_goes_to_the_supplier_is_set_apart(disposition):
    quarantine(code="apart")

    returned = received_return(condition="DAMAGED", disposition=disposition)

    assert moved(returned.number) == [("RETURN", "apart", 1)]
    assert all_agree()


def test_what_is_good_for_nothing_comes_in_and_goes_out_under_one_number():
    person = UserFactory()
    expected = expected_return(order=shipped_order(level=stock(units=9, value="45.00")))
    store = LocationFactory(code="store")

    returned = receive_return(
        return_id=expected.pk,
        location=store,
        lines=[
            ReceivedLine(
                return_line_id=expected.lines.get().pk,
                quantity=1,
                condition="DAMAGED",
                disposition="SCRAP",
            )
        ],
        at=NOON,
        by=person,
    )

    out = StockMovement.objects.get(kind="ADJUSTMENT", reference=returned.number)
    assert moved(returned.number) == [("RETURN", "store", 1), ("ADJUSTMENT", "store", -1)]
    assert (out.reason, out.cost_value, out.moved_by) == (
        "Returned and thrown away: Damaged",
        Decimal("-5.00"),
        person,
    )
    assert (out.source_kind, out.source_id) == ("CUSTOMER_RETURN", returned.pk)
    assert all_agree()


def test_what_is_noted_only_moves_nothing():
    returned = received_return(condition="NOT_OURS", disposition="NOT_STOCKED")

    assert moved(returned.number) == []
    assert returned.order.lines.get().returned == 1
    assert all_agree()


def test_pieces_of_one_line_may_come_in_several_conditions():
    quarantine(code="apart")
    order = shipped_order(quantity=5)
    expected = expected_return(order=order, quantity=5)
    line = expected.lines.get()
    came = [(1, "RESELLABLE", "RESTOCK"), (2, "DAMAGED", "SCRAP"), (1, "REPACK", "QUARANTINE")]

    returned = receive_return(
        return_id=expected.pk,
        location=LocationFactory(code="store"),
        lines=[
            ReceivedLine(
                return_line_id=line.pk,
                quantity=pieces,
                condition=condition,
                disposition=disposition,
            )
            for pieces, condition, disposition in came
        ],
        at=NOON,
    )

    rows = returned.lines.order_by("pk")
    assert [(r.quantity, r.received, r.condition, r.disposition) for r in rows] == [
        (2, 1, "RESELLABLE", "RESTOCK"),
        (2, 2, "DAMAGED", "SCRAP"),
        (1, 1, "REPACK", "QUARANTINE"),
    ]
    assert [r.amount for r in rows] == [Decimal(10), Decimal(20), Decimal(10)]
    assert sorted(moved(returned.number)) == [
        ("ADJUSTMENT", "store", -2),
        ("RETURN", "apart", 1),
        ("RETURN", "store", 3),
    ]
    order.refresh_from_db()
    assert order.lines.get().returned == 4
    assert all_agree()


def test_bundle_is_set_apart_and_scrapped_as_its_components():
    quarantine(code="apart")
    order = bundle_order(quantity=2)
    ship(order_id=order.pk, key="parcel", at=NOON)
    line = order.lines.get()

    returned = take_back(
        order_id=order.pk,
        location=LocationFactory(code="store"),
        lines=[
            ReturnedLine(order_line_id=line.pk, quantity=1, disposition="SCRAP"),
            ReturnedLine(order_line_id=line.pk, quantity=1, disposition="QUARANTINE"),
        ],
        key="rma",
        at=NOON,
    )

    assert sorted(moved(returned.number)) == [
        ("ADJUSTMENT", "store", -2),
        ("ADJUSTMENT", "store", -1),
        ("RETURN", "apart", 1),
        ("RETURN", "apart", 2),
        ("RETURN", "store", 1),
        ("RETURN", "store", 2),
    ]
    assert all_agree()


def test_goods_are_set_apart_at_the_nearest_place():
    far = quarantine(code="far", country="DE", priority=0)
    country = quarantine(code="country", country="GB", priority=1)
    town = quarantine(code="town", country="GB", postcode="W1", street="9 Other St", priority=9)
    here = {"country": "GB", "postcode": "W1", "street": "1 High St"}
    house = quarantine(code="house", **here, priority=9)

    assert quarantine_of(LocationFactory(**here)) == house
    assert quarantine_of(LocationFactory(**{**here, "street": "2 High St"})) in {town, house}
    assert quarantine_of(LocationFactory(country="GB", postcode="E1")) == country
    assert quarantine_of(LocationFactory(country="FR")) == far
    assert quarantine_of(town) == town


def set_apart(**values) -> ReturnLine:
    quarantine(code="apart")
    returned = received_return(
        location=LocationFactory(code="store"),
        condition="REPACK",
        disposition="QUARANTINE",
        **values,
    )
    return returned.lines.get()


def test_goods_set_apart_go_on_the_shelf_later():
    row, person = set_apart(quantity=2), UserFactory()

    decided = decide_quarantined(
        return_line_id=row.pk, disposition="RESTOCK", key="form", at=NOON, by=person
    )

    assert decided.disposition == "RESTOCK"
    assert moved(f"{row.parent.number} form") == [
        ("TRANSFER", "apart", -2),
        ("TRANSFER", "store", 2),
    ]
    assert row.parent.order.events.last().details["decided"] == "Back on the shelf"
    assert all_agree()


def test_goods_set_apart_are_thrown_away_later():
    row = set_apart()

    decided = decide_quarantined(return_line_id=row.pk, disposition="SCRAP", key="form", at=NOON)

    assert decided.disposition == "SCRAP"
    assert moved(f"{row.parent.number} form") == [("ADJUSTMENT", "apart", -1)]
    assert all_agree()


def test_deciding_again_with_the_same_key_changes_nothing():
    row = set_apart()
    arguments = {"return_line_id": row.pk, "key": "form", "at": NOON}
    decide_quarantined(**arguments, disposition="SCRAP")
    before = books()

    assert decide_quarantined(**arguments, disposition="SCRAP").disposition == "SCRAP"
    assert books() == before


def test_decisions_that_cannot_be_are_refused():
    row, on_the_shelf = set_apart(), received_return().lines.get()
    arguments = {"key": "form", "at": NOON}

    refused(
        InvalidReturn,
        decide_quarantined,
        return_line_id=row.pk,
        disposition="TO_SUPPLIER",
        **arguments,
    )
    refused(
        NotSetApart,
        decide_quarantined,
        return_line_id=on_the_shelf.pk,
        disposition="SCRAP",
        **arguments,
    )
    apart = StockMovement.objects.get(reference=row.parent.number).level
    adjust_stock(
        location=apart.location,
        quantities={apart.variant_id: -1},
        reference="LOST",
        reason="Lost",
        at=NOON,
    )
    refused(
        InsufficientStock,
        decide_quarantined,
        return_line_id=row.pk,
        disposition="RESTOCK",
        **arguments,
    )


def test_blind_goods_set_apart_are_decided_too():
    quarantine(code="apart")
    level = stock(units=1)
    returned = take_back_blind(
        channel=ChannelFactory(),
        location=level.location,
        lines=[ReturnedLine(variant_id=level.variant_id, quantity=1, disposition="QUARANTINE")],
        note="No receipt",
        key="till",
        at=NOON,
    )

    decide_quarantined(
        return_line_id=returned.lines.get().pk, disposition="RESTOCK", key="form", at=NOON
    )

    level.refresh_from_db()
    assert level.on_hand == 2
    assert all_agree()
