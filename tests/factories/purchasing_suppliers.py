import factory
from factory.django import DjangoModelFactory

from purchasing.models import SupplierContact
from tests.factories.purchasing import SupplierFactory


class SupplierContactFactory(DjangoModelFactory):
    class Meta:
        model = SupplierContact

    supplier = factory.SubFactory(SupplierFactory)
    name = factory.Sequence(lambda n: f"Contact {n}")
    email = factory.Sequence(lambda n: f"contact-{n}@supplier.example")
