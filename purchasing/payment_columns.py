"""How a file of the bank or the ledger is probably read: where its table begins, what is what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from purchasing.column_words import normalized
from purchasing.columns import Column, columns_of, day_format_of, decimal_separator_of
from purchasing.models import SupplierFileProfile
from retail.common.errors import BusinessError
from retail.common.tabular import Dialect, Record, is_excel, propose_dialect, raw_records

ROWS_LOOKED_AT = 200
LINES_ABOVE_AT_MOST = 40
LEAST_KNOWN_TITLES = 2
SOME = 0.5

# Of two columns that are called so the one whose words stand further in front is taken.
WORDS: Mapping[str, str] = {
    "end_to_end_id": """
        end to end id, end to end reference, endtoendid, end to end, e2e reference, e2e,
        Kundenreferenz, Ende zu Ende Referenz, référence de bout en bout, bout en bout,
        identyfikator transakcji, riferimento end to end
    """,
    "our_number": """
        our number, our reference, invoice number, voucher, voucher number, document number,
        document, number, Belegnummer, Beleg Nr, Beleg, Rechnungsnummer, nr dokumentu,
        numer dokumentu, numéro de pièce, pièce, numero documento, documento
    """,
    "paid_on": """
        paid on, payment date, booking date, execution date, date paid, value date,
        transaction date, posting date, date, day, Buchungstag, Buchungsdatum, Ausführungsdatum,
        Wertstellung, Valutadatum, Valuta, Zahlungsdatum, Datum, data operacji, data księgowania,
        data transakcji, data płatności, data waluty, data, date d'opération, date opération,
        date de valeur, date comptable, date de paiement, data contabile, data valuta,
        fecha operación, fecha valor, fecha, datums, mokėjimo data
    """,
    "amount": """
        amount, paid amount, amount paid, payment amount, transaction amount, sum, value, debit,
        Betrag, Umsatz, Zahlbetrag, Soll, kwota, kwota operacji, kwota transakcji, obciążenia,
        montant, débit, importo, dare, addebito, importe, cargo, summa, suma
    """,
    "currency": """
        currency, currency code, ccy, Währung, waluta, valūta, valiuta, divisa, moneda, devise
    """,
    "reference": """
        remittance information, remittance, payment reference, reference, payment details, details,
        description, purpose, text, memo, Verwendungszweck, Buchungstext, Vorgang, tytuł,
        tytuł operacji, tytułem, opis operacji, opis, libellé, motif, communication, causale,
        descrizione, concepto, maksājuma mērķis, mokėjimo paskirtis
    """,
    "counterparty": """
        counterparty, beneficiary, beneficiary name, payee, creditor, creditor name, supplier, name,
        Empfänger, Begünstigter, Auftraggeber Empfänger, Name Zahlungsbeteiligter,
        Beguenstigter Zahlungspflichtiger, Begünstigter Zahlungspflichtiger, Gegenpartei,
        kontrahent, odbiorca, nazwa odbiorcy, nadawca odbiorca, bénéficiaire, tiers,
        beneficiario, controparte, saņēmējs, gavėjas
    """,
}
_KNOWN = {
    name: tuple(dict.fromkeys(normalized(each) for each in words.split(",")))
    for name, words in WORDS.items()
}
NEEDED = ("paid_on", "amount")


class NoTableOfPayments(BusinessError):
    """Nothing in the file looks like rows with a day and an amount."""


@dataclass(frozen=True)
class Reading:
    """
    How a file of payments is read.

    columns: our name -> title; `paid_on` and `amount` are needed. currency: of amounts beside
    which none stands. is_negative_paid: in a statement what leaves the account is negative, in a
    list of payments it is positive.
    """

    dialect: Dialect
    day_format: str
    columns: Mapping[str, str]
    currency: str
    is_negative_paid: bool


def propose_reading(path: Path, *, currency: str) -> Reading:
    """
    Propose how a file is read, for a person to confirm: what was not found is left out.

    :raises BrokenFile: it cannot be read.
    :raises NoTableOfPayments: no line looks like the titles of its columns.
    """
    dialect = Dialect() if is_excel(path) else propose_dialect(path)
    dialect, titles, rows = _table(raw_records(path, dialect), dialect)
    columns = columns_of(titles, rows)
    named = _named(columns)
    amounts = [column for column in columns if column.title == named.get("amount")]
    days = [column for column in columns if column.title == named.get("paid_on")]
    return Reading(
        dialect=replace(dialect, decimal_separator=decimal_separator_of(amounts, [])),
        day_format=day_format_of(days, []) or SupplierFileProfile.DayFormat.ISO,
        columns=named,
        currency=currency,
        is_negative_paid=any(cell.lstrip().startswith(("-", "\u2212")) for cell in _cells(amounts)),
    )


def _table(
    records: Iterator[Record], dialect: Dialect
) -> tuple[Dialect, list[str], list[list[str]]]:
    """Find the titles among the first lines; return the dialect that begins there, and rows."""
    first = list(islice(records, ROWS_LOOKED_AT))
    for place, record in enumerate(first[:LINES_ABOVE_AT_MOST]):
        if _known_titles(record.cells) >= LEAST_KNOWN_TITLES:
            titles = [cell.strip() for cell in record.cells]
            above = replace(dialect, skipped_lines=record.line_number - 1)
            return above, titles, [row.cells for row in first[place + 1 :]]
    msg = "No line of the file looks like titles with a day and an amount among them."
    raise NoTableOfPayments(msg)


def _known_titles(cells: Sequence[str]) -> int:
    titles = {normalized(cell) for cell in cells}
    return sum(1 for words in _KNOWN.values() if not titles.isdisjoint(words))


def _named(columns: Sequence[Column]) -> dict[str, str]:
    """Return our name -> title: the same words first, words within a longer title next."""
    named: dict[str, str] = {}
    for is_like in (_is_the_same, _is_within):
        for name, words in _KNOWN.items():
            if name in named:
                continue
            free = [column for column in columns if column.title not in named.values()]
            found = next((c for each in words for c in free if is_like(each, c, name)), None)
            if found is not None:
                named[name] = found.title
    return named


def _is_the_same(words: str, column: Column, name: str) -> bool:
    return normalized(column.title) == words and _holds(column, name)


def _is_within(words: str, column: Column, name: str) -> bool:
    return f" {words} " in f" {normalized(column.title)} " and _holds(column, name)


def _holds(column: Column, name: str) -> bool:
    """Tell whether the cells of a column may be what its title says."""
    if not column.title or (name in NEEDED and not column.cells):
        return False
    if name == "amount":
        return column.numbers >= SOME
    return name != "paid_on" or column.days >= SOME


def _cells(columns: Sequence[Column]) -> list[str]:
    return [cell for column in columns for cell in column.cells]
