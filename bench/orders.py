"""
The list of orders and the page of one, with a million of them.

Beside each page stands the SQL that reads the same rows and renders nothing. A page also says how
many queries it takes and how long the database is busy with them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from itertools import repeat
from typing import Any

from django.db import connection
from django.test import Client
from django.urls import reverse

from bench.harness import Measure, gather_statistics, in_turn
from bench.order_rows import make_orders
from orders.models import Order
from retail.common.models import User

_COLUMNS = """
    SELECT o.id, o.number, o.external_number, channel.name, customer.name, o.placed_at, o.ship_by,
           o.lifecycle, o.fulfillment_status, o.payment_status, o.total, o.currency,
           ARRAY(SELECT kind FROM orders_orderhold AS hold
                  WHERE hold.order_id = o.id AND hold.released_at IS NULL)
      FROM orders_order AS o JOIN channels_channel AS channel ON channel.id = o.channel_id
      LEFT JOIN customers_customer AS customer ON customer.id = o.customer_id
"""
_NEWEST = "ORDER BY o.placed_at DESC, o.id DESC LIMIT 50"
_FIRST_DUE = "ORDER BY o.ship_by, o.placed_at, o.id LIMIT 50"
_PROMISED = """
    WHERE lifecycle = 'CONFIRMED' AND EXISTS (
        SELECT FROM orders_orderline AS line JOIN orders_lineallocation AS promised
            ON promised.line_id = line.id WHERE line.order_id = o.id AND promised.units > 0)
