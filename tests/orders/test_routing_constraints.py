"""Every rule of the tables of routing, broken past the operations: the database says no."""

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from orders.models import PostcodeCentroid, RoutingDecision, RoutingRejection, RoutingRule
from tests.factories import FACTORIES
from tests.factories.channels import ChannelFactory
from tests.factories.inventory import LocationFactory
from tests.factories.orders_routing import PostcodeCentroidFactory, RoutingRuleFactory

pytestmark = pytest.mark.django_db

UPDATES = [
    (RoutingRule, "rank = -1", "orders_routingrule_rank_in_range"),
    (RoutingRule, "rank = 10000", "orders_routingrule_rank_in_range"),
    (RoutingRule, "kind = 'PREFERRED'", "orders_routingrule_place_where_preferred"),
    (RoutingRejection, "quantity = 0", "orders_routingrejection_quantity_positive"),
    (PostcodeCentroid, "latitude = 90.00001", "orders_postcodecentroid_on_earth"),
    (PostcodeCentroid, "latitude = -90.00001", "orders_postcodecentroid_on_earth"),
    (PostcodeCentroid, "longitude = 180.00001", "orders_postcodecentroid_on_earth"),
    (PostcodeCentroid, "longitude = -180.00001", "orders_postcodecentroid_on_earth"),
    (PostcodeCentroid, "latitude = 'NaN'", "orders_postcodecentroid_on_earth"),
]


@pytest.mark.parametrize(
    ("model", "assignment", "constraint"), UPDATES, ids=[f"{c}: {a}" for _, a, c in UPDATES]
)
def test_value_is_refused(model, assignment, constraint):
    row = FACTORIES[model]()

    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"UPDATE {model._meta.db_table} SET {assignment} WHERE id = %s",  # noqa: S608 - from the table above
            [row.pk],
        )


COPIES = [
    (RoutingRule, "orders_routingrule_one_per_rank"),
    (RoutingRejection, "orders_routingrejection_once_per_key"),
    (PostcodeCentroid, "orders_postcodecentroid_once"),
]


@pytest.mark.parametrize(("model", "constraint"), COPIES, ids=[c for _, c in COPIES])
def test_row_of_the_same_key_is_refused(model, constraint):
    row, table = FACTORIES[model](), model._meta.db_table
    columns = ", ".join(
        field.column for field in model._meta.concrete_fields if not field.primary_key
    )

    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE id = %s",  # noqa: S608 - Django's own names
            [row.pk],
        )


def test_place_of_a_rule_that_prefers_none_is_refused():
    with (
        pytest.raises(IntegrityError, match="orders_routingrule_place_where_preferred"),
        transaction.atomic(),
    ):
        RoutingRuleFactory(kind="NEAREST", location=LocationFactory())


def test_rank_is_taken_once_per_channel_and_once_for_all_of_them():
    channel = ChannelFactory()
    for of in (None, channel, ChannelFactory()):
        RoutingRuleFactory(rank=1, channel=of)

    for of in (None, channel):
        with (
            pytest.raises(IntegrityError, match="orders_routingrule_one_per_rank"),
            transaction.atomic(),
        ):
            RoutingRuleFactory(rank=1, channel=of)


def test_decision_misses_no_fewer_than_no_pieces():
    decision = FACTORIES[RoutingDecision]()

    with (
        pytest.raises(IntegrityError, match="orders_routingdecision_missing_counted"),
        transaction.atomic(),
    ):
        RoutingDecision.objects.create(
            order=decision.order, cause="NEW", missing=-1, decided_at=decision.decided_at
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orders_routingdecision SET missing = 1",
        "DELETE FROM orders_routingdecision",
        "SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE orders_routingdecision",
        "SET LOCAL session_replication_role = replica; DELETE FROM orders_routingdecision",
    ],
)
def test_decision_is_never_changed(statement):
    FACTORIES[RoutingDecision]()
    before = list(RoutingDecision.objects.values())

    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert list(RoutingDecision.objects.values()) == before


def test_place_off_the_map_is_refused_in_words():
    with pytest.raises(ValidationError, match="Latitudes go from -90 to 90"):
        PostcodeCentroidFactory.build(latitude="90.5", longitude="0").full_clean()
