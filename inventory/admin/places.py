"""The places that hold stock, in the admin."""

from __future__ import annotations

from django import forms
from django.contrib import admin
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from inventory import operations
from inventory.models import Location
from retail.common.admin import BaseAdmin


@admin.register(Location)
class LocationAdmin(BaseAdmin):
    """The places that hold stock."""

    list_display = ("name", "code", "kind", "is_shipping", "is_pickup", "priority", "country")
    list_filter = ("kind", "is_shipping", "is_pickup")
    search_fields = ("code", "name")
    ordering = ("priority", "code", "pk")

    def save_model(
        self,
        request: HttpRequest,
        obj: Location,
        form: forms.ModelForm,
        change: bool,  # noqa: FBT001 - Django's signature
    ) -> None:
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            if change and "is_shipping" in form.changed_data:
                operations.announce_location(location=obj, at=timezone.now())
