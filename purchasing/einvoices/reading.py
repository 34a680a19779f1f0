"""Which syntax a file is in, told by what is in it, never by its name alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from lxml import etree

from purchasing.einvoices import cii, csv_invoices, fattura_pa, ksef, pdf, signed, ubl
from purchasing.einvoices.documents import (
    Parsed,
    ReadDocument,
    Syntax,
    UnreadableDocument,
    with_total_not_negative,
)
from purchasing.einvoices.limits import refuse_unstorable, with_a_tax_row_per_rate
from purchasing.einvoices.lines import with_lines
from purchasing.einvoices.rules import broken_rules
from purchasing.einvoices.safety import Root, parse_xml, refuse_too_large

# By the local name of the root; a reader refuses a namespace it does not know.
XML_READERS: dict[str, Callable[[Root], Parsed]] = {
    "CreditNote": ubl.read,
    "CrossIndustryDocument": cii.read,
    "CrossIndustryInvoice": cii.read,
    "Faktura": ksef.read,
    "FatturaElettronica": fattura_pa.read,
    "FatturaElettronicaSemplificata": fattura_pa.read,
    "Invoice": ubl.read,
}

# Documents around an invoice, so that the refusal can say what somebody dropped here.
OTHER_DOCUMENTS = {
    "ApplicationResponse": "an answer to a document (invoice or catalogue response)",
    "Catalogue": "a catalogue",
    "DespatchAdvice": "a despatch advice",
    "Order": "an order",
    "OrderCancellation": "the cancellation of an order",
    "OrderChange": "a change of an order",
    "OrderResponse": "an answer to an order",
    "OrderResponseSimple": "an answer to an order",
    "Potwierdzenie": "a receipt of KSeF (UPO)",
    "Quotation": "a quotation",
    "ReceiptAdvice": "a receipt advice",
    "RemittanceAdvice": "a remittance advice",
    "Reminder": "a reminder",
    "SCRDMCCBDACIOMessageStructure": "an Order-X order",
    "Statement": "a statement of account",
}


def read_document(content: bytes, *, filename: str) -> ReadDocument:
    """
    Read a file with invoices: XML, PDF with XML, signed XML or CSV.

    :raises UnreadableDocument: and never anything else, whatever the bytes.
    """
    refuse_too_large(content)
    if not content.strip():
        raise UnreadableDocument("UNKNOWN_SYNTAX", "The file is empty.")
    content = signed.content_of_signed(content)
    if pdf.is_pdf(content):
        return _read_pdf(content)
    if _is_edifact(content):
        raise UnreadableDocument(
            "EDIFACT",
            "The file is EDIFACT, which is not read here; ask the supplier for UBL, CII or a PDF.",
        )
    if is_xml(content):
        return document_of(read_xml(parse_xml(content)), xml=content)
    if csv_invoices.is_table(content):
        return document_of(csv_invoices.read(content, filename=filename), xml=None)
    raise UnreadableDocument(
        "UNKNOWN_SYNTAX", f"{filename[:100]} is no XML, no PDF and no table of invoices."
    )


def _read_pdf(content: bytes) -> ReadDocument:
    extracted = pdf.extract(content)
    try:
        parsed = read_xml(parse_xml(extracted.xml))
        parsed = replace(parsed, syntax=Syntax.FACTUR_X, breaks=(*extracted.breaks, *parsed.breaks))
        return document_of(parsed, xml=extracted.xml)
    except UnreadableDocument as refusal:
        raise UnreadableDocument(refusal.code, refusal.message, syntax=Syntax.FACTUR_X) from None


def read_xml(root: Root) -> Parsed:
    """
    Hand an XML document to the reader of its syntax.

    :raises UnreadableDocument: NOT_AN_INVOICE, UNKNOWN_SYNTAX, or what the reader refuses.
    """
    name = etree.QName(root).localname
    if name in XML_READERS:
        return XML_READERS[name](root)
    if name in OTHER_DOCUMENTS:
        raise UnreadableDocument(
            "NOT_AN_INVOICE", f"This is {OTHER_DOCUMENTS[name]}, not an invoice or a credit note."
        )
    raise UnreadableDocument(
        "UNKNOWN_SYNTAX", f"The XML is in no known syntax of invoices: its root is {name[:60]}."
    )


def document_of(parsed: Parsed, *, xml: bytes | None) -> ReadDocument:
    """
    Return what was read with the rules it breaks, each invoice with lines and a total not below 0.

    The rules look at it as it is printed, before anything is turned or made up.

    :raises UnreadableDocument: BAD_VALUE, MIXED_SIGNS.
    """
    invoices, breaks = [], list(parsed.breaks)
    for printed in parsed.invoices:
        invoice = with_a_tax_row_per_rate(printed)
        kept = with_total_not_negative(with_lines(invoice))
        refuse_unstorable(kept, parsed.syntax)
        invoices.append(kept)
        breaks += broken_rules(invoice, parsed.syntax)
    return ReadDocument(
        syntax=Syntax(parsed.syntax),
        profile=parsed.profile,
        invoices=tuple(invoices),
        breaks=tuple(breaks),
        xml=xml,
    )


def is_xml(content: bytes) -> bool:
    head = content[:200].replace(b"\x00", b"").removeprefix(b"\xef\xbb\xbf")
    return head.lstrip(b"\xff\xfe \t\r\n").startswith(b"<")


def _is_edifact(content: bytes) -> bool:
    return content.lstrip()[:4] in {b"UNA:", b"UNB+"}
