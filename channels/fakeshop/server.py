"""The practice shop's interface over HTTP, and the clock that makes it sell."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from channels.fakeshop.shop import Fault, Row, Shop, ShopError

MOST_ROWS_PER_PAGE = 100
MOST_BYTES = 20_000_000
SECONDS_TO_WAIT = 1
# What callers add to an order, and what tells one of them from another.
NAMED_BY = {"shipments": "tracking_number", "refunds": "reference"}


class ShopServer(ThreadingHTTPServer):
    """
    Serves one shop on this machine; port 0 takes any that is free.

    token: what callers must send as `Authorization: Bearer <token>`.
    """

    daemon_threads = True

    def __init__(self, shop: Shop, *, token: str, host: str = "127.0.0.1", port: int = 0) -> None:
        super().__init__((host, port), _Handler)
        self.shop = shop
        self.token = token
        self.stopped = Event()

    @property
    def address(self) -> str:
        host, port = self.server_address[:2]
        return f"http://{host!s}:{port}"

    def sell_every(self, seconds: float, announce: Callable[[str], None]) -> None:
        """Sell something every so often until the server stops; give each sale a line of text."""
        while not self.stopped.wait(seconds):
            order = self.shop.sell()
            announce(_sale(order) if order else "Nothing in stock to sell.")

    def shutdown(self) -> None:
        """Stop selling and serving."""
        self.stopped.set()
        super().shutdown()


def _sale(order: Row) -> str:
    goods = ", ".join(f"{line['quantity']} x {line['name']}" for line in order["lines"])
    buyer = order["customer"]["name"]
    return f"Order {order['number']}: {buyer} buys {goods} for {order['total']} {order['currency']}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave in one packet; in two, the caller's delayed acknowledgment costs 40 ms.
    wbufsize = -1
    server: ShopServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Stay silent: what is worth a line is a sale."""

    def _answer(self) -> None:
        path = urlsplit(self.path).path
        body = self._body()
        if not self._is_authorized():
            self._send(401, {"message": "Who is asking?"})
            return
        is_practice = path.startswith("/practice/")
        fault = None if is_practice else self.server.shop.take_fault(path)
        if fault and self._fail_early(fault):
            return
        try:
            content = self._practice(path, body) if is_practice else self._act(path, body, fault)
        except ShopError as error:
            self._send(error.status, {"message": error.message})
            return
        if fault and fault.kind == "lost_answer":
            self.close_connection = True
            return
        self._send(200, content)

    def _act(self, path: str, body: Row, fault: Fault | None) -> Row:
        shop = self.server.shop
        parts = [unquote(part) for part in path.strip("/").split("/")]
        match self.command, parts:
            case "GET", ["products"]:
                return shop.products(**self._page())
            case "GET", ["orders"]:
                is_asked = not (fault and fault.kind == "ignored_filter")
                moment = self._moment("modified_after") if is_asked else None
                content = shop.orders(modified_after=moment, **self._page())
                if fault and fault.kind == "duplicate":
                    content["orders"] = [*content["orders"], *content["orders"][-1:]]
                return content
            case "GET", ["orders", order_id]:
                return shop.order(order_id)
            case "POST", ["orders", order_id, what] if body.get(NAMED_BY.get(what, "")):
                add = shop.add_refund if what == "refunds" else shop.add_shipment
                return add(order_id, body)
            case "POST", ["orders", order_id, "cancellations"] if "key" in body:
                return shop.add_cancellation(order_id, body)
            case "PUT", ["stock"] if isinstance(body.get("items"), list):
                failing = fault if fault and fault.kind == "item_error" else None
                return shop.set_stock(body["items"], failing=failing)
        raise ShopError(404 if self.command == "GET" else 400, "The shop does not understand.")

    def _practice(self, path: str, body: Row) -> Row:
        """Do what a real shop has no interface for: fill it, let it sell, let it fail."""
        shop = self.server.shop
        match self.command, path.strip("/").split("/")[1:]:
            case "POST", ["seed"]:
                return shop.seed(body)
            case "POST", ["faults"]:
                return shop.add_fault(body)
            case "POST", ["sell"]:
                return {"order": shop.sell()}
            case "POST", ["cancel", order_id]:
                return shop.cancel(unquote(order_id))
            case "GET", ["shipments" | "refunds" as what, order_id]:
                tell = shop.refunds if what == "refunds" else shop.shipments
                return {what: tell(unquote(order_id))}
            case "GET", ["cancellations", order_id]:
                return {"cancellations": shop.cancellations(unquote(order_id))}
        raise ShopError(404, "There is nothing to practice here.")

    def _fail_early(self, fault: Fault) -> bool:
        """Spoil the answer before anything happens; False when the fault is of another kind."""
        if fault.kind == "error":
            self._send(500, {"message": "Something broke."})
        elif fault.kind == "rate_limit":
            self._send(429, {"message": "Slow down."}, {"Retry-After": str(int(fault.seconds))})
        elif fault.kind == "html":
            self._send_bytes(200, b"<html>Down for maintenance</html>", "text/html", {})
        else:
            time.sleep(fault.seconds)
            return False
        return True

    def _body(self) -> Row:
        """Return the object that was sent; an empty one when it is no object."""
        length = min(int(self.headers.get("Content-Length") or 0), MOST_BYTES)
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError:
            return {}
        return body if isinstance(body, dict) else {}

    def _is_authorized(self) -> bool:
        sent = self.headers.get("Authorization", "")
        return hmac.compare_digest(sent.encode(), f"Bearer {self.server.token}".encode())

    def _query(self, name: str) -> str:
        return parse_qs(urlsplit(self.path).query).get(name, [""])[0]

    def _page(self) -> dict[str, int]:
        page, per_page = self._query("page") or "1", self._query("per_page") or "50"
        if not (page.isdecimal() and per_page.isdecimal()):
            raise ShopError(400, "Pages are numbers.")
        if not (int(page) >= 1 and 1 <= int(per_page) <= MOST_ROWS_PER_PAGE):
            raise ShopError(400, f"A page has 1 to {MOST_ROWS_PER_PAGE} rows.")
        return {"page": int(page), "per_page": int(per_page)}

    def _moment(self, name: str) -> datetime | None:
        text = self._query(name)
        if not text:
            return None
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ShopError(400, f"{name} is no moment.") from None
        if moment.tzinfo is None:
            raise ShopError(400, f"{name} has no time zone.")
        return moment

    def _send(self, status: int, content: Row, headers: Mapping[str, str] | None = None) -> None:
        self._send_bytes(status, json.dumps(content).encode(), "application/json", headers or {})

    def _send_bytes(
        self, status: int, content: bytes, content_type: str, headers: Mapping[str, str]
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
