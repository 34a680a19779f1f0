"""What both embedded servers need on disk: a lock, a place for the socket, an account to run as."""

import fcntl
import hashlib
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Fixed, not TMPDIR: two shells with different TMPDIR must find the same server. A socket path may
# have 107 characters at most, so it cannot lie in the project's own folder.
SOCKET_ROOT = Path("/tmp")  # noqa: S108 (each folder below is private and its owner is checked)


class EmbeddedServerError(RuntimeError):
    """The embedded server cannot run; the message says what to do about it."""


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Let one process at a time set up, start or stop the server of this folder."""
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def socket_folder(directory: Path) -> Path:
    """Return the folder of the server's socket, the same for every process that asks."""
    digest = hashlib.sha256(os.fsencode(directory.resolve())).hexdigest()
    return SOCKET_ROOT / f"retail-{digest[:16]}"


def make_socket_folder(directory: Path, account: pwd.struct_passwd | None) -> Path:
    """
    Create the socket's folder, readable by the server's account alone.

    :raises EmbeddedServerError: when somebody else made a folder of that name.
    """
    folder = socket_folder(directory)
    folder.mkdir(mode=0o700, exist_ok=True)
    owner, expected = folder.lstat(), account.pw_uid if account else os.getuid()
    if folder.is_symlink() or owner.st_uid not in {expected, os.getuid()}:
        raise EmbeddedServerError(f"{folder} belongs to another user; remove it and start again.")
    folder.chmod(0o700)
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)
    return folder
