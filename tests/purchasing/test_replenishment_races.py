"""Two people working out, or deciding, what to buy at the same moment."""

from functools import partial
from threading import Barrier
from unittest import mock

import pytest
from django.db import models

from purchasing import operations
from purchasing.models import (
    PurchaseOrder,
    ReplenishmentProposal,
    ReplenishmentProposalQuerySet,
    ReplenishmentRun,
)
from purchasing.operations import proposals, replenishment
from retail.common.errors import WrongStatus
from tests.factories.common import NOON
from tests.factories.purchasing_replenishment import proposal, replenish, wanted_article
from tests.races import both_read_before_either_writes, race, refusal_among

pytestmark = pytest.mark.django_db(transaction=True)


def acceptance(*chosen, key):
    return partial(
        operations.accept_proposals,
        proposal_ids=[each.pk for each in chosen],
        key=key,
        at=NOON,
        by=None,
    )


def test_two_runs_at_once_propose_once():
    wanted_article()

    outcomes = race(partial(replenish, key="one"), partial(replenish, key="two"))

    assert all(isinstance(outcome, ReplenishmentRun) for outcome in outcomes)
    assert sorted((run.proposed, run.renewed) for run in outcomes) == [(0, 1), (1, 0)]
    assert ReplenishmentProposal.objects.count() == 1


def test_run_started_twice_at_once_is_one():
    wanted_article()

    first, second = race(*[partial(replenish, key="night")] * 2)

    assert first == second == ReplenishmentRun.objects.get()
    assert ReplenishmentProposal.objects.count() == 1


def test_the_race_of_runs_is_real_once_the_lock_is_gone():
    """Control: both see no proposal before either writes, so only the constraint is left."""
    wanted_article()

    with (
        mock.patch.object(replenishment, "_one_at_a_time"),
        both_read_before_either_writes((replenishment, "histories")),
    ):
        outcomes = race(partial(replenish, key="one"), partial(replenish, key="two"))

    assert "one_open" in refusal_among(outcomes)


def test_proposal_accepted_by_two_at_once_is_ordered_once():
    wanted = proposal()

    outcomes = race(acceptance(wanted, key="one"), acceptance(wanted, key="two"))

    assert sum(isinstance(outcome, WrongStatus) for outcome in outcomes) == 1
    assert PurchaseOrder.objects.count() == 1


def test_form_sent_twice_at_once_orders_once():
    wanted = proposal()

    first, second = race(*[acceptance(wanted, key="form")] * 2)

    assert first == second == list(PurchaseOrder.objects.all())


def test_run_beside_an_acceptance_proposes_nothing_again():
    wanted = proposal()

    race(acceptance(wanted, key="form"), partial(replenish, key="night"))
    replenish(key="later")

    assert ReplenishmentProposal.objects.count() == 1
    assert PurchaseOrder.objects.count() == 1


def test_the_race_of_acceptances_is_real_once_the_lock_is_gone():
    """Control: both find it open before either orders, so it is ordered twice."""
    wanted = proposal()
    both_have_read, check = Barrier(2), proposals._require_open

    def check_after_both_have_read(*arguments):
        both_have_read.wait(timeout=5)
        check(*arguments)

    with (
        mock.patch.object(ReplenishmentProposalQuerySet, "for_update", models.QuerySet.all),
        mock.patch.object(proposals, "_require_open", check_after_both_have_read),
    ):
        race(acceptance(wanted, key="one"), acceptance(wanted, key="two"))

    assert PurchaseOrder.objects.count() == 2
