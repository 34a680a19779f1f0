"""What a person says about where a supplier's files come from."""

import pytest
from django.db import connection

from purchasing.models import SupplierFileProfile, Transport
from tests.admin_forms import form_of
from tests.factories.purchasing import SupplierFileProfileFactory
from tests.people import browser_of, person_who_may, superuser

pytestmark = pytest.mark.django_db
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG3HIhJXrZ7nZDjxuKjBmJEJzrfdR+NtwTkqHJZyNeBd"
SFTP = {
    "transport": "SFTP",
    "address": "sftp://files.example.com/out",
    "username": "buyer",
    "host_key": KEY,
    "new_secret": "open sesame",
}


@pytest.fixture(autouse=True)
def _drop(settings, tmp_path):
    settings.SUPPLIER_DROP_DIR = str(tmp_path)


def page_of(profile):
    return f"/purchasing/supplierfileprofile/{profile.pk}/change/"


def answer(profile, **values):
    """Send the profile's page with some answers changed."""
    browser = browser_of(superuser())
    filled = form_of(browser.get(page_of(profile))) | values
    return browser.post(page_of(profile), filled)


@pytest.mark.parametrize(
    "values",
    [
        {"transport": "FOLDER", "address": "potters/prices"},
        SFTP,
        {"transport": "HTTPS", "address": "https://example.com/prices.csv?week=48"},
        {"transport": "UPLOAD", "address": ""},
    ],
    ids=["folder", "sftp", "https", "upload"],
)
def test_place_is_stored(values):
    profile = SupplierFileProfileFactory()

    assert answer(profile, **values).status_code == 302

    profile.refresh_from_db()
    assert (profile.transport, profile.address) == (values["transport"], values["address"])
    assert profile.secret == values.get("new_secret", "")


@pytest.mark.parametrize(
    ("values", "field", "says"),
    [
        ({"transport": "FOLDER", "address": "../x"}, "address", "not a folder below"),
        ({"transport": "FOLDER", "address": "/etc"}, "address", "not a folder below"),
        (SFTP | {"address": "https://files.example.com"}, "address", "sftp://files.example.com"),
        (SFTP | {"address": "sftp://a:b@files.example.com/"}, "address", "fields of their own"),
        (SFTP | {"address": "sftp://files.example.com:999999/"}, "address", "An address such as"),
        (SFTP | {"username": ""}, "username", "Who we are"),
        (SFTP | {"new_secret": ""}, "new_secret", "opens the door"),
        (SFTP | {"host_key": ""}, "host_key", "nobody knows whom we talk to"),
        (SFTP | {"host_key": KEY[:40]}, "host_key", "cannot be read"),
        (SFTP | {"host_key": KEY.replace("ed25519 ", "rsa ")}, "host_key", "not of the kind"),
        ({"transport": "HTTPS", "address": "http://example.com/"}, "address", "https://"),
        ({"transport": "HTTPS", "address": "https://a:b@example.com/"}, "address", "own"),
        ({"transport": "HTTPS", "address": "nonsense"}, "address", "An address such as"),
    ],
)
def test_place_that_cannot_be_is_refused_in_words(values, field, says):
    profile = SupplierFileProfileFactory()

    refused = answer(profile, **values)

    [error] = refused.context["adminform"].form.errors[field]
    assert says in error
    profile.refresh_from_db()
    assert profile.transport == Transport.UPLOAD


def test_fetched_profile_needs_an_address():
    profile = SupplierFileProfileFactory()

    refused = answer(profile, transport="HTTPS", address="")

    assert refused.status_code == 200
    profile.refresh_from_db()
    assert profile.transport == Transport.UPLOAD


def test_secret_goes_in_encrypted_and_never_comes_out():
    profile = SupplierFileProfileFactory()
    answer(profile, **SFTP)

    again = answer(profile, file_pattern="prices*.csv")
    refused = answer(profile, new_secret="another secret", address="nonsense")
    shown = browser_of(superuser()).get(page_of(profile))

    assert again.status_code == 302
    for page in (refused, shown):
        for secret in ("open sesame", "another secret"):
            assert secret not in page.content.decode()
    profile.refresh_from_db()
    assert profile.secret == "open sesame"
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM purchasing_supplierfileprofile")
        assert "sesame" not in cursor.fetchone()[0]


def test_private_key_keeps_its_lines():
    profile = SupplierFileProfileFactory()

    answer(profile, **SFTP | {"new_secret": "-----BEGIN KEY-----\r\nabc\r\n-----END KEY-----"})

    profile.refresh_from_db()
    assert profile.secret == "-----BEGIN KEY-----\nabc\n-----END KEY-----"


def test_another_place_forgets_what_was_seen_at_the_first():
    profile = SupplierFileProfileFactory(
        transport="HTTPS",
        address="https://example.com/a.csv",
        poll_state={"answer": {"etag": "1"}},
        poll_error="It is away.",
    )

    answer(profile, file_pattern="*.csv")
    profile.refresh_from_db()
    assert profile.poll_state == {"answer": {"etag": "1"}}

    answer(profile, address="https://example.com/b.csv")
    profile.refresh_from_db()
    assert (profile.poll_state, profile.poll_error) == ({}, "")


def test_page_shows_why_fetching_fails_and_the_list_that_it_does():
    SupplierFileProfileFactory(
        transport="HTTPS",
        address="https://example.com/a.csv",
        polled_at="2026-11-01T12:00Z",
        poll_error="example.com answered 500.",
    )
    profile = SupplierFileProfile.objects.get()
    browser = browser_of(superuser())

    assert "example.com answered 500." in browser.get(page_of(profile)).content.decode()
    listed = browser.get("/purchasing/supplierfileprofile/").content.decode()
    assert "Fails" in listed


def test_fetch_now_makes_the_profile_due_and_wakes_the_task(
    monkeypatch, django_capture_on_commit_callbacks
):
    profile = SupplierFileProfileFactory(
        transport="FOLDER", address="potters", polled_at="2026-11-01T12:00Z"
    )
    woken = []
    monkeypatch.setattr(
        "purchasing.tasks.fetch_supplier_files.delay", lambda: woken.append("woken")
    )
    browser = browser_of(
        person_who_may("purchasing.view_supplierfileprofile", "purchasing.receive_supplierfile")
    )

    with django_capture_on_commit_callbacks(execute=True):
        answered = browser.post(
            f"/purchasing/supplierfileprofile/{profile.pk}/act/fetch-now/", {"key": "1"}
        )

    assert answered.status_code == 302
    profile.refresh_from_db()
    assert profile.polled_at is None
    assert woken == ["woken"]


def test_fetch_now_is_not_offered_for_uploads_and_not_for_everybody():
    uploads, folder = (
        SupplierFileProfileFactory(),
        SupplierFileProfileFactory(transport="FOLDER", address="potters"),
    )
    viewer = browser_of(person_who_may("purchasing.view_supplierfileprofile"))

    url = "/purchasing/supplierfileprofile/{}/act/fetch-now/"
    assert viewer.post(url.format(folder.pk), {"key": "1"}).status_code == 403
    page = browser_of(superuser()).get(page_of(uploads)).content.decode()
    assert "Fetch now" not in page
