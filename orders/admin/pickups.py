"""Orders that customers collect: the counter's list, and the page of one pickup."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from unfold.decorators import display

from inventory.admin.links import link, page_of
from orders.admin.pickup_acts import PICKUP_ACTS
from orders.models import Pickup
from orders.queries import (
    pickups_arrived,
    pickups_overdue,
    pickups_ready,
    pickups_to_put_back,
    pickups_waiting,
)
from retail.common.admin import ViewOnlyAdmin, ViewOnlyInline

PICKUP_LOOKS = {
    Pickup.Status.WAITING: "warning",
    Pickup.Status.READY: "primary",
    Pickup.Status.COLLECTED: "success",
    Pickup.Status.EXPIRED: "danger",
    Pickup.Status.CANCELLED: "danger",
}
SEES_CODE = "orders.see_pickup_code"

# Name in the address -> words, the pickups in it, and which of them comes first.
QUEUES: Mapping[str, tuple[str, Callable[[datetime], QuerySet[Pickup]], str]] = {
    "waiting": ("To make ready", lambda _at: pickups_waiting(), "promised_at"),
    "overdue": ("Overdue", lambda at: pickups_overdue(at=at), "promised_at"),
    "arrived": ("Customer has arrived", lambda _at: pickups_arrived(), "arrived_at"),
    "ready": ("Ready", lambda _at: pickups_ready(), "expires_at"),
    "expired": ("To put back", lambda _at: pickups_to_put_back(), "expires_at"),
}


class QueueFilter(admin.SimpleListFilter):
    """The queues of the counter."""

    title = "what waits"
    parameter_name = "queue"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(name, label) for name, (label, _, _) in QUEUES.items()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Pickup]) -> QuerySet[Pickup]:
        queue = QUEUES.get(self.value() or "")
        if queue is None:
            return queryset
        _, keep, _ = queue
        return queryset.filter(pk__in=keep(timezone.now()).values("pk"))


@admin.register(Pickup)
class PickupAdmin(ViewOnlyAdmin):
    """
    Orders that customers collect, for the counter.

    The code is what the customer proves themselves with: whoever hands over does not see it.
    """

    acts = PICKUP_ACTS
    list_display = (
        *("order", "shown_place", "shown_status", "shown_promised", "collector_name"),
        *("shown_arrival", "ready_at", "shown_expires", "shown_payment"),
    )
    list_select_related = ("order__pickup_location",)
    list_filter = (QueueFilter, "status", "is_curbside", "order__pickup_location")
    search_fields = (
        *("=code", "order__number__istartswith", "order__external_number__istartswith"),
        *("collector_name", "order__customer__name"),
    )
    search_help_text = "The code that the customer tells, a number of the order, or a name"
    ordering = ("-pk",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("order", "shown_status", "shown_place"),
                    ("collector_name", "shown_payment"),
                    ("shown_promised", "ready_at", "shown_expires"),
                    ("messages_sent", "last_message_at", "expiry_proposed_at"),
                )
            },
        ),
        ("At the curb", {"fields": (("is_curbside", "arrived_at"), ("vehicle", "bay"))}),
        (
            "Handed over",
            {"fields": (("collected_at", "proof", "handed_to"), ("handed_over_by",))},
        ),
    )
    readonly_fields = (
        *("shown_status", "shown_place", "shown_promised", "shown_expires"),
        "shown_payment",
    )

    def get_fieldsets(self, request: HttpRequest, obj: Pickup | None = None) -> Any:
        """Add the code for those who may see it."""
        fieldsets = super().get_fieldsets(request, obj)
        if not request.user.has_perm(SEES_CODE):
            return fieldsets
        return [*fieldsets, ("Proof", {"fields": (("code",),)})]

    def get_ordering(self, request: HttpRequest) -> Sequence[str]:
        queue = QUEUES.get(request.GET.get(QueueFilter.parameter_name, ""))
        return (queue[2], "pk") if queue else self.ordering

    @display(description="Place")
    def shown_place(self, pickup: Pickup) -> str:
        return str(pickup.order.pickup_location)

    @display(description="Status", ordering="status", label=PICKUP_LOOKS)
    def shown_status(self, pickup: Pickup) -> tuple[str, str]:
        return pickup.status, pickup.get_status_display()

    @display(description="Ready by", ordering="promised_at", label={"LATE": "danger"})
    def shown_promised(self, pickup: Pickup) -> tuple[str, str] | str:
        is_waiting = pickup.status == Pickup.Status.WAITING
        is_late = is_waiting and pickup.promised_at < timezone.now()
        moment = _moment(pickup.promised_at)
        return ("LATE", moment) if is_late else moment

    @display(description="Kept until", ordering="expires_at", label={"LATE": "danger"})
    def shown_expires(self, pickup: Pickup) -> tuple[str, str] | str:
        if pickup.expires_at is None:
            return ""
        is_late = pickup.status == Pickup.Status.READY and pickup.expires_at < timezone.now()
        moment = _moment(pickup.expires_at)
        return ("LATE", moment) if is_late else moment

    @display(description="Arrived", ordering="arrived_at", label={"HERE": "info"})
    def shown_arrival(self, pickup: Pickup) -> tuple[str, str] | str:
        if pickup.arrived_at is None:
            return ""
        where = ", ".join(part for part in (pickup.vehicle, pickup.bay) if part)
        told = where or _moment(pickup.arrived_at)
        return ("HERE", told) if pickup.is_awaited else told

    @display(description="Payment")
    def shown_payment(self, pickup: Pickup) -> str:
        return pickup.order.get_payment_status_display()


class PickupInline(ViewOnlyInline):
    """How far the collecting of an order is."""

    model = Pickup
    fields = (
        *("shown_status", "promised_at", "ready_at", "expires_at", "collector_name"),
        *("arrived_at", "vehicle", "bay", "proof", "handed_to", "handed_over_by"),
    )
    readonly_fields = ("shown_status",)
    ordering = ("pk",)
    tab = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Pickup]:
        pickups: QuerySet[Pickup] = super().get_queryset(request)
        return pickups.select_related("handed_over_by")

    @display(description="Status")
    def shown_status(self, pickup: Pickup) -> SafeString:
        return link(page_of("orders.Pickup", pickup.pk), pickup.get_status_display())


def _moment(moment: datetime) -> str:
    return date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")
