import factory
from factory.django import DjangoModelFactory

from customers.models import Address, Customer, CustomerIdentity
from tests.factories.common import NOON


class CustomerFactory(DjangoModelFactory):
    class Meta:
        model = Customer

    name = factory.Sequence(lambda n: f"Customer {n}")
    created_at = NOON


class CustomerIdentityFactory(DjangoModelFactory):
    """An e-mail address of a customer, the same as it came and as it is compared."""

    class Meta:
        model = CustomerIdentity

    customer = factory.SubFactory(CustomerFactory)
    kind = CustomerIdentity.Kind.EMAIL
    raw = factory.Sequence(lambda n: f"customer-{n}@example.com")
    normalised = factory.SelfAttribute("raw")
    first_seen_at = NOON


class AddressFactory(DjangoModelFactory):
    class Meta:
        model = Address

    customer = factory.SubFactory(CustomerFactory)
    name = "Ada Example"
    street = "1 High Street"
    postcode = "AB1 2CD"
    city = "Aberdeen"
    country = "GB"
    digest = factory.Sequence(lambda n: f"{n:064x}")
    created_at = NOON
