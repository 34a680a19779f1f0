"""Several programs run as one: started together, heard together, stopped together."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import IO, TextIO

SECONDS_TO_STOP = 20
SECONDS_BETWEEN_LOOKS = 0.3


@dataclass(frozen=True)
class Child:
    """A program that runs, and the thread that prints what it says."""

    name: str
    program: subprocess.Popen[str]
    printer: threading.Thread


class Supervisor:
    """
    Runs programs until one of them ends or somebody asks to stop, then stops them all.

    Each program's lines are printed behind its name. They are asked to stop first and killed,
    with everything they started, when they have not done so in time or on a second Ctrl-C.
    """

    def __init__(self, output: TextIO) -> None:
        self._output = output
        self._children: list[Child] = []
        self._asked = threading.Event()
        self._hurried = threading.Event()

    def listen_for_signals(self) -> None:
        """Take Ctrl-C and SIGTERM as the request to stop; only the main thread may call this."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    @property
    def was_asked_to_stop(self) -> bool:
        return self._asked.is_set()

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start one program; its standard output and error both become lines of ours."""
        program = subprocess.Popen(
            command,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C goes to us alone, so that the order of stopping is ours to decide.
            start_new_session=True,
        )
        printer = threading.Thread(
            target=self._print_lines, args=(name, program.stdout), daemon=True
        )
        printer.start()
        self._children.append(Child(name, program, printer))

    def wait(self) -> Child | None:
        """Wait until a program ends by itself and return it, or None when asked to stop."""
        while not self._asked.wait(SECONDS_BETWEEN_LOOKS):
            if dead := self.first_dead():
                return dead
        return None

    def first_dead(self) -> Child | None:
        """Return the first program that is not running any more."""
        return next((c for c in self._children if c.program.poll() is not None), None)

    def stop(self) -> None:
        """End every program, the last started first."""
        for child in reversed(self._children):
            if child.program.poll() is None:
                child.program.terminate()
        deadline = time.monotonic() + SECONDS_TO_STOP
        while time.monotonic() < deadline and not self._hurried.is_set():
            if all(child.program.poll() is not None for child in self._children):
                break
            time.sleep(0.1)
        for child in self._children:
            _kill_session(child.program)
            child.program.wait()
            child.printer.join(timeout=1)
        self._children.clear()

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            self._hurried.set()
        self._asked.set()

    def _print_lines(self, name: str, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self._output.write(f"{name:>6} | {line.rstrip()}\n")
                self._output.flush()


def _kill_session(program: subprocess.Popen[str]) -> None:
    """Kill what is left of the program and of the processes it started."""
    try:
        os.killpg(program.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    except PermissionError:
        # macOS says so for a group whose members are all dead already.
        if sys.platform != "darwin":
            raise
