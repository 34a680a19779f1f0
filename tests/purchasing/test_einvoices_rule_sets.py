"""
The rule tests of EN 16931 and Peppol: files of many part documents, each with a rule and a verdict.

Covered: all 117 parts of EN 16931 (UBL 113, CII 4) by the official rules; of their UBL parts those
about a rule that we check ourselves too, made whole by the least a document needs. Not covered: the
100 parts about Peppol's own rules for invoices and the 85 about orders, catalogues and despatch
advices, whose rules are not run here; those are refused as what they are.
"""

from collections import Counter

import pytest
from lxml import etree

from purchasing.einvoices import UnreadableDocument, official_rules, read_document
from purchasing.einvoices.safety import parse_xml
from tests.shared_data import SHARED_DATA, needs_shared_data

pytestmark = needs_shared_data

VEFA = "{http://difi.no/xsd/vefa/validator/1.0}"
UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
OURS = {"BR-04", "BR-CL-01", "BR-CO-15", "BR-E-05", "BR-S-08"}


def parts(*families):
    """Yield each part as name, XML, rule and whether it must be broken."""
    for family in families:
        for path in sorted(SHARED_DATA.glob(f"{family}/ruletest/*.xml")):
            tests = parse_xml(path.read_bytes()).findall(f"{VEFA}test")
            for position, test in enumerate(tests, start=1):
                (part,) = (child for child in test if not child.tag.startswith(VEFA))
                (verdict,) = (
                    said
                    for said in test.find(f"{VEFA}assert")
                    if said.tag in {f"{VEFA}success", f"{VEFA}error", f"{VEFA}warning"}
                )
                is_broken = verdict.tag != f"{VEFA}success"
                yield f"{path.stem} {position}", etree.tostring(part), verdict.text, is_broken


@pytest.mark.skipif(not official_rules.is_available(), reason="saxonche is not installed")
def test_the_official_rules_judge_every_part_of_en_16931_as_their_authors_do():
    judged = Counter()
    wrong = []
    for name, xml, rule, is_broken in parts(
        "einvoices/en16931-ubl-rule-tests", "einvoices/en16931-cii-rule-tests"
    ):
        root = parse_xml(xml)
        is_ubl = etree.QName(root).localname != "CrossIndustryInvoice"
        rules = official_rules.UBL_RULES if is_ubl else official_rules.OTHER_CII.rules
        broken = {row.rule for row in official_rules.rule_breaks(root, rules)}
        judged["UBL" if is_ubl else "CII"] += 1
        if (rule in broken) != is_broken:
            wrong.append(name)

    assert wrong == []
    assert judged == {"UBL": 113, "CII": 4}


def made_whole(xml):
    """Return a part of UBL with number, day, currency and total, where it has none."""
    root = etree.fromstring(xml)

    def put(parent, name, kind, text):
        found = parent.find(f"{{{UBL}Common{kind}Components-2}}{name}")
        if found is None:
            found = etree.SubElement(parent, f"{{{UBL}Common{kind}Components-2}}{name}")
            found.text = text
        return found

    for name, text in (("ID", "1"), ("IssueDate", "2026-01-01"), ("DocumentCurrencyCode", "EUR")):
        put(root, name, "Basic", text)
    sums = put(root, "LegalMonetaryTotal", "Aggregate", None)
    put(sums, "TaxInclusiveAmount", "Basic", "0")
    return etree.tostring(root)


def test_our_rules_judge_the_parts_about_them_as_the_authors_do():
    """What cannot be kept at all (mixed signs, a rate of no tax) counts as found: it is refused."""
    judged = Counter()
    wrong = []
    for name, xml, rule, is_broken in parts("einvoices/en16931-ubl-rule-tests"):
        if rule not in OURS:
            continue
        try:
            document = read_document(made_whole(xml), filename="part.xml")
        except UnreadableDocument as refusal:
            judged[refusal.code] += 1
            continue
        judged["broken" if is_broken else "kept"] += 1
        if (rule in {row.rule for row in document.breaks}) != is_broken:
            wrong.append(name)

    assert wrong == []
    assert judged == {"kept": 8, "broken": 8, "BAD_VALUE": 1, "MIXED_SIGNS": 3}


@pytest.mark.parametrize(
    ("family", "refusals"),
    [
        ("einvoices/en16931-ubl-rule-tests", {"INCOMPLETE": 113}),
        ("einvoices/en16931-cii-rule-tests", {"INCOMPLETE": 4}),
        ("einvoices/peppol-bis3-rule-tests", {"INCOMPLETE": 100}),
        ("purchase-documents/peppol-rule-tests", {"NOT_AN_INVOICE": 85}),
    ],
)
def test_a_part_of_a_document_is_refused_by_name(family, refusals):
    found = Counter()
    for _, xml, _, _ in parts(family):
        with pytest.raises(UnreadableDocument) as refusal:
            read_document(xml, filename="part.xml")
        found[refusal.value.code] += 1

    assert found == refusals
