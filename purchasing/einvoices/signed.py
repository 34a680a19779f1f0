"""The document inside a signed file (`.p7m`), taken out only when the signature is over it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from purchasing.einvoices.documents import UnreadableDocument

# Source: RFC 5652 (Cryptographic Message Syntax), sections 3, 5 and 11.2; X.690 for the encoding.
SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_PSS = bytes.fromhex("2a864886f70d01010a")
_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    bytes.fromhex("2b0e03021a"): hashes.SHA1(),  # noqa: S303 - what old archives are signed with
    bytes.fromhex("608648016503040201"): hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}
_SEQUENCE, _SET, _OCTETS, _OCTETS_IN_PARTS = 0x30, 0x31, 0x04, 0x24
_FIRST, _CONSTRUCTED, _LONG_TAG, _LONG_LENGTH = 0xA0, 0x20, 0x1F, 0x80
MOST_ELEMENTS, MOST_LEVELS, MOST_ENVELOPES = 100_000, 30, 3
_HEAD = 60
_ARMOR = re.compile(rb"-----(BEGIN|END) [A-Z0-9 ]+-----")


def is_signed(content: bytes) -> bool:
    """Tell a signed file, also one written in Base64, by how it begins."""
    return _decoded(content) is not None


def content_of_signed(content: bytes) -> bytes:
    """
    Return what was signed; a file signed again around a signed one is opened as well.

    The signature has to be over exactly these bytes and be made with the key of the certificate
    in the file. Whether that certificate is one to trust is not looked at: the exchange that
    delivers invoices (SdI) has done so, and who sends us a file by mail proves nothing by it.

    :raises UnreadableDocument: SIGNATURE_BROKEN, the file was damaged or changed after it was
        signed; SIGNED_WITHOUT_CONTENT, the invoice is in another file.
    """
    for _ in range(MOST_ENVELOPES):
        encoded = _decoded(content)
        if encoded is None:
            return content
        content = _opened(encoded)
    raise _broken("it is signed around a signed file too many times")


def _decoded(content: bytes) -> bytes | None:
    if content[:1] == b"\x30":
        return content if SIGNED_DATA in content[:_HEAD] else None
    head = _ARMOR.sub(b"", content[: _HEAD * 3]).lstrip()
    if not head.startswith(b"MI"):
        return None
    try:
        encoded = base64.b64decode(_ARMOR.sub(b"", content), validate=False)
    except binascii.Error:
        raise _broken("its Base64 is cut off") from None
    return encoded if SIGNED_DATA in encoded[:_HEAD] else None


def _broken(why: str) -> UnreadableDocument:
    return UnreadableDocument(
        "SIGNATURE_BROKEN",
        f"The signed file is damaged, or was changed after it was signed: {why}. Ask the supplier "
        "to send it again, or fetch the invoice from the exchange without its signature.",
    )


@dataclass(slots=True)
class _Element:
    """One element of ASN.1: its tag, the bytes it is written in, and its value or its parts."""

    tag: int
    raw: bytes
    value: bytes = b""
    parts: list[_Element] = field(default_factory=list)

    def part(self, place: int) -> _Element:
        if place >= len(self.parts):
            raise _broken("a part of it is missing")
        return self.parts[place]


class _Reader:
    """Reads BER, which may say `until the end` in place of a length, within limits."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._count = 0

    def element(self, start: int, end: int, level: int = 0) -> tuple[_Element, int]:
        """Return the element that begins at `start`, and where it ends."""
        self._count += 1
        if self._count > MOST_ELEMENTS or level > MOST_LEVELS:
            raise _broken("it has too many parts")
        tag = self._byte(start, end)
        if tag & _LONG_TAG == _LONG_TAG:
            raise _broken("it holds what no signature has")
        begin, length = self._length(start + 1, end)
        if length is None:
            if not tag & _CONSTRUCTED:
                raise _broken("a value has no length")
            parts, after = self._until_end_mark(begin, end, level)
            return _Element(tag, self._data[start:after], parts=parts), after
        after = begin + length
        if after > end:
            raise _broken("it ends too early")
        raw = self._data[start:after]
        if tag & _CONSTRUCTED:
            return _Element(tag, raw, parts=list(self._parts(begin, after, level))), after
        return _Element(tag, raw, value=self._data[begin:after]), after

    def _byte(self, place: int, end: int) -> int:
        if place >= end:
            raise _broken("it ends too early")
        return self._data[place]

    def _length(self, place: int, end: int) -> tuple[int, int | None]:
        first = self._byte(place, end)
        if first < _LONG_LENGTH:
            return place + 1, first
        size = first - _LONG_LENGTH
        if size == 0:
            return place + 1, None
        if size > 4 or place + 1 + size > end:  # noqa: PLR2004 - four bytes count to 4 GB
            raise _broken("a length in it cannot be")
        return place + 1 + size, int.from_bytes(self._data[place + 1 : place + 1 + size], "big")

    def _parts(self, start: int, end: int, level: int) -> Iterator[_Element]:
        while start < end:
            element, start = self.element(start, end, level + 1)
            yield element

    def _until_end_mark(self, start: int, end: int, level: int) -> tuple[list[_Element], int]:
        parts = []
        while self._data[start : start + 2] != b"\0\0":
            element, start = self.element(start, end, level + 1)
            parts.append(element)
        if start + 2 > end:
            raise _broken("it ends too early")
        return parts, start + 2


