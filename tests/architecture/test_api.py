"""Every list of the API: who may read it, what it costs, and that it is described."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator

from retail.api import router
from tests.factories import FACTORIES
from tests.people import browser_of, person_who_may

VIEWSETS = [(prefix, viewset) for prefix, viewset, _ in router.registry]
every_list = pytest.mark.parametrize(
    ("prefix", "viewset"), VIEWSETS, ids=[prefix for prefix, _ in VIEWSETS]
)


def model_of(viewset):
    return viewset.queryset.model


def address_of(prefix, viewset, row):
    return f"/api/v1/{prefix}/{getattr(row, viewset.lookup_field)}/"


def reader_of(viewset):
    options = model_of(viewset)._meta
    return browser_of(person_who_may(f"{options.app_label}.view_{options.model_name}"))


@pytest.mark.django_db
@every_list
def test_list_is_read_by_those_who_may_view_it(prefix, viewset):
    row = FACTORIES[model_of(viewset)]()
    reader = reader_of(viewset)

    shown = reader.get(f"/api/v1/{prefix}/")
    alone = reader.get(address_of(prefix, viewset, row))

    assert (shown.status_code, alone.status_code) == (200, 200)
    assert alone.json() in shown.json()["results"]


@pytest.mark.django_db
@every_list
def test_list_is_closed_to_others(prefix, viewset):
    row = FACTORIES[model_of(viewset)]()
    nobody = browser_of(person_who_may())

    assert nobody.get(f"/api/v1/{prefix}/").status_code == 403
    assert nobody.get(address_of(prefix, viewset, row)).status_code == 403


@pytest.mark.django_db
@every_list
def test_rows_are_not_written_or_deleted_by_those_who_read(prefix, viewset):
    row = FACTORIES[model_of(viewset)]()
    reader = reader_of(viewset)

    for method in (reader.put, reader.patch, reader.delete):
        answer = method(address_of(prefix, viewset, row), {}, content_type="application/json")
        assert answer.status_code in {403, 405}
    answer = reader.post(f"/api/v1/{prefix}/", {}, content_type="application/json")
    assert answer.status_code in {403, 405}


@pytest.mark.django_db
@every_list
def test_list_costs_the_same_with_one_and_three_rows(prefix, viewset):
    make, reader = FACTORIES[model_of(viewset)], reader_of(viewset)
    make()
    reader.get(f"/api/v1/{prefix}/")

    with CaptureQueriesContext(connection) as of_one:
        reader.get(f"/api/v1/{prefix}/")
    for _ in range(2):
        make()
    with CaptureQueriesContext(connection) as of_three:
        reader.get(f"/api/v1/{prefix}/")

    assert len(of_one) == len(of_three), "\n".join(query["sql"] for query in of_three)


@every_list
def test_fields_are_named_one_by_one(prefix, viewset):
    assert viewset.serializer_class.Meta.fields != "__all__", prefix


def test_api_is_described_without_gaps():
    GENERATOR_STATS.reset()

    schema = SchemaGenerator().get_schema(request=None, public=True)

    assert {f"/api/v1/{prefix}/" for prefix, _ in VIEWSETS} <= set(schema["paths"])
    assert list(GENERATOR_STATS._error_cache) == []
