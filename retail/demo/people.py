"""Invented buyers: names, addresses and mailboxes under example domains that reach nobody."""

from __future__ import annotations

import random
from dataclasses import dataclass

GIVEN_NAMES = (
    *("Ada", "Bruno", "Clara", "Dominik", "Elena", "Felix", "Grace", "Hugo", "Irena", "Jonas"),
    *("Katya", "Liam", "Maja", "Noah", "Olive", "Piotr", "Rosa", "Samir", "Tilda", "Viktor"),
)
FAMILY_NAMES = (
    *("Ashdown", "Bielak", "Carver", "Dunmore", "Eriksen", "Fenwick", "Grabow", "Hallam"),
    *("Ingram", "Jansen", "Kowal", "Lindqvist", "Marlow", "Novak", "Oakley", "Prentice"),
    *("Quist", "Rowntree", "Sandoval", "Thorne"),
)
STREETS = (
    "Mill Lane",
    "Station Road",
    "Church Street",
    "Harbour Walk",
    "Orchard Close",
    "The Green",
)
TOWNS = (
    ("York", "YO1 7HU", "GB"),
    ("Bath", "BA1 1LZ", "GB"),
    ("Leeds", "LS1 4AP", "GB"),
    ("Bristol", "BS1 5TR", "GB"),
    ("Oxford", "OX1 3PN", "GB"),
    ("Norwich", "NR2 1TF", "GB"),
    ("Dublin", "D02 X285", "IE"),
    ("Utrecht", "3511 LX", "NL"),
    ("Bremen", "28195", "DE"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One invented buyer."""

    account: str
    name: str
    email: str
    street: str
    town: str
    postcode: str
    country: str


def people(count: int) -> list[Person]:
    """Return that many buyers, the same ones every time."""
    chance = random.Random(7)  # noqa: S311 - a believable spread, not a secret
    names = [(given, family) for given in GIVEN_NAMES for family in FAMILY_NAMES]
    chance.shuffle(names)
    return [_person(number, *names[number % len(names)], chance) for number in range(count)]


def _person(number: int, given: str, family: str, chance: random.Random) -> Person:
    town, postcode, country = chance.choice(TOWNS)
    return Person(
        account=str(1000 + number),
        name=f"{given} {family}",
        email=f"{given}.{family}.{number}@example.com".lower(),
        street=f"{chance.randint(1, 180)} {chance.choice(STREETS)}",
        town=town,
        postcode=postcode,
        country=country,
    )
