"""Two people landing costs at the same moment, and goods sold while their freight is posted."""

from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import IntegrityError, models

from inventory.models import CostMovement, CostPool, CostPoolQuerySet
from inventory.operations import cost, issue_stock
from inventory.queries import differences
from purchasing import operations
from purchasing.models import (
    FreightClaim,
    LandedCost,
    LandedCostQuerySet,
    LandedCostShare,
    SupplierInvoiceQuerySet,
)
from purchasing.operations import landed as landed_operations
from tests.factories.common import NOON
from tests.factories.purchasing_landed import drafted, freight_bill, posted, received
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


def post(landed):
    return partial(operations.post_landed_cost, landed_cost_id=landed.pk, at=NOON, by=None)


def cancel(landed):
    return partial(
        operations.cancel_landed_cost, landed_cost_id=landed.pk, reason="Wrong", at=NOON, by=None
    )


def sale(receipt, units):
    line = receipt.lines.get()
    return partial(
        issue_stock,
        location=receipt.location,
        units={line.order_line.variant_id: units},
        kind="SALE",
        reference="S-1",
        at=NOON,
    )


def without_lock(queryset, *_args, **_options):
    return queryset.order_by("pk")


def pool():
    """Return units and value of the only article, which the ledger must say too."""
    assert differences() == []
    return CostPool.objects.values_list("units", "value").get()


def last_of_one_bill():
    """Draft two landed costs of 6 on one bill of 10 and one delivery worth 25."""
    receipt, invoice = received(), freight_bill("10.00")
    return [drafted(receipt, invoice=invoice, amount="6.00") for _ in range(2)]


def test_last_of_a_bill_is_landed_once():
    drafts = last_of_one_bill()

    outcomes = race(*(post(landed) for landed in drafts))

    assert sum(isinstance(one, operations.MoreThanBilled) for one in outcomes) == 1
    assert sum(isinstance(one, LandedCost) for one in outcomes) == 1
    assert FreightClaim.objects.get().claimed == 6
    assert pool() == (10, 31)


def test_the_race_for_a_bill_is_real_once_the_locks_are_gone():
    """Control: both read what is left before either claims, so only the constraint is left."""
    drafts = last_of_one_bill()
    # The row is there already: else the two would meet when it is made, not when it is claimed.
    operations.cancel_landed_cost(
        landed_cost_id=posted(amount="1.00", invoice=drafts[0].invoice).pk,
        reason="Wrong",
        at=NOON,
        by=None,
    )
    value = sum(CostPool.objects.values_list("value", flat=True))
    both_have_read, check = Barrier(2), landed_operations._checked_amount

    def check_then_wait(*arguments):
        checked = check(*arguments)
        both_have_read.wait(timeout=10)
        return checked

    with (
        mock.patch.object(SupplierInvoiceQuerySet, "for_update", without_lock),
        mock.patch.object(LandedCostQuerySet, "for_update", without_lock),
        mock.patch.object(landed_operations, "_require_standing"),
        mock.patch.object(landed_operations, "_checked_amount", check_then_wait),
    ):
        outcomes = race(*(post(landed) for landed in drafts))

    refused = [one for one in outcomes if isinstance(one, IntegrityError)]
    assert len(refused) == 1
    assert "claimed_within_claimable" in str(refused[0])
    assert FreightClaim.objects.get().claimed == 6
    assert sum(CostPool.objects.values_list("value", flat=True)) == value + 6


def test_the_same_landed_cost_posted_twice_at_once_is_posted_once():
    landed = drafted(received(), amount="10.00")

    outcomes = race(post(landed), post(landed))

    assert outcomes == [landed, landed]
    assert LandedCostShare.objects.count() == 1
    assert FreightClaim.objects.get().claimed == 10
    assert pool() == (10, 35)


def test_the_same_draft_sent_twice_at_once_is_one():
    receipt, invoice = received(), freight_bill()
    send = partial(drafted, receipt, invoice=invoice, key="the same form", by=None)

    first, second = race(send, send)

    assert first == second == LandedCost.objects.get()


def test_posting_and_cancelling_at_once_end_as_one_after_the_other():
    landed = drafted(received(), amount="10.00")

    race(post(landed), cancel(landed))

    landed.refresh_from_db()
    assert landed.status == "CANCELLED"
    assert sum(FreightClaim.objects.values_list("claimed", flat=True)) == 0
    assert pool() == (10, 25)


def test_cancelling_twice_at_once_gives_back_once():
    landed = posted(received(), amount="10.00")

    outcomes = race(cancel(landed), cancel(landed))

    assert outcomes == [landed, landed]
    assert CostMovement.objects.filter(kind="LANDED").count() == 2
    assert FreightClaim.objects.get().claimed == 0
    assert pool() == (10, 25)


def test_posting_and_voiding_the_bill_at_once_leave_no_freight_of_a_void_bill():
    landed = drafted(received(), amount="10.00")
    void = partial(
        operations.void_invoice, invoice_id=landed.invoice_id, reason="Twice", at=NOON, by=None
    )

    outcomes = race(post(landed), void)

    landed.refresh_from_db()
    landed.invoice.refresh_from_db()
    states = (landed.status, landed.invoice.status)
    assert states in {("POSTED", "CAPTURED"), ("DRAFT", "VOID")}
    refused = [one for one in outcomes if isinstance(one, Exception)]
    assert [type(one) for one in refused] == [
        operations.FreightIsLanded if landed.status == "POSTED" else operations.NotABillOfFreight
    ]


def test_goods_sold_while_their_freight_is_posted_take_their_part_of_it():
    """Whichever is first, 6 of 10 units at 35 in all stay: 21, and 14 are cost of sales."""
    receipt = received()
    landed = drafted(receipt, amount="10.00")

    race(post(landed), sale(receipt, 4))

    sold = CostMovement.objects.get(kind="ISSUE")
    share = landed.shares.get()
    assert pool() == (6, 21)
    assert -sold.value + share.expensed == 14
    assert (share.to_stock, share.expensed, sold.value) in {(10, 0, -14), (6, 4, -10)}


def test_the_race_with_a_sale_is_real_once_the_locks_are_gone():
    """Control: freight is split by the units before the sale, so value is left without units."""
    receipt = received()
    landed = drafted(receipt, amount="10.00")
    has_read, sold = Barrier(2), Barrier(2)
    work_out, sell = cost._parts, sale(receipt, 10)

    def work_out_then_wait(*arguments, **values):
        parts = work_out(*arguments, **values)
        has_read.wait(timeout=10)
        sold.wait(timeout=10)
        return parts

    def sell_in_between():
        has_read.wait(timeout=10)
        sell()
        sold.wait(timeout=10)

    with (
        mock.patch.object(CostPoolQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(cost, "_parts", work_out_then_wait),
    ):
        refused, _ = race(post(landed), sell_in_between)

    assert isinstance(refused, IntegrityError)
    assert "inventory_costpool_no_value_without_units" in str(refused)
