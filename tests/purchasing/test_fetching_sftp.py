"""Files from a real SFTP server in a thread."""

import io
import os
import time
from contextlib import closing
from datetime import timedelta

import paramiko
import pytest

from purchasing.fetching import FetchFailed, Memory, Place, fetch
from tests.factories.common import NOON
from tests.sftp_server import PASSWORD, USER, sftp_server

LATER = NOON + timedelta(minutes=5)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "theirs"
    (made / "out").mkdir(parents=True)
    return made


@pytest.fixture
def server(folder):
    with sftp_server(folder) as running:
        yield running


def place(server, **values):
    usual = {
        "address": f"{server.address}out",
        "username": USER,
        "secret": PASSWORD,
        "host_key": server.known_as,
    }
    return Place(transport="SFTP", **(usual | values))


def taken(where, memory, *, at):
    found = {}
    with closing(fetch(where, memory, at=at)) as files:
        for fetched in files:
            found[fetched.name] = fetched.path.read_bytes()
            fetched.settle(True)
    return found


def test_complete_file_is_brought_once_and_stays_there(server, folder):
    memory = Memory()
    (folder / "out" / "prices.csv").write_bytes(b"SKU;Cost\n" * 50_000)
    (folder / "out" / "sub").mkdir()

    assert taken(place(server), memory, at=NOON) == {}
    assert taken(place(server), memory, at=LATER) == {"prices.csv": b"SKU;Cost\n" * 50_000}
    assert taken(place(server), memory, at=LATER + timedelta(hours=1)) == {}
    assert server.opened == ["prices.csv"]
    assert (folder / "out" / "prices.csv").exists()


def test_file_that_was_written_anew_is_brought_again(server, folder):
    memory, file = Memory(), folder / "out" / "prices.csv"
    file.write_text("old")
    taken(place(server), memory, at=NOON)
    taken(place(server), memory, at=LATER)

    file.write_text("new")
    os.utime(file, (time.time() + 60, time.time() + 60))

    assert taken(place(server), memory, at=LATER + timedelta(hours=1)) == {}
    assert taken(place(server), memory, at=LATER + timedelta(hours=2)) == {"prices.csv": b"new"}


def test_half_written_file_is_left_alone(server, folder):
    memory, file = Memory(), folder / "out" / "prices.csv"
    file.write_text("SKU;")
    taken(place(server), memory, at=NOON)
    file.write_text("SKU;Cost\n1;2")

    assert taken(place(server), memory, at=LATER) == {}
    assert server.opened == []


def test_file_that_grows_while_it_is_read_is_left_alone(server, folder, monkeypatch):
    memory, file = Memory(), folder / "out" / "prices.csv"
    file.write_text("SKU;")
    taken(place(server), memory, at=NOON)
    listing = paramiko.SFTPClient.listdir_attr

    def list_and_let_it_grow(client, path):
        listed = listing(client, path)
        with file.open("a") as more:
            more.write("Cost\n")
        return listed

    monkeypatch.setattr(paramiko.SFTPClient, "listdir_attr", list_and_let_it_grow)

    assert taken(place(server), memory, at=LATER) == {}
    assert "prices.csv" in memory.waiting


def test_server_with_another_key_is_refused_before_anything_is_said(server, folder):
    stranger = paramiko.ECDSAKey.generate()
    pinned = f"{stranger.get_name()} {stranger.get_base64()}"

    with pytest.raises(FetchFailed, match="shows another key than the one that is stored"):
        taken(place(server, host_key=pinned), Memory(), at=NOON)

    assert server.tried == []


def test_server_with_a_key_of_another_kind_is_refused(server):
    pinned = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG3HIhJXrZ7nZDjxuKjBmJEJzrfdR+NtwTkqHJZyNeBd"

    with pytest.raises(FetchFailed, match="shows another key"):
        taken(place(server, host_key=pinned), Memory(), at=NOON)

    assert server.tried == []


@pytest.mark.parametrize("host_key", ["", "ssh-ed25519", "ssh-ed25519 nonsense!", "nonsense"])
def test_without_a_readable_key_nobody_is_asked(server, host_key):
    with pytest.raises(FetchFailed, match="public key"):
        taken(place(server, host_key=host_key), Memory(), at=NOON)

    assert server.tried == []


def test_key_may_stand_as_in_known_hosts(server, folder):
    host_key = f"[127.0.0.1]:{server.port} {server.known_as} a comment"

    assert taken(place(server, host_key=host_key), Memory(), at=NOON) == {}
    assert server.tried == [USER]


def test_wrong_password_is_said_without_quoting_it(server):
    with pytest.raises(FetchFailed) as failure:
        taken(place(server, secret="wrong-secret"), Memory(), at=NOON)

    assert "does not accept the user name" in str(failure.value)
    assert "wrong-secret" not in str(failure.value)
    assert "wrong-secret" not in repr(place(server, secret="wrong-secret"))


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_private_key_opens_the_door(folder, kind):
    key = paramiko.ECDSAKey.generate() if kind == "ecdsa" else paramiko.RSAKey.generate(2048)
    text = io.StringIO()
    key.write_private_key(text)

    with sftp_server(folder, client_key=key) as server:
        found = taken(place(server, secret=text.getvalue()), Memory(), at=NOON)

    assert found == {}
    assert set(server.tried) == {USER}


def test_private_key_that_cannot_be_read_is_not_quoted(server):
    secret = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----"

    with pytest.raises(FetchFailed, match="private key cannot be read") as failure:
        taken(place(server, secret=secret), Memory(), at=NOON)

    assert "c2VjcmV0" not in str(failure.value)


def test_folder_that_is_not_there_is_said(server):
    with pytest.raises(FetchFailed, match=r"127\.0\.0\.1"):
        taken(place(server, address=f"{server.address}nowhere"), Memory(), at=NOON)


def test_server_that_is_away_is_said(server):
    away = "sftp://127.0.0.1:1/out"

    with pytest.raises(FetchFailed, match="cannot be reached"):
        taken(place(server, address=away), Memory(), at=NOON)
