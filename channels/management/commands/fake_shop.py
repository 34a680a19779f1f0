"""Run the practice shop."""

import signal
from argparse import ArgumentParser
from pathlib import Path
from random import Random
from threading import Thread
from typing import Any

from django.core.management.base import BaseCommand

from channels.fakeshop import Shop, ShopServer


class Command(BaseCommand):
    """Serve a practice shop until it is told to stop; one line of output per sale."""

    help = "Run a small practice web shop on this machine, to connect a channel to."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8899, help="0 takes any free one.")
        parser.add_argument("--token", default="practice", help="What callers must send.")
        parser.add_argument("--currency", default="GBP")
        parser.add_argument("--state", type=Path, help="File that keeps everything over a restart.")
        parser.add_argument("--sell-every", type=float, default=0, metavar="SECONDS")
        parser.add_argument("--chance", type=int, help="Number that fixes who buys what.")

    def handle(self, *args: Any, **options: Any) -> None:
        shop = Shop(
            currency=options["currency"],
            state_path=options["state"],
            chance=Random(options["chance"]),  # noqa: S311 - made-up sales, no secrets
        )
        server = ShopServer(
            shop, token=options["token"], host=options["host"], port=options["port"]
        )
        signal.signal(signal.SIGTERM, _interrupt)
        if options["sell_every"]:
            Thread(
                target=server.sell_every, args=(options["sell_every"], self._say), daemon=True
            ).start()
        self._say(f"Practice shop at {server.address}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            server.stopped.set()
        finally:
            server.server_close()

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _interrupt(*_: Any) -> None:
    raise KeyboardInterrupt
