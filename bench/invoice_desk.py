"""
The invoice desk with 50,000 open bills: the queue by role, by state and by age, and one bill.

Beside each page stands the SQL that reads the same rows and renders nothing. A page also says how
many queries it takes and how long the database is busy with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.urls import reverse

from bench.harness import Measure, gather_statistics
from bench.invoice_rows import make_open_invoices
from bench.orders import Page, browser, measured_page
from purchasing.models import MatchException
from retail.common.models import User

# A row for each bill: the difference that is due first, of all that the role has to decide.
_WAITING = """
    SELECT exception.*, invoice.*, supplier.name
      FROM purchasing_matchexception AS exception
      JOIN purchasing_supplierinvoice AS invoice ON invoice.id = exception.invoice_id
      JOIN purchasing_supplier AS supplier ON supplier.id = invoice.supplier_id
     WHERE exception.status = 'OPEN' AND exception.is_blocking AND invoice.status <> 'MATCHING'
       AND {whose} AND NOT EXISTS (
        SELECT FROM purchasing_matchexception AS earlier
         WHERE earlier.invoice_id = exception.invoice_id AND earlier.status = 'OPEN'
           AND earlier.is_blocking AND {earlier_whose}
           AND (earlier.due_on, earlier.id) < (exception.due_on, exception.id))
     ORDER BY exception.due_on, exception.id LIMIT 50 {offset}
"""
_IN_STATE = """
    SELECT invoice.*, supplier.name FROM purchasing_supplierinvoice AS invoice
      JOIN purchasing_supplier AS supplier ON supplier.id = invoice.supplier_id
     WHERE invoice.status = '{status}' AND {rest} ORDER BY invoice.due_on, invoice.id LIMIT 50
"""
_NOTHING_OPEN = """NOT EXISTS (SELECT FROM purchasing_matchexception AS exception
    WHERE exception.invoice_id = invoice.id AND exception.status = 'OPEN'
      AND exception.is_blocking)"""
_COUNTS = (
    """
    SELECT owner, count(DISTINCT invoice_id), sum(at_stake),
           count(DISTINCT invoice_id) FILTER (WHERE exception.due_on < current_date)
      FROM purchasing_matchexception AS exception
      JOIN purchasing_supplierinvoice AS invoice ON invoice.id = exception.invoice_id
     WHERE exception.status = 'OPEN' AND is_blocking AND invoice.status <> 'MATCHING' GROUP BY 1
    """,
    """
    SELECT status, count(*) FROM purchasing_supplierinvoice
     WHERE status IN ('CAPTURED', 'MATCHING', 'MATCHED', 'APPROVED') GROUP BY 1
    """,
    """
    SELECT count(*) FROM purchasing_supplierinvoice AS invoice
     WHERE status = 'ON_HOLD' AND NOT EXISTS (
        SELECT FROM purchasing_matchexception AS exception
         WHERE exception.invoice_id = invoice.id AND exception.status = 'OPEN'
           AND exception.is_blocking)
    """,
)
_ONE_BILL = (
    "SELECT * FROM purchasing_supplierinvoice WHERE id = %(invoice)s",
    "SELECT * FROM purchasing_matchexception WHERE invoice_id = %(invoice)s ORDER BY id",
    "SELECT * FROM purchasing_invoicestep WHERE invoice_id = %(invoice)s ORDER BY id",
    """
    SELECT line.*, match.*, ordered.*, came.* FROM purchasing_supplierinvoiceline AS line
      LEFT JOIN purchasing_matchallocation AS match ON match.invoice_line_id = line.id
      LEFT JOIN purchasing_purchaseorderline AS ordered ON ordered.id = match.order_line_id
      LEFT JOIN purchasing_goodsreceiptline AS came ON came.order_line_id = ordered.id
     WHERE line.invoice_id = %(invoice)s ORDER BY line.position
    """,
)


def measure(*, invoices: int = 50_000, turns: int = 7) -> list[Measure]:
    """Measure the pages of the desk with so many open bills."""
    client = browser()
    make_open_invoices(invoices=invoices, person_id=User.objects.get(username="bench").pk)
    gather_statistics()
    given = what_is_looked_at()
    return [measured_page(page, given, client, turns=turns) for page in pages(given)]


def what_is_looked_at() -> dict[str, Any]:
    """Return the bill in the middle of the buyers' queue."""
    waiting = MatchException.objects.filter(status="OPEN", owner="Buyer").order_by("due_on", "pk")
    return {"invoice": waiting[waiting.count() // 2].invoice_id}


def pages(given: Mapping[str, Any]) -> Iterator[Page]:
    """Yield the queue as each role and state opens it, and one bill in it."""
    queue = reverse("admin:purchasing_supplierinvoice_queue")
    late = "{}.due_on < current_date"
    for name, query, whose, offset in (
        ("of one role", "role=Buyer", "{}.owner = 'Buyer'", ""),
        ("of one role, the last page shown", "role=Buyer&page=20", "{}.owner = 'Buyer'", "950"),
        ("overdue", "role=Buyer&age=overdue", f"{{}}.owner = 'Buyer' AND {late}", ""),
        ("everybody's", "role=all", "true", ""),
    ):
        by_hand = _WAITING.format(
            whose=whose.format("exception", "exception"),
            earlier_whose=whose.format("earlier", "earlier"),
            offset=f"OFFSET {offset}" if offset else "",
        )
        yield Page(f"desk, {name}", f"{queue}?{query}", (by_hand, *_COUNTS))
    for name, state, status, rest in (
        ("to be approved", "matched", "MATCHED", "true"),
        ("waiting for a credit or correction", "correction", "ON_HOLD", _NOTHING_OPEN),
    ):
        by_hand = _IN_STATE.format(status=status, rest=rest)
        yield Page(f"desk, {name}", f"{queue}?state={state}", (by_hand, *_COUNTS))
    bill = reverse("admin:purchasing_supplierinvoice_desk", args=[given["invoice"]])
    yield Page("desk, one bill", f"{bill}?role=Buyer", _ONE_BILL)
