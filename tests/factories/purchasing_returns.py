"""Goods that go back to suppliers, as the operations send them."""

from decimal import Decimal
from uuid import uuid4

from purchasing import operations
from purchasing.models import (
    GoodsReceiptLine,
    SupplierReturn,
    SupplierReturnCredit,
    SupplierReturnLine,
)
from purchasing.operations import ReceivedLine, ReturnedGoods
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import sent_order


def received_line(*, units: int = 10, order=None, key: str = "", **values) -> GoodsReceiptLine:
    """Take units of a new order of as many into stock; return the line of the receipt."""
    order = order or sent_order(units=(units,), **values)
    receipt = operations.receive_goods(
        order_id=order.pk,
        lines=[ReceivedLine(order_line_id=order.lines.get().pk, accepted=units)],
        delivery_note="",
        key=key or uuid4().hex,
        at=NOON,
        by=None,
    )
    return receipt.lines.get()


def drafted_return(
    *goods: ReturnedGoods, line: GoodsReceiptLine | None = None, units: int = 4, **values
) -> SupplierReturn:
    """Propose to send units of a receipt line back, by default of a new receipt."""
    if not goods:
        line = line or received_line()
        goods = (ReturnedGoods(receipt_line_id=line.pk, units=units),)
    supplier = values.pop("supplier", None) or line.receipt.supplier
    return operations.draft_return(
        supplier=supplier,
        expects=values.pop("expects", "CREDIT"),
        reason=values.pop("reason", "Broken in the box"),
        lines=goods,
        key=values.pop("key", None) or uuid4().hex,
        at=NOON,
        by=values.pop("by", None) or UserFactory(),
        **values,
    )


def approved_return(*goods: ReturnedGoods, **values) -> SupplierReturn:
    returned = drafted_return(*goods, **values)
    return operations.approve_return_to_supplier(return_id=returned.pk, at=NOON, by=UserFactory())


def shipped_return(*goods: ReturnedGoods, **values) -> SupplierReturn:
    """Propose, approve and send goods back, so that they are credited or replaced."""
    returned = approved_return(*goods, **values)
    return operations.ship_return(return_id=returned.pk, at=NOON, by=UserFactory())


def credited(units: int = 1) -> SupplierReturnCredit:
    """Note that the supplier credited units of goods that were sent back."""
    returned = shipped_return()
    line = returned.lines.get()
    operations.note_credit(
        return_id=returned.pk, number="CN-1", credited={line.pk: units}, at=NOON, by=UserFactory()
    )
    return line.credits.get()


def _line_of_a_return() -> SupplierReturnLine:
    return drafted_return().lines.get()


def plain(level, units: int = 1, credit: str = "2.00") -> ReturnedGoods:
    """Name units of a stock level without their receipt."""
    return ReturnedGoods(
        variant_id=level.variant_id,
        location_id=level.location_id,
        units=units,
        unit_credit=Decimal(credit),
    )


MAKERS = {
    SupplierReturn: drafted_return,
    SupplierReturnCredit: credited,
    SupplierReturnLine: _line_of_a_return,
}
