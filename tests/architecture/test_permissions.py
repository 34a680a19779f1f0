"""Every address is closed to those who are not meant to open it."""

import re

import pytest
from django.contrib import admin
from django.contrib.admindocs.views import simplify_regex
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import URLPattern, get_resolver

from tests.architecture.models import APPS, label
from tests.factories import FACTORIES
from tests.people import browser_of, person_who_may

# What anybody may open, and why.
PUBLIC = {
    "/health/": "asked by load balancers; tells nothing but that the process is alive",
    "/login/": "where one signs in",
    "/logout/": "leads home, and from there to signing in",
}
# What every person of the staff may open.
FOR_ALL_STAFF = {
    "/": "shows each person what they may see of what waits",
    "/jsi18n/": "the words of the admin's scripts",
    "/logout/": "everybody leaves",
    "/password_change/": "everybody's own",
    "/password_change/done/": "everybody's own",
    "/search/": "finds only what the person may view",
    "/api/v1/": "names the lists, opens none",
    "/api/schema/": "describes the API",
    "/api/docs/": "describes the API",
}
REFUSED = {401, 403}

SITE = admin.site._registry
OURS = [model for model in SITE if model._meta.app_label in APPS and model in FACTORIES]


def addresses(patterns=None, prefix="/"):
    """Yield every address of the program, 1 standing for whatever is variable."""
    for pattern in patterns or get_resolver().url_patterns:
        route = prefix + simplify_regex(str(pattern.pattern)).removeprefix("/")
        if isinstance(pattern, URLPattern):
            yield re.sub(r"<[^>]+>", "1", route.replace("<format>", "json").replace("\\.", "."))
        else:
            yield from addresses(pattern.url_patterns, route)


ADDRESSES = sorted(set(addresses()))


def test_addresses_are_found():
    assert {"/health/", "/orders/order/", "/api/v1/", "/health/tasks/"} <= set(ADDRESSES)


@pytest.mark.django_db
def test_addresses_are_closed_to_strangers():
    stranger = Client()

    answers = {a: stranger.get(a) for a in ADDRESSES if a not in PUBLIC}

    let_in = {
        address: answer.status_code
        for address, answer in answers.items()
        if answer.status_code not in REFUSED and not leads_to_sign_in(answer)
    }
    assert let_in == {}


def leads_to_sign_in(answer):
    return answer.status_code == 302 and answer.url.startswith("/login/")


def pages_of_no_model():
    """Return the addresses that the program itself routes, the admin's and the API's left out."""
    patterns = [one for one in get_resolver().url_patterns if isinstance(one, URLPattern)]
    return sorted(set(addresses(patterns)) - PUBLIC.keys() - set(FOR_ALL_STAFF))


@pytest.mark.django_db
def test_pages_of_no_model_are_closed_to_staff_without_permission():
    browser = browser_of(person_who_may())

    answers = {address: opened(browser, address).status_code for address in pages_of_no_model()}

    assert {"/health/tasks/", "/stock/where/", "/stock/where/1/"} <= answers.keys()
    assert {address: status for address, status in answers.items() if status != 403} == {}


@pytest.mark.django_db
def test_addresses_that_django_adds_show_nothing_to_staff_without_permission():
    browser = browser_of(person_who_may())

    answers = {
        address: browser.get(address).status_code
        for address in ("/1/", "/autocomplete/", "/r/1/1/")
    }

    assert set(answers.values()) <= {403, 404}, answers


@pytest.mark.django_db
def test_public_addresses_are_open():
    answers = {address: Client().get(address).status_code for address in PUBLIC}

    assert answers == {"/health/": 200, "/login/": 200, "/logout/": 302}


@pytest.mark.django_db
@pytest.mark.parametrize("address", FOR_ALL_STAFF)
def test_address_for_all_staff_is_open_to_somebody_without_permissions(address):
    assert browser_of(person_who_may()).get(address).status_code in {200, 302, 405}


def pages_of(model, row):
    """Return the addresses of a model's admin, filled in for the row."""
    base = f"/{model._meta.app_label}/{model._meta.model_name}/"
    for pattern in SITE[model].get_urls():
        if "/act/" in str(pattern.pattern) or "download/" in str(pattern.pattern):
            continue
        route = simplify_regex(str(pattern.pattern)).removeprefix("/")
        if route.startswith("act/"):
            continue
        yield base + re.sub(r"<[^>]+>", str(row.pk), route)


def opened(browser, url):
    """Ask for a page, or send to it when it only takes what is sent."""
    answer = browser.get(url)
    return browser.post(url) if answer.status_code == 405 else answer


def acts_of(model, row):
    """Yield the permission and the address of all that can be done with a row or its list."""
    base, model_admin = f"/{model._meta.app_label}/{model._meta.model_name}/", SITE[model]
    for act in getattr(model_admin, "acts", ()):
        yield act.permission, f"{base}{row.pk}/act/{act.name}/"
    for download in getattr(model_admin, "downloads", ()):
        yield download.permission, f"{base}{row.pk}/download/{download.name}/"
    for act in getattr(model_admin, "page_acts", ()):
        yield act.permission, f"{base}act/{act.name}/"


def statuses_of(browser, urls):
    """Return how asking for each address, and sending to it, is answered."""
    return {
        (method.__name__, url): method(url).status_code
        for url in urls
        for method in (browser.get, browser.post)
    }


@pytest.mark.django_db
@pytest.mark.parametrize("model", OURS, ids=label)
def test_pages_are_closed_to_staff_without_permission(model):
    row, browser = FACTORIES[model](), browser_of(person_who_may())

    answers = {url: opened(browser, url) for url in pages_of(model, row)}

    # Django's address for an object without "change" leads there, where it is refused.
    open_pages = {
        url: answer.status_code
        for url, answer in answers.items()
        if answer.status_code not in REFUSED
        and not (answer.status_code == 302 and answer.url.endswith("/change/"))
    }
    assert open_pages == {}


@pytest.mark.django_db
@pytest.mark.parametrize("model", OURS, ids=label)
def test_acts_are_closed_to_those_who_may_only_look(model):
    row = FACTORIES[model]()
    view = f"{model._meta.app_label}.view_{model._meta.model_name}"
    browser = browser_of(person_who_may(view))

    answers = statuses_of(
        browser, [url for permission, url in acts_of(model, row) if permission != view]
    )

    assert {key: status for key, status in answers.items() if status != 403} == {}


@pytest.mark.django_db
@pytest.mark.parametrize("model", OURS, ids=label)
def test_acts_are_closed_to_staff_without_permission(model):
    row, browser = FACTORIES[model](), browser_of(person_who_may())

    answers = statuses_of(browser, [url for _permission, url in acts_of(model, row)])

    assert {key: status for key, status in answers.items() if status != 403} == {}


@pytest.mark.django_db
def test_acts_ask_for_permissions_that_exist():
    known = {
        f"{app_label}.{codename}"
        for app_label, codename in Permission.objects.values_list(
            "content_type__app_label", "codename"
        )
    }

    unknown = [
        f"{model._meta.label} {offer.name}: {offer.permission}"
        for model, model_admin in SITE.items()
        for offer in every_offer(model_admin)
        if offer.permission not in known
    ]
    assert unknown == []


def every_offer(model_admin):
    return [
        *getattr(model_admin, "acts", ()),
        *getattr(model_admin, "page_acts", ()),
        *getattr(model_admin, "downloads", ()),
    ]
