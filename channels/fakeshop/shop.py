"""What the practice shop knows and what can happen in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from pathlib import Path
from random import Random
from threading import RLock
from typing import Any

from channels.fakeshop.buyers import choose_buyer

Row = dict[str, Any]

CENT = Decimal("0.01")
TAX_RATE = Decimal("0.20")
POSTAGE = Decimal("3.95")
POSTAGE_FREE_FROM = Decimal(50)
DAYS_TO_SHIP = 2
MOST_ITEMS_PER_BATCH = 100
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class ShopError(Exception):
    """The shop says no, with this HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Fault:
    """
    A way in which the next answers go wrong.

    kind: error (500), rate_limit (429), slow, lost_answer (the effect without the answer), html (a
    proxy's page), item_error (one article of a stock batch), duplicate (a row twice),
    ignored_filter (all orders whatever was asked).
    path: only requests whose path begins so.
    """

    kind: str
    times: int = 1
    path: str = "/"
    seconds: float = 0
    product_id: str = ""


class Shop:
    """
    Products with stock, orders with buyers, all in memory; safe to use from several threads.

    Stock is what the shop believes it may sell. Stamps of change have whole seconds. With a state
    file everything is written there after each change and read from there at the start.
    """

    def __init__(
        self,
        *,
        currency: str = "GBP",
        state_path: Path | None = None,
        chance: Random | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.currency = currency
        self._state_path = state_path
        self._chance = chance or Random()  # noqa: S311 - made-up sales, no secrets
        self._clock = clock
        self._lock = RLock()
        self._clear()
        if state_path and state_path.exists():
            self._load(json.loads(state_path.read_text()))

    def seed(self, content: Mapping[str, Any]) -> Row:
        """
        Put in products and orders as they are given; with `reset` everything earlier goes first.

        products: rows of product_id, variant_id, sku, gtin, title, price, stock.
        orders: rows of the wire, kept verbatim even when they make no sense.
        """
        with self._lock:
            if content.get("reset"):
                self._clear()
            self._load({"buyers": self._buyers, "last_number": self._last_number, **content})
            self._save()
            return {"products": len(self._products), "orders": len(self._orders)}

    def add_fault(self, content: Mapping[str, Any]) -> Row:
        """Let the next answers go wrong in one way."""
        with self._lock:
            self._faults.append(Fault(**content))
            return {"faults": len(self._faults)}

    def take_fault(self, path: str) -> Fault | None:
        """Return how the answer to a request of this path goes wrong, if it does."""
        with self._lock:
            for fault in self._faults:
                if path.startswith(fault.path) and fault.times > 0:
                    fault.times -= 1
                    return fault
            return None

    def products(self, *, page: int, per_page: int) -> Row:
        """Return one page of what is for sale."""
        with self._lock:
            return _page("products", list(self._products.values()), page, per_page)

    def orders(self, *, modified_after: datetime | None, page: int, per_page: int) -> Row:
        """Return one page of the orders changed later than a moment, the oldest change first."""
        with self._lock:
            rows = sorted(self._orders.values(), key=lambda row: (_changed_at(row), str(row["id"])))
            if modified_after is not None:
                # Strictly later, and stamps have whole seconds: the second asked for is left out.
                edge = modified_after.replace(microsecond=0)
                rows = [row for row in rows if _changed_at(row) > edge]
            return _page("orders", rows, page, per_page)

    def order(self, order_id: str) -> Row:
        """Return one order."""
        with self._lock:
            return dict(self._order(order_id))

    def shipments(self, order_id: str) -> list[Row]:
        """Return what was said about the parcels of an order."""
        with self._lock:
            return list(self._order(order_id).get("shipments", []))

    def refunds(self, order_id: str) -> list[Row]:
        """Return what was given back for an order."""
        with self._lock:
            return list(self._order(order_id).get("refunds", []))

    def set_stock(self, items: Sequence[Mapping[str, Any]], *, failing: Fault | None) -> Row:
        """Set quantities; what is wrong with one item is said there and stops no other."""
        if len(items) > MOST_ITEMS_PER_BATCH:
            raise ShopError(413, f"At most {MOST_ITEMS_PER_BATCH} items at once.")
        with self._lock:
            answers = [self._set_item(item, failing) for item in items]
            self._save()
            return {"items": answers}

    def sell(self) -> Row | None:
        """Let somebody buy something that is in stock; None when nothing is."""
        with self._lock:
            available = [row for row in self._products.values() if row["stock"] > 0]
            if not available:
                return None
            chosen = self._chance.sample(
                available, k=min(len(available), self._chance.choices((1, 2, 3), (6, 3, 1))[0])
            )
            lines = []
            for place, product in enumerate(chosen, start=1):
                quantity = min(product["stock"], self._chance.choices((1, 2, 3), (8, 2, 1))[0])
                product["stock"] -= quantity
                lines.append(_line(place, product, quantity))
            order = self._place(lines)
            self._save()
            return order

    def cancel(self, order_id: str) -> Row:
        """Let the buyer cancel; the pieces are for sale again."""
        with self._lock:
            order = self._order(order_id)
            if order["status"] == "completed":
                raise ShopError(409, "A shipped order cannot be cancelled.")
            if order["status"] != "cancelled":
                for line in order["lines"]:
                    if product := self._products.get((line["product_id"], line["variant_id"])):
                        product["stock"] += line["quantity"]
                order["status"] = "cancelled"
                self._touch(order)
                self._save()
            return order

    def add_shipment(self, order_id: str, shipment: Mapping[str, Any]) -> Row:
        """
        Note a parcel; a tracking number that is known changes nothing.

        A parcel known by a number that this one replaces gets the new number.
        """
        with self._lock:
            order = self._order(order_id)
            parcels = order.setdefault("shipments", [])
            if any(each["tracking_number"] == shipment["tracking_number"] for each in parcels):
                return order
            replaced = shipment.get("replaces", [])
            if known := [each for each in parcels if each["tracking_number"] in replaced]:
                known[0].update({name: shipment[name] for name in ("carrier", "tracking_number")})
                self._touch(order)
                self._save()
                return order
            if order["status"] == "cancelled":
                raise ShopError(422, "The buyer has cancelled this order.")
            parcels.append(dict(shipment))
            if not _is_anything_left(order):
                order["status"] = "completed"
            self._touch(order)
            self._save()
            return order

    def add_refund(self, order_id: str, asked: Mapping[str, Any]) -> Row:
        """Give money back, once per reference; return the refund."""
        with self._lock:
            order = self._order(order_id)
            refunds = order.setdefault("refunds", [])
            for refund in refunds:
                if refund["reference"] == asked["reference"]:
                    return refund
            if asked.get("currency") != order["currency"]:
                raise ShopError(422, f"The order was paid in {order['currency']}.")
            amount = _amount(asked.get("amount"))
            left = _charged(order) - sum((Decimal(each["amount"]) for each in refunds), Decimal(0))
            if not Decimal(0) < amount <= left:
                raise ShopError(422, f"Between 0.01 and {left} can be given back.")
            refund = {
                "id": f"R{order['id']}-{len(refunds) + 1}",
                "reference": asked["reference"],
                "amount": str(amount),
                "at": _stamp(self._clock()),
                "reason": asked.get("reason", ""),
                "lines": [
                    {"id": line_id, "quantity": pieces, "amount": "0.00"}
                    for line_id, pieces in asked.get("lines", {}).items()
                ],
            }
            refunds.append(refund)
            self._touch(order)
            self._save()
            return refund

    def cancellations(self, order_id: str) -> list[Row]:
        """Return what was said about pieces of an order that will not come."""
        with self._lock:
            return list(self._order(order_id).get("cancellations", []))

    def add_cancellation(self, order_id: str, told: Mapping[str, Any]) -> Row:
        """Take pieces off an order that will not come; a key that is known changes nothing."""
        with self._lock:
            order = self._order(order_id)
            earlier = order.setdefault("cancellations", [])
            if any(each["key"] == told["key"] for each in earlier):
                return order
            if order["status"] == "cancelled":
                return order
            lines = {line["id"]: line for line in order["lines"]}
            for line_id, pieces in told["lines"].items():
                if line_id not in lines or not 0 < pieces <= lines[line_id]["quantity"]:
                    raise ShopError(422, f"There are no {pieces} pieces of line {line_id}.")
            earlier.append(dict(told))
            for line_id, pieces in told["lines"].items():
                _take_pieces(order, lines[line_id], pieces)
            order["lines"] = [line for line in order["lines"] if line["quantity"]]
            if not order["lines"]:
                order["status"] = "cancelled"
            elif order.get("shipments") and not _is_anything_left(order):
                order["status"] = "completed"
            self._touch(order)
            self._save()
            return order

    def _order(self, order_id: str) -> Row:
        if order_id not in self._orders:
            raise ShopError(404, "There is no such order.")
        return self._orders[order_id]

    def _set_item(self, item: Mapping[str, Any], failing: Fault | None) -> Row:
        key = str(item.get("product_id", "")), str(item.get("variant_id", ""))
        answer: Row = {"product_id": key[0], "variant_id": key[1]}
        stock = item.get("stock")
        if key not in self._products:
            answer["error"] = {"code": "unknown", "message": "There is no such article."}
        elif not isinstance(stock, int) or isinstance(stock, bool) or stock < 0:
            answer["error"] = {"code": "invalid", "message": "A stock is a whole number from 0."}
        elif failing and failing.product_id in {"", key[0]}:
            answer["error"] = {"code": "locked", "message": "The article is being edited."}
        else:
            self._products[key]["stock"] = stock
            answer["stock"] = stock
        return answer

    def _place(self, lines: list[Row]) -> Row:
        self._last_number += 1
        goods = sum((Decimal(line["total"]) for line in lines), Decimal(0))
        postage = Decimal(0) if goods >= POSTAGE_FREE_FROM else POSTAGE
        buyer = choose_buyer(self._buyers, self._chance)
        now = self._clock()
        order = {
            "id": str(self._last_number),
            "number": f"P{self._last_number}",
            "status": "processing",
            "currency": self.currency,
            "is_paid": True,
            "payment_method": "card",
            "payments": [_card_payment(self._last_number, goods + postage, _stamp(now))],
            "created_at": _stamp(now),
            "updated_at": _stamp(now),
            "ship_by": _stamp(now + timedelta(days=DAYS_TO_SHIP)),
            "customer": buyer["customer"],
            "shipping_address": buyer["shipping_address"],
            "lines": lines,
            "shipping_total": str(postage),
            "discount_total": "0.00",
            "tax_total": str(_tax_within(goods + postage)),
            "total": str(goods + postage),
        }
        self._orders[order["id"]] = order
        return order

    def _touch(self, order: Row) -> None:
        order["updated_at"] = _stamp(self._clock())

    def _clear(self) -> None:
        self._products: dict[tuple[str, str], Row] = {}
        self._orders: dict[str, Row] = {}
        self._buyers: list[Row] = []
        self._faults: list[Fault] = []
        self._last_number = 1000

    def _load(self, content: Mapping[str, Any]) -> None:
        for row in content.get("products", ()):
            product = {"variant_id": "", "sku": "", "gtin": "", "stock": 0, **row}
            self._products[product["product_id"], product["variant_id"]] = product
        for place, row in enumerate(content.get("orders", ())):
            self._orders[str(row.get("id") or f"without id {place}")] = {"id": None, **row}
        self._buyers = list(content.get("buyers", ()))
        self._last_number = content.get("last_number", self._last_number)

    def _save(self) -> None:
        if self._state_path is None:
            return
        content = {
            "products": list(self._products.values()),
            "orders": list(self._orders.values()),
            "buyers": self._buyers,
            "last_number": self._last_number,
        }
        # Renamed into place, so that a shop that is killed leaves a whole file.
        unfinished = self._state_path.with_suffix(".new")
        unfinished.write_text(json.dumps(content))
        unfinished.replace(self._state_path)


def _line(place: int, product: Row, quantity: int) -> Row:
    total = Decimal(product["price"]) * quantity
    return {
        "id": str(place),
        "kind": "product",
        "product_id": product["product_id"],
        "variant_id": product["variant_id"],
        "sku": product["sku"],
        "gtin": product["gtin"],
        "name": product["title"],
        "quantity": quantity,
        "price": product["price"],
        "discount": "0.00",
        "tax": str(_tax_within(total)),
        "total": str(total),
    }


def _card_payment(number: int, amount: Decimal, moment: str) -> Row:
    charged = {"kind": "charged", "amount": str(amount), "at": moment, "reference": f"C{number}"}
    return {"id": f"T{number}", "method": "card", "provider": "practice", "events": [charged]}


def _charged(order: Row) -> Decimal:
    """Return what was paid; a row without transactions says only whether all of it was."""
    if "payments" not in order:
        return Decimal(order["total"]) if order.get("is_paid") else Decimal(0)
    events = [event for payment in order["payments"] for event in payment["events"]]
    charges = (Decimal(event["amount"]) for event in events if event["kind"] == "charged")
    return sum(charges, Decimal(0))


def _amount(text: object) -> Decimal:
    try:
        return Decimal(str(text))
    except InvalidOperation:
        raise ShopError(422, "An amount is a number.") from None


def _take_pieces(order: Row, line: Row, pieces: int) -> None:
    """Take pieces off a line, and what they cost off the line and the order."""
    off = (Decimal(line["total"]) * pieces / line["quantity"]).quantize(CENT, ROUND_HALF_UP)
    line["quantity"] -= pieces
    line["total"] = str(Decimal(line["total"]) - off)
    order["total"] = str(Decimal(order["total"]) - off)


def _tax_within(amount: Decimal) -> Decimal:
    net = amount / (1 + TAX_RATE)
    return (amount - net).quantize(CENT, rounding=ROUND_HALF_UP)


def _is_anything_left(order: Row) -> bool:
    """Tell whether goods are still to come; a parcel that names no lines holds them all."""
    if any(not parcel.get("lines") for parcel in order["shipments"]):
        return False
    sent: dict[str, int] = {}
    for parcel in order["shipments"]:
        for line_id, pieces in parcel["lines"].items():
            sent[line_id] = sent.get(line_id, 0) + pieces
    return any(
        sent.get(line["id"], 0) < line["quantity"]
        for line in order["lines"]
        if line.get("kind", "product") == "product"
    )


def _page(name: str, rows: list[Row], page: int, per_page: int) -> Row:
    start = (page - 1) * per_page
    # Copies: the rows may change while they are written out to the caller.
    return {name: [dict(row) for row in rows[start : start + per_page]], "total": len(rows)}


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _changed_at(row: Row) -> datetime:
    try:
        moment = datetime.fromisoformat(row["updated_at"])
    except (KeyError, TypeError, ValueError):
        return LONG_AGO
    return moment if moment.tzinfo else LONG_AGO
