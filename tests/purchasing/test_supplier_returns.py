"""What is to go back to suppliers: proposing, approving and calling it off."""

from decimal import Decimal

import pytest
from django.db import IntegrityError

from inventory.models import StockMovement
from purchasing import operations
from purchasing.models import (
    SupplierReturn,
)
from purchasing.operations import ReturnedGoods
from retail.common.errors import WrongStatus
from tests.factories.catalog import ExchangeRateFactory, VariantFactory
from tests.factories.common import NOON, UserFactory
from tests.factories.inventory import LocationFactory, stock
from tests.factories.purchasing import SupplierFactory
from tests.factories.purchasing_returns import (
    approved_return,
    drafted_return,
    plain,
    received_line,
    shipped_return,
)
from tests.purchasing.returned_goods import everything, held, ship

pytestmark = pytest.mark.django_db


def test_draft_says_what_goes_back_and_moves_nothing():
    line, buyer = received_line(unit_cost="2.505"), UserFactory()

    returned = drafted_return(line=line, units=4, by=buyer, rma_number=" RMA-7 ")

    assert (returned.status, returned.expects, returned.currency) == ("DRAFT", "CREDIT", "GBP")
    assert (returned.supplier, returned.rma_number) == (line.receipt.supplier, "RMA-7")
    assert (returned.raised_at, returned.raised_by) == (NOON, buyer)
    row = returned.lines.get()
    assert (row.variant, row.location) == (line.order_line.variant, line.receipt.location)
    assert (row.units, row.unit_credit, row.stock_value) == (4, Decimal("2.505"), 0)
    assert not StockMovement.objects.filter(kind="SUPPLIER_RETURN").exists()


def test_same_key_is_the_same_return():
    line = received_line()
    first = drafted_return(line=line, key="return-1")
    before = everything()

    again = drafted_return(line=line, units=2, key="return-1")

    assert again == first
    assert everything() == before


def test_stock_without_a_receipt_is_credited_what_was_last_paid_to_the_supplier():
    line = received_line(unit_cost="7.00")
    goods = ReturnedGoods(
        variant_id=line.order_line.variant_id, location_id=line.receipt.location_id, units=1
    )

    returned = drafted_return(goods, supplier=line.receipt.supplier)

    assert returned.lines.get().unit_credit == Decimal("7.00")


def test_more_of_a_receipt_than_is_left_is_not_proposed():
    line = received_line(units=10)
    shipped_return(line=line, units=7)
    before = everything()

    with pytest.raises(operations.MoreThanReceived, match="3 of") as refusal:
        drafted_return(line=line, units=4)

    assert refusal.value.details["left"] == {line.pk: 3}
    assert everything() == before


def test_two_lines_of_one_receipt_line_count_together():
    line = received_line(units=10)
    half = ReturnedGoods(receipt_line_id=line.pk, units=6)
    before = everything()

    with pytest.raises(operations.MoreThanReceived):
        drafted_return(half, half, supplier=line.receipt.supplier)

    assert everything() == before


NOT_GOODS = {
    "no goods": ({"units": 1}, "name a line of a receipt"),
    "unknown": ({"units": 1, "receipt_line_id": 0}, "name a line of a receipt"),
    "two kinds": ({"units": 1, "of_line": True, "of_article": True}, "name a line of a receipt"),
    "no units": ({"units": 0, "of_line": True}, "at least one unit"),
    "nowhere": ({"units": 1, "of_line": True, "location_id": -1}, "where the goods lie"),
    "no price": ({"units": 1, "of_line": True, "unit_credit": Decimal(-1)}, "not a price"),
    "no place": ({"units": 1, "of_article": True}, "where the goods lie"),
    "held": ({"units": 4, "of_held": True}, "3 units are held"),
}


@pytest.mark.parametrize(("named", "words"), NOT_GOODS.values(), ids=NOT_GOODS.keys())
def test_line_that_names_no_goods_of_the_supplier_is_refused(named, words):
    line = received_line()
    values = dict(named)
    if values.pop("of_line", False):
        values["receipt_line_id"] = line.pk
    if values.pop("of_article", False):
        values["variant_id"] = line.order_line.variant_id
    if values.pop("of_held", False):
        values["held_goods_id"] = held(line).pk
    before = everything()

    with pytest.raises(operations.InvalidReturnLine, match=words):
        drafted_return(ReturnedGoods(**values), supplier=line.receipt.supplier)

    assert everything() == before


def test_goods_on_the_road_are_not_sent_back():
    line = received_line()
    road = LocationFactory(kind="TRANSIT", is_shipping=False)
    goods = ReturnedGoods(receipt_line_id=line.pk, units=1, location_id=road.pk)

    with pytest.raises(operations.InvalidReturnLine, match="where the goods lie"):
        drafted_return(goods, supplier=line.receipt.supplier)

    assert not SupplierReturn.objects.exists()


def test_goods_of_another_supplier_are_refused():
    line = received_line()
    before = everything()

    with pytest.raises(operations.InvalidReturnLine, match="came from another supplier"):
        drafted_return(line=line, supplier=SupplierFactory())

    assert everything() == before


def test_service_is_not_sent_back():
    service = VariantFactory(is_stocked=False)
    goods = ReturnedGoods(variant_id=service.pk, location_id=LocationFactory().pk, units=1)

    with pytest.raises(operations.InvalidReturnLine, match="not kept in stock"):
        drafted_return(goods, supplier=SupplierFactory())

    assert not SupplierReturn.objects.exists()


