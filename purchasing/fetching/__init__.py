"""
Suppliers' files brought in: from a drop folder, an SFTP server or a web address.

Nothing here knows a model: a `Place` says where the files are, a `Memory` what was seen there, and
each file comes as a `Fetched`, on disk, to be settled once it was handed over.
"""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime
from importlib import import_module

from purchasing.fetching.base import (
    Fetched,
    FetchFailed,
    Memory,
    Place,
    failure_in_words,
)
from purchasing.fetching.folder import folder_below
from purchasing.fetching.keys import public_key

__all__ = [
    "FetchFailed",
    "Fetched",
    "Memory",
    "Place",
    "failure_in_words",
    "fetch",
    "folder_below",
    "public_key",
]


def fetch(place: Place, memory: Memory, *, at: datetime) -> Generator[Fetched, None, None]:
    """
    Bring the files that are complete and were not brought before, one after the other.

    `memory` is changed; keep it for the next time. A file that may still be written is left there.

    :raises FetchFailed: the place cannot be reached or does not let us in; says so in words
        without secrets.
    """
    # Loaded when the first place of its kind is: the one for SFTP takes a second to load and is
    # needed by the worker that fetches alone, not by every web process.
    way = import_module(f"purchasing.fetching.{place.transport.lower()}")
    files: Generator[Fetched, None, None] = way.fetch(place, memory, at=at)
    return files
