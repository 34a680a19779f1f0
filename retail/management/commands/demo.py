"""Run the demo shop: servers, web, worker, clock and a practice shop that sells, as one program."""

import fcntl
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from channels.models import Channel
from channels.tasks import refresh_listings
from retail.demo.shop import demo_password
from retail.embedded import postgres, valkey
from retail.embedded.folders import EmbeddedServerError
from retail.management.practice import (
    OPEN_ORDERS,
    fill_shop,
    point_channel_at,
    practice_channel,
    shop_command,
)
from retail.management.supervision import Supervisor

HOST = "127.0.0.1"  # the demo's passwords are known to everybody, so nobody else may reach it
SECONDS_TO_ANSWER = 60
CELERY = [sys.executable, "-m", "celery", "--app", "retail", "--quiet"]
ENVIRONMENT = {
    "RETAIL_DEMO": "1",
    # Whoever tries the demo in a container is root there; no task runs what it was sent.
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
}


class Command(BaseCommand):
    """
    Prepare what is missing, run everything, and stop everything on Ctrl-C.

    A program that dies takes the others with it and makes the command fail.
    """

    help = "Run the demo shop: database, broker, web, worker, clock and a practice shop."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="Where the back office answers.")
        parser.add_argument(
            "--shop-port",
            type=int,
            help="Where the practice shop answers; by default the port after the first one.",
        )

    def handle(self, *args: Any, port: int, shop_port: int | None, **options: Any) -> None:
        if not settings.RETAIL_DEMO:
            raise CommandError("This is no demo: set RETAIL_DEMO=1, or use make demo.")
        # Until the programs run, being asked to stop means the same as Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with _only_demo_of_the_folder():
                shop_port = shop_port or port + 1
                _refuse_taken_port(port, remedy=f"make demo PORT={port + 10}")
                _refuse_taken_port(shop_port, remedy=f"make demo PORT={port + 10}")
                with _servers():
                    self._prepare()
                    self._run(port, shop_port)
        except EmbeddedServerError as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            self.stdout.write("Stopped before the shop was open.")
            sys.exit(130)
        self.stdout.write("Stopped. The data stays for next time; make demo-reset removes it.")

    def _prepare(self) -> None:
        """Bring the database up to date; fill it when it is new."""
        self.stdout.write("Preparing the database ...")
        call_command("migrate", verbosity=0, interactive=False)
        loaded = settings.DEMO_DIR / "loaded"
        if not Channel.objects.exists():
            call_command("load_demo")
            loaded.touch()
        elif not loaded.exists():
            self.stdout.write(
                "The database holds records of its own, or loading the demo shop was interrupted: "
                "nothing is loaded. make demo-reset starts afresh."
            )
        call_command("setup_schedule", verbosity=0)
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # empty: files come from the apps

    def _run(self, port: int, shop_port: int) -> None:
        """Run the programs until one ends by itself or somebody asks to stop."""
        supervisor = Supervisor(sys.stdout)
        supervisor.listen_for_signals()
        try:
            self._open_practice_shop(supervisor, shop_port)
            for name, command in _programs(port).items():
                supervisor.start(name, command, ENVIRONMENT)
            if _answers(f"http://{HOST}:{port}/health/", supervisor):
                self._greet(port)
            connection.close()
            dead = supervisor.wait()
            self.stdout.write("Stopping ...")
        finally:
            supervisor.stop()
        if dead:
            code = dead.program.returncode
            raise CommandError(f"{dead.name} ended by itself (code {code}); all were stopped.")

    def _open_practice_shop(self, supervisor: Supervisor, port: int) -> None:
        """Start the shop of the practice channel; on its first day, fill it."""
        channel = practice_channel()
        if channel is None:
            return
        state = settings.DEMO_DIR / "practice-shop.json"
        is_first_day = not state.exists()
        point_channel_at(channel, address=f"http://{HOST}:{port}")
        supervisor.start("shop", shop_command(channel, state=state), ENVIRONMENT)
        if is_first_day and _answers(channel.address, supervisor):
            open_orders = settings.DEMO_DIR / OPEN_ORDERS
            fill_shop(channel, open_orders=open_orders, at=timezone.now())
            refresh_listings.delay()

    def _greet(self, port: int) -> None:
        """Say where the shop is and who can sign in, one person for each role."""
        lines = ["", f"  The back office is open: http://{HOST}:{port}/", ""]
        people = get_user_model().objects.filter(is_active=True).order_by("pk")
        owner = people.filter(is_superuser=True).first()
        signers = [("Everything", owner)] if owner else []
        signers += [
            (group.name, person)
            for group in Group.objects.order_by("name")
            if (person := people.filter(groups=group).first())
        ]
        lines += [f"    {role:<14} {person.get_username()}" for role, person in signers]
        lines += [
            "",
            f"  Password of them all: {demo_password(settings.DEMO_DIR)}",
            "  Ctrl-C stops the demo.",
            "",
        ]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _programs(port: int) -> dict[str, list[str]]:
    """Return each program's name and command, in the order of starting."""
    return {
        "web": [
            *(sys.executable, "-m", "gunicorn", "retail.wsgi:application"),
            *("--bind", f"{HOST}:{port}", "--workers", "2", "--log-level", "warning"),
        ],
        "worker": [
            *(*CELERY, "worker", "--concurrency", "2", "--loglevel", "INFO"),
            *("--without-mingle", "--without-gossip"),  # there is no other worker to talk to
        ],
        "beat": [*CELERY, "beat", "--pidfile", "", "--loglevel", "WARNING"],
    }


@contextmanager
def _only_demo_of_the_folder() -> Iterator[None]:
    """Hold the folder, so that two demos do not sell from the same shelves."""
    settings.DEMO_DIR.mkdir(parents=True, exist_ok=True)
    with (settings.DEMO_DIR / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CommandError(f"A demo runs in {settings.DEMO_DIR} already.") from error
        yield


@contextmanager
def _servers() -> Iterator[None]:
    """Run the database server and the broker, unless the environment names others."""
    folders = []
    try:
        if "DATABASE_URL" not in os.environ:
            folders.append((postgres, settings.DEMO_DIR / "postgres"))
            postgres.start(settings.DEMO_DIR / "postgres")
        if "CELERY_BROKER_URL" not in os.environ:
            folders.append((valkey, settings.DEMO_DIR / "valkey"))
            valkey.start(settings.DEMO_DIR / "valkey")
        yield
    finally:
        connection.close()
        for server, folder in reversed(folders):
            server.stop(folder)


def _refuse_taken_port(port: int, *, remedy: str) -> None:
    with socket.socket() as listener:
        # As gunicorn does: a port that a stopped demo has just left counts as free.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError as error:
            message = f"Port {port} is taken by another program. Choose another: {remedy}"
            raise CommandError(message) from error


def _answers(address: str, supervisor: Supervisor) -> bool:
    """
    Wait until a server answers, be it with an error.

    False when a program died or somebody asked to stop meanwhile, or when it took too long.
    """
    deadline = time.monotonic() + SECONDS_TO_ANSWER
    while time.monotonic() < deadline:
        if supervisor.was_asked_to_stop or supervisor.first_dead():
            return False
        try:
            with urllib.request.urlopen(address, timeout=5):  # noqa: S310 (our own http address)
                return True
        except urllib.error.HTTPError:
            return True
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    return False
