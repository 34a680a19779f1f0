"""The embedded broker, with folders of its own."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from retail.embedded import valkey


@pytest.fixture
def directory(tmp_path):
    yield tmp_path / "valkey"
    valkey.remove(tmp_path / "valkey")


def _client(address):
    return redis.Redis(unix_socket_path=address.removeprefix("redis+socket://"))


def test_start_keeps_what_was_sent_over_a_restart(directory):
    address = valkey.start(directory)
    with _client(address) as client:
        client.rpush("orders", "first", "second")

    valkey.stop(directory)
    with _client(address) as client, pytest.raises(redis.exceptions.ConnectionError):
        client.ping()
    valkey.start(directory)

    with _client(address) as client:
        assert client.lrange("orders", 0, -1) == [b"first", b"second"]


def test_start_by_several_at_once_makes_one_server(directory):
    with ThreadPoolExecutor() as threads:
        starts = [threads.submit(lambda: valkey.start(directory)) for _ in range(4)]
        addresses = [start.result() for start in starts]

    assert addresses == [valkey.url(directory)] * 4


def test_stop_of_a_server_that_never_ran_does_nothing(directory):
    valkey.stop(directory)

    assert not directory.exists()
