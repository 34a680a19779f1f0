"""Fixtures for the tests of channels."""

import pytest
import stamina

from tests.channels.shop_process import RunningShop, running_shop

CONNECTORS = ["practice shop"]


@pytest.fixture(scope="session")
def shop_process():
    with running_shop("--chance", "7") as shop:
        yield shop


@pytest.fixture
def shop(shop_process) -> RunningShop:
    """Return a running practice shop that holds nothing yet and fails nowhere."""
    with shop_process.practice() as practice:
        practice.seed(reset=True)
    return shop_process


@pytest.fixture(params=CONNECTORS)
def connector(request, shop):
    return shop.connector()


@pytest.fixture
def practice(shop):
    with shop.practice() as hand:
        yield hand


@pytest.fixture
def _no_waiting():
    """Retry at once: how long to wait between two tries is stamina's to test."""
    with stamina.set_testing(True, attempts=4, cap=True):
        yield
