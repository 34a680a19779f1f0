"""What an order of our own says over HTTP, and how it is placed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from rest_framework import serializers

from catalog.queries import variants_by_code
from channels.models import Channel
from customers.models import Customer
from customers.operations import PostalAddress, record_address
from inventory.models import Location
from orders import operations
from orders.models import Order
from orders.operations import Collecting, NewOrderLine
from retail.common.models import User

_PART: dict[str, Any] = {"required": False, "default": "", "allow_blank": True}


class NewOrderLineSerializer(serializers.Serializer[Any]):
    sku = serializers.CharField(max_length=100, help_text="SKU, GTIN or barcode.")
    quantity = serializers.IntegerField(min_value=1, max_value=1_000_000)
    unit_price = serializers.DecimalField(
        max_digits=16, decimal_places=4, min_value=0, required=False, allow_null=True
    )


class NewAddressSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=200)
    company = serializers.CharField(max_length=200, **_PART)
    street = serializers.CharField(max_length=200)
    street_extra = serializers.CharField(max_length=200, **_PART)
    postcode = serializers.CharField(max_length=20)
    city = serializers.CharField(max_length=100)
    region = serializers.CharField(max_length=100, **_PART)
    country = serializers.RegexField(r"\A[A-Za-z]{2}\Z", help_text="ISO 3166-1 alpha-2.")
    phone = serializers.CharField(max_length=50, **_PART)


class NewPickupSerializer(serializers.Serializer[Any]):
    location = serializers.SlugRelatedField(slug_field="code", queryset=Location.objects.all())
    name = serializers.CharField(max_length=200, help_text="Who collects it.", **_PART)
    is_curbside = serializers.BooleanField(required=False, default=False)


class NewOrderSerializer(serializers.Serializer[Any]):
    channel = serializers.SlugRelatedField(slug_field="code", queryset=Channel.objects.all())
    customer = serializers.PrimaryKeyRelatedField(
        queryset=Customer.objects.all(), required=False, allow_null=True
    )
    lines = NewOrderLineSerializer(many=True, allow_empty=False)
    ship_by = serializers.DateTimeField(required=False, allow_null=True, default=None)
    delivery_address = NewAddressSerializer(required=False, allow_null=True, default=None)
    pickup = NewPickupSerializer(
        required=False,
        allow_null=True,
        default=None,
        help_text="Where it is collected, in place of an address to send it to.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["delivery_address"] and attrs["pickup"]:
            msg = "An order is sent or collected, not both."
            raise serializers.ValidationError({"pickup": msg})
        return attrs


@transaction.atomic
def place(*, asked: dict[str, Any], key: str, at: datetime, by: User) -> Order:
    """
    Place the order that validated data of `NewOrderSerializer` asks for.

    An address goes with its order: of one that is refused nothing is kept.
    """
    address, pickup = asked["delivery_address"], asked["pickup"]
    customer = asked.get("customer")
    return operations.place_order(
        channel=asked["channel"],
        customer=customer,
        delivery_address=record_address(customer=customer, address=_postal(address), at=at)
        if address
        else None,
        collecting=Collecting(**pickup) if pickup else None,
        lines=_order_lines(asked["lines"]),
        ship_by=asked["ship_by"],
        key=key,
        at=at,
        by=by,
    )


def _postal(address: dict[str, Any]) -> PostalAddress:
    return PostalAddress(**{**address, "country": address["country"].upper()})


def _order_lines(rows: list[dict[str, Any]]) -> list[NewOrderLine]:
    variants = variants_by_code([row["sku"] for row in rows])
    if unknown := sorted({row["sku"] for row in rows} - variants.keys()):
        text = f"No article has the code {', '.join(unknown)}."
        raise serializers.ValidationError({"lines": text})
    return [
        NewOrderLine(
            variant_id=variants[row["sku"]],
            quantity=row["quantity"],
            unit_price=row.get("unit_price"),
        )
        for row in rows
    ]