def test_return_needs_lines_and_a_reason():
    line = received_line()

    with pytest.raises(operations.NothingToReturn):
        operations.draft_return(
            supplier=line.receipt.supplier,
            expects="CREDIT",
            reason="Broken",
            lines=[],
            key="k",
            at=NOON,
            by=None,
        )
    with pytest.raises(operations.MissingReason):
        drafted_return(line=line, reason="  ")

    assert not SupplierReturn.objects.exists()


def test_goods_bought_in_two_currencies_take_two_returns():
    supplier = SupplierFactory(currency="EUR")
    ExchangeRateFactory(currency="EUR", rate=Decimal("0.85"), valid_on=NOON.date())
    in_euro = received_line(supplier=supplier)
    supplier.currency = "GBP"
    supplier.save()
    in_pounds = received_line(supplier=supplier)
    goods = [ReturnedGoods(receipt_line_id=line.pk, units=1) for line in (in_euro, in_pounds)]

    with pytest.raises(operations.MixedCurrencies, match="EUR and GBP"):
        drafted_return(*goods, supplier=supplier)

    assert drafted_return(goods[0], supplier=supplier).currency == "EUR"


def test_stock_without_a_receipt_is_not_replaced():
    level = stock(units=5)

    with pytest.raises(operations.NothingToReplace):
        drafted_return(plain(level), supplier=SupplierFactory(), expects="REPLACEMENT")

    assert not SupplierReturn.objects.exists()


def test_nobody_approves_what_they_raised():
    buyer = UserFactory()
    returned = drafted_return(by=buyer)
    before = everything()

    with pytest.raises(operations.SelfApproval):
        operations.approve_return_to_supplier(return_id=returned.pk, at=NOON, by=buyer)

    assert everything() == before
    with pytest.raises(IntegrityError, match="approved_by_someone_else"):
        SupplierReturn.objects.filter(pk=returned.pk).update(
            status="APPROVED", approved_at=NOON, approved_by=buyer
        )


def test_draft_is_not_sent_before_it_is_approved():
    returned = drafted_return()
    before = everything()

    with pytest.raises(WrongStatus):
        ship(returned)

    assert everything() == before


def test_approval_is_void_once_it_is_a_draft_again():
    returned = approved_return()

    operations.redraft_return(return_id=returned.pk)

    returned.refresh_from_db()
    assert (returned.status, returned.approved_at, returned.approved_by) == ("DRAFT", None, None)
    with pytest.raises(WrongStatus):
        operations.redraft_return(return_id=returned.pk)


def test_draft_is_revised_whole():
    line = received_line()
    returned = drafted_return(line=line)

    operations.revise_return(
        return_id=returned.pk,
        expects="REPLACEMENT",
        reason="Wrong color",
        lines=[ReturnedGoods(receipt_line_id=line.pk, units=2, unit_credit=Decimal(1))],
        rma_number="RMA-1",
    )

    returned.refresh_from_db()
    assert (returned.expects, returned.reason, returned.rma_number) == (
        "REPLACEMENT",
        "Wrong color",
        "RMA-1",
    )
    assert list(returned.lines.values_list("units", "unit_credit")) == [(2, Decimal(1))]


def test_only_a_draft_is_revised():
    returned = approved_return()
    line = returned.lines.get()
    before = everything()

    with pytest.raises(WrongStatus):
        operations.revise_return(
            return_id=returned.pk,
            expects="CREDIT",
            reason="x",
            lines=[ReturnedGoods(receipt_line_id=line.receipt_line_id, units=1)],
        )

    assert everything() == before


def test_refused_revision_leaves_the_draft_as_it_was():
    returned = drafted_return()
    before = everything()

    with pytest.raises(operations.NothingToReturn):
        operations.revise_return(return_id=returned.pk, expects="CREDIT", reason="x", lines=[])

    assert everything() == before


def test_rma_number_is_noted_until_the_end():
    returned = shipped_return()

    operations.note_rma(return_id=returned.pk, rma_number="RMA-2")
    operations.note_rma(return_id=returned.pk, rma_number="RMA-2")

    returned.refresh_from_db()
    assert returned.rma_number == "RMA-2"
    operations.settle_return(return_id=returned.pk, note="Given up", at=NOON, by=None)
    with pytest.raises(WrongStatus):
        operations.note_rma(return_id=returned.pk, rma_number="RMA-3")


def test_return_is_cancelled_before_the_goods_left():
    returned, manager = approved_return(), UserFactory()

    operations.cancel_supplier_return(
        return_id=returned.pk, reason="Sold after all", at=NOON, by=manager
    )

    returned.refresh_from_db()
    assert (returned.status, returned.end_note) == ("CANCELLED", "Sold after all")
    assert (returned.ended_at, returned.ended_by) == (NOON, manager)
    before = everything()
    with pytest.raises(WrongStatus):
        ship(returned)
    with pytest.raises(WrongStatus):
        operations.cancel_supplier_return(return_id=returned.pk, reason="x", at=NOON, by=manager)
    assert everything() == before


def test_goods_that_left_are_not_cancelled():
    returned = shipped_return()
    before = everything()

    with pytest.raises(WrongStatus):
        operations.cancel_supplier_return(return_id=returned.pk, reason="x", at=NOON, by=None)

    assert everything() == before