"""
# What the list is called, its query, and the statement's parts that read its rows by hand.
LISTS = (
    ("newest", "", "", _NEWEST),
    ("the last page shown", "p=20", "", f"{_NEWEST} OFFSET 950"),
    ("one channel", "channel__id__exact={channel}", "WHERE o.channel_id = %(channel)s", _NEWEST),
    ("one place", "location__id__exact={place}", "WHERE o.location_id = %(place)s", _NEWEST),
    ("held back", "lifecycle__exact=PLACED", "WHERE o.lifecycle = 'PLACED'", _NEWEST),
    ("called off", "lifecycle__exact=CANCELLED", "WHERE o.lifecycle = 'CANCELLED'", _NEWEST),
    ("drafts", "lifecycle__exact=DRAFT", "WHERE o.lifecycle = 'DRAFT'", _NEWEST),
    ("unpaid", "payment_status__exact=UNPAID", "WHERE o.payment_status = 'UNPAID'", _NEWEST),
    (
        "not shipped",
        "fulfillment_status__exact=UNFULFILLED",
        "WHERE o.fulfillment_status = 'UNFULFILLED'",
        _NEWEST,
    ),
    (
        "returned, of one channel and place",
        "return_status__exact=RETURNED&channel__id__exact={channel}&location__id__exact={place}",
        """WHERE o.return_status = 'RETURNED' AND o.channel_id = %(channel)s
            AND o.location_id = %(place)s""",
        _NEWEST,
    ),
    (
        "one month long ago",
        "placed_at_from={first}&placed_at_to={last}",
        "WHERE o.placed_at >= %(first)s AND o.placed_at < %(last)s",
        _NEWEST,
    ),
    (
        "held by hand",
        "hold=MANUAL",
        """WHERE o.id IN (SELECT order_id FROM orders_orderhold
                            WHERE released_at IS NULL AND kind = 'MANUAL')""",
        _NEWEST,
    ),
    (
        "needs attention",
        "queue=attention",
        """WHERE o.id IN (SELECT order_id FROM orders_orderhold WHERE released_at IS NULL
                     UNION SELECT order_id FROM orders_channelconflict WHERE decided_at IS NULL
                     UNION SELECT id FROM orders_order WHERE lifecycle IN ('PLACED', 'CONFIRMED')
                                                         AND ship_by < now())""",
        _NEWEST,
    ),
    (
        "waiting for stock",
        "queue=stock",
        """WHERE o.lifecycle IN ('PLACED', 'CONFIRMED') AND EXISTS (
                SELECT FROM orders_orderline AS line
                 WHERE line.order_id = o.id AND line.is_stocked AND line.variant_id IS NOT NULL
                   AND (line.ordered - line.cancelled - line.shipped) * line.pack_size
                       > (SELECT coalesce(sum(units), 0) FROM orders_lineallocation AS promised
                           WHERE promised.line_id = line.id))""",
        _FIRST_DUE,
    ),
    ("to ship", "queue=ship", _PROMISED, _FIRST_DUE),
    (
        "to pick",
        "queue=pick",
        f"""{_PROMISED} AND NOT EXISTS (
                SELECT FROM orders_fulfillment AS begun WHERE begun.order_id = o.id
                    AND begun.status IN ('PICKING', 'PACKED', 'READY'))""",
        _FIRST_DUE,
    ),
    (
        "to pack",
        "queue=pack",
        """WHERE o.id IN (SELECT order_id FROM orders_fulfillment WHERE status = 'PICKING')""",
        _FIRST_DUE,
    ),
    (
        "returns to decide",
        "queue=returns",
        """WHERE o.id IN (SELECT order_id FROM orders_return
                            WHERE status IN ('REQUESTED', 'RECEIVED'))""",
        _NEWEST,
    ),
    ("search our number", "q={number}", "WHERE o.number = %(number)s", _NEWEST),
    (
        "search the channel's number",
        "q={external_number}",
        "WHERE o.external_number = %(external_number)s",
        _NEWEST,
    ),
    (
        "search a rare name",
        "q={name}",
        """WHERE o.customer_id IN (SELECT id FROM customers_customer
                 WHERE upper(name) LIKE '%%' || upper(%(name)s) || '%%')""",
        _NEWEST,
    ),
    (
        "search a common name",
        "q=anna",
        """WHERE o.customer_id IN (SELECT id FROM customers_customer
                 WHERE upper(name) LIKE '%%ANNA%%')""",
        _NEWEST,
    ),
    (
        "search a common name of one channel, unpaid",
        "q=anna&channel__id__exact={channel}&payment_status__exact=UNPAID",
        """WHERE o.channel_id = %(channel)s AND o.payment_status = 'UNPAID'
                AND o.customer_id IN (SELECT id FROM customers_customer
                     WHERE upper(name) LIKE '%%ANNA%%')""",
        _NEWEST,
    ),
    (
        "search an e-mail address",
        "q={mail}",
        """WHERE o.customer_id IN (SELECT customer_id FROM customers_customeridentity
                 WHERE kind = 'EMAIL' AND is_active AND normalised = %(mail)s)""",
        _NEWEST,
    ),
    (
        "search a tracking number",
        "q={tracking_number}",
        """WHERE o.id IN (SELECT order_id FROM orders_fulfillment AS fulfillment
                 JOIN orders_parcel AS parcel ON parcel.fulfillment_id = fulfillment.id
                WHERE parcel.tracking_number = %(tracking_number)s)""",
        _NEWEST,
    ),
    (
        "search a SKU",
        "q={sku}",
        """WHERE o.id IN (SELECT order_id FROM orders_orderline
                            WHERE upper(raw_sku) = %(sku)s)""",
        _NEWEST,
    ),
    ("search what is nowhere", "q=nowhere", "WHERE o.number = 'NOWHERE'", _NEWEST),
)
_ONE_ORDER = (
    f"{_COLUMNS} WHERE o.id = %(order)s",
    """
    SELECT line.*, variant.sku, (SELECT sum(units) FROM orders_lineallocation AS promised
                                  WHERE promised.line_id = line.id)
      FROM orders_orderline AS line
      LEFT JOIN catalog_variant AS variant ON variant.id = line.variant_id
     WHERE line.order_id = %(order)s ORDER BY line.id
    """,
    """
    SELECT * FROM orders_fulfillment AS fulfillment
      LEFT JOIN orders_parcel AS parcel ON parcel.fulfillment_id = fulfillment.id
     WHERE fulfillment.order_id = %(order)s ORDER BY fulfillment.id
    """,
    "SELECT * FROM orders_orderhold WHERE order_id = %(order)s ORDER BY id",
    "SELECT * FROM orders_return WHERE order_id = %(order)s ORDER BY id",
    "SELECT * FROM orders_payment WHERE order_id = %(order)s ORDER BY id",
    "SELECT * FROM orders_refund WHERE order_id = %(order)s ORDER BY id",
    "SELECT * FROM orders_orderevent WHERE order_id = %(order)s ORDER BY id",
)


@dataclass(frozen=True, slots=True)
class Page:
    """A page: what it is called, its address, and the statements that read its rows by hand."""

    name: str
    url: str
    by_hand: tuple[str, ...]


def measure(*, orders: int = 1_000_000, turns: int = 7) -> list[Measure]:
    """Measure the pages of a shop with so many orders."""
    make_orders(orders=orders)
    gather_statistics()
    return measured(browser(), what_is_looked_for(), turns=turns)


def measured(client: Client, given: Mapping[str, Any], *, turns: int) -> list[Measure]:
    """Measure the pages of the shop that is there."""
    return [measured_page(page, given, client, turns=turns) for page in pages(given)]


def what_is_looked_for() -> dict[str, Any]:
    """Return the numbers, names and days that the pages ask for, of an order in the middle."""
    order = (
        Order.objects.filter(
            return_status=Order.ReturnStatus.NONE, lifecycle=Order.Lifecycle.COMPLETED
        )[Order.objects.count() // 2 :]
        .select_related("customer")[:1]
        .get()
    )
    assert order.customer is not None  # noqa: S101 - made so by this module
    return {
        "order": order.pk,
        "channel": order.channel_id,
        "place": order.location_id,
        "first": order.placed_at.date(),
        "last": order.placed_at.date() + timedelta(days=30),
        "number": order.number,
        "external_number": order.external_number,
        "name": order.customer.name.split()[-1],
        "mail": order.customer.identities.get().normalised,
        "tracking_number": order.fulfillments.get().parcels.get().tracking_number,
        "sku": order.lines.order_by("pk")[0].raw_sku,
    }


def pages(given: Mapping[str, Any]) -> Iterator[Page]:
    """Yield the list as it opens, narrowed and searched in every way, and the page of an order."""
    listed = reverse("admin:orders_order_changelist")
    for name, query, where, rest in LISTS:
        by_hand = f"{_COLUMNS} {where} {rest}"
        yield Page(f"order list, {name}", f"{listed}?{query.format(**given)}", (by_hand,))
    page = reverse("admin:orders_order_change", args=[given["order"]])
    yield Page("order page", page, _ONE_ORDER)


def browser() -> Client:
    """Return a browser in which somebody is signed in who sees everything."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(User.objects.create_superuser(username="bench"))
    return client


