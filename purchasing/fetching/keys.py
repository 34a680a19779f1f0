"""The public key by which a server is known, as it is written in files of OpenSSH."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from itertools import pairwise

from purchasing.fetching.base import FetchFailed

LENGTH_BYTES = 4
FEWEST_PARTS = 2


def public_key(text: str) -> tuple[str, bytes]:
    """
    Return kind and bytes of the key in a line of known_hosts or of a .pub file.

    Source: RFC 4253, section 6.6, and RFC 4251, section 5: the bytes are parts with their length
    before each, the first of which is the kind.

    :raises FetchFailed: there is none, or it is cut off.
    """
    for kind, body in pairwise(text.split()):
        if not kind.startswith(("ssh-", "ecdsa-")):
            continue
        try:
            key = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError) as error:
            msg = "The server's public key cannot be read: it is no base64."
            raise FetchFailed(msg) from error
        parts = list(_parts(key))
        if len(parts) < FEWEST_PARTS or None in parts:
            msg = "The server's public key cannot be read: it is cut off."
            raise FetchFailed(msg)
        if parts[0] != kind.encode():
            msg = f"The server's public key cannot be read: it is not of the kind {kind}."
            raise FetchFailed(msg)
        return kind, key
    msg = (
        "The server's public key is missing: without it nobody knows whom we talk to. It looks"
        " like ssh-ed25519 AAAA..."
    )
    raise FetchFailed(msg)


def _parts(key: bytes) -> Iterator[bytes | None]:
    """Yield the parts of a key; None in place of one that is shorter than it says."""
    while key:
        ends = LENGTH_BYTES + int.from_bytes(key[:LENGTH_BYTES], "big")
        yield key[LENGTH_BYTES:ends] if len(key) >= max(ends, LENGTH_BYTES) else None
        key = key[ends:]
