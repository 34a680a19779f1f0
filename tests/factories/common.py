from datetime import UTC, datetime

import factory
from django.contrib.auth.models import Group
from factory.django import DjangoModelFactory

from retail.common.models import ImportReject, ImportRun, TaskRun, User

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class UserFactory(DjangoModelFactory):
    """Somebody of the staff who may do nothing yet."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    password = factory.django.Password("correct horse")
    is_staff = True


def person_in(role: str, **values) -> User:
    """Return somebody with the permissions of a role, as the migrations gave them."""
    person = UserFactory(**values)
    person.groups.add(Group.objects.get(name=role))
    return person


class ImportRunFactory(DjangoModelFactory):
    class Meta:
        model = ImportRun

    kind = "sales"
    profile = "practice"
    file_name = factory.Sequence(lambda n: f"sales-{n}.csv")
    sha256 = factory.Sequence(lambda n: f"{n:064x}")
    started_at = NOON


class ImportRejectFactory(DjangoModelFactory):
    class Meta:
        model = ImportReject

    run = factory.SubFactory(ImportRunFactory)
    line_number = factory.Sequence(lambda n: n + 2)
    code = "not_a_number"
    text = "'x' is not a number."
    columns = factory.LazyFunction(lambda: {"sku": "A-1", "price": "x"})


class TaskRunFactory(DjangoModelFactory):
    class Meta:
        model = TaskRun

    name = "orders.pull_orders"
    started_at = NOON
