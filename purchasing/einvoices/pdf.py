"""The XML inside a PDF: Factur-X, ZUGFeRD, and XRechnung sent as an attachment of its picture."""

from __future__ import annotations

from glob import escape
from io import BytesIO
from typing import TYPE_CHECKING

from purchasing.einvoices.documents import Syntax, UnreadableDocument
from purchasing.einvoices.safety import refuse_too_large

if TYPE_CHECKING:
    from pypdf import PdfReader
    from pypdf.generic import EmbeddedFile

MAGIC = b"%PDF-"
# Source: Factur-X 1.0.7 and ZUGFeRD 2.3, names of the attachment; a PDF that has several carries
# the newest syntax under the first of these.
NAMES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml")


def is_pdf(content: bytes) -> bool:
    """Tell a PDF, which may have some bytes before its first line."""
    return MAGIC in content[:1024]


def xml_of(content: bytes) -> bytes:
    """
    Return the invoice that a PDF carries as XML.

    :raises UnreadableDocument: PDF_BROKEN, PDF_ENCRYPTED, PDF_WITHOUT_DATA, FILE_TOO_LARGE.
    """
    # Half a second, which a process that meets no PDF need not wait for.
    from facturx import get_xml_from_pdf  # noqa: PLC0415
    from pypdf import PdfReader  # noqa: PLC0415

    try:
        reader = PdfReader(BytesIO(content))
        refuse_encrypted(reader)
        name, attached = _attachment(reader)
        # The schematron of this library asks a server on this machine and, when none answers,
        # calls every document valid: official_rules does that instead.
        _, xml = get_xml_from_pdf(
            content, check_xsd=False, check_schematron=False, filenames=[escape(name)]
        )
        # It passes over what is no invoice; our own reader says what that is.
        found = xml or attached.content
    except UnreadableDocument:
        raise
    except Exception as fault:  # noqa: BLE001 - pypdf stumbles over a broken file with any error
        raise UnreadableDocument(
            "PDF_BROKEN", f"The PDF is broken: {fault}.", syntax=Syntax.PAPER
        ) from None
    refuse_too_large(found)
    return found


def refuse_encrypted(reader: PdfReader) -> None:
    """:raises UnreadableDocument: PDF_ENCRYPTED, it opens with a password only."""
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableDocument(
            "PDF_ENCRYPTED",
            "The PDF opens with a password only; ask the supplier for one without.",
            syntax=Syntax.PAPER,
        )


def _attachment(reader: PdfReader) -> tuple[str, EmbeddedFile]:
    """
    Return the XML that the PDF is to be read by, with its name.

    :raises UnreadableDocument: PDF_WITHOUT_DATA.
    """
    attachments = {
        attachment.name: attachment
        for attachment in reader.attachment_list
        if attachment.name.lower().endswith(".xml")
    }
    if not attachments:
        raise UnreadableDocument(
            "PDF_WITHOUT_DATA",
            "The PDF is for people only: it carries no XML. Enter the invoice by hand.",
            syntax=Syntax.PAPER,
        )
    name = min(attachments, key=_preference)
    return name, attachments[name]


def _preference(name: str) -> tuple[int, str]:
    lowered = name.lower()
    return (NAMES.index(lowered) if lowered in NAMES else len(NAMES), lowered)
