"""Customers for other programs, to be read."""

from __future__ import annotations

from django.db.models import Prefetch
from django_filters import rest_framework as filters
from rest_framework import serializers
from rest_framework.routers import BaseRouter

from customers.models import Address, Customer, CustomerIdentity
from retail.common.api import ReadOnlyViewSet


class CustomerIdentitySerializer(serializers.ModelSerializer[CustomerIdentity]):
    class Meta:
        model = CustomerIdentity
        fields = ("kind", "channel_code", "raw", "is_linking", "first_seen_at")


class AddressSerializer(serializers.ModelSerializer[Address]):
    class Meta:
        model = Address
        fields = (
            "id",
            "customer",
            "name",
            "company",
            "street",
            "street_extra",
            "postcode",
            "city",
            "region",
            "country",
            "phone",
            "created_at",
        )


class CustomerSerializer(serializers.ModelSerializer[Customer]):
    identities = CustomerIdentitySerializer(many=True, read_only=True)

    class Meta:
        model = Customer
        fields = (
            "uuid",
            "kind",
            "name",
            "tax_number",
            "language",
            "survivor",
            "identities",
            "created_at",
            "updated_at",
        )


class CustomerFilter(filters.FilterSet):
    email = filters.CharFilter(
        field_name="identities__normalised", lookup_expr="iexact", distinct=True
    )
    updated_since = filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")

    class Meta:
        model = Customer
        fields = ("kind",)


class CustomerViewSet(ReadOnlyViewSet):
    queryset = Customer.objects.prefetch_related(
        Prefetch("identities", CustomerIdentity.objects.filter(is_active=True).order_by("pk"))
    ).order_by("pk")
    serializer_class = CustomerSerializer
    filterset_class = CustomerFilter
    lookup_field = "uuid"


class AddressViewSet(ReadOnlyViewSet):
    queryset = Address.objects.order_by("pk")
    serializer_class = AddressSerializer
    filterset_fields = ("customer", "country", "postcode")


def register(router: BaseRouter) -> None:
    """Put the customers' addresses on the router."""
    router.register("customers", CustomerViewSet)
    router.register("addresses", AddressViewSet)
