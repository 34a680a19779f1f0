"""What the forms of KSeF have in common: rates of tax, parties, payment, corrected lines."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from purchasing.einvoices.documents import Party, Syntax
from purchasing.einvoices.elements import Element
from purchasing.einvoices.values import account_of, refuse_placeholder, tax_number_of
from retail.common.money import ZERO

SYNTAX = Syntax.KSEF
CENT = Decimal("0.01")
HUNDRED = Decimal(100)
YES = "1"
PAID_IN_PARTS = "2"
POLISH_ACCOUNT = re.compile(r"\d{26}", re.ASCII)
_TOWN = re.compile(r"(\d{2}-\d{3})[ ,]+(.+)", re.ASCII)


@dataclass(frozen=True)
class Bucket:
    """
    The fields in which FA keeps the net amount and the tax of one kind of sale.

    rates: what <P_12> of its lines says; the first is taken where no line tells.
    """

    net: str
    tax: str
    category: str
    rates: tuple[str, ...]


# Source: information brochure on the logical structure FA(3), fields P_13_1 to P_13_11; UNCL 5305.
BUCKETS = (
    Bucket("P_13_1", "P_14_1", "S", ("23", "22")),
    Bucket("P_13_2", "P_14_2", "S", ("8", "7")),
    Bucket("P_13_3", "P_14_3", "S", ("5",)),
    Bucket("P_13_4", "P_14_4", "S", ("4", "3")),
    Bucket("P_13_5", "P_14_5", "S", ()),
    Bucket("P_13_6_1", "", "Z", ("0 KR", "0")),
    Bucket("P_13_6_2", "", "K", ("0 WDT",)),
    Bucket("P_13_6_3", "", "G", ("0 EX",)),
    Bucket("P_13_7", "", "E", ("ZW",)),
    Bucket("P_13_8", "", "O", ("NP I", "NP")),
    Bucket("P_13_9", "", "AE", ("NP II",)),
    Bucket("P_13_10", "", "AE", ("OO",)),
    Bucket("P_13_11", "", "E", ()),
)
ONE_STOP_SHOP, MARGIN = BUCKETS[4], BUCKETS[12]
_OF_RATES = {rate: bucket for bucket in BUCKETS for rate in bucket.rates}


@dataclass(frozen=True)
class Rate:
    """<P_12> of a line: the bucket it belongs to (none: unknown), and its percentage."""

    words: str
    bucket: Bucket | None
    percent: Decimal | None

    @property
    def category(self) -> str:
        return self.bucket.category if self.bucket else ""


def rate_of(line: Element) -> Rate:
    """Return the rate of a line, also one of another EU country (`P_12_XII`)."""
    foreign = line.number("P_12_XII", term="rate <P_12_XII>")
    if foreign is not None:
        return Rate(f"{foreign} %", ONE_STOP_SHOP, foreign)
    words = line.text("P_12").upper()
    return Rate(words, _OF_RATES.get(words), percent_of(words))


def percent_of(words: str) -> Decimal | None:
    """Return the percentage of a rate: 23, and 0 for each kind of none; None when it says none."""
    if not words:
        return None
    return Decimal(words) if re.fullmatch(r"\d{1,2}", words, re.ASCII) else ZERO


def party_of(node: Element) -> Party:
    """:raises UnreadableDocument: TEMPLATE."""
    who = node.part("DaneIdentyfikacyjne")
    nip = who.text("NIP")
    for name, value in (("NIP", nip), ("name", who.text("Nazwa"))):
        refuse_placeholder(value, term=name, syntax=SYNTAX)
    nip = tax_number_of(nip)
    foreign = tax_number_of(who.text("KodUE") + who.text("NrVatUE"))
    # A NIP is Polish without saying so: it is given with the country and without.
    numbers = (f"PL{nip}" if nip else "", nip, foreign, tax_number_of(who.text("NrID")))
    where = node.part("Adres")
    street, town = where.text("AdresL1"), where.text("AdresL2")
    found = _TOWN.match(town)
    gln = where.text("GLN")
    person = f"{who.text('ImiePierwsze')} {who.text('Nazwisko')}".strip()
    return Party(
        name=who.text("Nazwa", "PelnaNazwa") or person,
        tax_numbers=tuple(dict.fromkeys(number for number in numbers if number)),
        electronic_address=f"0088:{gln}" if gln else "",
        street=street,
        postcode=found[1] if found else "",
        city=found[2] if found else town,
        country=where.text("KodKraju").upper(),
    )


@dataclass(frozen=True)
class Payment:
    """Until when, to which account, and what was paid already."""

    due_on: date | None
    iban: str
    bic: str
    is_factor: bool
    is_paid: bool
    paid: Decimal
    days: tuple[date, ...]


def payment_of(node: Element, *accounts: str) -> Payment:
    """
    Read <Platnosc>.

    accounts: names of the elements with the supplier's account; that of a factor goes first,
    because only what is paid there settles a claim that was sold.

    :raises UnreadableDocument: BAD_VALUE, TEMPLATE.
    """
    factor = node.first("RachunekBankowyFaktora")
    account = factor or node.part(*accounts)
    number = account_of(account.text("NrRB"))
    refuse_placeholder(number, term="account", syntax=SYNTAX)
    days = [
        day
        for part in node.all("TerminPlatnosci")
        if (day := part.day("Termin", "TerminPlatnosci", term="due date"))
    ]
    return Payment(
        due_on=min(days, default=None),
        iban=f"PL{number}" if POLISH_ACCOUNT.fullmatch(number) else number,
        bic=account_of(account.text("SWIFT")),
        is_factor=factor is not None,
        is_paid=node.text("Zaplacono") == YES
        or node.text("ZnacznikZaplatyCzesciowej") == PAID_IN_PARTS,
        paid=total_of(
            part.number("KwotaZaplatyCzesciowej", term="partial payment")
            for part in node.all("ZaplataCzesciowa")
        ),
        days=tuple(sorted(set(days))),
    )


def sign_of(line: Element) -> int:
    """Return -1 for the state before a correction, which the correction takes back."""
    return -1 if line.text("StanPrzed") == YES else 1


def total_of(amounts: Iterable[Decimal | None]) -> Decimal:
    return sum((amount or ZERO for amount in amounts), ZERO)
