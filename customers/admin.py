"""Customers in the admin: who they are, what they are known by, where they live."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from customers.models import Address, Customer, CustomerIdentity
from retail.common.admin import BaseAdmin, ViewOnlyAdmin, ViewOnlyInline


class CustomerIdentityInline(ViewOnlyInline):
    model = CustomerIdentity
    fields = ("kind", "raw", "channel_code", "is_linking", "is_active", "first_seen_at")
    ordering = ("-is_active", "kind", "first_seen_at", "pk")


class AddressInline(ViewOnlyInline):
    model = Address
    fields = ("name", "company", "street", "postcode", "city", "country", "phone", "created_at")
    ordering = ("-created_at", "-pk")
    verbose_name_plural = "Addresses, newest first"


@admin.register(Customer)
class CustomerAdmin(BaseAdmin):
    """
    Buyers, found by name, e-mail, phone or account.

    They come in with their orders; keys and addresses are what channels said and stay as they are.
    """

    list_display = ("shown_name", "kind", "language", "created_at")
    list_filter = ("kind", "created_at")
    search_fields = ("name", "tax_number", "identities__normalised", "identities__raw")
    search_help_text = "Name, tax number, e-mail, phone or account."
    ordering = ("-created_at", "-pk")
    readonly_fields = ("uuid", "survivor", "created_at", "updated_at")
    fields = (
        ("kind", "name"),
        ("tax_number", "language"),
        ("uuid", "survivor"),
        ("created_at", "updated_at"),
    )
    inlines = (CustomerIdentityInline, AddressInline)

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 - Django's signature
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        queryset: QuerySet[Customer] = super().get_queryset(request)
        return queryset.select_related("survivor")

    @admin.display(description="Name", ordering="name")
    def shown_name(self, customer: Customer) -> str:
        return str(customer)


@admin.register(CustomerIdentity)
class CustomerIdentityAdmin(ViewOnlyAdmin):
    """The keys customers are known by."""

    list_display = ("raw", "kind", "channel_code", "customer", "is_linking", "is_active")
    list_select_related = ("customer",)
    list_filter = ("kind", "is_active", "is_linking")
    search_fields = ("raw", "normalised", "customer__name")


@admin.register(Address)
class AddressAdmin(ViewOnlyAdmin):
    """Addresses as they were given."""

    list_display = ("__str__", "customer", "created_at")
    list_select_related = ("customer",)
    search_fields = ("name", "company", "street", "postcode", "city", "customer__name")
