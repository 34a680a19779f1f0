"""XML from strangers: parsed without entities, without the network, and within limits."""

from __future__ import annotations

from typing import TypeAlias

from lxml import etree

from purchasing.einvoices.documents import Syntax, UnreadableDocument

MEGABYTE = 1024 * 1024
MOST_BYTES = 20 * MEGABYTE
# The deepest of the syntaxes read here nests 15 elements.
MOST_LEVELS = 60

Root: TypeAlias = etree._Element  # noqa: SLF001 - lxml has no public name for the type of an element


def refuse_too_large(content: bytes, *, most_bytes: int = MOST_BYTES) -> None:
    """:raises UnreadableDocument: FILE_TOO_LARGE; only the length is looked at."""
    if len(content) > most_bytes:
        raise UnreadableDocument(
            "FILE_TOO_LARGE",
            f"The file has {len(content) / MEGABYTE:,.0f} MB; "
            f"{most_bytes / MEGABYTE:,.0f} MB is the most that is read.",
        )


def parse_xml(content: bytes, *, syntax: Syntax = Syntax.UNKNOWN) -> Root:
    """
    Return the root of a document that declares no type and no entities.

    Nothing is fetched and nothing expanded. A document type declaration is refused even where it
    does no harm: no syntax of invoices has one, and every known attack needs one.

    :raises UnreadableDocument: FILE_TOO_LARGE, XML_ENTITIES, XML_TOO_DEEP, XML_BROKEN.
    """
    refuse_too_large(content)
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,  # a comment inside a value would cut it in two
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content.lstrip(), parser)
    except etree.XMLSyntaxError as fault:
        raise _refusal(fault, content, syntax) from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise _entities(syntax)
    if root.xpath(f"boolean({'/*' * (MOST_LEVELS + 1)})"):
        raise _too_deep(syntax)
    return root


def _refusal(fault: etree.XMLSyntaxError, content: bytes, syntax: Syntax) -> UnreadableDocument:
    words = fault.msg or "nothing that can be read"
    # Without its zeros a text in UTF-16 looks like one in ASCII.
    if b"<!DOCTYPE" in content.replace(b"\x00", b""):
        return _entities(syntax)
    if "Excessive depth" in words:
        return _too_deep(syntax)
    if "huge text" in words.lower() or "too long" in words.lower():
        return UnreadableDocument(
            "FILE_TOO_LARGE", "One value of the XML has more than 10 MB.", syntax=syntax
        )
    return UnreadableDocument("XML_BROKEN", f"The XML is broken: {words}.", syntax=syntax)


def _entities(syntax: Syntax) -> UnreadableDocument:
    return UnreadableDocument(
        "XML_ENTITIES",
        "The XML declares a document type or entities, which no invoice needs and attacks use. "
        "It was not read.",
        syntax=syntax,
    )


def _too_deep(syntax: Syntax) -> UnreadableDocument:
    return UnreadableDocument(
        "XML_TOO_DEEP",
        f"The XML nests more than {MOST_LEVELS} elements; no invoice does.",
        syntax=syntax,
    )
