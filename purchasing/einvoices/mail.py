"""E-mails as they were saved or fetched: their sender, subject and attached files."""

from __future__ import annotations

import email
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32
from email.utils import parseaddr
from pathlib import PureWindowsPath
from typing import BinaryIO

from purchasing.einvoices.documents import UnreadableDocument
from purchasing.einvoices.safety import MEGABYTE
from purchasing.einvoices.signed import content_of_signed, is_signed
from purchasing.einvoices.values import text_of

HEAD = 2048
MOST_ATTACHMENTS = 500
MOST_BYTES_OF_A_MESSAGE = 100 * MEGABYTE
LONGEST_NAME, LONGEST_SUBJECT, LONGEST_SENDER = 200, 150, 120
_HEADER = re.compile(
    rb"\A(?:[A-Za-z][A-Za-z0-9-]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*\r?\n){2,}", re.MULTILINE
)
_OF_MAIL = re.compile(
    rb"^(Received|Return-Path|Message-ID|MIME-Version|From|Delivered-To):",
    re.IGNORECASE | re.MULTILINE,
)
_POSTMARK = re.compile(rb"\AFrom \S+ .*\d{4}", re.MULTILINE)
_ESCAPED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
# What mail programs add; never a bill.
_SIGNATURES = frozenset(
    {"application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature"}
)
_TEXTS = frozenset({"text/plain", "text/html", "text/calendar"})
_ENDINGS = {
    "application/pdf": ".pdf",
    "application/xml": ".xml",
    "text/xml": ".xml",
    "text/csv": ".csv",
    "application/zip": ".zip",
}


@dataclass(frozen=True)
class Mail:
    """An e-mail's files, names with content, and who sent it about what."""

    sender: str
    subject: str
    attachments: tuple[tuple[str, bytes], ...]

    @property
    def origin(self) -> str:
        return ": ".join(part for part in (self.sender, self.subject) if part)


def is_mail(head: bytes, name: str) -> bool:
    """Tell a saved e-mail by its name or by the headers it begins with."""
    if name.lower().endswith(".eml"):
        return True
    found = _HEADER.match(head)
    return found is not None and len(_OF_MAIL.findall(found[0])) > 1


def is_mailbox(head: bytes) -> bool:
    """Tell an mbox by the line that stands before each message."""
    return _POSTMARK.match(head) is not None


def messages_of(mailbox: BinaryIO) -> Iterator[bytes]:
    """
    Yield the messages of an mbox one after the other.

    Source: RFC 4155; a line `From ` within a message is written `>From `. A message that is larger
    than any with bills is passed over to its end and yielded cut, so that it is seen.
    """
    parts: list[bytes] = []
    size = 0
    after_blank = True
    for line in mailbox:
        if after_blank and line.startswith(b"From "):
            if parts:
                yield _unescaped(parts)
            parts, size = [], 0
        elif size <= MOST_BYTES_OF_A_MESSAGE:
            parts.append(line)
            size += len(line)
        after_blank = not line.strip()
    if parts:
        yield _unescaped(parts)


def _unescaped(lines: list[bytes]) -> bytes:
    return _ESCAPED_FROM.sub(rb"\1", b"".join(lines))


def read_mail(content: bytes) -> Mail:
    """
    Return the files of an e-mail, also of one that is forwarded within it.

    Signatures and the text itself are no files; the parts of an opaque signed e-mail are.
    """
    message = email.message_from_bytes(content, policy=compat32)
    name, address = parseaddr(_header(message, "From"))
    sender = text_of(address or name)[:LONGEST_SENDER]
    attachments: list[tuple[str, bytes]] = []
    for part in _parts(message):
        if len(attachments) >= MOST_ATTACHMENTS:
            break
        if found := _attachment(part, len(attachments) + 1):
            attachments.append(found)
    return Mail(
        sender=sender,
        subject=text_of(_header(message, "Subject"))[:LONGEST_SUBJECT],
        attachments=tuple(attachments),
    )


def _parts(message: Message) -> Iterator[Message]:
    """Yield the parts that hold something, those within a signed envelope too."""
    for part in message.walk():
        if part.is_multipart():
            continue
        if part.get_content_type().endswith("pkcs7-mime"):
            content = _payload(part)
            if is_signed(content) and (inner := _signed_mail(content)) is not None:
                yield from inner.walk()
                continue
        yield part


def _signed_mail(content: bytes) -> Message | None:
    """Return the e-mail inside an opaque signature; None when a file is signed, not an e-mail."""
    try:
        inner = content_of_signed(content)
    except UnreadableDocument:
        return None
    if not inner.lstrip().lower().startswith(b"content-"):
        return None
    return email.message_from_bytes(inner, policy=compat32)


def _attachment(part: Message, place: int) -> tuple[str, bytes] | None:
    kind = part.get_content_type()
    if kind in _SIGNATURES or part.is_multipart():
        return None
    name = _filename(part)
    if not name and (kind in _TEXTS or kind.startswith("image/")):
        return None
    if kind.startswith("image/") and part.get("Content-ID"):
        # A logo in the text.
        return None
    content = _payload(part)
    if not content.strip():
        return None
    return name or f"attachment {place}{_ENDINGS.get(kind, '')}", content


def _payload(part: Message) -> bytes:
    try:
        content = part.get_payload(decode=True)
    except (ValueError, LookupError):
        return b""
    return content if isinstance(content, bytes) else b""


def _filename(part: Message) -> str:
    try:
        raw = part.get_filename() or ""
    except (ValueError, LookupError, TypeError):
        return ""
    name = PureWindowsPath(_decoded(str(raw)).replace("/", "\\")).name
    return text_of(name)[-LONGEST_NAME:]


def _header(message: Message, name: str) -> str:
    return _decoded(str(message.get(name) or ""))


def _decoded(text: str) -> str:
    """Return a header in words; as it stands where it is written in a way nobody knows."""
    try:
        words = str(make_header(decode_header(text)))
    except (ValueError, LookupError, HeaderParseError):
        words = text
    return words.encode("utf-8", "replace").decode("utf-8")
