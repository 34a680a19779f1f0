"""Values as they stand in suppliers' documents: amounts, days, numbers, and what they become."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

from purchasing.einvoices.documents import Syntax, UnreadableDocument
from retail.common.fields import MAX_AMOUNT

# Beyond that no amount, price or quantity of a document fits our columns.
LARGEST = Decimal(MAX_AMOUNT)
MOST_CHARACTERS = 60
LONGEST_NUMBER_OF_DOCUMENT = 100
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII)
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}", re.ASCII)
_PLACEHOLDER = re.compile(r"#[a-z_0-9]+#|\{\{.*\}\}", re.IGNORECASE)


def text_of(value: str | None) -> str:
    """Return the text on one line, without space around it and without what nothing can store."""
    return " ".join((value or "").replace("\x00", "").split())


def required(value: str | None, *, term: str, syntax: Syntax) -> str:
    """
    Return the text of what a document cannot be without.

    term: what it is, with its rule where there is one: "invoice number (BR-02)".

    :raises UnreadableDocument: INCOMPLETE, it is missing or empty.
    """
    text = text_of(value)
    if not text:
        raise UnreadableDocument("INCOMPLETE", f"The document has no {term}.", syntax=syntax)
    refuse_placeholder(text, term=term, syntax=syntax)
    return text


def refuse_placeholder(text: str, *, term: str, syntax: Syntax) -> None:
    """:raises UnreadableDocument: TEMPLATE, `#invoice_number#` stands where a value should be."""
    if _PLACEHOLDER.search(text):
        raise UnreadableDocument(
            "TEMPLATE",
            f"The document is a template: its {term} is still {shortened(text)}.",
            syntax=syntax,
        )


def number_of(value: str | None, *, term: str, syntax: Syntax) -> Decimal | None:
    """
    Return an amount, price, rate or quantity; None where there is none.

    :raises UnreadableDocument: BAD_VALUE, it is no number; TEMPLATE.
    """
    text = text_of(value)
    if not text:
        return None
    refuse_placeholder(text, term=term, syntax=syntax)
    is_number = len(text) <= MOST_CHARACTERS and _NUMBER.fullmatch(text)
    number = Decimal(text) if is_number else None
    if number is None or abs(number) >= LARGEST:
        raise UnreadableDocument(
            "BAD_VALUE", f"The {term} is no number, or too large: {shortened(text)}.", syntax=syntax
        )
    return number


def required_number(value: str | None, *, term: str, syntax: Syntax) -> Decimal:
    """
    Return an amount that a document cannot be without.

    :raises UnreadableDocument: INCOMPLETE, BAD_VALUE, TEMPLATE.
    """
    number = number_of(required(value, term=term, syntax=syntax), term=term, syntax=syntax)
    assert number is not None  # noqa: S101 - required() refused what is empty
    return number


def day_of(value: str | None, *, term: str, syntax: Syntax) -> date | None:
    """
    Return a day written 2026-11-26 or 20261126, a time or zone behind it left out.

    :raises UnreadableDocument: BAD_VALUE, it is no day; TEMPLATE.
    """
    text = text_of(value)
    if not text:
        return None
    refuse_placeholder(text, term=term, syntax=syntax)
    found = _DAY.match(text)
    try:
        day = date(*(int(part) for part in found.groups())) if found else None
    except ValueError:  # 2026-02-30
        day = None
    if day is None:
        raise UnreadableDocument(
            "BAD_VALUE", f"The {term} is no day: {shortened(text)}.", syntax=syntax
        )
    return day


def required_day(value: str | None, *, term: str, syntax: Syntax) -> date:
    """
    Return a day that a document cannot be without.

    :raises UnreadableDocument: INCOMPLETE, BAD_VALUE, TEMPLATE.
    """
    day = day_of(required(value, term=term, syntax=syntax), term=term, syntax=syntax)
    assert day is not None  # noqa: S101 - required() refused what is empty
    return day


def tax_number_of(value: str | None) -> str:
    """Return a tax number in capitals and digits: `DE 123.456` becomes `DE123456`."""
    return re.sub(r"[^0-9A-Z]", "", text_of(value).upper())


def account_of(value: str | None) -> str:
    """Return an IBAN, BIC or account number without the spaces people write into it."""
    return "".join(text_of(value).upper().split())


def iban_of(value: str | None) -> str:
    """Return an IBAN; nothing for the number of an account that is none."""
    account = account_of(value)
    return account if _IBAN.fullmatch(account) else ""


def address_of(identifier: str, scheme: str) -> str:
    """Return an electronic address as `scheme:id`; without a scheme it is the address itself."""
    return f"{scheme}:{identifier}" if identifier and scheme else identifier


def shortened(text: str) -> str:
    """Return the text as a message quotes it, at most 40 characters of it."""
    return f'"{text[:37]}..."' if len(text) > 40 else f'"{text}"'  # noqa: PLR2004 - said above
