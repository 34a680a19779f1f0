"""The models that the architecture tests go over."""

from django.apps import apps
from django.db.models import Model
from pghistory.models import Event

APPS = (
    "common",
    "catalog",
    "customers",
    "channels",
    "inventory",
    "orders",
    "purchasing",
    "backoffice",
)


def our_models() -> list[type[Model]]:
    """Return our tables' models: no history that triggers write, no proxies."""
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in APPS and not model._meta.proxy and not issubclass(model, Event)
    ]


def label(value: object) -> str:
    """Return a readable id for a parametrized model."""
    return value._meta.label if hasattr(value, "_meta") else str(value)
