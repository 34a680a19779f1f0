"""Files that suppliers, or other programs, put into a folder here."""

from __future__ import annotations

import stat
from collections.abc import Generator, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

from purchasing.fetching.base import (
    MOST_BYTES,
    Fetched,
    FetchFailed,
    Memory,
    Place,
    Seen,
    complete,
    failure_in_words,
    marker_of,
)

PROCESSING, DONE, ERROR = "processing", "done", "error"
# A file that lies in processing for longer was left by a worker that died: no task lasts so long.
SECONDS_TO_PROCESS = 1800
_STAMP = "%Y%m%dT%H%M%S%f"


def folder_below(root: Path | None, address: str) -> Path:
    """
    Return the folder below the drop folder that an address names.

    :raises FetchFailed: there is no drop folder, or the address leads out of it.
    """
    if root is None:
        msg = "No drop folder is set up: SUPPLIER_DROP_DIR is empty."
        raise FetchFailed(msg)
    top = root.resolve()
    try:
        folder = (top / address.strip()).resolve()
    except (OSError, ValueError) as error:
        msg = f"{address} is no folder: {failure_in_words(error)}"
        raise FetchFailed(msg) from error
    if folder == top or not folder.is_relative_to(top):
        msg = f"{address} is not a folder below the drop folder."
        raise FetchFailed(msg)
    return folder


def fetch(place: Place, memory: Memory, *, at: datetime) -> Generator[Fetched, None, None]:
    """Take complete files out of the folder; settled ones lie in its folders done or error."""
    folder = folder_below(place.root, place.address)
    try:
        for name in (PROCESSING, DONE, ERROR):
            _own_folder(folder, name)
        yield from _left_behind(folder, at=at)
        there = [seen for file in folder.iterdir() if (seen := _seen(file))]
        names = {seen.name: seen.changed for seen in there}
        listed = [seen for seen in there if place.takes(seen.name) and seen.size <= MOST_BYTES]
        for seen in complete(listed, names, memory, at=at):
            marker = marker_of(seen, names)
            taken = folder / PROCESSING / f"{at.strftime(_STAMP)}-{seen.name}"
            if not _take(folder / seen.name, taken):
                continue
            if marker is not None:
                (folder / marker).unlink(missing_ok=True)
            yield Fetched(name=seen.name, path=taken, settle=partial(_settle, folder, taken, at=at))
    except OSError as error:
        msg = f"The folder {place.address} cannot be read: {failure_in_words(error)}"
        raise FetchFailed(msg) from error


def _own_folder(folder: Path, name: str) -> None:
    """Make the folder a file is moved to; a link to elsewhere is not followed."""
    inner = folder / name
    if inner.is_symlink():
        msg = f"{inner.parent.name}/{name} is a link to elsewhere. It has to be a folder."
        raise FetchFailed(msg)
    inner.mkdir(parents=True, exist_ok=True)


def _seen(file: Path) -> Seen | None:
    try:
        facts = file.lstat()
    except FileNotFoundError:
        return None
    # Not what a link points to: whoever may write here would read any file of this machine.
    if not stat.S_ISREG(facts.st_mode):
        return None
    return Seen(name=file.name, size=facts.st_size, changed=facts.st_mtime)


def _take(file: Path, taken: Path) -> bool:
    """Move a file away for this worker alone; False when another one was quicker."""
    try:
        file.rename(taken)
    except FileNotFoundError:
        return False
    if taken.is_symlink():
        # Put in the file's place since it was looked at.
        taken.unlink()
        return False
    return True


def _left_behind(folder: Path, *, at: datetime) -> Iterator[Fetched]:
    """Yield the files whose worker died before they were settled."""
    for file in sorted((folder / PROCESSING).iterdir()):
        # Renaming a file changes this moment, not the one it was written at.
        if not file.is_symlink() and at.timestamp() - file.stat().st_ctime > SECONDS_TO_PROCESS:
            name = file.name.split("-", 1)[-1]
            yield Fetched(name=name, path=file, settle=partial(_settle, folder, file, at=at))


def _settle(folder: Path, taken: Path, is_accepted: bool, *, at: datetime) -> None:  # noqa: FBT001 - as Fetched calls it
    name = taken.name.split("-", 1)[-1]
    goal = folder / (DONE if is_accepted else ERROR) / f"{at.strftime(_STAMP)}-{name}"
    taken.rename(goal)
