"""What every way of fetching has in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

FILES_PER_POLL = 100
MOST_BYTES = 256 * 1024 * 1024
CHUNK = 256 * 1024
SECONDS_TO_CONNECT = 20
SECONDS_TO_ANSWER = 60
# All of one file, however slowly it trickles in; below the time limit of a task.
SECONDS_PER_FILE = 300
# A size that stood still for less than that says nothing about a file being complete.
SECONDS_TO_SETTLE = 10

# How programs call a file that they are still writing, and how suppliers say that one is complete.
UNFINISHED = (".part", ".tmp", ".filepart", ".crdownload")
MARKERS = (".done", ".ok")


class FetchFailed(Exception):
    """
    Files cannot be fetched; the message is for the person who set it up.

    It never holds a password, a key, or the part of an address that may hold one.
    """


@dataclass(frozen=True)
class Place:
    """
    Where a supplier's files are, and who we are there.

    transport: FOLDER, SFTP or HTTPS. root: the drop folder that `address` is below, for FOLDER.
    own_hosts: names and addresses in our own network that HTTPS may ask all the same.
    """

    transport: str
    address: str
    pattern: str = "*"
    username: str = ""
    secret: str = field(default="", repr=False)
    host_key: str = ""
    root: Path | None = None
    own_hosts: Collection[str] = ()

    def takes(self, name: str) -> bool:
        """Tell whether a file of this name is one of those we are to fetch."""
        is_ours = fnmatchcase(name.lower(), (self.pattern or "*").lower())
        ending = name.lower().endswith((*UNFINISHED, *MARKERS))
        return is_ours and not ending and not name.startswith((".", "~")) and _is_plain(name)


@dataclass(frozen=True)
class Fetched:
    """
    A complete file: what it is called, and where it lies until it is settled.

    settle(is_accepted) is called once it was handed over.
    """

    name: str
    path: Path
    settle: Callable[[bool], None]


@dataclass
class Memory:
    """
    What was seen at a place, in plain values to be stored.

    waiting: file name -> size, moment of change and moment we saw it first so, for files that may
    still be written. taken: file name -> size and moment of change, for files that stay where they
    are. answer: what a web server said about the file it gave last.
    """

    waiting: dict[str, list[Any]] = field(default_factory=dict)
    taken: dict[str, list[Any]] = field(default_factory=dict)
    answer: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Memory:
        return cls(**{name: stored.get(name, {}) for name in ("waiting", "taken", "answer")})

    def stored(self) -> dict[str, Any]:
        """Return it in plain values, what is empty left out."""
        return {name: value for name, value in vars(self).items() if value}


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as a listing shows it: its size in bytes and when it was last changed."""

    name: str
    size: int
    changed: float


def complete(
    listed: Collection[Seen], names: Mapping[str, float], memory: Memory, *, at: datetime
) -> list[Seen]:
    """
    Return the listed files that nobody writes any more, and remember the others.

    A file is complete when a marker of its name (prices.csv.done, prices.ok) lies there that is not
    older, when it was listed as prices.csv.part before, or when size and moment of change are as
    they were at the last look.
    names: everything that lies there and when it was changed, markers and unfinished files too.
    """
    before, memory.waiting = memory.waiting, {}
    ready = []
    for seen in sorted(listed, key=lambda one: (one.changed, one.name)):
        told = before.get(seen.name, [])
        is_still = told[:2] == [seen.size, seen.changed]
        if (
            marker_of(seen, names)
            or any(f"{seen.name}{ending}" in before for ending in UNFINISHED)
            or (is_still and at.timestamp() - told[2] >= SECONDS_TO_SETTLE)
        ):
            ready.append(seen)
        else:
            since = told[2] if is_still else at.timestamp()
            memory.waiting[seen.name] = [seen.size, seen.changed, since]
    for name in names:
        if name.lower().endswith(UNFINISHED) and _is_plain(name):
            memory.waiting[name] = []
    return ready[:FILES_PER_POLL]


def marker_of(seen: Seen, names: Mapping[str, float]) -> str | None:
    """Return the marker that says that a file is complete, if it lies there and is not older."""
    stem = seen.name.rsplit(".", 1)[0]
    wanted = (f"{base}{ending}" for base in (seen.name, stem) for ending in MARKERS)
    return next((one for one in wanted if names.get(one, -1) >= seen.changed), None)


def _is_plain(name: str) -> bool:
    """Tell whether a name can be stored: no control characters, no bytes that are no text."""
    return name.isprintable() and "/" not in name


def failure_in_words(error: BaseException) -> str:
    """
    Return what went wrong in the words of the operating system or the other side.

    User and password before a host, and what follows a question mark, are left out.
    """
    words = str(getattr(error, "strerror", None) or error) or type(error).__name__
    words = re.sub(r"//[^/@\s]*@", "//", words)
    return re.sub(r"\?\S*", "", words)[:300]
