"""The hand on the practice shop: fill it, let it sell, let it fail."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx2

from channels.fakeshop.shop import Row


class PracticeShop:
    """
    Calls of a running practice shop that a real one has no interface for.

    Used in a `with` statement, which closes its connection.
    """

    def __init__(self, *, address: str, token: str) -> None:
        self._client = httpx2.Client(
            base_url=address,
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
            # The shop speaks plain HTTP: reading all certificate authorities would be for nothing.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def seed(
        self, *, products: Sequence[Row] = (), orders: Sequence[Row] = (), reset: bool = False
    ) -> None:
        """
        Put in products and orders; with `reset` everything earlier goes first.

        products: rows of product_id, variant_id (empty for none), sku, gtin, title, price (text),
        stock.
        """
        self._post("seed", {"products": list(products), "orders": list(orders), "reset": reset})

    def fail(self, kind: str, **details: Any) -> None:
        """Let the next answers go wrong; kinds and details are those of `shop.Fault`."""
        self._post("faults", {"kind": kind, **details})

    def sell(self) -> Row | None:
        """Let somebody buy something; return the order, None when nothing is in stock."""
        return self._post("sell", {})["order"]

    def cancel(self, order_id: str) -> Row:
        """Let the buyer cancel an order."""
        return self._post(f"cancel/{order_id}", {})

    def shipments(self, order_id: str) -> list[Row]:
        """Return the parcels that the shop was told about."""
        answer = self._client.get(f"/practice/shipments/{order_id}")
        return answer.raise_for_status().json()["shipments"]

    def refunds(self, order_id: str) -> list[Row]:
        """Return what the shop gave back for an order."""
        answer = self._client.get(f"/practice/refunds/{order_id}")
        return answer.raise_for_status().json()["refunds"]

    def cancellations(self, order_id: str) -> list[Row]:
        """Return what the shop was told will not come."""
        answer = self._client.get(f"/practice/cancellations/{order_id}")
        return answer.raise_for_status().json()["cancellations"]

    def stock(self) -> dict[tuple[str, str], int]:
        """Return what the shop believes it may sell, by product id and variant id."""
        found: dict[tuple[str, str], int] = {}
        page = 1
        while True:
            query = {"page": page, "per_page": 100}
            rows = self._client.get("/products", params=query).raise_for_status().json()["products"]
            found |= {(row["product_id"], row["variant_id"]): row["stock"] for row in rows}
            if not rows:
                return found
            page += 1

    def _post(self, what: str, content: Row) -> Row:
        answer = self._client.post(f"/practice/{what}", json=content)
        return answer.raise_for_status().json()
