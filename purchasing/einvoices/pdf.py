"""The XML inside a PDF: Factur-X, ZUGFeRD, and XRechnung sent as an attachment of its picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from glob import escape
from io import BytesIO
from typing import TYPE_CHECKING, Any

from lxml import etree

from purchasing.einvoices.documents import RuleBreak, Syntax, UnreadableDocument
from purchasing.einvoices.safety import parse_xml, refuse_too_large
from purchasing.einvoices.values import shortened

if TYPE_CHECKING:
    from pypdf import PdfReader
    from pypdf.generic import EmbeddedFile

MAGIC = b"%PDF-"
# Source: Factur-X 1.09 and ZUGFeRD 2.3, names of the attachment; of several the first of these is
# in the newest syntax.
NAMES = ("factur-x.xml", "xrechnung.xml", "zugferd-invoice.xml")
# Source: Factur-X 1.09, fx:ConformanceLevel; COMFORT is what ZUGFeRD 1 calls EN 16931.
LEVELS = frozenset({"MINIMUM", "BASIC WL", "BASIC", "EN 16931", "COMFORT", "EXTENDED", "XRECHNUNG"})


@dataclass(frozen=True)
class Extracted:
    """The XML of a PDF, and what is odd about the PDF around it."""

    xml: bytes
    breaks: tuple[RuleBreak, ...] = ()


def is_pdf(content: bytes) -> bool:
    """Tell a PDF, which may have some bytes before its first line."""
    return MAGIC in content[:1024]


def extract(content: bytes) -> Extracted:
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
        attachments = _attachments(reader)
        name = min(attachments, key=_preference)
        # The schematron of this library asks a server on this machine and, when none answers,
        # calls every document valid: official_rules does that instead.
        _, xml = get_xml_from_pdf(
            content, check_xsd=False, check_schematron=False, filenames=[escape(name)]
        )
        # It passes over what is no invoice; our own reader says what that is.
        found = xml or attachments[name].content
        breaks = (*_several(attachments, name), *_description(reader))
    except UnreadableDocument:
        raise
    except Exception as fault:  # noqa: BLE001 - pypdf stumbles over a broken file with any error
        raise UnreadableDocument(
            "PDF_BROKEN", f"The PDF is broken: {str(fault)[:200]}.", syntax=Syntax.PAPER
        ) from None
    refuse_too_large(found)
    return Extracted(found, breaks)


def refuse_encrypted(reader: PdfReader) -> None:
    """:raises UnreadableDocument: PDF_ENCRYPTED, it opens with a password only."""
    if reader.is_encrypted and not reader.decrypt(""):
        raise UnreadableDocument(
            "PDF_ENCRYPTED",
            "The PDF opens with a password only; ask the supplier for one without.",
            syntax=Syntax.PAPER,
        )


def _attachments(reader: PdfReader) -> dict[str, EmbeddedFile]:
    """
    Return the XML files in the PDF by name.

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
    return attachments


def _preference(name: str) -> tuple[int, str]:
    lowered = name.lower()
    return (NAMES.index(lowered) if lowered in NAMES else len(NAMES), lowered)


def _several(attachments: dict[str, EmbeddedFile], read: str) -> Iterator[RuleBreak]:
    invoices = [name for name in attachments if name.lower() in NAMES]
    if len(invoices) > 1:
        yield RuleBreak(
            rule="PDF-SEVERAL-INVOICES",
            message=f"The PDF carries {' and '.join(invoices)}; {read} was read.",
            is_fatal=False,
        )


def _description(reader: PdfReader) -> Iterator[RuleBreak]:
    """Yield a break when the PDF does not describe itself as its profile demands (XMP)."""
    catalog: Any = reader.trailer["/Root"]
    metadata = catalog.get("/Metadata")
    levels: set[str] = set()
    if metadata is not None:
        try:
            root = parse_xml(metadata.get_object().get_data())
        except UnreadableDocument:
            root = etree.Element("nothing")
        for node in root.iter("*"):
            if etree.QName(node).localname == "ConformanceLevel":
                levels.add((node.text or "").strip())
            levels |= {value for name, value in node.items() if name.endswith("}ConformanceLevel")}
    if not levels & LEVELS:
        says = shortened(min(levels)) if levels else "nothing"
        yield RuleBreak(
            rule="PDF-XMP",
            message=f"The PDF's description of itself names no profile of Factur-X: {says}.",
            is_fatal=False,
        )
