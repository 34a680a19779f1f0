"""Which of our suppliers a document comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import CharField, F, Func, Value
from django.db.models.functions import Upper

from purchasing.einvoices import Party
from purchasing.models import InvoiceDocument, Supplier
from purchasing.tax_numbers import is_same_tax_number, plain_tax_number

FoundBy = InvoiceDocument.FoundBy
# The last digits are the same however a number is written.
DIGITS_COMPARED = 5
# How alike two names have to be, of 1, to be said at all.
LEAST_LIKENESS = 0.3
LONGEST_TAX_NUMBER, LONGEST_ADDRESS = 30, 100


@dataclass(frozen=True)
class Identity:
    """
    The supplier, and how it was told; else one of nearly the same name, and why it was not.

    A supplier of the same name is only ever suggested: anybody can write a name on a bill.
    """

    supplier: Supplier | None = None
    found_by: str = ""
    suggestion: Supplier | None = None
    problem: str = ""


def identify_supplier(seller: Party) -> Identity:
    """
    Find the supplier of a document: by tax number, then by electronic address.

    What fits more than one supplier tells none. Tax numbers are compared without blanks, and with
    or without the country in front.
    """
    by_number = _of_tax_number(seller)
    if len(by_number) == 1:
        return Identity(by_number[0], FoundBy.TAX_NUMBER)
    by_address = _of_address(seller)
    if len(by_address) == 1 and (not by_number or by_address[0] in by_number):
        return Identity(by_address[0], FoundBy.ELECTRONIC_ADDRESS)
    if several := by_number or by_address:
        names = ", ".join(supplier.name for supplier in several)
        problem = f"It fits more than one supplier: {names}."
        return Identity(suggestion=several[0], problem=problem)
    return Identity(suggestion=_of_like_name(seller.name), problem=_not_found(seller))


def remember_identity(supplier: Supplier, seller: Party) -> None:
    """
    Keep of a seller the tax number and the electronic address that its supplier lacks.

    So that its next document is found by itself. What is known already is never overwritten.
    Locks: the supplier.
    """
    known = Supplier.objects.select_for_update(of=("self",), no_key=True).get(pk=supplier.pk)
    filled = []
    if not known.tax_number and seller.tax_numbers:
        known.tax_number = _as_stored(seller.tax_numbers[0], known)
        filled.append("tax_number")
    if not known.electronic_address and len(seller.electronic_address) <= LONGEST_ADDRESS:
        known.electronic_address = seller.electronic_address
        filled.append("electronic_address")
    if filled:
        known.save(update_fields=filled)


def _as_stored(number: str, supplier: Supplier) -> str:
    """Return a tax number with its country in front only where that is not the supplier's."""
    country, plain = plain_tax_number(number, supplier.country)
    stored = plain if country == supplier.country else number
    return stored if len(stored) <= LONGEST_TAX_NUMBER else ""


def _of_tax_number(seller: Party) -> list[Supplier]:
    found: dict[int, Supplier] = {}
    for number in seller.tax_numbers:
        digits = "".join(sign for sign in number if sign.isdecimal() and sign.isascii())
        if not digits:
            continue
        candidates = (
            Supplier.objects.alias(
                digits=Func(
                    F("tax_number"),
                    Value("[^0-9]"),
                    Value(""),
                    Value("g"),
                    function="regexp_replace",
                    output_field=CharField(),
                )
            )
            .filter(digits__endswith=digits[-DIGITS_COMPARED:])
            .order_by("pk")
        )
        for supplier in candidates:
            if is_same_tax_number(
                number,
                supplier.tax_number,
                country=seller.country,
                other_country=supplier.country,
            ):
                found[supplier.pk] = supplier
    return _active_among(list(found.values()))


def _of_address(seller: Party) -> Sequence[Supplier]:
    if not seller.electronic_address:
        return []
    return _active_among(
        Supplier.objects.filter(electronic_address__iexact=seller.electronic_address).order_by("pk")
    )


def _active_among(suppliers: Iterable[Supplier]) -> list[Supplier]:
    """Return those we still buy from, and all where we buy from none of them any more."""
    found = list(suppliers)
    return [supplier for supplier in found if supplier.is_active] or found


def _of_like_name(name: str) -> Supplier | None:
    if not name.strip():
        return None
    return (
        Supplier.objects.filter(is_active=True)
        .annotate(likeness=TrigramSimilarity(Upper("name"), name.upper()))
        .filter(likeness__gte=LEAST_LIKENESS)
        .order_by("-likeness", "pk")
        .first()
    )


def _not_found(seller: Party) -> str:
    said = [
        f"tax number {', '.join(seller.tax_numbers)}" if seller.tax_numbers else "",
        f"address {seller.electronic_address}" if seller.electronic_address else "",
    ]
    by = " or ".join(part for part in said if part)
    if not by:
        return (
            f"{seller.name} says neither a tax number nor an electronic address: say whose it is."
        )
    return f"No supplier has the {by} of {seller.name}: say whose it is."
