"""Files on a supplier's SFTP server, which are read and left where they are."""

from __future__ import annotations

import io
import socket
import stat
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import paramiko

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
    Seen,
    complete,
    failure_in_words,
)
from purchasing.fetching.keys import public_key

PORT = 22
LISTED_AT_MOST = 10_000
PRIVATE_KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")


def fetch(place: Place, memory: Memory, *, at: datetime) -> Generator[Fetched, None, None]:
    """Bring complete files whose name, size or moment of change was not brought before."""
    address = urlsplit(place.address)
    folder = unquote(address.path) or "."
    with _connection(place) as sftp, tempfile.TemporaryDirectory() as here:
        names, listed = _listing(sftp, folder, place)
        memory.taken = {name: told for name, told in memory.taken.items() if name in names}
        fresh = [
            seen for seen in listed if memory.taken.get(seen.name) != [seen.size, seen.changed]
        ]
        for number, seen in enumerate(complete(fresh, names, memory, at=at)):
            path = Path(here) / str(number)
            if not _download(sftp, f"{folder.rstrip('/')}/{seen.name}", path, seen):
                # It grew or shrank while it was read, so it is not complete.
                memory.waiting[seen.name] = [seen.size, seen.changed, at.timestamp()]
                continue
            yield Fetched(name=seen.name, path=path, settle=partial(_remember, memory, seen))


def _remember(memory: Memory, seen: Seen, is_accepted: bool) -> None:  # noqa: ARG001, FBT001 - as Fetched calls it
    """Remember what was handed over, refused or not: the same bytes would be refused again."""
    memory.taken[seen.name] = [seen.size, seen.changed]


@contextmanager
def _connection(place: Place) -> Iterator[paramiko.SFTPClient]:
    """Open a session with the server whose key is pinned, and close it afterwards."""
    address = urlsplit(place.address)
    host = address.hostname or ""
    expected = _host_key(place.host_key)
    with _words(host):
        line = socket.create_connection((host, address.port or PORT), timeout=SECONDS_TO_CONNECT)
    transport = paramiko.Transport(line)
    try:
        with _words(host):
            _greet(transport, host, expected)
            _sign_in(transport, place)
            sftp = paramiko.SFTPClient.from_transport(transport)
            sftp.get_channel().settimeout(SECONDS_TO_ANSWER)
        yield sftp
    finally:
        transport.close()


@contextmanager
def _words(host: str) -> Iterator[None]:
    try:
        yield
    except paramiko.AuthenticationException as error:
        msg = f"{host} does not accept the user name and password or key."
        raise FetchFailed(msg) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        msg = f"{host} cannot be reached by SFTP: {failure_in_words(error)}"
        raise FetchFailed(msg) from error


def _greet(transport: paramiko.Transport, host: str, expected: paramiko.PKey) -> None:
    """Agree on encryption, and go no further with a server that is not the one we know."""
    name = expected.get_name()
    # Ask for the key we know, where the server has several.
    options = transport.get_security_options()
    options.key_types = RSA_SIGNATURES if name == "ssh-rsa" else (name,)
    transport.banner_timeout = transport.auth_timeout = SECONDS_TO_CONNECT
    try:
        transport.start_client(timeout=SECONDS_TO_CONNECT)
    except paramiko.IncompatiblePeer as error:
        msg = f"{host} shows another key than the one that is stored. Nothing was sent to it."
        raise FetchFailed(msg) from error
    if transport.get_remote_server_key().asbytes() != expected.asbytes():
        msg = f"{host} shows another key than the one that is stored. Nothing was sent to it."
        raise FetchFailed(msg)


def _sign_in(transport: paramiko.Transport, place: Place) -> None:
    if place.secret.lstrip().startswith("-----BEGIN"):
        transport.auth_publickey(place.username, _private_key(place.secret))
    else:
        transport.auth_password(place.username, place.secret)


def _private_key(text: str) -> paramiko.PKey:
    for kind in PRIVATE_KEYS:
        try:
            return kind.from_private_key(io.StringIO(text.strip() + "\n"))
        except (paramiko.SSHException, ValueError, TypeError):
            continue
    msg = "The private key cannot be read. It has to be an OpenSSH or PEM key without a passphrase."
    # Not from the error, which may quote the key.
    raise FetchFailed(msg)


def _host_key(text: str) -> paramiko.PKey:
    kind, body = public_key(text)
    try:
        return paramiko.PKey.from_type_string(kind, body)
    except (paramiko.SSHException, paramiko.UnknownKeyType, ValueError) as error:
        msg = f"The server's public key cannot be read: {kind} is unknown, or it is cut off."
        raise FetchFailed(msg) from error


def _listing(
    sftp: paramiko.SFTPClient, folder: str, place: Place
) -> tuple[dict[str, float], list[Seen]]:
    """Return all names with their moments of change, and the files that are for us."""
    names: dict[str, float] = {}
    listed = []
    with _words(urlsplit(place.address).hostname or ""):
        for facts in sftp.listdir_attr(folder)[:LISTED_AT_MOST]:
            names[facts.filename] = facts.st_mtime or 0
            is_file = facts.st_mode is not None and stat.S_ISREG(facts.st_mode)
            if is_file and place.takes(facts.filename) and (facts.st_size or 0) <= MOST_BYTES:
                listed.append(Seen(facts.filename, facts.st_size or 0, facts.st_mtime or 0))
    return names, listed


def _download(sftp: paramiko.SFTPClient, remote: str, path: Path, seen: Seen) -> bool:
    """Copy a file here; False when it is not of the size that was listed."""
    ends = time.monotonic() + SECONDS_PER_FILE
    with _words(seen.name), path.open("wb") as file, sftp.open(remote, "rb") as source:
        source.prefetch(seen.size)
        size = 0
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > seen.size or time.monotonic() > ends:
                return False
            file.write(chunk)
        return size == seen.size and sftp.stat(remote).st_size == seen.size
