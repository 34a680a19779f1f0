"""Model fields and CHECK conditions that several apps share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.db.models import Q

MAX_UNITS = 1_000_000_000
MAX_AMOUNT = 1_000_000_000_000


class MoneyField(models.DecimalField):
    """
    An amount or a rate of money; the currency stands in a column beside it.

    Four decimals: unit prices and costs use them all, document amounts those of their currency.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_digits", 16)
        kwargs.setdefault("decimal_places", 4)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _, args, kwargs = super().deconstruct()
        return name, "retail.common.fields.MoneyField", args, kwargs


class CurrencyField(models.CharField):
    """An ISO 4217 code, three capital letters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 3
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _, args, kwargs = super().deconstruct()
        return name, "retail.common.fields.CurrencyField", args, kwargs


def within(field: str, low: int, high: int) -> Q:
    """Return the condition `low <= field < high`; the upper bound also refuses NaN."""
    return Q(**{f"{field}__gte": low, f"{field}__lt": high})


def not_negative(*fields: str) -> Q:
    """Return the condition that none of these counts of units is negative."""
    condition = Q()
    for field in fields:
        condition &= within(field, 0, MAX_UNITS)
    return condition


def amount_not_negative(*fields: str) -> Q:
    """Return the condition that none of these amounts is negative."""
    condition = Q()
    for field in fields:
        condition &= within(field, 0, MAX_AMOUNT)
    return condition


def amount_in_range(*fields: str) -> Q:
    """Return the condition that these amounts, of either sign, are numbers of sane size."""
    condition = Q()
    for field in fields:
        condition &= within(field, -MAX_AMOUNT, MAX_AMOUNT)
    return condition


def _keys() -> MultiFernet:
    if not settings.RETAIL_FIELD_KEYS:
        msg = "RETAIL_FIELD_KEYS holds no key: secrets can be neither stored nor read."
        raise ImproperlyConfigured(msg)
    return MultiFernet([Fernet(key) for key in settings.RETAIL_FIELD_KEYS])


class EncryptedTextField(models.TextField):
    """
    Text kept encrypted in the database (Fernet, AES-128-CBC with HMAC-SHA256).

    The first key of RETAIL_FIELD_KEYS encrypts, every key decrypts, so keys can be rotated by
    putting the new one first and saving the rows again. It cannot be searched.
    """

    def get_prep_value(self, value: Any) -> Any:
        text = super().get_prep_value(value)
        return _keys().encrypt(text.encode()).decode() if text else text

    def from_db_value(self, value: str | None, *_: Any) -> str | None:
        if not value:
            return value
        try:
            return _keys().decrypt(value.encode()).decode()
        except InvalidToken as error:
            msg = "A stored secret cannot be read with the keys in RETAIL_FIELD_KEYS."
            raise ImproperlyConfigured(msg) from error
