"""Telling who bought, and keeping what they told about themselves."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import cast

from django.db import connection, models, transaction
from django.db.models import Q

from customers.keys import Key, account_key, clean_text, email_key, phone_key
from customers.models import Address, Customer, CustomerIdentity

# Sets the advisory locks taken here apart from everybody else's.
LOCK_SPACE = 0x43555354
# PostgreSQL's table of locks is of a fixed size: a file of 100,000 new buyers must not fill it.
LOCK_STRIPES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Buyer:
    """Who bought, as a channel told it; `account` is their id there, empty for a guest."""

    account: str = ""
    email: str = ""
    phone: str = ""
    name: str = ""
    company: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PostalAddress:
    """A postal address as it was given; `country` is ISO 3166-1 alpha-2 or empty."""

    name: str = ""
    company: str = ""
    street: str = ""
    street_extra: str = ""
    postcode: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    phone: str = ""


def identify(*, channel_code: str, buyer: Buyer, at: datetime) -> Customer | None:
    """
    Return the customer a buyer is, a new one if nobody is known by their keys.

    None when they gave nothing that tells who they are: a name, a phone or a shared mailbox alone
    does not. See `identify_many`.
    """
    return identify_many(buyers=[(channel_code, buyer)], at=at)[0]


# Refuses nothing, so a caller never goes on after it failed: no savepoint within a transaction.
@transaction.atomic(savepoint=False)
def identify_many(*, buyers: Sequence[tuple[str, Buyer]], at: datetime) -> list[Customer | None]:
    """
    Return who each buyer is, in their order; buyers who share a key are one customer.

    Only equal keys link: the account on the channel, else the e-mail. A key that belongs to
    somebody else stays theirs; nobody is merged here. Keys not known yet become the customer's.

    buyers: (channel code, buyer).
    Locks: the keys not known yet, until the transaction ends. Call it once per transaction and
    before stock is locked.
    """
    keys_by_buyer = [_keys(channel_code, buyer) for channel_code, buyer in buyers]
    linking = {key for keys in keys_by_buyer for key in keys if key.is_linking}
    owners = _owners(linking)
    if unknown := linking - owners.keys():
        _lock(unknown)
        owners |= _owners(unknown)
        unknown -= owners.keys()

    customers: list[Customer | None] = []
    newcomers: list[Customer] = []
    for (_, buyer), keys in zip(buyers, keys_by_buyer, strict=True):
        links = [key for key in keys if key.is_linking]
        customer = next((owners[key] for key in links if key in owners), None)
        if customer is None and links:
            customer = _newcomer(buyer, at)
            newcomers.append(customer)
        if customer is not None:
            owners |= {key: customer for key in links if key not in owners}
        customers.append(customer)

    Customer.objects.bulk_create(newcomers)
    learned = sorted(unknown, key=_sort_key)
    CustomerIdentity.objects.bulk_create([_identity(owners[key], key, at) for key in learned])
    _note_other_keys(customers, keys_by_buyer, at)
    return customers


def record_address(*, customer: Customer | None, address: PostalAddress, at: datetime) -> Address:
    """Keep an address of a customer, or of nobody known; the same one again is the same row."""
    return record_addresses(addresses=[(customer, address)], at=at)[0]


# Refuses nothing, see `identify_many`.
@transaction.atomic(savepoint=False)
def record_addresses(
    *, addresses: Sequence[tuple[Customer | None, PostalAddress]], at: datetime
) -> list[Address]:
    """
    Keep addresses and return their rows in the same order; see `record_address`.

    A part too long for its column is cut, a country that is no two-letter code is left out: an
    order is never lost for its address, and the channel's message keeps the original.
    """
    wanted = [_address(customer, address, at) for customer, address in addresses]
    known = _known_addresses(wanted)
    if missing := {
        _address_key(address): address for address in wanted if _address_key(address) not in known
    }:
        # Waits for whoever stores the same address at this moment, then leaves theirs alone.
        Address.objects.bulk_create(
            [missing[key] for key in sorted(missing, key=lambda key: (key[0] or 0, key[1]))],
            ignore_conflicts=True,
        )
        known |= _known_addresses(list(missing.values()))
    return [known[_address_key(address)] for address in wanted]


def _keys(channel_code: str, buyer: Buyer) -> list[Key]:
    """Return the buyer's keys, the most trusted first."""
    keys = (
        account_key(channel_code, buyer.account),
        email_key(channel_code, buyer.email),
        phone_key(buyer.phone),
    )
    return [key for key in keys if key is not None]


