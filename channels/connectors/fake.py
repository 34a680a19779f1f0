"""The connector of the practice shop, which speaks the wire of `channels.fakeshop`."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from channels.connectors.base import (
    CancellationPush,
    ChannelRefused,
    IncomingAddress,
    IncomingBuyer,
    IncomingLine,
    IncomingOrder,
    IncomingStatus,
    PushResult,
    RefundPush,
    RemoteListing,
    StockPush,
    TrackingPush,
)
from channels.connectors.fake_payments import read_payments, read_refunds, write_payments
from channels.connectors.http import ChannelHttp, ChannelLacksIt
from channels.connectors.reading import RowReader

# The shop stamps changes in whole seconds and answers with what is later than the asked moment.
GRAIN = timedelta(seconds=1)
ROWS_PER_PAGE = 100
ITEMS_PER_BATCH = 100
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
STATUSES = {
    "processing": IncomingStatus.OPEN,
    "completed": IncomingStatus.SHIPPED,
    "cancelled": IncomingStatus.CANCELLED,
}


class FakeConnector:
    """
    Reads and writes one practice shop.

    token: what the shop asks for; its owner sets it when the shop is started.
    """

    def __init__(self, *, address: str, token: str, seconds_to_answer: float = 15) -> None:
        self._http = ChannelHttp(
            address=address,
            headers={"Authorization": f"Bearer {token}"},
            seconds_to_answer=seconds_to_answer,
        )

    def orders_changed_since(self, moment: datetime | None) -> Iterator[IncomingOrder]:
        """
        Yield orders changed at or after the moment, oldest change first, each version once.

        Orders move to the end while they are read, which would push others over the edge between
        two numbered pages. So each reading starts anew from the second of the last row; only more
        rows of one second than a page holds are read by page number.

        :raises ChannelRefused: the shop shows what it was not asked for.
        """
        since = None if moment is None else moment.replace(microsecond=0) - GRAIN
        seen: set[tuple[str, datetime]] = set()
        page = 1
        while True:
            rows = self._order_rows(since, page)
            orders = [read_order(row) for row in rows]
            for order in orders:
                if since is not None and LONG_AGO < order.updated_at <= since:
                    raise ChannelRefused(f"The shop shows changes from before {since}.")
                if (order.external_id, order.updated_at) not in seen:
                    seen.add((order.external_id, order.updated_at))
                    yield order
            if len(rows) < ROWS_PER_PAGE:
                return
            restart = orders[-1].updated_at - GRAIN
            if since is None or restart > since:
                since, page = restart, 1
            else:
                page += 1

    def order(self, external_id: str) -> IncomingOrder | None:
        """Read one order as it is now; None when the shop has none of this id."""
        try:
            return read_order(self._http.request("GET", _order_path(external_id)))
        except ChannelLacksIt:
            return None

    def listings(self) -> Iterator[RemoteListing]:
        """Yield everything the shop shows for sale."""
        page = 1
        while True:
            answer = self._http.request(
                "GET", "/products", query={"page": page, "per_page": ROWS_PER_PAGE}
            )
            rows = _list_of(answer, "products")
            for row in rows:
                yield _read_listing(row)
            if len(rows) < ROWS_PER_PAGE:
                return
            page += 1

    def push_stock(self, pushes: Sequence[StockPush]) -> list[PushResult]:
        """
        Set quantities, a hundred per call; one result per push, in their order.

        When a later call fails the earlier ones have had their effect; all may be pushed again.
        """
        errors: dict[tuple[str, str], str] = {
            (push.external_product_id, push.external_variant_id): "A quantity is not negative."
            for push in pushes
            if push.quantity < 0
        }
        sent = [push for push in pushes if push.quantity >= 0]
        for start in range(0, len(sent), ITEMS_PER_BATCH):
            errors |= self._push_batch(sent[start : start + ITEMS_PER_BATCH])
        return [
            PushResult(
                external_product_id=push.external_product_id,
                external_variant_id=push.external_variant_id,
                error=errors.get(
                    (push.external_product_id, push.external_variant_id),
                    "The shop did not answer for this article.",
                ),
            )
            for push in pushes
        ]

    def push_tracking(self, push: TrackingPush) -> None:
        """Tell about a parcel; the same tracking number again changes nothing."""
        body: dict[str, Any] = {
            "carrier": push.carrier,
            "tracking_number": push.tracking_number,
            "shipped_at": push.shipped_at.isoformat(),
            "lines": push.lines,
        }
        if push.tracking_url:
            body["tracking_url"] = push.tracking_url
        if push.replaces:
            body["replaces"] = list(push.replaces)
        self._http.request("POST", f"{_order_path(push.external_order_id)}/shipments", body=body)

    def push_refund(self, push: RefundPush) -> str:
        """
        Let money be given back; the id of the refund there, the same one when told again.

        :raises ChannelRefused: the shop says no, or its answer names no refund.
        """
        answer = self._http.request(
            "POST",
            f"{_order_path(push.external_order_id)}/refunds",
            body={
                "reference": push.reference,
                "amount": str(push.amount),
                "currency": push.currency,
                "reason": push.reason,
                "payment": push.payment,
                "lines": push.lines,
            },
        )
        external_id = RowReader(answer, []).text("id")
        if not external_id:
            raise ChannelRefused("The shop's answer names no refund.")
        return external_id

    def push_cancellation(self, push: CancellationPush) -> None:
        """Tell what will not be shipped; the same key again changes nothing."""
        self._http.request(
            "POST",
            f"{_order_path(push.external_order_id)}/cancellations",
            body={"key": push.key, "reason": push.reason, "lines": push.lines},
        )

    def _order_rows(self, since: datetime | None, page: int) -> list[Any]:
        query: dict[str, str | int] = {"page": page, "per_page": ROWS_PER_PAGE}
        if since is not None:
            query["modified_after"] = since.isoformat()
        return _list_of(self._http.request("GET", "/orders", query=query), "orders")

    def _push_batch(self, pushes: Sequence[StockPush]) -> dict[tuple[str, str], str]:
        """Return what the shop said to each article it answered for; empty when it took it."""
        items = [
            {
                "product_id": push.external_product_id,
                "variant_id": push.external_variant_id,
                "stock": push.quantity,
            }
            for push in pushes
        ]
        answer = self._http.request("PUT", "/stock", body={"items": items})
        said = {}
        for row in _list_of(answer, "items"):
            item = RowReader(row, [])
            error = item.part("error")
            message = "" if error is None else error.text("message") or "Refused without a reason."
            said[item.text("product_id"), item.text("variant_id")] = message
        return said


def _order_path(external_id: str) -> str:
    return f"/orders/{quote(external_id, safe='')}"


def _list_of(answer: object, key: str) -> list[Any]:
    """
    Return the list in an answer.

    :raises ChannelRefused: there is none; an error must not read as "nothing there".
    """
    rows = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise ChannelRefused(f"The shop's answer holds no {key}.")
    return rows


def _read_listing(row: object) -> RemoteListing:
    problems: list[str] = []
    reader = RowReader(row, problems)
    return RemoteListing(
        external_product_id=reader.text("product_id"),
        external_variant_id=reader.text("variant_id"),
        sku=reader.text("sku"),
        gtin=reader.text("gtin"),
        title=reader.text("title"),
        quantity=reader.units("stock"),
        price=reader.amount("price"),
    )


def read_order(row: object) -> IncomingOrder:
    """Read an order of the wire; what cannot be read is empty and stands in its problems."""
    problems: list[str] = []
    reader = RowReader(row, problems)
    placed_at, updated_at = reader.moment("created_at"), reader.moment("updated_at")
    buyer, address = reader.part("customer"), reader.part("shipping_address")
    external_id = reader.text("id")
    if not external_id:
        # Named by its content: the same row again is the same order.
        content = json.dumps(row, sort_keys=True, default=str)
        external_id = f"unreadable-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
        problems.append("The order has no id.")
    if updated_at is None:
        problems.append("The order does not say when it was changed.")
    changed_at = updated_at or placed_at or LONG_AGO
    return IncomingOrder(
        external_id=external_id,
        external_number=reader.text("number"),
        status=_read_status(reader),
        currency=_read_currency(reader),
        total=reader.amount("total"),
        placed_at=placed_at or changed_at,
        updated_at=changed_at,
        lines=_read_lines(reader),
        buyer=_read_buyer(buyer) if buyer else None,
        delivery_address=_read_address(address) if address else None,
        shipping_total=reader.amount("shipping_total"),
        discount_total=reader.amount("discount_total"),
        tax_total=reader.amount("tax_total"),
        is_paid=reader.flag("is_paid"),
        payment_method=reader.text("payment_method"),
        payments=read_payments(reader, changed_at),
        refunds=read_refunds(reader, changed_at),
        ship_by=reader.moment("ship_by"),
        pickup_location=reader.text("pickup_location"),
        note=reader.text("note"),
        merged_into=reader.text("merged_into"),
        problems=tuple(problems),
    )


def write_order(order: IncomingOrder) -> dict[str, Any]:
    """Return the row of the wire that reads as this order: to fill a practice shop with it."""
    statuses = {status: name for name, status in STATUSES.items()}
    return {
        "id": order.external_id,
        "number": order.external_number,
        "status": statuses[order.status],
        "currency": order.currency,
        "total": str(order.total),
        "created_at": order.placed_at.isoformat(),
        "updated_at": order.updated_at.isoformat(),
        "customer": asdict(order.buyer) if order.buyer else None,
        "shipping_address": asdict(order.delivery_address) if order.delivery_address else None,
        "shipping_total": str(order.shipping_total),
        "discount_total": str(order.discount_total),
        "tax_total": str(order.tax_total),
        "is_paid": order.is_paid,
        "ship_by": order.ship_by.isoformat() if order.ship_by else None,
        "pickup_location": order.pickup_location,
        "note": order.note,
        "merged_into": order.merged_into,
        "lines": [
            {
                "id": line.external_line_id,
                "kind": "product" if line.is_stocked else "fee",
                "product_id": line.external_product_id,
                "variant_id": line.external_variant_id,
                "sku": line.sku,
                "gtin": line.gtin,
                "name": line.name,
                "quantity": line.quantity,
                "price": str(line.unit_price),
                "discount": str(line.discount),
                "tax": str(line.tax),
                "total": str(line.total),
            }
            for line in order.lines
        ],
        **write_payments(order),
    }


def _read_status(order: RowReader) -> IncomingStatus:
    status = order.text("status")
    if status not in STATUSES:
        order.problems.append(f"The status {status!r} is unknown.")
    return STATUSES.get(status, IncomingStatus.OPEN)


def _read_currency(order: RowReader) -> str:
    currency = order.text("currency")
    if re.fullmatch("[A-Z]{3}", currency):
        return currency
    order.problems.append(f"{currency!r} is no currency.")
    return ""


def _read_lines(order: RowReader) -> tuple[IncomingLine, ...]:
    lines: list[IncomingLine] = []
    taken: set[str] = set()
    for place, row in enumerate(order.rows("lines"), start=1):
        line_id = row.text("id")
        if not line_id or line_id in taken:
            order.problems.append(f"Line {place} has no id of its own.")
            line_id = f"{line_id}#{place}"
        taken.add(line_id)
        lines.append(
            IncomingLine(
                external_line_id=line_id,
                quantity=row.units("quantity"),
                unit_price=row.amount("price"),
                total=row.amount("total"),
                external_product_id=row.text("product_id"),
                external_variant_id=row.text("variant_id"),
                sku=row.text("sku"),
                gtin=row.text("gtin"),
                name=row.text("name"),
                discount=row.amount("discount"),
                tax=row.amount("tax"),
                is_stocked=row.text("kind") in {"", "product"},
            )
        )
    return tuple(lines)


def _read_buyer(row: RowReader) -> IncomingBuyer:
    return IncomingBuyer(
        account=row.text("account"),
        email=row.text("email"),
        phone=row.text("phone"),
        name=row.text("name"),
        company=row.text("company"),
    )


def _read_address(row: RowReader) -> IncomingAddress:
    return IncomingAddress(
        name=row.text("name"),
        company=row.text("company"),
        street=row.text("street"),
        street_extra=row.text("street_extra"),
        postcode=row.text("postcode"),
        city=row.text("city"),
        region=row.text("region"),
        country=row.text("country"),
        phone=row.text("phone"),
    )
