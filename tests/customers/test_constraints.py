import pytest
from django.db import IntegrityError, connection, transaction

from customers.models import CustomerIdentity
from tests.factories.customers import AddressFactory, CustomerFactory, CustomerIdentityFactory

pytestmark = pytest.mark.django_db


def refused(sql, *parameters):
    """Return the text of the refusal of a statement that goes past every line of Python."""
    with (
        pytest.raises(IntegrityError) as refusal,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql, parameters)
    return str(refusal.value)


def refused_copy(identity, **changes):
    """Return the refusal of another row like this one, written without any validation."""
    with pytest.raises(IntegrityError) as refusal, transaction.atomic():
        CustomerIdentity.objects.bulk_create([copy_of(identity, **changes)])
    return str(refusal.value)


def copy_of(identity, **changes):
    columns = {
        field.attname: getattr(identity, field.attname)
        for field in CustomerIdentity._meta.fields
        if not field.primary_key
    }
    return CustomerIdentity(**{**columns, **changes})


def test_key_has_one_owner():
    identity = CustomerIdentityFactory()

    text = refused_copy(identity, customer_id=CustomerFactory().pk)

    assert "customers_customeridentity_one_owner" in text


def test_key_that_does_not_link_stands_once_per_customer():
    identity = CustomerIdentityFactory(kind="PHONE", is_linking=False)

    assert "customers_customeridentity_once_per_customer" in refused_copy(identity)


def test_key_that_is_over_may_have_a_new_owner():
    identity = CustomerIdentityFactory(is_active=False)
    successor = CustomerFactory()

    CustomerIdentity.objects.bulk_create(
        [copy_of(identity, customer_id=successor.pk, is_active=True)]
    )

    assert successor.identities.get().normalised == identity.normalised


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"normalised": ""}, "customers_customeridentity_not_empty"),
        ({"kind": "PHONE"}, "customers_customeridentity_phone_never_links"),
        ({"kind": "CHANNEL_ACCOUNT"}, "customers_customeridentity_account_has_its_channel"),
    ],
)
def test_key_is_one_that_can_be_used(changes, constraint):
    identity = CustomerIdentityFactory()

    assert constraint in refused_copy(identity, **{"normalised": "other", **changes})


def test_customer_is_not_merged_into_itself():
    customer = CustomerFactory()

    text = refused("UPDATE customers_customer SET survivor_id = id WHERE id = %s", customer.pk)

    assert "customers_customer_not_its_own_survivor" in text


@pytest.mark.parametrize("has_customer", [True, False])
def test_address_is_kept_once(has_customer):
    address = AddressFactory(**({} if has_customer else {"customer": None}))

    text = refused(
        "INSERT INTO customers_address (customer_id, name, company, street, street_extra,"
        " postcode, city, region, country, phone, digest, created_at) SELECT customer_id, name,"
        " company, street, street_extra, postcode, city, region, country, phone, digest,"
        " created_at FROM customers_address WHERE id = %s",
        address.pk,
    )

    assert "customers_address_once_per_customer" in text
