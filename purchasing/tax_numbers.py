"""When two tax numbers, each written by somebody else, are the same one."""

from __future__ import annotations

from typing import Any

from stdnum import get_cc_module

PREFIX = 2
# The prefixes of tax numbers that are not the country's code. Source: Council Directive
# 2006/112/EC, article 215, and the protocol on Northern Ireland.
COUNTRY_OF_PREFIX = {"EL": "GR", "XI": "GB"}


def is_same_tax_number(number: str, other: str, *, country: str, other_country: str) -> bool:
    """
    Tell whether two tax numbers are one, with or without blanks and the country in front.

    country, other_country: where the parties are, for numbers that do not say it themselves; a
    number whose country nobody knows may be of any.
    """
    first, second = plain_tax_number(number, country), plain_tax_number(other, other_country)
    countries = {first[0], second[0]} - {""}
    return bool(first[1]) and first[1] == second[1] and len(countries) <= 1


def plain_tax_number(number: str, country: str) -> tuple[str, str]:
    """Return the country of a tax number and the number as that country counts it."""
    written = "".join(sign for sign in number.upper() if sign.isalnum())
    prefix = written[:PREFIX]
    named = COUNTRY_OF_PREFIX.get(prefix, prefix)
    # Letters in front may as well belong to a number of the party's own country.
    if (named == country.upper() or prefix in COUNTRY_OF_PREFIX or rule_of(named) is not None) and (
        any(sign.isdigit() for sign in written[PREFIX:])
    ):
        return named, _compact(written.removeprefix(prefix), named)
    return country.upper(), _compact(written, country.upper())


def rule_of(country: str) -> Any:
    """Return what knows a country's tax numbers, None where nobody has described them."""
    is_code = len(country) == PREFIX and country.isascii() and country.isalpha()
    return get_cc_module(country.lower(), "vat") if is_code else None


def _compact(number: str, country: str) -> str:
    rule = rule_of(country)
    if rule is None:
        return number
    # A module may put its prefix in front, or a zero that older numbers lack.
    return str(rule.compact(number)).upper().removeprefix(country)
