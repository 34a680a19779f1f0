"""
Files where they come in: folders, zip files, saved e-mails and mailboxes, opened to the last file.

Nothing is unpacked to disk, no link out of a folder is followed, and what cannot be opened is
yielded as a refusal in its place, so that one bad file never hides the others.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from purchasing.einvoices import mail
from purchasing.einvoices.documents import UnreadableDocument
from purchasing.einvoices.safety import MEGABYTE, MOST_BYTES

MOST_CONTAINER_BYTES = 200 * MEGABYTE
MOST_FILES_OF_A_ZIP = 2_000
MOST_BYTES_OF_A_ZIP = 200 * MEGABYTE
# XML shrinks to a thirtieth, seldom to a sixtieth; bombs to a thousandth and less.
MOST_SHRUNK = 200
SHRINKS_FREELY = MEGABYTE
MOST_LEVELS = 3
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
_PACKED = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
)
_WORKBOOK = "[Content_Types].xml"
_ENCRYPTED = 0x1
_MAILDIR = ("cur", "new")
# What file systems and programs leave beside the files people mean.
_LEFT_OUT = ("__MACOSX/", "Thumbs.db", "desktop.ini")


@dataclass(frozen=True)
class Found:
    """
    A file that came in, or why it could not be got at: exactly one of content and refusal is set.

    name: of the file itself. origin: where it lay: the folder or zip, or sender and subject of the
    e-mail, outermost first.
    """

    name: str
    origin: str
    content: bytes | None = None
    refusal: UnreadableDocument | None = None

    @property
    def path(self) -> str:
        """The whole way to it."""
        return _within(self.origin, self.name)


def found_in(path: Path, *, origin: str = "") -> Iterator[Found]:
    """
    Yield what a path holds, in the order of names: a file, a folder, a Maildir, an mbox, a zip.

    Hidden files are passed over. A container within a container is opened, three deep at most.
    """
    try:
        if path.is_dir():
            yield from _in_folder(path, origin)
        elif path.is_file():
            yield from _in_file(path, origin)
        else:
            yield _refused(path.name, origin, "NOT_FOUND", "There is no such file.")
    except OSError as fault:
        yield _refused(path.name, origin, "NOT_READ", f"It cannot be read: {fault.strerror}.")


def found_in_bytes(content: bytes, *, name: str, origin: str = "") -> Iterator[Found]:
    """Yield the file itself, or what it holds when it is a zip, an e-mail or a mailbox."""
    yield from _Opening().any(content, name, origin, level=0)


def _in_folder(folder: Path, origin: str) -> Iterator[Found]:
    within = folder.resolve()
    for path in _files_of(folder):
        inner = path.relative_to(folder).parent.as_posix()
        where = "/".join(part for part in (origin or folder.name, inner) if part and part != ".")
        if path.is_symlink() and not path.resolve().is_relative_to(within):
            yield _refused(path.name, where, "LINK", "It is a link to a file outside the folder.")
        elif path.parent.name in _MAILDIR and (path.parent.parent / "tmp").is_dir():
            yield from _in_file(path, where, is_mail=True)
        else:
            yield from _in_file(path, where)


def _files_of(folder: Path) -> list[Path]:
    """Return the files of a folder and its folders, none hidden, in the order of names."""
    files = []
    for parent, folders, names in os.walk(folder, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files += [
            Path(parent, name)
            for name in names
            if not name.startswith(".") and name not in _LEFT_OUT
        ]
    return sorted(path for path in files if path.is_file())


def _in_file(path: Path, origin: str, *, is_mail: bool = False) -> Iterator[Found]:
    try:
        with path.open("rb") as file:
            head = file.read(mail.HEAD)
            size = os.fstat(file.fileno()).st_size
            file.seek(0)
            if mail.is_mailbox(head):
                for message in mail.messages_of(file):
                    yield from _Opening().mail(message, _within(origin, path.name), level=0)
                return
            is_mail = is_mail or mail.is_mail(head, path.name)
            is_container = is_mail or head.startswith(_ZIPS)
            most = MOST_CONTAINER_BYTES if is_container else MOST_BYTES
            if size > most:
                yield Found(path.name, origin, refusal=_too_large(size, most))
                return
            content = file.read()
    except OSError as fault:
        yield _refused(path.name, origin, "NOT_READ", f"It cannot be read: {fault.strerror}.")
        return
    if is_mail:
        yield from _Opening().mail(content, _within(origin, path.name), level=0)
    else:
        yield from _Opening().any(content, path.name, origin, level=0)


class _Opening:
    """Opens one file and what is in it; the budget is for all that comes out of it together."""

    def __init__(self) -> None:
        self._files_left = MOST_FILES_OF_A_ZIP
        self._bytes_left = MOST_BYTES_OF_A_ZIP

    def any(self, content: bytes, name: str, origin: str, *, level: int) -> Iterator[Found]:
        if content.startswith(_ZIPS):
            yield from self._zip(content, name, origin, level=level)
        elif mail.is_mailbox(content[: mail.HEAD]):
            for message in mail.messages_of(BytesIO(content)):
                yield from self.mail(message, _within(origin, name), level=level + 1)
        elif mail.is_mail(content[: mail.HEAD], name):
            yield from self.mail(content, _within(origin, name), level=level + 1)
        else:
            yield Found(name, origin, content)

    def mail(self, message: bytes, origin: str, *, level: int) -> Iterator[Found]:
        if level > MOST_LEVELS:
            yield _refused(
                "message", origin, "MAIL_TOO_DEEP", f"E-mails are opened {MOST_LEVELS} deep."
            )
            return
        read = mail.read_mail(message)
        # Its sender and subject tell more than the name of the file it was saved in.
        where = read.origin or origin
        if not read.attachments:
            yield _refused(
                read.subject or "message",
                where,
                "NO_ATTACHMENT",
                "The e-mail has no file attached. If the bill is its text, save it as a PDF.",
            )
        for name, content in read.attachments:
            yield from self.any(content, name, where, level=level + 1)

    def _zip(self, content: bytes, name: str, origin: str, *, level: int) -> Iterator[Found]:
        try:
            with zipfile.ZipFile(BytesIO(content)) as archive:
                entries = [
                    entry
                    for entry in archive.infolist()
                    if not entry.is_dir() and not entry.filename.startswith(_LEFT_OUT)
                ]
                if any(entry.filename == _WORKBOOK for entry in entries):
                    # A workbook or a text document is a zip as well.
                    yield Found(name, origin, content)
                    return
                if refusal := self._zip_refusal(entries, level):
                    yield Found(name, origin, refusal=refusal)
                    return
                for entry in sorted(entries, key=lambda entry: entry.filename):
                    yield from self._entry(archive, entry, _within(origin, name), level=level)
        except (*_BROKEN, ValueError):
            yield _refused(name, origin, "ZIP_BROKEN", "The zip file is damaged.")

    def _zip_refusal(self, entries: list[zipfile.ZipInfo], level: int) -> UnreadableDocument | None:
        """Return why a zip is not opened, told from its table of contents."""
        if level >= MOST_LEVELS:
            return UnreadableDocument(
                "ZIP_TOO_DEEP", f"Zip files are opened {MOST_LEVELS} deep at most."
            )
        if not entries:
            return UnreadableDocument("ZIP_EMPTY", "The zip file holds no file.")
        whole = sum(entry.file_size for entry in entries)
        if len(entries) > self._files_left or whole > self._bytes_left:
            return UnreadableDocument(
                "ZIP_TOO_LARGE",
                f"With all that is in it, the zip file has more than {MOST_FILES_OF_A_ZIP:,} files "
                f"or {MOST_BYTES_OF_A_ZIP / MEGABYTE:,.0f} MB.",
            )
        self._files_left -= len(entries)
        self._bytes_left -= whole
        return None

    def _entry(
        self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, origin: str, *, level: int
    ) -> Iterator[Found]:
        name = PurePosixPath(entry.filename.replace("\\", "/")).name or "file"
        if name.startswith("."):
            return
        content: bytes | None = None
        refusal = _entry_refusal(entry)
        if refusal is None:
            try:
                content = archive.read(entry)
            except _BROKEN:
                refusal = UnreadableDocument("ZIP_BROKEN", "It is damaged within its zip file.")
        if content is None:
            yield Found(name, origin, refusal=refusal)
        else:
            yield from self.any(content, name, origin, level=level + 1)


def _entry_refusal(entry: zipfile.ZipInfo) -> UnreadableDocument | None:
    """Return why a file is left in its zip; no more comes out of it than its size says."""
    if entry.flag_bits & _ENCRYPTED:
        return UnreadableDocument(
            "ZIP_ENCRYPTED", "It lies in a zip file with a password: unpack it first."
        )
    if entry.compress_type not in _PACKED:
        return UnreadableDocument("ZIP_BROKEN", "It is packed in a way that is not known here.")
    if entry.file_size > SHRINKS_FREELY and entry.file_size > MOST_SHRUNK * entry.compress_size:
        return UnreadableDocument(
            "ZIP_BOMB", "It is packed far smaller than any invoice can be: it was not unpacked."
        )
    return _too_large(entry.file_size, MOST_BYTES) if entry.file_size > MOST_BYTES else None


def _within(origin: str, name: str) -> str:
    return f"{origin}/{name}" if origin else name


def _refused(name: str, origin: str, code: str, message: str) -> Found:
    return Found(name, origin, refusal=UnreadableDocument(code, message))


def _too_large(size: int, most: int) -> UnreadableDocument:
    return UnreadableDocument(
        "FILE_TOO_LARGE",
        f"The file has {size / MEGABYTE:,.0f} MB; {most / MEGABYTE:,.0f} MB is the most that is "
        "read.",
    )
