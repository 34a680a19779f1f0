"""Days that suppliers confirm, and those who have to know when they are later."""

from datetime import date

import pytest

from purchasing import operations
from purchasing.models import DeliverySlip, PurchaseOrder
from purchasing.operations import UnknownOrderLine
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.orders import open_order
from tests.factories.purchasing import draft_order, sent_order
from tests.factories.purchasing_waiting import DeliverySlipFactory
from tests.purchasing.waiting import on_order, ordered_for, sold_out

pytestmark = pytest.mark.django_db

ASKED, SOONER, LATER = date(2026, 3, 10), date(2026, 3, 5), date(2026, 4, 1)


def confirm(line, day, *, reference="", by=None):
    return operations.confirm_order(
        order_id=line.order_id,
        dates={line.pk: day},
        supplier_reference=reference,
        at=NOON,
        by=by,
    )


def test_confirmed_day_and_number_of_the_supplier_are_kept():
    line = sent_order(expected_on=ASKED).lines.get()

    order = confirm(line, ASKED, reference=" AB-77 ")

    line.refresh_from_db()
    assert line.confirmed_on == ASKED
    assert (order.supplier_reference, order.confirmed_at) == ("AB-77", NOON)
    assert not DeliverySlip.objects.exists()


def test_later_day_slips_with_who_waits_in_that_moment():
    level, person = sold_out(), UserFactory()
    tied, waiting = (open_order(level=level, quantity=2) for _ in range(2))
    line = on_order(level, expected_on=ASKED)
    ordered_for(line, tied, units=2)

    confirm(line, LATER, by=person)

    slip = DeliverySlip.objects.get()
    assert (slip.line, slip.from_on, slip.to_on) == (line, ASKED, LATER)
    assert (slip.waiting_orders, slip.waiting_units) == (2, 4)
    assert (slip.noted_at, slip.noted_by, slip.seen_at) == (NOON, person, None)
    assert waiting.holds.open().exists()


@pytest.mark.parametrize("day", [SOONER, ASKED])
def test_day_that_is_not_later_slips_not(day):
    line = sent_order(expected_on=ASKED).lines.get()

    confirm(line, day)

    assert not DeliverySlip.objects.exists()


def test_first_day_of_all_slips_not():
    line = sent_order().lines.get()

    confirm(line, LATER)

    assert not DeliverySlip.objects.exists()


def test_confirmed_day_is_what_the_next_one_is_compared_with():
    line = sent_order(expected_on=LATER).lines.get()
    confirm(line, SOONER)

    confirm(line, ASKED)

    assert DeliverySlip.objects.values_list("from_on", "to_on").get() == (SOONER, ASKED)


def test_line_of_which_all_came_slips_not():
    line = sent_order(expected_on=ASKED).lines.get()
    line.received = line.ordered
    line.save()

    confirm(line, LATER)

    assert not DeliverySlip.objects.exists()


def test_same_days_again_change_nothing():
    line = sent_order(expected_on=ASKED).lines.get()
    confirm(line, LATER, reference="AB-77")
    before = PurchaseOrder.objects.values().get()

    confirm(line, LATER, reference="AB-77", by=UserFactory())

    assert PurchaseOrder.objects.values().get() == before
    assert DeliverySlip.objects.count() == 1


def test_draft_has_nothing_to_confirm():
    line = draft_order(expected_on=ASKED).lines.get()

    with pytest.raises(WrongStatus):
        confirm(line, LATER)

    line.refresh_from_db()
    assert line.confirmed_on is None
    assert not DeliverySlip.objects.exists()


def test_line_of_another_order_is_refused():
    line, other = (sent_order(expected_on=ASKED).lines.get() for _ in range(2))

    with pytest.raises(UnknownOrderLine):
        operations.confirm_order(
            order_id=line.order_id,
            dates={other.pk: LATER, line.pk: LATER},
            supplier_reference="AB-77",
            at=NOON,
            by=None,
        )

    line.refresh_from_db()
    assert line.confirmed_on is None
    assert PurchaseOrder.objects.get(pk=line.order_id).supplier_reference == ""


def test_slip_is_seen_once_by_the_first_person():
    slip, first = DeliverySlipFactory(), UserFactory()

    assert operations.mark_slips_seen(slip_ids=[slip.pk], at=NOON, by=first) == 1
    assert operations.mark_slips_seen(slip_ids=[slip.pk], at=NOON, by=UserFactory()) == 0

    slip.refresh_from_db()
    assert (slip.seen_by, slip.seen_at) == (first, NOON)
