"""Every model can be looked at, and no list or page gets slower with its rows."""

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from retail.backoffice.navigation import DESKS
from tests.architecture.models import APPS, label, our_models
from tests.factories import FACTORIES
from tests.people import browser_of, superuser

SITE = admin.site._registry
IN_LINES = {inline.model for model_admin in SITE.values() for inline in model_admin.inlines}
LISTED = [model for model in SITE if model._meta.app_label in APPS and model in FACTORIES]


def page_of(model, name, *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{name}", args=args)


def queries_of(browser, url):
    with CaptureQueriesContext(connection) as captured:
        answer = browser.get(url)
    assert answer.status_code == 200
    return [query["sql"] for query in captured]


@pytest.mark.parametrize(
    "model", [model for model in our_models() if not model._meta.auto_created], ids=label
)
def test_model_has_a_list_or_stands_on_the_page_of_its_document(model):
    assert model in SITE or model in IN_LINES


@pytest.mark.django_db
@pytest.mark.parametrize("model", LISTED, ids=label)
def test_list_and_page_cost_the_same_with_one_and_three_rows(model):
    browser, make = browser_of(superuser()), FACTORIES[model]
    row_list, page = page_of(model, "changelist"), page_of(model, "change", make().pk)
    browser.get(page)

    of_list, of_page = queries_of(browser, row_list), queries_of(browser, page)
    for _ in range(2):
        make()
    of_longer_list, of_page_of_three = queries_of(browser, row_list), queries_of(browser, page)

    assert len(of_list) == len(of_longer_list), "\n".join(of_longer_list)
    assert len(of_page) == len(of_page_of_three), "\n".join(of_page_of_three)


@pytest.mark.django_db
@pytest.mark.parametrize("model", LISTED, ids=label)
def test_form_for_a_new_row_opens_where_rows_are_added(model, rf):
    request = rf.get("/")
    request.user = owner = superuser()

    answer = browser_of(owner).get(page_of(model, "add"))

    assert answer.status_code == (200 if SITE[model].has_add_permission(request) else 403)


@pytest.mark.django_db
@pytest.mark.parametrize("model", [m for m in LISTED if SITE[m].search_fields], ids=label)
def test_list_can_be_searched_for_anything(model):
    answer = browser_of(superuser()).get(page_of(model, "changelist"), {"q": "100%' --\N{SNOWMAN}"})

    assert answer.status_code == 200


@pytest.mark.django_db
def test_menu_leads_to_lists_that_open(rf):
    browser = browser_of(superuser())

    for item in (item for desk in DESKS for item in desk.items):
        app_label, model_name = item.model.lower().split(".")
        answer = browser.get(reverse(f"admin:{app_label}_{model_name}_changelist"))
        assert answer.status_code == 200
