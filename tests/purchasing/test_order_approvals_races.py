"""Two people who decide about one order, or change it, at the same moment."""

import threading
from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.contrib.auth.models import Group
from django.db import models

from purchasing import operations
from purchasing.models import PurchaseOrderLineQuerySet, PurchaseOrderQuerySet
from purchasing.operations import BelowReceived, LineChange, MoreThanOrdered, OrderChange
from retail.common.errors import WrongStatus
from tests.factories.common import NOON, UserFactory
from tests.factories.purchasing import draft_order, sent_order
from tests.factories.purchasing_approvals import PurchaseApprovalRuleFactory
from tests.races import race

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def order_of_two_roles():
    """An order that a manager and an owner have to approve, and what each of them does."""
    approvers = []
    for role in ("Manager", "Owner"):
        group = Group.objects.get_or_create(name=role)[0]
        PurchaseApprovalRuleFactory(name=role, group=group)
        user = UserFactory()
        user.groups.add(group)
        approvers.append(user)
    order = operations.submit(order_id=draft_order().pk, at=NOON)
    return order, [
        partial(operations.approve, order_id=order.pk, at=NOON, by=user) for user in approvers
    ]


def test_two_approvers_at_once_release_the_order(order_of_two_roles):
    order, approvals = order_of_two_roles

    race(*approvals)

    order.refresh_from_db()
    assert order.status == "APPROVED"
    assert not order.approvals.filter(approved_by=None).exists()


def test_without_the_lock_two_approvers_leave_the_order_waiting_for_nobody(order_of_two_roles):
    """Control: each sees the other's approval missing, so neither releases the order."""
    order, approvals = order_of_two_roles
    both_have_read, missing = Barrier(2), operations.approving.open_approvals

    def wait_after_reading(**asked):
        found = missing(**asked)
        both_have_read.wait(timeout=5)
        return found

    with (
        mock.patch.object(PurchaseOrderQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(operations.approving, "open_approvals", wait_after_reading),
    ):
        race(*approvals)

    order.refresh_from_db()
    assert order.status == "AWAITING_APPROVAL"
    assert not order.approvals.filter(approved_by=None).exists()


def approve_or_return(order):
    return (
        partial(operations.approve, order_id=order.pk, at=NOON, by=UserFactory()),
        partial(operations.return_to_draft, order_id=order.pk),
    )


def test_order_approved_and_taken_back_at_once_ends_as_a_draft_nobody_approved():
    order = operations.submit(order_id=draft_order().pk, at=NOON)

    approved, returned = race(*approve_or_return(order))

    order.refresh_from_db()
    assert (order.status, order.approved_by, order.approvals.count()) == ("DRAFT", None, 0)
    assert returned == order
    assert approved == order or isinstance(approved, WrongStatus)


def test_without_the_lock_approving_and_taking_back_do_not_see_each_other():
    """Control: both read a waiting order before either writes; nobody is told to be late."""
    order = operations.submit(order_id=draft_order().pk, at=NOON)
    both_have_read, check_move = Barrier(2), operations.approving.check_move

    def check_after_both_have_read(document, to):
        both_have_read.wait(timeout=5)
        check_move(document, to)

    with (
        mock.patch.object(PurchaseOrderQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(operations.approving, "check_move", check_after_both_have_read),
    ):
        outcomes = race(*approve_or_return(order))

    assert not any(isinstance(outcome, WrongStatus) for outcome in outcomes)


def amend_or_receive(order):
    """Order four of ten units only, while all ten come."""
    line = order.lines.get()
    return (
        partial(
            operations.amend,
            order_id=order.pk,
            change=OrderChange(lines=[LineChange(line.pk, units=4)]),
            reason="Too many",
            key="form-1",
            at=NOON,
            by=UserFactory(),
        ),
        partial(
            operations.receive_goods,
            order_id=order.pk,
            lines=[operations.ReceivedLine(order_line_id=line.pk, accepted=10)],
            delivery_note="",
            key="delivery-1",
            at=NOON,
            by=None,
        ),
    )


def test_order_amended_while_its_goods_come_is_decided_in_turn():
    order = sent_order()

    amended, received = race(*amend_or_receive(order))

    line = order.lines.get()
    assert (line.ordered, line.received) in {(4, 0), (10, 10)}
    assert isinstance(amended, BelowReceived) == (line.received == 10)
    assert isinstance(received, MoreThanOrdered) == (line.ordered == 4)


def test_without_the_locks_more_comes_than_the_amended_order_names():
    """Control: both read the line before either writes, and nobody is refused."""
    order = sent_order()
    both_have_read, seen = Barrier(2), threading.local()

    def read_then_wait(lines):
        rows = lines.order_by("pk")
        if not hasattr(seen, "once"):
            seen.once = len(rows)
            both_have_read.wait(timeout=5)
        return rows

    with (
        mock.patch.object(PurchaseOrderQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(PurchaseOrderLineQuerySet, "for_update", read_then_wait),
    ):
        outcomes = race(*amend_or_receive(order))

    line = order.lines.get()
    assert not any(isinstance(each, BelowReceived | MoreThanOrdered) for each in outcomes)
    assert (line.ordered, line.received) == (4, 10)


def test_form_sent_twice_at_once_changes_the_order_once():
    order = sent_order()
    amend, _receive = amend_or_receive(order)

    first, second = race(amend, amend)

    assert first == second
    assert order.versions.count() == 2
