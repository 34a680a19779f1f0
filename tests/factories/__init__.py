"""
Which callable makes a row of which model, for the tests that go over all models.

It is put together from the modules beside this file: every factory serves its model, and a module
may name in `MAKERS` (model -> callable without arguments) what only an operation may create.
"""

import importlib
import pkgutil
from collections.abc import Callable

from django.db.models import Model
from factory.django import DjangoModelFactory


def _makers() -> dict[type[Model], Callable[[], Model]]:
    makers: dict[type[Model], Callable[[], Model]] = {}
    for module_info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{module_info.name}")
        for value in vars(module).values():
            is_factory = isinstance(value, type) and issubclass(value, DjangoModelFactory)
            if is_factory and value.__module__ == module.__name__ and value._meta.model:
                makers.setdefault(value._meta.get_model_class(), value)
        makers.update(getattr(module, "MAKERS", {}))
    return makers


FACTORIES = _makers()
