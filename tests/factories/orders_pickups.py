"""Orders that customers collect, as far as the operations bring them."""

from itertools import count

from inventory.models import Location
from orders.models import Order, Pickup
from orders.operations import hand_over, mark_ready
from tests.factories.common import NOON
from tests.factories.inventory import LocationFactory, stock
from tests.factories.orders import open_order

_numbers = count(1)


def pickup_place(**values) -> Location:
    """Make a store in which customers collect; nothing is sent from there."""
    number = next(_numbers)
    told = {
        "code": f"store-{number}",
        "name": f"Store {number}",
        "kind": Location.Kind.STORE,
        "is_shipping": False,
        "is_pickup": True,
        "street": "1 High Street",
        "postcode": "OX1 4AQ",
        "city": "Oxford",
        "pickup_instructions": "Ring the bell at the side door.",
    }
    return LocationFactory(**{**told, **values})


def pickup_order(*, level=None, units=10, place=None, **values) -> Order:
    """Take in an order of one line that is collected where there are this many units of it."""
    level = level or stock(
        units=units, location=place or pickup_place(), reference=f"GR-pickup-{next(_numbers)}"
    )
    return open_order(level=level, pickup_location=level.location.code, **values)


def ready_order(*, at=NOON, **values) -> Order:
    order = pickup_order(**values)
    mark_ready(order_id=order.pk, key="ready", at=at)
    order.refresh_from_db()
    return order


def collected_order(**values) -> Order:
    order = ready_order(**values)
    hand_over(order_id=order.pk, code=order.pickup.code, at=NOON)
    order.refresh_from_db()
    return order


MAKERS = {Pickup: lambda: Pickup.objects.get(order=ready_order())}
