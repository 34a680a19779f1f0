"""The practice shop's reference data: who works there, where, for which channels, selling what."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.contrib.auth.models import Group

from catalog.models import ExchangeRate, PriceList, TaxClass
from channels.models import Channel
from inventory.models import Location
from purchasing.models import DecisionLimit, Supplier, SupplierFileProfile, TolerancePolicy
from retail.common.models import User
from retail.common.roles import Role
from retail.demo.suppliers import SUPPLIERS, DemoSupplier

PEOPLE = {
    "owner": None,
    "olga": Role.BACK_OFFICE,
    "wim": Role.WAREHOUSE,
    "stella": Role.STORE,
    "bea": Role.BUYER,
    "alan": Role.ACCOUNTANT,
    "mira": Role.MANAGER,
    "sam": Role.SUPPORT,
    "audrey": Role.AUDITOR,
}
CARRIER = "northgate"


def demo_password(folder: Path) -> str:
    """Return the password of everybody in the practice shop of this folder, made on first use."""
    path = folder / "password"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(secrets.token_urlsafe(9))
        path.chmod(0o600)
    return path.read_text()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What the story is played with."""

    people: dict[str, User]
    locations: dict[str, Location]
    channels: dict[str, Channel]
    suppliers: dict[str, Supplier]
    profiles: dict[str, SupplierFileProfile]


def open_shop(*, password: str, begins_at: datetime, ends_at: datetime) -> Shop:
    """Enter everything that is there before the first sale, except the catalogue."""
    TaxClass.objects.create(code="standard", name="Standard rate")
    ExchangeRate.objects.bulk_create(_rates(begins_at, ends_at))
    web_prices = PriceList.objects.create(code="retail", name="Retail", currency="GBP")
    channels = _channels()
    for channel in channels.values():
        channel.price_lists.add(web_prices)
    TolerancePolicy.objects.create(
        supplier=None,
        unit_price_percent=2,
        total_percent=2,
        total_amount=50,
        quantity_percent=0,
        charge_percent=10,
    )
    DecisionLimit.objects.create(group=Group.objects.get(name=Role.BUYER), amount=25)
    DecisionLimit.objects.create(group=Group.objects.get(name=Role.WAREHOUSE), amount=0)
    DecisionLimit.objects.create(group=Group.objects.get(name=Role.ACCOUNTANT), amount=10)
    suppliers = {supplier.code: _supplier(supplier) for supplier in SUPPLIERS}
    suppliers[CARRIER] = Supplier.objects.create(
        code=CARRIER, name="Northgate Freight", currency="GBP", country="GB", payment_days=14
    )
    return Shop(
        people=_people(password),
        locations=_locations(),
        channels=channels,
        suppliers=suppliers,
        profiles={
            supplier.code: _profile(supplier, suppliers[supplier.code]) for supplier in SUPPLIERS
        },
    )


def _people(password: str) -> dict[str, User]:
    people = {}
    for name, role in PEOPLE.items():
        person = User(
            username=name, first_name=name.capitalize(), is_staff=True, is_superuser=role is None
        )
        person.set_password(password)
        person.save()
        if role is not None:
            person.groups.add(Group.objects.get(name=role.value))
        people[name] = person
    return people


def _locations() -> dict[str, Location]:
    warehouse = Location.objects.create(
        code="main", name="Main warehouse", kind=Location.Kind.WAREHOUSE, country="GB"
    )
    york = Location.objects.create(
        code="york",
        name="York store",
        kind=Location.Kind.STORE,
        is_pickup=True,
        priority=10,
        country="GB",
    )
    bath = Location.objects.create(
        code="bath",
        name="Bath store",
        kind=Location.Kind.STORE,
        is_pickup=True,
        priority=20,
        country="GB",
    )
    road = Location.objects.create(
        code="road", name="On the road", kind=Location.Kind.TRANSIT, is_shipping=False
    )
    quarantine = Location.objects.create(
        code="quarantine", name="Quarantine", kind=Location.Kind.QUARANTINE, is_shipping=False
    )
    return {location.code: location for location in (warehouse, york, bath, road, quarantine)}


def _channels() -> dict[str, Channel]:
    channels = (
        Channel(
            code="web",
            name="Web shop",
            kind=Channel.Kind.FAKE,
            address="http://127.0.0.1:8001",
            credentials=secrets.token_urlsafe(24),
        ),
        Channel(code="bazaar", name="Bazaar marketplace", kind=Channel.Kind.TABULAR),
        Channel(code="store", name="Stores", kind=Channel.Kind.POS),
        Channel(code="phone", name="Phone and counter orders", kind=Channel.Kind.MANUAL),
    )
    for channel in channels:
        channel.currency, channel.country, channel.timezone = "GBP", "GB", "Europe/London"
        channel.save()
    return {channel.code: channel for channel in channels}


def connect_channels() -> None:
    """
    Let orders in and stock out where a shop answers.

    Done when the year is told: what happened in it, no shop needs to hear again.
    """
    Channel.objects.filter(kind=Channel.Kind.FAKE).update(mode=Channel.Mode.FULL)


def _rates(begins_at: datetime, ends_at: datetime) -> Iterable[ExchangeRate]:
    """Yield a rate for the first of every month, drifting a little around the usual one."""
    usual = {supplier.currency: supplier.rate for supplier in SUPPLIERS if supplier.rate != 1}
    day = (begins_at - timedelta(days=45)).date().replace(day=1)
    month = 0
    while day <= ends_at.date():
        drift = 1000 + (month * 7) % 23 - 11
        for currency, rate in usual.items():
            yield ExchangeRate(currency=currency, valid_on=day, rate=rate * drift / 1000)
        day = (day + timedelta(days=32)).replace(day=1)
        month += 1


def _supplier(supplier: DemoSupplier) -> Supplier:
    return Supplier.objects.create(
        code=supplier.code,
        name=supplier.name,
        currency=supplier.currency,
        email=f"orders@{supplier.code}.example.com",
        country=supplier.country,
        language=supplier.language,
        lead_time_days=supplier.lead_time_days,
        payment_days=supplier.payment_days,
        discount_percent=supplier.discount_percent,
        discount_days=supplier.discount_days,
        street=supplier.street,
        postcode=supplier.postcode,
        city=supplier.city,
        tax_number=supplier.tax_number,
        electronic_address=supplier.electronic_address,
        iban=supplier.iban,
        bic=supplier.bic,
    )


def _profile(demo: DemoSupplier, supplier: Supplier) -> SupplierFileProfile:
    layout = demo.file
    return SupplierFileProfile.objects.create(
        supplier=supplier,
        code=f"{demo.code}-prices",
        encoding=layout.encoding,
        delimiter="" if layout.extension == "xlsx" else layout.delimiter,
        decimal_separator=layout.decimal_separator,
        skipped_lines=len(layout.skipped_lines),
        columns=dict(layout.columns),
    )
