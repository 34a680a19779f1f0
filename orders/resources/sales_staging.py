"""
A sales file laid into a temporary table, so that half a million lines never stand in memory.

The table lives as long as the connection. It is filled by COPY, judged by SQL and read back in
batches of whole documents.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import Any

from django.db import connection, transaction

from orders.resources.profiles import SaleLine
from retail.common.imports import Reject

DOCUMENTS_PER_BATCH = 500

_CREATE = """
DROP TABLE IF EXISTS sales_line, sales_document;
CREATE TEMPORARY TABLE sales_line (
    line_number integer NOT NULL,
    document text NOT NULL,
    code text NOT NULL,
    description text NOT NULL,
    quantity integer NOT NULL,
    sold_at timestamptz NOT NULL,
    unit_price numeric NOT NULL,
    account text NOT NULL,
    country text NOT NULL,
    is_goods boolean NOT NULL
);
"""

# Kind: a document of free goods without a buyer is a correction of stock, the sign saying which
# way. Batch and rank fix the order in which everything is posted: batches by time and, inside a
# batch, what goes out before what comes back; the opening stock is worked out in the same order.
_SUM_UP_DOCUMENTS = """
CREATE TEMPORARY TABLE sales_document AS
SELECT document, kind, rank, placed_at, account, country, false AS is_known,
       (row_number() OVER (ORDER BY placed_at, document) - 1) / %(per_batch)s AS batch
FROM (
    SELECT document,
           CASE WHEN document LIKE 'C%%' THEN 'RETURN'
                WHEN max(unit_price) = 0 AND max(account) = '' THEN 'ADJUSTMENT'
                ELSE 'SALE' END AS kind,
           CASE WHEN document LIKE 'C%%' THEN 2
                WHEN max(unit_price) = 0 AND max(account) = '' THEN 1
                ELSE 0 END AS rank,
           min(sold_at) AS placed_at, max(account) AS account, max(country) AS country
    FROM sales_line GROUP BY document
) AS summed;
CREATE UNIQUE INDEX ON sales_document (document);
CREATE INDEX ON sales_line (document);
ANALYZE sales_line; ANALYZE sales_document;
"""

_TAKE_OUT_MISFITS = """
DELETE FROM sales_line AS line USING sales_document AS document
WHERE line.document = document.document
  AND ((document.kind = 'SALE' AND line.quantity < 0)
    OR (document.kind = 'RETURN' AND line.quantity > 0)
    OR (document.kind = 'ADJUSTMENT' AND NOT line.is_goods))
RETURNING document.kind, line.line_number, line.document, line.code, line.description,
          line.quantity, line.sold_at, line.unit_price, line.account, line.country
"""

_COLUMNS_AS_STAGED = (
    *("document", "code", "description", "quantity"),
    *("sold_at", "unit_price", "account", "country"),
)

_MISFIT_TEXTS = {
    "SALE": "A sale cannot have a negative quantity.",
    "RETURN": "A return cannot have a positive quantity.",
    "ADJUSTMENT": "Stock of something that is not counted cannot be corrected.",
}

_READ_BATCH = """
SELECT line.line_number, line.document, line.code, line.description, line.quantity,
       line.unit_price, document.kind, document.placed_at, document.account, document.country,
       line.is_goods
FROM sales_line AS line JOIN sales_document AS document USING (document)
WHERE document.batch = %s AND NOT document.is_known
ORDER BY document.rank, document.placed_at, document.document, line.line_number
"""

_OPENING_NEEDS = """
SELECT code, -min(running) FROM (
    SELECT line.code,
           sum(CASE document.kind WHEN 'SALE' THEN -line.quantity
                                  WHEN 'RETURN' THEN -line.quantity
                                  ELSE line.quantity END)
           OVER (PARTITION BY line.code
                 ORDER BY document.batch, document.rank, document.placed_at, document.document
                 ROWS UNBOUNDED PRECEDING) AS running
    FROM sales_line AS line JOIN sales_document AS document USING (document)
    WHERE line.is_goods AND NOT document.is_known
) AS balance GROUP BY code HAVING min(running) < 0 ORDER BY code
"""

_ARTICLES = """
SELECT code, bool_or(is_goods),
       coalesce(mode() WITHIN GROUP (ORDER BY description)
                FILTER (WHERE description <> '' AND unit_price > 0),
                max(description)),
       percentile_disc(0.5) WITHIN GROUP (ORDER BY unit_price) FILTER (WHERE unit_price > 0)