def measured_page(page: Page, given: Mapping[str, Any], client: Client, *, turns: int) -> Measure:
    """Open a page and read its rows by hand, in turn."""
    _open(client, page)  # templates are read once, whoever opens the first page
    with _database_work() as queries:
        _open(client, page)
    measured = in_turn(
        name=page.name,
        unit="pages",
        units=1,
        ours=repeat(partial(_open, client, page), turns),
        theirs=repeat(partial(_read_by_hand, page, given), turns),
    )
    return replace(
        measured, note=f"{len(queries)} queries, {1000 * sum(queries):.0f} ms of database"
    )


def _open(client: Client, page: Page) -> None:
    answer = client.get(page.url)
    if answer.status_code != HTTPStatus.OK:
        msg = f"{page.url} answers {answer.status_code}."
        raise RuntimeError(msg)


def _read_by_hand(page: Page, given: Mapping[str, Any]) -> None:
    with connection.cursor() as cursor:
        for statement in page.by_hand:
            cursor.execute(statement, given)
            cursor.fetchall()


@contextmanager
def _database_work() -> Iterator[list[float]]:
    """Yield a list that gets the seconds of each query done in the block."""
    seconds: list[float] = []

    def timed(execute: Callable[..., Any], *arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            seconds.append(time.perf_counter() - begun)

    with connection.execute_wrapper(timed):
        yield seconds
