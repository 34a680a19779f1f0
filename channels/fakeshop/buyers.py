"""Invented people who buy: none of them, nor their addresses, exists."""

from __future__ import annotations

from random import Random
from typing import Any

FIRST_NAMES = """
    Amelia Arthur Beatrice Callum Charlotte Daniel Eleanor Ewan Fatima Freya George Grace
    Harriet Hassan Imogen Isaac Jasmine Jacob Katarzyna Kieran Laura Leon Maisie Marcus Nadia
    Niall Olivia Oscar Priya Rhys Rosa Samuel Sienna Tomasz Thea Victor Willow Xavier Yasmin
    Zachary
"""
LAST_NAMES = """
    Abbott Akhtar Bailey Barnes Begum Byrne Carter Chandra Clarke Dawson Doyle Eastwood Evans
    Farrell Fletcher Gibbs Griffin Hargreaves Hughes Iqbal Jarvis Kaur Kowalski Lambert
    Llewellyn Marsh McKenna Nolan Okafor Osborne Patel Quigley Reid Rossi Sharma Thornton
    Underwood Vaughan Whitfield Yeo
"""
STREETS = """
    Alder_Close Brewery_Lane Canal_Street Chapel_Rise Dove_Court Elm_Grove Foundry_Road
    Glebe_Way Harbour_View Ivy_Terrace Kiln_Hill Larch_Avenue Mill_Lane Orchard_Street
    Quarry_Bank Rookery_Road Station_Parade Tanners_Yard Weavers_Row Windmill_Drive
"""
TOWNS = (
    ("Aberystwyth", "SY23"),
    ("Bath", "BA1"),
    ("Brighton", "BN2"),
    ("Cambridge", "CB4"),
    ("Dundee", "DD3"),
    ("Exeter", "EX2"),
    ("Glasgow", "G12"),
    ("Hull", "HU5"),
    ("Leeds", "LS6"),
    ("Liverpool", "L8"),
    ("London", "SE15"),
    ("Manchester", "M21"),
    ("Norwich", "NR3"),
    ("Oxford", "OX4"),
    ("Sheffield", "S7"),
    ("York", "YO24"),
)
POSTCODE_LETTERS = "ABDEFGHJLNPQRSTUWXYZ"
SHARE_RETURNING = 0.45
SHARE_GUESTS = 0.25
SHARE_WITH_PHONE = 0.7


def choose_buyer(known: list[dict[str, Any]], chance: Random) -> dict[str, Any]:
    """Return who buys next: a known buyer, or somebody new who is known from then on."""
    if known and chance.random() < SHARE_RETURNING:
        return chance.choice(known)
    buyer = _invent(len(known) + 1, chance)
    known.append(buyer)
    return buyer


def _invent(number: int, chance: Random) -> dict[str, Any]:
    first, last = chance.choice(FIRST_NAMES.split()), chance.choice(LAST_NAMES.split())
    street = chance.choice(STREETS.split()).replace("_", " ")
    town, area = chance.choice(TOWNS)
    letters = "".join(chance.choices(POSTCODE_LETTERS, k=2))
    name = f"{first} {last}"
    # Domains that can never belong to anybody (RFC 2606), numbers set aside for fiction.
    domain = f"example.{chance.choice(('com', 'net', 'org'))}"
    phone = f"07700 900{chance.randrange(1000):03}"
    return {
        "customer": {
            "account": "" if chance.random() < SHARE_GUESTS else f"b{number:05}",
            "email": f"{first}.{last}{number}@{domain}".lower(),
            "phone": phone if chance.random() < SHARE_WITH_PHONE else "",
            "name": name,
            "company": "",
        },
        "shipping_address": {
            "name": name,
            "company": "",
            "street": f"{chance.randrange(1, 120)} {street}",
            "street_extra": "",
            "postcode": f"{area} {chance.randrange(1, 10)}{letters}",
            "city": town,
            "region": "",
            "country": "GB",
            "phone": "",
        },
    }
