"""Rows by the ten thousand: COPY, about three times as fast as an INSERT of the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from django.db import connection, models

Row = TypeVar("Row", bound=models.Model)


def copy_objects(objects: Sequence[Row]) -> None:
    """
    Insert new objects of one model and give them their keys.

    For plain columns: none that the database generates, no JSON, no `auto_now`.
    """
    if not objects:
        return
    meta = objects[0]._meta  # noqa: SLF001 - Django's documented model API
    fields = meta.concrete_fields
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, %s)) FROM generate_series(1, %s)",
            [meta.db_table, meta.pk.column, len(objects)],
        )
        keys = [key for (key,) in cursor.fetchall()]
    for new, key in zip(objects, keys, strict=True):
        new.pk = key
    columns = ", ".join(str(field.column) for field in fields)
    names = [field.attname for field in fields]
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY {meta.db_table} ({columns}) FROM STDIN") as copy,
    ):
        for new in objects:
            copy.write_row([getattr(new, name) for name in names])
