"""Calls to a channel over HTTP: timeouts, retries, and failures in the connectors' words."""

from __future__ import annotations

import json
import ssl
import weakref
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

import httpx2
import stamina

from channels.connectors.base import ChannelRefused, ChannelUnauthorized, ChannelUnavailable

ATTEMPTS = 4
# All attempts of one call and the waits between them stay below the leases of cursor and outbox.
SECONDS_PER_CALL = 60
SECONDS_TO_ANSWER = 15
LONGEST_WAIT_SECONDS = 30
EXCERPT = 200


class ChannelLacksIt(ChannelRefused):
    """The channel has no such thing."""


class _TryLater(Exception):
    """The channel asked to wait, for so many seconds when it said how long."""

    def __init__(self, message: str, wait_seconds: float | None) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds


@cache
def _trusted_authorities() -> ssl.SSLContext:
    """Read the certificate authorities once: it takes longer than most calls."""
    return ssl.create_default_context()


def _wait_before_retry(error: Exception) -> bool | float:
    """Tell stamina whether to go on, and how long to wait when the channel has said so."""
    if isinstance(error, _TryLater):
        return True if error.wait_seconds is None else error.wait_seconds
    return isinstance(error, httpx2.TransportError)


class ChannelHttp:
    """
    One channel's address and headers.

    A call that met network trouble, a 5xx or a 429 is made again, so every call given to `request`
    must be one that has the effect of once when it arrives twice.
    """

    def __init__(
        self,
        *,
        address: str,
        headers: Mapping[str, str],
        seconds_to_answer: float = SECONDS_TO_ANSWER,
    ) -> None:
        self._client = httpx2.Client(
            base_url=address,
            headers={"Accept": "application/json", **headers},
            timeout=httpx2.Timeout(seconds_to_answer, connect=5),
            verify=_trusted_authorities(),
            follow_redirects=False,
        )
        # Connectors are made for one task and forgotten: the connections end with them.
        weakref.finalize(self, self._client.close)

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """
        Return the decoded answer, its numbers as Decimal.

        :raises ChannelUnavailable: no usable answer in all attempts; later it may work.
        :raises ChannelUnauthorized: the credentials are not accepted.
        :raises ChannelLacksIt: there is nothing of this name.
        :raises ChannelRefused: the channel said no.
        """
        try:
            return self._answer(method, path, query=query, body=body)
        except (_TryLater, httpx2.TransportError) as error:
            message = f"{method} {path}: {error or type(error).__name__}"
            raise ChannelUnavailable(message) from error

    @stamina.retry(
        on=_wait_before_retry,
        attempts=ATTEMPTS,
        timeout=SECONDS_PER_CALL,
        wait_initial=0.2,
        wait_jitter=0.2,
    )
    def _answer(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | int] | None,
        body: Mapping[str, Any] | None,
    ) -> Any:
        return _decoded(self._client.request(method, path, params=query, json=body))


def _decoded(answer: httpx2.Response) -> Any:
    status = answer.status_code
    if status == httpx2.codes.NOT_FOUND:
        raise ChannelLacksIt(f"The channel has nothing at {answer.url.path}.")
    if status in {httpx2.codes.UNAUTHORIZED, httpx2.codes.FORBIDDEN}:
        raise ChannelUnauthorized("The channel does not accept our credentials.")
    if status == httpx2.codes.TOO_MANY_REQUESTS:
        raise _TryLater("The channel asks to slow down.", _retry_after(answer))
    if status >= httpx2.codes.INTERNAL_SERVER_ERROR:
        raise _TryLater(f"The channel answered {status}.", None)
    if not answer.is_success:
        raise ChannelRefused(f"The channel answered {status}: {answer.text[:EXCERPT]}")
    try:
        return json.loads(answer.content, parse_float=Decimal, parse_constant=str)
    except ValueError as error:
        # A page of a proxy in between, with status 200: as good as no answer.
        raise _TryLater("The channel's answer is no JSON.", None) from error


def _retry_after(answer: httpx2.Response) -> float | None:
    """Return the seconds to wait; a date or nonsense is left to the usual back-off."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), LONGEST_WAIT_SECONDS) if text.isascii() and text.isdigit() else None
