"""What holds for every model."""

import pytest
from django.db import connection, models

from retail.common.append_only import AppendOnlyModel
from tests.architecture.models import label, our_models
from tests.factories import FACTORIES

# Names the trade has, or that another program gave.
MOMENTS_BY_ANOTHER_NAME = {
    "valid_from",
    "valid_to",
    "lease_until",
    "dismissed_until",
    "ship_by",
    "last_login",
    "date_joined",
}
ACTORS_WITHOUT_A_MOMENT = {"order_raised_by", "caused_by", "done_by", "supplier_found_by"}
# Who raised what is approved, kept beside who approved it so that the two can be held apart.
ACTOR_KEPT_FOR_COMPARISON = "PurchaseApproval.raised_by"

every_model = pytest.mark.parametrize("model", our_models(), ids=label)


def fields_of(model, kind):
    return [field for field in model._meta.concrete_fields if type(field) is kind]


@every_model
def test_model_has_a_factory(model):
    if model._meta.auto_created:
        pytest.skip("the rows of a many-to-many field")

    assert model in FACTORIES


@every_model
@pytest.mark.django_db
def test_str_costs_no_query(model, django_assert_num_queries):
    if model not in FACTORIES:
        pytest.skip("has no factory, which another test says")
    row = model._base_manager.get(pk=FACTORIES[model]().pk)

    with django_assert_num_queries(0):
        text = str(row)

    assert text
    assert f"{model.__name__} object" not in text


@every_model
def test_moments_end_in_at_and_days_in_on(model):
    moments = {field.name for field in fields_of(model, models.DateTimeField)}
    days = {field.name for field in fields_of(model, models.DateField)}

    odd_moments = {name for name in moments if not name.endswith("_at")}
    odd_days = {name for name in days if not name.endswith("_on")}
    assert odd_moments - MOMENTS_BY_ANOTHER_NAME == set()
    assert odd_days - MOMENTS_BY_ANOTHER_NAME == set()


@every_model
def test_who_did_it_stands_beside_when(model):
    names = {field.name for field in model._meta.concrete_fields}

    alone = [
        name
        for name in names - ACTORS_WITHOUT_A_MOMENT - MOMENTS_BY_ANOTHER_NAME
        if name.endswith("_by")
        and f"{model.__name__}.{name}" != ACTOR_KEPT_FOR_COMPARISON
        and not {name.removesuffix("_by") + end for end in ("_at", "_on")} & names
    ]
    assert alone == []


@every_model
def test_booleans_are_questions(model):
    odd = [
        field.name
        for field in fields_of(model, models.BooleanField)
        if not field.name.startswith(("is_", "has_"))
    ]

    assert odd == []


@every_model
def test_constraints_are_named_after_app_and_model(model):
    prefix = f"{model._meta.app_label}_{model._meta.model_name}_"

    odd = [c.name for c in model._meta.constraints if not c.name.startswith(prefix)]

    assert odd == []


@every_model
def test_lists_are_ordered_where_they_are_made(model):
    assert model._meta.ordering in ((), [])


@every_model
def test_there_are_no_floats(model):
    assert fields_of(model, models.FloatField) == []


def triggers_of(model):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgenabled FROM pg_trigger"
            " WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            [model._meta.db_table],
        )
        return dict(cursor.fetchall())


LEDGERS = [model for model in our_models() if issubclass(model, AppendOnlyModel)]
STATUS_KEEPERS = [model for model in our_models() if hasattr(model, "NEXT")]


def test_there_are_ledgers_and_guarded_statuses():
    assert LEDGERS
    assert STATUS_KEEPERS


@pytest.mark.django_db
@pytest.mark.parametrize("model", LEDGERS, ids=label)
def test_ledger_is_kept_by_triggers_that_always_fire(model):
    table, always = model._meta.db_table, "A"

    kept_by = {name: state for name, state in triggers_of(model).items() if table in name}

    assert kept_by.get(f"{table}_no_change") == always
    assert kept_by.get(f"{table}_no_truncate") == always


@pytest.mark.django_db
@pytest.mark.parametrize("model", LEDGERS, ids=label)
def test_nothing_cascades_into_a_ledger(model):
    cascading = [
        field.name
        for field in model._meta.concrete_fields
        if field.is_relation and field.remote_field.on_delete is models.CASCADE
    ]

    assert cascading == []


@pytest.mark.django_db
@pytest.mark.parametrize("model", STATUS_KEEPERS, ids=label)
def test_status_moves_are_guarded_by_a_trigger(model):
    assert [name for name in triggers_of(model) if "status_moves" in name]


@pytest.mark.parametrize("model", STATUS_KEEPERS, ids=label)
def test_next_statuses_are_known_for_every_status(model):
    assert set(model.NEXT) == set(model.Status.values)
    assert {after for nexts in model.NEXT.values() for after in nexts} <= set(model.Status.values)
