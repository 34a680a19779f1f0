"""Reads over customers: who is meant by what somebody says of themselves."""

from __future__ import annotations

from django.db.models import Exists, OuterRef, Q, QuerySet

from customers.keys import clean_text, email_key, phone_key
from customers.models import Address, Customer, CustomerIdentity


def customers_known_by(text: str) -> QuerySet[Customer]:
    """
    Return the customers known by this e-mail, phone, card or account, or called exactly so.

    Those that were merged into another are left out. By name, oldest first.
    """
    text = clean_text(text)
    keys = [key for key in (email_key("", text), phone_key(text)) if key is not None]
    forms = {text, *(key.normalised for key in keys)}
    known = CustomerIdentity.objects.filter(
        customer=OuterRef("pk"), is_active=True, normalised__in=forms
    )
    called_so = Q(name__iexact=text)
    return (
        Customer.objects.filter(survivor__isnull=True)
        .filter(Q(Exists(known)) | called_so)
        .order_by("name", "pk")
    )


def newest_address(customer: Customer) -> Address | None:
    """Return the address that a customer gave last."""
    return customer.addresses.order_by("-created_at", "-pk").first()
