"""A file from a real web server with a certificate of its own."""

import socket
from contextlib import closing

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from purchasing.fetching import FetchFailed, Memory, Place, fetch, https
from tests.certificates import certificate_of_this_machine
from tests.factories.common import NOON

BODY = b"SKU;Cost\n1;2,50\n"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    context, trusted = certificate_of_this_machine(tmp_path_factory.mktemp("tls"))
    server = HTTPServer(host="127.0.0.1", port=0, ssl_context=context)
    server.start()
    server.trusted = trusted
    yield server
    server.clear()
    server.stop()


@pytest.fixture
def server(running, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(running.trusted))
    yield running
    running.clear()


def place(server, path="/prices.csv", **values):
    return Place(
        **{
            "transport": "HTTPS",
            "address": server.url_for(path),
            "own_hosts": ["127.0.0.1"],
            **values,
        }
    )


def taken(where, memory=None):
    found = {}
    with closing(fetch(where, memory or Memory(), at=NOON)) as files:
        for fetched in files:
            found[fetched.name] = fetched.path.read_bytes()
            fetched.settle(True)
    return found


def test_file_is_brought_under_the_name_in_its_address(server):
    server.expect_request("/lists/prices 1.csv").respond_with_data(BODY)

    assert taken(place(server, "/lists/prices%201.csv?week=48")) == {"prices 1.csv": BODY}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="prices.csv"', "prices.csv"),
        ("attachment; filename*=UTF-8''Preisliste%20Mai.csv", "Preisliste Mai.csv"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
    ],
)
def test_file_is_called_as_the_server_calls_it(server, header, name):
    server.expect_request("/download").respond_with_data(
        BODY, headers={"Content-Disposition": header}
    )

    assert list(taken(place(server, "/download"))) == [name]


def test_file_that_has_not_changed_is_not_sent_again(server):
    memory = Memory()

    def answer(request):
        if request.headers.get("If-None-Match") == '"v1"':
            return Response(status=304)
        return Response(BODY, headers={"ETag": '"v1"', "Last-Modified": "Thu, 01 Jan 2026"})

    server.expect_request("/prices.csv").respond_with_handler(answer)

    assert taken(place(server), memory) == {"prices.csv": BODY}
    assert memory.stored() == {"answer": {"etag": '"v1"', "last-modified": "Thu, 01 Jan 2026"}}
    assert taken(place(server), memory) == {}


@pytest.mark.parametrize(
    ("who", "header"),
    [
        ({"username": "buyer", "secret": "sesame"}, "Basic YnV5ZXI6c2VzYW1l"),
        ({"secret": "token-1"}, "Bearer token-1"),
    ],
)
def test_who_we_are_is_told_to_the_server(server, who, header):
    server.expect_request("/prices.csv", headers={"Authorization": header}).respond_with_data(BODY)

    assert taken(place(server, **who)) == {"prices.csv": BODY}


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "does not accept the user name"),
        (403, "does not accept the user name"),
        (404, "has no file"),
        (500, "answered 500"),
        (204, "answered 204"),
    ],
)
def test_no_of_the_server_is_said_without_secrets(server, status, says):
    server.expect_request("/prices.csv").respond_with_data("the secret is t0ken", status=status)

    with pytest.raises(FetchFailed, match=says) as failure:
        taken(place(server, "/prices.csv?key=hidden-key", secret="t0ken"))

    assert "t0ken" not in str(failure.value)
    assert "hidden-key" not in str(failure.value)


def test_redirect_is_followed_to_a_safe_place_which_is_not_told_who_we_are(server):
    elsewhere = server.url_for("/real.csv").replace("127.0.0.1", "localhost")
    told = []

    def answer(request):
        told.append(request.headers.get("Authorization"))
        return Response(BODY)

    server.expect_request("/prices.csv").respond_with_data(
        status=302, headers={"Location": elsewhere}
    )
    server.expect_request("/real.csv").respond_with_handler(answer)
    where = place(server, secret="token-1", own_hosts=["127.0.0.1", "localhost"])

    assert taken(where) == {"real.csv": BODY}
    assert told == [None]


@pytest.mark.parametrize(
    ("location", "says"),
    [
        ("http://127.0.0.1/prices.csv", "without encryption"),
        ("https://10.0.0.7/prices.csv", "10.0.0.7 is in our own network"),
        ("https://169.254.169.254/latest/meta-data", "in our own network"),
        ("https://[::1]/prices.csv", "in our own network"),
        ("file:///etc/passwd", "without encryption"),
        ("/prices.csv", "from one address to the next"),
    ],
)
def test_redirect_to_an_unsafe_place_is_not_followed(server, location, says):
    server.expect_request("/prices.csv").respond_with_data(
        status=302, headers={"Location": location}
    )

    with pytest.raises(FetchFailed, match=says):
        taken(place(server))


def test_own_network_is_not_asked_unless_it_is_named(server):
    server.expect_request("/prices.csv").respond_with_data(BODY)

    with pytest.raises(FetchFailed, match="SUPPLIER_FETCH_OWN_HOSTS"):
        taken(place(server, own_hosts=[]))

    assert server.log == []


def test_name_that_means_our_own_network_by_the_time_it_is_asked_gives_nothing(server, monkeypatch):
    """The name is looked up twice, by the check and by the connection; a server may use that."""
    server.expect_request("/prices.csv").respond_with_data(BODY)
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]
    monkeypatch.setattr(
        https,
        "socket",
        type("Socket", (), {"getaddrinfo": lambda *_a, **_k: public, "SOCK_STREAM": 1}),
    )

    with pytest.raises(FetchFailed, match="in our own network"):
        taken(place(server, own_hosts=[]))


def test_address_without_encryption_is_refused(server):
    with pytest.raises(FetchFailed, match="without encryption"):
        taken(place(server, address="http://127.0.0.1/prices.csv"))


def test_server_whose_certificate_nobody_vouches_for_is_refused(server, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    server.expect_request("/prices.csv").respond_with_data(BODY)

    with pytest.raises(FetchFailed, match="cannot be reached"):
        taken(place(server))


def test_file_that_is_too_large_is_refused(server, monkeypatch):
    monkeypatch.setattr(https, "MOST_BYTES", 10)
    server.expect_request("/prices.csv").respond_with_data(BODY)

    with pytest.raises(FetchFailed, match="is larger than"):
        taken(place(server))


def test_file_that_trickles_in_for_ever_is_given_up(server, monkeypatch):
    monkeypatch.setattr(https, "SECONDS_PER_FILE", -1)
    server.expect_request("/prices.csv").respond_with_data(BODY)

    with pytest.raises(FetchFailed, match="took longer"):
        taken(place(server))