def _sort_key(key: Key) -> tuple[str, str, str]:
    return key.kind, key.channel_code, key.normalised


def _lock(keys: Collection[Key]) -> None:
    """Keep others from learning the same keys until this transaction ends."""
    stripes = {zlib.crc32("\n".join(_sort_key(key)).encode()) % LOCK_STRIPES for key in keys}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, stripe) FROM unnest(%s::int[]) AS stripe",
            [LOCK_SPACE, sorted(stripes)],
        )


def _owners(keys: Collection[Key]) -> dict[Key, Customer]:
    """Return who the keys belong to; whoever was merged into somebody is that somebody."""
    if not keys:
        return {}
    identities = CustomerIdentity.objects.filter(
        is_active=True,
        is_linking=True,
        kind__in={key.kind for key in keys},
        channel_code__in={key.channel_code for key in keys},
        normalised__in={key.normalised for key in keys},
    ).select_related("customer__survivor")
    by_parts = {_sort_key(key): key for key in keys}
    return {
        by_parts[parts]: _survivor(identity.customer)
        for identity in identities
        if (parts := (identity.kind, identity.channel_code, identity.normalised)) in by_parts
    }


def _survivor(customer: Customer) -> Customer:
    while customer.survivor is not None:
        customer = customer.survivor
    return customer


def _newcomer(buyer: Buyer, at: datetime) -> Customer:
    company = clean_text(buyer.company)
    return Customer(
        kind=Customer.Kind.COMPANY if company else Customer.Kind.PERSON,
        name=_fitted(Customer, "name", company or buyer.name),
        created_at=at,
    )


def _identity(customer: Customer, key: Key, at: datetime) -> CustomerIdentity:
    return CustomerIdentity(
        customer=customer,
        kind=key.kind,
        channel_code=key.channel_code,
        raw=key.raw,
        normalised=key.normalised,
        is_linking=key.is_linking,
        first_seen_at=at,
    )


def _note_other_keys(
    customers: Sequence[Customer | None], keys_by_buyer: Sequence[Sequence[Key]], at: datetime
) -> None:
    """Keep the phones and shared mailboxes, which link nobody, at the customers who gave them."""
    notes = {
        (customer.pk, *_sort_key(key)): _identity(customer, key, at)
        for customer, keys in zip(customers, keys_by_buyer, strict=True)
        if customer is not None
        for key in keys
        if not key.is_linking
    }
    if not notes:
        return
    known = set(
        CustomerIdentity.objects.filter(
            customer_id__in={customer_id for customer_id, *_ in notes},
            is_active=True,
            is_linking=False,
        ).values_list("customer_id", "kind", "channel_code", "normalised")
    )
    CustomerIdentity.objects.bulk_create(
        [notes[parts] for parts in sorted(notes.keys() - known)], ignore_conflicts=True
    )


def address_digest(address: PostalAddress) -> str:
    """Return the fingerprint by which an address is the same as one that is stored."""
    return _digest(_address_parts(address))


def _address(customer: Customer | None, address: PostalAddress, at: datetime) -> Address:
    parts = _address_parts(address)
    return Address(customer=customer, digest=_digest(parts), created_at=at, **parts)


def _digest(parts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _address_parts(address: PostalAddress) -> dict[str, str]:
    parts = {
        part.name: _fitted(Address, part.name, getattr(address, part.name))
        for part in fields(address)
        if part.name != "country"
    }
    country = clean_text(address.country).upper()
    parts["country"] = country if re.fullmatch("[A-Z]{2}", country) else ""
    return parts


def _fitted(model: type[models.Model], column: str, text: str) -> str:
    """Return the text as a column can hold it."""
    field = cast("models.CharField[str, str]", model._meta.get_field(column))  # noqa: SLF001 - documented model API
    return clean_text(text)[: field.max_length]


def _address_key(address: Address) -> tuple[int | None, str]:
    return address.customer_id, address.digest


def _known_addresses(
    addresses: Sequence[Address],
) -> dict[tuple[int | None, str], Address]:
    """Return the stored rows of these addresses, and of others with the same fingerprint."""
    owner = Q(customer_id__in={address.customer_id for address in addresses} - {None})
    if any(address.customer_id is None for address in addresses):
        owner |= Q(customer__isnull=True)
    rows = Address.objects.filter(owner, digest__in={address.digest for address in addresses})
    return {_address_key(row): row for row in rows}
