"""Document numbers, made by the database from the primary key: unique and never typed."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Cast, Concat

FIRST_NUMBER = 100_000


def document_number(prefix: str) -> models.GeneratedField:
    """
    Return the field for a document's number, `PO-100001` for the prefix `PO`.

    A generated column: it cannot be changed, and it may have gaps where a transaction failed.
    """
    return models.GeneratedField(
        expression=Concat(Value(f"{prefix}-"), Cast(F("id") + FIRST_NUMBER, models.CharField())),
        output_field=models.CharField(max_length=20),
        db_persist=True,
        unique=True,
    )
