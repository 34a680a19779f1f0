"""Orders pulled from a shop by a real worker process, which may die at any moment."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db.models import Sum
from django.utils import timezone
from kombu import Connection

from channels.models import Channel, InboundMessage, SyncCursor
from customers.models import Customer
from inventory.models import Allocation, StockLevel
from orders.models import Order, OrderLine
from orders.tasks import pull_orders
from retail.common.models import TaskRun
from retail.embedded import valkey
from tests.channels.shop_process import ROOT, TOKEN, order_row, running_shop
from tests.factories.catalog import VariantFactory
from tests.factories.channels import ChannelFactory
from tests.factories.inventory import stock
from tests.processes import environment_of_the_test

SECONDS_TO_WAIT = 90
ORDERS = 150
PIECES_PER_ORDER = 2

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def broker(tmp_path):
    yield valkey.start(tmp_path / "valkey")
    valkey.remove(tmp_path / "valkey")


@pytest.fixture
def shop():
    """Return a shop with orders that changed one a second, by three buyers in turn."""
    rows = [
        order_row(
            number,
            updated_at=f"2026-11-22T12:{number // 60:02}:{number % 60:02}Z",
            customer={"account": f"b{number % 3}", "email": f"b{number % 3}@example.com"},
        )
        for number in range(1, ORDERS + 1)
    ]
    with running_shop() as running, running.practice() as practice:
        practice.seed(orders=rows)
        yield running


@pytest.fixture
def channel(shop) -> Channel:
    """Return the shop's channel, with mugs in stock for all of its orders but the last ten."""
    mug = VariantFactory(sku="MUG-BLUE", gtin="4006381333931")
    stock(variant=mug, units=(ORDERS - 10) * PIECES_PER_ORDER)
    return ChannelFactory(address=shop.address, credentials=TOKEN, mode=Channel.Mode.ORDERS)


@contextmanager
def running_worker(broker: str, log: Path) -> Iterator[subprocess.Popen]:
    """Run a Celery worker on the test's database until the block ends, one way or the other."""
    command = [sys.executable, "-m", "celery", "--app", "retail", "worker"]
    options = ["--concurrency", "1", "--without-mingle", "--without-gossip", "--loglevel", "INFO"]
    with (
        log.open("a") as output,
        subprocess.Popen(
            [*command, *options],
            cwd=ROOT,
            env=environment_of_the_test(CELERY_BROKER_URL=broker, PYTHONWARNINGS="ignore"),
            stdout=output,
            stderr=output,
            # A group of its own, so that killing it kills its children too.
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            kill(process)


def kill(process: subprocess.Popen) -> None:
    """End the worker and its children as a power cut would."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def send_pull(broker: str) -> None:
    with Connection(broker) as connection:
        pull_orders.apply_async(connection=connection)


def wait_until(is_reached: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + SECONDS_TO_WAIT
    while not is_reached():
        if time.monotonic() > deadline:
            pytest.fail(f"Waited in vain; the worker said:\n{log.read_text()[-3000:]}")
        time.sleep(0.02)


def finished_runs() -> int:
    return TaskRun.objects.filter(status=TaskRun.Status.DONE).count()


def assert_everything_arrived_once() -> None:
    numbers = Order.objects.values_list("external_id", flat=True)
    assert sorted(numbers, key=int) == [str(number) for number in range(1, ORDERS + 1)]
    assert OrderLine.objects.count() == ORDERS
    assert Customer.objects.count() == 3
    promised = (ORDERS - 10) * PIECES_PER_ORDER
    assert StockLevel.objects.get().allocated == promised
    assert Allocation.objects.aggregate(units=Sum("units"))["units"] == promised
    assert not InboundMessage.objects.exists()


def test_orders_arrive_once_although_the_worker_is_killed(broker, channel, tmp_path):
    log = tmp_path / "worker.log"
    with running_worker(broker, log) as worker:
        send_pull(broker)
        wait_until(lambda: Order.objects.count() >= ORDERS // 5, log)
        kill(worker)

    before = Order.objects.count()
    assert before < ORDERS, "The worker was too fast to be killed in the middle."
    assert finished_runs() == 0
    # Two minutes later: the lease of the dead worker has ended, and the clock sends the next pull.
    SyncCursor.objects.update(lease_until=timezone.now())
    with running_worker(broker, log):
        send_pull(broker)
        wait_until(lambda: finished_runs() == 1, log)
        assert_everything_arrived_once()

        send_pull(broker)
        wait_until(lambda: finished_runs() == 2, log)

    assert_everything_arrived_once()
    assert SyncCursor.objects.get().failures == 0


def test_orders_arrive_once_although_two_workers_pull_them(broker, channel, tmp_path):
    log = tmp_path / "worker.log"
    with running_worker(broker, log), running_worker(broker, log):
        for _ in range(4):
            send_pull(broker)
        wait_until(lambda: finished_runs() == 4, log)

    assert_everything_arrived_once()
