"""Foreign keys are written as strings, where no import linter sees which way they point."""

import pytest

from tests.architecture.models import label, our_models

# An app may refer to its own rows and to those of apps on lower floors; the two on the same floor
# know nothing of each other.
FLOORS = {
    "common": 0,
    "catalog": 1,
    "customers": 1,
    "channels": 2,
    "inventory": 3,
    "orders": 4,
    "purchasing": 5,
    "backoffice": 6,
}


@pytest.mark.parametrize("model", our_models(), ids=label)
def test_foreign_keys_point_down(model):
    upwards = [
        f"{field.name} -> {field.related_model._meta.label}"
        for field in model._meta.get_fields()
        if field.is_relation and not field.auto_created and field.related_model
        if (target := field.related_model._meta.app_label) in FLOORS
        and target != model._meta.app_label
        and FLOORS[target] >= FLOORS[model._meta.app_label]
    ]

    assert upwards == []
