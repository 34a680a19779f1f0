"""Writing a new order once, whoever else writes it at this moment."""

from __future__ import annotations

from django.db import connection, models
from django.db.models.constants import OnConflict

from channels.models import Channel
from orders.models import Order


def is_known(*, channel: Channel, external_id: str) -> bool:
    """Tell whether the channel's order is stored; without a lock, so no news may come of a no."""
    with connection.cursor() as cursor:
        # Asked of every order that comes: the short way to a no, which is the usual answer.
        cursor.execute(
            "SELECT EXISTS (SELECT FROM orders_order WHERE channel_id = %s AND external_id = %s)",
            [channel.pk, external_id],
        )
        (answer,) = cursor.fetchone()
    return bool(answer)


def insert_unless_there(order: Order) -> bool:
    """
    Insert an order unless its channel has one of its id; tell whether it was inserted.

    Waits for whoever inserts the same at this moment. Afterwards the order has its key and number,
    and is locked as every row is that this transaction has inserted.
    """
    columns = Order._meta  # noqa: SLF001 - Django's documented model API
    # As `bulk_create(ignore_conflicts=True)` does, which cannot tell the key of what it inserted.
    returned = Order.objects.all()._insert(  # type: ignore[attr-defined]  # noqa: SLF001 - as said above
        [order],
        fields=[
            field
            for field in columns.concrete_fields
            if not field.generated and not isinstance(field, models.AutoField)
        ],
        returning_fields=columns.db_returning_fields,
        using=connection.alias,
        on_conflict=OnConflict.IGNORE,
    )
    if not returned or returned[0] is None:
        return False
    for field, value in zip(columns.db_returning_fields, returned[0], strict=True):
        setattr(order, field.attname, value)
    order._state.adding, order._state.db = False, connection.alias  # noqa: SLF001 - documented
    return True
