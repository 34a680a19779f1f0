"""Drop folders: which files are taken, when, and where they go."""

import os
from datetime import datetime, timedelta

import pytest

from purchasing.fetching import FetchFailed, Memory, Place, fetch, folder_below
from purchasing.fetching.base import SECONDS_TO_SETTLE
from tests.factories.common import NOON

LATER = NOON + timedelta(seconds=SECONDS_TO_SETTLE)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "drop" / "potters"
    made.mkdir(parents=True)
    return made


def place(folder, **values):
    return Place(transport="FOLDER", address=folder.name, root=folder.parent, **values)


def taken(folder, memory, *, at, accept=True, **values):
    """Fetch and settle; return what was fetched, name -> bytes."""
    found = {}
    for fetched in fetch(place(folder, **values), memory, at=at):
        found[fetched.name] = fetched.path.read_bytes()
        fetched.settle(accept)
    return found


def put(folder, name, text="SKU;Cost\n", *, changed: datetime = NOON):
    file = folder / name
    file.write_text(text)
    os.utime(file, (changed.timestamp(), changed.timestamp()))
    return file


def names(folder):
    return sorted(file.name for file in folder.iterdir() if file.is_file())


def test_file_is_taken_when_it_stood_still_between_two_looks(folder):
    memory = Memory()
    put(folder, "prices.csv")

    assert taken(folder, memory, at=NOON) == {}
    assert taken(folder, memory, at=LATER) == {"prices.csv": b"SKU;Cost\n"}
    assert names(folder) == []
    assert [name.split("-", 1)[1] for name in names(folder / "done")] == ["prices.csv"]
    assert names(folder / "processing") == []
    assert memory.stored() == {}


def test_file_that_grows_is_left_alone_until_it_stands_still(folder):
    memory = Memory()
    put(folder, "prices.csv", "SKU;")
    assert taken(folder, memory, at=NOON) == {}

    put(folder, "prices.csv", "SKU;Cost\n", changed=LATER)
    assert taken(folder, memory, at=LATER) == {}

    assert list(taken(folder, memory, at=LATER + timedelta(minutes=5))) == ["prices.csv"]


def test_two_looks_right_after_each_other_prove_nothing(folder):
    memory = Memory()
    put(folder, "prices.csv")
    taken(folder, memory, at=NOON)

    assert taken(folder, memory, at=NOON + timedelta(seconds=1)) == {}
    # Counted from the first look, so that somebody who looks all the time does not hinder it.
    assert list(taken(folder, memory, at=LATER)) == ["prices.csv"]


@pytest.mark.parametrize("marker", ["prices.csv.done", "prices.csv.ok", "prices.ok"])
def test_marker_says_at_once_that_a_file_is_complete(folder, marker):
    put(folder, "prices.csv")
    put(folder, marker, "")

    assert list(taken(folder, Memory(), at=NOON)) == ["prices.csv"]
    assert names(folder) == []


def test_marker_of_an_earlier_file_says_nothing_about_a_later_one(folder):
    put(folder, "prices.csv.done", "", changed=NOON - timedelta(days=1))
    put(folder, "prices.csv")

    assert taken(folder, Memory(), at=NOON) == {}


def test_file_that_lost_its_unfinished_name_is_complete(folder):
    memory = Memory()
    unfinished = put(folder, "prices.csv.part")
    assert taken(folder, memory, at=NOON) == {}

    unfinished.rename(folder / "prices.csv")

    assert list(taken(folder, memory, at=NOON + timedelta(seconds=1))) == ["prices.csv"]


def test_what_is_not_asked_for_stays(folder):
    memory = Memory()
    for name in ("prices.csv", "PRICES-2.CSV", "stock.csv", ".hidden.csv", "prices.csv.tmp"):
        put(folder, name)
    (folder / "prices-old.csv").mkdir()

    taken(folder, memory, at=NOON, pattern="prices*.csv")
    found = taken(folder, memory, at=LATER, pattern="prices*.csv")

    assert sorted(found) == ["PRICES-2.CSV", "prices.csv"]
    assert names(folder) == [".hidden.csv", "prices.csv.tmp", "stock.csv"]


def test_refused_file_goes_to_error_and_the_same_name_may_come_again(folder):
    for second in (0, 20):
        memory, at = Memory(), NOON + timedelta(seconds=second)
        put(folder, "prices.csv", changed=at)
        put(folder, "prices.csv.ok", "", changed=at)
        taken(folder, memory, at=at, accept=False)

    assert [name.split("-", 1)[1] for name in names(folder / "error")] == ["prices.csv"] * 2
    assert names(folder / "done") == []


def test_file_of_a_worker_that_died_is_taken_up_again(folder):
    put(folder, "prices.csv")
    put(folder, "prices.csv.ok", "")
    now = datetime.now(NOON.tzinfo)
    [abandoned] = fetch(place(folder), Memory(), at=now)
    assert abandoned.path.parent.name == "processing"

    assert taken(folder, Memory(), at=now + timedelta(minutes=15)) == {}
    assert list(taken(folder, Memory(), at=now + timedelta(hours=1))) == ["prices.csv"]
    assert names(folder / "processing") == []


def test_link_to_another_file_of_this_machine_is_not_followed(folder, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    (folder / "prices.csv").symlink_to(secret)
    put(folder, "prices.csv.ok", "")

    assert taken(folder, Memory(), at=LATER) == {}
    assert secret.read_text() == "secret"


def test_folder_that_leads_elsewhere_is_refused(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "done").symlink_to(elsewhere)

    with pytest.raises(FetchFailed, match="link to elsewhere"):
        taken(folder, Memory(), at=NOON)


@pytest.mark.parametrize("address", ["../elsewhere", "/etc", ".", "", "link", "a/../../b", "a\0b"])
def test_address_outside_of_the_drop_folder_is_refused(folder, tmp_path, address):
    (tmp_path / "elsewhere").mkdir()
    (folder.parent / "link").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(FetchFailed):
        folder_below(folder.parent, address)


def test_without_a_drop_folder_the_failure_says_what_to_set():
    with pytest.raises(FetchFailed, match="SUPPLIER_DROP_DIR"):
        folder_below(None, "potters")


def test_folder_that_cannot_be_read_is_a_failure_in_words(folder):
    (folder.parent / "file").write_text("")

    with pytest.raises(FetchFailed, match="cannot be read"):
        list(fetch(Place("FOLDER", "file", root=folder.parent), Memory(), at=NOON))
