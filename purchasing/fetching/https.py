"""A file at a web address, asked for again only when the server says that it has changed."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import tempfile
import time
from collections.abc import Collection, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import httpx2

from purchasing.fetching.base import (
    CHUNK,
    MOST_BYTES,
    SECONDS_PER_FILE,
    SECONDS_TO_ANSWER,
    SECONDS_TO_CONNECT,
    Fetched,
    FetchFailed,
    Memory,
    Place,
    failure_in_words,
)

REDIRECTS = 3
PORT = 443
_FILE_NAME = re.compile(r"""filename\*?=(?:UTF-8'')?"?([^";]+)""", re.IGNORECASE)
# Header of an answer -> header of the next question. Source: RFC 9110, section 13.1.
ASKED_AGAIN = {"etag": "If-None-Match", "last-modified": "If-Modified-Since"}


def fetch(place: Place, memory: Memory, *, at: datetime) -> Generator[Fetched, None, None]:  # noqa: ARG001 - as every way of fetching
    """Bring the file unless the server says that it is the one we had."""
    with tempfile.TemporaryDirectory() as here, _client() as client:
        path = Path(here) / "file"
        with _answer(client, place, memory) as answer:
            if answer.status_code == httpx2.codes.NOT_MODIFIED:
                return
            _save(answer, path)
            told = {name: answer.headers[name] for name in ASKED_AGAIN if name in answer.headers}
            name = _name(answer)
        yield Fetched(name=name, path=path, settle=partial(_remember, memory, told))


def _remember(memory: Memory, told: dict[str, str], is_accepted: bool) -> None:  # noqa: ARG001, FBT001 - as Fetched calls it
    memory.answer = told


def _client() -> httpx2.Client:
    return httpx2.Client(
        timeout=httpx2.Timeout(SECONDS_TO_ANSWER, connect=SECONDS_TO_CONNECT),
        verify=ssl.create_default_context(),
        follow_redirects=False,
        # A proxy from the environment would be asked to connect to places we refuse.
        trust_env=False,
    )


@contextmanager
def _answer(client: httpx2.Client, place: Place, memory: Memory) -> Iterator[httpx2.Response]:
    """Ask for the file, and where the server sends us on, there, as long as it is as safe."""
    url, first_host = place.address, urlsplit(place.address).hostname
    for _ in range(REDIRECTS + 1):
        host = _checked_host(url, place.own_hosts)
        asked = {
            header: memory.answer[name]
            for name, header in ASKED_AGAIN.items()
            if name in memory.answer
        }
        # Who we are is nobody's business but the server's that was named.
        if host == first_host and place.secret and not place.username:
            asked["Authorization"] = f"Bearer {place.secret}"
        auth = (place.username, place.secret) if host == first_host and place.username else None
        try:
            with client.stream("GET", url, headers=asked, auth=auth) as answer:
                _refuse_own_network(_peer(answer), host, place.own_hosts)
                if not answer.has_redirect_location:
                    _refuse_no(answer, host)
                    yield answer
                    return
                url = urljoin(url, answer.headers["location"])
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
            msg = f"{host} cannot be reached: {failure_in_words(error)}"
            raise FetchFailed(msg) from error
    msg = f"{first_host} sends us from one address to the next."
    raise FetchFailed(msg)


def _checked_host(url: str, own_hosts: Collection[str]) -> str:
    """
    Return the host of an address that may be asked.

    :raises FetchFailed: not HTTPS, no such host, or a host in our own network.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" or not host:
        msg = f"{host or 'The address'} would have to be asked without encryption: only https is."
        raise FetchFailed(msg)
    try:
        found = socket.getaddrinfo(host, parts.port or PORT, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        msg = f"There is no host called {host}: {failure_in_words(error)}"
        raise FetchFailed(msg) from error
    for *_rest, address in found:
        _refuse_own_network(str(address[0]), host, own_hosts)
    return host


def _refuse_own_network(address: str, host: str, own_hosts: Collection[str]) -> None:
    is_public = ipaddress.ip_address(address.split("%", maxsplit=1)[0]).is_global
    if not is_public and host not in own_hosts:
        msg = f"{host} is in our own network. SUPPLIER_FETCH_OWN_HOSTS names what may be asked."
        raise FetchFailed(msg)


def _peer(answer: httpx2.Response) -> str:
    """Return the address that was really asked: a name may mean another one by then."""
    address = answer.extensions["network_stream"].get_extra_info("server_addr")
    return str(address[0])


def _refuse_no(answer: httpx2.Response, host: str) -> None:
    status = answer.status_code
    if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
        msg = f"{host} does not accept the user name and password or token."
    elif status in {httpx2.codes.NOT_FOUND, httpx2.codes.GONE}:
        msg = f"{host} has no file at this address."
    elif status not in {httpx2.codes.OK, httpx2.codes.NOT_MODIFIED}:
        msg = f"{host} answered {status}."
    else:
        return
    raise FetchFailed(msg)


def _save(answer: httpx2.Response, path: Path) -> None:
    ends, size = time.monotonic() + SECONDS_PER_FILE, 0
    host = answer.url.host
    with path.open("wb") as file:
        for chunk in answer.iter_bytes(CHUNK):
            size += len(chunk)
            if size > MOST_BYTES:
                msg = f"The file of {host} is larger than {MOST_BYTES // 1024 // 1024} MB."
                raise FetchFailed(msg)
            if time.monotonic() > ends:
                msg = f"The file of {host} took longer than {SECONDS_PER_FILE} seconds."
                raise FetchFailed(msg)
            file.write(chunk)


def _name(answer: httpx2.Response) -> str:
    """Return how the server calls the file, else the end of its address."""
    told = _FILE_NAME.search(answer.headers.get("content-disposition", ""))
    name = unquote(told[1].strip() if told else answer.url.path)
    return name.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or "file"
