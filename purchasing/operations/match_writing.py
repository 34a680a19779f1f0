"""Writing what bills were set against, and the running totals that follow from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import connection

from purchasing.models import MatchAllocation
from purchasing.operations.pools import Pool
from purchasing.operations.progress import refresh_progress
from purchasing.splitting import Share
from retail.common.copying import insert_rows

_COLUMNS = (
    "invoice_line_id",
    "order_line_id",
    "receipt_line_id",
    "units",
    "is_price_only",
    "matched_at",
)


def store_matches(
    pool: Pool, shares: Sequence[Share], price_only: Collection[int], *, at: datetime
) -> set[int]:
    """Write only what differs from the rows there are; return the lines that got new rows."""
    wanted = {share[:3]: share.units for share in shares}
    gone, changed = [], []
    for match in pool.matches:
        units = wanted.pop(match[1:4], 0)
        is_price_only = match.invoice_line_id in price_only
        if not units:
            gone.append(match.id)
        elif (units, is_price_only) != (match.units, match.is_price_only):
            changed.append((match.id, units, is_price_only))
    if gone:
        MatchAllocation.objects.filter(pk__in=gone).delete()
    _update_matches(changed, at=at)
    insert_rows(
        table=MatchAllocation._meta.db_table,  # noqa: SLF001 - Django's documented model API
        columns=_COLUMNS,
        rows=[(*key, units, key[0] in price_only, at) for key, units in wanted.items()],
    )
    return {invoice_line_id for invoice_line_id, _, _ in wanted}


def _update_matches(changed: Sequence[tuple[int, int, bool]], *, at: datetime) -> None:
    if not changed:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE purchasing_matchallocation AS match
               SET units = now.units, is_price_only = now.is_price_only, matched_at = %s
              FROM unnest(%s::bigint[], %s::int[], %s::boolean[]) AS now (id, units, is_price_only)
             WHERE match.id = now.id
            """,
            [at, *(list(column) for column in zip(*changed, strict=True))],
        )


def store_counters(
    pool: Pool, shares: Sequence[Share], price_only: Collection[int], *, at: datetime
) -> None:
    """Bring the running totals of order and receipt lines in step with the matches."""
    invoiced: Counter[int] = Counter()
    matched: Counter[int | None] = Counter()
    sign = {pk: -1 if pool.gives_back(line) else 1 for pk, line in pool.lines.items()}
    for line_id, order_line_id, receipt_line_id, share in shares:
        if line_id not in price_only:
            units = share * sign[line_id]
            invoiced[order_line_id] += units
            matched[receipt_line_id] += units
    more_invoiced = {
        line.id: change
        for line in pool.order_lines
        if (change := invoiced[line.id] - line.invoiced)
    }
    _add("purchasing_purchaseorderline", "invoiced", more_invoiced)
    _add(
        "purchasing_goodsreceiptline",
        "matched",
        {
            line.id: change
            for line in pool.receipt_lines
            if (change := matched[line.id] - line.matched)
        },
    )
    orders = {line.order_id for line in pool.order_lines if line.id in more_invoiced}
    refresh_progress(order_ids=orders, at=at)


def _add(table: str, column: str, changes: Mapping[int, int]) -> None:
    if not changes:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {table} AS line SET {column} = line.{column} + change.units
              FROM unnest(%s::bigint[], %s::int[]) AS change (id, units)
             WHERE line.id = change.id
            """,  # noqa: S608 - names of ours
            [list(changes), list(changes.values())],
        )
