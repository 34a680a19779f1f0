"""What the list of orders is narrowed by, and the list itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Prefetch, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.views import ChangeList

from orders.models import Order, OrderHold
from orders.queries import QUEUES, Queue


class QueueFilter(admin.SimpleListFilter):
    """The queues of the orders desk."""

    title = "what waits"
    parameter_name = "queue"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return [(name, queue.label) for name, queue in QUEUES.items()]

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        queue = QUEUES.get(self.value() or "")
        return queue.keep(queryset, timezone.now()) if queue else queryset


class HoldFilter(admin.SimpleListFilter):
    """Orders that are held for one reason."""

    title = "held for"
    parameter_name = "hold"

    def lookups(self, _request: HttpRequest, _model_admin: Any) -> Sequence[tuple[str, str]]:
        return OrderHold.Kind.choices

    def queryset(self, _request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        if self.value() not in OrderHold.Kind.values:
            return queryset
        holds = OrderHold.objects.open().filter(kind=self.value())
        return queryset.filter(pk__in=holds.values("order"))


class OrderChangeList(ChangeList):  # type: ignore[misc]  # Unfold has no type information
    """The list, with the open holds of the orders on the page: one query, however many they are."""

    def get_queryset(self, *args: Any, **kwargs: Any) -> QuerySet[Order]:
        orders: QuerySet[Order] = super().get_queryset(*args, **kwargs)
        open_holds = OrderHold.objects.open().order_by("pk")
        return orders.prefetch_related(Prefetch("holds", open_holds, to_attr="open_holds"))


def queue_of(request: HttpRequest) -> Queue | None:
    """Return the queue that the list is narrowed to."""
    return QUEUES.get(request.GET.get(QueueFilter.parameter_name, ""))
