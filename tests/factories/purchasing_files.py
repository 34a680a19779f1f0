import hashlib

import factory
from django.core.files.base import ContentFile
from factory.django import DjangoModelFactory

from purchasing.models import SupplierFile
from tests.factories.common import NOON
from tests.factories.purchasing import SupplierFactory


class SupplierFileFactory(DjangoModelFactory):
    """A file that waits to be read; `content` is what stands in it."""

    class Meta:
        model = SupplierFile

    class Params:
        content = factory.Sequence(lambda n: f"SKU;Cost\nA-{n};1\n".encode())

    supplier = factory.SubFactory(SupplierFactory)
    name = factory.Sequence(lambda n: f"prices-{n}.csv")
    file = factory.LazyAttribute(lambda made: ContentFile(made.content, name=made.name))
    size = factory.LazyAttribute(lambda made: len(made.content))
    sha256 = factory.LazyAttribute(lambda made: hashlib.sha256(made.content).hexdigest())
    received_at = NOON