FROM sales_line GROUP BY code ORDER BY code
"""


@dataclass(frozen=True, slots=True)
class Article:
    """What a file says about one code: its usual name and its median price, None if always free."""

    code: str
    is_goods: bool
    name: str
    usual_price: Decimal | None


@dataclass(frozen=True, slots=True)
class StagedLine:
    """One line of a staged document; `quantity` keeps the sign it came with."""

    line_number: int
    code: str
    description: str
    quantity: int
    unit_price: Decimal
    is_goods: bool


@dataclass(frozen=True, slots=True)
class StagedDocument:
    """A whole invoice, cancellation or stock correction; `kind` SALE, RETURN or ADJUSTMENT."""

    document: str
    kind: str
    placed_at: datetime
    account: str
    country: str
    lines: tuple[StagedLine, ...]


class SalesStaging:
    """The staged lines of one file on this connection."""

    @transaction.atomic
    def fill(self, lines: Iterable[tuple[int, SaleLine, bool]]) -> None:
        """Lay down the lines: number in the file, the line, whether its code is goods."""
        with connection.cursor() as cursor:
            cursor.execute(_CREATE)
            with cursor.copy("COPY sales_line FROM STDIN") as copy:
                for line_number, line, is_goods in lines:
                    copy.write_row(
                        (
                            line_number,
                            line.document,
                            line.code,
                            line.description,
                            line.quantity,
                            line.sold_at,
                            line.unit_price,
                            line.account,
                            line.country,
                            is_goods,
                        )
                    )
            cursor.execute(_SUM_UP_DOCUMENTS, {"per_batch": DOCUMENTS_PER_BATCH})

    def take_out_misfits(self, titles: Mapping[str, str]) -> list[Reject]:
        """
        Remove the lines that contradict their document and return them as rejects.

        titles: our column name -> the file's title, so that a reject reads like the file.
        """
        with connection.cursor() as cursor:
            cursor.execute(_TAKE_OUT_MISFITS)
            rows = cursor.fetchall()
        return [
            Reject(
                line_number=line_number,
                code="contradicts_document",
                text=_MISFIT_TEXTS[kind],
                columns={
                    titles[name]: str(value)
                    for name, value in zip(_COLUMNS_AS_STAGED, columns, strict=True)
                },
            )
            for kind, line_number, *columns in rows
        ]

    def documents(self) -> list[tuple[str, str]]:
        """Return number and kind of every staged document."""
        return self._rows("SELECT document, kind FROM sales_document")

    def mark_known(self, documents: Iterable[str]) -> int:
        """Pass over these documents from now on; return how many lines they have."""
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE sales_document SET is_known = true WHERE document = ANY(%s)",
                [list(documents)],
            )
            cursor.execute(
                "SELECT count(*) FROM sales_line JOIN sales_document USING (document)"
                " WHERE is_known"
            )
            return int(cursor.fetchone()[0])

    def articles(self) -> list[Article]:
        """Return every code of the file with what it says about it."""
        return [Article(*row) for row in self._rows(_ARTICLES)]

    def accounts(self) -> list[str]:
        """Return the customers' account numbers, each once."""
        return [
            account
            for (account,) in self._rows(
                "SELECT DISTINCT account FROM sales_document WHERE account <> '' ORDER BY account"
            )
        ]

    def opening_needs(self) -> dict[str, int]:
        """
        Return the units each code must start with so that its stock never falls below zero.

        Worked out over the documents not yet known, in the order they will be posted.
        """
        return {code: int(units) for code, units in self._rows(_OPENING_NEEDS)}

    def first_moment(self) -> datetime | None:
        """Return the moment of the first document, None when there is none."""
        moment: datetime | None = self._rows("SELECT min(placed_at) FROM sales_document")[0][0]
        return moment

    def batches(self) -> Iterator[list[StagedDocument]]:
        """Yield the documents not yet known, a batch at a time, in the order of posting."""
        last = self._rows("SELECT max(batch) FROM sales_document")[0][0]
        for batch in range(0 if last is None else last + 1):
            yield self._batch(batch)

    def batch_count(self) -> int:
        """Return the number of batches that `batches` yields."""
        last = self._rows("SELECT max(batch) FROM sales_document")[0][0]
        return 0 if last is None else int(last) + 1

    def _batch(self, batch: int) -> list[StagedDocument]:
        rows = [_BatchRow(*row) for row in self._rows(_READ_BATCH, [batch])]
        return [_document(list(lines)) for _, lines in groupby(rows, key=attrgetter("document"))]

    @staticmethod
    def _rows(sql: str, parameters: list[Any] | None = None) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class _BatchRow:
    line_number: int
    document: str
    code: str
    description: str
    quantity: int
    unit_price: Decimal
    kind: str
    placed_at: datetime
    account: str
    country: str
    is_goods: bool


def _document(rows: list[_BatchRow]) -> StagedDocument:
    first = rows[0]
    return StagedDocument(
        document=first.document,
        kind=first.kind,
        placed_at=first.placed_at,
        account=first.account,
        country=first.country,
        lines=tuple(
            StagedLine(
                line_number=row.line_number,
                code=row.code,
                description=row.description,
                quantity=row.quantity,
                unit_price=row.unit_price,
                is_goods=row.is_goods,
            )
            for row in rows
        ),
    )
