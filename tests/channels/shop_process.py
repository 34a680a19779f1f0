"""The practice shop as a process of its own, reached over real HTTP."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from channels.connectors.fake import FakeConnector
from channels.fakeshop import PracticeShop

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a token of the tests"


@dataclass(frozen=True)
class RunningShop:
    """A shop's address, and the process that answers there."""

    address: str
    process: subprocess.Popen

    def practice(self) -> PracticeShop:
        return PracticeShop(address=self.address, token=TOKEN)

    def connector(self, *, token: str = TOKEN, seconds_to_answer: float = 5) -> FakeConnector:
        return FakeConnector(address=self.address, token=token, seconds_to_answer=seconds_to_answer)


@contextmanager
def running_shop(*arguments: str) -> Iterator[RunningShop]:
    """Run `manage.py fake_shop` on a free port until the block ends."""
    command = [sys.executable, "manage.py", "fake_shop", "--port", "0", "--token", TOKEN]
    with subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            address = process.stdout.readline().strip().removeprefix("Practice shop at ")
            assert address.startswith("http://"), "The practice shop did not start."
            yield RunningShop(address=address, process=process)
        finally:
            process.terminate()


def order_row(number: int, *, updated_at: str = "2026-11-22T12:00:00Z", **changes) -> dict:
    """Return an order of the wire: two mugs at 12.00 and postage, to a buyer with an account."""
    return {
        "id": str(number),
        "number": f"P{number}",
        "status": "processing",
        "currency": "GBP",
        "is_paid": True,
        "created_at": "2026-11-22T11:59:00Z",
        "updated_at": updated_at,
        "ship_by": "2026-11-24T12:00:00Z",
        "customer": {"account": "b1", "email": "ann@example.com", "name": "Ann Example"},
        "shipping_address": {
            "name": "Ann Example",
            "street": "1 Mill Lane",
            "postcode": "LS6 2AB",
            "city": "Leeds",
            "country": "GB",
        },
        "lines": [order_line(1)],
        "shipping_total": "3.95",
        "discount_total": "0.00",
        "tax_total": "4.66",
        "total": "27.95",
        **changes,
    }


def order_line(number: int, **changes) -> dict:
    return {
        "id": str(number),
        "kind": "product",
        "product_id": "mug",
        "variant_id": "blue",
        "sku": "MUG-BLUE",
        "gtin": "4006381333931",
        "name": "Mug, blue",
        "quantity": 2,
        "price": "12.00",
        "discount": "0.00",
        "tax": "4.00",
        "total": "24.00",
        **changes,
    }


def product_rows(count: int, *, stock: int = 5) -> Sequence[dict]:
    return [
        {
            "product_id": f"p{number}",
            "variant_id": "",
            "sku": f"SKU-{number}",
            "gtin": "",
            "title": f"Article {number}",
            "price": "4.50",
            "stock": stock,
        }
        for number in range(1, count + 1)
    ]
