"""
Suppliers' e-invoices, read from strangers' bytes into one set of dataclasses. No database here.

`read_document` tells the syntax by what is in the file and hands it to one module per syntax. An
XML syntax has `read(root) -> Parsed`, root being the parsed element; a table has
`read(content, *, filename) -> Parsed`. What reads a syntax

- fills a `ReadInvoice` per invoice with signs as printed, quantities and amounts of lines as they
  count in the document (`read_document` turns documents with a total below zero);
- takes values through `values`, which refuse by name: INCOMPLETE for what an invoice cannot be
  without (number, day, currency, total, seller), BAD_VALUE for what is no number or no day,
  TEMPLATE for `#placeholder#`;
- refuses with `UnreadableDocument` what is no invoice, and never refuses wrong sums, codes or
  taxes: `rules` finds those, the same for every syntax. `Parsed.breaks` holds only what a rule
  cannot see in a `ReadInvoice`;
- is entered in `reading.XML_READERS` by the local name of its root.
"""

from __future__ import annotations

from purchasing.einvoices.documents import (
    Charge,
    Kind,
    Parsed,
    Party,
    ReadCharge,
    ReadDocument,
    ReadInvoice,
    ReadLine,
    ReadTax,
    RuleBreak,
    Syntax,
    UnreadableDocument,
)
from purchasing.einvoices.official_rules import with_official_breaks
from purchasing.einvoices.reading import read_document

__all__ = [
    "Charge",
    "Kind",
    "Parsed",
    "Party",
    "ReadCharge",
    "ReadDocument",
    "ReadInvoice",
    "ReadLine",
    "ReadTax",
    "RuleBreak",
    "Syntax",
    "UnreadableDocument",
    "read_document",
    "with_official_breaks",
]
