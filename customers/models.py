"""The people and companies who buy, known across channels as one profile each."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex, OpClass
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Upper

from retail.common.history import keep_history


@keep_history()
class Customer(models.Model):
    """
    One buyer, whatever the channel they came through.

    A customer that was merged points at its survivor and keeps its own row.
    """

    class Kind(models.TextChoices):
        PERSON = "PERSON", "Person"
        COMPANY = "COMPANY", "Company"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=20, choices=Kind, default=Kind.PERSON)
    name = models.CharField(max_length=200, blank=True)
    tax_number = models.CharField(max_length=30, blank=True)
    language = models.CharField(max_length=10, blank=True)
    survivor = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="merged"
    )
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(survivor__isnull=True) | ~Q(survivor=F("id")),
                name="customers_customer_not_its_own_survivor",
                violation_error_message="A customer cannot be merged into itself.",
            ),
        ]
        indexes: ClassVar = [
            GinIndex(
                OpClass(Upper("name"), name="gin_trgm_ops"), name="customers_customer_name_search"
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"Customer {self.pk}"


class CustomerIdentity(models.Model):
    """
    One key a customer is recognised by: an account on a channel, an e-mail, a phone.

    `channel_code` is the channel that vouches for the key, empty when it holds everywhere. A phone
    or a mailbox that several people read is kept but says nothing alone: it is not `is_linking`,
    and may stand at several customers.
    """

    class Kind(models.TextChoices):
        CHANNEL_ACCOUNT = "CHANNEL_ACCOUNT", "Channel account"
        EMAIL = "EMAIL", "E-mail"
        PHONE = "PHONE", "Phone"
        LOYALTY_CARD = "LOYALTY_CARD", "Loyalty card"

    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="identities")
    kind = models.CharField(max_length=20, choices=Kind)
    channel_code = models.CharField(max_length=50, blank=True)
    raw = models.CharField(max_length=254, help_text="As it came.")
    normalised = models.CharField(max_length=254, help_text="As it is compared.")
    is_linking = models.BooleanField(default=True, help_text="Tells alone who somebody is.")
    is_active = models.BooleanField(default=True)
    first_seen_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "customer identities"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["kind", "channel_code", "normalised"],
                condition=Q(is_active=True, is_linking=True),
                name="customers_customeridentity_one_owner",
                violation_error_message="Another customer is known by this key.",
            ),
            models.UniqueConstraint(
                fields=["customer", "kind", "channel_code", "normalised"],
                condition=Q(is_active=True),
                name="customers_customeridentity_once_per_customer",
                violation_error_message="This customer has this key already.",
            ),
            models.CheckConstraint(
                condition=~Q(normalised=""), name="customers_customeridentity_not_empty"
            ),
            models.CheckConstraint(
                condition=~Q(kind="PHONE") | Q(is_linking=False),
                name="customers_customeridentity_phone_never_links",
                violation_error_message="A phone alone does not tell who somebody is.",
            ),
            models.CheckConstraint(
                condition=~Q(kind="CHANNEL_ACCOUNT") | ~Q(channel_code=""),
                name="customers_customeridentity_account_has_its_channel",
                violation_error_message="An account is one of a channel: name it.",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["normalised"],
                opclasses=["varchar_pattern_ops"],
                name="customers_identity_search",
            ),
        ]

    def __str__(self) -> str:
        return self.raw


class Address(models.Model):
    """
    A postal address as it was given; a change makes a new row, so documents keep what they had.

    `digest` is a fingerprint of all its parts, so that the same address is stored once.
    """

    customer = models.ForeignKey(
        Customer, on_delete=models.CASCADE, null=True, blank=True, related_name="addresses"
    )
    name = models.CharField(max_length=200, blank=True)
    company = models.CharField(max_length=200, blank=True)
    street = models.CharField(max_length=200, blank=True)
    street_extra = models.CharField(max_length=200, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166-1 alpha-2.")
    phone = models.CharField(max_length=50, blank=True)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "addresses"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["customer", "digest"],
                nulls_distinct=False,
                name="customers_address_once_per_customer",
            ),
        ]

    def __str__(self) -> str:
        return ", ".join(
            part
            for part in (self.name, self.street, self.postcode, self.city, self.country)
            if part
        )
