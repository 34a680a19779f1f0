"""
Orders to the bank to pay in euro: SEPA credit transfers as an ISO 20022 file, pain.001.001.09.

Source: European Payments Council, EPC132-08 (customer-to-PSP guidelines of credit transfers, which
characters and lengths a bank has to take) and EPC217-08 (how other characters are converted).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import sepaxml
from lxml import etree
from stdnum import bic, iban
from stdnum.exceptions import ValidationError
from text_unidecode import unidecode

CURRENCY = "EUR"
SCHEMA = "pain.001.001.09"
LONGEST_NAME, LONGEST_REMITTANCE = 70, 140

_IN_PLAIN_LETTERS = str.maketrans({"&": "+", "_": "-", "@": "(at)", "\n": " ", "\t": " "})
_NO_LETTER_OF_BANKS = re.compile(r"[^A-Za-z0-9/\-?:().,'+ ]")


@dataclass(frozen=True)
class BankAccount:
    """Whose account it is and where; without BIC the bank finds it by the IBAN."""

    name: str
    iban: str
    bic: str = ""


@dataclass(frozen=True)
class Transfer:
    """An amount in euro to one account; end_to_end_id comes back with the bank's statement."""

    to: BankAccount
    amount: Decimal
    end_to_end_id: str
    remittance: str


def bank_text(text: str, longest: int) -> str:
    """Return a text in the characters that every bank takes, cut off where it is too long."""
    plain = unidecode(text.translate(_IN_PLAIN_LETTERS))
    return " ".join(_NO_LETTER_OF_BANKS.sub(".", plain).split())[:longest].strip()


def remittance_text(references: Sequence[str]) -> str:
    """
    Return what the payee reads: the references, and how many more there are when not all fit.

    A single reference that does not fit is cut off and ends in two dots.
    """
    named = [bank_text(reference, 10 * LONGEST_REMITTANCE) for reference in references]
    whole = ", ".join(named)
    if len(whole) <= LONGEST_REMITTANCE:
        return whole
    for count in range(len(named) - 1, 0, -1):
        some = f"{', '.join(named[:count])} and {len(named) - count} more"
        if len(some) <= LONGEST_REMITTANCE:
            return some
    more = f" and {len(named) - 1} more" if len(named) > 1 else ""
    return f"{named[0][: LONGEST_REMITTANCE - len(more) - 2]}..{more}"


def valid_iban(text: str) -> str:
    """Return the IBAN as banks write it among themselves, nothing when it is none."""
    try:
        return str(iban.validate(text))
    except ValidationError:
        return ""


def valid_bic(text: str) -> str:
    """Return the BIC in capitals, nothing when it is none."""
    try:
        return str(bic.validate(text))
    except ValidationError:
        return ""


def payment_file(
    *,
    message_id: str,
    made_at: datetime,
    execution_on: date,
    debtor: BankAccount,
    transfers: Sequence[Transfer],
) -> str:
    """
    Return the file that orders the bank to make these transfers on one day, as one debit.

    The same arguments give the same file, letter by letter.

    :raises ValueError: it does not agree with the schema of the standard; the text says where.
    """
    config = {
        "name": bank_text(debtor.name, LONGEST_NAME),
        "IBAN": debtor.iban,
        "batch": True,
        "currency": CURRENCY,
        **({"BIC": debtor.bic} if debtor.bic else {}),
    }
    file = sepaxml.SepaTransfer(config, schema=SCHEMA, clean=False)
    for transfer in transfers:
        file.add_payment(
            {
                "name": bank_text(transfer.to.name, LONGEST_NAME),
                "IBAN": transfer.to.iban,
                "amount": int(transfer.amount * 100),
                "execution_date": execution_on,
                "description": transfer.remittance,
                "endtoend_id": transfer.end_to_end_id,
                **({"BIC": transfer.to.bic} if transfer.to.bic else {}),
            }
        )
    root = etree.fromstring(file.export(validate=False))
    # The library makes these three up from the clock and by chance.
    for name, text in (
        ("MsgId", message_id),
        ("CreDtTm", made_at.strftime("%Y-%m-%dT%H:%M:%SZ")),
        ("PmtInfId", message_id),
    ):
        [element] = root.iter(f"{{*}}{name}")
        element.text = text
    schema = _schema()
    if not schema.validate(root):
        msg = f"The payment file does not keep to {SCHEMA}: {schema.error_log.last_error}"
        raise ValueError(msg)
    content: bytes = etree.tostring(root, xml_declaration=True, encoding="UTF-8")
    return content.decode()


@cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(file=Path(sepaxml.__file__).parent / "schemas" / f"{SCHEMA}.xsd")
