"""The embedded PostgreSQL server, with folders of its own."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from retail.embedded import postgres
from retail.embedded.folders import EmbeddedServerError, socket_folder


@pytest.fixture
def directory():
    # Not tmp_path: pytest closes its folders to the account that the server runs as.
    with tempfile.TemporaryDirectory(prefix="retail-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "postgres"
        postgres.remove(Path(folder) / "postgres")


def _ask(url, question):
    with psycopg.connect(url) as connection:
        return connection.execute(question).fetchone()[0]


def test_url_is_known_before_the_server_was_ever_started(directory):
    address = postgres.url(directory)

    assert address == f"postgresql://postgres@/retail?host={socket_folder(directory)}"
    assert not directory.exists()


def test_start_gives_a_server_with_the_extensions_the_product_needs(directory):
    address = postgres.start(directory, durable=False)

    assert address == postgres.url(directory)
    available = (
        "SELECT count(*) FROM pg_available_extensions WHERE name IN ('pg_trgm', 'btree_gist')"
    )
    assert _ask(address, available) == 2
    assert _ask(address, "SHOW listen_addresses") == ""


def test_start_of_a_running_server_leaves_it_running(directory):
    address = postgres.start(directory, durable=False)
    started_at = _ask(address, "SELECT pg_postmaster_start_time()")

    postgres.start(directory, durable=False)

    assert _ask(address, "SELECT pg_postmaster_start_time()") == started_at


def test_start_after_stop_finds_the_rows_again(directory):
    address = postgres.start(directory, durable=False)
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")

    postgres.stop(directory)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(address)
    postgres.start(directory, durable=False)

    assert _ask(address, "SELECT number FROM kept") == 7


def test_stop_of_a_server_that_never_ran_does_nothing(directory):
    postgres.stop(directory)

    assert not directory.exists()


def test_start_by_several_at_once_makes_one_server(directory):
    with ThreadPoolExecutor() as threads:
        starts = [
            threads.submit(lambda: postgres.start(directory, durable=False)) for _ in range(4)
        ]
        addresses = [start.result() for start in starts]

    assert addresses == [postgres.url(directory)] * 4
    assert _ask(addresses[0], "SELECT 1") == 1


def test_start_after_the_folder_was_deleted_by_hand_makes_a_new_server(directory):
    address = postgres.start(directory, durable=False)
    with psycopg.connect(address) as connection:
        connection.execute("CREATE TABLE gone AS SELECT 1")
    kept = (directory / "data").resolve()
    (directory / "data").rename(directory / "moved away")

    postgres.start(directory, durable=False)

    assert kept.exists()
    assert _ask(address, "SELECT to_regclass('gone')") is None


def test_start_refuses_files_of_another_major_version(directory):
    postgres.start(directory, durable=False)
    postgres.stop(directory)
    version = directory / "data" / "PG_VERSION"
    version.write_text("9\n")

    with pytest.raises(EmbeddedServerError, match="was written by PostgreSQL 9"):
        postgres.start(directory, durable=False)

    assert version.read_text() == "9\n"


def test_start_without_binaries_says_what_to_do(directory, monkeypatch):
    monkeypatch.setenv("PG_BIN", str(directory / "nowhere"))

    with pytest.raises(EmbeddedServerError, match="set DATABASE_URL"):
        postgres.start(directory)


def test_remove_leaves_nothing_behind(directory):
    postgres.start(directory, durable=False)

    postgres.remove(directory)

    assert not directory.exists()
    assert not socket_folder(directory).exists()