def _opened(encoded: bytes) -> bytes:
    outer, _ = _Reader(encoded).element(0, len(encoded))
    signed = outer.part(1).part(0)
    held = [part for part in signed.part(2).parts if part.tag == _FIRST]
    if not held:
        raise UnreadableDocument(
            "SIGNED_WITHOUT_CONTENT",
            "The file holds only a signature; the invoice it is over is in another file. Send "
            "that one, without the signature.",
        )
    content = _octets(held[0].part(0))
    certificates = [
        part.raw for part in signed.parts[3:] if part.tag == _FIRST for part in part.parts
    ]
    signers = signed.parts[-1]
    if signers.tag != _SET or not signers.parts:
        raise _broken("there is no signature in it")
    for signer in signers.parts:
        _check(signer, content, certificates)
    return content


def _octets(element: _Element) -> bytes:
    if element.tag == _OCTETS:
        return element.value
    if element.tag != _OCTETS_IN_PARTS:
        raise _broken("its content is not where it belongs")
    return b"".join(_octets(part) for part in element.parts)


def _check(signer: _Element, content: bytes, certificates: list[bytes]) -> None:
    """Check that a signature is over the content, as far as its algorithms are known."""
    algorithm = _HASHES.get(signer.part(2).part(0).value)
    if algorithm is None:
        raise _broken("it is signed in a way that is not known here")
    attributes = signer.part(3) if signer.part(3).tag == _FIRST else None
    rest = signer.parts[4:] if attributes else signer.parts[3:]
    if len(rest) < 2:  # noqa: PLR2004 - how it is signed, and the signature
        raise _broken("a part of it is missing")
    signed = content
    if attributes is not None:
        digest = hashlib.new(algorithm.name, content).digest()
        if _digest_among(attributes) != digest:
            raise _broken("its content is not what was signed")
        # Source: RFC 5652, 5.4: signed is the SET OF, though it is written with another tag.
        signed = _set_of(attributes)
    certificate = _certificate_of(signer.part(1), certificates)
    if certificate is not None:
        is_pss = rest[0].part(0).value == _PSS
        _verify(certificate, rest[1].value, signed, algorithm, is_pss=is_pss)
    elif attributes is None:
        raise _broken("the certificate it was signed with is missing")


def _digest_among(attributes: _Element) -> bytes:
    for attribute in attributes.parts:
        if attribute.part(0).value == _MESSAGE_DIGEST:
            return attribute.part(1).part(0).value
    raise _broken("the fingerprint of its content is missing")


def _set_of(attributes: _Element) -> bytes:
    body = b"".join(part.raw for part in attributes.parts)
    size = len(body)
    if size < _LONG_LENGTH:
        return bytes([_SET, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([_SET, _LONG_LENGTH + len(length)]) + length + body


def _certificate_of(signer: _Element, certificates: list[bytes]) -> x509.Certificate | None:
    """Return the certificate a signer names by its serial number, None when it is not there."""
    if signer.tag != _SEQUENCE:
        return None
    serial = int.from_bytes(signer.part(1).value, "big", signed=True)
    for raw in certificates:
        try:
            certificate = x509.load_der_x509_certificate(raw)
            if certificate.serial_number == serial:
                return certificate
        except ValueError:
            continue
    return None


def _verify(
    certificate: x509.Certificate,
    signature: bytes,
    signed: bytes,
    algorithm: hashes.HashAlgorithm,
    *,
    is_pss: bool,
) -> None:
    try:
        key = certificate.public_key()
        if isinstance(key, rsa.RSAPublicKey):
            scheme: padding.AsymmetricPadding = padding.PKCS1v15()
            if is_pss:
                scheme = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
            key.verify(signature, signed, scheme, algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
    except InvalidSignature:
        raise _broken("the signature does not fit the document") from None
    except (UnsupportedAlgorithm, ValueError):
        raise _broken("its certificate cannot be read") from None
